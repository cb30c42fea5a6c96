/**
 * Coherent device memory.
 *
 * @module
 */
import {
  change_prot_numa,
  handle_mm_fault,
  isDeviceCoherent,
  MIGRATE_PFN_MOVED,
  MIGRATE_PFN_VALID,
  migrate_device_coherent_folio,
  migrate_vma_setup,
  PteKind,
  pinUserPageLongterm,
  wp_page_copy,
} from '../../../src/kernel/index.js'
import { old, type StepClaim, type Witness } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/**
 * A fault may change the permissions of the entry of a coherent page, but does not migrate the
 * page. Copy-on-write is excepted.
 */
export function faultsLeaveCoherentPages({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'coherent',
    name: 'a fault leaves coherent memory where it is',
    judge(thread, from) {
      if (!from.inside(thread, handle_mm_fault) || from.inside(thread, wp_page_copy)) return undefined
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (old(pte).kind !== PteKind.present || !isDeviceCoherent(machine.frames[old(pte).frame])) continue
          said = true
          if (pte.kind !== PteKind.present || pte.frame !== old(pte).frame)
            return `a fault migrates page ${page} out of coherent device memory`
        }
      return said
    },
  }
}

/** NUMA hinting makes no entry of coherent memory PROT_NONE. */
export function hintsLeaveCoherentPages({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'coherent',
    name: 'NUMA hinting leaves coherent memory alone',
    judge(thread, from) {
      if (!from.inside(thread, change_prot_numa)) return undefined
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (old(pte).kind !== PteKind.present || !isDeviceCoherent(machine.frames[old(pte).frame])) continue
          said = true
          if (pte.kind !== PteKind.present || pte.write !== old(pte).write)
            return `page ${page} of ${mm.name} is in coherent device memory, and NUMA hinting makes its entry PROT_NONE`
        }
      return said
    },
  }
}

/** A CPU writes to coherent device memory. */
export function cpuWritesToDevice({ machine }: MirrorWorld): Witness {
  return {
    clause: 'coherent',
    name: 'a CPU writes to coherent memory',
    holds: () =>
      machine.cpus.some(({ tlb }) =>
        tlb.some((cached) => cached.frame !== undefined && cached.write && isDeviceCoherent(cached.frame)),
      ),
  }
}

/** The walk has reported a page in the memory of another device. */
export function mappedByAnother({ mirrors }: MirrorWorld): Witness {
  return {
    clause: 'coherent',
    name: "a device maps another's coherent memory",
    holds: () =>
      mirrors.some(({ owner, pageTable }) =>
        pageTable.some((entry) => {
          const mapped = entry.frame
          return mapped !== undefined && isDeviceCoherent(mapped) && mapped.owner !== owner
        }),
      ),
  }
}

/**
 * `thread` has found a page in coherent memory for a long-term pin, and has allocated a
 * destination.
 */
export function movedToBeHeld({ machine }: MirrorWorld, thread: number): Witness {
  return {
    clause: 'coherent',
    name: 'somebody who holds a page for long has moved it first',
    holds: (view) =>
      view.inside(thread, migrate_device_coherent_folio) &&
      machine.frames.some((frame) => isDeviceCoherent(frame) && frame.mapcount === 0) &&
      machine.migrations[thread].some((entry) => entry.dst !== undefined),
  }
}

/** `thread` has found that another thread references the page. */
export function busyWhileHeld({ machine }: MirrorWorld, thread: number): Witness {
  return {
    clause: 'coherent',
    name: 'a page that others hold cannot leave coherent memory',
    holds: (view) =>
      view.inside(thread, migrate_device_coherent_folio) &&
      view.step(thread) === 'copy the page' &&
      machine.migrations[thread].every((entry) => entry.flags === 0),
  }
}

/** A long-term pin is retried if the page was migrated, and returns -EBUSY only if it was not. */
export function longtermPinsFollowThePage({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'coherent',
    name: 'a long-term pin is refused only where the page cannot move',
    judge(thread, from, to) {
      const ends =
        from.inside(thread, migrate_device_coherent_folio) &&
        !to.inside(thread, migrate_device_coherent_folio)
      if (!ends || !to.inside(thread, pinUserPageLongterm)) return undefined
      const moved = machine.migrations[thread].some(
        (entry) => (old(entry).flags & MIGRATE_PFN_MOVED) !== 0 && old(entry).dst !== undefined,
      )
      const goesOn = to.step(thread) === 'hold the page'
      if (moved === goesOn) return true
      return moved
        ? 'a page has left coherent memory, and the long-term pin is refused'
        : 'a page could not leave coherent memory, and the long-term pin goes on'
    },
  }
}

/** A page of coherent memory is collected only by its owner, or before a long-term pin. */
export function ownersCollectTheirOwn({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'coherent',
    name: 'only its owner collects coherent memory',
    judge(thread, from) {
      if (!from.inside(thread, migrate_vma_setup)) return undefined
      let said: true | undefined
      for (const [page, entry] of machine.migrations[thread].entries()) {
        const frame = machine.frames[entry.source]
        if (old(entry).flags === entry.flags || !hasFrame(entry.flags) || !isDeviceCoherent(frame)) continue
        said = true
        if (
          old(machine.openRanges[thread]).owner > 0 &&
          old(machine.openRanges[thread]).owner !== frame.owner + 1
        )
          return `page ${page} is collected, and is in the coherent memory of owner ${frame.owner}, which has not selected it`
      }
      return said
    },
  }
}

function hasFrame(flags: number): boolean {
  return (flags & MIGRATE_PFN_VALID) !== 0
}

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

/** A fault changes what the entry of a coherent page permits, and not where the page is; but for a copy on a write. */
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
            return `a fault takes page ${page} out of coherent device memory`
        }
      return said
    },
  }
}

/** Where a page of coherent memory is used is its driver's business: no entry for one is made to fault to find out. */
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
            return `page ${page} of ${mm.name} is in coherent device memory, and NUMA hinting makes it fault`
        }
      return said
    },
  }
}

/** A CPU writes where a device has its memory. */
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

/** A device has been told of a page in the memory of another. */
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

/** `thread`, which wants to hold a page for long, has found it in coherent memory, and a place for it elsewhere. */
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

/** `thread` finds it held by somebody else there. */
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

/** Who wants to hold a page for long gets it again if it has moved, and -EBUSY only if it has not. */
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

/** A page of coherent memory is collected by its owner, and by who moves it to hold it. */
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
          return `page ${page} is collected, and is in the coherent memory of owner ${frame.owner}, who does not ask for it`
      }
      return said
    },
  }
}

function hasFrame(flags: number): boolean {
  return (flags & MIGRATE_PFN_VALID) !== 0
}

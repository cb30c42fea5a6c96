/**
 * Coherent device memory.
 *
 * @module
 */
import {
  handleMmFault,
  isDeviceCoherent,
  MIGRATE_PFN_VALID,
  migrateDeviceCoherentFolio,
  migrateVmaSetup,
  PteKind,
  wpPageCopy,
} from '../../src/kernel/index.js'
import type { Cell, StepClaim, Witness, World } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** A fault changes what the entry of a coherent page permits, and not where the page is; but for a copy on a write. */
export function faultsLeaveCoherentPages({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'coherent',
    name: 'a fault leaves coherent memory where it is',
    judge(before, after, thread, from) {
      if (!from.inside(thread, handleMmFault) || from.inside(thread, wpPageCopy)) return undefined
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, { kind, frame }] of mm.pte.entries()) {
          if (
            kind.readOnce(before) !== PteKind.present ||
            !isDeviceCoherent(machine.frames[frame.readOnce(before)])
          )
            continue
          said = true
          if (kind.readOnce(after) !== PteKind.present || frame.readOnce(after) !== frame.readOnce(before))
            return `a fault takes page ${page} out of coherent device memory`
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
    holds: (w) =>
      machine.cpus.some(({ tlb }) =>
        tlb.some(
          ({ frame, write }) =>
            frame.get(w) > 0 && write.get(w) === 1 && isDeviceCoherent(machine.frames[frame.get(w) - 1]),
        ),
      ),
  }
}

/** A device has been told of a page in the memory of another. */
export function mappedByAnother({ machine, mirrors }: MirrorWorld): Witness {
  return {
    clause: 'coherent',
    name: "a device maps another's coherent memory",
    holds: (w) =>
      mirrors.some(({ owner, pageTable }) =>
        pageTable.some(({ frame }) => {
          const mapped = machine.frames[frame.readOnce(w) - 1]
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
    holds: (w, view) =>
      view.inside(thread, migrateDeviceCoherentFolio) &&
      machine.frames.some((frame) => isDeviceCoherent(frame) && frame.mapcount.get(w) === 0) &&
      machine.migrations[thread].some(({ destination }) => destination.get(w) > 0),
  }
}

/** `thread` finds it held by somebody else there. */
export function busyWhileHeld({ machine }: MirrorWorld, thread: number): Witness {
  return {
    clause: 'coherent',
    name: 'a page that others hold cannot leave coherent memory',
    holds: (w, view) =>
      view.inside(thread, migrateDeviceCoherentFolio) &&
      view.step(thread) === 'copy the page' &&
      machine.migrations[thread].every(({ flags }) => flags.get(w) === 0),
  }
}

/** A page of coherent memory is collected by its owner, and by who moves it to hold it. */
export function ownersCollectTheirOwn({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'coherent',
    name: 'only its owner collects coherent memory',
    judge(before, after, thread, from) {
      if (!from.inside(thread, migrateVmaSetup)) return undefined
      let said: true | undefined
      for (const [page, { source, flags }] of machine.migrations[thread].entries()) {
        const frame = machine.frames[source.get(after)]
        if (flags.get(before) === flags.get(after) || !hasFrame(after, flags) || !isDeviceCoherent(frame))
          continue
        said = true
        if (
          machine.openRanges[thread].owner.get(before) > 0 &&
          machine.openRanges[thread].owner.get(before) !== frame.owner + 1
        )
          return `page ${page} is collected, and is in the coherent memory of owner ${frame.owner}, who does not ask for it`
      }
      return said
    },
  }
}

function hasFrame(w: World, flags: Cell): boolean {
  return (flags.get(w) & MIGRATE_PFN_VALID) !== 0
}

/**
 * Frames: counted exactly, freed only when nothing can reach them.
 *
 * @module
 */
import { allocPage, isPageCache, PteKind, ZERO_PAGE } from '../../src/kernel/index.js'
import type { Invariant, StepClaim, World } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** Entries that map the frame, and those that hold it without mapping it: a device has it alone. */
function entriesOf({ machine }: MirrorWorld, pfn: number, w: World): { mapped: number; held: number } {
  let mapped = 0
  let held = 0
  for (const mm of machine.mms)
    for (const pte of mm.pte) {
      const kind = pte.kind.readOnce(w)
      if (kind === PteKind.none || kind === PteKind.migration || pte.frame.readOnce(w) !== pfn) continue
      if (kind === PteKind.deviceExclusive) held++
      else mapped++
    }
  return { mapped, held }
}

/** C6: a mirrored page is not pinned: its references are those of its mappings and of who copies it, no device's. */
export function framesAreCounted(world: MirrorWorld): Invariant {
  const { machine, tasks } = world
  return {
    clause: 'C6',
    name: 'references are those of the mappings',
    judge(w, view) {
      let said: true | undefined
      const ended = tasks.every(({ thread }) => view.finished(thread))
      for (const frame of machine.frames) {
        const { pfn, refcount, mapcount, flags } = frame
        if (pfn === ZERO_PAGE) continue
        const { mapped, held } = entriesOf(world, pfn, w)
        if (mapcount.get(w) !== mapped)
          return `frame ${pfn} is mapped ${mapped} times and counts ${mapcount.get(w)}`
        if (refcount.get(w) < mapped + held)
          return `frame ${pfn} is in ${mapped + held} entries and has ${refcount.get(w)} references`
        if (refcount.get(w) > 0) said = true
        const isCached = isPageCache(w, frame) || (flags !== undefined && flags.swapCache.get(w) > 0)
        const known = mapped + held + (isCached ? 1 : 0)
        if (ended && refcount.get(w) !== known)
          return `at the end frame ${pfn} is in ${mapped + held} entries and has ${refcount.get(w)} references: a leak`
      }
      return said
    },
  }
}

/** C47: no CPU can reach a frame that is free. */
export function cpusForget({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C47',
    name: 'no TLB maps a free frame',
    judge(w) {
      let said: true | undefined
      for (const cpu of machine.cpus)
        for (const [page, entry] of cpu.tlb.entries()) {
          const frame = entry.frame.get(w) - 1
          if (frame <= ZERO_PAGE) continue
          said = true
          if (machine.frames[frame].refcount.get(w) === 0)
            return `a CPU's TLB maps page ${page} to frame ${frame}, which is free`
        }
      return said
    },
  }
}

/** C18: nothing is allocated under an update lock, since that can wait for reclaim, which waits for the lock. */
export function noAllocationUnderUpdateLock({ mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'C18',
    name: 'nothing is allocated under an update lock',
    judge(before, _after, thread, from) {
      if (!from.inside(thread, allocPage)) return undefined
      for (const mirror of mirrors)
        if (mirror.updateLock.heldBy(before, thread))
          return `a page is allocated while ${mirror.updateLock.name} is held`
      return true
    },
  }
}

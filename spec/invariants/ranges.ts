/**
 * What a driver may rely on in what hmm_range_fault tells it, and what it may do with it.
 *
 * @module
 */
import {
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmmRangeFault,
  isDevicePrivate,
  PteKind,
  RangeResult,
  VmaKind,
  walk,
} from '../../src/kernel/index.js'
import type { StepClaim, World } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

interface Owned {
  readonly mirror: MirrorWorld['mirrors'][number]
  readonly thread: number
  readonly range: HmmRange
}

function ranges({ mirrors }: MirrorWorld): Owned[] {
  return mirrors.flatMap((mirror) => [...mirror.ranges].map(([thread, range]) => ({ mirror, thread, range })))
}

function* pagesOf(range: HmmRange, w: World) {
  for (let page = range.start.get(w); page < range.end.get(w); page++) yield page
}

/** What was asked of a page: its own request, as far as the mask lets it through, and the defaults. */
function asked(range: HmmRange, page: number, w: World): number {
  return (range.pfns[page].asked.get(w) & range.pfnFlagsMask.get(w)) | range.defaultFlags.get(w)
}

/** C8: the device is programmed only under the update lock, from a walk that has not been overtaken. */
export function validatedBeforeUse(world: MirrorWorld): StepClaim {
  const owned = ranges(world)
  return {
    clause: 'C8',
    name: 'the device is programmed only from a validated walk',
    judge(before, after, thread) {
      let said: true | undefined
      for (const mirror of world.mirrors)
        for (let page = 0; page < mirror.pageTable.length; page++) {
          const entry = mirror.pageTable[page]
          const is = entry.frame.readOnce(after)
          if (
            is === 0 ||
            (is === entry.frame.readOnce(before) &&
              entry.write.readOnce(after) <= entry.write.readOnce(before))
          )
            continue
          said = true
          if (isBeingMigratedBy(world, thread, page, is, before)) continue
          // A page that the device has alone comes from no walk: what must hold of it is C43.
          if (entry.atomic?.readOnce(after)) continue
          if (!mirror.updateLock.heldBy(before, thread))
            return `${mirror.name} programs page ${page} without the update lock`
          const own = owned.find((o) => o.mirror === mirror && o.thread === thread)
          if (own === undefined || own.range.result.get(before) !== RangeResult.validated)
            return `${mirror.name} programs page ${page} from a walk that mmu_interval_read_retry has not cleared`
          if (own.range.seq.get(before) !== mirror.notifier.seq.get(before))
            return `${mirror.name} programs page ${page} from a walk that began at ${own.range.seq.get(before)}; the sequence is ${mirror.notifier.seq.get(before)}`
        }
      return said
    },
  }
}

/** True if `thread` has just migrated the page to where the device is to map it, which it may do then (C36). */
function isBeingMigratedBy(
  { machine }: MirrorWorld,
  thread: number,
  page: number,
  mapped: number,
  w: World,
): boolean {
  const entry = machine.migrations[thread]?.[page]
  return entry !== undefined && entry.destination.get(w) === mapped
}

/** C13: the walk reports a collision only if there was one. */
export function collisionsAreReal(world: MirrorWorld): StepClaim {
  const owned = ranges(world)
  return {
    clause: 'C13',
    name: 'a reported collision was one',
    judge(before, after, thread, from) {
      let said: true | undefined
      if (!from.inside(thread, hmmRangeFault)) return said
      for (const { range, thread: owner, mirror } of owned) {
        if (owner !== thread || range.result.get(after) !== RangeResult.collided) continue
        if (range.result.get(before) === RangeResult.collided) continue
        said = true
        if (range.seq.get(before) === mirror.notifier.seq.get(before))
          return `${mirror.name}: a collision is reported, and the sequence still is ${range.seq.get(before)}`
      }
      return said
    },
  }
}

/** C21: what was asked for is there when the walk says so; C22: to ask for write alone asks for nothing. */
export function requestsAreMet(world: MirrorWorld): StepClaim {
  const owned = ranges(world)
  return {
    clause: 'C21',
    name: 'a finished walk has what was asked for',
    judge(before, after, thread) {
      let said: true | undefined
      for (const { range, thread: owner } of owned) {
        if (owner !== thread || range.result.get(after) !== RangeResult.filled) continue
        if (range.result.get(before) === RangeResult.filled) continue
        for (const page of pagesOf(range, after)) {
          const want = asked(range, page, after)
          if (!(want & HMM_PFN_REQ_FAULT)) continue
          said = true
          const got = range.pfns[page].flags.get(after)
          if (!(got & HMM_PFN_VALID)) return `page ${page} was asked for, and the walk ends without it`
          // One's own device page is told as it is: the caller must look (reference B.3.1 note b).
          if (isDevicePrivate(world.machine.frames[range.pfns[page].frame.get(after)])) continue
          if (want & HMM_PFN_REQ_WRITE && !(got & HMM_PFN_WRITE))
            return `page ${page} was asked for to be written, and the walk ends with it read-only`
        }
      }
      return said
    },
  }
}

/** C23: a walk that asks for nothing changes nothing; C22: neither does one that asks for write alone. */
export function snapshotsChangeNothing(world: MirrorWorld): StepClaim {
  const owned = ranges(world)
  return {
    clause: 'C23',
    name: 'a snapshot leaves the page table alone',
    judge(before, after, thread, from) {
      let said: true | undefined
      for (const { range, thread: owner } of owned) {
        if (owner !== thread || !from.inside(thread, hmmRangeFault) || range.seq.get(before) === 0) continue
        const mm = range.notifier.mm
        let wants = false
        for (const page of pagesOf(range, before))
          if (asked(range, page, before) & HMM_PFN_REQ_FAULT) wants = true
        if (wants) continue
        said = true
        if (range.result.get(after) === RangeResult.failed) return 'a walk that asked for nothing failed'
        for (const [page, pte] of mm.pte.entries())
          if (
            pte.kind.readOnce(before) !== pte.kind.readOnce(after) ||
            pte.frame.readOnce(before) !== pte.frame.readOnce(after) ||
            pte.write.readOnce(before) !== pte.write.readOnce(after)
          )
            return `a walk that asked for nothing changed the entry of page ${page}`
      }
      return said
    },
  }
}

/** C24: where the walk starts again the requests from there on are as they were given. */
export function requestsAreIntact(world: MirrorWorld): StepClaim {
  const owned = ranges(world)
  return {
    clause: 'C24',
    name: 'requests are intact where the walk starts again',
    judge(_before, after, thread, from) {
      let said: true | undefined
      if (!from.inside(thread, walk) || from.step(thread) !== 'look at the sequence') return said
      for (const { range, thread: owner } of owned) {
        if (owner !== thread || range.seq.get(after) === 0) continue
        for (let page = range.last.get(after); page < range.end.get(after); page++) {
          said = true
          const { flags, asked: given } = range.pfns[page]
          if (flags.get(after) !== given.get(after))
            return `the walk starts again at page ${range.last.get(after)}, and the request of page ${page} is gone`
        }
      }
      return said
    },
  }
}

/** H5: a walk fails only for what was asked of it. Not true of the kernel, which faults to the end of the area. */
export function onlyWhatWasAskedFor(world: MirrorWorld): StepClaim {
  const owned = ranges(world)
  return {
    clause: 'asked-only',
    name: 'a walk fails only for pages that were asked for',
    judge(before, after, thread) {
      let said: true | undefined
      for (const { range, thread: owner } of owned) {
        if (owner !== thread || range.result.get(after) !== RangeResult.failed) continue
        if (range.result.get(before) === RangeResult.failed) continue
        said = true
        const { vma, pte } = range.notifier.mm
        const missing = [...pagesOf(range, before)].filter(
          (page) =>
            asked(range, page, before) & HMM_PFN_REQ_FAULT &&
            pte[page].kind.readOnce(before) !== PteKind.present,
        )
        const hopeless = [...pagesOf(range, before)].some(
          (page) => vma[page].kind.readOnce(before) === VmaKind.none,
        )
        if (missing.length === 0 && !hopeless)
          return 'every page that was asked for is there, and the walk fails for another'
      }
      return said
    },
  }
}

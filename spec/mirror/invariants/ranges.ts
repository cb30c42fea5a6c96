/**
 * What a driver may rely on in what hmm_range_fault tells it, and what it may do with it.
 *
 * @module
 */
import { type Mirror, rangesOfThread } from '../../../src/driver/index.js'
import { dmirror_range_snapshot } from '../../../src/driver/recorded/snapshot.js'
import {
  type Frame,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmm_range_fault,
  innermostRange,
  isDevicePrivate,
  isInserted,
  mmu_notifier_invalidate_range_start,
  mn_itree_invalidate,
  PteKind,
  RangeResult,
  VmaKind,
  walk,
} from '../../../src/kernel/index.js'
import { old, type StepClaim, type View } from '../../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'
import { rangesOf } from './lifecycles.js'

interface Owned {
  readonly mirror: MirrorWorld['mirrors'][number]
  readonly thread: number
  readonly range: HmmRange
}

function ranges({ mirrors }: MirrorWorld): Owned[] {
  return mirrors.flatMap((mirror) =>
    [...mirror.ranges.keys()].flatMap((thread) =>
      rangesOfThread(mirror, thread).map((range) => ({ mirror, thread, range })),
    ),
  )
}

function* pagesOf(range: HmmRange) {
  for (let page = range.start; page < range.end; page++) yield page
}

/** What was asked of a page: its own request, as far as the mask lets it through, and the defaults. */
function asked(range: HmmRange, page: number): number {
  return (range.pfns[page].asked & range.pfnFlagsMask) | range.defaultFlags
}

/** C8: the device is programmed only from a walk that has not been overtaken. Under which lock, mapPage asks. */
export function validatedBeforeUse(world: MirrorWorld): StepClaim {
  const owned = ranges(world)
  return {
    clause: 'C8',
    name: 'the device is programmed only from a validated walk',
    judge(thread) {
      let said: true | undefined
      for (const mirror of world.mirrors)
        for (let page = 0; page < mirror.pageTable.length; page++) {
          if (!isProgrammed(mirror, page)) continue
          said = true
          if (comesFromNoWalk(world, mirror, thread, page)) continue
          // Its rule may ask who holds what, and a critical section that is one step has its lock only within.
          if (mirror.driver.mayBind !== undefined) continue
          const own = owned.find(
            (o) => o.mirror === mirror && o.thread === thread && old(() => watches(mirror, o.range, page)),
          )
          const answer = own && old(own.range).result
          if (own === undefined || (answer !== RangeResult.validated && answer !== RangeResult.compared))
            return `${mirror.name} programs page ${page} from a walk that mmu_interval_read_retry has not cleared`
          if (old(own.range.pfns[page]).stale)
            return `${mirror.name} programs page ${page} from a walk that was made under another number than was compared`
          const { seq } = old(own.range.notifier)
          if (old(own.range).notifierSeq.number !== seq)
            return `${mirror.name} programs page ${page} from a walk that began at ${old(own.range).notifierSeq.number}; the sequence is ${seq}`
        }
      return said
    },
  }
}

/** True if the range is walked under the number of a notifier that is told of the page. */
function watches({ ownNotifiers }: Mirror, { notifier }: HmmRange, page: number): boolean {
  if (ownNotifiers.length === 0) return true
  return isInserted(notifier) && notifier.start <= page && page <= notifier.last
}

/** C8: what a snapshot tells user space is from a walk that mmu_interval_read_retry has cleared, under the update lock. */
export function snapshotsAreValidated(world: MirrorWorld): StepClaim {
  const taken = rangesOf(world).filter(({ walker }) => walker !== undefined)
  return {
    clause: 'C8',
    name: 'a snapshot tells only of a validated walk',
    judge(thread, from, to) {
      const own = taken.find((one) => one.thread === thread)
      if (own === undefined || !from.inside(thread, dmirror_range_snapshot)) return undefined
      if (!to.inside(thread, dmirror_range_snapshot) && own.range.result === RangeResult.collided)
        return 'a snapshot ends with a collision, and time is left'
      if (from.step(thread) !== 'dmirror_mkentry') return undefined
      if (old(own.range).result !== RangeResult.validated)
        return 'a snapshot tells of a walk that mmu_interval_read_retry has not cleared'
      const { number } = old(own.range).notifierSeq
      const { seq } = old(own.range.notifier)
      return number === seq
        ? true
        : `a snapshot tells of a walk that began at ${number}; the sequence is ${seq}`
    },
  }
}

/** True if the step gives the device a page, or leave to write to one. */
function isProgrammed({ pageTable }: Mirror, page: number): boolean {
  const entry = pageTable[page]
  const { frame } = entry
  return frame !== undefined && (frame !== old(entry).frame || entry.write > old(entry).write)
}

/** True for a page that the driver has migrated (C36), or that the device has alone (C43): what must hold of it is said there. */
function comesFromNoWalk(world: MirrorWorld, { pageTable }: Mirror, thread: number, page: number): boolean {
  const { atomic, frame } = pageTable[page]
  return atomic || (frame !== undefined && old(() => isBeingMigratedBy(world, thread, page, frame)))
}

/**
 * C8: a driver's rule is sound: what it lets the device use is what the CPU's page table says, and no invalidation of it is under
 * way that the driver has answered. So none came since the walk that the rule rests on.
 */
export function rulesAreSound(world: MirrorWorld): StepClaim {
  const { machine, tasks } = world
  return {
    clause: 'C8',
    name: 'the rule by which a driver programs its device is sound',
    judge(thread, from) {
      let said: true | undefined
      for (const mirror of world.mirrors) {
        if (mirror.driver.mayBind === undefined) continue
        for (let page = 0; page < mirror.pageTable.length; page++) {
          if (!isProgrammed(mirror, page) || comesFromNoWalk(world, mirror, thread, page)) continue
          said = true
          const { frame, write } = mirror.pageTable[page]
          const pte = old(mirror.mm.pte[page])
          const isPresent = pte.kind === PteKind.present || pte.kind === PteKind.devicePrivate
          if (!isPresent || pte.frame !== frame?.pfn)
            return `${mirror.name} programs page ${page} as its rule allows, and it was invalidated since the walk that found it`
          if (write > pte.write)
            return `${mirror.name} programs page ${page} for writing as its rule allows, and the process may only read it`
          for (const task of tasks)
            if (isAnswered(machine, mirror, page, task.thread, from))
              return `${mirror.name} programs page ${page} as its rule allows, and has answered an invalidation of it that has not ended`
        }
      }
      return said
    },
  }
}

/** True if `thread` invalidates `page`, and all who are told of it have answered. */
function isAnswered(
  machine: MirrorWorld['machine'],
  { mm }: Mirror,
  page: number,
  thread: number,
  view: View,
): boolean {
  const open = old(innermostRange(machine, thread))
  if (open.mm !== mm.index + 1 || page < open.start || page >= open.end) return false
  // The end of an address space tells the intervals without a start.
  return (
    !view.inside(thread, mmu_notifier_invalidate_range_start) && !view.inside(thread, mn_itree_invalidate)
  )
}

/** True if `thread` has just migrated the page to where the device is to map it, which it may do then (C36). */
function isBeingMigratedBy({ machine }: MirrorWorld, thread: number, page: number, mapped: Frame): boolean {
  const entry = machine.migrations[thread]?.[page]
  return entry !== undefined && entry.dst === mapped
}

/** C13: the walk reports a collision only if there was one. */
export function collisionsAreReal(world: MirrorWorld): StepClaim {
  const owned = ranges(world)
  return {
    clause: 'C13',
    name: 'a reported collision was one',
    judge(thread, from) {
      let said: true | undefined
      if (!from.inside(thread, hmm_range_fault)) return said
      for (const { range, thread: owner, mirror } of owned) {
        if (owner !== thread || range.result !== RangeResult.collided) continue
        if (old(range).result === RangeResult.collided) continue
        said = true
        if (old(range).notifierSeq.number === old(range.notifier).seq)
          return `${mirror.name}: a collision is reported, and the sequence still is ${old(range).notifierSeq.number}`
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
    judge(thread) {
      let said: true | undefined
      for (const { range, thread: owner } of owned) {
        if (owner !== thread || range.result !== RangeResult.filled) continue
        if (old(range).result === RangeResult.filled) continue
        for (const page of pagesOf(range)) {
          const want = asked(range, page)
          if (!(want & HMM_PFN_REQ_FAULT)) continue
          said = true
          const got = range.pfns[page].flags
          if (!(got & HMM_PFN_VALID)) return `page ${page} was asked for, and the walk ends without it`
          // One's own device page is told as it is: the caller must look (reference B.3.1 note b).
          if (isDevicePrivate(world.machine.frames[range.pfns[page].frame])) continue
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
    judge(thread, from) {
      let said: true | undefined
      for (const { mirror, range, thread: owner } of owned) {
        if (owner !== thread || !from.inside(thread, hmm_range_fault) || old(range).end === 0) continue
        if (mirror.ownNotifiers.length > 0 && old(range).result !== RangeResult.none) continue
        const mm = range.notifier.mm
        let wants = false
        for (const page of old(() => pagesOf(range)))
          if (old(() => asked(range, page)) & HMM_PFN_REQ_FAULT) wants = true
        if (wants) continue
        said = true
        if (range.result === RangeResult.failed) return 'a walk that asked for nothing failed'
        for (const [page, pte] of mm.pte.entries())
          if (old(pte).kind !== pte.kind || old(pte).frame !== pte.frame || old(pte).write !== pte.write)
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
    judge(thread, from) {
      let said: true | undefined
      if (!from.inside(thread, walk) || from.step(thread) !== 'look at the sequence') return said
      for (const { mirror, range, thread: owner } of owned) {
        if (owner !== thread || range.end === 0) continue
        // Of several ranges of a thread one is walked.
        if (mirror.ownNotifiers.length > 0 && range.result !== RangeResult.none) continue
        for (let page = range.last; page < range.end; page++) {
          said = true
          const { flags, asked: request, frame, order } = range.pfns[page]
          if (flags !== request)
            return `the walk starts again at page ${range.last}, and the request of page ${page} is gone`
          if (frame !== 0 || order !== 0)
            return `the walk starts at page ${range.last}, and the entry of page ${page} has an answer of an earlier one`
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
    judge(thread) {
      let said: true | undefined
      for (const { range, thread: owner } of owned) {
        if (owner !== thread || range.result !== RangeResult.failed) continue
        if (old(range).result === RangeResult.failed) continue
        said = true
        const { vma, pte } = range.notifier.mm
        const missing = [...old(() => pagesOf(range))].filter(
          (page) =>
            old(() => asked(range, page)) & HMM_PFN_REQ_FAULT && old(pte[page]).kind !== PteKind.present,
        )
        const hopeless = [...old(() => pagesOf(range))].some((page) => old(vma[page]).kind === VmaKind.none)
        if (missing.length === 0 && !hopeless)
          return 'every page that was asked for is there, and the walk fails for another'
      }
      return said
    },
  }
}

/**
 * The contract of hmm_range_fault, and the use of its report.
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

/** The request of a page: the bits of its entry that the mask selects, and the default flags. */
function asked(range: HmmRange, page: number): number {
  return (range.pfns[page].asked & range.pfnFlagsMask) | range.defaultFlags
}

/** C8: the device is programmed only from a validated walk. mapPage claims the lock. */
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
            return `${mirror.name} programs page ${page} from a walk that mmu_interval_read_retry has not validated`
          if (old(own.range.pfns[page]).stale)
            return `${mirror.name} programs page ${page} from a walk under another sequence number than the one compared`
          const { seq } = old(own.range.notifier)
          if (old(own.range).notifierSeq.number !== seq)
            return `${mirror.name} programs page ${page} from a walk that began at ${old(own.range).notifierSeq.number}; the sequence is ${seq}`
        }
      return said
    },
  }
}

/** True if the notifier of the range covers the page. */
function watches({ ownNotifiers }: Mirror, { notifier }: HmmRange, page: number): boolean {
  if (ownNotifiers.length === 0) return true
  return isInserted(notifier) && notifier.start <= page && page <= notifier.last
}

/**
 * C8: a snapshot reports only entries that mmu_interval_read_retry has validated, under the update
 * lock.
 */
export function snapshotsAreValidated(world: MirrorWorld): StepClaim {
  const taken = rangesOf(world).filter(({ walker }) => walker !== undefined)
  return {
    clause: 'C8',
    name: 'a snapshot tells only of a validated walk',
    judge(thread, from, to) {
      const own = taken.find((one) => one.thread === thread)
      if (own === undefined || !from.inside(thread, dmirror_range_snapshot)) return undefined
      if (!to.inside(thread, dmirror_range_snapshot) && own.range.result === RangeResult.collided)
        return 'a snapshot returns after a collision, before its timeout'
      if (from.step(thread) !== 'dmirror_mkentry') return undefined
      if (old(own.range).result !== RangeResult.validated)
        return 'a snapshot reports a walk that mmu_interval_read_retry has not validated'
      const { number } = old(own.range).notifierSeq
      const { seq } = old(own.range.notifier)
      return number === seq
        ? true
        : `a snapshot reports a walk that began at ${number}; the sequence is ${seq}`
    },
  }
}

/** True if the step maps the page for the device, or makes its entry writable. */
function isProgrammed({ pageTable }: Mirror, page: number): boolean {
  const entry = pageTable[page]
  const { frame } = entry
  return frame !== undefined && (frame !== old(entry).frame || entry.write > old(entry).write)
}

/**
 * True for a page that the driver has migrated (C36), or with exclusive access (C43): those clauses
 * cover it.
 */
function comesFromNoWalk(world: MirrorWorld, { pageTable }: Mirror, thread: number, page: number): boolean {
  const { atomic, frame } = pageTable[page]
  return atomic || (frame !== undefined && old(() => isBeingMigratedBy(world, thread, page, frame)))
}

/**
 * C8: a driver's rule is sound: a page that it allows is mapped by the CPU's page table, and no
 * invalidation of it is open for which the callback has returned. So none came since the walk.
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
            return `${mirror.name} programs page ${page} as its rule allows, and the page was invalidated since the walk that reported it`
          if (write > pte.write)
            return `${mirror.name} programs page ${page} for writing as its rule allows, and the CPU's entry is read-only`
          for (const task of tasks)
            if (isAnswered(machine, mirror, page, task.thread, from))
              return `${mirror.name} programs page ${page} as its rule allows, and its callback has returned for an invalidation of the page that is still open`
        }
      }
      return said
    },
  }
}

/** True if `thread` has an open invalidation of `page`, and all callbacks have returned. */
function isAnswered(
  machine: MirrorWorld['machine'],
  { mm }: Mirror,
  page: number,
  thread: number,
  view: View,
): boolean {
  const open = old(innermostRange(machine, thread))
  if (open.mm !== mm.index + 1 || page < open.start || page >= open.end) return false
  // The release of an address space calls the intervals without a start.
  return (
    !view.inside(thread, mmu_notifier_invalidate_range_start) && !view.inside(thread, mn_itree_invalidate)
  )
}

/** True if `mapped` is the destination of the migration of the page by `thread` (C36). */
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

/**
 * C21: after a successful walk every requested page is valid. C22: a write request alone requests
 * nothing.
 */
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
          if (!(got & HMM_PFN_VALID)) return `page ${page} was requested, and the walk succeeds without it`
          // A device-private page of the caller is reported as is: the caller must check it
          // (reference B.3.1 note b).
          if (isDevicePrivate(world.machine.frames[range.pfns[page].frame])) continue
          if (want & HMM_PFN_REQ_WRITE && !(got & HMM_PFN_WRITE))
            return `write was requested for page ${page}, and the walk succeeds with it read-only`
        }
      }
      return said
    },
  }
}

/**
 * C23: a walk without requests changes no entry. C22: neither does a walk with write requests
 * alone.
 */
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
        if (range.result === RangeResult.failed) return 'a walk without requests failed'
        for (const [page, pte] of mm.pte.entries())
          if (old(pte).kind !== pte.kind || old(pte).frame !== pte.frame || old(pte).write !== pte.write)
            return `a walk without requests changed the entry of page ${page}`
      }
      return said
    },
  }
}

/** C24: when the walk restarts, the requests from there on are unchanged. */
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
        // A thread with several ranges walks one of them.
        if (mirror.ownNotifiers.length > 0 && range.result !== RangeResult.none) continue
        for (let page = range.last; page < range.end; page++) {
          said = true
          const { flags, asked: request, frame, order } = range.pfns[page]
          if (flags !== request)
            return `the walk restarts at page ${range.last}, and the request of page ${page} is lost`
          if (frame !== 0 || order !== 0)
            return `the walk starts at page ${range.last}, and the entry of page ${page} holds the report of an earlier walk`
        }
      }
      return said
    },
  }
}

/**
 * H5: a walk fails only for requested pages. Not true of the kernel, which faults to the end of the
 * VMA.
 */
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
          return 'every requested page is present, and the walk fails for another'
      }
      return said
    },
  }
}

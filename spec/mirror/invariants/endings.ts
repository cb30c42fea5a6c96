/**
 * Claims about the end of a thread, of a walk, and of the use of a range.
 *
 * @module
 */
import {
  exit_mm,
  type HmmRange,
  hmm_range_fault,
  innermostRange,
  RangeResult,
} from '../../../src/kernel/index.js'
import { type Invariant, old, type StepClaim } from '../../../src/world/index.js'
import type { Call, MirrorThread, MirrorWorld } from '../scenarios/mirror-world.js'
import { isWalking } from './lifecycles.js'

/** `lock-discipline`: a thread releases what it holds before it ends: locks, folio locks, and the range that it invalidates. */
export function finishedHoldNothing({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'lock-discipline',
    name: 'a thread that has ended holds no lock',
    judge(view) {
      let said: true | undefined
      for (const { thread } of tasks) {
        if (!view.finished(thread)) continue
        said = true
        const held = machine.layout.locks.find((lock) => lock.heldBy(thread))
        if (held !== undefined) return `thread ${thread} has ended, and holds ${held.name}`
        const folio = machine.frames.find(({ locked }) => locked === thread + 1)
        if (folio !== undefined)
          return `thread ${thread} has ended, and holds the folio lock of frame ${folio.pfn}`
        if (innermostRange(machine, thread).mm !== 0)
          return `thread ${thread} has ended, and has not ended its invalidation`
      }
      return said
    },
  }
}

/**
 * `C19`: a thread that is done with an address space is not a user of it any more: otherwise it
 * would never be torn down.
 */
export function doneAreNoUsers(
  { machine, mirrors, tasks }: MirrorWorld,
  threads: readonly MirrorThread[],
): Invariant {
  const busy = tasks.filter((_, i) => !threads[i].daemon)
  const works = mirrors.flatMap((mirror) => [...mirror.works.values()])
  const onlyWorkers = tasks.length - busy.length === works.length
  return {
    clause: 'C19',
    name: 'who is done with an address space is no user of it',
    judge(view) {
      if (!onlyWorkers || busy.some(({ thread }) => !view.finished(thread))) return undefined
      if (works.some(({ pending, worker }) => pending || worker !== 0)) return undefined
      const kept = machine.mms.find(({ users }) => users > 1)
      return kept === undefined
        ? true
        : `every thread has ended, and ${kept.name} has ${kept.users} users: a thread has not called mmput`
    },
  }
}

/**
 * `use-after-free`: the last user of an address space does not go as long as its process lives, which is one: who drops it has
 * dropped what is not its own.
 */
export function theLivingAreUsers(
  { machine, tasks }: MirrorWorld,
  calls: readonly (readonly Call[])[],
): StepClaim {
  const leaving = tasks.filter((_, i) => calls[i].some(({ procedure }) => procedure === exit_mm))
  return {
    clause: 'use-after-free',
    name: 'an address space has a user as long as its process lives',
    judge(thread, from) {
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.users !== 0 || old(mm).users === 0) continue
        said = true
        const hasEnded = leaving.some(
          (task) =>
            task.mm === mm &&
            (from.finished(task.thread) || (task.thread === thread && from.inside(thread, exit_mm))),
        )
        if (!hasEnded)
          return `thread ${thread} drops the last user of ${mm.name}, whose process has not ended (exit_mm): mmput was called for a user that was not counted`
      }
      return said
    },
  }
}

/** `refinement`: a walk that has returned is faulted, retried or failed. */
export function walksAreConcluded({ mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'refinement',
    name: 'a range says how its walk has ended',
    judge(thread, from, to) {
      if (!from.inside(thread, hmm_range_fault) || to.inside(thread, hmm_range_fault)) return undefined
      for (const { name, ranges } of mirrors)
        if (isLeftOpen(ranges.get(thread)))
          return `hmm_range_fault returns, and the range of ${name} is still in begin`
      return true
    },
  }
}

function isLeftOpen(range: HmmRange | undefined): boolean {
  return range?.result === RangeResult.none && range.end > 0
}

/** `refinement`: an idle range is empty: its entries hold no report of an earlier walk. */
export function idleRangesAreEmpty({ mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'refinement',
    name: 'a range that is idle is empty',
    judge(thread, _from, to) {
      let said: true | undefined
      for (const { name, ranges } of mirrors) {
        const range = ranges.get(thread)
        if (range === undefined || range.result !== RangeResult.none || isWalking(to, thread)) continue
        if (old(range).result === RangeResult.none) continue
        said = true
        const left = range.pfns.findIndex(
          ({ flags, frame, order, asked, stale }) =>
            flags !== 0 || frame !== 0 || order !== 0 || asked !== 0 || stale,
        )
        if (left >= 0) return `the range of ${name} is idle, and its entry of page ${left} is not empty`
        if (range.start + range.end + range.last + range.defaultFlags + range.pfnFlagsMask !== 0)
          return `the range of ${name} is idle, and still has a request`
      }
      return said
    },
  }
}

/**
 * The sequence numbers and lists of the notifiers.
 *
 * @module
 */
import { type Mirror, notifiersOf } from '../../../src/driver/index.js'
import {
  type IntervalNotifier,
  innermostRange,
  type Machine,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mn_itree_inv_end,
  mn_itree_inv_start_range,
  zap_pte_range,
} from '../../../src/kernel/index.js'
import { type Invariant, old, type StepClaim, type View } from '../../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'
import { gaveUp, isOwn } from './coherence.js'

type Mm = MirrorWorld['machine']['mms'][number]

/**
 * True if a thread is in a critical section of the subscriptions: no other thread can see the
 * state.
 */
function locked(mm: Mm): boolean {
  return mm.subscriptions.lock.isHeld()
}

/**
 * C15: the sequence number of an interval is odd and never ahead; that of the address space is even
 * while no invalidation is open.
 */
export function parity({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C15',
    name: 'parity of the sequence numbers',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms) {
        const subs = mm.subscriptions
        if (subs.intervals.length === 0 || locked(mm)) continue
        said = true
        const seq = subs.seq
        const active = subs.active
        if (!(seq & 1)) {
          const frozen = subs.intervals.find((sub) => isBeingInvalidated(machine, mm, sub))
          if (frozen) return `${frozen.name} is being invalidated, and the sequence is even (${seq})`
        }
        if (seq & 1 && active === 0) return `the sequence is odd (${seq}) and no invalidation is open`
        for (const sub of subs.intervals) {
          if (!sub.allocated) continue
          const own = sub.seq
          if (!(own & 1)) return `${sub.name} has the even number ${own}`
          if (own > seq) return `${sub.name} has number ${own}, ahead of the address space's ${seq}`
          if (active === 0 && sub.deferred)
            return `${sub.name} is on the deferred list and no invalidation is open`
        }
      }
      return said
    },
  }
}

/** True if an invalidation is open that overlaps `sub`, which is in the tree. */
function isBeingInvalidated(machine: Machine, mm: Mm, sub: IntervalNotifier): boolean {
  if (!sub.inTree) return false
  return machine.openRanges.some(
    (range) => range.mm === mm.index + 1 && sub.start < range.end && range.start <= sub.last,
  )
}

/**
 * C16: the tree changes only while the sequence number is even; at other times insertions and
 * removals are deferred.
 */
export function treeIsFrozen({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C16',
    name: 'the tree is frozen while the sequence is odd',
    judge() {
      let said: true | undefined
      for (const { subscriptions } of machine.mms)
        for (const sub of subscriptions.intervals) {
          if (old(sub).inTree === sub.inTree) continue
          said = true
          const seq = old(subscriptions).seq
          if (seq & 1)
            return `${sub.name} goes ${sub.inTree ? 'into' : 'out of'} the tree while the sequence is ${seq}`
        }
      return said
    },
  }
}

/** C17: a freed notifier is on no list, and no callback runs for it. */
export function removedForGood({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C17',
    name: 'nothing refers to a freed interval notifier',
    judge(view) {
      let said: true | undefined
      for (const { subscriptions } of machine.mms)
        for (const sub of subscriptions.intervals) {
          if (sub.allocated) continue
          said = true
          if (sub.inTree) return `${sub.name} is freed and still in the tree`
          if (sub.deferred) return `${sub.name} is freed and still on the deferred list`
          if (tasks.some(({ thread }) => view.inside(thread, sub.ops.invalidate)))
            return `${sub.name} is freed and its callback runs`
        }
      return said
    },
  }
}

/**
 * C32: the count of invalidations equals the number of threads that have started one and not ended
 * it.
 */
export function startsAreEnded({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C32',
    name: 'every start has its end',
    judge(view) {
      let said: true | undefined
      for (const mm of machine.mms) {
        const subs = mm.subscriptions
        const hasIntervals = subs.intervals.length > 0
        if (!hasIntervals && subs.classics.length === 0) continue
        said = true
        const open = machine.openRanges.filter((range) => range.mm === mm.index + 1).length
        if (hasIntervals && subs.active !== open)
          return `${subs.active} invalidations are counted, ${open} are open`
        if (tasks.some(({ thread }) => view.finished(thread) && machine.openRanges[thread].mm > 0))
          return 'a thread has ended, and its invalidation is still open'
      }
      return said
    },
  }
}

/** C32: a classic notifier has had as many ends as starts when no invalidation is open. */
export function classicsAreEven({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C32',
    name: 'every classic notifier sees the end of each start',
    judge(view) {
      if (tasks.some(({ thread }) => isNotifying(view, thread))) return undefined
      let said: true | undefined
      for (const mm of machine.mms)
        for (const classic of mm.subscriptions.classics) {
          const open = classic.open
          if (open === 0) continue
          said = true
          if (machine.openRanges.every((range) => range.mm !== mm.index + 1))
            return `${classic.name} waits for the end of ${open} invalidations, and none is open`
        }
      return said
    },
  }
}

/** C11: a caller whose range a classic notifier refused gives up the range. */
export function refusalsAreHonoured({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C11',
    name: 'a range that was refused is given up',
    judge(view) {
      let said: true | undefined
      for (const { thread } of tasks) {
        if (!innermostRange(machine, thread).refused) continue
        said = true
        if (view.inside(thread, zap_pte_range))
          return 'a classic notifier has refused a range, and its entries are zapped all the same'
      }
      return said
    },
  }
}

/** True while `thread` calls notifiers for a start or an end. */
function isNotifying(view: View, thread: number): boolean {
  return (
    view.inside(thread, mmu_notifier_invalidate_range_start) ||
    view.inside(thread, mmu_notifier_invalidate_range_end)
  )
}

/** Every notifier of a driver, with its mirror. */
function callbacksOf({ mirrors }: MirrorWorld): { mirror: Mirror; notifier: IntervalNotifier }[] {
  return mirrors.flatMap((mirror) => notifiersOf(mirror).map((notifier) => ({ mirror, notifier })))
}

/** C10: a callback that has accepted the range has set the sequence number. */
export function sequenceIsSet(world: MirrorWorld): StepClaim {
  const all = callbacksOf(world)
  return {
    clause: 'C10',
    name: 'every callback sets the sequence',
    judge(thread, from, to) {
      let said: true | undefined
      for (const { mirror, notifier } of all) {
        if (!from.inside(thread, notifier.ops.invalidate) || to.inside(thread, notifier.ops.invalidate))
          continue
        if (old(() => gaveUp(world, mirror, thread)) || old(() => isOwn(world, mirror, thread))) continue
        said = true
        const current = notifier.mm.subscriptions.seq
        if (notifier.seq !== current)
          return `${mirror.name}'s callback returned and left number ${notifier.seq}; the invalidation has ${current}`
      }
      return said
    },
  }
}

/**
 * C14: mmu_interval_read_begin waits only for invalidations of its interval, and nothing else makes
 * the number odd.
 */
export function oddOnlyForOverlap({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C14',
    name: 'the sequence turns odd only for an interval that is touched',
    judge(thread, from) {
      let said: true | undefined
      for (const { subscriptions } of machine.mms) {
        const was = old(subscriptions).seq
        const is = subscriptions.seq
        if (was & 1 || !(is & 1)) continue
        said = true
        if (from.inside(thread, mn_itree_inv_end)) return 'the end of an invalidation makes the sequence odd'
        if (!from.inside(thread, mn_itree_inv_start_range)) continue
        const range = innermostRange(machine, thread)
        const touched = subscriptions.intervals.some(
          (sub) => sub.inTree && sub.start < range.end && range.start <= sub.last,
        )
        if (!touched) return `the sequence became ${is} for an invalidation that overlaps no interval`
      }
      return said
    },
  }
}

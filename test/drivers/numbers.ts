/** Drivers that differ in the sequence numbers that they take, keep and compare. */
import {
  type Driver,
  defineDriver,
  type Mirror,
  type MirrorSetting,
  rangeOf,
} from '../../src/driver/index.js'
import {
  Errno,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
} from '../../src/kernel/index.js'
import {
  become,
  type Layout,
  type Procedure,
  procedure,
  type RecordOf,
  type Running,
  type Sequence,
  step,
} from '../../src/world/index.js'
import { invalidate, mapPages, type Wanted, walkPages } from './parts.js'

/** What a driver does with its numbers. */
export interface Plan {
  /** True if it walks page by page. */
  readonly byPage?: boolean
  /** True if it takes a number before each walk, and not only before the first. */
  readonly numberEach?: boolean
  /** True if it takes another number after the walks, into a place of its own. */
  readonly sampleAfter?: boolean
  /** Which it compares: the range's, its own, the first that it ever took, or one of another notifier. */
  readonly compares: 'range' | 'own' | 'first' | 'foreign'
}

/** By thread: numbers of the driver's own. */
const declareNumbers = (l: Layout, { mm, notifier }: MirrorSetting) => {
  const other = mm.subscriptions.intervals.find((candidate) => candidate !== notifier) ?? notifier
  return {
    numbers: l.array('numbers', l.threads, (thread) => ({
      own: thread.sequence('own', notifier),
      first: thread.sequence('first', notifier),
      hasFirst: thread.flag('has_first'),
      foreign: thread.sequence('foreign', other),
    })),
    other,
  }
}

type Numbered = Mirror<RecordOf<ReturnType<typeof declareNumbers>>>

/** A driver that follows `plan`, and tries until the comparison lets it map. */
export function numberedDriver(name: string, plan: Plan): Driver {
  const once: Procedure<[current: Task, mirror: Numbered, wanted: Wanted], number> = procedure(
    'try',
    function* (current, mirror, wanted): Running<number> {
      const range = rangeOf(mirror, current)
      const error = yield* walkByPlan(current, mirror, wanted)
      if (error === -Errno.EBUSY) return yield* become(once, current, mirror, wanted)
      if (error) return error
      yield* mirror.updateLock.lock()
      if (yield* compare(current, mirror)) {
        yield* mirror.updateLock.unlock()
        return yield* become(once, current, mirror, wanted)
      }
      yield* mapPages(mirror, range, wanted.start, wanted.end)
      yield* mirror.updateLock.unlock()
      return 0
    },
  )

  const walkByPlan = procedure(
    'walk by plan',
    function* (current: Task, mirror: Numbered, { start, end, write }: Wanted): Running<number> {
      const range = rangeOf(mirror, current)
      const { state, notifier } = mirror
      const numbers = state.numbers[current.thread]
      const size = plan.byPage ? 1 : end - start
      if (plan.compares === 'foreign') yield* mmu_interval_read_begin(state.other, numbers.foreign)
      for (let page = start; page < end; page += size) {
        if (page === start || plan.numberEach) yield* mmu_interval_read_begin(notifier, range.notifierSeq)
        if (plan.compares === 'first')
          yield* step('keep the first number', () => {
            if (!numbers.hasFirst) numbers.first = range.notifierSeq
            numbers.hasFirst = true
            return 0
          })
        const error = yield* walkPages(current, mirror, { start: page, end: page + size, write })
        if (error) return error
      }
      if (plan.sampleAfter) yield* mmu_interval_read_begin(notifier, numbers.own)
      return 0
    },
  )

  const compare = procedure('compare', function* (current: Task, mirror: Numbered): Running<number> {
    const { own, first, foreign } = mirror.state.numbers[current.thread]
    const places: Readonly<Record<Plan['compares'], Sequence>> = {
      range: rangeOf(mirror, current).notifierSeq,
      own,
      first,
      foreign,
    }
    return yield* mmu_interval_read_retry(mirror.notifier, places[plan.compares])
  })

  return defineDriver({
    name,
    state: declareNumbers,
    invalidate,
    fault: procedure(
      'fault',
      function* (current: Task, mirror: Numbered, start, end, write): Running<number> {
        if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
        const error = yield* once(current, mirror, { start, end, write })
        yield* mmput(current, mirror.mm)
        return error
      },
    ),
  })
}

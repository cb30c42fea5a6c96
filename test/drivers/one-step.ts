/** A driver whose critical sections are one step each, and wrong twins of it. */
import {
  type Driver,
  defineDriver,
  dirtyPages,
  type FaultAnswer,
  flushDevice,
  type Mirror,
  type MirrorSetting,
  mapPage,
  rangeOf,
  unmapPages,
} from '../../src/driver/index.js'
import {
  Errno,
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  LockRank,
  lastFrame,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from '../../src/kernel/index.js'
import {
  both,
  type Layout,
  Mutex,
  procedure,
  type RecordOf,
  type Running,
  Spinlock,
  step,
} from '../../src/world/index.js'
import { type Wanted, walkPages } from './parts.js'

/** What a wrong twin does without the lock, or without one of two. */
export type Without = 'records' | 'clears' | 'clears as it closes' | 'binds' | 'binds without vm'

const declare = (l: Layout, { size }: MirrorSetting) => {
  // Outside of the mmap lock.
  const vm = new Mutex(l, 'vm', { rank: LockRank.mmap / 2 })
  const pt = new Spinlock(l, 'pt', { rank: LockRank.update })
  return {
    vm,
    pt,
    pfns: l.array('pages', size.pages, (page) => ({
      flags: page.counter('flags', HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR),
      frame: page.counter('frame', lastFrame(size)),
      isKept: page.flag('is_kept'),
    })),
  }
}

type OneStep = Mirror<RecordOf<ReturnType<typeof declare>>>

/** Binds, records and clears in steps that take the lock and give it back, and has a rule that asks who holds it. */
export function oneStepDriver(name: string, flaw?: Without): Driver {
  /** Clears the entries of `range`, and what is kept of its pages. Part of a step. */
  const clear = (mirror: OneStep, range: Pick<NotifierRange, 'start' | 'end'>) => {
    for (const kept of mirror.state.pfns.slice(range.start, range.end)) kept.isKept = false
    dirtyPages(mirror, range)
    unmapPages(mirror, range)
    return 0
  }

  /** Binds what is kept, if all of it is. Part of a step. */
  const bind =
    (mirror: OneStep, { start, end, write }: Wanted) =>
    () => {
      const wanted = mirror.state.pfns.slice(start, end)
      if (!wanted.every(({ isKept, flags }) => isKept && (!write || (flags & HMM_PFN_WRITE) !== 0)))
        return false
      for (let page = start; page < end; page++) mapPage(mirror, mirror.state, page)
      return true
    }

  const tryOnce = procedure('svm_fault (pinned)', function* (current: Task, mirror: OneStep, wanted: Wanted) {
    const { state, notifier } = mirror
    const range = rangeOf(mirror, current)
    yield* mmu_interval_read_begin(notifier, range.notifierSeq)
    const error = yield* walkPages(current, mirror, wanted)
    if (error) return error
    yield* state.pt.lock()
    const collided = yield* mmu_interval_read_retry(notifier, range.notifierSeq)
    if (!collided)
      yield* step('keep the pages', () => {
        for (let page = wanted.start; page < wanted.end; page++) {
          const kept = state.pfns[page]
          kept.flags = range.pfns[page].flags
          kept.frame = range.pfns[page].frame
          kept.isKept = true
        }
        return 0
      })
    yield* state.pt.unlock()
    if (collided) return -Errno.EBUSY
    const bound = bind(mirror, wanted)
    if (flaw === 'binds without vm') yield* state.vm.unlock()
    const isBound =
      flaw === 'binds' ? yield* step('bind without the lock', bound) : yield* state.pt.critical('bind', bound)
    if (flaw === 'binds without vm') yield* state.vm.lock()
    return isBound ? 0 : -Errno.EBUSY
  })

  return defineDriver({
    name,
    state: declare,
    pageTable: ({ vm, pt }) => ({ program: both(vm, pt), remove: pt }),
    mayBind: ({ state }: OneStep, page, thread) => state.pt.heldBy(thread) && state.pfns[page].isKept,
    fault: procedure(
      'svm_fault',
      function* (current: Task, mirror: OneStep, start, end, write): Running<FaultAnswer> {
        const { vm } = mirror.state
        yield* vm.lock()
        let error: number = -Errno.EFAULT
        if (yield* mmget_not_zero(mirror.mm)) {
          error = yield* tryOnce(current, mirror, { start, end, write })
          yield* mmput(current, mirror.mm)
        }
        yield* vm.unlock()
        if (error === -Errno.EBUSY) return 'again'
        return error ? error : 'mapped'
      },
    ),
    invalidate: procedure(
      'svm_invalidate',
      function* (_current: Task, mirror: OneStep, range: NotifierRange, curSeq: number): Running<number> {
        const { state, notifier } = mirror
        if (flaw === 'records')
          yield* step('set_seq without the lock', () => {
            mmu_interval_set_seq(notifier, curSeq)
            return 0
          })
        if (flaw === 'clears') {
          yield* state.pt.critical('set_seq', () => {
            mmu_interval_set_seq(notifier, curSeq)
            return 0
          })
          yield* step('clear without the lock', () => clear(mirror, range))
        } else
          yield* state.pt.critical('set_seq and clear', () => {
            mmu_interval_set_seq(notifier, curSeq)
            return clear(mirror, range)
          })
        yield* flushDevice(mirror, range)
        return 1
      },
    ),
    close: procedure('svm_fini', function* (_current: Task, mirror: OneStep): Running<void> {
      const { notifier, state } = mirror
      const everything = { start: notifier.start, end: notifier.last + 1 }
      if (flaw === 'clears as it closes')
        yield* step('clear everything without the lock', () => clear(mirror, everything))
      else yield* state.pt.critical('clear everything', () => clear(mirror, everything))
      yield* flushDevice(mirror, everything)
      yield* mmu_interval_notifier_remove(notifier)
    }),
    closedBy: 'last user',
  })
}

/** Correct drivers of other shapes than the reference driver's, and of each a wrong twin. */
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
  isCurrent,
  lastFrame,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
} from '../../src/kernel/index.js'
import {
  BLOCKED,
  become,
  type Layout,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../src/world/index.js'
import { invalidate, mapPages, type Wanted, walkPages } from './parts.js'

/** One try: 0, -EBUSY after a collision, or another error. The caller has pinned the address space. */
const tryOnce = procedure(function* try_once(current: Task, mirror: Mirror, wanted: Wanted): Running<number> {
  const range = rangeOf(mirror, current)
  yield* mmu_interval_read_begin(mirror.notifier, range.notifierSeq)
  const error = yield* walkPages(current, mirror, wanted)
  if (error) return error
  yield* mirror.updateLock.lock()
  const collided = yield* mmu_interval_read_retry(mirror.notifier, range.notifierSeq)
  if (!collided) yield* mapPages(mirror, range, wanted.start, wanted.end)
  yield* mirror.updateLock.unlock()
  return collided ? -Errno.EBUSY : 0
})

const tryUntilMapped = procedure(function* try_until_mapped(
  current: Task,
  mirror: Mirror,
  wanted: Wanted,
): Running<number> {
  const error = yield* tryOnce(current, mirror, wanted)
  return error === -Errno.EBUSY ? yield* become(try_until_mapped, current, mirror, wanted) : error
})

/** Answers a fault without a walk where another one has mapped the pages meanwhile. */
export function alreadyDriver(name: string, flaw?: 'ignores write' | 'no lock'): Driver {
  const fault: Driver['fault'] = procedure(
    'fault',
    function* (current, mirror, start, end, write): Running<FaultAnswer> {
      if (flaw !== 'no lock') yield* mirror.updateLock.lock()
      const isMapped = yield* step('is it mapped already?', () =>
        mirror.pageTable
          .slice(start, end)
          .every((entry) => (write && flaw !== 'ignores write' ? entry.write : entry.frame !== undefined)),
      )
      if (flaw !== 'no lock') yield* mirror.updateLock.unlock()
      if (isMapped) return 'mapped'
      if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
      const error = yield* tryUntilMapped(current, mirror, { start, end, write })
      yield* mmput(current, mirror.mm)
      return error
    },
  )
  return { name, invalidate, fault }
}

/** Makes one try, and lets the device fault again after a collision. */
export function againDriver(name: string, flaw?: 'after any error'): Driver {
  const fault: Driver['fault'] = procedure(
    'fault',
    function* (current, mirror, start, end, write): Running<FaultAnswer> {
      if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
      const error = yield* tryOnce(current, mirror, { start, end, write })
      yield* mmput(current, mirror.mm)
      return error === -Errno.EBUSY || (error && flaw === 'after any error') ? 'again' : error
    },
  )
  return { name, invalidate, fault }
}

/** A buffer: pages that were found, for whom, and the number under which. */
const declareBuffer = (l: Layout, { notifier, size }: MirrorSetting) => ({
  start: l.counter('start', size.pages),
  end: l.counter('end', size.pages),
  write: l.flag('write'),
  notifierSeq: l.sequence('notifier_seq', notifier),
  pfns: l.array('pages', size.pages, (page) => ({
    flags: page.counter('flags', HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR),
    frame: page.counter('frame', lastFrame(size)),
  })),
})

type Buffered = Mirror<RecordOf<ReturnType<typeof declareBuffer>>>

/** One call finds the pages and stores them with their number; another, perhaps of another thread, compares it and binds them. */
export function storedNumberDriver(name: string, flaw?: 'compares when it stores'): Driver {
  const covers = ({ state }: Buffered, { start, end, write }: Wanted) =>
    state.start <= start && end <= state.end && (state.write || !write)

  const userPages = procedure(
    'get_user_pages',
    function* (current: Task, mirror: Buffered, wanted: Wanted): Running<number> {
      const { state, notifier, updateLock } = mirror
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(notifier, range.notifierSeq)
      const error = yield* walkPages(current, mirror, wanted)
      if (error) return error
      yield* updateLock.lock()
      yield* step('store the pages and their number', () => {
        state.start = wanted.start
        state.end = wanted.end
        state.write = wanted.write
        state.notifierSeq = range.notifierSeq
        for (let page = wanted.start; page < wanted.end; page++) {
          state.pfns[page].flags = range.pfns[page].flags
          state.pfns[page].frame = range.pfns[page].frame
        }
        return 0
      })
      yield* updateLock.unlock()
      return 0
    },
  )

  const submit = procedure('submit', function* (mirror: Buffered, wanted: Wanted): Running<boolean> {
    const { state, notifier, updateLock } = mirror
    yield* updateLock.lock()
    let isGood = yield* step('are they stored?', () => covers(mirror, wanted))
    if (isGood && flaw === undefined) isGood = !(yield* mmu_interval_read_retry(notifier, state.notifierSeq))
    if (isGood)
      for (let page = wanted.start; page < wanted.end; page++)
        yield* step('bind a page', () => {
          mapPage(mirror, state, page)
          return 0
        })
    yield* updateLock.unlock()
    return isGood
  })

  return defineDriver({
    name,
    state: declareBuffer,
    mayBind: ({ state, notifier }: Buffered, page) =>
      state.start <= page &&
      page < state.end &&
      (flaw !== undefined || isCurrent(state.notifierSeq, notifier)),
    invalidate,
    fault: procedure(
      'fault',
      function* (current: Task, mirror: Buffered, start, end, write): Running<FaultAnswer> {
        const wanted = { start, end, write }
        // The number is compared only while the notifier is there.
        if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
        const isBound = yield* submit(mirror, wanted)
        const error = isBound ? 0 : yield* userPages(current, mirror, wanted)
        yield* mmput(current, mirror.mm)
        if (isBound) return 'mapped'
        return error && error !== -Errno.EBUSY ? error : 'again'
      },
    ),
  })
}

const declareUsers = (l: Layout) => ({ closing: l.flag('closing'), users: l.counter('users', l.threads) })

type Counted = Mirror<RecordOf<ReturnType<typeof declareUsers>>>

/** Takes its number before it pins the address space: so its close must wait for the faults that are under way. */
export function closingDriver(name: string, flaw?: 'no wait' | 'leaves entries' | 'no close'): Driver {
  const served = procedure(
    'fault (entered)',
    function* (current: Task, mirror: Counted, wanted: Wanted): Running<number> {
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, range.notifierSeq)
      if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
      const error = yield* walkPages(current, mirror, wanted)
      yield* mmput(current, mirror.mm)
      if (error) return error
      yield* mirror.updateLock.lock()
      const collided = yield* mmu_interval_read_retry(mirror.notifier, range.notifierSeq)
      if (!collided) yield* mapPages(mirror, range, wanted.start, wanted.end)
      yield* mirror.updateLock.unlock()
      return collided ? -Errno.EBUSY : 0
    },
  )

  const close = procedure('close', function* (_current: Task, mirror: Counted): Running<void> {
    const { state, notifier, updateLock } = mirror
    const everything = { start: notifier.start, end: notifier.last + 1 }
    yield* updateLock.critical('let nobody enter', () => {
      state.closing = true
      return 0
    })
    if (flaw !== 'no wait') yield* step('wait for those within', () => (state.users > 0 ? BLOCKED : 0))
    yield* updateLock.lock()
    if (flaw !== 'leaves entries')
      yield* step('unmap everything', () => {
        dirtyPages(mirror, everything)
        unmapPages(mirror, everything)
        return 0
      })
    yield* flushDevice(mirror, everything)
    yield* updateLock.unlock()
    yield* mmu_interval_notifier_remove(notifier)
  })

  return defineDriver({
    name,
    state: declareUsers,
    invalidate,
    fault: procedure(
      'fault',
      function* (current: Task, mirror: Counted, start, end, write): Running<FaultAnswer> {
        const { state, updateLock } = mirror
        const hasEntered = yield* updateLock.critical('enter', () => {
          if (state.closing) return false
          state.users += 1
          return true
        })
        if (!hasEntered) return -Errno.EFAULT
        const error = yield* served(current, mirror, { start, end, write })
        yield* updateLock.critical('leave', () => {
          state.users -= 1
          return 0
        })
        return error === -Errno.EBUSY ? 'again' : error
      },
    ),
    ...(flaw === 'no close' ? {} : { close }),
  })
}

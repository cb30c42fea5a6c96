/**
 * A driver with a lock for each process, under which its page tables are changed, and a ring of commands for each device, which
 * all processes of the device write under the lock of the device; and wrong twins of it.
 */
import {
  type Driver,
  defineDriver,
  dirtyPages,
  type FaultAnswer,
  flushDevice,
  type Mirror,
  type MirrorSetting,
  rangeOf,
  unmapPages,
} from '../../src/driver/index.js'
import {
  Errno,
  LockRank,
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
  exclusive,
  type Layout,
  Mutex,
  Pool,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../src/world/index.js'
import { mapPages, walkPages } from './parts.js'

/** What the driver does otherwise than it should. */
export type Twist =
  /** Its fault takes the lock of the device first. */
  | 'device lock first'
  /** It writes the ring without the lock of the device. */
  | 'ring without its lock'
  /** It keeps the command that it has put into the pool of the process. */
  | 'command is kept'

const declareState = (_: Layout, mirror: MirrorSetting) => ({
  process: mirror.perProcess((l) => ({
    svmLock: new Mutex(l, 'svm_lock', { rank: LockRank.update }),
    commands: new Pool(l, 'command', 1, (command) => ({ page: command.counter('page', 3) })),
  })),
  device: mirror.perDevice((l) => {
    const lock = new Mutex(l, 'ring_lock')
    return { lock, tail: l.counter('tail', 1, { guardedBy: lock }) }
  }),
})

type Svm = Mirror<RecordOf<ReturnType<typeof declareState>>>

/** The driver, or a wrong twin of it. */
export function sharedStateDriver(name: string, twist?: Twist): Driver {
  const submit = procedure(function* svm_submit(svm: Svm): Running<void> {
    const { device } = svm.state
    if (twist !== 'ring without its lock') yield* device.lock.lock()
    yield* step('write the tail', () => {
      device.tail = 1 - device.tail
      return 0
    })
    if (twist !== 'ring without its lock') yield* device.lock.unlock()
  })

  const zap = procedure(function* svm_zap(
    svm: Svm,
    range: Pick<NotifierRange, 'start' | 'end'>,
  ): Running<void> {
    yield* step('mark dirty and unmap', () => {
      dirtyPages(svm, range)
      unmapPages(svm, range)
      return 0
    })
    yield* submit(svm)
    yield* flushDevice(svm, range)
  })

  const invalidate = procedure(function* svm_invalidate(
    _current: Task,
    svm: Svm,
    range: NotifierRange,
    curSeq: number,
  ): Running<number> {
    const { svmLock } = svm.state.process
    if (!range.blockable) return 0
    yield* svmLock.lock()
    yield* step('set_seq', () => {
      mmu_interval_set_seq(svm.notifier, curSeq)
      return 0
    })
    yield* zap(svm, range)
    yield* svmLock.unlock()
    return 1
  })

  const map = procedure(function* svm_map(
    current: Task,
    svm: Svm,
    start: number,
    end: number,
    write: boolean,
  ): Running<FaultAnswer> {
    const { process, device } = svm.state
    const range = rangeOf(svm, current)
    yield* mmu_interval_read_begin(svm.notifier, range.notifierSeq)
    const error = yield* walkPages(current, svm, { start, end, write })
    if (error) return error === -Errno.EBUSY ? 'again' : error
    if (twist === 'device lock first') yield* device.lock.lock()
    yield* process.svmLock.lock()
    const collided = yield* mmu_interval_read_retry(svm.notifier, range.notifierSeq)
    if (!collided) {
      yield* step('take a command', () => {
        process.commands.allocate()
        return 0
      })
      yield* mapPages(svm, range, start, end)
      if (twist === 'device lock first')
        yield* step('write the tail', () => {
          device.tail = 1 - device.tail
          return 0
        })
      else yield* submit(svm)
      if (twist !== 'command is kept')
        yield* step('give it back', () => {
          process.commands.put(process.commands.allocated[0])
          return 0
        })
    }
    yield* process.svmLock.unlock()
    if (twist === 'device lock first') yield* device.lock.unlock()
    return collided ? 'again' : 'mapped'
  })

  return defineDriver({
    name,
    state: declareState,
    pageTable: ({ process }) => ({ program: exclusive(process.svmLock), remove: exclusive(process.svmLock) }),
    invalidate,
    fault: procedure(function* svm_fault(current: Task, svm: Svm, start, end, write): Running<FaultAnswer> {
      if (!(yield* mmget_not_zero(svm.mm))) return -Errno.EFAULT
      const answer = yield* map(current, svm, start, end, write)
      yield* mmput(current, svm.mm)
      return answer
    }),
    close: procedure(function* svm_close(_current: Task, svm: Svm): Running<void> {
      yield* svm.state.process.svmLock.lock()
      yield* zap(svm, { start: 0, end: svm.pageTable.length })
      yield* svm.state.process.svmLock.unlock()
      yield* mmu_interval_notifier_remove(svm.notifier)
    }),
    closedBy: 'last user',
  })
}

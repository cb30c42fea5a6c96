/** A driver with a `migrateToRam` of its own: it counts what it has brought back, under a lock. */
import {
  allocateAndCopy,
  type Driver,
  defineDriver,
  type FaultAnswer,
  faultArgs,
  type Mirror,
  rangeOf,
  systemFrames,
} from '../../src/driver/index.js'
import {
  type DeviceFault,
  Errno,
  LockRank,
  migrate_device_range,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
  VM_FAULT_OOM,
} from '../../src/kernel/index.js'
import { type Layout, Mutex, procedure, type RecordOf, type Running } from '../../src/world/index.js'
import { invalidate, mapPages, walkPages } from './parts.js'

const declareState = (l: Layout, rank: number) => {
  const countLock = new Mutex(l, 'count_lock', { rank: LockRank.update + 1 })
  return {
    /** Held from the beginning of a fault to its end. */
    faultLock: new Mutex(l, 'fault_lock', { rank }),
    countLock,
    /** Whether it has brought a page back. */
    hasBroughtBack: l.flag('has_brought_back', { guardedBy: countLock }),
  }
}

type Own = Mirror<RecordOf<ReturnType<typeof declareState>>>

/** A driver that brings pages back; or one with a flaw. */
export function memoryDriver(
  name: string,
  flaw?: 'fault lock' | 'unranked fault lock' | 'no finalize' | 'evicts under the mmap lock',
): Driver {
  const takesFaultLock = flaw === 'fault lock' || flaw === 'unranked fault lock'
  const migrateToRam = procedure(
    'own migrate_to_ram',
    function* (current: Task, { state, mm }: Own, page: number, fault: DeviceFault): Running<number> {
      const args = faultArgs(current, mm, page, fault)
      if (takesFaultLock) yield* state.faultLock.lock()
      yield* migrate_vma_setup(current, args)
      const short = yield* allocateAndCopy(current, args, systemFrames(current))
      yield* migrate_vma_pages(current, args)
      yield* state.countLock.critical('count it', () => {
        state.hasBroughtBack = true
        return 0
      })
      if (flaw !== 'no finalize') yield* migrate_vma_finalize(current, args)
      if (takesFaultLock) yield* state.faultLock.unlock()
      return short ? VM_FAULT_OOM : 0
    },
  )

  const evict = procedure('own evict', function* (current: Task, { mm, owner }: Own): Running<void> {
    if (flaw === 'evicts under the mmap lock') yield* mm.mmapLock.lockRead()
    for (const frame of current.machine.deviceMemory[owner].frames) {
      const args = yield* migrate_device_range(current, frame)
      if (args === undefined) continue
      yield* allocateAndCopy(current, args, systemFrames(current))
      yield* migrate_vma_pages(current, args)
      yield* migrate_vma_finalize(current, args)
    }
    if (flaw === 'evicts under the mmap lock') yield* mm.mmapLock.unlockRead()
  })

  return defineDriver({
    name,
    state: (l: Layout) => declareState(l, flaw === 'unranked fault lock' ? 0 : LockRank.mmap / 2),
    invalidate,
    migrateToRam,
    evict,
    fault: procedure(
      'fault',
      function* (current: Task, mirror: Own, start, end, write): Running<FaultAnswer> {
        const { notifier, updateLock, state } = mirror
        const range = rangeOf(mirror, current)
        if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
        yield* state.faultLock.lock()
        yield* mmu_interval_read_begin(notifier, range.notifierSeq)
        const error = yield* walkPages(current, mirror, { start, end, write })
        let answer: FaultAnswer = error === -Errno.EBUSY ? 'again' : error
        if (!error) {
          yield* updateLock.lock()
          if (yield* mmu_interval_read_retry(notifier, range.notifierSeq)) answer = 'again'
          else yield* mapPages(mirror, range, start, end)
          yield* updateLock.unlock()
        }
        yield* state.faultLock.unlock()
        yield* mmput(current, mirror.mm)
        return answer
      },
    ),
  })
}

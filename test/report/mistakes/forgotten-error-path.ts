/** After a collision the fault returns, and keeps the lock. */
import { type Driver, type FaultAnswer, type Mirror, rangeOf } from 'hmm-spec/driver'
import { Errno, mmu_interval_read_begin, mmu_interval_read_retry, type Task } from 'hmm-spec/kernel'
import { procedure, type Running } from 'hmm-spec/world'
import { faultWith, invalidate, program, walk } from './right.js'

const mapOnePage = procedure(function* my_map_page(
  current: Task,
  my: Mirror,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const { notifierSeq } = rangeOf(my, current)
  yield* mmu_interval_read_begin(my.notifier, notifierSeq)
  const error = yield* walk(current, my, page, write)
  if (error) return error === -Errno.EBUSY ? 'again' : error
  yield* my.updateLock.lock()
  if (yield* mmu_interval_read_retry(my.notifier, notifierSeq)) return 'again'
  yield* program(current, my, page)
  yield* my.updateLock.unlock()
  return 'mapped'
})

export default { name: 'forgotten-error-path', invalidate, fault: faultWith(mapOnePage) } satisfies Driver

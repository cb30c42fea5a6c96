/**
 * A first version of the same driver. It compares the sequence before it takes the umem mutex, to save taking it after a
 * collision. It misses an invalidation that comes between the two: `check` finds it.
 */
import { type Mirror, rangeOf } from 'hmm-spec/driver'
import { Errno, mmu_interval_read_begin, mmu_interval_read_retry, type Task } from 'hmm-spec/kernel'
import { become, procedure, type Running } from 'hmm-spec/world'
import { type MapPage, odpDriver, type PageFault, tryAgain, updateEntry, walkPage } from './driver.js'

const mapOnePage: MapPage = procedure(function* odp_map_page(
  current: Task,
  umem: Mirror,
  fault: PageFault,
  retries: number,
): Running<number> {
  const { notifierSeq } = rangeOf(umem, current)
  yield* mmu_interval_read_begin(umem.notifier, notifierSeq)
  const error = yield* walkPage(current, umem, fault)
  if (error && error !== -Errno.EBUSY) return error
  if (error || (yield* mmu_interval_read_retry(umem.notifier, notifierSeq)))
    return yield* become(tryAgain, mapOnePage, current, umem, fault, retries)
  yield* umem.updateLock.lock()
  const failed = yield* updateEntry(current, umem, fault.page)
  yield* umem.updateLock.unlock()
  return failed
})

export default odpDriver('odp-first-try', mapOnePage)

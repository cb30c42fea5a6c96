/**
 * Defects by which a driver does less or more than was requested, or retries for ever.
 *
 * @module
 */
import {
  atomicFaultAgain,
  lacksWrite,
  migrateToSystem,
  populateAgain,
  populateOnce,
  program,
  rangeOf,
} from '../../../src/driver/index.js'
import {
  Errno,
  hmm_range_fault,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_notifier_invalidate_range_start,
  mn_itree_invalidate,
  setRequest,
} from '../../../src/kernel/index.js'
import { become, onStep, override, type Running } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** Another device was faster, and the fault returns 0. */
const retryAnswersZero = override(
  atomicFaultAgain,
  () =>
    function* () {
      return 0
    },
)

/** The second try is for all but the last page. */
const retriesLess = override(
  populateAgain,
  (original) =>
    function* (current, mirror, start, end, wanted) {
      return yield* original(current, mirror, start, end - 1, wanted)
    },
)

/** The count of migrations back is not checked. */
const neverGivesUp = override(
  populateOnce,
  () =>
    function* (current, mirror, start, end, wanted): Running<number> {
      const { mm, notifier, updateLock } = mirror
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(notifier, range.notifierSeq)
      yield* mm.mmapLock.lockRead()
      const error = yield* hmm_range_fault(current, range, { start, end, owner: mirror.owner, ...wanted })
      yield* mm.mmapLock.unlockRead()
      if (error === -Errno.EBUSY) return yield* become(populateAgain, current, mirror, start, end, wanted)
      if (error) return error
      yield* updateLock.lock()
      if (yield* mmu_interval_read_retry(notifier, range.notifierSeq)) {
        yield* updateLock.unlock()
        return yield* become(populateAgain, current, mirror, start, end, wanted)
      }
      if (mirror.owner >= 0 && (yield* lacksWrite(current, mirror, start, end, wanted))) {
        yield* updateLock.unlock()
        yield* migrateToSystem(current, mirror, start, end)
        const tries = (wanted.tries ?? 0) + 1
        return yield* become(populateAgain, current, mirror, start, end, { ...wanted, tries })
      }
      const failed = yield* program(current, mirror, start, end)
      yield* updateLock.unlock()
      return failed
    },
)

/** One entry more than requested is set up. */
const requestsOneMore = onStep(hmm_range_fault, 'begin', (original, _current, range, { end }) => (choice) => {
  const begun = original(choice)
  setRequest(range, end, 0)
  return begun
})

/** The check for interval notifiers is missing. */
const countsWithoutIntervals = override(
  mmu_notifier_invalidate_range_start,
  () =>
    function* (current, mm, range) {
      return yield* mn_itree_invalidate(current, mm, range)
    },
)

/** Defects of requests. */
export const requestDefects: readonly Defect[] = [
  {
    name: 'X374',
    kind: 'mutation',
    title: 'an atomic fault that collided returns 0',
    text:
      'Another thread took the page first, and the driver reports success without access: the device faults ' +
      'again, until it gives up.',
    source: ['our own', 'reference B.10, F.1'],
    requirement: 'C5',
    scenario: 'exclusive',
    overrides: [retryAnswersZero],
    steps: 57,
  },
  {
    name: 'X375',
    kind: 'mutation',
    title: 'a retry leaves out the last page',
    text: 'After a collision the driver walks the range with `end - 1`, and returns 0 for all of it.',
    source: ['our own', 'reference B.4 D1'],
    requirement: 'C5',
    scenario: 'huge-page',
    overrides: [retriesLess],
    steps: 44,
  },
  {
    name: 'X376',
    kind: 'mutation',
    title: 'a driver migrates its own pages back for ever',
    text:
      'The device writes to a page of its own memory that is read-only. The driver migrates it to ' +
      'system memory and retries without a bound, while another thread migrates it to the device again ' +
      'and again.',
    source: ['our own', 'reference B.3.1 note (b), B.11 H4'],
    requirement: 'C49',
    scenario: 'migrate-holes',
    overrides: [neverGivesUp],
    steps: 136,
  },
  {
    name: 'X377',
    kind: 'mutation',
    title: 'a walk sets up an entry too many',
    text:
      'The array is set up for the pages from `start` to `end` inclusive: the entry after the last is written, ' +
      'where the array may have ended.',
    source: ['our own', 'reference C24', 'include/linux/hmm.h: struct hmm_range'],
    requirement: 'C24',
    scenario: 'munmap',
    overrides: [requestsOneMore],
    steps: 5,
  },
  {
    name: 'X378',
    kind: 'mutation',
    title: 'an invalidation is counted where there are no interval notifiers',
    text:
      'mmu_notifier_invalidate_range_start() does not check has_itree: with classic notifiers alone, ' +
      'the count is raised for no reader.',
    source: ['our own', 'reference B.1', 'mm/mmu_notifier.c: __mmu_notifier_invalidate_range_start'],
    requirement: 'C32',
    scenario: 'classic-only',
    overrides: [countsWithoutIntervals],
    steps: 4,
  },
]

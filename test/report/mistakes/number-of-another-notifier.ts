/** The fault compares the number of another notifier of the address space. */
import { defineDriver, type FaultAnswer, type Mirror, type MirrorSetting, rangeOf } from 'hmm-spec/driver'
import { Errno, mmu_interval_read_begin, mmu_interval_read_retry, type Task } from 'hmm-spec/kernel'
import { type Layout, procedure, type RecordOf, type Running } from 'hmm-spec/world'
import { faultWith, invalidate, program, walk } from './right.js'

const state = (l: Layout, { mm, notifier }: MirrorSetting) => {
  const other = mm.subscriptions.intervals.find((candidate) => candidate !== notifier) ?? notifier
  return { other, seqs: l.array('seqs', l.threads, (thread) => ({ seq: thread.sequence('seq', other) })) }
}

const mapOnePage = procedure(function* my_map_page(
  current: Task,
  my: Mirror<RecordOf<ReturnType<typeof state>>>,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const { other, seqs } = my.state
  yield* mmu_interval_read_begin(my.notifier, rangeOf(my, current).notifierSeq)
  yield* mmu_interval_read_begin(other, seqs[current.thread].seq)
  const error = yield* walk(current, my, page, write)
  if (error) return error === -Errno.EBUSY ? 'again' : error
  yield* my.updateLock.lock()
  const collided = yield* mmu_interval_read_retry(my.notifier, seqs[current.thread].seq)
  if (!collided) yield* program(current, my, page)
  yield* my.updateLock.unlock()
  return collided ? 'again' : 'mapped'
})

export default defineDriver({
  name: 'number-of-another-notifier',
  state,
  invalidate,
  fault: faultWith(mapOnePage as never),
})

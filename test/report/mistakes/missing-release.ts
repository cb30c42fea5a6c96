/** The driver keeps a range for each page that it maps, and does not free it as it closes. */
import { defineDriver, type FaultAnswer, type Mirror, type MirrorSetting, rangeOf } from 'hmm-spec/driver'
import {
  Errno,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
} from 'hmm-spec/kernel'
import { type Layout, List, Pool, procedure, type RecordOf, type Running, step } from 'hmm-spec/world'
import { faultWith, invalidate, program, walk, zap } from './right.js'

const state = (l: Layout, { size }: MirrorSetting) => {
  const pool = new Pool(l, 'range', size.pages, (range) => ({ page: range.counter('page', size.pages) }))
  return { pool, ranges: new List(l, 'ranges', pool) }
}

type My = Mirror<RecordOf<ReturnType<typeof state>>>

const mapOnePage = procedure(function* my_map_page(
  current: Task,
  my: My,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const { pool, ranges } = my.state
  const { notifierSeq } = rangeOf(my, current)
  yield* mmu_interval_read_begin(my.notifier, notifierSeq)
  const error = yield* walk(current, my, page, write)
  if (error) return error === -Errno.EBUSY ? 'again' : error
  yield* my.updateLock.lock()
  const collided = yield* mmu_interval_read_retry(my.notifier, notifierSeq)
  if (!collided) {
    yield* step('keep the range', () => {
      if (ranges.items.some((range) => range.page === page)) return 0
      const range = pool.allocate((made) => {
        made.page = page
      })
      if (range !== undefined) ranges.addTail(range)
      return 0
    })
    yield* program(current, my, page)
  }
  yield* my.updateLock.unlock()
  return collided ? 'again' : 'mapped'
})

const close = procedure(function* my_close(_current: Task, my: My): Running<void> {
  const { notifier } = my
  yield* my.updateLock.lock()
  yield* zap(my, { start: notifier.start, end: notifier.last + 1 })
  yield* my.updateLock.unlock()
  yield* mmu_interval_notifier_remove(notifier)
})

export default defineDriver({
  name: 'missing-release',
  state,
  invalidate,
  fault: faultWith(mapOnePage as never),
  close,
})

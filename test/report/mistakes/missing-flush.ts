/** The callback removes the entries and leaves the TLB as it is. */
import { type Driver, dirtyPages, type Mirror, unmapPages } from 'hmm-spec/driver'
import { mmu_interval_set_seq, type NotifierRange, type Task } from 'hmm-spec/kernel'
import { procedure, type Running, step } from 'hmm-spec/world'
import { fault } from './right.js'

const invalidate = procedure(function* my_invalidate(
  _current: Task,
  my: Mirror,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  if (range.blockable) yield* my.updateLock.lock()
  else if (!(yield* my.updateLock.trylock())) return 0
  yield* step('set_seq', () => {
    mmu_interval_set_seq(my.notifier, curSeq)
    return 0
  })
  yield* step('mark dirty and remove the entries', () => {
    dirtyPages(my, range)
    unmapPages(my, range)
    return 0
  })
  yield* my.updateLock.unlock()
  return 1
})

export default { name: 'missing-flush', invalidate, fault } satisfies Driver

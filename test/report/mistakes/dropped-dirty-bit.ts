/** The callback forgets what the device has written. */
import { type Driver, flushDevice, type Mirror, unmapPages } from 'hmm-spec/driver'
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
  yield* step('remove the entries', () => {
    unmapPages(my, range)
    return 0
  })
  yield* flushDevice(my, range)
  yield* my.updateLock.unlock()
  return 1
})

export default { name: 'dropped-dirty-bit', invalidate, fault } satisfies Driver

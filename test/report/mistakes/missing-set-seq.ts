/** The callback does not record the sequence number. */
import type { Driver, Mirror } from 'hmm-spec/driver'
import type { NotifierRange, Task } from 'hmm-spec/kernel'
import { procedure, type Running } from 'hmm-spec/world'
import { fault, zap } from './right.js'

const invalidate = procedure(function* my_invalidate(
  _current: Task,
  my: Mirror,
  range: NotifierRange,
  _curSeq: number,
): Running<number> {
  if (range.blockable) yield* my.updateLock.lock()
  else if (!(yield* my.updateLock.trylock())) return 0
  yield* zap(my, range)
  yield* my.updateLock.unlock()
  return 1
})

export default { name: 'missing-set-seq', invalidate, fault } satisfies Driver

/** The callback takes another lock than the fault. */
import { type Driver, defineDriver, type Mirror } from 'hmm-spec/driver'
import { LockRank, mmu_interval_set_seq, type NotifierRange, type Task } from 'hmm-spec/kernel'
import { type Layout, Mutex, procedure, type RecordOf, type Running, step } from 'hmm-spec/world'
import { fault, zap } from './right.js'

const state = (l: Layout) => ({ zapLock: new Mutex(l, 'zap_lock', { rank: LockRank.update }) })

const invalidate = procedure(function* my_invalidate(
  _current: Task,
  my: Mirror<RecordOf<ReturnType<typeof state>>>,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  if (range.blockable) yield* my.state.zapLock.lock()
  else if (!(yield* my.state.zapLock.trylock())) return 0
  yield* step('set_seq', () => {
    mmu_interval_set_seq(my.notifier, curSeq)
    return 0
  })
  yield* zap(my, range)
  yield* my.state.zapLock.unlock()
  return 1
})

export default defineDriver({ name: 'wrong-lock', state, invalidate, fault }) satisfies Driver

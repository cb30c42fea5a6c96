/**
 * The driver of `read-write-lock.ts` with what its author brings along: a statechart of its callback, a requirement, a claim
 * of it, a defect that the claim finds, and a scenario.
 */
import {
  type DriverClaims,
  defineDriver,
  deviceAccess,
  dirtyPages,
  flushDevice,
  type Mirror,
  unmapPages,
} from 'hmm-spec/driver'
import { mmu_interval_set_seq, munmap, type NotifierRange, type Task } from 'hmm-spec/kernel'
import { call, type Defect, mirrorScenario, type Requirement } from 'hmm-spec/spec'
import {
  exclusive,
  type Layout,
  old,
  override,
  procedure,
  type RecordOf,
  type Running,
  shared,
  step,
} from 'hmm-spec/world'
import { setup } from 'xstate'
import { close, declareState as declareLock, fault } from './read-write-lock.js'

export const callbackStatechart = setup({}).createMachine({
  id: 'svmCallback',
  description: 'What the callbacks of one mirror have left of the device page table and the TLB.',
  initial: 'flushed',
  states: {
    flushed: { on: { SET_SEQ: 'zapping' } },
    zapping: { on: { FLUSHED: 'flushed' } },
  },
})

export const flushedUnderTheLock: Requirement = {
  id: 'SVM1',
  title: 'the callback flushes the device under the notifier lock',
  text:
    'When the callback drops the notifier lock the device has been flushed: whoever takes the lock next may rely on it, ' +
    'and not only who waits for the end of the invalidation (C3).',
  source: ['the rules of this driver'],
  checks: ['the notifier lock is dropped after the flush'],
}

const declareState = (l: Layout) => ({
  ...declareLock(l),
  callback: l.lifecycle('svmCallback', 'callback'),
})

type Svm = Mirror<RecordOf<ReturnType<typeof declareState>>>

const setSeq = (svm: Svm, curSeq: number) =>
  step('set_seq', () => {
    mmu_interval_set_seq(svm.notifier, curSeq)
    svm.state.callback.signal('SET_SEQ')
  })

const unmap = (svm: Svm, range: NotifierRange) =>
  step('mark dirty and unmap', () => {
    dirtyPages(svm, range)
    unmapPages(svm, range)
  })

const flush = procedure(function* svm_flush(svm: Svm, range: NotifierRange): Running<void> {
  yield* flushDevice(svm, range)
  yield* step('flushed', () => svm.state.callback.signal('FLUSHED'))
})

const invalidate = procedure(function* svm_invalidate(
  _current: Task,
  svm: Svm,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  const { notifierLock } = svm.state
  if (range.blockable) yield* notifierLock.lockWrite()
  else if (!(yield* notifierLock.trylockWrite())) return 0
  yield* setSeq(svm, curSeq)
  yield* unmap(svm, range)
  yield* flush(svm, range)
  yield* notifierLock.unlockWrite()
  return 1
})

/** In every scenario that the driver is put into, for each mirror. */
const claims = ({ name, state: { notifierLock, callback } }: Svm): DriverClaims => ({
  stepClaims: [
    {
      clause: flushedUnderTheLock.id,
      name: 'the notifier lock is dropped after the flush',
      judge(thread) {
        const isDropped = old(() => notifierLock.heldForWritingBy(thread)) && !notifierLock.heldBy(thread)
        if (!isDropped) return undefined
        return (
          callback.state() === 'flushed' || `${name} drops its notifier lock before the device is flushed`
        )
      },
    },
  ],
})

export default defineDriver({
  name: 'svm',
  state: declareState,
  pageTable: ({ notifierLock }) => ({ program: shared(notifierLock), remove: exclusive(notifierLock) }),
  statecharts: [callbackStatechart],
  claims,
  invalidate,
  fault,
  close,
  closedBy: 'last user',
})

export const unlockFirst: Defect = {
  name: 'unlock-first',
  kind: 'mutation',
  title: 'the notifier lock is dropped before the flush',
  text: 'The callback drops the lock, and flushes the device then. It returns after the flush, so that C3 holds.',
  source: ['the rules of this driver'],
  requirement: flushedUnderTheLock.id,
  scenario: 'munmap-two-pages',
  overrides: [
    override(
      invalidate,
      () =>
        function* (_current, svm, range, curSeq) {
          const { notifierLock } = svm.state
          yield* notifierLock.lockWrite()
          yield* setSeq(svm, curSeq)
          yield* unmap(svm, range)
          yield* notifierLock.unlockWrite()
          yield* flush(svm, range)
          return 1
        },
    ),
  ],
  steps: 8,
}

export const munmapTwoPages = mirrorScenario({
  name: 'munmap-two-pages',
  summary: 'A device reads two pages while a thread unmaps the second.',
  exercises: ['C3', flushedUnderTheLock.id],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, { touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 0,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 2)] },
      { name: 'cpu', calls: () => [call(munmap, 1, 1)] },
    ],
  }),
})

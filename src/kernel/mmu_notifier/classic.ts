/**
 * Classic notifiers: told of every range of the address space, without a sequence number.
 *
 * @see reference B.1 O2, O3
 * @module
 */
import { claim, procedure, step } from '../../world/index.js'
import type { ClassicNotifier, MmStruct, NotifierRange, Task } from '../machine.js'

/**
 * Tells every classic notifier that the range is about to change, also after one of them could not.
 *
 * If one could not, those that accepted and wait for an end are told of it here, since the caller must not (D8).
 *
 * @returns 0, or the error of the last that failed
 * @kernel mn_hlist_invalidate_range_start
 */
export const mn_hlist_invalidate_range_start = procedure(function* mn_hlist_invalidate_range_start(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  const { classics } = mm.subscriptions
  let failed = 0
  for (const classic of classics) {
    const error = yield* startClassic(current, classic, range)
    if (error) failed = error
  }
  if (failed) yield* undoClassics(current, mm, range)
  return failed
})

const startClassic = procedure(
  'mmu_notifier_ops.invalidate_range_start',
  function* (current: Task, classic: ClassicNotifier, range: NotifierRange) {
    const error = yield* classic.ops.start(current, classic, range)
    claim('C11', error === 0 || !range.blockable, `${classic.name} failed though the range is blockable`)
    claim(
      'C32',
      error === 0 || classic.ops.end === undefined,
      `${classic.name} failed and has an end callback: it would be told of an end that it never saw begin`,
    )
    return error
  },
)

/** Says the end to those that can hear it, after another could not start. */
export const undoClassics = procedure(
  'mn_hlist_invalidate_range_start (undo)',
  function* (current: Task, mm: MmStruct, range: NotifierRange) {
    for (const classic of mm.subscriptions.classics)
      if (classic.ops.end) yield* classic.ops.end(current, classic, range)
  },
)

/**
 * Tells every classic notifier that the change is made.
 *
 * @kernel mn_hlist_invalidate_end
 */
export const mn_hlist_invalidate_end = procedure(function* mn_hlist_invalidate_end(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  for (const classic of mm.subscriptions.classics)
    if (classic.ops.end) yield* classic.ops.end(current, classic, range)
})

/** A classic notifier that only counts: each start that it accepted must see its end. */
export const countingStart = procedure(
  'counting notifier: start',
  function* (_current: Task, classic: ClassicNotifier, _range: NotifierRange) {
    return yield* step('count a start', () => {
      classic.open += 1
      return 0
    })
  },
)

/** The end that belongs to {@link countingStart}. */
export const countingEnd = procedure(
  'counting notifier: end',
  function* (_current: Task, classic: ClassicNotifier, _range: NotifierRange) {
    return yield* step('count an end', () => {
      classic.open -= 1
      return 0
    })
  },
)

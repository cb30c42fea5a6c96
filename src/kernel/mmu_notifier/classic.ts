/**
 * Classic notifiers: called for every invalidated range of the address space, without a sequence
 * number.
 *
 * @see reference B.1 O2, O3
 * @module
 */

import type { ClassicNotifier, MmStruct, NotifierRange, Task } from '../../machine/index.js'
import { claim, procedure, step } from '../../world/index.js'

/**
 * Calls invalidate_range_start of every classic notifier, even after one has failed.
 *
 * If one has failed, this also calls invalidate_range_end of the notifiers that have one, since the
 * caller will not (D8).
 *
 * @returns 0, or the error of the last notifier that failed
 * @kernel mn_hlist_invalidate_range_start mm/mmu_notifier.c
 * @see reference B.1 O2, O3
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
  if (failed)
    for (const classic of classics) if (classic.ops.end) yield* classic.ops.end(current, classic, range)
  return failed
})

/**
 * Calls one notifier.
 *
 * @kernel mmu_notifier_ops.invalidate_range_start include/linux/mmu_notifier.h
 * @see reference B.1 O2, O3
 */
export const startClassic = procedure(
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

/**
 * Calls invalidate_range_end of every classic notifier.
 *
 * @kernel mn_hlist_invalidate_end mm/mmu_notifier.c
 * @see reference B.1 O2, O3
 */
export const mn_hlist_invalidate_end = procedure(function* mn_hlist_invalidate_end(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  for (const classic of mm.subscriptions.classics)
    if (classic.ops.end) yield* classic.ops.end(current, classic, range)
})

/**
 * A classic notifier that counts open ranges: each start that it accepts must be followed by an
 * end.
 */
export const countingStart = procedure(
  'counting notifier: start',
  function* (_current: Task, classic: ClassicNotifier, _range: NotifierRange) {
    return yield* step('count a start', () => {
      classic.open += 1
      return 0
    })
  },
)

/** The invalidate_range_end of {@link countingStart}. */
export const countingEnd = procedure(
  'counting notifier: end',
  function* (_current: Task, classic: ClassicNotifier, _range: NotifierRange) {
    return yield* step('count an end', () => {
      claim('C32', classic.open > 0, `${classic.name} is told of an end whose start it has not seen`)
      classic.open -= 1
      return 0
    })
  },
)

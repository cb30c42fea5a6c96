/**
 * How `struct hmm` handled an invalidation before it counted them: Linux 4.14 to 5.0.
 *
 * @see reference A.1
 * @module
 */
import type { ClassicNotifier, ClassicNotifierOps, NotifierRange, Task } from '../../kernel/index.js'
import { procedure, type Running } from '../../world/index.js'
import { type Hmm, hmmOf, overlaps } from './hmm.js'
import { hmm_release, tellMirrors } from './notifier.js'

/**
 * Marks every registered range that the invalidation overlaps. A range that is read later is valid.
 *
 * @kernel hmm_invalidate_range
 */
export const hmm_invalidate_range = procedure(function* hmm_invalidate_range(
  hmm: Hmm,
  range: NotifierRange,
): Running<void> {
  yield* hmm.rangesLock.critical('mark the ranges', () => {
    for (const tracked of hmm.ranges) if (tracked.listed && overlaps(tracked, range)) tracked.valid = false
    return 0
  })
})

/**
 * Increments a counter that nothing reads. Mirrors are not called.
 *
 * @kernel hmm_invalidate_range_start, until Linux 4.19
 */
export const startWithoutTelling = procedure(
  'hmm_invalidate_range_start (silent)',
  function* (_current: Task, _classic: ClassicNotifier, _range: NotifierRange): Running<number> {
    return 0
  },
)

/**
 * Marks the ranges and calls the mirrors, after the page table has changed.
 *
 * @kernel hmm_invalidate_range_end, until Linux 4.19
 */
export const endWithTelling = procedure(
  'hmm_invalidate_range_end (tells)',
  function* (current: Task, classic: ClassicNotifier, range: NotifierRange): Running<number> {
    const hmm = hmmOf(classic)
    yield* hmm_invalidate_range(hmm, range)
    // The caller ignores errors here, so callbacks may always block.
    yield* tellMirrors(current, hmm, { ...range, blockable: true })
    return 0
  },
)

/**
 * Marks the ranges and calls the mirrors.
 *
 * @kernel hmm_invalidate_range_start, of Linux 4.20 and 5.0
 */
export const startWithTelling = procedure(
  'hmm_invalidate_range_start (tells)',
  function* (current: Task, classic: ClassicNotifier, range: NotifierRange): Running<number> {
    const hmm = hmmOf(classic)
    yield* hmm_invalidate_range(hmm, range)
    return yield* tellMirrors(current, hmm, range)
  },
)

/**
 * Marks the ranges again, and does not call the mirrors.
 *
 * @kernel hmm_invalidate_range_end, of Linux 4.20 and 5.0
 */
export const endWithoutTelling = procedure(
  'hmm_invalidate_range_end (silent)',
  function* (_current: Task, classic: ClassicNotifier, range: NotifierRange): Running<number> {
    yield* hmm_invalidate_range(hmmOf(classic), range)
    return 0
  },
)

/** Until Linux 4.19. */
export const notifierOpsOf417: ClassicNotifierOps = {
  start: startWithoutTelling,
  end: endWithTelling,
  release: hmm_release,
}

/** Linux 4.20 and 5.0. */
export const notifierOpsOf50: ClassicNotifierOps = {
  start: startWithTelling,
  end: endWithoutTelling,
  release: hmm_release,
}

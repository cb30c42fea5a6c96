/**
 * How `struct hmm` handles an invalidation, from Linux 5.1 on: it counts it, marks the ranges that
 * overlap, and calls every mirror. The last invalidation to end makes every range valid again.
 *
 * @see reference A.2
 * @module
 */
import {
  type ClassicNotifier,
  type ClassicNotifierOps,
  Errno,
  type NotifierRange,
  type Task,
} from '../../kernel/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import { type Hmm, hmmOf, MirrorStanding, NO_SEQUENCE, overlaps } from './hmm.js'

/**
 * Counts the invalidation, marks the ranges, and calls the mirrors. When it returns 0 no device
 * uses the pages.
 *
 * @returns 0, or -EAGAIN if a callback would block and must not. Then the count is undone
 * @kernel hmm_invalidate_range_start
 */
export const hmm_invalidate_range_start = procedure(function* hmm_invalidate_range_start(
  current: Task,
  classic: ClassicNotifier,
  range: NotifierRange,
): Running<number> {
  const hmm = hmmOf(classic)
  yield* hmm.rangesLock.critical('count, and mark the ranges', () => {
    hmm.notifiers += 1
    for (const tracked of hmm.ranges) if (tracked.listed && overlaps(tracked, range)) tracked.valid = false
    return 0
  })
  const error = yield* tellMirrors(current, hmm, range)
  if (error) yield* notifiers_decrement(hmm)
  return error
})

/**
 * Calls the callback of every mirror, with `mirrors_sem` held for reading.
 *
 * @returns 0, or -EAGAIN from the first callback that would block
 */
export const tellMirrors = procedure(
  'hmm_invalidate_range_start (mirrors)',
  function* (current: Task, hmm: Hmm, range: NotifierRange): Running<number> {
    const { mirrorsSem } = hmm
    if (range.blockable) yield* mirrorsSem.lockRead()
    else if (!(yield* mirrorsSem.trylockRead())) return -Errno.EAGAIN
    const listed = yield* step('look at the list of mirrors', () => {
      let bits = 0
      for (const [i, hmmMirror] of hmm.mirrors.entries()) {
        if (hmmMirror.standing === MirrorStanding.unregistered) continue
        hmmMirror.lifecycle.signal('TOLD')
        bits |= 1 << i
      }
      return bits
    })
    let error = 0
    for (const [i, { mirror }] of hmm.mirrors.entries()) {
      if (error || !((listed >> i) & 1)) continue
      const done = yield* mirror.notifier.ops.invalidate(current, mirror.notifier, range, NO_SEQUENCE)
      if (!done) error = -Errno.EAGAIN
    }
    yield* mirrorsSem.unlockRead()
    return error
  },
)

/**
 * Uncounts the invalidation. The last one makes every range valid, even a range that was read
 * before the change. A sequence number does not have this flaw.
 *
 * @kernel notifiers_decrement
 */
export const notifiers_decrement = procedure(function* notifiers_decrement(hmm: Hmm) {
  yield* hmm.rangesLock.critical('uncount, and make ranges valid', () => {
    if (--hmm.notifiers > 0) return 0
    for (const trackedRange of hmm.ranges) if (trackedRange.listed) trackedRange.valid = true
    hmm.wq.wakeAll()
    return 0
  })
})

/** Ends the invalidation, after the page table has changed. @kernel hmm_invalidate_range_end */
export const hmm_invalidate_range_end = procedure(function* hmm_invalidate_range_end(
  _current: Task,
  classic: ClassicNotifier,
  _range: NotifierRange,
): Running<number> {
  yield* notifiers_decrement(hmmOf(classic))
  return 0
})

/**
 * The address space goes away: calls release() of every mirror, which halts its device. No range is
 * registered any more, since each pins the address space.
 *
 * @kernel hmm_release
 */
export const hmm_release = procedure(function* hmm_release(
  current: Task,
  classic: ClassicNotifier,
): Running<number> {
  const hmm = hmmOf(classic)
  yield* hmm.mirrorsSem.lockRead()
  for (const hmmMirror of hmm.mirrors) {
    const listed = yield* step('release a mirror', () => {
      if (hmmMirror.standing !== MirrorStanding.registered) return 0
      hmmMirror.standing = MirrorStanding.released
      hmmMirror.lifecycle.signal('RELEASED')
      return 1
    })
    if (listed && hmmMirror.mirror.driver.release)
      yield* hmmMirror.mirror.driver.release(current, hmmMirror.mirror)
  }
  yield* hmm.mirrorsSem.unlockRead()
  return 0
})

/** The notifier callbacks of `struct hmm`. */
export const hmmMmuNotifierOps: ClassicNotifierOps = {
  start: hmm_invalidate_range_start,
  end: hmm_invalidate_range_end,
  release: hmm_release,
}

/**
 * What `struct hmm` does when it is told of an invalidation, from Linux 5.1 on: it counts, marks the ranges that are
 * touched, and tells every mirror. The last one to end makes every range valid again.
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
 * Counts the invalidation, marks the ranges, and tells the mirrors: when it returns 0 no device uses the pages.
 *
 * @returns 0, or -EAGAIN where somebody would have to wait and may not: then it is as if nothing had begun
 * @kernel hmm_invalidate_range_start
 */
export const hmmInvalidateRangeStart = procedure(
  'hmm_invalidate_range_start',
  function* (current: Task, classic: ClassicNotifier, range: NotifierRange): Running<number> {
    const hmm = hmmOf(classic)
    yield* hmm.rangesLock.critical('count, and mark the ranges', (w) => {
      hmm.notifiers.add(w, 1)
      for (const tracked of hmm.ranges)
        if (tracked.listed.get(w) && overlaps(tracked, range, w)) tracked.valid.set(w, 0)
      return 0
    })
    const error = yield* tellMirrors(current, hmm, range)
    if (error) yield* notifiersDecrement(hmm)
    return error
  },
)

/**
 * Calls every mirror's callback, the list held still.
 *
 * @returns 0, or -EAGAIN from the first that cannot
 */
export const tellMirrors = procedure(
  'hmm_invalidate_range_start (mirrors)',
  function* (current: Task, hmm: Hmm, range: NotifierRange): Running<number> {
    const { mirrorsSem } = hmm
    if (range.blockable) yield* mirrorsSem.lockRead()
    else if (!(yield* mirrorsSem.trylockRead())) return -Errno.EAGAIN
    const listed = yield* step('look at the list of mirrors', (w) => {
      let bits = 0
      for (const [i, { standing, lifecycle }] of hmm.mirrors.entries()) {
        if (standing.get(w) === MirrorStanding.unregistered) continue
        lifecycle.signal(w, 'TOLD')
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
 * Uncounts the invalidation. The last one makes every range valid, whatever has happened meanwhile: that is what a
 * sequence number does not do.
 *
 * @kernel notifiers_decrement
 */
export const notifiersDecrement = procedure('notifiers_decrement', function* (hmm: Hmm) {
  yield* hmm.rangesLock.critical('uncount, and make ranges valid', (w) => {
    if (hmm.notifiers.add(w, -1) > 0) return 0
    for (const { listed, valid } of hmm.ranges) if (listed.get(w)) valid.set(w, 1)
    hmm.wq.wakeAll(w)
    return 0
  })
})

/** The change is made. @kernel hmm_invalidate_range_end */
export const hmmInvalidateRangeEnd = procedure(
  'hmm_invalidate_range_end',
  function* (_current: Task, classic: ClassicNotifier, _range: NotifierRange): Running<number> {
    yield* notifiersDecrement(hmmOf(classic))
    return 0
  },
)

/**
 * The address space goes away: every mirror's driver halts its device. No range is registered any more, since each pins
 * the address space.
 *
 * @kernel hmm_release
 */
export const hmmRelease = procedure(
  'hmm_release',
  function* (current: Task, classic: ClassicNotifier): Running<number> {
    const hmm = hmmOf(classic)
    yield* hmm.mirrorsSem.lockRead()
    for (const { mirror, standing, lifecycle } of hmm.mirrors) {
      const listed = yield* step('release a mirror', (w) => {
        if (standing.get(w) !== MirrorStanding.registered) return 0
        standing.set(w, MirrorStanding.released)
        lifecycle.signal(w, 'RELEASED')
        return 1
      })
      if (listed && mirror.driver.release) yield* mirror.driver.release(current, mirror)
    }
    yield* hmm.mirrorsSem.unlockRead()
    return 0
  },
)

/** The callbacks by which `struct hmm` hears of its address space. */
export const hmmMmuNotifierOps: ClassicNotifierOps = {
  start: hmmInvalidateRangeStart,
  end: hmmInvalidateRangeEnd,
  release: hmmRelease,
}

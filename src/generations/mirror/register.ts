/**
 * Registration of mirrors: hmm_mirror_register and hmm_mirror_unregister.
 *
 * @see reference A.1, A.2
 * @module
 */
import type { Mirror } from '../../driver/index.js'
import { Errno, type Task } from '../../kernel/index.js'
import { claim, procedure, type Running, step } from '../../world/index.js'
import { attachHmmMirror, hmmMirrorOf, hmmOf, MirrorStanding } from './hmm.js'

/**
 * Registers a mirror: from now on its callbacks are called. The caller holds the mmap lock for
 * writing.
 *
 * @returns 0, or -EINVAL if the address space has no user left
 * @kernel hmm_mirror_register
 */
export const hmm_mirror_register = procedure(function* hmm_mirror_register(
  current: Task,
  mirror: Mirror,
): Running<number> {
  const { mm } = mirror
  const { mirrorsSem } = hmmOf(mm)
  yield* mirrorsSem.lockWrite()
  const error = yield* step('put on the list', () => {
    const held = mm.mmapLock.heldForWritingBy(current.thread)
    claim('lock-discipline', held, `${mirror.name} is registered without the mmap lock for writing`)
    if (mm.users === 0) return -Errno.EINVAL
    attachHmmMirror(mirror)
    return 0
  })
  yield* mirrorsSem.unlockWrite()
  return error
})

/**
 * Unregisters a mirror. When it returns, no callback of the mirror runs or will run: callbacks run
 * with `mirrors_sem` held for reading.
 *
 * @kernel hmm_mirror_unregister
 */
export const hmm_mirror_unregister = procedure(function* hmm_mirror_unregister(
  mirror: Mirror,
): Running<void> {
  const { mirrorsSem } = hmmOf(mirror.mm)
  const hmmMirror = hmmMirrorOf(mirror)
  yield* mirrorsSem.lockWrite()
  yield* step('take off the list', () => {
    hmmMirror.standing = MirrorStanding.unregistered
    hmmMirror.lifecycle.signal('UNREGISTERED')
    return 0
  })
  yield* mirrorsSem.unlockWrite()
})

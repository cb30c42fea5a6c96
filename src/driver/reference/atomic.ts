/**
 * Atomic accesses by a device: it loads a word, and stores what it makes of it, and nobody may write in between. No CPU
 * takes part in that; so the driver takes the page away from all of them first.
 *
 * @see reference B.10, F.1
 * @module
 */

import { type Access, endAccess, type Grants, translate } from '../../device/index.js'
import {
  Errno,
  type Frame,
  fixup_user_fault,
  folio_put,
  folio_unlock,
  make_device_exclusive,
  make_device_exclusive_range,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  ownExpected,
  type Task,
} from '../../kernel/index.js'
import { become, claim, procedure, READ_ONCE, type Running, step } from '../../world/index.js'
import { accessOf, type Mirror, rangeOf } from '../mirror.js'
import { mapAtomic } from '../page-table.js'

/** How often a device faults for one atomic access, and its driver tries to serve it, before they give up. */
export const MOST_ATOMIC_TRIES = 2

const mayBeAtomic: Grants = (entry) => READ_ONCE(entry).atomic

/** The device page table does not grant the access. */
const FAULT = -1

/**
 * The device adds 1 to the word of `page`, atomically. Between its load and its store the access is under way, which an
 * invalidation waits for.
 *
 * Several devices can take a page from each other for ever (H25): here a device gives up after
 * {@link MOST_ATOMIC_TRIES} faults.
 *
 * @returns 0; -EBUSY if others were faster each time; or what the driver answered to a fault that it could not serve
 */
export const deviceAtomic = procedure(
  'device atomic access',
  function* (current: Task, mirror: Mirror, page: number): Running<number> {
    return yield* deviceAtomicTry(current, mirror, page, 0)
  },
)

/** One try, after `faults` faults. */
export const deviceAtomicTry = procedure(
  'device atomic access (try)',
  function* (current: Task, mirror: Mirror, page: number, faults: number): Running<number> {
    const access = accessOf(mirror, current)
    const loaded = yield* step('load', () => load(mirror, access, page, faults))
    if (loaded === FAULT) return yield* become(serveAtomicFault, current, mirror, page, faults)
    yield* step('store', () => {
      store(mirror, access, loaded)
      return 0
    })
    return 0
  },
)

/** The driver serves the fault, and the device tries again, unless it has had enough. */
export const serveAtomicFault = procedure(
  'device atomic fault',
  function* (current: Task, mirror: Mirror, page: number, faults: number): Running<number> {
    if (faults === MOST_ATOMIC_TRIES) return -Errno.EBUSY
    const error = yield* atomicFault(current, mirror, page)
    return error ? error : yield* become(deviceAtomicTry, current, mirror, page, faults + 1)
  },
)

function load(mirror: Mirror, access: Access, page: number, faults: number): number {
  claim(
    'C5',
    faults === 0 || access.granted,
    `an atomic fault of ${mirror.name} on page ${page} is answered with 0, and no entry was programmed for it`,
  )
  access.granted = false
  if (!translate(mirror, access, page, mayBeAtomic)) return FAULT
  const seen = access.frame?.contents ?? 0
  const expected = ownExpected(mirror.mm, page).value
  claim(
    'data',
    seen === expected,
    `${mirror.name} loads ${seen} from page ${page}, last written was ${expected}`,
  )
  return seen
}

function store(mirror: Mirror, access: Access, loaded: number): void {
  const page = access.page - 1
  const { frame } = access
  claim(
    'C43',
    frame?.contents === loaded,
    `${mirror.name} has loaded ${loaded} from page ${page} and finds ${frame?.contents} there as it stores`,
  )
  if (frame) frame.contents = loaded + 1
  ownExpected(mirror.mm, page).value = loaded + 1
  endAccess(access)
}

/**
 * A fault of the device that wants a page to itself.
 *
 * @returns 0 when it has it; -EFAULT if the page may not be written, or the address space is gone; -ENOMEM; -EBUSY if others
 * were faster each time; -EOPNOTSUPP, where access is had page by page, if the page is not anonymous
 */
export const atomicFault = procedure(
  'atomic fault',
  function* (current: Task, mirror: Mirror, page: number): Running<number> {
    if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
    const error = yield* atomicFaultTry(current, mirror, page, 0)
    yield* mmput(current, mirror.mm)
    return error
  },
)

/**
 * One try. The page is faulted in before the sequence is taken: one that is exclusive already would be given back as it
 * is taken again, and that moves the sequence, each time (H24). The entry is programmed under the update lock, if the
 * sequence has not moved, and with the page still locked: no CPU gets it back before the device has had it. Where the kernel
 * gives access page by page, it waits for the folio lock and tries again by itself.
 *
 * @see reference B.10, F.1
 */
export const atomicFaultTry = procedure(
  'atomic fault (try)',
  function* (current: Task, mirror: Mirror, page: number, tries: number): Running<number> {
    const { mm, notifier, updateLock } = mirror
    const error = yield* faultIn(current, mirror, page)
    if (error) return error
    const { notifierSeq } = rangeOf(mirror, current)
    yield* mmu_interval_read_begin(notifier, notifierSeq)
    yield* mm.mmapLock.lockRead()
    const pfn = current.machine.rules.exclusiveByPage
      ? yield* make_device_exclusive(current, mm, page, mirror.exclusiveOwner)
      : only(yield* make_device_exclusive_range(current, mm, page, page + 1, mirror.exclusiveOwner))
    yield* mm.mmapLock.unlockRead()
    if (pfn < 0) return pfn
    if (pfn === 0) return yield* become(atomicFaultAgain, current, mirror, page, tries)
    const frame = current.machine.frames[pfn]
    yield* updateLock.lock()
    const collided = yield* mmu_interval_read_retry(notifier, notifierSeq)
    if (!collided)
      yield* step('program an exclusive entry', () => {
        mapAtomic(mirror, page, frame.pfn)
        return 0
      })
    yield* updateLock.unlock()
    yield* letGoOfPage(frame)
    return collided ? yield* become(atomicFaultAgain, current, mirror, page, tries) : 0
  },
)

/** The one frame of a range of one page, 0 if it is not exclusive; or -EFAULT. */
function only([pfn = -Errno.EFAULT]: readonly number[]): number {
  return pfn
}

/** Has the page made present and writable, as for an access of a CPU. */
export const faultIn = procedure(
  'atomic fault (fault in)',
  function* (current: Task, { mm }: Mirror, page: number): Running<number> {
    yield* mm.mmapLock.lockRead()
    const error = yield* fixup_user_fault(current, mm, page)
    yield* mm.mmapLock.unlockRead()
    return error
  },
)

/** Tries again, unless it was tried often enough. */
export const atomicFaultAgain = procedure(
  'atomic fault (again)',
  function* (current: Task, mirror: Mirror, page: number, tries: number): Running<number> {
    if (tries === MOST_ATOMIC_TRIES) return -Errno.EBUSY
    return yield* become(atomicFaultTry, current, mirror, page, tries + 1)
  },
)

/** Exclusive access lasts at least until here: who wants the page back waits for its lock. */
const letGoOfPage = procedure('unlock and put', function* (frame: Frame): Running<void> {
  yield* folio_unlock(frame)
  yield* folio_put(frame)
})

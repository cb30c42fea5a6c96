/**
 * Atomic accesses of a device: it loads a word and stores a new value, and no other write may come
 * in between. CPUs do not take part in the device's atomic operations, so the driver takes
 * exclusive access to the page first.
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

/** The most device faults for one atomic access, and the most tries of the driver for one fault. */
export const MOST_ATOMIC_TRIES = 2

const mayBeAtomic: Grants = (entry) => READ_ONCE(entry).atomic

/** The device page table does not permit the access. */
const FAULT = -1

/**
 * The device adds 1 to the word of `page`, atomically. Between its load and its store the access is
 * in progress, and an invalidation waits for it.
 *
 * Several devices can take a page from each other for ever (H25). Here a device gives up after
 * {@link MOST_ATOMIC_TRIES} faults.
 *
 * @returns 0; -EBUSY if other devices were faster each time; or the error of a fault that the
 * driver could not handle
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

/** The driver handles the fault, and the device retries unless it has reached the limit. */
export const serveAtomicFault = procedure(
  'device atomic fault',
  function* (current: Task, mirror: Mirror, page: number, faults: number): Running<number> {
    if (faults === MOST_ATOMIC_TRIES) return -Errno.EBUSY
    const error = yield* (mirror.driver.atomicFault ?? atomicFault)(current, mirror, page)
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
 * A device fault for exclusive access.
 *
 * @returns 0 if the device has exclusive access; -EFAULT if the page is not writable, or the
 * address space is gone; -ENOMEM; -EBUSY if other devices were faster each time; -EOPNOTSUPP from
 * Linux 6.15 on if the page is not anonymous
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
 * One try. The page is faulted in before mmu_interval_read_begin: the fault ends exclusive access
 * that another device has, and its invalidation would change the sequence number each time (H24).
 * The entry is programmed under the update lock, if the sequence number has not changed, and with
 * the page still locked: no CPU fault restores the page before the device has used it. From Linux
 * 6.15 on the kernel waits for the folio lock and retries by itself.
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
    const pfn = yield* makePageExclusive(current, mirror, page)
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

/**
 * Takes exclusive access to one page, as the release does. The mmap lock is held.
 *
 * @returns its locked frame; 0 if it is not exclusive; or a negative error number
 */
export function* makePageExclusive(
  current: Task,
  { mm, exclusiveOwner }: Pick<Mirror, 'mm' | 'exclusiveOwner'>,
  page: number,
): Running<number> {
  if (current.machine.rules.exclusiveByPage)
    return yield* make_device_exclusive(current, mm, page, exclusiveOwner)
  const [pfn = -Errno.EFAULT] = yield* make_device_exclusive_range(
    current,
    mm,
    page,
    page + 1,
    exclusiveOwner,
  )
  return pfn
}

/** Makes the page present and writable, as for a CPU write. */
export const faultIn = procedure(
  'atomic fault (fault in)',
  function* (current: Task, { mm }: Mirror, page: number): Running<number> {
    yield* mm.mmapLock.lockRead()
    const error = yield* fixup_user_fault(current, mm, page)
    yield* mm.mmapLock.unlockRead()
    return error
  },
)

/** Retries unless the limit is reached. */
export const atomicFaultAgain = procedure(
  'atomic fault (again)',
  function* (current: Task, mirror: Mirror, page: number, tries: number): Running<number> {
    if (tries === MOST_ATOMIC_TRIES) return -Errno.EBUSY
    return yield* become(atomicFaultTry, current, mirror, page, tries + 1)
  },
)

/** Exclusive access lasts at least until here: a CPU fault waits for the folio lock. */
const letGoOfPage = procedure('unlock and put', function* (frame: Frame): Running<void> {
  yield* folio_unlock(frame)
  yield* folio_put(frame)
})

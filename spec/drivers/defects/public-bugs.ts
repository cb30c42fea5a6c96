/**
 * Public bugs of drivers and of the kernel, each in its own form.
 *
 * @module
 */
import {
  allocateAndCopy,
  atomicFaultAgain,
  atomicFaultTry,
  bringBack,
  faultIn,
  invalidate,
  mapAtomic,
  populate,
  populatePinned,
  rangeOf,
  recordAndUnmap,
  systemFrames,
} from '../../../src/driver/index.js'
import { hmm_free, lifetimeOf } from '../../../src/generations/index.js'
import {
  Errno,
  folio_lock,
  free_zone_device_folio,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  make_device_exclusive_range,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  migrateToRam,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_insert,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  putPage,
  putRegion,
  SELECT_DEVICE_PRIVATE,
  type Task,
  unlockPage,
  VM_FAULT_OOM,
} from '../../../src/kernel/index.js'
import { become, onStep, override, READ_ONCE, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

function* releaseFolio({ machine }: Task, pfn: number): Running<void> {
  yield* step('unlock and put the page', () => {
    unlockPage(machine.frames[pfn])
    putPage(machine.frames[pfn])
    return 0
  })
}

/**
 * The region and the number of pages are read from the page after it was returned to its driver.
 */
const readAfterFree = override(
  free_zone_device_folio,
  () =>
    function* (parts): Running<void> {
      const [folio] = parts
      yield* step('folio_free', () => {
        for (const frame of parts) frame.pgmap?.ops.pageFree?.(frame)
        return 0
      })
      yield* step('percpu_ref_put_many', () => {
        const { compound, pgmap, memmap, pfn } = folio
        // In a part that is not the first, something else is where the region was.
        if (compound > 1 || pgmap === undefined) return 0
        const pages = memmap.slice(pfn).findIndex((part, index) => part.compound !== index + 1)
        putRegion(pgmap, compound === 0 ? parts.length : pages < 0 ? memmap.length - pfn : pages)
        return 0
      })
    },
)

/** The page stays locked and referenced when the driver retries. */
const retryWithoutUnlock = override(
  atomicFaultTry,
  () =>
    function* (current, mirror, page, tries): Running<number> {
      const { mm, notifier, updateLock } = mirror
      const error = yield* faultIn(current, mirror, page)
      if (error) return error
      const { notifierSeq } = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(notifier, notifierSeq)
      yield* mm.mmapLock.lockRead()
      const pages = yield* make_device_exclusive_range(current, mm, page, page + 1, mirror.exclusiveOwner)
      yield* mm.mmapLock.unlockRead()
      if (pages.length === 0) return -Errno.EFAULT
      if (pages[0] === 0) return yield* become(atomicFaultAgain, current, mirror, page, tries)
      yield* updateLock.lock()
      if (yield* mmu_interval_read_retry(notifier, notifierSeq)) {
        yield* updateLock.unlock()
        return yield* become(atomicFaultAgain, current, mirror, page, tries)
      }
      yield* step('program an exclusive entry', () => {
        mapAtomic(mirror, page, pages[0])
        return 0
      })
      yield* updateLock.unlock()
      yield* releaseFolio(current, pages[0])
      return 0
    },
)

/** The driver maps the page because it is locked, without mmu_interval_read_retry. */
const mapWithoutRetry = override(
  atomicFaultTry,
  () =>
    function* (current, mirror, page, tries): Running<number> {
      const { mm, updateLock } = mirror
      const error = yield* faultIn(current, mirror, page)
      if (error) return error
      yield* mm.mmapLock.lockRead()
      const pages = yield* make_device_exclusive_range(current, mm, page, page + 1, mirror.exclusiveOwner)
      if (pages.length === 0 || pages[0] === 0) {
        yield* mm.mmapLock.unlockRead()
        return pages.length === 0
          ? -Errno.EFAULT
          : yield* become(atomicFaultAgain, current, mirror, page, tries)
      }
      yield* updateLock.lock()
      yield* step('program an exclusive entry', () => {
        mapAtomic(mirror, page, pages[0])
        return 0
      })
      yield* updateLock.unlock()
      yield* releaseFolio(current, pages[0])
      yield* mm.mmapLock.unlockRead()
      return 0
    },
)

/** The structure is freed before its notifier is removed from the list. */
const freeBeforeUnregistering = override(
  hmm_free,
  () =>
    function* (owner): Running<void> {
      const lifetime = lifetimeOf(owner)
      yield* step('mm->hmm = NULL', () => {
        lifetime.allocated = false
        return 0
      })
      yield* step('take off the list', () => {
        lifetime.linked = false
        return 0
      })
    },
)

/** The callback marks pages dirty, and takes the folio lock of each. */
const dirtyUnderFolioLock = override(
  recordAndUnmap,
  (original) =>
    function* (current, mirror, range, curSeq) {
      for (let page = range.start; page < range.end; page++) {
        const written = yield* step('find a page that the device could write', () => {
          const { frame, write } = mirror.pageTable[page]
          return write ? (frame?.pfn ?? 0) : 0
        })
        if (written === 0) continue
        const frame = mirror.frames[written]
        yield* folio_lock(frame)
        yield* step('set_page_dirty, and unlock', () => {
          frame.dirty = true
          unlockPage(frame)
          return 0
        })
      }
      yield* original(current, mirror, range, curSeq)
    },
)

/** The result of migrate_to_ram is dropped. */
const dropTheAnswer = override(
  migrateToRam,
  (original) =>
    function* (current, mm, page, fault): Running<number> {
      yield* original(current, mm, page, fault)
      return 0
    },
)

/** The migration does not know the reference of the fault, and takes it for another user's. */
const withoutFaultPage = override(
  bringBack,
  () =>
    function* (current, mm, page, fault): Running<number> {
      const { owner } = current.machine.frames[fault.pfn]
      const args = { mm, start: page, end: page + 1, owner, select: SELECT_DEVICE_PRIVATE }
      yield* migrate_vma_setup(current, args)
      const short = yield* allocateAndCopy(current, args, systemFrames(current))
      yield* migrate_vma_pages(current, args)
      yield* migrate_vma_finalize(current, args)
      return short ? VM_FAULT_OOM : 0
    },
)

/** The notifier is inserted without a check of mm_users. */
const insertUnseen = onStep(mmu_interval_notifier_insert, 'insert', (_original, sub) => {
  const { subscriptions: subs } = sub.mm
  return () => {
    const isInvalidating = (subs.seq & 1) === 1
    sub.allocated = true
    if (subs.active > 0 && !isInvalidating) subs.seq = subs.seq | 1
    sub.seq = subs.active > 0 ? subs.seq : subs.seq - 1
    sub.inTree = !isInvalidating
    sub.deferred = isInvalidating
    sub.lifecycle.signal(
      isInvalidating ? 'INSERT_DEFERRED' : subs.active > 0 ? 'INSERTED_DURING_INVALIDATION' : 'INSERTED',
    )
    return 0
  }
})

/** The driver is a user of the address space while its device maps a page. */
const keepUser = override(
  populate,
  () =>
    function* (current, mirror, start, end, write): Running<number> {
      const defaultFlags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)
      if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
      const error = yield* populatePinned(current, mirror, start, end, { defaultFlags, pfnFlagsMask: 0 })
      const isMapped = yield* step('keep the user', () =>
        mirror.pageTable.some((entry) => READ_ONCE(entry).frame !== undefined) ? 1 : 0,
      )
      if (!isMapped) yield* mmput(current, mirror.mm)
      return error
    },
)

/** And drops the user in the callback that unmaps the page. */
const dropUserInCallback = override(
  invalidate,
  (original) =>
    function* (current, mirror, range, curSeq) {
      const wasMapped = yield* step('look what is mapped', () =>
        mirror.pageTable.some((entry) => READ_ONCE(entry).frame !== undefined) ? 1 : 0,
      )
      const done = yield* original(current, mirror, range, curSeq)
      if (done && wasMapped) yield* mmput(current, mirror.mm)
      return done
    },
)

/** Only a fault that starts at the first page is handled. */
const refuseOtherPages = override(
  populate,
  (original) =>
    function* (current, mirror, start, _end, write): Running<number> {
      if (start > 0) return -Errno.EFAULT
      return yield* original(current, mirror, start, start + 1, write)
    },
)

/** Public bugs. */
export const publicDefects: readonly Defect[] = [
  {
    name: 'D56',
    kind: 'history',
    title: 'a folio of device memory is read after it was returned to its driver',
    text:
      'free_zone_device_folio calls folio_free, and reads the region and the order of the folio ' +
      'afterwards. By then the driver may have allocated the page again, as part of a large folio: the ' +
      'wrong number of references is dropped, or those of another region. Fix: read both before.',
    source: ['reference D56', 'CVE-2026-46277', 'mm/memremap.c: free_zone_device_folio'],
    requirement: 'C44',
    scenario: 'free-and-reuse',
    overrides: [readAfterFree],
    steps: 23,
  },
  {
    name: 'D14',
    kind: 'history',
    title: 'a driver retries without unlocking the page',
    text:
      'make_device_exclusive() returns the folio locked and with a reference. The sequence number has ' +
      'changed, and the driver retries without dropping either: no other thread gets the folio lock, ' +
      'and a CPU that faults on the page waits for ever. Fixed in 6.14: unlock and put on every path.',
    source: ['reference D14', 'drivers/gpu/drm/nouveau, commit b3fefbb30a16'],
    requirement: 'deadlock',
    scenario: 'exclusive',
    overrides: [retryWithoutUnlock],
    steps: 79,
  },
  {
    name: 'D24',
    kind: 'history',
    title: 'struct hmm is freed before its notifier is unregistered',
    text:
      'The last mirror is unregistered: mm->hmm is cleared before the notifier is removed from the ' +
      'list. A callback that runs in between finds no struct hmm. Fixed in 4.20 by the reverse order.',
    source: ['reference D24', 'mm/hmm.c, commit 86a2d59841ab'],
    requirement: 'use-after-free',
    scenario: 'hmm-lifetime',
    generation: '5.4',
    overrides: [freeBeforeUnregistering],
    steps: 38,
  },
  {
    name: 'X312',
    kind: 'mutation',
    title: 'the callback takes a folio lock under the update lock',
    text:
      'The driver marks pages as dirty in its callback and takes the folio lock for it. Reclaim holds a folio ' +
      'lock and waits for the update lock in another callback: a deadlock (as D34, where it was the fault handler).',
    source: ['our own', 'reference B.0, C18, D34'],
    requirement: 'C18',
    scenario: 'munmap',
    overrides: [dirtyUnderFolioLock],
    steps: 19,
  },
  {
    name: 'D45',
    kind: 'history',
    title: 'the result of migrate_to_ram is dropped',
    text:
      'The fault on a device page ignores the result of migrate_to_ram: VM_FAULT_OOM and ' +
      'VM_FAULT_SIGBUS count as success, and the task faults again for ever. Fixed in 6.1.',
    source: ['reference D45', 'mm/memory.c, commit 4a955bed882e'],
    requirement: 'C30',
    scenario: 'short-of-memory',
    overrides: [dropTheAnswer],
    steps: 24,
  },
  {
    name: 'D46',
    kind: 'history',
    title: 'migrate_to_ram does not set fault_page',
    text:
      'The fault holds a reference to the page, and the driver does not set fault_page: its migration ' +
      'takes it for the reference of another user, and never migrates the page. The task never gets ' +
      'its data. Fixed in 6.1.',
    source: ['reference D46', 'drivers/gpu/drm/nouveau, commit 97061d441110'],
    requirement: 'C30',
    scenario: 'migrate',
    overrides: [withoutFaultPage],
    steps: 44,
  },
  {
    name: 'X310',
    kind: 'mutation',
    title: 'a notifier is inserted without a check of mm_users',
    text:
      'mmu_interval_notifier_insert() does not check mm_users. The process has exited, and every ' +
      'notifier was released; this one never is. (As in RDMA ODP, where the driver was not a user of ' +
      'the address space.)',
    source: ['our own', 'reference C19, B.1 N1', 'mm/mmu_notifier.c: __mmu_interval_notifier_insert'],
    requirement: 'C19',
    scenario: 'insert-and-exit',
    overrides: [insertUnseen],
    steps: 3,
  },
  {
    name: 'X311',
    kind: 'history',
    title: 'a callback drops the last user of the address space',
    text:
      'The driver holds a user of the address space while its device maps pages, and drops it in the callback ' +
      'that unmaps them. The process has exited meanwhile: the callback runs exit_mmap.',
    source: ['our own', 'drivers/gpu/drm/amd/amdkfd, commit a29e067bd389'],
    requirement: 'callback-users',
    scenario: 'exit-and-reap',
    overrides: [keepUser, dropUserInCallback],
    steps: 25,
  },
  {
    name: 'X319',
    kind: 'mutation',
    title: 'a driver refuses every page but the first',
    text:
      'The fault handler returns -EFAULT for every page but the first, in a VMA that permits the ' +
      'access. No entry is wrong, but the device never gets the page.',
    source: ['our own', 'reference C5'],
    requirement: 'C5',
    scenario: 'munmap',
    set: { pages: 2 },
    overrides: [refuseOtherPages],
    steps: 13,
  },
  {
    name: 'H12',
    kind: 'hazard',
    title: 'an exclusive page is mapped without comparing the sequence',
    text:
      'Read off lib/test_hmm.c. The driver maps the page under the mmap lock, held for reading, and the folio ' +
      'lock. MADV_DONTNEED needs neither: it zaps the device-exclusive entry before the device maps the page, ' +
      'which is freed when the driver drops its reference.',
    source: ['reference B.11 H12', 'lib/test_hmm.c: dmirror_atomic_map'],
    requirement: 'C43',
    scenario: 'exclusive-unmap',
    overrides: [mapWithoutRetry],
    steps: 24,
  },
]

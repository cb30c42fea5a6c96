/**
 * Defects of adding and removing device memory, of its free pages, and of closing a mirror.
 *
 * @module
 */
import {
  addDeviceMemory,
  allocateAndCopy,
  closeWhileFaulting,
  drainHandlers,
  dropFailedCopies,
  evict,
  evictUntilGone,
  freeChunk,
  recordAndUnmap,
  removeDeviceMemory,
  revokePageTable,
  systemFrames,
  unlink,
  unmapPages,
} from '../../../src/driver/index.js'
import {
  folio_migrate_mapping,
  folio_try_get,
  hasSource,
  isFreePage,
  isMigrating,
  memremap_pages,
  memunmap_pages,
  mmu_interval_notifier_remove,
  mmu_interval_set_seq,
  PteKind,
  pagesOf,
  setDestination,
  tryLockPage,
  zap_pte_range,
  zoneDevicePageInit,
} from '../../../src/kernel/index.js'
import { onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The file is closed and its record freed, while its pages stay in device memory. */
const closeWithoutEvicting = override(
  removeDeviceMemory,
  () =>
    function* (_current, chunk) {
      yield* freeChunk(chunk)
      return 0
    },
)

/** The close does not wait for running fault handlers. */
const noDrain = override(drainHandlers, () => function* () {})

/** The callback changes a revoked page table. */
const unmapRegardless = onStep(
  recordAndUnmap,
  'set_seq and unmap',
  (_original, _current, mirror, range, curSeq) => () => {
    mmu_interval_set_seq(mirror.notifier, curSeq)
    unmapPages(mirror, range)
    return 0
  },
)

/** The page table is revoked before the close waits for the handlers. */
const revokeBeforeDrain = override(
  closeWhileFaulting,
  () =>
    function* (_current, mirror) {
      yield* unlink(mirror)
      yield* revokePageTable(mirror)
      yield* drainHandlers(mirror)
      yield* mmu_interval_notifier_remove(mirror.notifier)
      yield* step('free the mirror', () => {
        mirror.notifier.seq = 0
        mirror.notifier.allocated = false
        return 0
      })
    },
)

/**
 * As before Linux 6.1: a free device page has a reference count of one, so a speculative reference
 * succeeds.
 */
const countedFromOne = onStep(
  folio_try_get,
  'raise the count, unless it is zero',
  (_original, frame) => () => {
    if (frame.owner < 0 && frame.refcount === 0) return 0
    frame.refcount += 1
    return 1
  },
)

/** As before Linux 6.1: pages in use have no reference to their region, which does not wait for them. */
const noWaitForPages = onStep(memunmap_pages, 'wait for pgmap->done', () => () => 0)

/** The free page is taken off the list, whose lock is dropped, and then initialised. */
const initialiseUnlocked = override(
  allocateAndCopy,
  (original) =>
    function* (current, args, from) {
      const entry = pagesOf(current)[args.start]
      const taken = yield* step('take a page off the free list', () => {
        const frame = isMigrating(entry) && from.find((free) => free.owner >= 0 && isFreePage(free))
        if (!frame) return 0
        frame.onFreeList = false
        return frame.pfn
      })
      if (taken === 0) return yield* original(current, args, from)
      yield* step('zone_device_page_init', () => {
        const frame = current.machine.frames[taken]
        zoneDevicePageInit(frame)
        tryLockPage(frame)
        setDestination(entry, frame)
        return 0
      })
      yield* step('copy the page', () => {
        const { frames } = current.machine
        if (hasSource(entry)) frames[taken].contents = frames[entry.source].contents
        return 0
      })
      return 0
    },
)

/** The chunk is in the list of chunks, and its lock is dropped, before its pages are on the free list. */
const fillsUnlocked = override(
  addDeviceMemory,
  () =>
    function* (_current, chunk) {
      const { memory } = chunk
      const error = yield* memremap_pages(memory, { owner: memory.owner, ops: memory.ops })
      if (error) return error
      yield* step('enter the chunk, and drop the lock', () => {
        chunk.allocated = true
        return 0
      })
      yield* step('fill the free list', () => {
        for (const frame of memory.frames) frame.onFreeList = true
        return 0
      })
      return 0
    },
)

/** A page that could not be evicted the first time is not retried. */
const evictOnce = override(
  evictUntilGone,
  () =>
    function* (current, chunk) {
      yield* evict(current, chunk.memory)
    },
)

/** The result of the copy is not checked. */
const trustTheCopy = override(
  dropFailedCopies,
  () =>
    function* () {
      return 0
    },
)

/** Entries that are not present are skipped. */
const zapPresentOnly = override(
  zap_pte_range,
  (original) =>
    function* (current, mm, start, end) {
      const device = yield* mm.ptl.critical('look at the entry', () =>
        mm.pte[start].kind === PteKind.devicePrivate ? 1 : 0,
      )
      return device ? [] : yield* original(current, mm, start, end)
    },
)

/** The destination of a migration back is charged like a new page. */
const chargeAgain = override(
  allocateAndCopy,
  (original) =>
    function* (current, args, from) {
      const isBringingBack = from.length === systemFrames(current).length
      const refused = yield* step('allocate a destination', () => {
        const charged = current.machine.frames.filter((frame) => frame.charged).length
        return isBringingBack && charged >= (current.machine.memoryLimit ?? charged + 1) ? 1 : 0
      })
      return refused ? 1 : yield* original(current, args, from)
    },
)

/** The charge stays with the source. */
const chargeLeftBehind = override(
  folio_migrate_mapping,
  (original) =>
    function* (current, args, page) {
      const isHole = yield* original(current, args, page)
      yield* step('take the charge away', () => {
        const { dst } = pagesOf(current)[page]
        if (dst) dst.charged = false
        return 0
      })
      return isHole
    },
)

/** Defects of device memory. */
export const deviceMemoryDefects: readonly Defect[] = [
  {
    name: 'D16',
    kind: 'history',
    title: 'a file is freed while its pages are in use',
    text:
      "The pages of a device refer to the driver's record of the file through which they were migrated. The " +
      'file is closed and the record freed; the pages stay, since a process still maps them. A CPU faults, ' +
      'and migrate_to_ram accesses freed memory. Fixed in 7.1 by evicting at release.',
    source: ['reference D16, G.3 M25', 'lib/test_hmm.c, commit 744dd97752ef'],
    requirement: 'use-after-free',
    scenario: 'remove-while-faulting',
    overrides: [closeWithoutEvicting],
    steps: 7,
  },
  {
    name: 'D17',
    kind: 'history',
    title: 'a mirror is freed while a fault of its device is being handled',
    text:
      'The handler has found the mirror and dropped the lock under which it was looked up. The client ' +
      'closes, and the mirror is freed. The handler continues with freed memory. Fixed by waiting for the ' +
      'handlers after the mirror has been unlinked.',
    source: ['reference D17, G.3 M25', 'drivers/gpu/drm/nouveau/nouveau_svm.c, commit b46ddaf08234'],
    requirement: 'use-after-free',
    scenario: 'close-while-faulting',
    overrides: [noDrain],
    steps: 12,
  },
  {
    name: 'D35',
    kind: 'history',
    title: 'an invalidation changes a revoked page table',
    text:
      'The memory region is revoked, which frees the key of its page table. munmap notifies the driver, ' +
      'since its notifier is still inserted, and the driver posts an update with the freed key: the ' +
      'hardware reports an error, and the shared queue stops. Fixed in 6.14: revoked under the update lock, ' +
      'and recorded for the callback.',
    source: ['reference D35', 'drivers/infiniband/hw/mlx5/odp.c, commit abb604a1a9c8'],
    requirement: 'revoked',
    scenario: 'close-while-faulting',
    overrides: [unmapRegardless],
    steps: 12,
  },
  {
    name: 'M28',
    kind: 'mutation',
    title: 'a fault changes a revoked page table',
    text: 'The page table is revoked before the fault handlers are waited for: one of them maps a page in it.',
    source: ['reference G.3 M28', 'the same class as D35'],
    requirement: 'revoked',
    scenario: 'close-while-faulting',
    overrides: [revokeBeforeDrain],
    steps: 18,
  },
  {
    name: 'D51',
    aliases: ['M18'],
    kind: 'history',
    title: 'a free device page has a count of one',
    text:
      'A page-frame walker takes a page by its number if its count is not zero, and that of a free device ' +
      'page was one. It references a free page, and when it drops the reference the page is freed a second ' +
      'time, or while its new user has it. Fixed in 6.1.',
    source: ['reference D51, G.3 M18', 'mm/memremap.c, commit ef233450898f'],
    requirement: 'C46',
    scenario: 'speculative-reference',
    generation: '5.4',
    overrides: [countedFromOne],
    steps: 1,
  },
  {
    name: 'X71',
    kind: 'history',
    title: 'a region does not wait for its pages',
    text:
      'A page in use had no reference to its region: memunmap_pages completes, and the struct page of a ' +
      'page that a process still maps is gone. Fixed in 6.1, where a page takes one when it is allocated.',
    source: ['reference D51, C44', 'mm/memremap.c, commit 0dc45ca1ce18'],
    requirement: 'C44',
    scenario: 'unplug',
    overrides: [noWaitForPages],
    steps: 4,
  },
  {
    name: 'X70',
    kind: 'hazard',
    title: 'a page is taken off the free list, and initialised while its region is being removed',
    text:
      "Read off the kernel's test driver, and nouveau. The lock of the free list is dropped before " +
      'zone_device_page_init: in between the page is on no list and has no reference. A thread that removes ' +
      'the region empties the list, and finds no page in use. Then the page is initialised: memunmap_pages ' +
      'waits for a page that is not evicted any more, or has completed, and the page belongs to a removed ' +
      'region (C44). Fixed by taking the reference before the lock is dropped: the reference does, and ' +
      'holds.',
    source: [
      'our own',
      'reference C44, B.8',
      'lib/test_hmm.c: dmirror_devmem_alloc_page, dmirror_device_remove_chunks',
    ],
    requirement: 'refinement',
    scenario: 'hotplug',
    overrides: [initialiseUnlocked],
    steps: 13,
  },
  {
    name: 'X413',
    kind: 'hazard',
    title: 'a chunk is removed before its pages are on the free list',
    text:
      'The second race of X70. dmirror_allocate_chunk enters the new chunk, drops the lock of the chunks, and then puts its ' +
      'pages on the free list. A thread that removes the chunk in between empties the list before they are on it. A migration ' +
      'then takes such a page, although it initialises it under the lock of the list, while memunmap_pages waits or has ' +
      'completed. Fixed by filling the list before the lock of the chunks is dropped: the reference does, and holds.',
    source: [
      'our own',
      'reference C44, B.8',
      'lib/test_hmm.c: dmirror_allocate_chunk, dmirror_device_remove_chunks',
    ],
    requirement: 'refinement',
    scenario: 'hotplug',
    overrides: [fillsUnlocked],
    steps: 13,
  },
  {
    name: 'X73',
    kind: 'mutation',
    title: 'eviction does not retry the pages that it could not migrate',
    text:
      'A page is locked by the migration that fills it when eviction passes, and is skipped. It is never ' +
      'evicted later: memunmap_pages waits for it for ever.',
    source: ['our own', 'reference B.8, C44', 'lib/test_hmm.c: dmirror_device_evict_chunk'],
    requirement: 'deadlock',
    scenario: 'hotplug',
    overrides: [evictOnce],
    steps: 22,
  },
  {
    name: 'X74',
    kind: 'mutation',
    title: 'a copy from an unplugged device counts as complete',
    text:
      'The device was present when the fault began, and was unplugged during the copy. The incomplete ' +
      'copy is mapped all the same.',
    source: ['our own', 'reference C30, C38, B.11 H15'],
    requirement: 'C39',
    scenario: 'unplug',
    overrides: [trustTheCopy],
    steps: 18,
  },
  {
    name: 'X75',
    kind: 'mutation',
    title: 'exit does not zap entries of device memory',
    text:
      'Only present entries are zapped: a page in device memory keeps its reference, which is never ' +
      'dropped.',
    source: ['our own', 'reference C45'],
    requirement: 'C45',
    scenario: 'device-memory-exit',
    set: { remove: 0 },
    overrides: [zapPresentOnly],
    steps: 65,
  },
  {
    name: 'X76',
    kind: 'mutation',
    title: 'a page that migrates back is charged a second time',
    text:
      'The system page that it is copied to is charged like a new one, while the device page still is ' +
      'charged. A process at its limit can never access the page again.',
    source: ['our own', 'reference C33'],
    requirement: 'C33',
    scenario: 'memory-limit',
    overrides: [chargeAgain],
    steps: 12,
  },
  {
    name: 'X77',
    kind: 'mutation',
    title: 'the charge does not move with the data',
    text:
      'A page is migrated, and its destination is not charged: a process exceeds its limit by way of a ' +
      'device.',
    source: ['our own', 'reference C33'],
    requirement: 'C33',
    scenario: 'memory-limit',
    overrides: [chargeLeftBehind],
    steps: 17,
  },
]

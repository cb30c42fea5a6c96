/**
 * Defects of device memory itself: of its plugging, its removal, its free pages, and of the end of a mirror.
 *
 * @module
 */
import {
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
} from '../../src/driver/index.js'
import {
  folioTryGet,
  hasSource,
  isFreePage,
  isMigrating,
  migratePage,
  mmuIntervalNotifierRemove,
  mmuIntervalSetSeq,
  PteKind,
  pagesOf,
  setDestination,
  tryLockPage,
  waitForPages,
  zapPteRange,
  zoneDevicePageInit,
} from '../../src/kernel/index.js'
import { override, step } from '../../src/world/index.js'
import type { Defect } from '../defect.js'

/** The file is closed, and what belongs to it is freed; its pages stay where they are. */
const closeWithoutEvicting = override(
  removeDeviceMemory,
  () =>
    function* (_current, chunk) {
      yield* freeChunk(chunk)
      return 0
    },
)

/** Nobody waits for who has found the mirror already. */
const noDrain = override(drainHandlers, () => function* () {})

/** The callback changes the page table, revoked or not. */
const unmapRegardless = override(
  recordAndUnmap,
  () =>
    function* (_current, mirror, range, curSeq) {
      yield* step('set_seq and unmap', () => {
        mmuIntervalSetSeq(mirror.notifier, curSeq)
        unmapPages(mirror, range)
        return 0
      })
    },
)

/** The page table is revoked first, and the handlers are waited for afterwards. */
const revokeBeforeDrain = override(
  closeWhileFaulting,
  () =>
    function* (_current, mirror) {
      yield* unlink(mirror)
      yield* revokePageTable(mirror)
      yield* drainHandlers(mirror)
      yield* mmuIntervalNotifierRemove(mirror.notifier)
      yield* step('free the mirror', () => {
        mirror.notifier.seq = 0
        mirror.notifier.allocated = false
        return 0
      })
    },
)

/** As before Linux 6.1: a free device page has a count of one, and so there is one to raise. */
const countedFromOne = override(
  folioTryGet,
  () =>
    function* (frame) {
      return yield* step('raise the count, unless it is zero', () => {
        if (frame.owner < 0 && frame.refcount === 0) return 0
        frame.refcount += 1
        return 1
      })
    },
)

/** As before Linux 6.1: pages in use have no reference to their region, which does not wait for them. */
const noWaitForPages = override(waitForPages, () => function* () {})

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

/** What could not be had the first time is left alone. */
const evictOnce = override(
  evictUntilGone,
  () =>
    function* (current, chunk) {
      yield* evict(current, chunk.memory)
    },
)

/** How the copy went is not asked. */
const trustTheCopy = override(
  dropFailedCopies,
  () =>
    function* () {
      return 0
    },
)

/** Entries that are not present are passed over. */
const zapPresentOnly = override(
  zapPteRange,
  (original) =>
    function* (current, mm, start, end) {
      const device = yield* mm.ptl.critical('look at the entry', () =>
        mm.pte[start].kind === PteKind.devicePrivate ? 1 : 0,
      )
      return device ? [] : yield* original(current, mm, start, end)
    },
)

/** A page of system memory to bring one back to is charged for like a new one. */
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

/** The charge stays with the page that the data has left. */
const chargeLeftBehind = override(
  migratePage,
  (original) =>
    function* (current, args, page) {
      const isHole = yield* original(current, args, page)
      yield* step('take the charge away', () => {
        const destination = pagesOf(current)[page].destination
        if (destination > 0) current.machine.frames[destination - 1].charged = false
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
      'The pages of a device lead to what the driver keeps of the file through which they were filled. The file is closed and that is freed; ' +
      'the pages stay, since a process still has them. A CPU faults, and migrate_to_ram looks at what is free. Fixed in 7.1 by evicting at ' +
      'the release.',
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
      'The handler has found the mirror and dropped the lock under which it looks it up. The client closes, and the mirror is freed. The ' +
      'handler goes on with what is free. Fixed by waiting for the handlers after nobody can find the mirror any more.',
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
      'The memory region is revoked, and with it the key of its page table is free. munmap tells the driver of a change, since its notifier is ' +
      'still there, and the driver posts an update of what is there no more: the hardware answers with an error, and the queue stops for ' +
      'everybody. Fixed in 6.14: revoked under the update lock, and noted where the callback looks.',
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
    text: 'The page table is revoked before those who handle faults are waited for: one of them maps a page in it.',
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
      'A walker of page frames takes a page by its number, if its count is not zero: and that of a free device page was one. It holds a page ' +
      'that nobody has, and when it lets go the page is freed a second time, or under whoever got it meanwhile. Fixed in 6.1.',
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
      'A page in use had no reference to its region: memunmap_pages completes, and the struct page of what a process still has is ' +
      'gone. Fixed in 6.1, where a page takes one as it is allocated.',
    source: ['reference D51, C44', 'mm/memremap.c, commit 0dc45ca1ce18'],
    requirement: 'C44',
    scenario: 'unplug',
    overrides: [noWaitForPages],
    steps: 3,
  },
  {
    name: 'X70',
    kind: 'hazard',
    title: 'a page is taken off the free list, and initialised while its region is being removed',
    text:
      "Read off the kernel's test driver, and nouveau. The lock of the free list is dropped before zone_device_page_init: in between the page is on no " +
      'list and has no reference. Who removes the region empties the list, and finds nothing in use. Then the page is initialised: ' +
      'memunmap_pages waits for a page that nobody evicts any more, or has completed, and the page is one of a region that is gone (C44). To take ' +
      'the reference before the lock is dropped mends it: the reference does, and holds.',
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
    name: 'X73',
    kind: 'mutation',
    title: 'eviction does not retry the pages that it could not migrate',
    text:
      'A page is locked by the migration that fills it as eviction comes by, and left alone. Nobody evicts it later: memunmap_pages waits ' +
      'for it, and nobody else wants to.',
    source: ['our own', 'reference B.8, C44', 'lib/test_hmm.c: dmirror_device_evict_chunk'],
    requirement: 'deadlock',
    scenario: 'hotplug',
    overrides: [evictOnce],
    steps: 22,
  },
  {
    name: 'X74',
    kind: 'mutation',
    title: 'a copy from a device that is gone counts as complete',
    text:
      'The device was there when the fault began, and is not when it has copied. What has arrived is mapped all the same, and is not what was ' +
      'written.',
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
    text: 'Only present entries are zapped: a page in device memory keeps its reference, and nobody can ever give it back.',
    source: ['our own', 'reference C45'],
    requirement: 'C45',
    scenario: 'device-memory-exit',
    set: { remove: 0 },
    overrides: [zapPresentOnly],
    steps: 63,
  },
  {
    name: 'X76',
    kind: 'mutation',
    title: 'a page that migrates back is charged a second time',
    text:
      'The page of system memory that it is copied to is charged like a new one, while the device page still is. A process at its limit ' +
      'can never touch the page again.',
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
    text: 'A page is migrated, and nobody is charged for its destination: a process gets around its limit by way of a device.',
    source: ['our own', 'reference C33'],
    requirement: 'C33',
    scenario: 'memory-limit',
    overrides: [chargeLeftBehind],
    steps: 17,
  },
]

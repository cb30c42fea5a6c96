/**
 * Defects of drivers.
 *
 * One table, in the order of the rules that they break; that is why it is long.
 *
 * @module
 */
import {
  type Device,
  flushDevice,
  invalidate,
  lockForInvalidation,
  type Mirror,
  mapPage,
  pageAddress,
  populate,
  populateAgain,
  populateOnce,
  populatePinned,
  program,
  rangeOf,
  recordAndUnmap,
  referenceDriver,
  unmapPages,
  type Wanted,
} from '../../../src/driver/index.js'
import {
  alloc_page,
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_WRITE,
  type HmmRequest,
  hmm_range_fault,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  RangeResult,
  type Task,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import {
  acting,
  BLOCKED,
  become,
  onStep,
  override,
  READ_ONCE,
  type Running,
  step,
} from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

function requestOf(start: number, end: number, wanted: Wanted): HmmRequest {
  return { start, end, owner: -1, ...wanted }
}

/**
 * The walk as every driver makes it; the defects are in the other steps. Its steps belong to its
 * caller.
 */
function* walkUnderMmapLock(current: Task, mirror: Mirror, request: HmmRequest): Running<number> {
  yield* mirror.mm.mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, rangeOf(mirror, current), request)
  yield* mirror.mm.mmapLock.unlockRead()
  return error
}

/** The sequence number is compared before the lock is taken. */
const compareOutsideLock = override(
  populateOnce,
  () =>
    function* (current, mirror, start, end, wanted) {
      const { notifierSeq } = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, notifierSeq)
      const error = yield* walkUnderMmapLock(current, mirror, requestOf(start, end, wanted))
      if (error === -Errno.EBUSY) return yield* become(populateAgain, current, mirror, start, end, wanted)
      if (error) return error
      if (yield* mmu_interval_read_retry(mirror.notifier, notifierSeq))
        return yield* become(populateAgain, current, mirror, start, end, wanted)
      yield* mirror.updateLock.lock()
      const failed = yield* program(current, mirror, start, end)
      yield* mirror.updateLock.unlock()
      return failed
    },
)

/** A fault that fails does not drop its user of the address space. */
const putOnlyOnSuccess = override(
  populatePinned,
  () =>
    function* (current, mirror, start, end, wanted) {
      if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
      const error = yield* populateOnce(current, mirror, start, end, wanted)
      if (!error) yield* mmput(current, mirror.mm)
      return error
    },
)

/** A fault that succeeds drops one user of the address space too many. */
const putTwice = override(
  populatePinned,
  (original) =>
    function* (current, mirror, start, end, wanted) {
      const error = yield* original(current, mirror, start, end, wanted)
      if (!error) yield* mmput(current, mirror.mm)
      return error
    },
)

/** The callback waits for the update lock even if the range is not blockable. */
const sleepAlways = override(
  lockForInvalidation,
  () =>
    function* (mirror) {
      yield* mirror.updateLock.lock()
      return 1
    },
)

/** The sequence number is not set if no page is mapped. */
const skipWhereNothingIsMapped = onStep(
  recordAndUnmap,
  'set_seq and unmap',
  (_original, _current, mirror, range, curSeq) => () => {
    if (mirror.pageTable.every((entry) => entry.frame === undefined)) return 0
    mmu_interval_set_seq(mirror.notifier, curSeq)
    unmapPages(mirror, range)
    return 0
  },
)

/** The callback does not wait for the device. */
const flushWithoutWaiting = override(
  flushDevice,
  () =>
    function* (mirror, range) {
      yield* step('flush the device TLB', () => {
        forget(mirror, range.start, range.end)
        return 0
      })
    },
)

/** The callback waits for accesses, and does not flush the TLB. */
const waitWithoutFlushing = override(
  flushDevice,
  () =>
    function* (mirror, range) {
      yield* step('wait for its accesses', () => {
        for (const access of mirror.accesses.values())
          if (access.page - 1 >= range.start && access.page - 1 < range.end) return BLOCKED
        return 0
      })
    },
)

function forget(mirror: Device, start: number, end: number): void {
  for (let page = start; page < end; page++) {
    mirror.tlb[page].frame = undefined
    mirror.tlb[page].write = false
  }
}

/** The sequence number is set, and the entries stay. */
const recordWithoutUnmapping = override(
  recordAndUnmap,
  () =>
    function* (_current, mirror, _range, curSeq) {
      yield* step('set_seq', () => {
        mmu_interval_set_seq(mirror.notifier, curSeq)
        return 0
      })
    },
)

/** The device maps every page writable. */
const mapEverythingWritable = override(
  program,
  () =>
    function* (current, mirror, start, end) {
      const range = rangeOf(mirror, current)
      for (let page = start; page < end; page++)
        yield* step('program an entry', () => {
          mapPage(mirror, range, page)
          mirror.pageTable[page].write = true
          return 0
        })
      return 0
    },
)

/** Every entry of the array is mapped, valid or not. */
const mapWithoutLooking = override(
  program,
  () =>
    function* (current, mirror, start, end) {
      const range = rangeOf(mirror, current)
      for (let page = start; page < end; page++)
        yield* step('program an entry', () => {
          mapPage(mirror, range, page)
          return 0
        })
      return 0
    },
)

/** Mapped pages are pinned. */
const pinPages = override(
  program,
  (original) =>
    function* (current, mirror, start, end) {
      const failed = yield* original(current, mirror, start, end)
      yield* step('get_page', () => {
        for (let page = start; page < end; page++) {
          const { frame } = mirror.pageTable[page]
          if (frame && frame.pfn !== ZERO_PAGE) frame.refcount += 1
        }
        return 0
      })
      return failed
    },
)

/** Checks only whether an invalidation is open now, as the valid flag of 4.14 to 5.4 did. */
const validFlag = override(
  mmu_interval_read_retry,
  () =>
    function* (sub) {
      return yield* step('look at the valid flag', () => {
        const retry = READ_ONCE(sub.mm.subscriptions).active > 0 ? 1 : 0
        sub.readers.get(acting.thread)?.compared(retry)
        return retry
      })
    },
)

/** The array is uninitialised, and the mask selects its bits. */
const maskNotSet = override(
  populatePinned,
  (original) =>
    function* (current, mirror, start, end, wanted) {
      const garbage = Array.from({ length: end - start }, () => HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE)
      const mask = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE
      return yield* original(current, mirror, start, end, {
        ...wanted,
        pfnFlagsMask: mask,
        requests: garbage,
      })
    },
)

/** The scatter list is built from struct pages between the walk and the lock. */
const buildListOutsideLock = override(
  hmm_range_fault,
  (original) =>
    function* (current, range, request) {
      const error = yield* original(current, range, request)
      if (error) return error
      yield* step('build the scatter list', () => {
        const fake = { name: range.notifier.name, driver: referenceDriver } as Mirror
        for (let page = request.start; page < request.end; page++) pageAddress(fake, range, page)
        return 0
      })
      return 0
    },
)

/** -EBUSY is retried at once with the same sequence number. */
const retryWithOldSequence = override(
  hmm_range_fault,
  (original) =>
    function* (current, range, request) {
      const error = yield* original(current, range, request)
      return error === -Errno.EBUSY ? yield* become(hmm_range_fault, current, range, request) : error
    },
)

/** The sequence number is set before the lock is taken. */
const recordBeforeLock = override(
  invalidate,
  (original) =>
    function* (current, mirror, range, curSeq) {
      yield* step('set_seq', () => {
        mmu_interval_set_seq(mirror.notifier, curSeq)
        return 0
      })
      return yield* original(current, mirror, range, curSeq)
    },
)

/** The callback never waits for the lock. */
const alwaysTrylock = override(
  lockForInvalidation,
  () =>
    function* (mirror) {
      return yield* mirror.updateLock.trylock()
    },
)

/** Memory for the device's page table is allocated under the update lock. */
const allocateUnderLock = override(
  program,
  (original) =>
    function* (current, mirror, start, end) {
      const pfn = yield* alloc_page(current.machine)
      const failed = yield* original(current, mirror, start, end)
      if (pfn)
        yield* step('free it again', () => {
          current.machine.frames[pfn].refcount = 0
          return 0
        })
      return failed
    },
)

/** The driver takes no user of the address space. */
const withoutPinning = override(
  populatePinned,
  () =>
    function* (current, mirror, start, end, wanted) {
      return yield* become(populateOnce, current, mirror, start, end, wanted)
    },
)

/** The walk is made without the mmap lock. */
const withoutMmapLock = override(
  populateOnce,
  () =>
    function* (current, mirror, start, end, wanted) {
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, range.notifierSeq)
      return yield* hmm_range_fault(current, range, requestOf(start, end, wanted))
    },
)

/** The device is programmed without the update lock. */
const programWithoutLock = override(
  populateOnce,
  () =>
    function* (current, mirror, start, end, wanted) {
      const { notifierSeq } = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, notifierSeq)
      const error = yield* walkUnderMmapLock(current, mirror, requestOf(start, end, wanted))
      if (error) return error
      if (yield* mmu_interval_read_retry(mirror.notifier, notifierSeq)) return -Errno.EBUSY
      return yield* program(current, mirror, start, end)
    },
)

/** The result of a comparison without the lock is used under the lock. */
const validateOutsideLock = override(
  populateOnce,
  () =>
    function* (current, mirror, start, end, wanted) {
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, range.notifierSeq)
      const error = yield* walkUnderMmapLock(current, mirror, requestOf(start, end, wanted))
      if (error) return error
      if (yield* mmu_interval_read_retry(mirror.notifier, range.notifierSeq)) return -Errno.EBUSY
      yield* step('take the range for validated', () => {
        range.result = RangeResult.validated
        range.lifecycle.signal('VALIDATED')
        return 0
      })
      yield* mirror.updateLock.lock()
      const failed = yield* program(current, mirror, start, end)
      yield* mirror.updateLock.unlock()
      return failed
    },
)

/** The update lock is taken first, and held during the walk. */
const updateLockFirst = override(
  populateOnce,
  () =>
    function* (current, mirror, start, end, wanted) {
      yield* mmu_interval_read_begin(mirror.notifier, rangeOf(mirror, current).notifierSeq)
      yield* mirror.updateLock.lock()
      const error = yield* walkUnderMmapLock(current, mirror, requestOf(start, end, wanted))
      yield* mirror.updateLock.unlock()
      return error
    },
)

/** read_begin is called with the update lock held. */
const readBeginUnderLock = override(
  populateOnce,
  (original) =>
    function* (current, mirror, start, end, wanted) {
      yield* mirror.updateLock.lock()
      yield* mmu_interval_read_begin(mirror.notifier, rangeOf(mirror, current).notifierSeq)
      yield* mirror.updateLock.unlock()
      return yield* original(current, mirror, start, end, wanted)
    },
)

/** The driver returns 0 without mapping a page. */
const claimWithoutMapping = override(
  populate,
  () =>
    function* (current, mirror, start, end) {
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, range.notifierSeq)
      yield* mirror.mm.mmapLock.lockRead()
      const wanted = { defaultFlags: HMM_PFN_REQ_FAULT, pfnFlagsMask: 0 }
      const error = yield* hmm_range_fault(current, range, requestOf(start, end, wanted))
      yield* mirror.mm.mmapLock.unlockRead()
      return error
    },
)

/** A driver that faults for reading even for a write. */
const alwaysFaultForReading = override(
  populatePinned,
  (original) =>
    function* (current, mirror, start, end, wanted) {
      const reading = { ...wanted, defaultFlags: wanted.defaultFlags & ~HMM_PFN_WRITE }
      return yield* original(current, mirror, start, end, reading)
    },
)

/** Every device fault is refused. */
const refuseEverything = override(
  populate,
  () =>
    function* () {
      return yield* step('refuse', () => -Errno.EFAULT)
    },
)

/** Defects of drivers. */
export const driverDefects: readonly Defect[] = [
  {
    name: 'M2',
    kind: 'mutation',
    title: 'the sequence is compared before the update lock is taken',
    text:
      'The result is valid only while the lock is held that the callback takes. Between the comparison and ' +
      'the lock a whole invalidation runs.',
    source: ['reference C8, G.3 M2'],
    requirement: 'C8',
    scenario: 'munmap',
    overrides: [compareOutsideLock],
    steps: 19,
  },
  {
    name: 'M3',
    kind: 'mutation',
    title: 'the callback does not set the sequence if nothing is mapped',
    text:
      'A page that is not mapped yet may be about to be: a reader that has walked already must see the ' +
      'collision. The trace ends where the callback returns without setting the sequence.',
    source: ['reference C10, G.3 M3'],
    requirement: 'C10',
    scenario: 'munmap',
    overrides: [skipWhereNothingIsMapped],
    steps: 8,
  },
  {
    name: 'M4',
    kind: 'mutation',
    title: 'the callback returns before the device has finished',
    text: 'An access that has been translated already still goes to the page that is about to be freed.',
    source: ['reference C3, G.3 M4'],
    requirement: 'C3',
    scenario: 'munmap',
    overrides: [flushWithoutWaiting],
    steps: 23,
  },
  {
    name: 'D39',
    kind: 'history',
    title: 'the callback waits for the device, and leaves its page table unchanged',
    text:
      'amdgpu waited for the fences of running work, and did not unmap: the next submission used the old ' +
      'entry. Fixed in 7.1.',
    source: ['reference D39', 'drivers/gpu/drm/amd/amdgpu, commit 1c824497d8ac'],
    requirement: 'C3',
    scenario: 'munmap',
    overrides: [recordWithoutUnmapping],
    steps: 20,
  },
  {
    name: 'X486',
    kind: 'mutation',
    title: 'a fault that fails keeps its user of the address space',
    text: 'Without mmput on the error path the process exits, and its address space stays.',
    source: ['reference C19, B.4 D8'],
    requirement: 'C19',
    scenario: 'refused-requests',
    overrides: [putOnlyOnSuccess],
    steps: 26,
  },
  {
    name: 'X537',
    kind: 'mutation',
    title: 'a fault that succeeds drops one user of the address space too many',
    text:
      'The address space is taken down under a process that lives: its threads have counted one user between them, and the fault ' +
      'gives that up too.',
    source: ['include/linux/sched/mm.h: mmget_not_zero', 'kernel/fork.c: mmput'],
    requirement: 'use-after-free',
    scenario: 'unmap-and-close',
    overrides: [putTwice],
    steps: 15,
  },
  {
    name: 'H14',
    kind: 'hazard',
    title: 'the callback sleeps for a range that is not blockable',
    text:
      'amdkfd takes its mutex for every range, even for the OOM reaper, which must not sleep: the ' +
      'holder may itself wait for the memory that the reaper is to free. Only a trylock is allowed ' +
      'there, and where it fails the range is refused.',
    source: [
      'reference B.4 X2, B.11 H14',
      'drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_cpu_invalidate_pagetables',
    ],
    requirement: 'non-blocking',
    scenario: 'oom-reaper',
    overrides: [sleepAlways],
    steps: 5,
  },
  {
    name: 'D33',
    kind: 'history',
    title: 'the callback stops the device, and leaves its DMA mapping',
    text:
      'xe stopped the GPU in the callback and removed the IOMMU mapping later: until then the device could ' +
      'access the page. Here the translation that stays is the one in the device TLB. Fixed in 6.14.',
    source: ['reference D33', 'drivers/gpu/drm/xe, commit 333b89063361'],
    requirement: 'C3',
    scenario: 'munmap',
    overrides: [waitWithoutFlushing],
    steps: 24,
  },
  {
    name: 'M26',
    kind: 'mutation',
    title: 'a valid flag instead of the sequence',
    text:
      'The flag says whether an invalidation is running now. One that started and ended since the walk ' +
      'leaves no trace (D55): the driver maps a stale page.',
    source: ['reference A.2, D55, G.3 M26'],
    requirement: 'C8',
    scenario: 'madvise',
    generation: '5.6',
    overrides: [validFlag],
    steps: 19,
  },
  {
    name: 'D31',
    kind: 'history',
    title: 'pfn_flags_mask is not set',
    text:
      'xe made its request by default flags and left the mask uninitialised: garbage in the array counted ' +
      'as requests, for writing among others, and a read of a read-only VMA was refused. Fixed in 6.14.',
    source: ['reference D31', 'drivers/gpu/drm/xe, commit 475d06e00b74'],
    requirement: 'C22',
    scenario: 'refused-requests',
    overrides: [maskNotSet],
    steps: 23,
  },
  {
    name: 'D32',
    kind: 'history',
    title: 'struct pages are accessed without the notifier lock',
    text:
      'xe built its scatter list from the pages of the walk before it took the lock and compared the ' +
      'sequence: the pages may have been freed by then. Fixed in 6.14.',
    source: ['reference D32', 'drivers/gpu/drm/xe, commit 0a98219bcc96', 'CVE-2025-21939'],
    requirement: 'C8',
    scenario: 'munmap',
    overrides: [buildListOutsideLock],
    steps: 8,
  },
  {
    name: 'D38',
    kind: 'history',
    title: '-EBUSY is retried without a new sequence number',
    text:
      'amdgpu called hmm_range_fault repeatedly with the sequence that had collided, which can never ' +
      'succeed, and held the mmap lock meanwhile. The loop was removed in 7.x.',
    source: ['reference D38', 'drivers/gpu/drm/amd/amdgpu, commit 342981fff328'],
    requirement: 'C49',
    scenario: 'madvise',
    overrides: [retryWithOldSequence],
    steps: 29,
  },
  {
    name: 'X10',
    kind: 'mutation',
    title: 'the device may write wherever it may read',
    text: 'The driver ignores the WRITE bit of the entry.',
    source: ['reference C4'],
    requirement: 'C4',
    scenario: 'zero-page',
    overrides: [mapEverythingWritable],
    steps: 15,
  },
  {
    name: 'X11',
    kind: 'mutation',
    title: 'mirrored pages are pinned',
    text:
      'A mirror needs its notifier only; a driver that takes references as well keeps pages from being ' +
      'freed.',
    source: ['reference C6'],
    requirement: 'C6',
    scenario: 'mprotect',
    overrides: [pinPages],
    steps: 42,
  },
  {
    name: 'X12',
    kind: 'mutation',
    title: 'the sequence is set before the update lock is taken',
    text: 'A reader that holds the lock would see the sequence change after it has compared it.',
    source: ['reference C9'],
    requirement: 'C9',
    scenario: 'munmap',
    overrides: [recordBeforeLock],
    steps: 5,
  },
  {
    name: 'X13',
    kind: 'mutation',
    title: 'the callback refuses a range that is blockable',
    text: 'Only a range that is not blockable may be refused; for another the caller continues.',
    source: ['reference C11'],
    requirement: 'C11',
    scenario: 'munmap',
    overrides: [alwaysTrylock],
    steps: 14,
  },
  {
    name: 'X14',
    kind: 'mutation',
    title: 'memory is allocated under the update lock',
    text: 'The allocation may wait for reclaim, reclaim for a callback, the callback for the lock.',
    source: ['reference C18, B.0'],
    requirement: 'C18',
    scenario: 'munmap',
    overrides: [allocateUnderLock],
    steps: 11,
  },
  {
    name: 'X15',
    kind: 'mutation',
    title: 'the address space is not pinned',
    text: 'The process exits, and the driver walks a page table that is being torn down.',
    source: ['reference C19'],
    requirement: 'C19',
    scenario: 'exit',
    overrides: [withoutPinning],
    steps: 6,
  },
  {
    name: 'X16',
    kind: 'mutation',
    title: 'the walk is made without the mmap lock',
    text: 'VMAs may be added and removed during the walk.',
    source: ['reference C20'],
    requirement: 'C20',
    scenario: 'munmap',
    overrides: [withoutMmapLock],
    steps: 4,
  },
  {
    name: 'X17',
    kind: 'mutation',
    title: 'error and invalid entries are mapped',
    text: 'The driver maps entries without testing VALID and ERROR.',
    source: ['reference C25'],
    requirement: 'C25',
    scenario: 'snapshot',
    overrides: [mapWithoutLooking],
    steps: 13,
  },
  {
    name: 'X18',
    kind: 'mutation',
    title: 'the device is programmed without the update lock',
    text: 'The device page table is protected by the lock that the callback takes.',
    source: ['reference C8'],
    requirement: 'lock-discipline',
    scenario: 'munmap',
    overrides: [programWithoutLock],
    steps: 10,
  },
  {
    name: 'X485',
    kind: 'mutation',
    title: 'a range is taken for validated without the update lock',
    text:
      'The number is compared before the lock is taken, and the answer is kept: an invalidation can still be recorded ' +
      'before the lock is held.',
    source: ['reference C8, B.4 D6'],
    requirement: 'C8',
    scenario: 'munmap',
    overrides: [validateOutsideLock],
    steps: 10,
  },
  {
    name: 'X19',
    kind: 'mutation',
    title: 'the update lock is held while the mmap lock is taken',
    text: 'An invalidating thread holds the mmap lock and wants the update lock.',
    source: ['reference B.0'],
    requirement: 'lock-order',
    scenario: 'munmap',
    overrides: [updateLockFirst],
    steps: 5,
  },
  {
    name: 'X20',
    kind: 'mutation',
    title: 'read_begin is called under the update lock',
    text: 'It waits for the end of an invalidation whose callback waits for the lock.',
    source: ['reference B.0'],
    requirement: 'deadlock',
    scenario: 'two-devices',
    overrides: [readBeginUnderLock],
    steps: 53,
  },
  {
    name: 'X21',
    kind: 'mutation',
    title: 'a fault is reported as served, and nothing is mapped',
    text: 'The statechart of a range permits no way from a walk to its end without validation.',
    source: ['models/range.ts'],
    requirement: 'refinement',
    scenario: 'munmap',
    overrides: [claimWithoutMapping],
    steps: 8,
  },
  {
    name: 'X22',
    kind: 'mutation',
    title: 'a write fault is served read-only',
    text: 'The device faults again at once, for ever: its entry never becomes writable.',
    source: ['reference C49, the class of H4'],
    requirement: 'C49',
    scenario: 'zero-page',
    overrides: [alwaysFaultForReading],
    steps: 49,
  },
  {
    name: 'X37',
    kind: 'mutation',
    title: 'every device fault is refused',
    text: 'A device that never gets a page cannot do anything wrong: such a driver must not be found to hold.',
    source: ['reference C5'],
    requirement: 'C5',
    scenario: 'munmap',
    overrides: [refuseEverything],
    steps: 2,
  },
]

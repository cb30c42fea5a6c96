/**
 * Defects and hazards of device-exclusive access.
 *
 * @module
 */
import {
  atomicFault,
  atomicFaultAgain,
  atomicFaultTry,
  deviceAccess,
  deviceAtomicTry,
  faultIn,
  serveAtomicFault,
  serveFault,
} from '../../../src/driver/index.js'
import {
  clearPte,
  Errno,
  folio_lock,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmm_vma_walk_pmd,
  invalidateRangeEnd,
  invalidateRangeStart,
  type MmStruct,
  mapsPage,
  mmu_interval_read_retry,
  NotifyEvent,
  PteKind,
  page_make_device_exclusive_one,
  putPage,
  RangeResult,
  remove_device_exclusive_entry,
  restoreExclusivePte,
  setExclusiveEntry,
  type Task,
  tryGetPage,
  unlockPage,
  type Walked,
} from '../../../src/kernel/index.js'
import { become, choose, override, READ_ONCE, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** Restores the entry if it has not changed. */
function* restore(current: Task, mm: MmStruct, page: number, pfn: number): Running<void> {
  yield* mm.ptl.critical('restore the entry', () => {
    if (mm.pte[page].kind === PteKind.deviceExclusive && mm.pte[page].frame === pfn)
      restoreExclusivePte(current.machine, mm, page)
    return 0
  })
}

/** As in Linux 5.14 to 6.2: the page is locked without a reference. */
const lockWithoutReference = override(
  remove_device_exclusive_entry,
  () =>
    function* (current, mm, page, pfn) {
      const frame = current.machine.frames[pfn]
      yield* folio_lock(frame)
      yield* invalidateRangeStart(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1)
      yield* restore(current, mm, page, pfn)
      yield* step('unlock the page', () => {
        unlockPage(frame)
        return 0
      })
      yield* invalidateRangeEnd(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1)
      return 0
    },
)

/** Restoring the entry opens no invalidation. */
const restoreUnannounced = override(
  remove_device_exclusive_entry,
  () =>
    function* (current, mm, page, pfn) {
      const frame = current.machine.frames[pfn]
      if (!(yield* tryGetPage(frame))) return 0
      yield* folio_lock(frame)
      yield* restore(current, mm, page, pfn)
      yield* step('unlock and put the page', () => {
        unlockPage(frame)
        putPage(frame)
        return 0
      })
      return 0
    },
)

/** The fault does not wait for the folio lock. */
const restoreUnlocked = override(
  remove_device_exclusive_entry,
  () =>
    function* (current, mm, page, pfn) {
      const frame = current.machine.frames[pfn]
      if (!(yield* tryGetPage(frame))) return 0
      yield* invalidateRangeStart(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1)
      yield* restore(current, mm, page, pfn)
      yield* step('put the page', () => {
        putPage(frame)
        return 0
      })
      yield* invalidateRangeEnd(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1)
      return 0
    },
)

/** The entry is replaced without a TLB flush. */
const takeWithoutFlush = override(
  page_make_device_exclusive_one,
  () =>
    function* ({ machine }, mm, page, frame) {
      return yield* mm.ptl.critical('make exclusive', () => {
        const pte = mm.pte[page]
        if (!mapsPage(pte) || pte.frame !== frame.pfn) return 0
        const write = pte.write
        clearPte(machine, pte)
        setExclusiveEntry(pte, frame.pfn, write)
        return write ? 1 : 0
      })
    },
)

/** The sequence number is not compared. */
const noReadRetry = override(
  mmu_interval_read_retry,
  () =>
    function* () {
      return 0
    },
)

/** The walk reports a device-exclusive page as present. */
const exclusiveIsPresent = override(
  hmm_vma_walk_pmd,
  (original) =>
    function* (range, request, page): Running<Walked> {
      const told = yield* step('decode the entry', () => {
        if (READ_ONCE(range.notifier.mm.pte[page]).kind !== PteKind.deviceExclusive || page + 1 < request.end)
          return 0
        range.pfns[page].flags =
          HMM_PFN_VALID | (READ_ONCE(range.notifier.mm.pte[page]).write ? HMM_PFN_WRITE : 0)
        range.pfns[page].frame = READ_ONCE(range.notifier.mm.pte[page]).frame
        range.result = RangeResult.filled
        range.lifecycle.signal('FAULTED')
        return 1
      })
      return told ? { kind: 'next', page: page + 1 } : yield* original(range, request, page)
    },
)

/** The reference of the entry is dropped with the mapping. */
const takeTheReference = override(
  page_make_device_exclusive_one,
  (original) =>
    function* (current, mm, page, frame) {
      const taken = yield* original(current, mm, page, frame)
      if (taken)
        yield* step('put the page', () => {
          putPage(frame)
          return 0
        })
      return taken
    },
)

/** The driver does not fault in the page before mmu_interval_read_begin. */
const takeAtOnce = override(
  faultIn,
  () =>
    function* () {
      return 0
    },
)

/** It retries until the timeout, as the kernel's drivers do. */
const tryUntilTimeout = override(
  atomicFaultAgain,
  () =>
    function* (current, mirror, page) {
      const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
      return expired ? -Errno.EBUSY : yield* become(atomicFaultTry, current, mirror, page, 0)
    },
)

/** The device faults as often as it takes. */
const faultForEver = override(
  serveAtomicFault,
  () =>
    function* (current, mirror, page) {
      const error = yield* atomicFault(current, mirror, page)
      return error ? error : yield* become(deviceAtomicTry, current, mirror, page, 0)
    },
)

/** For a write, the device requires a write entry, and does not use an atomic entry. */
const writeNeedsItsOwnEntry = override(
  deviceAccess,
  (original) =>
    function* (current, mirror, page, end, value) {
      const isAtomic =
        value === undefined || page === end
          ? 0
          : yield* step('look at the tag', () => READ_ONCE(mirror.pageTable[page]).atomic)
      const error = isAtomic ? yield* serveFault(current, mirror, page, end, true) : 0
      return error ? error : yield* original(current, mirror, page, end, value)
    },
)

/** Defects and hazards of device-exclusive access. */
export const exclusiveDefects: readonly Defect[] = [
  {
    name: 'D9',
    kind: 'history',
    title: 'a fault on an exclusive page locks the page without a reference',
    text:
      'A CPU finds the entry and takes the lock of its page. Another thread zaps the page meanwhile, and ' +
      'drops the only reference: the locked page is free, or has a new user. Fixed in 6.3: a reference is ' +
      'taken first, and if there is none the entry is gone.',
    source: ['reference D9', 'mm/memory.c, commit 7c7b962938dd'],
    requirement: 'C51',
    scenario: 'exclusive-fault',
    overrides: [lockWithoutReference],
    steps: 13,
  },
  {
    name: 'X80',
    kind: 'mutation',
    title: 'devices are not notified when an exclusive page is restored',
    text:
      'The entry is restored without an EXCLUSIVE event. The device continues its atomic access, and a CPU ' +
      'writes in the middle of it.',
    source: ['our own', 'reference C43, B.10'],
    requirement: 'C43',
    scenario: 'exclusive',
    overrides: [restoreUnannounced],
    steps: 27,
  },
  {
    name: 'X81',
    kind: 'mutation',
    title: 'an exclusive page is restored without waiting for its lock',
    text:
      'A page that is made exclusive stays locked until the device is programmed. A fault that does not ' +
      'wait for the lock restores the entry before the device has used it.',
    source: ['our own', 'reference C43, B.10'],
    requirement: 'C43',
    scenario: 'exclusive',
    overrides: [restoreUnlocked],
    steps: 23,
  },
  {
    name: 'X82',
    kind: 'mutation',
    title: 'an exclusive page is mapped without comparing the sequence',
    text:
      'The folio lock keeps faults from restoring the page, but does not keep it from being zapped: ' +
      'MADV_DONTNEED comes between making it exclusive and mapping it, and the device is left with a page ' +
      'that is free. The recorded driver does not compare either (H26).',
    source: ['our own', 'reference B.10, F.1', 'lib/test_hmm.c: dmirror_atomic_map'],
    requirement: 'C43',
    scenario: 'exclusive-unmap',
    overrides: [noReadRetry],
    steps: 26,
  },
  {
    name: 'X83',
    kind: 'mutation',
    title: 'a page becomes exclusive and the TLBs are not flushed',
    text: 'The entry excludes CPUs, but a CPU that has accessed the page before still does, through its TLB.',
    source: ['our own', 'reference C43, B.2'],
    requirement: 'C43',
    scenario: 'exclusive',
    overrides: [takeWithoutFlush],
    steps: 13,
  },
  {
    name: 'X84',
    kind: 'mutation',
    title: 'the walk reports an exclusive page as valid',
    text:
      'One device has exclusive access, and the driver of another walks past the entry and maps the page ' +
      'too.',
    source: ['our own', 'reference C43, B.3.1'],
    requirement: 'C43',
    scenario: 'exclusive-two-devices',
    overrides: [exclusiveIsPresent],
    steps: 66,
  },
  {
    name: 'X85',
    kind: 'mutation',
    title: 'an exclusive entry holds no reference',
    text:
      'The reference of the mapping is dropped with it: the page is freed as soon as the driver puts it, ' +
      'and is still in use.',
    source: ['our own', 'reference B.10'],
    requirement: 'C6',
    scenario: 'exclusive',
    overrides: [takeTheReference],
    steps: 22,
  },
  {
    name: 'H24',
    kind: 'hazard',
    title: 'a driver that makes an exclusive page exclusive again collides with itself',
    text:
      'Read off nouveau and mm/gup.c. The page is exclusive already: an earlier attempt made it exclusive ' +
      'and collided, or the device has dropped its mapping. Making it exclusive faults it in, which ' +
      'restores it, which changes the sequence that the driver has just sampled. So it retries, and again ' +
      'the page is exclusive: until the timeout, and as long as no CPU touches it. Fixed by faulting the ' +
      'page in before the sequence is sampled: the reference does, and holds.',
    source: [
      'our own',
      'reference B.10, F.1',
      'drivers/gpu/drm/nouveau/nouveau_svm.c: nouveau_atomic_range_fault',
    ],
    requirement: 'C49',
    scenario: 'exclusive-again',
    overrides: [takeAtOnce, tryUntilTimeout],
    steps: 38,
  },
  {
    name: 'H25',
    kind: 'hazard',
    title: 'two devices take exclusive access from each other for ever',
    text:
      'Each device is served, and before it has made its access the other gets the page. Nothing in the ' +
      'kernel decides between them. A device that gives up after some faults, or backs off, ends it.',
    source: ['our own', 'reference B.10'],
    requirement: 'C49',
    scenario: 'exclusive-two-devices',
    overrides: [faultForEver],
    steps: 193,
  },
  {
    name: 'H13',
    kind: 'hazard',
    title: 'a device that writes to a page that it has made exclusive loses exclusive access',
    text:
      'Recorded on Linux 6.1.192 and 6.12.95. The driver lets its device write only through an entry for ' +
      'writing, and one for atomic access is not. So the write faults, the walk finds an exclusive entry, ' +
      'and the fault restores it for the CPUs. Nothing is incoherent: devices are notified, and the page is ' +
      'locked. But exclusive access is lost. Fixed by letting the device write through the entry: the ' +
      'reference does, and holds.',
    source: ['reference B.11 H13', 'lib/test_hmm.c: dmirror_do_write'],
    requirement: 'exclusive-kept',
    scenario: 'exclusive-write',
    overrides: [writeNeedsItsOwnEntry],
    steps: 38,
  },
]

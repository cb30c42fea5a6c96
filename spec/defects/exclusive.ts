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
} from '../../src/driver/index.js'
import {
  clearPte,
  Errno,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  invalidateRangeEnd,
  invalidateRangeStart,
  lockPage,
  type MmStruct,
  mapsPage,
  mmuIntervalReadRetry,
  NotifyEvent,
  PteKind,
  putPage,
  RangeResult,
  removeDeviceExclusiveEntry,
  replaceByExclusive,
  restoreExclusivePte,
  setExclusiveEntry,
  type Task,
  tryGetPage,
  unlockPage,
  WALK_BITS,
  Walk,
  walkEntry,
} from '../../src/kernel/index.js'
import { become, choose, override, READ_ONCE, type Running, step } from '../../src/world/index.js'
import type { Defect } from '../defect.js'

/** The entry is restored, if it still is the one that was seen. */
function* restore(current: Task, mm: MmStruct, page: number, pfn: number): Running<void> {
  yield* mm.ptl.critical('restore the entry', () => {
    if (mm.pte[page].kind === PteKind.deviceExclusive && mm.pte[page].frame === pfn)
      restoreExclusivePte(current.machine, mm, page)
    return 0
  })
}

/** As Linux 5.14 to 6.2 had it: the page is locked, and nobody holds it. */
const lockWithoutReference = override(
  removeDeviceExclusiveEntry,
  () =>
    function* (current, mm, page, pfn) {
      const frame = current.machine.frames[pfn]
      yield* lockPage(frame)
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

/** Devices are not told that CPUs get a page back. */
const restoreUnannounced = override(
  removeDeviceExclusiveEntry,
  () =>
    function* (current, mm, page, pfn) {
      const frame = current.machine.frames[pfn]
      if (!(yield* tryGetPage(frame))) return 0
      yield* lockPage(frame)
      yield* restore(current, mm, page, pfn)
      yield* step('unlock and put the page', () => {
        unlockPage(frame)
        putPage(frame)
        return 0
      })
      return 0
    },
)

/** Who faults on the page does not wait for its lock. */
const restoreUnlocked = override(
  removeDeviceExclusiveEntry,
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

/** The entry is replaced, and the TLBs keep what they have. */
const takeWithoutFlush = override(
  replaceByExclusive,
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

/** The sequence is not looked at. */
const noReadRetry = override(
  mmuIntervalReadRetry,
  () =>
    function* () {
      return 0
    },
)

/** The walk tells of an exclusive page as of one that is there. */
const exclusiveIsPresent = override(
  walkEntry,
  (original) =>
    function* (range, request, page) {
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
      return told ? ((page + 1) << WALK_BITS) | Walk.goOn : yield* original(range, request, page)
    },
)

/** The reference of the entry goes with the mapping. */
const takeTheReference = override(
  replaceByExclusive,
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

/** The driver does not have the page faulted in before it takes the sequence. */
const takeAtOnce = override(
  faultIn,
  () =>
    function* () {
      return 0
    },
)

/** It tries again until the time is over, as the kernel's drivers do. */
const tryUntilTimeout = override(
  atomicFaultAgain,
  () =>
    function* (current, mirror, page) {
      const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', 2)
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

/** To write, the device asks for an entry that is for writing and not for atomic access. */
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
      'A CPU finds the entry and takes the lock of the page behind it. Another thread throws the page away meanwhile, and with ' +
      'it goes the only reference: what is locked is free, or somebody else has it by now. Fixed in 6.3: a reference is ' +
      'taken first, and if there is none to take the entry has gone.',
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
      'The entry is restored and no EXCLUSIVE event says so. The device goes on with its atomic access, and a CPU writes in the ' +
      'middle of it.',
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
      'Who takes a page for a device keeps it locked until the device is programmed. A fault that does not wait for the lock gives the ' +
      'page back before the device has had it.',
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
      'The lock of the page keeps faults from giving it back, and nobody from throwing it away: MADV_DONTNEED is between the ' +
      'taking and the mapping, and the device is left with a page that is free. The driver that was recorded does not look either (H26).',
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
    text: 'The entry says that no CPU can reach the page, and a CPU that has used it before still does.',
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
    text: 'One device has the page alone, and the driver of another walks past it and maps it too.',
    source: ['our own', 'reference C43, B.3.1'],
    requirement: 'C43',
    scenario: 'exclusive-two-devices',
    overrides: [exclusiveIsPresent],
    steps: 63,
  },
  {
    name: 'X85',
    kind: 'mutation',
    title: 'an exclusive entry holds no reference',
    text: 'The reference of the mapping goes with it: the page is free as soon as the driver lets go of it, and still in use.',
    source: ['our own', 'reference B.10'],
    requirement: 'C6',
    scenario: 'exclusive',
    overrides: [takeTheReference],
    steps: 21,
  },
  {
    name: 'H24',
    kind: 'hazard',
    title: 'a driver that makes an exclusive page exclusive again collides with itself',
    text:
      'Read off nouveau and mm/gup.c. The page is exclusive already: a try before has taken it and collided, or the device has ' +
      'dropped it. To be taken it is faulted in, which gives it back, which moves the sequence that the driver has just ' +
      'sampled. So it tries again, and again the page is exclusive: until the time is over, and as long as no CPU touches it. To ' +
      'have the page faulted in before the sequence is sampled mends it: the reference does, and holds.',
    source: [
      'our own',
      'reference B.10, F.1',
      'drivers/gpu/drm/nouveau/nouveau_svm.c: nouveau_atomic_range_fault',
    ],
    requirement: 'C49',
    scenario: 'exclusive-again',
    overrides: [takeAtOnce, tryUntilTimeout],
    steps: 36,
  },
  {
    name: 'H25',
    kind: 'hazard',
    title: 'two devices take exclusive access from each other for ever',
    text:
      'Each is served, and before it has had its access the other has the page. Nothing in the kernel decides between them. ' +
      'A device that gives up after some faults, or backs off, ends it.',
    source: ['our own', 'reference B.10'],
    requirement: 'C49',
    scenario: 'exclusive-two-devices',
    overrides: [faultForEver],
    steps: 159,
  },
  {
    name: 'H13',
    kind: 'hazard',
    title: 'a device that writes to a page that it has made exclusive loses exclusive access',
    text:
      'Recorded on Linux 6.1.192 and 6.12.95. The driver lets its device write only through an entry that is for writing, ' +
      'and one for atomic access is not. So the write faults, the walk finds an exclusive entry, and gives the page back to the CPUs. ' +
      'Nothing is incoherent: devices are told, and the page is locked. But what the device had alone it has no more. To let ' +
      'the device write through the entry mends it: the reference does, and holds.',
    source: ['reference B.11 H13', 'lib/test_hmm.c: dmirror_do_write'],
    requirement: 'exclusive-kept',
    scenario: 'exclusive-write',
    overrides: [writeNeedsItsOwnEntry],
    steps: 37,
  },
]

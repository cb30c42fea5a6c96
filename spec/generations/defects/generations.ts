/**
 * Defects of earlier generations of the API: bugs, missing guarantees, and omissions of their
 * drivers.
 *
 * @module
 */
import { dirtyPages, flushDevice, lockForInvalidation, program, rangeOf } from '../../../src/driver/index.js'
import {
  endWithTelling,
  everyPage,
  findArea,
  hmm_free,
  hmm_invalidate_range,
  hmm_invalidate_range_start,
  hmm_mirror_unregister,
  hmm_range_dma_map,
  hmm_range_register,
  hmm_range_unregister,
  hmm_range_valid,
  hmm_range_wait_until_valid,
  hmm_vma_range_done,
  hmmMirrorOf,
  hmmOf,
  hmmRangeFaultWithFlags,
  hmmVmaFaultBlocking,
  lifetimeOf,
  MirrorStanding,
  mayBeMapped,
  overlaps,
  populateRegistered,
  populateVmaOnce,
  release,
  syncRange,
  tellMirrors,
} from '../../../src/generations/index.js'
import { areaEnd, Errno, VmaKind } from '../../../src/kernel/index.js'
import { onStep, override, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The driver keeps no record of invalidations. */
const validAlone = override(
  mayBeMapped,
  () =>
    function* (current, mirror): Running<number> {
      return yield* hmm_range_valid(rangeOf(mirror, current))
    },
)

/** The ranges are marked, and no mirror is called. */
const endUntold = override(
  endWithTelling,
  () =>
    function* (_current, classic, range): Running<number> {
      yield* hmm_invalidate_range(hmmOf(classic), range)
      return 0
    },
)

/** The callback marks the pages dirty, and leaves them in the device page table. */
const syncWithoutUnmap = override(
  syncRange,
  () =>
    function* (_current, mirror, range): Running<number> {
      if (!(yield* lockForInvalidation(mirror, range))) return 0
      yield* step('mark the pages dirty', () => {
        dirtyPages(mirror, range)
        return 0
      })
      yield* flushDevice(mirror, range)
      yield* mirror.updateLock.unlock()
      return 1
    },
)

/** The result of a mirror is stored in a variable that is not returned. */
const loseTheError = override(
  tellMirrors,
  (original) =>
    function* (current, hmm, range): Running<number> {
      yield* original(current, hmm, range)
      return 0
    },
)

/** -EAGAIN is returned, and the invalidation stays counted. */
const failAndStayCounted = override(
  hmm_invalidate_range_start,
  () =>
    function* (current, classic, range): Running<number> {
      const hmm = hmmOf(classic)
      yield* hmm.rangesLock.critical('count, and mark the ranges', () => {
        hmm.notifiers += 1
        for (const tracked of hmm.ranges)
          if (tracked.listed && overlaps(tracked, range)) tracked.valid = false
        return 0
      })
      return yield* tellMirrors(current, hmm, range)
    },
)

/** An invalid range returns the same error as a dropped mmap lock. */
const oneCodeForBoth = override(
  hmmRangeFaultWithFlags,
  (original) =>
    function* (current, range, pages, flags): Running<number> {
      const told = yield* original(current, range, pages, flags)
      return told === -Errno.EBUSY ? -Errno.EAGAIN : told
    },
)

/** The driver checks the bounds of the VMA, and not whether it is writable. */
const neverLookAtWrite = onStep(findArea, 'look up the area', (_original, mirror, start, end) => {
  const { mm } = mirror
  return () => (mm.vma[start].kind === VmaKind.none ? -Errno.EFAULT : areaEnd(mm, start, end))
})

/** -EBUSY is handled like any other error, after which the mmap lock is released. */
const unlockAfterAnyError = override(
  populateVmaOnce,
  () =>
    function* (current, mirror, start, end, write): Running<number> {
      const range = rangeOf(mirror, current)
      const { mmapLock } = mirror.mm
      yield* mmapLock.lockRead()
      const last = yield* findArea(mirror, start, end, write)
      const error =
        last < 0 ? last : yield* hmmVmaFaultBlocking(current, range, everyPage(start, last, write))
      if (error) {
        yield* mmapLock.unlockRead()
        return error
      }
      yield* mirror.updateLock.lock()
      const done = yield* hmm_vma_range_done(range)
      if (done) yield* program(current, mirror, start, last)
      yield* mirror.updateLock.unlock()
      yield* mmapLock.unlockRead()
      return done ? 0 : -Errno.EBUSY
    },
)

/** release() does nothing. */
const releaseNothing = override(
  release,
  () =>
    function* (): Running<void> {
      yield* step('do nothing', () => 0)
    },
)

/** The mirror is removed from the list while callbacks may run. */
const unregisterWithoutWaiting = override(
  hmm_mirror_unregister,
  () =>
    function* (mirror): Running<void> {
      const hmmMirror = hmmMirrorOf(mirror)
      yield* step('take off the list', () => {
        hmmMirror.standing = MirrorStanding.unregistered
        hmmMirror.lifecycle.signal('UNREGISTERED')
        return 0
      })
    },
)

/** The range is unregistered before the locks are dropped, in the order of the documentation. */
const unregisterUnderLocks = override(
  populateRegistered,
  () =>
    function* (current, mirror, pages, flags): Running<number> {
      const range = rangeOf(mirror, current)
      const { mmapLock } = mirror.mm
      const gone = yield* hmm_range_register(range, pages.start, pages.end)
      if (gone) return gone
      yield* hmm_range_wait_until_valid(range)
      yield* mmapLock.lockRead()
      const told = yield* hmmRangeFaultWithFlags(current, range, pages, flags)
      if (told < 0) {
        yield* mmapLock.unlockRead()
        yield* hmm_range_unregister(current, range)
        return told
      }
      yield* mirror.updateLock.lock()
      const valid = yield* hmm_range_valid(range)
      if (valid) yield* program(current, mirror, pages.start, pages.end)
      yield* hmm_range_unregister(current, range)
      yield* mirror.updateLock.unlock()
      yield* mmapLock.unlockRead()
      return valid ? 0 : -Errno.EBUSY
    },
)

/** The record is freed while callbacks may have found it. */
const freeUnderReaders = override(
  hmm_free,
  () =>
    function* (owner): Running<void> {
      const hmmLifetime = lifetimeOf(owner)
      yield* step('take off the list, and kfree', () => {
        hmmLifetime.linked = false
        hmmLifetime.allocated = false
        return 0
      })
    },
)

/** What was mapped before the error stays mapped. */
const mappedInPart = onStep(hmm_range_dma_map, 'unmap what was mapped', () => () => undefined)

const HMM_RST = 'Documentation/vm/hmm.rst, of Linux 5.4'

/** Defects that only an earlier generation of the API can have. */
export const generationDefects: readonly Defect[] = [
  {
    name: 'D20',
    kind: 'history',
    title: 'struct hmm is freed while a callback that has found it begins',
    text:
      'The last mirror is unregistered, and struct hmm is removed from the list of notifiers and freed at ' +
      'once. A callback that was called under SRCU just before accesses it. Fixed by a reference that each ' +
      'callback takes, unless the count is 0, and by freeing after an SRCU grace period. The reference ' +
      'alone is not enough: its count is in the freed memory.',
    source: ['reference D20', 'mm/hmm.c, commit 6d7c3cde93c1 (Linux 5.3)'],
    requirement: 'use-after-free',
    scenario: 'hmm-lifetime',
    generation: '5.4',
    overrides: [freeUnderReaders],
    steps: 38,
  },
  {
    name: 'D21a',
    kind: 'history',
    title: 'the error of a mirror is lost',
    text:
      'A mirror that may not block returns -EAGAIN, and hmm_invalidate_range_start returns 0: its caller ' +
      'frees the pages, and the device continues to use them. Fixed by returning the result of the mirror.',
    source: ['reference D21', 'commit 5a136b4ae327 (Linux 5.3)'],
    requirement: 'C1',
    scenario: 'oom-reaper',
    generation: '5.4',
    overrides: [loseTheError],
    steps: 23,
  },
  {
    name: 'D21b',
    kind: 'history',
    title: 'an invalidation that failed stays counted',
    text:
      'hmm_invalidate_range_start returns -EAGAIN after it has incremented the count; no end follows a ' +
      'start that failed. From then on no range is ever valid. Fixed by decrementing the count, and waking ' +
      'waiters, before it returns.',
    source: ['reference D21', 'commit 5a136b4ae327 (Linux 5.3)'],
    requirement: 'C32',
    scenario: 'oom-reaper',
    generation: '5.4',
    overrides: [failAndStayCounted],
    steps: 20,
  },
  {
    name: 'D52',
    kind: 'history',
    title: 'one error code for a range that is not valid and for a lock that was dropped',
    text:
      'hmm_range_fault returns -EAGAIN also if the range is not valid, with the mmap lock still held. The ' +
      'caller assumes that it was dropped: it takes it a second time, or returns with it held. Fixed by ' +
      'returning -EBUSY, always, for a range that is not valid.',
    source: ['reference D52', 'mm/hmm.c, until Linux 5.2'],
    requirement: 'lock-discipline',
    scenario: 'madvise',
    generation: '5.4',
    overrides: [oneCodeForBoth],
    steps: 25,
  },
  {
    name: 'D55',
    kind: 'history',
    title: 'a range is valid again after a whole invalidation',
    text:
      'A driver does as the documentation says: it reads the range, takes its lock, and calls ' +
      'hmm_range_valid. An invalidation that began and ended in between has made the range invalid and ' +
      'valid again, and the stale page is mapped. A flag does not record this; the sequence number of Linux ' +
      "5.5 does, and so does a record that the driver keeps. M26 is the same mistake with today's " +
      'notifiers.',
    source: ['reference D55, H6, G.3 M26', HMM_RST, 'commit 99cb252f5e68 (Linux 5.5)'],
    requirement: 'C1',
    scenario: 'madvise',
    generation: '5.4',
    overrides: [validAlone],
    steps: 26,
  },
  {
    name: 'X260',
    kind: 'hazard',
    title: 'mirrors are called after the page table has changed',
    text:
      'Until Linux 4.19 hmm_invalidate_range_start calls no mirror, and mirrors are called at the end. A ' +
      'CPU that writes to the zero page gets a page of its own while the device still maps the other. No ' +
      'driver can fix it; since 4.20 mirrors are called at the start.',
    source: ['reference A.1, C1', 'mm/hmm.c, of Linux 4.17'],
    requirement: 'C1',
    scenario: 'zero-page',
    generation: '4.17',
    overrides: [],
    steps: 23,
  },
  {
    name: 'X261',
    kind: 'hazard',
    title: 'a range that is read during an invalidation is valid',
    text:
      'In Linux 4.20 and 5.0 hmm_vma_fault makes every range valid that it begins to track. One that begins ' +
      'after the mirrors were called and before the page table changes is mapped, and no mirror is called ' +
      'again. No driver can fix it; since 5.1 running invalidations are counted, and such a range is not ' +
      'valid.',
    source: ['reference A.1, C1', 'mm/hmm.c, of Linux 5.0'],
    requirement: 'C1',
    scenario: 'madvise',
    generation: '5.0',
    overrides: [],
    steps: 22,
  },
  {
    name: 'X262',
    kind: 'mutation',
    title: 'the driver does not check whether the VMA is writable',
    text:
      'hmm_vma_fault calls for a write fault, which succeeds and leaves the entry read-only, and walks ' +
      'again, for ever: until Linux 5.3 the walk itself did not check (D19).',
    source: ['reference A.1, D19', 'commit c18ce674d548 (Linux 5.4)'],
    requirement: 'C49',
    scenario: 'mprotect',
    generation: '4.17',
    overrides: [neverLookAtWrite],
    steps: 28,
  },
  {
    name: 'X263',
    kind: 'mutation',
    title: 'the driver releases a lock that hmm_vma_fault has dropped',
    text:
      'The comment above hmm_vma_fault says that -EAGAIN means that the mmap lock was dropped. The function ' +
      'then returns -EBUSY, even if it was told to block. A driver that trusts the comment releases a lock ' +
      'that it does not hold.',
    source: ['reference A.1', 'seed 002: hmm_vma_do_fault', 'mm/hmm.c, of Linux 4.17'],
    requirement: 'lock-discipline',
    scenario: 'hmm-vma-fault',
    generation: '4.17',
    overrides: [unlockAfterAnyError],
    steps: 12,
  },
  {
    name: 'X264',
    kind: 'mutation',
    title: 'release() does not stop the device',
    text: 'The address space is torn down, and the device still accesses its pages.',
    source: ['reference C7, A.2', 'seed 004: struct hmm_mirror_ops'],
    requirement: 'C7',
    scenario: 'exit',
    generation: '5.4',
    overrides: [releaseNothing],
    steps: 23,
  },
  {
    name: 'X265',
    kind: 'hazard',
    title: 'a range is unregistered under the locks',
    text:
      'The documentation calls hmm_range_unregister before it drops its own lock and the mmap lock. That ' +
      'drops a user of the address space; the last user tears it down right there, which needs both locks. ' +
      'A driver with another reference is not affected. Fixed by dropping the locks first.',
    source: ['reference A.2, B.0', `seed 003: ${HMM_RST}`],
    requirement: 'lock-order',
    scenario: 'exit',
    generation: '5.4',
    overrides: [unregisterUnderLocks],
    steps: 16,
  },
  {
    name: 'X268',
    kind: 'mutation',
    title: 'a mirror is unregistered without the lock of the list',
    text:
      'hmm_mirror_unregister does not wait for running callbacks, and the driver frees the mirror while ' +
      'they use it. The lock of the list, held for reading during callbacks, makes it wait.',
    source: ['reference A.2, C17', 'seed 004: struct hmm, mirrors_sem'],
    requirement: 'C17',
    scenario: 'hmm-mirror',
    generation: '5.4',
    overrides: [unregisterWithoutWaiting],
    steps: 24,
  },
  {
    name: 'X269',
    kind: 'mutation',
    title: 'a range is partly mapped for DMA',
    text:
      'A page cannot be mapped, or the range is invalidated, and the pages before it stay mapped: the ' +
      'driver gets an error, and does not know what to unmap. Fixed by undoing the mappings.',
    source: ['our own', 'reference A.2', 'seed 004: hmm_range_dma_map'],
    requirement: 'dma-mapping',
    scenario: 'hmm-range-dma',
    generation: '5.4',
    overrides: [mappedInPart],
    steps: 10,
  },
  {
    name: 'X411',
    kind: 'mutation',
    title: 'struct hmm marks its ranges at the end of an invalidation, and calls no mirror',
    text:
      'Until Linux 4.19 the mirrors are called when the page table has changed. Without that a device that has ' +
      'its pages already keeps them for ever.',
    source: ['our own', 'mm/hmm.c of Linux 4.17: hmm_invalidate_range_end'],
    requirement: 'C32',
    scenario: 'munmap',
    generation: '4.17',
    overrides: [endUntold],
    steps: 7,
  },
  {
    name: 'X412',
    kind: 'mutation',
    title: 'sync_cpu_device_pagetables flushes the device, and leaves the range in its page table',
    text: 'The device TLB is filled again from the page table, with pages that the process has lost.',
    source: ['our own', 'include/linux/hmm.h of Linux 4.17: struct hmm_mirror_ops'],
    requirement: 'C32',
    scenario: 'munmap',
    generation: '5.0',
    overrides: [syncWithoutUnmap],
    steps: 23,
  },
]

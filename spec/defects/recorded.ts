/**
 * The faults of the recorded driver: each undoes one mend, and what breaks is as on the kernels that were recorded. Those named
 * H are hazards with pages of their own; those named R are found elsewhere too, with the driver that the page names.
 *
 * @module
 */

import { rangeOf } from '../../src/driver/index.js'
import {
  dmirrorClose,
  dmirrorDevmemFault,
  dmirrorDoFault,
  dmirrorExclusivePiece,
  dmirrorIntervalInvalidate,
  dmirrorMigrateFinalizeAndMap,
  dmirrorRangeFault,
} from '../../src/driver/recorded/index.js'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmmRangeFault,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  VM_FAULT_SIGBUS,
} from '../../src/kernel/index.js'
import { type Override, override, type Procedure, type Running } from '../../src/world/index.js'
import type { Defect } from '../defect.js'
import { foreignIsError } from './migration.js'

/** As the driver was recorded. */
function asRecorded<A extends unknown[], R>(target: Procedure<A, R>): Override {
  return override(target, (original) => original)
}

/** The driver does not say whose device pages it can reach. */
const namesNoOwner = override(
  hmmRangeFault,
  (original) =>
    function* (current, range, request) {
      return yield* original(current, range, { ...request, owner: -1 })
    },
)

/** The driver keeps its lock for as long as the walk takes, which may come back to the driver. */
const lockHeldOverWalk = override(
  dmirrorRangeFault,
  () =>
    function* (current, mirror, start, end, write): Running<number> {
      const { mm, notifier, updateLock, owner } = mirror
      const seq = yield* mmuIntervalReadBegin(notifier)
      yield* mm.mmapLock.lockRead()
      yield* updateLock.lock()
      const defaultFlags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)
      const request = { start, end, seq, defaultFlags, pfnFlagsMask: 0, owner }
      let error = yield* hmmRangeFault(current, rangeOf(mirror, current), request)
      if (!error && (yield* mmuIntervalReadRetry(current, notifier, seq))) error = -Errno.EBUSY
      if (!error) error = yield* dmirrorDoFault(current, mirror, start, end, write)
      yield* updateLock.unlock()
      yield* mm.mmapLock.unlockRead()
      return error
    },
)

/** The driver looks for the pages of a fault with the process that faults; it knows those of the process that filled them. */
const findsByProcess = override(
  dmirrorDevmemFault,
  (original) =>
    function* (current, device, mm, page, fault) {
      if (!device.mirrors.some((mirror) => mirror.mm === mm)) return VM_FAULT_SIGBUS
      return yield* original(current, device, mm, page, fault)
    },
)

/** Faults of the recorded driver, and three that others had. */
export const recordedDefects: readonly Defect[] = [
  {
    name: 'D29',
    aliases: ['M19'],
    kind: 'history',
    title: "a driver does not set its owner, and its own pages count as another's",
    text:
      'The page is in the memory of the very device that faults. Its driver has not set dev_private_owner, so that the walk takes ' +
      'the page for a foreign one; and a foreign page was an error then. Fixed in nouveau in 5.8.',
    source: ['reference D29, G.3 M19', 'drivers/gpu/drm/nouveau/nouveau_svm.c, commit ed710a6ed797'],
    requirement: 'C29',
    scenario: 'two-owners',
    generation: '5.6',
    overrides: [namesNoOwner, foreignIsError],
    steps: 33,
  },
  {
    name: 'D42',
    aliases: ['M29'],
    kind: 'history',
    title: 'a driver deadlocks on its own lock, since its walk migrates its own page back',
    text:
      'The page that the device writes to must be faulted, and the walk faults all that follow in the area too. One of them is in the ' +
      'memory of that device: the fault asks the driver to bring it back, and the driver wants the lock that it holds over the ' +
      'walk. Fixed in amdkfd in 5.16, whose callback leaves the page where it is then; to hold no such lock mends it, too.',
    source: ['reference D42, B.11 H5, G.3 M29', 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c, commit a6283010e290'],
    requirement: 'deadlock',
    scenario: 'over-fault-own-page',
    overrides: [lockHeldOverWalk],
    steps: 19,
  },
  {
    name: 'D43',
    kind: 'history',
    title: 'a child accesses a page of its parent in device memory, and gets SIGBUS',
    text:
      'fork shares device pages like any others. The driver keeps its records by process, and looks the page up with the process that ' +
      'faults: the child has never used the device, so that nothing is found, and the fault is refused. Fixed in amdkfd in 6.1: ' +
      'the page itself says who has filled it.',
    source: ['reference D43', 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c, commit e1f84eef313f'],
    requirement: 'C30',
    scenario: 'recorded/shared/dev_read+child_write',
    overrides: [findsByProcess],
    steps: 7,
  },
  {
    name: 'R1',
    kind: 'hazard',
    title: 'the recorded driver has H1: a reader maps a page that was migrated meanwhile',
    text:
      'The device reads a page, and another thread migrates it. The reader has walked before the collection and maps after it: ' +
      'the callback has passed over its own migration, so nothing moved the sequence. The device is left with a page ' +
      'of the system that is free once the migration ends. To record the sequence there mends it.',
    source: ['reference B.11 H1', 'lib/test_hmm.c: dmirror_interval_invalidate'],
    requirement: 'C41',
    scenario: 'recorded/system/dev_read+migrate_to_dev',
    overrides: [asRecorded(dmirrorIntervalInvalidate)],
    steps: 19,
  },
  {
    name: 'R2',
    kind: 'hazard',
    title: 'the recorded driver has H10: a migrated page is mapped without comparing the sequence',
    text:
      'MADV_DONTNEED comes between the collection and the map step: its callback finds nothing to take away, and then the ' +
      'driver maps the device page, which nobody will tell it of again. To take a number before the migration and to compare it ' +
      'before mapping mends it, or to map nothing and to fault afterwards.',
    source: ['reference B.11 H10, G.3 M15', 'lib/test_hmm.c: dmirror_migrate_finalize_and_map'],
    requirement: 'C1',
    scenario: 'recorded/mirrored/migrate_to_dev+madv_dontneed',
    overrides: [asRecorded(dmirrorMigrateFinalizeAndMap)],
    steps: 29,
  },
  {
    name: 'R3',
    kind: 'hazard',
    title: 'the recorded driver has X1: closing removes the notifier first, and the entries last',
    text:
      'Between the two nobody tells the driver of changes, and its page table goes stale. This device is a program that ' +
      'reaches memory only through the file that is being closed, so nothing comes of it here; a device that runs on its ' +
      'own would use what is left. To drop the entries first mends it.',
    source: ['our own', 'lib/test_hmm.c: dmirror_fops_release'],
    requirement: 'C1',
    scenario: 'recorded/mirrored2/close2+munmap',
    overrides: [asRecorded(dmirrorClose)],
    steps: 9,
  },
  {
    name: 'R4',
    kind: 'hazard',
    title: 'the recorded driver has X32: a page that could not be migrated is reported as migrated',
    text:
      'There is no page to copy to, so that nothing migrates, and the callback answers 0 all the same: the CPU faults again, as long ' +
      'as there is no memory. To answer VM_FAULT_OOM mends it.',
    source: ['our own', 'reference E.1', 'lib/test_hmm.c: dmirror_devmem_fault'],
    requirement: 'C30',
    scenario: 'recorded/short/migrate_to_dev+cpu_read',
    overrides: [asRecorded(dmirrorDevmemFault)],
    steps: 25,
  },
  {
    name: 'H16',
    kind: 'hazard',
    title: 'the struct page of device memory is stored, instead of the memory behind it',
    text:
      'Confirmed on Linux 6.1.192 and 6.12.95: a crash every time. The page is on the device; mprotect makes the device drop its ' +
      "entry; the device reads again, and its walk finds the driver's own page. The driver stores what the walk gave it, a struct page " +
      'without memory, and copies from there. Only the map step of a migration stores what is behind. To look that up in the ' +
      'fault mends it: the recordings were made with that repair.',
    source: ['reference B.11 H16', 'lib/test_hmm.c: dmirror_do_fault'],
    requirement: 'backed-access',
    scenario: 'recorded/device/dev_read+mprotect',
    overrides: [asRecorded(dmirrorDoFault)],
    steps: 28,
  },
  {
    name: 'H17',
    kind: 'hazard',
    title: "device writes during a migration by the device's own driver are lost",
    text:
      'The callback passes over its own migrations also where the page comes from system memory. The device maps the source ' +
      'until the map step, and may write to it after it was copied. To take the entry away like for any other invalidation mends it.',
    source: ['our own', 'reference C41', 'lib/test_hmm.c: dmirror_interval_invalidate'],
    requirement: 'C41',
    scenario: 'recorded/mirrored/dev_write+migrate_to_dev',
    overrides: [asRecorded(dmirrorIntervalInvalidate)],
    steps: 6,
  },
  {
    name: 'H18',
    kind: 'hazard',
    title: 'own migrations are recognised by the device, which has more than one file',
    text:
      'A process has opened the device twice (or a child has opened it too). A page comes back to the system by way of one file, which ' +
      'drops its own entry. The callback of the other passes over the migration, since it is that of its device, and ' +
      'goes on mapping the device page, which is free. No two threads are needed. To heed every invalidation mends it.',
    source: ['our own', 'reference C41', 'lib/test_hmm.c: dmirror_interval_invalidate'],
    requirement: 'C41',
    scenario: 'recorded/device/dev_read+migrate_to_sys2',
    overrides: [asRecorded(dmirrorIntervalInvalidate)],
    steps: 15,
  },
  {
    name: 'H19',
    kind: 'hazard',
    title: 'closing evicts once, and a page that is in use then outlives its file',
    text:
      'Closing evicts every page of the device because each names the file through which it was filled. A CPU that faults ' +
      'on one holds it, so that the eviction passes it over. The file is freed, and the fault goes on to look into ' +
      'it. To evict until nothing is left mends it.',
    source: ['our own', 'lib/test_hmm.c: dmirror_fops_release, dmirror_devmem_fault'],
    requirement: 'use-after-free',
    scenario: 'recorded/device2/close2+cpu_write',
    overrides: [asRecorded(dmirrorClose)],
    steps: 11,
  },
  {
    name: 'H26',
    kind: 'hazard',
    title: 'an exclusive page is mapped without comparing the sequence, although it may have been zapped',
    text:
      'The lock of the page, which the driver holds until it has mapped it, keeps faults from giving it back, and nobody from ' +
      'throwing it away: MADV_DONTNEED comes between the taking and the map step, and its callback finds nothing to take away. The ' +
      'device is left with a page that is free once the driver has let go of it. To compare a sequence under the update lock mends ' +
      'it; for that the driver must name somebody as it takes the page, and pass over its own doing.',
    source: ['our own', 'reference B.10, F.1', 'lib/test_hmm.c: dmirror_exclusive, dmirror_atomic_map'],
    requirement: 'C43',
    scenario: 'recorded/system/exclusive+madv_dontneed',
    overrides: [asRecorded(dmirrorExclusivePiece)],
    steps: 19,
  },
]

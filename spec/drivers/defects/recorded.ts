/**
 * The bugs of the recorded driver: each undoes one fix, with the same effect as on the recorded
 * kernels. Those named H are hazards with their own pages; those named R occurred in other drivers
 * too.
 *
 * @module
 */

import { rangeOf } from '../../../src/driver/index.js'
import {
  dmirror_devmem_fault,
  dmirror_do_fault,
  dmirror_fops_release,
  dmirror_interval_invalidate,
  dmirror_migrate_finalize_and_map,
  dmirror_range_fault,
  dmirrorExclusivePiece,
} from '../../../src/driver/recorded/index.js'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmm_range_fault,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  VM_FAULT_SIGBUS,
} from '../../../src/kernel/index.js'
import { type Override, override, type Procedure, type Running } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'
import { foreignIsError } from '../../migrate/defects/migration.js'

/** As the driver was recorded. */
function asRecorded<A extends unknown[], R>(target: Procedure<A, R>): Override {
  return override(target, (original) => original)
}

/** The driver does not set dev_private_owner. */
const namesNoOwner = override(
  hmm_range_fault,
  (original) =>
    function* (current, range, request) {
      return yield* original(current, range, { ...request, owner: -1 })
    },
)

/** The driver holds its lock during the walk, which may call the driver's migrate_to_ram. */
const lockHeldOverWalk = override(
  dmirror_range_fault,
  () =>
    function* (current, mirror, start, end, write): Running<number> {
      const { mm, notifier, updateLock, owner } = mirror
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(notifier, range.notifierSeq)
      yield* mm.mmapLock.lockRead()
      yield* updateLock.lock()
      const defaultFlags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)
      const request = { start, end, defaultFlags, pfnFlagsMask: 0, owner }
      let error = yield* hmm_range_fault(current, range, request)
      if (!error && (yield* mmu_interval_read_retry(notifier, range.notifierSeq))) error = -Errno.EBUSY
      if (!error) error = yield* dmirror_do_fault(current, mirror, start, end, write)
      yield* updateLock.unlock()
      yield* mm.mmapLock.unlockRead()
      return error
    },
)

/**
 * The driver looks up the page of a fault by the faulting process, but records pages by the process
 * that migrated them.
 */
const findsByProcess = override(
  dmirror_devmem_fault,
  (original) =>
    function* (current, device, mm, page, fault) {
      if (!device.mirrors.some((mirror) => mirror.mm === mm)) return VM_FAULT_SIGBUS
      return yield* original(current, device, mm, page, fault)
    },
)

/** Bugs of the recorded driver, and three of other drivers. */
export const recordedDefects: readonly Defect[] = [
  {
    name: 'D29',
    aliases: ['M19'],
    kind: 'history',
    title: "a driver does not set its owner, and its own pages count as another's",
    text:
      'The page is in the memory of the very device that faults. Its driver has not set dev_private_owner, ' +
      "so the walk takes the page for another owner's, which was an error then. Fixed in nouveau in 5.8.",
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
      'The page that the device writes to must be faulted, and the walk also faults all that follow in the ' +
      'VMA. One of them is in the memory of that device: the fault asks the driver to migrate it back, and ' +
      'the driver wants the lock that it holds during the walk. Fixed in amdkfd in 5.16, whose callback ' +
      'then leaves the page where it is; holding no such lock fixes it, too.',
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
      'fork shares device pages like any others. The driver keeps its records by process, and looks the ' +
      'page up in the faulting process: the child has never used the device, so nothing is found, and the ' +
      'fault is refused. Fixed in amdkfd in 6.1: the page itself names its owner.',
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
      'The device reads a page, and another thread migrates it. The reader has walked before the collection ' +
      'and maps after it: the callback has ignored its own migration, so the sequence is unchanged. The ' +
      'device is left with a system page that is free once the migration ends. Fixed by setting the ' +
      'sequence there.',
    source: ['reference B.11 H1', 'lib/test_hmm.c: dmirror_interval_invalidate'],
    requirement: 'C41',
    scenario: 'recorded/system/dev_read+migrate_to_dev',
    overrides: [asRecorded(dmirror_interval_invalidate)],
    steps: 19,
  },
  {
    name: 'R2',
    kind: 'hazard',
    title: 'the recorded driver has H10: a migrated page is mapped without comparing the sequence',
    text:
      'MADV_DONTNEED comes between the collection and the map step: its callback finds nothing to remove, ' +
      'and then the driver maps the device page, for which no further event comes. Fixed by sampling the ' +
      'sequence before the migration and comparing it before mapping, or by mapping nothing and faulting ' +
      'afterwards.',
    source: ['reference B.11 H10, G.3 M15', 'lib/test_hmm.c: dmirror_migrate_finalize_and_map'],
    requirement: 'C1',
    scenario: 'recorded/mirrored/migrate_to_dev+madv_dontneed',
    overrides: [asRecorded(dmirror_migrate_finalize_and_map)],
    steps: 29,
  },
  {
    name: 'R3',
    kind: 'hazard',
    title: 'the recorded driver has X1: closing removes the notifier first, and the entries last',
    text:
      'Between the two the driver is not notified, and its page table becomes stale. This device is a ' +
      'program that accesses memory only through the file that is being closed, so it has no effect here; a ' +
      'device that runs on its own would use the remaining entries. Fixed by removing the entries first.',
    source: ['our own', 'lib/test_hmm.c: dmirror_fops_release'],
    requirement: 'C1',
    scenario: 'recorded/mirrored2/close2+munmap',
    overrides: [asRecorded(dmirror_fops_release)],
    steps: 9,
  },
  {
    name: 'R4',
    kind: 'hazard',
    title: 'the recorded driver has X32: a page that could not be migrated is reported as migrated',
    text:
      'There is no page to copy to, so nothing migrates, and the callback returns 0 all the same: the CPU ' +
      'faults again, as long as there is no memory. Fixed by returning VM_FAULT_OOM.',
    source: ['our own', 'reference E.1', 'lib/test_hmm.c: dmirror_devmem_fault'],
    requirement: 'C30',
    scenario: 'recorded/short/migrate_to_dev+cpu_read',
    overrides: [asRecorded(dmirror_devmem_fault)],
    steps: 25,
  },
  {
    name: 'H16',
    kind: 'hazard',
    title: 'the struct page of device memory is stored, instead of the memory behind it',
    text:
      'Confirmed on Linux 6.1.192 and 6.12.95: a crash every time. The page is on the device; mprotect ' +
      "makes the device drop its entry; the device reads again, and its walk finds the driver's own page. " +
      'The driver stores what the walk reported, a struct page without memory, and copies from there. Only ' +
      'the map step of a migration stores the page behind it. Fixed by looking that up in the fault: the ' +
      'recordings were made with that fix.',
    source: ['reference B.11 H16', 'lib/test_hmm.c: dmirror_do_fault'],
    requirement: 'backed-access',
    scenario: 'recorded/device/dev_read+mprotect',
    overrides: [asRecorded(dmirror_do_fault)],
    steps: 28,
  },
  {
    name: 'H17',
    kind: 'hazard',
    title: "device writes during a migration by the device's own driver are lost",
    text:
      'The callback ignores its own migrations even where the page comes from system memory. The device ' +
      'maps the source until the map step, and may write to it after it was copied. Fixed by removing the ' +
      'entry as for any other invalidation.',
    source: ['our own', 'reference C41', 'lib/test_hmm.c: dmirror_interval_invalidate'],
    requirement: 'C41',
    scenario: 'recorded/mirrored/dev_write+migrate_to_dev',
    overrides: [asRecorded(dmirror_interval_invalidate)],
    steps: 6,
  },
  {
    name: 'H18',
    kind: 'hazard',
    title: 'own migrations are recognised by the device, which has more than one file',
    text:
      'A process has opened the device twice (or a child has opened it too). A page migrates back through ' +
      'one file, which removes its own entry. The callback of the other ignores the migration, since it is ' +
      'that of its device, and keeps mapping the device page, which is free. No race is needed. Fixed by ' +
      'handling every event.',
    source: ['our own', 'reference C41', 'lib/test_hmm.c: dmirror_interval_invalidate'],
    requirement: 'C41',
    scenario: 'recorded/device/dev_read+migrate_to_sys2',
    overrides: [asRecorded(dmirror_interval_invalidate)],
    steps: 15,
  },
  {
    name: 'H19',
    kind: 'hazard',
    title: 'closing evicts once, and a page that is in use then outlives its file',
    text:
      'Closing evicts every page of the device because each refers to the file through which it was ' +
      'migrated. A CPU that faults on one holds it, so the eviction skips it. The file is freed, and the ' +
      'fault then accesses it. Fixed by evicting until nothing is left.',
    source: ['our own', 'lib/test_hmm.c: dmirror_fops_release, dmirror_devmem_fault'],
    requirement: 'use-after-free',
    scenario: 'recorded/device2/close2+cpu_write',
    overrides: [asRecorded(dmirror_fops_release)],
    steps: 11,
  },
  {
    name: 'H26',
    kind: 'hazard',
    title: 'an exclusive page is mapped without comparing the sequence, although it may have been zapped',
    text:
      'The folio lock, which the driver holds until it has mapped the page, keeps faults from restoring it, ' +
      'but does not keep it from being zapped: MADV_DONTNEED comes between making it exclusive and the map ' +
      'step, and its callback finds nothing to remove. The device is left with a page that is free once the ' +
      'driver has put it. Fixed by comparing a sequence under the update lock; for that the driver must ' +
      'pass an owner, and ignore its own events.',
    source: ['our own', 'reference B.10, F.1', 'lib/test_hmm.c: dmirror_exclusive, dmirror_atomic_map'],
    requirement: 'C43',
    scenario: 'recorded/system/exclusive+madv_dontneed',
    overrides: [asRecorded(dmirrorExclusivePiece)],
    steps: 19,
  },
]

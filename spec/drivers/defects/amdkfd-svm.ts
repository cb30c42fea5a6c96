/**
 * Former bugs of amdkfd's shared virtual memory, and omitted steps, in the driver here.
 *
 * @module
 */
import { faultArgs, rangeOf, workOf } from '../../../src/driver/index.js'
import { mapPage } from '../../../src/driver/page-table.js'
import {
  countDepartures,
  rangeFromAddr,
  svm_migrate_range_to_ram,
  svm_migrate_to_ram,
  svm_migrate_vma_to_ram,
  svm_range_cpu_invalidate_pagetables,
  svm_range_create_unregistered_range,
  svm_range_deferred_list_work,
  svm_range_handle_children,
  svm_range_handle_list_op,
  svm_range_list_fini,
  svm_range_list_free,
  svm_range_lock_drained,
  svm_range_map_to_gpus,
  svm_range_map_valid,
  svm_range_may_recover,
  svm_range_take_off,
} from '../../../src/driver/tree/index.js'
import {
  flush_work,
  isMappable,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  NotifyEvent,
  VM_FAULT_SIGBUS,
} from '../../../src/kernel/index.js'
import { become, onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'
import { amdkfdFindings, walksWhole } from './amdkfd-svm-findings.js'

/** A stale fault returns by the path that releases the lock for reading. */
const keepsWriteLock = override(
  svm_range_create_unregistered_range,
  (original) =>
    function* (svms, addr) {
      const { mm, state } = svms
      yield* mm.mmapLock.lockWrite()
      yield* state.lock.lock()
      const isStale = yield* step('checkpoint_ts', () => state.drainPagefaults)
      if (isStale) return 'none'
      yield* state.lock.unlock()
      yield* mm.mmapLock.unlockWrite()
      return yield* original(svms, addr)
    },
)

/** The callback holds a user of the address space while it runs. */
const usesAddressSpace = override(
  svm_range_cpu_invalidate_pagetables,
  (original) =>
    function* (current, svms, mmuRange, curSeq) {
      const isPinned = mmuRange.event !== NotifyEvent.RELEASE && (yield* mmget_not_zero(svms.mm))
      const done = yield* original(current, svms, mmuRange, curSeq)
      if (isPinned) yield* mmput(current, svms.mm)
      return done
    },
)

/** The entries are written, and mapped_to_gpu is not set. */
const mapsSilently = onStep(
  svm_range_map_to_gpus,
  'amdgpu_vm_update_range',
  (_original, current, svms, _prange, { start, last }) =>
    () => {
      const range = rangeOf(svms, current)
      for (let page = start; page <= last; page++) if (isMappable(range, page)) mapPage(svms, range, page)
      return 0
    },
)

/** mapped_to_gpu is set after the lock has been dropped. */
const saysSoLater = override(
  svm_range_map_valid,
  (original) =>
    function* (current, svms, prange, wanted) {
      const answer = yield* original(current, svms, prange, wanted)
      if (answer) return answer
      yield* svms.state.prangeLock.critical('mapped_to_gpu = true', () => {
        prange.mappedToGpu = true
        prange.lifecycle.signal('MAPPED')
        return 0
      })
      return answer
    },
)

/** After a migration to system memory the range counts as having no page in VRAM. */
const forgetsWhatStayed = onStep(countDepartures, 'vram_pages -=', (_original, _current, prange) => () => {
  prange.vramPages = 0
  return 0
})

/** A CPU fault in a range without pages in VRAM returns 0. */
const believesTheRange = override(
  svm_migrate_range_to_ram,
  (original) =>
    function* (current, svms, page, fault) {
      yield* svms.state.lock.lock()
      const isElsewhere = yield* step('prange->actual_loc', () => rangeFromAddr(svms, page)?.vramPages === 0)
      yield* svms.state.lock.unlock()
      return isElsewhere ? 0 : yield* original(current, svms, page, fault)
    },
)

/** The process is looked up by the faulting address space. */
const looksUpTheChild = override(
  svm_migrate_to_ram,
  (original) =>
    function* (current, svms, page, fault) {
      if (current.mm !== svms.mm) return VM_FAULT_SIGBUS
      return yield* original(current, svms, page, fault)
    },
)

/** The page is looked up in the address space of the process that uses the GPU. */
const migratesTheParent = override(
  svm_migrate_range_to_ram,
  () =>
    function* (current, svms, page, fault) {
      return yield* svm_migrate_vma_to_ram(current, faultArgs(current, svms.mm, page, fault), page, 'none')
    },
)

/** The release of the address space waits for the deferred work. */
const flushesAtRelease = override(
  svm_range_cpu_invalidate_pagetables,
  (original) =>
    function* (current, svms, mmuRange, curSeq) {
      if (mmuRange.event === NotifyEvent.RELEASE) yield* flush_work(workOf(svms, 'deferredList'))
      return yield* original(current, svms, mmuRange, curSeq)
    },
)

/** The range is taken off the list before the mmap lock is taken. */
const takesOffEarly = override(
  svm_range_deferred_list_work,
  () =>
    function* (current, svms) {
      const { mm, state } = svms
      const prange = yield* state.deferredListLock.critical(
        'list_first_entry',
        () => state.deferredRangeList.first ?? 'none',
      )
      if (prange === 'none') return
      yield* svm_range_take_off(svms, prange)
      yield* svm_range_lock_drained(svms)
      yield* state.lock.lock()
      const op = yield* svm_range_handle_children(svms, prange)
      yield* svm_range_handle_list_op(svms, prange, op)
      yield* state.lock.unlock()
      yield* mm.mmapLock.unlockWrite()
      yield* mmput(current, mm)
      return yield* become(svm_range_deferred_list_work, current, svms)
    },
)

/** The work item is not waited for. */
const leavesWork = override(
  svm_range_list_fini,
  () =>
    function* (svms) {
      yield* mmu_interval_notifier_remove(svms.notifier)
      yield* svm_range_list_free(svms)
    },
)

/** The fault does not check whether the range has been unmapped. */
const recoversAll = onStep(svm_range_may_recover, 'svm_range_skip_recover', () => () => false)

/** Defects of amdkfd's shared virtual memory. */
export const amdkfdSvmDefects: readonly Defect[] = [
  {
    name: 'T50',
    kind: 'history',
    title: 'amdkfd takes its locks again in a fault of its own walk',
    text:
      'A fault of the GPU holds svms->lock and walks a range of which one page is read-only in system ' +
      'memory and another in VRAM. The fault of the walk for the first page also covers the second, ' +
      'and migrate_to_ram takes svms->lock for it. Fixed by svms->faulting_task, for which ' +
      'migrate_to_ram does nothing (5.16); here by walking page by page (T61).',
    source: [
      'reference D42',
      'commit a6283010e290 (drm/amdkfd: avoid recursive lock in migrations back to RAM)',
    ],
    requirement: 'deadlock',
    scenario: 'amdkfd-svm/mixed-range',
    overrides: [walksWhole],
    steps: 56,
  },
  {
    name: 'T51',
    kind: 'history',
    title: 'a stale fault leaves with the mmap lock held for writing',
    text:
      'svm_range_restore_pages has taken the mmap lock for writing, to create a range, and finds that ' +
      'the fault is older than an unmap. It returns by the path that releases the lock for reading. ' +
      'Fixed by a downgrade before.',
    source: ['commit 7574f30337e1 (drm/amdkfd: Fix mmap write lock not release)'],
    requirement: 'lock-discipline',
    scenario: 'amdkfd-svm/unmap-and-exit',
    overrides: [keepsWriteLock],
    steps: 36,
  },
  {
    name: 'T52',
    kind: 'history',
    title: 'the callback of amdkfd drops the last user of the address space',
    text:
      'svm_range_cpu_invalidate_pagetables takes a user of the address space and drops it at its end. ' +
      'The process has exited meanwhile, and the callback runs exit_mmap, under the locks of its ' +
      'caller. Fixed by taking the user when the range is put on the deferred list, and dropping it in ' +
      'the work item (6.16).',
    source: ["commit cf234231fcbc, CVE-2025-38520 (drm/amdkfd: Don't call mmput from MMU notifier callback)"],
    requirement: 'callback-users',
    scenario: 'amdkfd-svm/exit-and-reap',
    overrides: [usesAddressSpace],
    steps: 11,
  },
  {
    name: 'T53',
    kind: 'history',
    title: 'mapped_to_gpu is set after the lock is dropped',
    text:
      'svm_range_validate_and_map writes the entries under prange->lock and sets mapped_to_gpu ' +
      'afterwards. The callback runs in between, finds mapped_to_gpu false, and unmaps no page. Fixed ' +
      'by setting it under the lock (2023).',
    source: ['commit eb3c357bcb28 (drm/amdkfd: Handle errors from svm validate and map)'],
    requirement: 'C3',
    scenario: 'amdkfd-svm/two-faults',
    overrides: [mapsSilently, saysSoLater],
    steps: 33,
  },
  {
    name: 'T54',
    kind: 'history',
    title: 'a range with pages left in VRAM counts as migrated',
    text:
      'A migration to system memory migrates some pages back, or none, and actual_loc is set as if no ' +
      'page were in VRAM. The next CPU fault returns 0, for ever. Fixed by counting the migrated pages ' +
      '(2021).',
    source: ['commit 740a451b0797 (drm/amdkfd: Handle incomplete migration to system memory)'],
    requirement: 'C30',
    scenario: 'amdkfd-svm/no-memory',
    overrides: [forgetsWhatStayed, believesTheRange],
    steps: 55,
  },
  {
    name: 'T55',
    kind: 'history',
    title: 'a child that accesses a page in VRAM is killed',
    text:
      'svm_migrate_to_ram looks the process up by the faulting address space. A child shares the page ' +
      'and is not a process of amdkfd: SIGBUS. Fixed by a lookup through the buffer of the page (6.1).',
    source: ['reference D43', 'commit e1f84eef313f (drm/amdkfd: handle CPU fault on COW mapping)'],
    requirement: 'C30',
    scenario: 'amdkfd-svm/forked',
    overrides: [looksUpTheChild],
    steps: 12,
  },
  {
    name: 'T56',
    kind: 'history',
    title: "a child's page is migrated in the address space of its parent",
    text:
      'The child faults, and holds its own mmap lock. migrate_vma_setup walks the address space of the ' +
      "buffer, which is the parent's, whose mmap lock is not held. Fixed by migrating in the faulting " +
      'address space (2022).',
    source: ['commit 3a876060892b (drm/amdkfd: Migrate in CPU page fault use current mm)'],
    requirement: 'lock-discipline',
    scenario: 'amdkfd-svm/forked',
    overrides: [migratesTheParent],
    steps: 13,
  },
  {
    name: 'T57',
    kind: 'history',
    title: 'the end of the process waits for work that ends the process',
    text:
      'The work item drops the last user of the address space, and so runs exit_mmap; its notifier ' +
      'then flushes the work item. Fixed by not waiting there (2022).',
    source: ['commit 6225bb3a88d2 (drm/amdkfd: svm range restore work deadlock when process exit)'],
    requirement: 'deadlock',
    scenario: 'amdkfd-svm/unmap-and-exit',
    overrides: [flushesAtRelease],
    steps: 46,
  },
  ...amdkfdFindings,
  {
    name: 'T71',
    kind: 'mutation',
    title: 'a range is taken off the deferred list without the mmap lock',
    text:
      'svm_range_deferred_list_work takes the range off the list before it takes the mmap lock. A ' +
      'fault runs in between, finds the list empty and maps the range. The range is then removed ' +
      'without being unmapped.',
    source: ['drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_deferred_list_work'],
    requirement: 'refinement',
    scenario: 'amdkfd-svm/mmap-over',
    overrides: [takesOffEarly],
    steps: 86,
  },
  {
    name: 'T72',
    kind: 'mutation',
    title: 'the deferred work is not waited for when the process ends',
    text: 'svm_range_list_fini frees the ranges while the work item is queued.',
    source: ['drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_list_fini'],
    requirement: 'work-items',
    scenario: 'amdkfd-svm/unmap-and-close',
    overrides: [leavesWork],
    steps: 68,
  },
  {
    name: 'T73',
    kind: 'mutation',
    title: 'a range that was unmapped is mapped again',
    text:
      'A fault does not check the deferred list (svm_range_skip_recover). New memory is mapped there, ' +
      'and the fault maps it in the old range, which the work item removes without unmapping it.',
    source: ['drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_skip_recover'],
    requirement: 'refinement',
    scenario: 'amdkfd-svm/mmap-over',
    overrides: [recoversAll],
    steps: 85,
  },
]

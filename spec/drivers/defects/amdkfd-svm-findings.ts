/**
 * Findings in amdkfd's shared virtual memory: each restores the code as it is, where the driver
 * here is fixed.
 *
 * @module
 */
import { flushDevice, rangeOf, unmapPages } from '../../../src/driver/index.js'
import {
  childrenOf,
  hasVram,
  notifiedOf,
  overlapOf,
  rangeFromAddr,
  type Svms,
  spanOf,
  svm_migrate_range_to_ram,
  svm_migrate_to_ram,
  svm_migrate_vma_to_ram,
  svm_range_best_restore_location,
  svm_range_evict,
  svm_range_lock,
  svm_range_map_to_gpus,
  svm_range_map_valid,
  svm_range_restore_alone,
  svm_range_take_child,
  svm_range_unmap_from_cpu,
  svm_range_unmap_or_evict,
  unmapFromGpus,
  walkAtOnce,
  walkOwnAndSystem,
} from '../../../src/driver/tree/index.js'
import {
  Errno,
  HMM_PFN_WRITE,
  MIGRATE_PFN_HELD,
  mmget_not_zero,
  mmput,
  NotifyEvent,
  pagesOf,
  VM_FAULT_SIGBUS,
  VM_WRITE,
  VmaKind,
} from '../../../src/kernel/index.js'
import { onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The whole range is walked at once, and a fault of the walk goes on over pages of VRAM. */
export const walksWhole = override(
  walkOwnAndSystem,
  () =>
    function* (current, svms, pages) {
      return yield* walkAtOnce(current, svms, pages)
    },
)

/**
 * The callback returns success for a fault of its own walk. For the claim of C30 the page counts as
 * held: the walk holds it.
 */
const skipsFaultingTask = override(
  svm_migrate_to_ram,
  (original) =>
    function* (current, svms, page, fault) {
      const isFaulting = yield* step('svms->faulting_task', () => {
        const isOwn = svms.state.lock.heldBy(current.thread)
        const entry = pagesOf(current)[page]
        if (isOwn) entry.flags = entry.flags | MIGRATE_PFN_HELD
        return isOwn
      })
      return isFaulting ? 0 : yield* original(current, svms, page, fault)
    },
)

/** Pages that the device has written are not marked dirty. */
const unmapsOnly = onStep(svm_range_evict, 'svm_range_unmap_from_gpus', (_original, svms, span) => () => {
  const [hit] = notifiedOf(svms, span).filter(({ mappedToGpu }) => mappedToGpu)
  const overlap = hit && overlapOf(hit, span)
  if (overlap === undefined) return 'none'
  const pages = { start: overlap.start, end: overlap.last + 1 }
  unmapPages(svms, pages)
  if (pages.start !== hit.start || overlap.last !== hit.last) return pages
  hit.mappedToGpu = false
  hit.lifecycle.signal('EVICTED')
  return pages
})

/** mapped_to_gpu is set only after the whole range is mapped. */
const saysSoAtTheEnd = onStep(
  svm_range_map_to_gpus,
  'amdgpu_vm_update_range',
  (original, _current, _svms, prange, { last }) =>
    (choice) => {
      const { mappedToGpu } = prange
      original(choice)
      if (last !== prange.last) prange.mappedToGpu = mappedToGpu
      return 0
    },
)

/** The write permission comes from the VMA, even for pages of VRAM. */
const goesByTheArea = [
  onStep(
    svm_range_map_valid,
    'list_empty(&prange->child_list)',
    (_original, _current, svms, prange) => () => (childrenOf(svms, prange).length > 0 ? -Errno.EAGAIN : 0),
  ),
  onStep(
    svm_range_map_to_gpus,
    'amdgpu_vm_update_range',
    (original, current, svms, _prange, { start, last }) =>
      (choice) => {
        for (let page = start; page <= last; page++) {
          const pfn = rangeOf(svms, current).pfns[page]
          if (svms.mm.vma[page].flags & VM_WRITE) pfn.flags = pfn.flags | HMM_PFN_WRITE
        }
        return original(choice)
      },
  ),
]

/** The callback visits the children one after another. */
export const looksAtChildren = override(
  svm_range_evict,
  () =>
    function* (svms, span) {
      const told = yield* step('list_for_each_entry(pchild)', () => {
        const pranges = notifiedOf(svms, span)
        return [...pranges.flatMap((prange) => childrenOf(svms, prange)), ...pranges]
      })
      const unmapped = yield* step('svm_range_unmap_from_gpus', () => unmapFromGpus(svms, told, span))
      if (unmapped !== 'none') yield* flushDevice(svms, unmapped)
    },
)

/** The work item takes the child off without prange->lock. */
const takesUnlocked = override(
  svm_range_take_child,
  () =>
    function* (svms, prange) {
      return yield* step('list_del_init(&pchild->child_list)', () => {
        const [child] = childrenOf(svms, prange)
        if (child === undefined) return 'none'
        child.parent = 0
        return child
      })
    },
)

/** The callback waits for its lock even if the range is not blockable. */
const alwaysWaits = override(
  svm_range_lock,
  () =>
    function* (svms) {
      yield* svms.state.prangeLock.lock()
      return 1
    },
)

/** Every MMU_NOTIFY_UNMAP counts as an unmap. */
const believesReaper = override(
  svm_range_unmap_or_evict,
  (original) =>
    function* (svms, mmuRange) {
      if (mmuRange.event === NotifyEvent.UNMAP) yield* svm_range_unmap_from_cpu(svms, spanOf(mmuRange))
      else yield* original(svms, mmuRange)
    },
)

/** Every error is SIGBUS. */
const answersSigbus = override(
  svm_migrate_vma_to_ram,
  (original) =>
    function* (current, args, page, prange) {
      return (yield* original(current, args, page, prange)) ? VM_FAULT_SIGBUS : 0
    },
)

/** Without the process, or its range, a page is not migrated back. */
const needsProcess = override(
  svm_migrate_to_ram,
  (original) =>
    function* (current, svms, page, fault) {
      const isGone = yield* step('mmget_not_zero(svm_bo->eviction_fence->mm)', () => svms.state.isGone)
      return isGone ? VM_FAULT_SIGBUS : yield* original(current, svms, page, fault)
    },
)

/** The whole window must lie in VMAs of the faulting process. */
const needsNeighbours = override(
  svm_migrate_range_to_ram,
  (original) =>
    function* (current, svms, page, fault) {
      yield* svms.state.lock.lock()
      const isMissing = yield* step('vma_lookup', () => hasHole(svms, current.mm.vma, page))
      yield* svms.state.lock.unlock()
      return isMissing ? VM_FAULT_SIGBUS : yield* original(current, svms, page, fault)
    },
)

function hasHole(svms: Svms, vma: readonly { readonly kind: VmaKind }[], page: number): boolean {
  const prange = rangeFromAddr(svms, page)
  return prange !== undefined && vma.slice(prange.start, page).some(({ kind }) => kind === VmaKind.none)
}

/** Each fault migrates the range to VRAM. */
const alwaysNear = override(
  svm_range_best_restore_location,
  () =>
    function* (current, svms) {
      return yield* step('best_restore_loc', () => hasVram(current, svms))
    },
)

/** A fault takes a user of the address space of the process that uses the GPU. */
const usesParent = override(
  svm_migrate_to_ram,
  (original) =>
    function* (current, svms, page, fault) {
      const isPinned = yield* mmget_not_zero(svms.mm)
      const answer = yield* original(current, svms, page, fault)
      if (isPinned) yield* mmput(current, svms.mm)
      return answer
    },
)

/** If the range cannot be mapped as a whole, no page is mapped. */
const allOrNothing = override(
  svm_range_restore_alone,
  () =>
    function* (_current, _svms, _prange, _addr, _wanted, error) {
      if (error === 0) return 'mapped'
      return error === -Errno.EAGAIN ? 'again' : error
    },
)

const KFD_SVM = 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c'
const KFD_MIGRATE = 'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c'
const MODEL_ONLY = 'Model only, not seen on a machine.'

/** Findings in amdkfd's shared virtual memory. */
export const amdkfdFindings: readonly Defect[] = [
  {
    name: 'T58',
    kind: 'hazard',
    title: 'amdkfd marks nothing dirty that its GPU writes',
    text:
      'svm_range_unmap_from_gpus and the end of the DMA mappings call no set_page_dirty. A walk with a ' +
      "write request leaves the CPU's entry dirty, but a GPU write after the page was written to swap " +
      'is lost (H23). Fix: set_page_dirty for every page of a writable entry, before the entry is ' +
      `removed. ${MODEL_ONLY}`,
    source: ['reference B.11 H23', `${KFD_SVM}: svm_range_unmap_from_gpus, svm_range_dma_unmap_dev`],
    requirement: 'C39',
    scenario: 'amdkfd-svm/swap',
    overrides: [unmapsOnly],
    steps: 41,
  },
  {
    name: 'T59',
    kind: 'hazard',
    title: 'a partly mapped range counts as not mapped',
    text:
      'svm_range_validate_and_map maps VMA by VMA, and sets mapped_to_gpu with the last (next == end). ' +
      'If the last collides or fails, the pages of the first are mapped and mapped_to_gpu is false: ' +
      `the callback unmaps no page, and the GPU keeps freed pages. Fix: set it with the first entry. ${MODEL_ONLY}`,
    source: [`${KFD_SVM}: svm_range_validate_and_map, svm_range_unmap_from_gpus`],
    requirement: 'C3',
    scenario: 'amdkfd-svm/two-areas',
    overrides: [saysSoAtTheEnd],
    steps: 86,
  },
  {
    name: 'T60',
    kind: 'hazard',
    title: 'the GPU writes to pages of VRAM that are shared after fork',
    text:
      'svm_range_map_to_gpu takes the write permission from the VMA alone. A walk reports a page of ' +
      'VRAM as is, even if write was requested and it is read-only (H4): after fork the GPU of the ' +
      'parent writes to a page that the child shares. Fix: map with the reported permission, and ' +
      `migrate the page back first for a write. ${MODEL_ONLY}`,
    source: ['reference B.11 H4', `${KFD_SVM}: svm_range_validate_and_map (readonly), svm_range_map_to_gpu`],
    requirement: 'C4',
    scenario: 'amdkfd-svm/write-to-own-memory',
    overrides: goesByTheArea,
    steps: 53,
  },
  {
    name: 'T61',
    kind: 'hazard',
    title: "a fault of the GPU and one of a CPU wait for each other's lock",
    text:
      'A CPU fault holds the folio lock of a page in VRAM (from 6.15), and waits for svms->lock in svm_migrate_to_ram. A GPU fault holds svms->lock, and its walk faults in another page of the range, then also the ' +
      'page in VRAM: do_swap_page waits for the folio lock (from 7.0; before it retries for ever). ' +
      `svms->faulting_task does not help there. Fix: walk page by page if the GPU has memory. ${MODEL_ONLY}`,
    source: [
      'reference D6, D7, D42',
      `${KFD_MIGRATE}: svm_migrate_to_ram`,
      `${KFD_SVM}: svm_range_validate_and_map (faulting_task)`,
    ],
    requirement: 'deadlock',
    scenario: 'amdkfd-svm/mixed-range',
    overrides: [walksWhole, skipsFaultingTask],
    steps: 61,
  },
  {
    name: 'T62',
    kind: 'hazard',
    title: 'child ranges are freed while a callback walks them',
    text:
      'svm_range_deferred_list_work takes the children off prange->child_list and frees them under the ' +
      'mmap lock, svms->lock and migrate_mutex. The callback walks the list under prange->lock, and ' +
      'reclaim calls it without the mmap lock. Fix: take ' +
      `prange->lock for list_del. ${MODEL_ONLY}`,
    source: [`${KFD_SVM}: svm_range_deferred_list_work, svm_range_evict`],
    requirement: 'use-after-free',
    scenario: 'amdkfd-svm/split-and-reclaim',
    overrides: [looksAtChildren, takesUnlocked],
    steps: 43,
  },
  {
    name: 'T63',
    kind: 'hazard',
    title: 'the callback of amdkfd sleeps for a range that is not blockable',
    text:
      'svm_range_cpu_invalidate_pagetables does not check mmu_notifier_range_blockable, and takes ' +
      'prange->lock, a mutex: the OOM reaper waits for a holder that allocates memory. Fix: ' +
      'mutex_trylock, and return false if it fails. ' +
      MODEL_ONLY,
    source: [`${KFD_SVM}: svm_range_cpu_invalidate_pagetables`],
    requirement: 'non-blocking',
    scenario: 'amdkfd-svm/oom-reaper',
    overrides: [alwaysWaits],
    steps: 5,
  },
  {
    name: 'T64',
    kind: 'hazard',
    title: 'a range is removed for an unmap that does not happen',
    text:
      'The OOM reaper passes MMU_NOTIFY_UNMAP, and skips the VMA if another notifier refuses. By then ' +
      'the range is on the deferred list; a fault that checked the list before maps the range, and the ' +
      'work item removes its notifier without unmapping it. Fix: treat a range that is not blockable ' +
      `as an eviction. ${MODEL_ONLY}`,
    source: [`${KFD_SVM}: svm_range_cpu_invalidate_pagetables, svm_range_handle_list_op`, 'mm/oom_kill.c'],
    requirement: 'refinement',
    scenario: 'amdkfd-svm/classic-notifiers',
    overrides: [believesReaper],
    steps: 45,
  },
  {
    name: 'T65',
    kind: 'hazard',
    title: 'amdkfd returns SIGBUS when memory has run out',
    text:
      'svm_migrate_to_ram returns VM_FAULT_SIGBUS for every error, including -ENOMEM: the process is ' +
      `killed although the page exists and it could wait for memory. Fix: VM_FAULT_OOM. ${MODEL_ONLY}`,
    source: [`${KFD_MIGRATE}: svm_migrate_to_ram, svm_migrate_copy_to_ram`],
    requirement: 'C30',
    scenario: 'amdkfd-svm/no-memory',
    overrides: [answersSigbus],
    steps: 40,
  },
  {
    name: 'T66',
    kind: 'hazard',
    title: 'a child loses its pages in VRAM when its parent exits',
    text:
      'svm_migrate_to_ram needs a user of the address space that has the GPU (mmget_not_zero of the ' +
      'eviction fence). The parent has exited, its pages in VRAM still exist, and a child that ' +
      'accesses one gets SIGBUS. Fix: migrate the page back alone. ' +
      MODEL_ONLY,
    source: [`${KFD_MIGRATE}: svm_migrate_to_ram`],
    requirement: 'C30',
    scenario: 'amdkfd-svm/forked',
    overrides: [needsProcess],
    steps: 58,
  },
  {
    name: 'T67',
    kind: 'hazard',
    title: 'a child that has unmapped a page gets SIGBUS for its neighbour',
    text:
      'svm_migrate_vram_to_ram migrates the granule of the page within the range of the parent, from ' +
      'its beginning, and returns -EFAULT at the first address at which the faulting process has no ' +
      'VMA. Fix: stay inside the VMA of the fault. ' +
      MODEL_ONLY,
    source: [`${KFD_MIGRATE}: svm_migrate_to_ram, svm_migrate_vram_to_ram`],
    requirement: 'C30',
    scenario: 'amdkfd-svm/forked',
    overrides: [needsNeighbours],
    steps: 17,
  },
  {
    name: 'T68',
    kind: 'hazard',
    title: 'a CPU and the GPU take a page from each other for ever',
    text:
      'Each GPU fault migrates the page to VRAM, each CPU fault migrates it back, and neither access ' +
      'completes: there is no time slice as in GPU SVM. Fix: migrate it to VRAM once, and map it in ' +
      'place afterwards. ' +
      MODEL_ONLY,
    source: [`${KFD_SVM}: svm_range_restore_pages, svm_range_best_restore_location`],
    requirement: 'C49',
    scenario: 'amdkfd-svm/migrate',
    overrides: [alwaysNear],
    steps: 224,
  },
  {
    name: 'T69',
    kind: 'hazard',
    title: 'the fault of a child takes down the address space of its parent',
    text:
      'svm_migrate_to_ram takes a user of the address space that has the GPU, and drops it under the mmap lock and the folio lock of the ' +
      'fault. If the parent has exited meanwhile it is the last user: exit_mmap of the parent runs in the ' +
      'fault of the child, and takes an mmap lock under another. Fix: hold a reference to the amdkfd ' +
      `process instead. ${MODEL_ONLY}`,
    source: [`${KFD_MIGRATE}: svm_migrate_to_ram (out_mmput)`],
    requirement: 'lock-order',
    scenario: 'amdkfd-svm/forked',
    overrides: [usesParent],
    steps: 81,
  },
  {
    name: 'T70',
    kind: 'hazard',
    title: 'a page that cannot be faulted in prevents the mapping of its neighbours',
    text:
      'A fault maps the whole granule, writable if the VMA permits it. If one page of it cannot be ' +
      'faulted in (no memory, a poisoned page), the fault fails, and so does every other fault in the ' +
      'granule. Fix: then map the page of the fault alone. ' +
      MODEL_ONLY,
    source: [`${KFD_SVM}: svm_range_restore_pages, svm_range_validate_and_map`],
    requirement: 'C5',
    scenario: 'amdkfd-svm/migrate-and-drain',
    overrides: [allOrNothing],
    steps: 83,
  },
]

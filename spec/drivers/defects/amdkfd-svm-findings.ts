/**
 * Findings in amdkfd's shared virtual memory: what the code does as it is, where the driver written after it is mended.
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

/** Who walks is told that its own fault has been served. The specification is told that the page is held, as it is: by the walk. */
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

/** What the device has written is not marked. */
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

/** That the range is mapped is said once all of it is. */
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

/** What may be written goes by the area, also for pages of VRAM. */
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

/** The callback looks at the children one after the other. */
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

/** The callback waits for its lock, whatever it is told. */
const alwaysWaits = override(
  svm_range_lock,
  () =>
    function* (svms) {
      yield* svms.state.prangeLock.lock()
      return 1
    },
)

/** Whoever says that it unmaps is believed. */
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

/** Without the process, or its range, a page does not come back. */
const needsProcess = override(
  svm_migrate_to_ram,
  (original) =>
    function* (current, svms, page, fault) {
      const isGone = yield* step('mmget_not_zero(svm_bo->eviction_fence->mm)', () => svms.state.isGone)
      return isGone ? VM_FAULT_SIGBUS : yield* original(current, svms, page, fault)
    },
)

/** All of the window must be in areas of who faults. */
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

/** Each fault takes the range to VRAM. */
const alwaysNear = override(
  svm_range_best_restore_location,
  () =>
    function* (current, svms) {
      return yield* step('best_restore_loc', () => hasVram(current, svms))
    },
)

/** A fault is a user of the address space of the process that has the GPU. */
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

/** If the range cannot be had as a whole, nothing is mapped. */
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
      'svm_range_unmap_from_gpus and the end of the DMA mappings call no set_page_dirty. A walk for writing leaves the entry of the ' +
      'CPU dirty, but what the GPU writes after the page was written to swap is lost (H23). Mended by set_page_dirty for every page ' +
      `that may be written, before its entry goes. ${MODEL_ONLY}`,
    source: ['reference B.11 H23', `${KFD_SVM}: svm_range_unmap_from_gpus, svm_range_dma_unmap_dev`],
    requirement: 'C39',
    scenario: 'amdkfd-svm/swap',
    overrides: [unmapsOnly],
    steps: 41,
  },
  {
    name: 'T59',
    kind: 'hazard',
    title: 'a range of which a part is mapped counts as not mapped',
    text:
      'svm_range_validate_and_map goes area by area, and sets mapped_to_gpu with the last (next == end). If that collides, or is refused, ' +
      'the pages of the first are mapped and mapped_to_gpu is false: the callback unmaps nothing, and the GPU keeps pages that are ' +
      `freed. Mended by setting it with the first entry. ${MODEL_ONLY}`,
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
      'svm_range_map_to_gpu takes the right to write from the area alone. A walk reports a page of VRAM as it is, even if it may only ' +
      'be read and writing was asked for (H4): after fork the GPU of the parent writes to what its child shares. Mended by mapping ' +
      `what the walk reports, and bringing the page back first where the GPU wants to write. ${MODEL_ONLY}`,
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
      'A CPU fault holds the folio lock of a page in VRAM (from 6.15), and waits for svms->lock in svm_migrate_to_ram. A fault of the GPU ' +
      'holds svms->lock, and its walk faults for another page of the range, and goes on over that one: do_swap_page waits for the ' +
      'folio lock (from 7.0; before it tries again for ever). svms->faulting_task is too late for that. Mended by walking page by ' +
      `page where the GPU has memory. ${MODEL_ONLY}`,
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
      'svm_range_deferred_list_work takes the children off prange->child_list and frees them under the mmap lock, svms->lock and ' +
      'migrate_mutex. The callback walks the list under prange->lock, and reclaim calls it without the mmap lock. Mended by taking ' +
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
    title: 'the callback of amdkfd sleeps where it may not',
    text:
      'svm_range_cpu_invalidate_pagetables does not look at mmu_notifier_range_blockable, and takes prange->lock, a mutex: the OOM ' +
      'reaper waits for who holds it and allocates memory. Mended by mutex_trylock, and false if that fails. ' +
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
      'The OOM reaper announces MMU_NOTIFY_UNMAP, and gives up if another notifier refuses. The range is on the deferred list by then, a ' +
      'fault that looked before maps it, and the work item removes its notifier and unmaps nothing. Mended by treating what is not ' +
      `blockable as an eviction. ${MODEL_ONLY}`,
    source: [`${KFD_SVM}: svm_range_cpu_invalidate_pagetables, svm_range_handle_list_op`, 'mm/oom_kill.c'],
    requirement: 'refinement',
    scenario: 'amdkfd-svm/classic-notifiers',
    overrides: [believesReaper],
    steps: 45,
  },
  {
    name: 'T65',
    kind: 'hazard',
    title: 'want of memory is answered with SIGBUS',
    text:
      'svm_migrate_to_ram makes VM_FAULT_SIGBUS of every error, -ENOMEM too: a process is killed for a page that is there, when it could ' +
      `wait for memory. Mended by VM_FAULT_OOM. ${MODEL_ONLY}`,
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
      'svm_migrate_to_ram needs a user of the address space that has the GPU (mmget_not_zero of the eviction fence). The parent has exited, ' +
      'the pages of VRAM are there, and the child that touches one gets SIGBUS. Mended by bringing back the page alone. ' +
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
      'svm_migrate_vram_to_ram migrates the granule of the page within the range of the parent, from its beginning, and returns -EFAULT ' +
      'at the first address at which who faults has no area. Mended by keeping to the area of the fault. ' +
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
      'Each fault of the GPU takes the page to VRAM, each of a CPU brings it back, and neither access comes to be made: nothing gives ' +
      'either a time slice, as GPU SVM does. Mended by taking it to VRAM once, and mapping it where it is then. ' +
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
      'fault. If the parent has exited meanwhile it is the last: exit_mmap of the parent runs in the fault of the child, and takes an ' +
      `mmap lock under another. Mended by a reference to the process of amdkfd instead. ${MODEL_ONLY}`,
    source: [`${KFD_MIGRATE}: svm_migrate_to_ram (out_mmput)`],
    requirement: 'lock-order',
    scenario: 'amdkfd-svm/forked',
    overrides: [usesParent],
    steps: 81,
  },
  {
    name: 'T70',
    kind: 'hazard',
    title: 'a page that cannot be had keeps its neighbours from the GPU',
    text:
      'A fault maps the whole granule, for writing if the area permits it. If one page of it cannot be had (want of memory, a poisoned ' +
      'page), the fault fails, and so does every other in the granule. Mended by mapping the page of the fault alone then. ' +
      MODEL_ONLY,
    source: [`${KFD_SVM}: svm_range_restore_pages, svm_range_validate_and_map`],
    requirement: 'C5',
    scenario: 'amdkfd-svm/migrate-and-drain',
    overrides: [allOrNothing],
    steps: 83,
  },
]

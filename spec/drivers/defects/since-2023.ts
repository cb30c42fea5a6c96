/**
 * Public bugs that were fixed since 2023 (see spec/history), each in its own form.
 *
 * @module
 */
import { allocateAndCopy, rangeOf, recordAndUnmap } from '../../../src/driver/index.js'
import {
  amdgpu_hmm_range_get_pages,
  destroy_unused_implicit_child_mr,
  mlx5_ib_free_odp_mr,
  queueDestroy,
  storeMkey,
  takeOffArrays,
} from '../../../src/driver/tree/index.js'
import { dmaListOf, hmm_dma_unmap_pfn } from '../../../src/generations/index.js'
import {
  alloc_page,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hasSource,
  hmm_range_fault,
  isFreePage,
  isMigrating,
  mmu_interval_read_begin,
  pagesOf,
  setDestination,
  tryLockPage,
  zoneDevicePageInit,
} from '../../../src/kernel/index.js'
import { BLOCKED, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** A part of the range is one page, and each part is walked under its own sequence number. */
const samplesEachPart = override(
  amdgpu_hmm_range_get_pages,
  () =>
    function* (current, bo, { start, end, write }) {
      const range = rangeOf(bo, current)
      const { mmapLock } = bo.mm
      yield* mmapLock.lockRead()
      let error = 0
      for (let page = start; page < end && !error; page++) {
        yield* mmu_interval_read_begin(bo.notifier, range.notifierSeq)
        error = yield* hmm_range_fault(current, range, {
          start: page,
          end: page + 1,
          defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
          pfnFlagsMask: 0,
          owner: -1,
        })
      }
      yield* mmapLock.unlockRead()
      return error
    },
)

/** The key goes to a cache, whose entry is allocated before the mutex is released. */
const allocatesUnderMutex = override(
  mlx5_ib_free_odp_mr,
  (original) =>
    function* (current, imr) {
      const { umemMutex } = imr.state
      yield* umemMutex.lock()
      const pfn = yield* alloc_page(current.machine)
      if (pfn)
        yield* step('free it again', () => {
          current.machine.frames[pfn].refcount = 0
          return 0
        })
      yield* umemMutex.unlock()
      yield* original(current, imr)
    },
)

/** The page of the address is allocated even if it still has a reference. */
const looksAtNoCount = override(
  allocateAndCopy,
  (original) =>
    function* (current, args, from) {
      const taken = yield* step('svm_migrate_get_vram_page', () => {
        const entry = pagesOf(current)[args.start]
        const frame = from.find((page) => page.owner >= 0 && page.mapcount === 0)
        if (frame === undefined || !isMigrating(entry)) return 'none'
        zoneDevicePageInit(frame)
        setDestination(entry, frame)
        return { pfn: frame.pfn, isLocked: tryLockPage(frame) }
      })
      if (taken === 'none') return yield* original(current, args, from)
      const { pfn, isLocked } = taken
      if (!isLocked) yield* step('lock_page', () => (tryLockPage(current.machine.frames[pfn]) ? 0 : BLOCKED))
      yield* step('copy the page', () => {
        const { frames } = current.machine
        const entry = pagesOf(current)[args.start]
        if (hasSource(entry)) frames[pfn].contents = frames[entry.source].contents
        return 0
      })
      return 0
    },
)

/** The driver sets dst of each entry, and does not clear it for pages that do not migrate. */
const namesPagesForAll = override(
  allocateAndCopy,
  (original) =>
    function* (current, args, from) {
      for (let page = args.start; page < args.end; page++)
        yield* step('populate_devmem_pfn', () => {
          const entry = pagesOf(current)[page]
          const frame = from.find((free) => isFreePage(free))
          if (!isMigrating(entry) && frame) entry.dst = frame
          return 0
        })
      return yield* original(current, args, from)
    },
)

/** The pages are unmapped for DMA before the device flushes its translations. */
const unmapsBeforeFlush = override(
  recordAndUnmap,
  (original) =>
    function* (current, mirror, range, curSeq) {
      yield* original(current, mirror, range, curSeq)
      const { start, last } = mirror.notifier
      yield* hmm_dma_unmap_pfn(dmaListOf(mirror), Math.max(range.start, start), Math.min(range.end, last + 1))
    },
)

/** The child is destroyed by this caller even if it is not on the array any more. */
const erasesWhatever = override(
  takeOffArrays,
  () =>
    function* ({ state }, child) {
      yield* state.childrenLock.critical('xa_erase', () => {
        const { implicitChildren } = state
        const there = implicitChildren.items.find(({ idx }) => idx === child.idx)
        if (there) implicitChildren.remove(there)
        return 0
      })
      yield* state.mkeysLock.critical('xa_erase odp_mkeys', () => {
        const { odpMkeys } = state
        if (odpMkeys.items.includes(child)) odpMkeys.remove(child)
        return 0
      })
      return 1
    },
)

/** Another thread destroys the child: the use count taken for that is not dropped. */
const keepsRegion = override(
  destroy_unused_implicit_child_mr,
  () =>
    function* (imr, child) {
      const { state } = imr
      const isThere = yield* step('refcount_inc_not_zero', () => {
        if (state.usecount === 0) return 0
        state.usecount += 1
        return 1
      })
      if (isThere && (yield* takeOffArrays(imr, child))) yield* queueDestroy(imr, child)
    },
)

/** The key is stored under the lock of the children alone. */
const storesUnderOtherLock = override(
  storeMkey,
  () =>
    function* ({ odpMkeys }, child) {
      yield* step('__xa_store', () => {
        odpMkeys.addTail(child)
        return 0
      })
    },
)

/** Defects of bugs since 2023. */
export const sinceDefects: readonly Defect[] = [
  {
    name: 'D37',
    aliases: ['M14'],
    kind: 'history',
    title: 'amdgpu walks a large range in parts, each under its own sequence number',
    text:
      'A range of more than 2 GB is walked in parts, and the sequence is sampled for each. A page of ' +
      'the first part is zapped. The number of the second part is newer, and is the one compared: the ' +
      'job uses the zapped page. Here a part is one page. Fixed by one sample before the first part.',
    source: [
      'reference D37, G.3 M14',
      'drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c, commit 962d684b5dc0 (fix amdgpu_hmm_range_get_pages), CVE-2026-63879',
    ],
    requirement: 'C8',
    scenario: 'amdgpu-userptr/discard-one',
    overrides: [samplesEachPart],
    steps: 24,
  },
  {
    name: 'D48',
    kind: 'history',
    title: 'a driver leaves destinations in the entries that do not migrate',
    text:
      'The driver sets dst for all entries at once, and does not clear the entries of pages that do ' +
      'not migrate: dst of such a page counts as its destination. Fixed by clearing them.',
    source: [
      'reference D48',
      'drivers/gpu/drm/drm_pagemap.c, commit 1f1be4ba643f (Clear driver-provided PFNs from migration PFN array)',
    ],
    requirement: 'C34',
    scenario: 'migrate-partly',
    overrides: [namesPagesForAll],
    steps: 50,
  },
  {
    name: 'T31',
    kind: 'history',
    title: 'mlx5 allocates memory under umem_mutex when a region is destroyed',
    text:
      'The key of a region is revoked under umem_mutex, and stored in a cache before the mutex is released. The cache ' +
      'allocates an entry: reclaim may invalidate the region, and its callback waits for the mutex. Fixed by releasing it ' +
      'in between.',
    source: [
      'drivers/infiniband/hw/mlx5/mr.c, commit 2ed25aa7f771 (Fix potential deadlock in MR deregistration)',
    ],
    requirement: 'C18',
    scenario: 'mlx5/unmap-and-close',
    overrides: [allocatesUnderMutex],
    steps: 29,
  },
  {
    name: 'X490',
    kind: 'history',
    title: 'a callback unmaps pages for DMA before the device has flushed them',
    text:
      'The callback unmaps the pages for DMA and flushes the translations of the device afterwards: in ' +
      'between the device uses addresses that are unmapped, or map another page. Fixed by the reverse ' +
      'order.',
    source: [
      'drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c, commit 101b8104307e (Move dma unmapping after TLB flush)',
    ],
    requirement: 'dma-mapping',
    scenario: 'dma-mapping',
    overrides: [unmapsBeforeFlush],
    steps: 24,
  },
  {
    name: 'D36',
    aliases: ['M27'],
    kind: 'history',
    title: 'two callbacks destroy one child region',
    text:
      'A child region has lost its last page, is removed from the array and queued for destruction. A ' +
      'fault that found it before maps a page for it; the next invalidation finds it empty again, and ' +
      'queues it again. The second work item may run after the first has freed it. Fixed by ' +
      'compare-and-exchange: only the thread that removes the child from the array queues it.',
    source: [
      'reference D36, G.3 M27',
      'drivers/infiniband/hw/mlx5/odp.c, commit d3d930411ce3 (Fix implicit ODP use after free), CVE-2025-21714',
    ],
    requirement: 'own-objects',
    scenario: 'mlx5/child-twice',
    overrides: [erasesWhatever],
    steps: 52,
  },
  {
    name: 'T41',
    kind: 'history',
    title: 'the keys of the device are changed under the lock of another array',
    text:
      'The keys of all regions of the device are in an array with a lock of its own. When a child is ' +
      "created, its key is stored under the lock of its parent's children, so two parents store at " +
      'once. Fixed by taking the lock of the array.',
    source: [
      'drivers/infiniband/hw/mlx5/odp.c, commit 2c6b640ea08b (Fix unsafe xarray access in implicit ODP handling), CVE-2025-38372',
    ],
    requirement: 'lock-discipline',
    scenario: 'mlx5/child-twice',
    overrides: [storesUnderOtherLock],
    steps: 20,
  },
  {
    name: 'T42',
    kind: 'history',
    title: 'a callback leaks a reference to the parent region',
    text:
      'A callback takes a reference to the parent for the child that it queues for destruction. ' +
      'Another thread has removed the child from the array already: the callback returns without ' +
      'dropping the reference. The deregistration of the parent waits for it for ever. Fixed by ' +
      'dropping it.',
    source: [
      'drivers/infiniband/hw/mlx5/odp.c, commit 3d8c6f26893d (Fix implicit ODP hang on parent deregistration)',
    ],
    requirement: 'deadlock',
    scenario: 'mlx5/child-twice',
    overrides: [keepsRegion],
    steps: 78,
  },
  {
    name: 'T80',
    kind: 'history',
    title: 'amdkfd allocates a page of VRAM that a fault still references',
    text:
      'A CPU fault has migrated the page to system memory, and has not put it yet. A GPU fault ' +
      'allocates the unmapped page for its next migration, and sets its count to one: the put of the ' +
      'CPU fault frees it while it is in use. Fix: take a reference instead of setting the count.',
    source: [
      'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_get_vram_page',
      'patch 20250926210331.17401-1-Philip.Yang@amd.com (drm/amdkfd: Fix svm_bo and vram page refcount)',
    ],
    requirement: 'refinement',
    scenario: 'amdkfd-svm/migrate',
    overrides: [looksAtNoCount],
    steps: 96,
  },
]

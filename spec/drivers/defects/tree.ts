/**
 * Bugs of drivers of the kernel tree, in the drivers here.
 *
 * @module
 */
import {
  accessOf,
  accessThrough,
  endOfRange,
  mapPage,
  rangeOf,
  touch,
  unmapPages,
} from '../../../src/driver/index.js'
import {
  amdgpu_cs_submit,
  amdgpu_vm_bo_invalidate,
  dma_resv_wait_timeout,
  ib_umem_odp_map_dma_and_lock,
  ib_umem_odp_unmap_dma_pages,
  ib_umem_odp_walk,
  mapDmaTry,
  mmput_async,
  rxe_check_pagefault,
  rxe_odp_init_pages,
  rxe_odp_map_range_and_lock,
  rxe_odp_mr_copy,
  type UmemOdp,
} from '../../../src/driver/tree/index.js'
import {
  Errno,
  HMM_PFN_WRITE,
  isMappable,
  mmget_not_zero,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
} from '../../../src/kernel/index.js'
import { override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The check tests only whether the list has the pages, not whether they are writable. */
const looksAtValid = override(
  rxe_check_pagefault,
  () =>
    function* (umem, { start, end }) {
      return yield* step('look at HMM_PFN_VALID', () =>
        umem.pageTable.slice(start, end).every(({ frame }) => frame !== undefined) ? 0 : 1,
      )
    },
)

/** Registration stores what its walk has found, and does not compare the number. */
const storesSnapshot = override(
  rxe_odp_init_pages,
  () =>
    function* (current, umem) {
      const { start, last } = umem.notifier
      const request = { start, end: last + 1, write: true, snapshot: true }
      if (!(yield* mmget_not_zero(umem.mm))) return -Errno.EINVAL
      yield* mmu_interval_read_begin(umem.notifier, rangeOf(umem, current).notifierSeq)
      const error = yield* ib_umem_odp_walk(current, umem, request)
      yield* umem.state.umemMutex.lock()
      for (let page = start; page <= last && !error; page++)
        yield* step('store the page in pfn_list', () => {
          const range = rangeOf(umem, current)
          if (isMappable(range, page)) mapPage(umem, range, page)
          return 0
        })
      yield* umem.state.umemMutex.unlock()
      yield* mmput_async(current, umem)
      yield* endOfRange(current, umem, error || 'again')
      return error
    },
)

/** A read requests no bit, so the check always fails. */
const readsAlwaysFault = override(
  rxe_check_pagefault,
  () =>
    function* (umem, { start, end, write }) {
      return yield* step('look at pfn_list & perm', () =>
        umem.pageTable.slice(start, end).every((entry) => write && entry.write) ? 0 : 1,
      )
    },
)

/** The mutex is not unlocked if the pages are still missing after the walk. */
const keepsMutex = override(
  rxe_odp_map_range_and_lock,
  () =>
    function* (current, umem, request) {
      const { umemMutex } = umem.state
      yield* umemMutex.lock()
      if (!(yield* rxe_check_pagefault(umem, request))) return 0
      yield* umemMutex.unlock()
      const error = yield* ib_umem_odp_map_dma_and_lock(current, umem, request)
      if (error) return error
      if (!(yield* rxe_check_pagefault(umem, request))) return 1
      yield* mmput_async(current, umem)
      return -Errno.EFAULT
    },
)

/** Entries that were never mapped for DMA are only cleared. */
const clearsOnly = override(
  ib_umem_odp_unmap_dma_pages,
  () =>
    function* (umem, range) {
      yield* step('clear pfn_list', () => {
        unmapPages(umem, range)
        return 0
      })
    },
)

/** mmput is called under the mutex with which the function returns. */
const putsUnderMutex = override(
  mapDmaTry,
  (original) =>
    function* (current, umem, request) {
      const error = yield* original(current, umem, request)
      if (!error) yield* mmput_async(current, umem)
      return error
    },
)

/**
 * The walk uses the list itself as its array: its report is in the list before the sequence number
 * is compared.
 */
const walksIntoList = override(
  ib_umem_odp_walk,
  (original) =>
    function* (current, umem: UmemOdp, request) {
      const error = yield* original(current, umem, request)
      if (error) return error
      // The kernel's store takes no lock. It is a step of its own in any case, so the mutex admits the same orders.
      const { umemMutex } = umem.state
      yield* umemMutex.lock()
      yield* step('the walk stores into pfn_list', () => {
        for (let page = request.start; page < request.end; page++) {
          const { flags, frame } = rangeOf(umem, current).pfns[page]
          umem.pageTable[page].frame = umem.frames[frame]
          umem.pageTable[page].write = (flags & HMM_PFN_WRITE) !== 0
        }
        return 0
      })
      yield* umemMutex.unlock()
      return 0
    },
)

/** The error of the walk is dropped. */
const losesError = override(
  rxe_odp_mr_copy,
  (original) =>
    function* (current, umem, start, end, value) {
      yield* original(current, umem, start, end, value)
      return 0
    },
)

/** The mutex is released before the copy, which uses the page that was looked up. */
const copiesUnlocked = override(
  rxe_odp_mr_copy,
  () =>
    function* (current, umem, start, end, value) {
      const { umemMutex } = umem.state
      const access = accessOf(umem, current)
      for (let page = start; page < end; page++) {
        const request = { start: page, end: page + 1, write: value !== undefined }
        const mapped = yield* rxe_odp_map_range_and_lock(current, umem, request)
        if (mapped >= 0) {
          yield* step('kmap_local_page', () => {
            accessThrough(access, page, umem.pageTable[page])
            return 0
          })
          yield* umemMutex.unlock()
          yield* step('memcpy', () => {
            touch(current, umem, access, value)
            return 0
          })
        }
        if (mapped === 1) yield* mmput_async(current, umem)
        if (mapped !== 0) yield* endOfRange(current, umem, mapped < 0 ? mapped : 0)
        if (mapped < 0) return mapped
      }
      return 0
    },
)

/** The callback waits for the fences of another reservation object. */
const waitsForOthers = override(
  dma_resv_wait_timeout,
  () =>
    function* () {
      yield* step('wait for the fences of the buffer, which has none', () => 0)
    },
)

/** Pages that the GPU has written are not marked dirty. */
const invalidatesOnly = override(
  amdgpu_vm_bo_invalidate,
  () =>
    function* (bo, range) {
      yield* step('invalidate', () => {
        unmapPages(bo, range)
        return 0
      })
    },
)

/** The sequence number is compared in one critical section, and the job is queued in another. */
const comparesBefore = override(
  amdgpu_cs_submit,
  () =>
    function* (current, bo, { start, end }) {
      const { notifierLock } = bo.state
      yield* notifierLock.lock()
      const collided = yield* mmu_interval_read_retry(bo.notifier, rangeOf(bo, current).notifierSeq)
      yield* notifierLock.unlock()
      if (collided) return -Errno.EAGAIN
      yield* notifierLock.lock()
      yield* step('map the pages, and add the fence', () => {
        for (let page = start; page < end; page++) mapPage(bo, rangeOf(bo, current), page)
        bo.state.fences += 1
        return 0
      })
      yield* notifierLock.unlock()
      return 0
    },
)

/** Defects of drivers of the tree. */
export const treeDefects: readonly Defect[] = [
  {
    name: 'T1',
    kind: 'history',
    title: 'rxe writes through a read-only entry',
    text:
      'rxe_check_pagefault tests HMM_PFN_VALID alone. The page was mapped for a read, perhaps the zero ' +
      'page or a page shared after fork: a write to the region finds it in the list, does not fault, ' +
      'and writes to that page. Fixed by testing HMM_PFN_WRITE too for a write.',
    source: ['drivers/infiniband/sw/rxe/rxe_odp.c: rxe_check_pagefault (Linux 6.15 to at least 7.1)'],
    requirement: 'C4',
    scenario: 'rxe/zero-page',
    overrides: [looksAtValid],
    steps: 28,
  },
  {
    name: 'T94',
    kind: 'history',
    title: 'rxe writes through an entry that registration has found read-only',
    text:
      'As T1, by another way: registration takes what the CPU has mapped, the zero page among it, and no walk has asked for ' +
      'the right to write. The first packet finds the page in the list, and writes to it. Fixed by testing HMM_PFN_WRITE ' +
      'too for a write.',
    source: [
      'drivers/infiniband/sw/rxe/rxe_odp.c: rxe_odp_init_pages, rxe_check_pagefault (Linux 6.15 to at least 7.1)',
    ],
    requirement: 'C4',
    scenario: 'rxe/register',
    overrides: [looksAtValid],
    steps: 22,
  },
  {
    name: 'T95',
    kind: 'mutation',
    title: 'registration stores the pages of a walk that it does not compare',
    text: 'Nothing faults yet, so that nothing seems to race. But the notifier is inserted, and the callback has come and gone.',
    source: ['drivers/infiniband/sw/rxe/rxe_odp.c: rxe_odp_init_pages'],
    requirement: 'C8',
    scenario: 'rxe/register',
    overrides: [storesSnapshot],
    steps: 14,
  },
  {
    name: 'T2',
    kind: 'hazard',
    title: 'rxe does not mark the pages dirty that it writes',
    text:
      'Since Linux 6.16 ib_umem_odp_unmap_dma_pages marks a page dirty only if it was mapped for DMA. ' +
      'rxe maps no page for DMA, so its pages are only cleared from the list. A received write to a ' +
      'page that is clean in the swap cache is lost (H23). Fixed by set_page_dirty for every entry ' +
      'that could be written, as it was before.',
    source: ['reference B.11 H23', 'drivers/infiniband/core/umem_odp.c: ib_umem_odp_unmap_dma_pages'],
    requirement: 'C39',
    scenario: 'rxe/swap',
    overrides: [clearsOnly],
    steps: 24,
  },
  {
    name: 'T3',
    kind: 'history',
    title: 'the RDMA core calls mmput under umem_mutex',
    text:
      'ib_umem_odp_map_dma_and_lock returns with umem_mutex held, and has called mmput. If the process has exited meanwhile, ' +
      'that was the last reference: the thread tears the address space down, its own callback wants the mutex, and it waits for ' +
      'itself. Fixed in Linux 6.0 by mmput_async, which leaves the last one to a work item.',
    source: [
      'drivers/infiniband/core/umem_odp.c, commit 85eaeb5058f0 (Fix a nested dead lock as part of ODP flow)',
    ],
    requirement: 'deadlock',
    scenario: 'rxe/exit',
    overrides: [putsUnderMutex],
    steps: 18,
  },
  {
    name: 'T4',
    kind: 'history',
    title: 'rxe returns an error with umem_mutex held',
    text:
      'After the walk rxe_check_pagefault finds that the page is still to be faulted, and ' +
      'rxe_odp_map_range_and_lock returns -EFAULT without unlocking. For a while before Linux 6.16 ' +
      'every read failed this way, since it requested no bit. The next thread that takes the mutex ' +
      'waits for ever, and so does the callback. Fixed in Linux 6.19.',
    source: [
      'drivers/infiniband/sw/rxe/rxe_odp.c, commit 3c68cf68233e (Fix missing umem_odp->umem_mutex unlock on error path)',
      'drivers/infiniband/sw/rxe/rxe_odp.c, commit eedd5b1276e7',
    ],
    requirement: 'deadlock',
    scenario: 'rxe/zero-page',
    overrides: [readsAlwaysFault, keepsMutex],
    steps: 22,
  },
  {
    name: 'T5',
    kind: 'mutation',
    title: 'rxe copies without umem_mutex',
    text:
      'The page is looked up under the mutex, and copied to after it. The callback has nothing else to ' +
      'wait for, and returns during the copy: the page is freed meanwhile.',
    source: ['drivers/infiniband/sw/rxe/rxe_odp.c: rxe_odp_mr_copy'],
    requirement: 'C3',
    scenario: 'rxe/munmap',
    overrides: [copiesUnlocked],
    steps: 24,
  },
  {
    name: 'T6',
    kind: 'hazard',
    title: 'rxe uses entries of a walk that another thread has not validated',
    text:
      'Since Linux 6.16 the list of pages is the array of the walk: hmm_range_fault stores ' +
      'HMM_PFN_VALID into it, without umem_mutex and before the number is compared. The callback has ' +
      'cleared the list when the walk stores an entry that munmap is about to zap. The walker will ' +
      'detect the collision, but a second responder reads the list first, finds the page valid and ' +
      'copies to it. Fix: walk into a separate array, and copy it to the list under the mutex, after ' +
      'the comparison. Model only, not seen on a machine.',
    source: [
      'drivers/infiniband/core/umem_odp.c: ib_umem_odp_map_dma_and_lock',
      'drivers/infiniband/sw/rxe/rxe_odp.c: rxe_check_pagefault',
    ],
    requirement: 'C8',
    scenario: 'rxe/two-faults',
    overrides: [walksIntoList],
    steps: 12,
  },
  {
    name: 'T19',
    kind: 'mutation',
    title: 'rxe reports success for a copy that failed',
    text:
      'The walk fails, since the process has unmapped the page, and rxe_odp_mr_copy returns 0 all the ' +
      'same: the requester takes its data for delivered.',
    source: ['drivers/infiniband/sw/rxe/rxe_odp.c: rxe_odp_mr_copy'],
    requirement: 'C5',
    scenario: 'rxe/munmap',
    overrides: [losesError],
    steps: 16,
  },
  {
    name: 'T7',
    kind: 'history',
    title: 'amdgpu waits for the fences of the wrong reservation object',
    text:
      'The callback waits for the fences of the buffer. The jobs that use it have theirs in the reservation object of the ' +
      'address space of the GPU, whose root is another buffer: the callback returns while they run. Fixed by waiting for those.',
    source: ['drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c: amdgpu_hmm_invalidate_gfx (before and in Linux 7.1)'],
    requirement: 'C3',
    scenario: 'amdgpu-userptr/munmap',
    overrides: [waitsForOthers],
    steps: 21,
  },
  {
    name: 'T8',
    kind: 'hazard',
    title: "amdgpu's callback does not mark pages dirty",
    text:
      'The comment above amdgpu_hmm_invalidate_gfx says that pages are marked dirty; the code only ' +
      'waits. The write of a job to a page that is clean in the swap cache is lost (H23), unless ' +
      'another place marks it before the page is freed. Fixed by set_page_dirty after the fences, for ' +
      'each page that the buffer may write.',
    source: ['reference B.11 H23', 'drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c: amdgpu_hmm_invalidate_gfx'],
    requirement: 'C39',
    scenario: 'amdgpu-userptr/swap',
    overrides: [invalidatesOnly],
    steps: 22,
  },
  {
    name: 'T9',
    kind: 'mutation',
    title: 'amdgpu compares the sequence number before it takes the lock under which it queues the job',
    text:
      'In between the callback sets the sequence number, finds no fence to wait for, and returns. The ' +
      'job is queued afterwards, and uses freed pages.',
    source: ['reference C8', 'drivers/gpu/drm/amd/amdgpu/amdgpu_cs.c: amdgpu_cs_submit'],
    requirement: 'C8',
    scenario: 'amdgpu-userptr/munmap',
    overrides: [comparesBefore],
    steps: 12,
  },
]

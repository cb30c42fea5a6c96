/**
 * Bugs of xe where its device has memory of its own, of the DRM core's device memory, and of xe's user pointers, in the drivers written
 * after them.
 *
 * @module
 */
import { endOfRange, rangeOf } from '../../../src/driver/index.js'
import {
  beginTimeslice,
  drm_gpusvm_map_pages,
  drm_gpusvm_range_evict,
  drm_gpusvm_range_evict_walk,
  drm_gpusvm_walk,
  drm_pagemap_copy_to_devmem,
  drm_pagemap_migrate_to_ram,
  xe_pt_update_ops_run,
} from '../../../src/driver/tree/index.js'
import {
  Errno,
  folio_lock,
  folio_put,
  folio_unlock,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_WRITE,
  hmm_range_fault,
  mmget_not_zero,
  mmput,
  mmu_interval_read_retry,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
} from '../../../src/kernel/index.js'
import { choose, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** Pages that were bound for writing are marked with set_page_dirty_lock, under the notifier lock. */
const dirtyWithFolioLock = override(
  xe_pt_update_ops_run,
  (original) =>
    function* (vm, range) {
      yield* original(vm, range)
      const frames = yield* step('pages to mark', () => ({ start: range.start, end: range.end }))
      for (let page = frames.start; page < frames.end; page++) {
        const pfn = yield* step('hmm_pfn_to_page', () => {
          const kept = range.pages[page - range.start]
          return kept.flags & HMM_PFN_WRITE ? kept.frame : 0
        })
        if (pfn === 0) continue
        yield* folio_lock(vm.frames[pfn])
        yield* folio_unlock(vm.frames[pfn])
      }
    },
)

/** The array is not zeroed, and the mask lets through what is in it. */
const maskNotSet = override(
  drm_gpusvm_walk,
  () =>
    function* (current, mirror, { start, end, write }) {
      const { mmapLock } = mirror.mm
      yield* mmapLock.lockRead()
      const garbage = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE
      const error = yield* hmm_range_fault(current, rangeOf(mirror, current), {
        start,
        end,
        defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
        pfnFlagsMask: garbage,
        requests: Array.from({ length: end - start }, () => garbage),
        owner: -1,
      })
      yield* mmapLock.unlockRead()
      return error
    },
)

/** The array of the walk cannot be allocated, and the user of the address space stays. */
const keepsUser = override(
  drm_gpusvm_range_evict,
  () =>
    function* (current, mirror, pages, write) {
      if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
      const fails = yield* choose('kvmalloc_array', ['there is memory', 'there is none'])
      if (fails) return -Errno.ENOMEM
      const error = yield* drm_gpusvm_range_evict_walk(current, mirror, pages, write)
      yield* mmput(current, mirror.mm)
      return error
    },
)

/** No pages are to be had, and those that would have been taken are given back. */
const givesBackWhatItHasNot = override(
  drm_pagemap_copy_to_devmem,
  (original) =>
    function* (current, mirror, args, keeps) {
      const fails = yield* choose('populate_devmem_pfn', ['finds pages', 'fails'])
      if (!fails) return yield* original(current, mirror, args, keeps)
      for (const frame of current.machine.deviceMemory[args.owner].frames) {
        yield* folio_unlock(frame)
        yield* folio_put(frame)
      }
      return -Errno.ENOMEM
    },
)

/** Whether an entry of the device's memory may be written is not asked: a range that is to be written is bound for writing. */
const goesByTheFault = override(
  drm_gpusvm_map_pages,
  () =>
    function* (current, mirror, range, write) {
      const { notifierLock } = mirror.state.gpusvm
      const walk = rangeOf(mirror, current)
      yield* notifierLock.lockRead()
      const unmapped = yield* step('flags.unmapped', () => range.unmapped)
      const collided = !unmapped && (yield* mmu_interval_read_retry(mirror.notifier, walk.notifierSeq))
      if (!unmapped && !collided)
        yield* step('dma_map_page', () => {
          for (let page = range.start; page < range.end; page++) {
            range.pages[page - range.start].flags = walk.pfns[page].flags | (write ? HMM_PFN_WRITE : 0)
            range.pages[page - range.start].frame = walk.pfns[page].frame
          }
          range.readOnly = !write
          range.hasDevmemPages = true
          range.hasDmaMapping = true
          return 0
        })
      yield* notifierLock.unlockRead()
      if (collided) return -Errno.EBUSY
      yield* endOfRange(current, mirror, 'again')
      return unmapped ? -Errno.EFAULT : 0
    },
)

/** Every error of a migration is one of the bus. */
const answersSigbus = override(
  drm_pagemap_migrate_to_ram,
  (original) =>
    function* (current, mirror, page, fault) {
      const answer = yield* original(current, mirror, page, fault)
      return answer === VM_FAULT_OOM ? VM_FAULT_SIGBUS : answer
    },
)

/** Pages may be taken back at once. */
const withoutTimeslice = override(beginTimeslice, () => function* () {})

const MODEL_ONLY = 'Model only, not seen on a machine.'

/** Defects of xe with memory of its own, and of its user pointers. */
export const xeVramDefects: readonly Defect[] = [
  {
    name: 'T20',
    kind: 'history',
    title: 'pages are marked dirty with their folio lock, under the notifier lock',
    text:
      'The user pointers of xe called set_page_dirty_lock for the pages of a walk while they held the notifier lock. Reclaim holds the ' +
      'folio lock and waits for the notifier lock in the callback. Fixed by marking nothing there (D34).',
    source: ['reference D34', 'commit 2577b202458c (drm/xe/userptr: fix notifier vs folio deadlock)'],
    requirement: 'deadlock',
    scenario: 'xe-svm/swap',
    overrides: [dirtyWithFolioLock],
    steps: 42,
  },
  {
    name: 'T21',
    kind: 'history',
    title: 'what is in an array that is not zeroed counts as requests',
    text:
      'The user pointers of xe did not set pfn_flags_mask: what the array happened to hold was taken for requests, for writing among ' +
      'others, and a page that may only be read was refused. Fixed by setting it (D31).',
    source: ['reference D31', 'commit 475d06e00b74 (drm/xe/userptr: properly setup pfn_flags_mask)'],
    requirement: 'C22',
    scenario: 'xe-svm/refused-requests',
    overrides: [maskNotSet],
    steps: 73,
  },
  {
    name: 'T22',
    kind: 'history',
    title: 'evicting a range keeps its user of the address space',
    text:
      'drm_gpusvm_range_evict takes a user, and leaves without mmput if it gets no memory for its array: the process exits, and its ' +
      'address space stays. Fixed by mmput on this path too.',
    source: ['commit 847b371debf3 (drm/gpusvm: Fix MM reference leak in drm_gpusvm_range_evict)'],
    requirement: 'deadlock',
    scenario: 'xe-vram/evict-and-exit',
    overrides: [keepsUser],
    steps: 7,
  },
  {
    name: 'T23',
    kind: 'history',
    title: 'a migration that fails early gives back pages that it does not have',
    text:
      'populate_devmem_pfn fails, and the way out unlocks and puts what is in the array of destinations: pages that nobody has locked, ' +
      'nor referenced. Fixed by a way out of its own for errors that come before.',
    source: ['commit 3902846af36b (drm/pagemap: Fix error paths in drm_pagemap_migrate_to_devmem)'],
    requirement: 'lock-discipline',
    scenario: 'xe-vram/write-to-own-memory',
    overrides: [givesBackWhatItHasNot],
    steps: 72,
  },
  {
    name: 'T24',
    kind: 'hazard',
    title: 'xe writes to pages of VRAM that may only be read',
    text:
      'drm_gpusvm_get_pages takes what the walk reports, and does not look whether it may be written. For a page of its owner the walk ' +
      'does not fault for want of that right (H4): what is shared after fork, or was made read-only, is bound for writing. Mended by ' +
      `bringing such pages back with a walk for writing, before they go to VRAM again. ${MODEL_ONLY}`,
    source: ['reference B.11 H4', 'drivers/gpu/drm/drm_gpusvm.c: drm_gpusvm_get_pages'],
    requirement: 'C8',
    scenario: 'xe-vram/write-to-own-memory',
    overrides: [goesByTheFault],
    steps: 65,
  },
  {
    name: 'T25',
    kind: 'hazard',
    title: 'drm_pagemap answers want of memory with SIGBUS',
    text:
      'drm_pagemap_migrate_to_ram makes VM_FAULT_SIGBUS of every error, -ENOMEM too: a process is killed for a page that is there, ' +
      `when it could wait for memory. Mended by VM_FAULT_OOM. ${MODEL_ONLY}`,
    source: ['drivers/gpu/drm/drm_pagemap.c: drm_pagemap_migrate_to_ram'],
    requirement: 'C30',
    scenario: 'xe-vram/no-memory',
    overrides: [answersSigbus],
    steps: 34,
  },
  {
    name: 'T26',
    kind: 'hazard',
    title: 'without a time slice a CPU and the device take a page from each other for ever',
    text:
      'xe asks for a time slice for atomic accesses alone. Every other fault moves its range to VRAM too, and a CPU may bring it back ' +
      `before the device has looked it up, again and again. Mended by a time slice for each that insists on VRAM. ${MODEL_ONLY}`,
    source: ['drivers/gpu/drm/xe/xe_svm.c: __xe_svm_handle_pagefault (timeslice_ms)'],
    requirement: 'C49',
    scenario: 'xe-vram/migrate-and-dontneed',
    overrides: [withoutTimeslice],
    steps: 297,
  },
]

/**
 * Bugs of GPU SVM and of xe, in the driver here.
 *
 * @module
 */
import { endOfRange, rangeOf, unmapPages } from '../../../src/driver/index.js'
import {
  drm_gpusvm_fini,
  drm_gpusvm_map_pages,
  rangesOf,
  xe_svm_close,
  xe_svm_garbage_collector_first,
  xe_svm_handle_pagefault,
  xe_svm_range_notifier_event_begin,
  xe_svm_range_notifier_event_end,
  xe_svm_retry,
} from '../../../src/driver/tree/index.js'
import {
  Errno,
  mmu_interval_notifier_remove,
  mmu_interval_read_retry,
  NotifyEvent,
} from '../../../src/kernel/index.js'
import { become, onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The work item is not stopped. */
const leavesItem = override(xe_svm_close, () => function* () {})

/** The work item is stopped under the lock that it takes. */
const closesUnderLock = override(
  xe_svm_close,
  (original) =>
    function* (vm) {
      yield* vm.state.lock.lockWrite()
      yield* original(vm)
      yield* vm.state.lock.unlockWrite()
    },
)

/** The link becomes empty, so the range can be listed again. */
const initialisesLink = override(
  xe_svm_garbage_collector_first,
  () =>
    function* (vm) {
      const { lock, rangeList } = vm.state.garbageCollector
      return yield* lock.critical('list_first_entry_or_null, list_del_init', () => {
        const { first } = rangeList
        if (first === undefined) return 'none'
        rangeList.remove(first)
        first.garbageCollectorLink = false
        return first
      })
    },
)

/** Every error that a change of mappings may cause is retried without a bound. */
const retriesForEver = override(
  xe_svm_retry,
  () =>
    function* (current, vm, fault) {
      return yield* become(xe_svm_handle_pagefault, current, vm, fault, 0)
    },
)

/** Pages that the device has written are not marked dirty. */
const zapsOnly = onStep(
  xe_svm_range_notifier_event_begin,
  'xe_pt_zap_ptes_range',
  (_original, vm, mmuRange) => () => {
    const { gpusvm, isClosed } = vm.state
    const [first] = rangesOf(gpusvm, mmuRange)
    if (isClosed || first === undefined || first.unmapped || !first.tilePresent) return 'none'
    unmapPages(vm, first)
    first.tileInvalidated = true
    return { start: first.start, end: first.end }
  },
)

/** The pages stay mapped for DMA, and the next bind takes them for valid. */
const keepsPages = override(
  xe_svm_range_notifier_event_end,
  () =>
    function* (vm, mmuRange) {
      return yield* step('leave the pages', () => {
        const { gpusvm, isClosed } = vm.state
        return rangesOf(gpusvm, mmuRange).length > 0 && !isClosed && mmuRange.event === NotifyEvent.UNMAP
      })
    },
)

/** The sequence number is compared before the notifier lock is taken. */
const mapsUnlocked = override(
  drm_gpusvm_map_pages,
  () =>
    function* (current, mirror, range, write) {
      const { notifierLock } = mirror.state.gpusvm
      const walk = rangeOf(mirror, current)
      const collided = yield* mmu_interval_read_retry(mirror.notifier, walk.notifierSeq)
      if (collided) return -Errno.EBUSY
      yield* notifierLock.lockRead()
      const mapped = yield* step('dma_map_page', () => {
        if (range.unmapped) return false
        for (let page = range.start; page < range.end; page++) {
          range.pages[page - range.start].flags = walk.pfns[page].flags
          range.pages[page - range.start].frame = walk.pfns[page].frame
        }
        range.readOnly = !write
        range.hasDmaMapping = true
        return true
      })
      yield* notifierLock.unlockRead()
      yield* endOfRange(current, mirror, 'again')
      return mapped ? 0 : -Errno.EFAULT
    },
)

/** The function does not check whether the process has unmapped the range. */
const ignoresUnmapped = override(
  drm_gpusvm_map_pages,
  () =>
    function* (current, mirror, range, write) {
      const { notifierLock } = mirror.state.gpusvm
      const walk = rangeOf(mirror, current)
      yield* notifierLock.lockRead()
      const collided = yield* mmu_interval_read_retry(mirror.notifier, walk.notifierSeq)
      if (!collided)
        yield* step('dma_map_page', () => {
          for (let page = range.start; page < range.end; page++) {
            range.pages[page - range.start].flags = walk.pfns[page].flags
            range.pages[page - range.start].frame = walk.pfns[page].frame
          }
          range.readOnly = !write
          range.hasDmaMapping = true
          return 0
        })
      yield* notifierLock.unlockRead()
      if (collided) return -Errno.EBUSY
      yield* endOfRange(current, mirror, 'again')
      return 0
    },
)

/** The ranges of a closed VM are never freed. */
const leaksRanges = override(
  drm_gpusvm_fini,
  () =>
    function* (vm) {
      yield* mmu_interval_notifier_remove(vm.notifier)
    },
)

/** Defects of GPU SVM and xe. */
export const xeSvmDefects: readonly Defect[] = [
  {
    name: 'T10',
    kind: 'hazard',
    title: 'xe retries for ever a fault that cannot succeed',
    text:
      'drm_gpusvm_range_get_pages returns -EFAULT, and xe_svm_handle_pagefault restarts, since the ' +
      "CPU's mappings may have changed. For a page that a device cannot map (VM_PFNMAP, beyond the end " +
      'of a file) every walk fails the same way. The handler loops as long as the process lives, and ' +
      'holds vm->lock. Fix: a bound. Model only, not seen on a machine.',
    source: ['drivers/gpu/drm/xe/xe_svm.c: __xe_svm_handle_pagefault'],
    requirement: 'C49',
    scenario: 'xe-svm/refused-requests',
    overrides: [retriesForEver],
    steps: 98,
  },
  {
    name: 'T11',
    kind: 'hazard',
    title: 'xe does not mark the pages dirty that its device writes',
    text:
      'The callback zaps the entries and unmaps the pages; neither calls set_page_dirty. A walk with a ' +
      "write request leaves the CPU's entry dirty, but a device write after the page was written to " +
      'swap is lost (H23). Fix: set_page_dirty for every page of a writable entry, before the entry is ' +
      'removed.',
    source: ['reference B.11 H23', 'drivers/gpu/drm/xe/xe_svm.c: xe_svm_range_notifier_event_begin, _end'],
    requirement: 'C39',
    scenario: 'xe-svm/swap',
    overrides: [zapsOnly],
    steps: 45,
  },
  {
    name: 'T12',
    kind: 'history',
    title: 'pages stay valid after the callback',
    text:
      'The callback sets the sequence and zaps the entries, but does not unmap the pages: the next ' +
      'bind takes them for valid, without comparing a sequence number. The user pointers of xe did so ' +
      'before they used GPU SVM: their pages stayed mapped for DMA. Fixed by unmapping them in the ' +
      'callback (D33).',
    source: [
      'reference D33',
      'commit 333b89063361 (drm/xe/userptr: Unmap userptrs in the mmu notifier)',
      'drivers/gpu/drm/drm_gpusvm.c: drm_gpusvm_range_unmap_pages',
    ],
    requirement: 'C8',
    scenario: 'xe-svm/munmap',
    overrides: [keepsPages],
    steps: 44,
  },
  {
    name: 'T13',
    kind: 'history',
    title: 'the sequence number is compared without the notifier lock',
    text:
      'The number is compared before the notifier lock is taken. An invalidation in between finds no ' +
      'page to unmap, and the pages are mapped for DMA after they were freed. The user pointers of xe ' +
      'accessed struct pages this way. Fixed by doing both under the lock (D32).',
    source: [
      'reference D32',
      "commit 0a98219bcc96, CVE-2025-21939 (drm/xe/hmm: Don't dereference struct page pointers without notifier lock)",
    ],
    requirement: 'C8',
    scenario: 'xe-svm/two-faults',
    overrides: [mapsUnlocked],
    steps: 40,
  },
  {
    name: 'T14',
    kind: 'mutation',
    title: 'a range that was unmapped gets pages again',
    text:
      'drm_gpusvm_get_pages does not check flags.unmapped. The process has mapped other memory there, ' +
      'and the range is bound to it before the garbage collector runs: the callback skips unmapped ' +
      'ranges, and leaves the entries.',
    source: ['drivers/gpu/drm/drm_gpusvm.c: drm_gpusvm_get_pages', 'drivers/gpu/drm/xe/xe_svm.c'],
    requirement: 'C3',
    scenario: 'xe-svm/mmap-over',
    overrides: [ignoresUnmapped],
    steps: 66,
  },
  {
    name: 'T15',
    kind: 'mutation',
    title: 'the garbage collector leaves an empty link behind',
    text:
      'list_del_init instead of list_del. The range is off the list but still in the tree when the ' +
      'process unmaps memory there again: the callback finds the range with an empty link, and lists ' +
      'it once more. It is then freed while it is on the list. list_del is safe because its link is ' +
      'not empty.',
    source: ['drivers/gpu/drm/xe/xe_svm.c: xe_svm_garbage_collector'],
    requirement: 'use-after-free',
    scenario: 'xe-svm/mmap-over',
    overrides: [initialisesLink],
    steps: 66,
  },
  {
    name: 'T16',
    kind: 'mutation',
    title: 'the garbage collector is not stopped when the VM is closed',
    text:
      'The callback has queued the work item before the VM was closed. The close does not wait for it, ' +
      'and frees the VM that contains it.',
    source: ['drivers/gpu/drm/xe/xe_svm.c: xe_svm_close'],
    requirement: 'work-items',
    scenario: 'xe-svm/unmap-and-close',
    overrides: [leavesItem],
    steps: 57,
  },
  {
    name: 'T17',
    kind: 'mutation',
    title: 'the garbage collector is stopped under the lock that it takes',
    text: 'xe_svm_close waits for the work item under vm->lock, and the work item waits for that.',
    source: ['drivers/gpu/drm/xe/xe_svm.c: xe_svm_close, xe_svm_garbage_collector_work_func'],
    requirement: 'deadlock',
    scenario: 'xe-svm/unmap-and-close',
    overrides: [closesUnderLock],
    steps: 55,
  },
  {
    name: 'T18',
    kind: 'mutation',
    title: 'the ranges of a VM outlive it',
    text: 'drm_gpusvm_fini removes the notifier, and not the ranges.',
    source: ['drivers/gpu/drm/drm_gpusvm.c: drm_gpusvm_fini'],
    requirement: 'own-objects',
    scenario: 'xe-svm/unmap-and-close',
    overrides: [leaksRanges],
    steps: 50,
  },
]

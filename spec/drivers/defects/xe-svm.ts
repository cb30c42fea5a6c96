/**
 * Bugs of GPU SVM and of xe, in the driver written after them.
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
import { become, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The item is left as it is. */
const leavesItem = override(xe_svm_close, () => function* () {})

/** The item is stopped under the lock that it takes. */
const closesUnderLock = override(
  xe_svm_close,
  (original) =>
    function* (vm) {
      yield* vm.state.lock.lockWrite()
      yield* original(vm)
      yield* vm.state.lock.unlockWrite()
    },
)

/** The link is empty again, and the range may be listed anew. */
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

/** Every error that may come of a change of mappings is tried again, however often. */
const retriesForEver = override(
  xe_svm_retry,
  () =>
    function* (current, vm, fault) {
      return yield* become(xe_svm_handle_pagefault, current, vm, fault, 0)
    },
)

/** What the device has written is not marked. */
const zapsOnly = override(
  xe_svm_range_notifier_event_begin,
  () =>
    function* (vm, mmuRange) {
      return yield* step('xe_pt_zap_ptes_range', () => {
        const { gpusvm, isClosed } = vm.state
        const [first] = rangesOf(gpusvm, mmuRange)
        if (isClosed || first === undefined || first.unmapped || !first.tilePresent) return 'none'
        unmapPages(vm, first)
        first.tileInvalidated = true
        return { start: first.start, end: first.end }
      })
    },
)

/** The pages stay mapped for DMA, and are taken for valid by whoever binds next. */
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

/** The pages are looked at before the notifier lock is taken and the number compared. */
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

/** Whether the process has unmapped the range is not asked. */
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

/** Ranges go with the VM, and are never freed. */
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
    title: 'xe tries for ever to fault a page that no fault can bring',
    text:
      'drm_gpusvm_range_get_pages answers -EFAULT, and xe_svm_handle_pagefault goes back to the beginning: the mappings of the CPU ' +
      'may have changed. Of a page behind which there is nothing that a device can have (an area with VM_PFNMAP, a file beyond its ' +
      'end) every walk says the same. The handler goes round for as long as the process lives, and holds vm->lock. Fixed by a bound. ' +
      'Model only, not seen on a machine.',
    source: ['drivers/gpu/drm/xe/xe_svm.c: __xe_svm_handle_pagefault'],
    requirement: 'C49',
    scenario: 'xe-svm/refused-requests',
    overrides: [retriesForEver],
    steps: 98,
  },
  {
    name: 'T11',
    kind: 'hazard',
    title: 'xe marks nothing dirty that its device writes',
    text:
      'The callback zaps the entries and unmaps the pages; nothing calls set_page_dirty. A walk for writing leaves the entry of the ' +
      'CPU dirty, but what the device writes after the page was written to swap is lost (H23). Fixed by set_page_dirty for every ' +
      'page that may be written, before its entry goes.',
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
      'The callback sets the sequence and zaps the entries, but does not unmap the pages: whoever binds next takes them for valid, as ' +
      'no number is compared then. So the user pointers of xe did before they went by way of GPU SVM: their pages stayed ' +
      'mapped for DMA. Fixed by unmapping them in the callback (D33).',
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
    title: 'pages are looked at without the notifier lock',
    text:
      'The number is compared before the notifier lock is taken. An invalidation between the two finds nothing to unmap, and the pages ' +
      'are mapped for DMA when they are gone. The code of the user pointers of xe, which went into drm_gpusvm_get_pages, looked at ' +
      'struct pages so. Fixed by doing both under the lock (D32).',
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
      'drm_gpusvm_get_pages does not look at flags.unmapped. The process has mapped something else there, and the range is bound to it ' +
      'before the garbage collector comes: the callback passes over ranges that are unmapped, and leaves its entries.',
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
      'list_del_init in the place of list_del. The range is off the list and still in the tree when the process unmaps something at ' +
      'the same place again: the callback finds it, and an empty link, and lists it once more. It is freed, and on the list. What ' +
      'keeps list_del safe is that its link is not empty.',
    source: ['drivers/gpu/drm/xe/xe_svm.c: xe_svm_garbage_collector'],
    requirement: 'use-after-free',
    scenario: 'xe-svm/mmap-over',
    overrides: [initialisesLink],
    steps: 66,
  },
  {
    name: 'T16',
    kind: 'mutation',
    title: 'the garbage collector is not stopped as the VM is closed',
    text: 'The callback has queued the work item before the VM was closed. Nobody waits for it, and the VM that it is part of is freed.',
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

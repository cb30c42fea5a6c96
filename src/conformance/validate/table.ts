/**
 * The functions that traces have probes at, and what each is in the model, by release.
 *
 * A function is found by its own name, which every event of the trace has; fields by the names that the definitions of the
 * recorded probes give them (`docs/validate.md`).
 *
 * @module
 */
import { rangeOf } from '../../driver/index.js'
import {
  type DmirrorAnswer,
  dmirror_atomic_map,
  dmirror_devmem_fault,
  dmirror_devmem_fault_alloc_and_copy,
  dmirror_do_fault,
  dmirror_do_read,
  dmirror_do_write,
  dmirror_interval_invalidate,
  dmirror_migrate_alloc_and_copy,
  dmirror_migrate_finalize_and_map,
  dmirror_migrate_to_device,
  dmirror_migrate_to_system,
  dmirror_range_fault,
  type MigrationAnswer,
} from '../../driver/recorded/index.js'
import {
  Errno,
  handle_mm_fault,
  hmm_range_fault,
  hmm_vma_fault,
  isMigrating,
  type MigrateVma,
  make_device_exclusive,
  make_device_exclusive_range,
  migrate_device_unmap,
  migrate_vma_collect,
  migrate_vma_finalize,
  migrate_vma_insert_page,
  migrate_vma_pages,
  migrate_vma_setup,
  mmu_interval_read_begin,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mn_itree_inv_end,
  mn_itree_inv_start_range,
  type NotifierRange,
  NotifyEvent,
  pagesOf,
  type Task,
} from '../../kernel/index.js'
import { READ_ONCE } from '../../world/index.js'
import type { KernelVersion } from '../result.js'
import { type JudgedFunction, judged, type UnjudgedFunction } from './probe.js'

/** `enum mmu_notifier_event`, in its order. */
export const NOTIFIER_EVENTS: readonly NotifyEvent[] = [
  NotifyEvent.UNMAP,
  NotifyEvent.CLEAR,
  NotifyEvent.PROTECTION_VMA,
  NotifyEvent.PROTECTION_PAGE,
  NotifyEvent.SOFT_DIRTY,
  NotifyEvent.RELEASE,
  NotifyEvent.MIGRATE,
  NotifyEvent.EXCLUSIVE,
]

function eventNumber({ event }: NotifierRange): number {
  return NOTIFIER_EVENTS.indexOf(event)
}

/** `-errno` of an answer of the driver. */
function errorOf({ error }: DmirrorAnswer | MigrationAnswer): number {
  return error
}

/** -ENOENT unless all of the pages were there. */
function whole(done: number, wanted: number): number {
  return done === wanted ? 0 : -Errno.ENOENT
}

/** A migration of an address space: that of a device's whole memory goes through other functions. */
function ofAnMm(_current: Task, args: MigrateVma): boolean {
  return args.fromDevice !== true
}

/** How many pages still are to be migrated: `cpages`. Its entries are the thread's own. */
function migrating(current: Task, args: MigrateVma): number {
  return pagesOf(current).slice(args.start, args.end).filter(isMigrating).length
}

/** Pages are unmapped only if any was collected. */
function hasCollected(current: Task, args: MigrateVma): boolean {
  return ofAnMm(current, args) && pagesOf(current).slice(args.start, args.end).some(isMigrating)
}

const NOTHING = {} as const

/** The functions that are judged. */
export const JUDGED: readonly JudgedFunction[] = [
  judged('mmu_interval_read_begin', mmu_interval_read_begin, {
    entry: { sub: ['notifier', (sub) => sub.mm.subscriptions.intervals.indexOf(sub)] },
    sampled: { inv_seq: ['sequence', (sub) => READ_ONCE(sub).seq] },
    return: { seq: ['sequence', (_, _sub, place) => place.number] },
  }),
  judged('__mmu_notifier_invalidate_range_start', mmu_notifier_invalidate_range_start, {
    entry: {
      start: ['page', (_current, _mm, range) => range.start],
      end: ['end', (_current, _mm, range) => range.end],
      event: ['event', (_current, _mm, range) => eventNumber(range)],
      owner: ['owner', (_current, _mm, range) => range.owner],
    },
    return: { ret: ['number', (error) => error] },
  }),
  judged('__mmu_notifier_invalidate_range_end', mmu_notifier_invalidate_range_end, {
    entry: {
      start: ['page', (_current, _mm, range) => range.start],
      end: ['end', (_current, _mm, range) => range.end],
      event: ['event', (_current, _mm, range) => eventNumber(range)],
    },
  }),
  judged('mn_itree_inv_start_range', mn_itree_inv_start_range, {
    sampled: {
      seq: ['sequence', (_current, mm) => READ_ONCE(mm.subscriptions).seq],
      active: ['number', (_current, mm) => READ_ONCE(mm.subscriptions).active],
    },
  }),
  judged('mn_itree_inv_end', mn_itree_inv_end, {
    sampled: {
      seq: ['sequence', (_current, mm) => READ_ONCE(mm.subscriptions).seq],
      active: ['number', (_current, mm) => READ_ONCE(mm.subscriptions).active],
    },
  }),
  judged('dmirror_interval_invalidate', dmirror_interval_invalidate, {
    entry: {
      start: ['page', (_current, _mirror, range) => range.start],
      end: ['end', (_current, _mirror, range) => range.end],
      event: ['event', (_current, _mirror, range) => eventNumber(range)],
      owner: ['owner', (_current, _mirror, range) => range.owner],
      // An argument of the callback. The number does not change while the invalidation is open.
      cur_seq: ['sequence', (_current, mirror) => READ_ONCE(mirror.mm.subscriptions).seq],
    },
    return: { ret: ['number', (done) => done] },
  }),
  judged('hmm_range_fault', hmm_range_fault, {
    entry: {
      notifier_seq: ['sequence', (_current, range) => range.notifierSeq.number],
      start: ['page', (_current, _range, request) => request.start],
      end: ['end', (_current, _range, request) => request.end],
      default_flags: ['requests', (_current, _range, request) => request.defaultFlags],
      owner: ['owner', (_current, _range, request) => request.owner],
    },
    return: { ret: ['number', (error) => error] },
  }),
  judged('hmm_vma_fault', hmm_vma_fault, {
    releases: ['6.1', '6.12'],
    entry: {
      addr: ['page', (_current, _range, page) => page],
      end: ['end', (_current, _range, _page, end) => end],
      need: ['number', (_current, _range, _page, _end, need) => need],
    },
    return: { ret: ['number', (error) => error] },
  }),
  judged('hmm_do_fault', hmm_vma_fault, {
    releases: ['7.3'],
    // The recorded definition calls it `last`; it is where the walk recorded that the fault ends.
    entry: { last: ['end', (_current, _range, _page, end) => end] },
    return: { ret: ['number', (error) => error] },
  }),
  judged('handle_mm_fault', handle_mm_fault, {
    entry: {
      addr: ['page', (_current, _mm, page) => page],
      flags: ['write', (_current, _mm, _page, write) => (write ? 1 : 0)],
    },
    return: { ret: ['fault', (error) => error] },
  }),
  judged('dmirror_range_fault', dmirror_range_fault, {
    loops: true,
    entry: NOTHING,
    return: { ret: ['number', (error) => error] },
  }),
  judged('dmirror_do_fault', dmirror_do_fault, {
    entry: {
      seq: ['sequence', (current, mirror) => rangeOf(mirror, current).notifierSeq.number],
      start: ['page', (_current, _mirror, start) => start],
      end: ['end', (_current, _mirror, _start, end) => end],
    },
    return: { ret: ['number', (error) => error] },
  }),
  judged('dmirror_do_read', dmirror_do_read, {
    entry: {
      start: ['page', (_current, _mirror, start) => start],
      end: ['end', (_current, _mirror, _start, end) => end],
    },
    return: {
      ret: ['number', (values, _current, _mirror, start, end) => whole(values.length, end - start)],
    },
  }),
  judged('dmirror_do_write', dmirror_do_write, {
    entry: {
      start: ['page', (_current, _mirror, start) => start],
      end: ['end', (_current, _mirror, start, values) => start + values.length],
    },
    return: {
      ret: ['number', (written, _current, _mirror, _start, values) => whole(written, values.length)],
    },
  }),
  judged('dmirror_migrate_to_device', dmirror_migrate_to_device, {
    // Of an empty range the kernel has refused before.
    happens: (_current, _device, _mirror, start, end) => start < end,
    entry: NOTHING,
    return: { ret: ['number', errorOf] },
  }),
  judged('dmirror_migrate_to_system', dmirror_migrate_to_system, {
    happens: (_current, _mirror, start, end) => start < end,
    entry: NOTHING,
    return: { ret: ['number', errorOf] },
  }),
  judged('migrate_vma_setup', migrate_vma_setup, {
    entry: {
      start: ['page', (_current, args) => args.start],
      end: ['end', (_current, args) => args.end],
      flags: ['number', (_current, args) => args.select],
      owner: ['owner', (_current, args) => args.owner],
    },
    return: { ret: ['number', (error) => error] },
  }),
  judged('migrate_vma_collect', migrate_vma_collect, {
    entry: {
      start: ['page', (_current, args) => args.start],
      end: ['end', (_current, args) => args.end],
    },
    return: NOTHING,
  }),
  judged('migrate_device_unmap', migrate_device_unmap, {
    happens: hasCollected,
    entry: { npages: ['number', (_current, args) => args.end - args.start] },
    return: { unmapped: ['number', (_, current, args) => migrating(current, args)] },
  }),
  judged('migrate_vma_pages', migrate_vma_pages, {
    happens: ofAnMm,
    entry: {
      npages: ['number', (_current, args) => args.end - args.start],
      cpages: ['number', migrating],
    },
    return: NOTHING,
  }),
  judged('migrate_vma_insert_page', migrate_vma_insert_page, {
    entry: { addr: ['page', (_current, _args, page) => page] },
  }),
  judged('migrate_vma_finalize', migrate_vma_finalize, {
    happens: ofAnMm,
    entry: { npages: ['number', (_current, args) => args.end - args.start] },
    return: NOTHING,
  }),
  judged('dmirror_migrate_alloc_and_copy', dmirror_migrate_alloc_and_copy, {
    entry: NOTHING,
    return: NOTHING,
  }),
  judged('dmirror_migrate_finalize_and_map', dmirror_migrate_finalize_and_map, {
    entry: NOTHING,
    return: { ret: ['number', () => 0] },
  }),
  judged('dmirror_devmem_fault_alloc_and_copy', dmirror_devmem_fault_alloc_and_copy, {
    entry: NOTHING,
    return: NOTHING,
  }),
  judged('dmirror_devmem_fault', dmirror_devmem_fault, {
    entry: { addr: ['page', (_current, _device, _mm, page) => page] },
    return: { ret: ['fault', (error) => error] },
  }),
  judged('make_device_exclusive_range', make_device_exclusive_range, {
    releases: ['6.1', '6.12'],
    entry: {
      start: ['page', (_current, _mm, start) => start],
      end: ['end', (_current, _mm, _start, end) => end],
    },
    return: { ret: ['taken', (pages) => pages.length] },
  }),
  judged('make_device_exclusive', make_device_exclusive, {
    releases: ['7.3'],
    entry: { start: ['page', (_current, _mm, page) => page] },
    return: NOTHING,
  }),
  judged('dmirror_atomic_map', dmirror_atomic_map, {
    releases: ['7.3'],
    entry: NOTHING,
    return: { ret: ['number', () => 0] },
  }),
  judged('dmirror_atomic_map', dmirror_atomic_map, {
    releases: ['6.1', '6.12'],
    entry: NOTHING,
    return: { ret: ['number', (mapped) => mapped] },
  }),
]

/** The functions that recorded traces have probes at and that are not judged. */
export const UNJUDGED: readonly UnjudgedFunction[] = [
  {
    function: 'hmm_vma_walk_test',
    named: 'hmm_vma_walk_test',
    reason: 'part of the step that reads an entry; once for each VMA, the model reads entry by entry',
  },
  {
    function: 'hmm_vma_walk_hole',
    named: 'hmm_vma_walk_hole',
    reason:
      'part of the step that reads an entry; a missing page table is a hole of the kernel, not of the model',
  },
  {
    function: 'hmm_vma_handle_pte',
    named: 'hmm_vma_handle_pte',
    reason: 'part of the step that reads an entry',
  },
  { function: 'hmm_record_fault', reason: 'part of the step that reads an entry' },
  { function: 'do_swap_page', named: 'do_swap_page', reason: 'also called for what is no device page' },
  {
    function: 'change_protection',
    named: 'change_protection',
    reason: 'the kernel calls it also where no page table exists, the model does not',
  },
  { function: 'unmap_page_range', reason: 'once for each VMA; the model zaps a range as a whole' },
  { function: 'unmap_vmas', named: 'unmap_region', reason: 'also called for what is outside of the window' },
  {
    function: 'copy_page_range',
    named: 'copy_page_range',
    reason: 'also called for what is outside of the window',
  },
  { function: 'dup_mmap', named: 'dup_mmap', reason: 'copies what is outside of the window, too' },
  { function: 'dmirror_devmem_free', reason: 'names no page of the window' },
  { function: 'migration_entry_wait', named: 'migration_entry_wait', reason: 'the model waits in one step' },
  {
    function: 'mmu_interval_notifier_insert',
    named: 'mmu_interval_notifier_insert',
    reason: 'tells which notifier is whose; the order is not judged',
  },
  {
    function: 'mmu_interval_notifier_remove',
    named: 'mmu_interval_notifier_remove',
    reason: 'part of closing a file',
  },
  { function: 'dmirror_fops_release', named: 'dmirror_fops_release', reason: 'part of closing a file' },
  {
    function: 'dmirror_device_evict_chunk',
    named: 'dmirror_device_evict_chunk',
    reason: 'part of closing a file',
  },
  {
    function: 'migrate_device_range',
    named: 'migrate_device_range',
    reason: 'called from dmirror_device_evict_chunk only',
  },
  {
    function: 'migrate_device_finalize',
    reason: 'part of migrate_vma_finalize, and of evicting',
  },
  { function: 'dmirror_snapshot_invalidate', reason: 'the notifier of a snapshot lives for one call' },
  { function: 'dmirror_range_snapshot', named: 'dmirror_range_snapshot', reason: 'snapshots are not judged' },
  { function: 'restore_exclusive_pte', named: 'restore_exclusive_pte', reason: 'part of a step' },
  { function: 'page_make_device_exclusive_one', reason: 'part of a step' },
  { function: 'hmm_range_fault_unlocked_timeout', reason: 'the recorded driver does not call it' },
]

/** The functions that are judged in a release, by name. */
export function judgedIn(kernel: KernelVersion): ReadonlyMap<string, JudgedFunction> {
  return new Map(
    JUDGED.filter(({ releases }) => releases === undefined || releases.includes(kernel)).map((each) => [
      each.function,
      each,
    ]),
  )
}

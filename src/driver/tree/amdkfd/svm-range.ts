/**
 * The state of amdkfd's shared virtual memory: the ranges of a process, their locks and lists, and
 * their lifecycle.
 *
 * In the kernel each range has its own interval notifier and lock; here one notifier and one lock
 * serve all ranges.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_svm.h
 * @module
 */
import { setup } from 'xstate'
import {
  areaEnd,
  areaStart,
  LockRank,
  type NotifierRange,
  type Task,
  VmaKind,
} from '../../../kernel/index.js'
import {
  any,
  both,
  claim,
  type Layout,
  List,
  Mutex,
  Pool,
  READ_ONCE,
  type RecordOf,
  readWrite,
  Spinlock,
  type StatechartMeta,
} from '../../../world/index.js'
import type { MirrorSetting } from '../../driver.js'
import type { Mirror } from '../../mirror.js'

/** Pages of the largest range, and of one migration. @kernel svm_range.granularity */
export const GRANULE = 2

/** The operation for a range on the deferred list. @kernel enum svm_work_list_ops */
export const SvmOp = {
  NULL: 'NULL',
  UNMAP_RANGE: 'UNMAP_RANGE',
  UPDATE_RANGE_NOTIFIER: 'UPDATE_RANGE_NOTIFIER',
} as const

/** One of {@link SvmOp}. */
export type SvmOp = (typeof SvmOp)[keyof typeof SvmOp]

/** The lifecycle of a range. */
export const svmRangeStatechart = setup({ types: { meta: {} as StatechartMeta } }).createMachine({
  id: 'svmRange',
  description:
    'A range of amdkfd: made by a fault or by set_attr, mapped and unmapped, condemned by an unmap, freed.',
  initial: 'absent',
  states: {
    absent: {
      description: 'Not allocated.',
      meta: { clauses: ['own-objects', 'use-after-free'] },
      on: {
        CREATED: { target: 'evicted', description: 'svm_range_new, svm_range_add_to_svms.' },
        SPLIT_OFF: {
          target: 'condemned',
          description:
            'svm_range_split: what the process has unmapped of a larger range becomes a child of it.',
        },
      },
    },
    evicted: {
      description: 'On the list, with a notifier; the GPU maps none of its pages.',
      meta: { clauses: ['C1', 'C3'] },
      on: {
        MAPPED: {
          target: 'mapped',
          description: 'svm_range_validate_and_map, under prange->lock, after the comparison.',
          meta: { clauses: ['C8'] },
        },
        UNMAPPED_BY_CPU: { target: 'condemned', description: 'munmap of all of it: on the deferred list.' },
        FREED: { target: 'absent', description: 'svm_range_list_fini.' },
      },
    },
    mapped: {
      description: 'The GPU may map any page of it (mapped_to_gpu).',
      meta: { clauses: ['C1', 'C3', 'C4'] },
      on: {
        MAPPED: { target: 'mapped', description: 'Another fault maps pages of it.' },
        EVICTED: {
          target: 'evicted',
          description: 'svm_range_unmap_from_gpus of all of it, in the callback.',
          meta: { clauses: ['C3', 'C39'] },
        },
      },
    },
    condemned: {
      description:
        'The process has unmapped it. No fault maps it (svm_range_skip_recover), until the deferred work removes it.',
      meta: { clauses: ['work-items', 'use-after-free'] },
      on: {
        UNMAPPED_BY_CPU: {
          target: 'condemned',
          description: 'Something new was mapped there, and is unmapped as well.',
        },
        EVICTED: {
          target: 'condemned',
          description:
            'A child has mapped_to_gpu from what it was split off, and the GPU maps none of its pages.',
        },
        FREED: { target: 'absent', description: 'svm_range_handle_list_op, svm_range_free.' },
      },
    },
  },
})

/**
 * Declares the state of a process that uses the GPU.
 *
 * @kernel struct svm_range_list, struct kfd_process
 */
export const declareSvms = (l: Layout, { size }: MirrorSetting) => {
  // Without ranks: they are taken under a folio lock, and held while other locks are taken.
  const lock = new Mutex(l, 'lock')
  const prangeLock = new Mutex(l, 'prange.lock', { rank: LockRank.update })
  const deferredListLock = new Spinlock(l, 'deferred_list_lock', { rank: LockRank.update + 1 })
  const treeAndNotifiers = readWrite(any(lock, prangeLock), both(lock, prangeLock))
  const pranges = new Pool(l, 'prange', size.pages, (prange) => ({
    start: prange.counter('start', size.pages),
    last: prange.counter('last', size.pages),
    /**
     * `it_node` and the interval of its notifier, which change together: they keep their old size
     * until they are updated.
     */
    itNode: prange.record({
      start: prange.counter('it_node.start', size.pages, { guardedBy: treeAndNotifiers }),
      last: prange.counter('it_node.last', size.pages, { guardedBy: treeAndNotifiers }),
      inserted: prange.flag('it_node.inserted', { guardedBy: treeAndNotifiers }),
    }),
    /**
     * `child_list`: 0, or the number of the range from which it was split off plus 1. Changed under
     * prange->lock.
     */
    parent: prange.counter('parent', size.pages),
    mappedToGpu: prange.flag('mapped_to_gpu', { guardedBy: prangeLock }),
    /** Bounded by the size of a range: a larger count makes no difference. */
    vramPages: prange.counter('vram_pages', 2 * GRANULE),
    /**
     * True once a fault has migrated it to VRAM: later faults do not. Guarded by its migrate_mutex.
     */
    wasNear: prange.flag('was_near'),
    migrateMutex: new Mutex(prange, 'migrate_mutex'),
    workItem: prange.record({
      op: prange.oneOf('work_item.op', SvmOp, { guardedBy: deferredListLock }),
      /** `deferred_list` is not empty. */
      isListed: prange.flag('deferred_list', { guardedBy: deferredListLock }),
    }),
    lifecycle: prange.lifecycle('svmRange', 'lifecycle'),
  }))
  return {
    lock,
    prangeLock,
    deferredListLock,
    pranges,
    list: new List(l, 'list', pranges, { guardedBy: lock }),
    deferredRangeList: new List(l, 'deferred_range_list', pranges, { guardedBy: deferredListLock }),
    drainPagefaults: l.flag('drain_pagefaults'),
    /** GPU faults being handled: those in the interrupt ring. */
    retryFaults: l.counter('retry_faults', l.threads),
    /** References to the process: of the handlers of GPU and CPU faults. */
    processRefs: l.counter('kfd_process.ref', l.threads),
    /** True once the process has been removed from `kfd_processes_table`. */
    isGone: l.flag('kfd_process.gone'),
  }
}

/** @kernel struct svm_range_list */
export type Svms = Mirror<RecordOf<ReturnType<typeof declareSvms>>>

/** @kernel struct svm_range */
export type SvmRange = Svms['state']['pranges']['objects'][number]

/**
 * Asserts that a reference to the process exists that can be dropped. Called inside an atomic step.
 */
export function mustHaveReference({ state }: Svms): void {
  claim('own-objects', state.processRefs > 0, 'a reference to the process is dropped, and none is held')
}

/** Pages from the first to the last, inclusive, as in the kernel. */
export interface PageSpan {
  readonly start: number
  readonly last: number
}

/** The pages in both; `undefined` if there are none. */
export function overlapOf(a: PageSpan, b: PageSpan): PageSpan | undefined {
  const [start, last] = [Math.max(a.start, b.start), Math.min(a.last, b.last)]
  return start <= last ? { start, last } : undefined
}

/** The pages of the invalidation. */
export function spanOf({ start, end }: Pick<NotifierRange, 'start' | 'end'>): PageSpan {
  return { start, last: end - 1 }
}

/** The aligned pages around `addr` that migrate together. */
export function granuleOf(addr: number): PageSpan {
  const start = addr - (addr % GRANULE)
  return { start, last: start + GRANULE - 1 }
}

/**
 * The ranges whose notifiers overlap `span`. Called inside an atomic step, under prange->lock.
 *
 * @kernel interval_tree_iter_first
 */
export function notifiedOf({ state }: Svms, span: PageSpan): SvmRange[] {
  return state.pranges.allocated.filter(({ itNode }) => itNode.inserted && overlapOf(itNode, span))
}

/**
 * The children split off the range. Called inside an atomic step, under prange->lock.
 *
 * @kernel svm_range.child_list
 */
export function childrenOf({ state }: Svms, prange: SvmRange): SvmRange[] {
  const parent = state.pranges.objects.indexOf(prange) + 1
  return state.pranges.allocated.filter((child) => child.parent === parent)
}

/**
 * The range of a page, or a child that was split off and is not removed yet. Called inside an
 * atomic step, under svms->lock.
 *
 * @kernel svm_range_from_addr
 */
export function rangeFromAddr({ state }: Svms, addr: number): SvmRange | undefined {
  return state.list.items.find(({ itNode }) => overlapOf(itNode, { start: addr, last: addr }))
}

/** True if the range itself has the page. Called inside an atomic step. */
export function covers(prange: SvmRange, addr: number): boolean {
  const { start, last } = READ_ONCE(prange)
  return start <= addr && addr <= last
}

/**
 * The bounds of a new range around `addr`, limited by its VMA, other ranges and the alignment;
 * `undefined` if no VMA contains it. Called inside an atomic step, under the mmap lock for writing
 * and svms->lock.
 *
 * @kernel svm_range_get_range_boundaries
 */
export function boundariesOf({ mm, notifier, state }: Svms, addr: number): PageSpan | undefined {
  if (mm.vma[addr].kind === VmaKind.none) return undefined
  const area = { start: areaStart(mm, addr), last: areaEnd(mm, addr, mm.vma.length) - 1 }
  const nodes = state.list.items.map(({ itNode }) => itNode)
  const before = nodes.map(({ last }) => last).filter((last) => last < addr)
  const after = nodes.map(({ start }) => start).filter((start) => start > addr)
  const granule = granuleOf(addr)
  return {
    start: Math.max(area.start, granule.start, notifier.start, ...before.map((last) => last + 1)),
    last: Math.min(area.last, granule.last, notifier.last, ...after.map((start) => start - 1)),
  }
}

/**
 * Creates a range on the list. The caller must insert its notifier. Called inside an atomic step,
 * under svms->lock.
 *
 * @kernel svm_range_new, svm_range_add_to_svms
 */
export function newRange({ state }: Svms, { start, last }: PageSpan): SvmRange | undefined {
  const prange = state.pranges.allocate((made) => {
    made.start = start
    made.last = last
  })
  if (prange === undefined) return undefined
  state.list.addTail(prange)
  prange.lifecycle.signal('CREATED')
  return prange
}

/**
 * Sets its node in the tree and its notifier to the bounds of the range. Called inside an atomic
 * step, under svms->lock and prange->lock.
 */
export function insertNotifier({ itNode, start, last }: SvmRange): void {
  itNode.start = start
  itNode.last = last
  itNode.inserted = true
}

/**
 * The number of pages of the range that the GPU maps in VRAM. Pages that the process frees leave
 * VRAM without being counted, so they are counted again when the whole range is mapped. Called
 * inside an atomic step, under prange->lock.
 */
export function inVram({ pageTable }: Svms, { start, last }: PageSpan): number {
  return pageTable.slice(start, last + 1).filter(({ frame }) => frame !== undefined && frame.owner >= 0)
    .length
}

/** True if the GPU memory exists as long as the mirror. Hotplugged memory does not. */
export function hasVram({ machine }: Task, { owner }: Svms): boolean {
  return owner >= 0 && machine.deviceMemory[owner].pagemap === undefined
}

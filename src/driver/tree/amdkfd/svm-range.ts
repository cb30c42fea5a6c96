/**
 * What amdkfd keeps of shared virtual memory: the ranges of a process, their locks and lists, and where a range stands.
 *
 * In the kernel each range has an interval notifier and a lock of its own; here one notifier and one lock stand for those of all.
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

/** Pages of the largest range, and of what migrates at a time. @kernel svm_range.granularity */
export const GRANULE = 2

/** What is to be done about a range on the deferred list. @kernel enum svm_work_list_ops */
export const SvmOp = {
  NULL: 'NULL',
  UNMAP_RANGE: 'UNMAP_RANGE',
  UPDATE_RANGE_NOTIFIER: 'UPDATE_RANGE_NOTIFIER',
} as const

/** One of {@link SvmOp}. */
export type SvmOp = (typeof SvmOp)[keyof typeof SvmOp]

/** The life of a range. */
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

/** Declares what a process has for its GPU. @kernel struct svm_range_list, struct kfd_process */
export const declareSvms = (l: Layout, { size }: MirrorSetting) => {
  // Without ranks: they are taken under the lock of a folio, and held while others are taken.
  const lock = new Mutex(l, 'lock')
  const prangeLock = new Mutex(l, 'prange.lock', { rank: LockRank.update })
  const deferredListLock = new Spinlock(l, 'deferred_list_lock', { rank: LockRank.update + 1 })
  const treeAndNotifiers = readWrite(any(lock, prangeLock), both(lock, prangeLock))
  const pranges = new Pool(l, 'prange', size.pages, (prange) => ({
    start: prange.counter('start', size.pages),
    last: prange.counter('last', size.pages),
    /** `it_node` and the interval of its notifier, which change together: as large as it was, until it is updated. */
    itNode: prange.record({
      start: prange.counter('it_node.start', size.pages, { guardedBy: treeAndNotifiers }),
      last: prange.counter('it_node.last', size.pages, { guardedBy: treeAndNotifiers }),
      inserted: prange.flag('it_node.inserted', { guardedBy: treeAndNotifiers }),
    }),
    /** `child_list`: 0, or the number of the range that it was split off, plus 1. Changed under prange->lock. */
    parent: prange.counter('parent', size.pages),
    mappedToGpu: prange.flag('mapped_to_gpu', { guardedBy: prangeLock }),
    /** At most as many as a range may have: one more than there are makes no difference. */
    vramPages: prange.counter('vram_pages', 2 * GRANULE),
    /** Whether a fault has taken it to VRAM: the next ones do not. Guarded by its migrate_mutex. */
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
    /** Faults of the GPU that are being handled: what is in the interrupt ring. */
    retryFaults: l.counter('retry_faults', l.threads),
    /** References to the process: of those who handle faults, of the GPU or of a CPU. */
    processRefs: l.counter('kfd_process.ref', l.threads),
    /** Whether the process is in `kfd_processes_table` no more. */
    isGone: l.flag('kfd_process.gone'),
  }
}

/** @kernel struct svm_range_list */
export type Svms = Mirror<RecordOf<ReturnType<typeof declareSvms>>>

/** @kernel struct svm_range */
export type SvmRange = Svms['state']['pranges']['objects'][number]

/**
 * The reference to the process that is about to be dropped is there. Called inside an atomic step.
 */
export function mustHaveReference({ state }: Svms): void {
  claim('own-objects', state.processRefs > 0, 'a reference to the process is dropped, and none is held')
}

/** Pages from the first to the last: both are meant, as in the kernel. */
export interface PageSpan {
  readonly start: number
  readonly last: number
}

/** What both have; `undefined` if that is nothing. */
export function overlapOf(a: PageSpan, b: PageSpan): PageSpan | undefined {
  const [start, last] = [Math.max(a.start, b.start), Math.min(a.last, b.last)]
  return start <= last ? { start, last } : undefined
}

/** The pages that the callback is told of. */
export function spanOf({ start, end }: Pick<NotifierRange, 'start' | 'end'>): PageSpan {
  return { start, last: end - 1 }
}

/** The aligned pages around `addr` that migrate together. */
export function granuleOf(addr: number): PageSpan {
  const start = addr - (addr % GRANULE)
  return { start, last: start + GRANULE - 1 }
}

/**
 * Ranges whose notifiers are told of `span`. Called inside an atomic step, under prange->lock.
 *
 * @kernel interval_tree_iter_first
 */
export function notifiedOf({ state }: Svms, span: PageSpan): SvmRange[] {
  return state.pranges.allocated.filter(({ itNode }) => itNode.inserted && overlapOf(itNode, span))
}

/**
 * What was split off the range. Called inside an atomic step, under prange->lock.
 *
 * @kernel svm_range.child_list
 */
export function childrenOf({ state }: Svms, prange: SvmRange): SvmRange[] {
  const parent = state.pranges.objects.indexOf(prange) + 1
  return state.pranges.allocated.filter((child) => child.parent === parent)
}

/**
 * The range of a page, or the child of one that was split off and is not removed yet. Called inside
 * an atomic step, under svms->lock.
 *
 * @kernel svm_range_from_addr
 */
export function rangeFromAddr({ state }: Svms, addr: number): SvmRange | undefined {
  return state.list.items.find(({ itNode }) => overlapOf(itNode, { start: addr, last: addr }))
}

/**
 * True if the range itself has the page: what it was split from has not. Called inside an atomic
 * step.
 */
export function covers(prange: SvmRange, addr: number): boolean {
  const { start, last } = READ_ONCE(prange)
  return start <= addr && addr <= last
}

/**
 * How far a new range around `addr` may go: not over its area, other ranges, or the alignment;
 * `undefined` where there is no area. Called inside an atomic step, under the mmap lock for writing
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
 * Makes a range, on the list. Its notifier is still to be inserted. Called inside an atomic step,
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
 * Its node in the tree and its notifier are as large as the range. Called inside an atomic step,
 * under svms->lock and prange->lock.
 */
export function insertNotifier({ itNode, start, last }: SvmRange): void {
  itNode.start = start
  itNode.last = last
  itNode.inserted = true
}

/**
 * How many pages of the range the GPU maps in VRAM. Pages that the process throws away leave VRAM
 * without being counted: so they are counted anew where all of the range is mapped. Called inside
 * an atomic step, under prange->lock.
 */
export function inVram({ pageTable }: Svms, { start, last }: PageSpan): number {
  return pageTable.slice(start, last + 1).filter(({ frame }) => frame !== undefined && frame.owner >= 0)
    .length
}

/** True if the memory of the GPU is there for as long as the mirror. Hotplugged memory is not. */
export function hasVram({ machine }: Task, { owner }: Svms): boolean {
  return owner >= 0 && machine.deviceMemory[owner].pagemap === undefined
}

/**
 * GPU SVM: the DRM core's shared virtual memory for drivers. A notifier has many ranges, each
 * created by a fault and removed after an unmap. A driver may bind the pages of a range while its
 * flags mark them valid.
 *
 * @see drivers/gpu/drm/drm_gpusvm.c
 * @module
 */
import {
  Errno,
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmm_range_fault,
  type IntervalNotifier,
  LockRank,
  lastFrame,
  type MmStruct,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type NotifierRange,
  type Task,
  VM_WRITE,
  VmaKind,
} from '../../../kernel/index.js'
import {
  any,
  become,
  both,
  choose,
  exclusive,
  type Layout,
  List,
  Pool,
  procedure,
  type RecordOf,
  type Running,
  RwSemaphore,
  readWrite,
  shared,
  step,
} from '../../../world/index.js'
import type { MirrorSetting } from '../../driver.js'
import { endOfRange } from '../../fault.js'
import { type Mirror, rangeOf } from '../../mirror.js'

/** Pages of the larger of the two chunk sizes. @kernel drm_gpusvm.chunk_sizes */
export const CHUNK = 2

/**
 * The state of the core, and of each range the state of core and driver. `driverLock` is the
 * driver's, taken before all others.
 */
export const declareGpusvm = (l: Layout, { size }: MirrorSetting, driverLock: RwSemaphore) => {
  const notifierLock = new RwSemaphore(l, 'notifier_lock', { rank: LockRank.update })
  const byFaultOrNotifier = any(exclusive(notifierLock), both(shared(notifierLock), exclusive(driverLock)))
  // One word: it is read and written at once.
  const inFlags = { word: 'flags', guardedBy: byFaultOrNotifier }
  // Ranges are added and removed under both locks; a lookup needs either.
  const tree = readWrite(
    any(shared(notifierLock), driverLock),
    both(shared(notifierLock), exclusive(driverLock)),
  )
  const ranges = new Pool(l, 'range', size.pages, (range) => ({
    start: range.counter('start', size.pages),
    end: range.counter('end', size.pages),
    /** `pages.dma_addr`, by page from the first on. */
    pages: range.array('page', Math.min(CHUNK, size.pages), (page) => ({
      flags: page.counter('flags', HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR, {
        guardedBy: byFaultOrNotifier,
      }),
      frame: page.counter('frame', lastFrame(size), { guardedBy: byFaultOrNotifier }),
    })),
    /**
     * True if the pages were requested read-only. A flag of the pages here, of the GPU's VMA in the
     * kernel.
     */
    readOnly: range.flag('read_only', inFlags),
    hasDmaMapping: range.flag('has_dma_mapping', inFlags),
    /** Whether they are in the device's memory: all of them, or none. */
    hasDevmemPages: range.flag('has_devmem_pages', inFlags),
    unmapped: range.flag('unmapped', { guardedBy: notifierLock }),
    /**
     * State of the driver: whether the device has the range bound, and whether it was invalidated.
     */
    tilePresent: range.flag('tile_present', { guardedBy: byFaultOrNotifier }),
    tileInvalidated: range.flag('tile_invalidated', { guardedBy: byFaultOrNotifier }),
    /**
     * Stays true once it was added to the list of the garbage collector: `list_del` leaves a
     * non-empty link.
     */
    garbageCollectorLink: range.flag('garbage_collector_link'),
  }))
  return { notifierLock, ranges, rangeList: new List(l, 'range_list', ranges, { guardedBy: tree }) }
}

/** @kernel struct drm_gpusvm */
export type Gpusvm = RecordOf<ReturnType<typeof declareGpusvm>>

/** @kernel struct drm_gpusvm_range */
export type GpusvmRange = Gpusvm['ranges']['objects'][number]

/** Pages of an address space: from `start` to `end`, the page after the last. */
export type Pages = Pick<NotifierRange, 'start' | 'end'>

/** A mirror whose driver uses GPU SVM. */
export type GpusvmMirror = Mirror<{ readonly gpusvm: Gpusvm }>

/**
 * The ranges of the pages from `start` to `end`. Called inside an atomic step.
 *
 * @kernel drm_gpusvm_for_each_range
 */
export function rangesOf(
  { rangeList }: Gpusvm,
  { start, end }: Pick<NotifierRange, 'start' | 'end'>,
): GpusvmRange[] {
  return rangeList.items.filter((range) => range.start < end && start < range.end)
}

/**
 * True if the pages of the range may be bound. Called inside an atomic step, under the notifier
 * lock.
 *
 * @kernel drm_gpusvm_range_pages_valid
 */
export function isValid({ hasDmaMapping }: GpusvmRange): boolean {
  return hasDmaMapping
}

/**
 * The same, and the pages were requested with the access that is wanted. Called inside an atomic
 * step.
 */
export function serves({ hasDmaMapping, readOnly }: Readonly<GpusvmRange>, write: boolean): boolean {
  return hasDmaMapping && !(write && readOnly)
}

/** The owner of the pages that the driver has in its device's memory; -1 for a driver that has none. @kernel drm_gpusvm_ctx.device_private_page_owner */
export function devmemOwner({ driver, owner }: Pick<Mirror, 'driver' | 'owner'>): number {
  return driver.migrateToRam === undefined ? -1 : owner
}

/** True if the device is to have pages of its own memory alone. A write stands for an atomic access. @kernel drm_gpusvm_ctx.devmem_only */
export function isDevmemOnly(mirror: Pick<Mirror, 'driver' | 'owner'>, write: boolean): boolean {
  return devmemOwner(mirror) >= 0 && write
}

/**
 * Finds the range of a page, or creates one that is as large as the VMA and its neighbours permit.
 * Or a negative error number.
 */
export const drm_gpusvm_range_find_or_insert = procedure(function* drm_gpusvm_range_find_or_insert(
  current: Task,
  { mm, notifier, state: { gpusvm } }: GpusvmMirror,
  addr: number,
  write: boolean,
): Running<GpusvmRange | number> {
  if (!(yield* mmget_not_zero(mm))) return -Errno.EFAULT
  yield* mm.mmapLock.lockRead()
  let range = yield* step('vma_lookup, drm_gpusvm_range_find', () => {
    const error = lookUp(mm, addr, write)
    return error ? error : (rangesOf(gpusvm, { start: addr, end: addr + 1 })[0] ?? 0)
  })
  if (range === 0) {
    yield* gpusvm.notifierLock.lockRead()
    range = yield* step(
      'drm_gpusvm_range_insert',
      () => allocateRange(gpusvm, notifier, addr) ?? -Errno.ENOMEM,
    )
    yield* gpusvm.notifierLock.unlockRead()
  }
  yield* mm.mmapLock.unlockRead()
  yield* mmput(current, mm)
  return range
})

/** 0 if a VMA contains the page and permits the access; or a negative error number. */
function lookUp({ vma }: MmStruct, addr: number, write: boolean): number {
  if (vma[addr].kind === VmaKind.none) return -Errno.ENOENT
  return !write || vma[addr].flags & VM_WRITE ? 0 : -Errno.EPERM
}

/**
 * Creates the range of a page. Called inside an atomic step.
 *
 * @kernel drm_gpusvm_range_chunk_size drm_gpusvm_range_alloc
 */
export function allocateRange(
  gpusvm: Gpusvm,
  notifier: IntervalNotifier,
  addr: number,
): GpusvmRange | undefined {
  const { vma } = notifier.mm
  const { kind, flags } = vma[addr]
  const first = addr - (addr % CHUNK)
  const chunk = { start: first, end: first + CHUNK }
  const isOneArea = vma
    .slice(chunk.start, chunk.end)
    .every((area) => area.kind === kind && area.flags === flags)
  const isWatched = notifier.start <= chunk.start && chunk.end <= notifier.last + 1
  const fits = isWatched && isOneArea && rangesOf(gpusvm, chunk).length === 0
  const { start, end } = fits ? chunk : { start: addr, end: addr + 1 }
  const range = gpusvm.ranges.allocate((made) => {
    made.start = start
    made.end = end
  })
  if (range) gpusvm.rangeList.addTail(range)
  return range
}

/**
 * Gets the pages of the range unless it has them: walks, then calls mmu_interval_read_retry under
 * the notifier lock. Retries after a collision until the timeout.
 *
 * @returns 0, or a negative error number: -EFAULT also if the range was unmapped; -EOPNOTSUPP if some pages are in the device's memory,
 *   and some are not, or one that is there may not be written
 */
export const drm_gpusvm_get_pages = procedure(function* drm_gpusvm_get_pages(
  current: Task,
  mirror: GpusvmMirror,
  range: GpusvmRange,
  write: boolean,
): Running<number> {
  const { notifier, mm, state } = mirror
  const { notifierLock } = state.gpusvm
  const { notifierSeq } = rangeOf(mirror, current)
  yield* mmu_interval_read_begin(notifier, notifierSeq)
  yield* notifierLock.lockRead()
  const pages = yield* step('drm_gpusvm_pages_valid_unlocked', () =>
    serves(range, write) ? 'valid' : { start: range.start, end: range.end },
  )
  yield* notifierLock.unlockRead()
  if (pages === 'valid') return 0
  if (!(yield* mmget_not_zero(mm))) return -Errno.EFAULT
  const error = yield* drm_gpusvm_walk(current, mirror, { ...pages, write })
  yield* mmput(current, mm)
  if (error && error !== -Errno.EBUSY) yield* endOfRange(current, mirror, error)
  const mapped = error ? error : yield* drm_gpusvm_map_pages(current, mirror, range, write)
  if (mapped !== -Errno.EBUSY) return mapped
  const isTimeOver = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
  if (!isTimeOver) return yield* become(drm_gpusvm_get_pages, current, mirror, range, write)
  yield* endOfRange(current, mirror, mapped)
  return mapped
})

/** The walk, under the mmap lock. */
export const drm_gpusvm_walk = procedure(
  'drm_gpusvm_get_pages (walk)',
  function* (
    current: Task,
    mirror: GpusvmMirror,
    { start, end, write }: { readonly start: number; readonly end: number; readonly write: boolean },
  ): Running<number> {
    const { mmapLock } = mirror.mm
    yield* mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, rangeOf(mirror, current), {
      start,
      end,
      defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
      pfnFlagsMask: 0,
      owner: devmemOwner(mirror),
    })
    yield* mmapLock.unlockRead()
    return error
  },
)

/**
 * Under the notifier lock: compares the sequence number, and stores the pages, unless only some are
 * in the device's memory. Returns -EBUSY after a collision.
 */
export const drm_gpusvm_map_pages = procedure(
  'drm_gpusvm_get_pages (map_pages)',
  function* (current: Task, mirror: GpusvmMirror, range: GpusvmRange, write: boolean): Running<number> {
    const { notifierLock } = mirror.state.gpusvm
    const walk = rangeOf(mirror, current)
    yield* notifierLock.lockRead()
    const unmapped = yield* step('flags.unmapped', () => range.unmapped)
    const collided = !unmapped && (yield* mmu_interval_read_retry(mirror.notifier, walk.notifierSeq))
    const kept =
      unmapped || collided
        ? 0
        : yield* step('dma_map_page', () => {
            const { frames } = mirror
            const owner = devmemOwner(mirror)
            const own = walk.pfns
              .slice(range.start, range.end)
              .filter(({ frame }) => owner >= 0 && frames[frame].owner === owner)
            if (own.length > 0 && own.length < range.end - range.start) return -Errno.EOPNOTSUPP
            // The walk does not fault on pages of their owner for want of the right to write.
            if (write && own.some(({ flags }) => !(flags & HMM_PFN_WRITE))) return -Errno.EOPNOTSUPP
            if (own.length === 0 && isDevmemOnly(mirror, write)) return -Errno.EFAULT
            for (let page = range.start; page < range.end; page++) {
              range.pages[page - range.start].flags = walk.pfns[page].flags
              range.pages[page - range.start].frame = walk.pfns[page].frame
            }
            range.readOnly = !write
            range.hasDevmemPages = own.length > 0
            range.hasDmaMapping = true
            return 0
          })
    yield* notifierLock.unlockRead()
    if (collided) return -Errno.EBUSY
    yield* endOfRange(current, mirror, 'again')
    return unmapped ? -Errno.EFAULT : kept
  },
)

/**
 * From here on the pages of the range must not be bound. Called inside an atomic step.
 *
 * @kernel __drm_gpusvm_unmap_pages
 */
export function unmapPagesOf(range: GpusvmRange): void {
  for (const page of range.pages) {
    page.flags = 0
    page.frame = 0
  }
  range.readOnly = false
  range.hasDevmemPages = false
  range.hasDmaMapping = false
}

/**
 * Has the pages brought back that are in the memory of a device: a walk that names no owner faults on them. If they are to be written
 * they can be afterwards.
 *
 * @returns 0, or a negative error number: -EBUSY if the time is over (in the kernel -ETIME)
 */
export const drm_gpusvm_range_evict = procedure(function* drm_gpusvm_range_evict(
  current: Task,
  mirror: GpusvmMirror,
  pages: Pages,
  write: boolean,
): Running<number> {
  if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
  const error = yield* drm_gpusvm_range_evict_walk(current, mirror, pages, write)
  yield* mmput(current, mirror.mm)
  return error
})

/** Walks until it does not collide, or the time is over. */
export const drm_gpusvm_range_evict_walk = procedure(
  'drm_gpusvm_range_evict (walk)',
  function* (current: Task, mirror: GpusvmMirror, { start, end }: Pages, write: boolean): Running<number> {
    const { notifier, mm } = mirror
    const walk = rangeOf(mirror, current)
    yield* mmu_interval_read_begin(notifier, walk.notifierSeq)
    yield* mm.mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, walk, {
      start,
      end,
      defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
      pfnFlagsMask: 0,
      owner: -1,
    })
    yield* mm.mmapLock.unlockRead()
    if (error === -Errno.EBUSY) {
      const isTimeOver = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
      if (!isTimeOver)
        return yield* become(drm_gpusvm_range_evict_walk, current, mirror, { start, end }, write)
    }
    yield* endOfRange(current, mirror, error ? error : 'again')
    return error
  },
)

/** Removes the range and drops its initial reference. The caller holds the driver's lock. */
export const drm_gpusvm_range_remove = procedure(function* drm_gpusvm_range_remove(
  { state: { gpusvm } }: GpusvmMirror,
  range: GpusvmRange,
): Running<void> {
  yield* gpusvm.notifierLock.lockRead()
  yield* step('__drm_gpusvm_unmap_pages, __drm_gpusvm_range_remove', () => {
    unmapPagesOf(range)
    gpusvm.rangeList.remove(range)
    return 0
  })
  yield* gpusvm.notifierLock.unlockRead()
  yield* step('drm_gpusvm_range_put', () => {
    gpusvm.ranges.put(range)
    return 0
  })
})

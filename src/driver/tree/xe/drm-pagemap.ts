/**
 * Pages of a device's memory, as the DRM core manages them for its drivers: all pages of a range go there, or none, and come back when
 * a CPU touches one; but not before their time slice is over.
 *
 * @see drivers/gpu/drm/drm_pagemap.c
 * @module
 */
import type { Translation } from '../../../device/index.js'
import {
  areaEnd,
  areaStart,
  type DeviceFault,
  Errno,
  hasSource,
  isMigrating,
  type MigrateVma,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  mmget_not_zero,
  mmput,
  pagesOf,
  queue_work,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  type Task,
  VM_FAULT_OOM,
} from '../../../kernel/index.js'
import {
  BLOCKED,
  type Layout,
  procedure,
  READ_ONCE,
  type RecordOf,
  type Running,
  step,
} from '../../../world/index.js'
import { allocateInTurn, withdraw } from '../../memory/bringing-back.js'
import { allocateAndCopy, faultArgs } from '../../memory/device-memory.js'
import { type Mirror, workOf } from '../../mirror.js'
import { CHUNK, type Pages } from './drm-gpusvm.js'

/** A time slice: none, one that has begun in a fault that is not served yet, or one that runs out some time. */
const Timeslice = { none: 0, begun: 1, runs: 2 } as const

/** What the core keeps of the memory of a device. One time slice stands for those of all allocations. */
export const declareDevmem = (l: Layout) => ({
  /** One of {@link Timeslice}. @kernel drm_pagemap_devmem.timeslice_expiration */
  timeslice: l.counter('timeslice', Timeslice.runs),
})

/** A mirror whose driver has its memory managed so. */
export type DevmemMirror = Mirror<{ readonly devmem: RecordOf<ReturnType<typeof declareDevmem>> }>

/**
 * Moves the pages to the device's memory: all of them, or none.
 *
 * @param keeps - whether they are to stay there for a time slice
 * @returns 0, or a negative error number: -EBUSY if not all could be collected, or some are there already
 */
export const drm_pagemap_populate_mm = procedure(function* drm_pagemap_populate_mm(
  current: Task,
  mirror: DevmemMirror,
  pages: Pages,
  keeps: boolean,
): Running<number> {
  const { mm } = mirror
  if (!(yield* mmget_not_zero(mm))) return -Errno.EFAULT
  yield* mm.mmapLock.lockRead()
  const error = yield* drm_pagemap_migrate_to_devmem(current, mirror, pages, keeps)
  yield* mm.mmapLock.unlockRead()
  yield* mmput(current, mm)
  return error
})

/** The same. The caller holds the mmap lock for reading. */
export const drm_pagemap_migrate_to_devmem = procedure(function* drm_pagemap_migrate_to_devmem(
  current: Task,
  mirror: DevmemMirror,
  { start, end }: Pages,
  keeps: boolean,
): Running<number> {
  const { mm, owner } = mirror
  const args = { mm, start, end, owner, select: SELECT_SYSTEM | SELECT_DEVICE_PRIVATE }
  const refused = yield* migrate_vma_setup(current, args)
  if (refused) return refused
  const state = yield* step('compare cpages with npages, count own pages', () => stateOf(current, args))
  let error: number = state === 'all elsewhere' || state === 'all there' ? 0 : -Errno.EBUSY
  if (state === 'all elsewhere') error = yield* drm_pagemap_copy_to_devmem(current, mirror, args, keeps)
  yield* migrate_vma_pages(current, args)
  if (state === 'all elsewhere' && !error)
    error = yield* step('count the pages that have migrated', () =>
      collectedOf(current, args).every(isMigrating) ? 0 : -Errno.EBUSY,
    )
  yield* migrate_vma_finalize(current, args)
  return error
})

function collectedOf(current: Task, { start, end }: Pages) {
  return pagesOf(current).slice(start, end)
}

/** Where the pages are that were collected. Called inside an atomic step. */
function stateOf(current: Task, args: MigrateVma): 'all elsewhere' | 'all there' | 'mixed' | 'not all' {
  const entries = collectedOf(current, args)
  if (!entries.every(isMigrating)) return 'not all'
  const { frames } = current.machine
  const own = entries.filter((entry) => hasSource(entry) && frames[entry.source].owner === args.owner)
  if (own.length === 0) return 'all elsewhere'
  return own.length === entries.length ? 'all there' : 'mixed'
}

/** Allocates and copies; if there is no room nothing is left in the array. The time slice begins. 0, or -ENOMEM. */
export const drm_pagemap_copy_to_devmem = procedure(
  'drm_pagemap_migrate_to_devmem (copy_to_devmem)',
  function* (current: Task, mirror: DevmemMirror, args: MigrateVma, keeps: boolean): Running<number> {
    const short = yield* allocateAndCopy(current, args, current.machine.deviceMemory[args.owner].frames)
    if (short) {
      yield* drm_pagemap_migration_unlock_put_pages(current, args)
      return -Errno.ENOMEM
    }
    if (keeps) yield* beginTimeslice(mirror)
    return 0
  },
)

/** The destinations are given back. */
export const drm_pagemap_migration_unlock_put_pages = procedure(
  function* drm_pagemap_migration_unlock_put_pages(current: Task, { start, end }: Pages): Running<void> {
    for (let page = start; page < end; page++) yield* withdraw(current, page)
  },
)

/** From now on the pages stay. */
export const beginTimeslice = procedure(
  'drm_pagemap_migrate_to_devmem (timeslice)',
  function* (mirror: DevmemMirror): Running<void> {
    yield* step('timeslice_expiration = jiffies + timeslice', () => {
      mirror.state.devmem.timeslice = Timeslice.begun
      return 0
    })
  },
)

/**
 * The clock goes on: a work item, which begins as late as it likes, ends the time slice. A slice is long against a fault, and so this
 * is called at its end.
 */
export const letTimePass = procedure(
  'timeslice_expiration (the clock)',
  function* (mirror: DevmemMirror): Running<void> {
    yield* step('jiffies', () => {
      const { devmem } = mirror.state
      if (devmem.timeslice === Timeslice.begun) devmem.timeslice = Timeslice.runs
      return 0
    })
    yield* queue_work(workOf(mirror, 'timeslice'))
  },
)

/** Somebody waits for the pages, and can wait for longer than a time slice. */
export const waitOutTimeslice = procedure(
  'timeslice_expiration (waited for)',
  function* (mirror: DevmemMirror): Running<void> {
    yield* step('jiffies', () => {
      mirror.state.devmem.timeslice = Timeslice.none
      return 0
    })
  },
)

/** The time is over. A slice is long against an access too: the device has made use of what it was given. */
export const endTimeslice = procedure(
  'timeslice_expiration',
  function* (_current: Task, mirror: DevmemMirror): Running<void> {
    yield* step('the time slice is over', () => {
      const { devmem } = mirror.state
      if (devmem.timeslice !== Timeslice.runs) return 0
      if (isUnused(mirror)) return BLOCKED
      devmem.timeslice = Timeslice.none
      return 0
    })
  },
)

/** True if the device has been given pages of its memory, and has looked none of them up yet. Called inside an atomic step. */
function isUnused({ pageTable, tlb, owner }: DevmemMirror): boolean {
  const isOwn = (entry: Translation) => READ_ONCE(entry).frame?.owner === owner
  return pageTable.some(isOwn) && !tlb.some(isOwn)
}

/**
 * A CPU has touched a page in the device's memory, in the process that has the device or in one that was forked from it: it comes back
 * with what is there of its chunk and its area. While the time slice lasts nothing is done, and the CPU faults again (in the kernel this
 * is 0 too).
 *
 * @returns 0, `again`, or VM_FAULT_OOM if there was no memory for the page itself
 */
export const drm_pagemap_migrate_to_ram = procedure(function* drm_pagemap_migrate_to_ram(
  current: Task,
  mirror: DevmemMirror,
  page: number,
  fault: DeviceFault,
): Running<number | 'again'> {
  const isKept = yield* step(
    'time_before64(timeslice_expiration)',
    () => mirror.state.devmem.timeslice !== Timeslice.none,
  )
  if (isKept) return 'again'
  const { mm } = current
  const own = faultArgs(current, mm, page, fault)
  const chunk = yield* step('vm_start, vm_end', () => chunkOf(current, page, own))
  const args = { ...own, ...chunk }
  yield* migrate_vma_setup(current, args)
  const short = yield* allocateInTurn(current, args, page)
  yield* migrate_vma_pages(current, args)
  yield* migrate_vma_finalize(current, args)
  return short ? VM_FAULT_OOM : 0
})

/** The pages of the chunk of `page` that are in its area, and all that is to come back anyway. Called inside an atomic step. */
function chunkOf({ mm }: Task, page: number, { start, end }: Pages): Pages {
  const first = page - (page % CHUNK)
  return {
    start: Math.min(start, Math.max(first, areaStart(mm, page))),
    end: Math.max(end, areaEnd(mm, page, Math.min(first + CHUNK, mm.vma.length))),
  }
}

/**
 * Device memory: private (the CPU cannot map it) or coherent (it can); and the kernel's state of a
 * region that is added and removed.
 *
 * @see reference B.7, B.8
 * @module
 */

import type { Layout, Lifecycle, Procedure } from '../world/index.js'
import type { Frame, MmStruct, Task } from './index.js'

/** A CPU fault on a device page, as passed to migrate_to_ram. @kernel struct vm_fault */
export interface DeviceFault {
  /** The device page. */
  readonly pfn: number
  /**
   * What the caller of the callback holds: nothing (before Linux 6.1), a reference to the page
   * (before 6.15), a reference and the folio lock.
   */
  readonly holds: (typeof FaultHolds)[keyof typeof FaultHolds]
  /**
   * True if it is the head page of a huge page that a PMD maps (`vmf->pte` is NULL): the whole huge
   * page is to be migrated back.
   */
  readonly isHuge?: true
}

/** See {@link DeviceFault}. */
export const FaultHolds = { nothing: 0, reference: 1, lock: 2 } as const

/** Callbacks of the owner of device memory. @kernel struct dev_pagemap_ops */
export interface DeviceMemoryOps {
  /**
   * Migrates the device page at `page` back to system memory, so that the CPU can access it. The
   * caller holds the mmap lock for reading, and the reference and lock that `fault` states.
   *
   * @returns 0 (also if the page has been migrated already), or an error of the fault
   */
  readonly migrateToRam: Procedure<[current: Task, mm: MmStruct, page: number, fault: DeviceFault], number>
  /**
   * The last reference to `frame` was put: the owner may allocate it again. Called inside an atomic
   * step: the caller may hold a page-table lock, so the callback must not sleep. Only called for a
   * region that is added and removed; for any other a reference count of 0 means free.
   *
   * @kernel dev_pagemap_ops.page_free
   */
  readonly pageFree?: (frame: Frame) => void
  /**
   * A page of a large folio becomes a single page: the owner splits its own data of the folio.
   * Called inside the step that splits the folio.
   *
   * @kernel dev_pagemap_ops.folio_split
   */
  readonly folioSplit?: (frame: Frame) => void
  /** What its driver does when somebody else wants the memory: the kernel has no name for it. Absent: the reference driver's. */
  readonly evict?: Procedure<[current: Task], void>
  /**
   * True if the device has failed, or may have: then migrate_to_ram may return SIGBUS. This is
   * state of the device, without a name in the kernel; the claim of C30 reads it. Absent: the
   * device works.
   */
  readonly failed?: () => boolean
}

/**
 * Device memory.
 *
 * @kernel struct dev_pagemap of MEMORY_DEVICE_PRIVATE, or of MEMORY_DEVICE_COHERENT
 */
export interface DeviceMemory {
  readonly owner: number
  /** True if the CPU can map it like system memory; then migrate_to_ram is never called. */
  readonly coherent: boolean
  readonly frames: readonly Frame[]
  /** The owner's callbacks. Set when its driver is attached. */
  ops: DeviceMemoryOps
  /** The state of a region that is added and removed; absent for a region that always exists. */
  readonly pagemap?: DevPagemap
}

/**
 * The state of a region: `live` from `memremap_pages` to percpu_ref_kill; then `dying`, when
 * references can only be dropped.
 */
export const PagemapState = { absent: 'absent', live: 'live', dying: 'dying' } as const

/** One of {@link PagemapState}. */
export type PagemapState = (typeof PagemapState)[keyof typeof PagemapState]

/** The kernel's state of a region that is added and removed. @kernel struct dev_pagemap */
export interface DevPagemap {
  /** {@link PagemapState}. */
  state: PagemapState
  /** `pgmap->ref`: one reference while it is live, and one for each of its pages in use. */
  ref: number
  readonly lifecycle: Lifecycle
  /**
   * Called inside the step that drops the last reference of a killed region. Set by a driver that
   * supplies its own reference count and waits for it; absent if `memunmap_pages` does both.
   *
   * @kernel percpu_ref_func_t
   */
  release?: () => void
}

/** Declares the memory of `owner`. Its `frames` may be declared later. */
export function declareDeviceMemory(
  layout: Layout,
  owner: number,
  frames: readonly Frame[],
  size: { readonly pages: number; readonly hotplug: boolean; readonly coherent: boolean },
  ops: DeviceMemoryOps,
): DeviceMemory {
  const { coherent } = size
  if (!size.hotplug) return { owner, coherent, frames, ops }
  return {
    owner,
    coherent,
    frames,
    ops,
    pagemap: layout.record({
      state: layout.oneOf('state', PagemapState),
      // A page that is allocated again may, for a moment, still hold the reference of its previous
      // use.
      ref: layout.counter('ref', 2 * size.pages + 1),
      lifecycle: layout.lifecycle('deviceMemory', 'lifecycle'),
    }),
  }
}

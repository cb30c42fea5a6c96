/**
 * Memory of a device, which the CPU cannot map or, where it is coherent, can; and what the kernel keeps of a region of it that
 * comes and goes.
 *
 * @see reference B.7, B.8
 * @module
 */

import type { Layout, Lifecycle, Procedure } from '../world/index.js'
import type { Frame, MmStruct, Task } from './index.js'

/** A fault on a device page, as its owner is told of it. @kernel struct vm_fault */
export interface DeviceFault {
  /** The device page. */
  readonly pfn: number
  /** What the caller of the callback holds of it: nothing (before Linux 6.1), a reference (before 6.15), the folio lock too. */
  readonly holds: (typeof FaultHolds)[keyof typeof FaultHolds]
  /** True if it is the first part of a huge page that one entry maps (`vmf->pte` is NULL): all of it is to come back. */
  readonly isHuge?: true
}

/** See {@link DeviceFault}. */
export const FaultHolds = { nothing: 0, reference: 1, lock: 2 } as const

/** What the owner of device memory is asked to do. @kernel struct dev_pagemap_ops */
export interface DeviceMemoryOps {
  /**
   * Brings the page at `page`, which is a device page now, back to system memory, so that the CPU can use it. The caller
   * holds the mmap lock for reading, and of the page what `fault` says.
   *
   * @returns 0 (also if there is nothing to bring back any more), or an error of the fault
   */
  readonly migrateToRam: Procedure<[current: Task, mm: MmStruct, page: number, fault: DeviceFault], number>
  /**
   * The last reference to `frame` is gone, and nobody can reach it: it is its owner's again. Called
   * inside an atomic step, since whoever put the reference may hold a page-table lock, and nothing
   * here may sleep. Only a region that comes and goes asks for it; otherwise the count alone says
   * what is free.
   *
   * @kernel dev_pagemap_ops.page_free
   */
  readonly pageFree?: (frame: Frame) => void
  /**
   * A page that was part of a large folio is one by itself from now on: its owner parts what it keeps of the folio. Part of the
   * step that splits it.
   *
   * @kernel dev_pagemap_ops.folio_split
   */
  readonly folioSplit?: (frame: Frame) => void
  /**
   * True if the device has failed, or may have: then a fault may be answered with SIGBUS. It is the device's own state, and the
   * kernel has no name for it; the claim of C30 asks. Absent: the device works.
   */
  readonly failed?: () => boolean
}

/** Memory of a device. @kernel struct dev_pagemap of MEMORY_DEVICE_PRIVATE, or of MEMORY_DEVICE_COHERENT */
export interface DeviceMemory {
  readonly owner: number
  /** True if the CPU maps it like its own; its owner is then never asked to bring a page back. */
  readonly coherent: boolean
  readonly frames: readonly Frame[]
  /** The owner's callbacks. Set when its driver is attached. */
  ops: DeviceMemoryOps
  /** What is kept of a region that comes and goes; absent for one that is there from beginning to end. */
  readonly pagemap?: DevPagemap
}

/** Whether a region is there: from `memremap_pages` to the kill its references can be had, and then only be given back. */
export const PagemapState = { absent: 'absent', live: 'live', dying: 'dying' } as const

/** One of {@link PagemapState}. */
export type PagemapState = (typeof PagemapState)[keyof typeof PagemapState]

/** What the kernel keeps of a region that comes and goes. @kernel struct dev_pagemap */
export interface DevPagemap {
  /** {@link PagemapState}. */
  state: PagemapState
  /** `pgmap->ref`: one while it is live, and one for each of its pages that is in use. */
  ref: number
  readonly lifecycle: Lifecycle
  /**
   * Called in the step that gives back the last reference of a region which was killed. Set by who counts the references itself
   * and waits for that on its own; absent where `memunmap_pages` does both.
   *
   * @kernel percpu_ref_func_t
   */
  release?: () => void
}

/** Declares the memory of `owner`, whose `frames` may still be declared. */
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
      // A page that is in use again keeps, for a moment, the reference of its use before as well.
      ref: layout.counter('ref', 2 * size.pages + 1),
      lifecycle: layout.lifecycle('deviceMemory', 'lifecycle'),
    }),
  }
}

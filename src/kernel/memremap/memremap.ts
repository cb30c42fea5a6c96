/**
 * Adding and removing a region of device memory.
 *
 * @see reference B.8
 * @module
 */

import type { DeviceMemory, DeviceMemoryOps, DevPagemap } from '../../machine/index.js'
import { Errno, PagemapState } from '../../machine/index.js'
import { BLOCKED, claim, procedure, type Running, step, unobserved } from '../../world/index.js'

/** The region that a driver requests. @kernel struct dev_pagemap */
export interface PagemapRequest {
  /** `pgmap->owner`; -1 for none. */
  readonly owner: number
  /** `pgmap->ops`. */
  readonly ops: Partial<DeviceMemoryOps>
}

/**
 * Creates the struct pages of a region of device memory. All of them are free. One step: no other
 * thread can reach the region before.
 *
 * @returns 0; -EINVAL without an owner, or without one of the callbacks that private memory needs;
 * -ENOMEM if the region exists already
 * @kernel memremap_pages mm/memremap.c
 * @see reference B.8
 */
export const memremap_pages = procedure(function* memremap_pages(
  memory: DeviceMemory,
  request: PagemapRequest,
): Running<number> {
  const { owner, ops } = request
  if (owner < 0 || !ops.migrateToRam || !ops.pageFree) return -Errno.EINVAL
  return yield* step('make the region known', () => (plugPages(memory) ? 0 : -Errno.ENOMEM))
})

/** Creates the region if it does not exist. Called inside an atomic step. */
export function plugPages(memory: DeviceMemory): boolean {
  const devPagemap = pagemapOf(memory)
  if (devPagemap.state !== PagemapState.absent) return false
  devPagemap.state = PagemapState.live
  devPagemap.ref = 1
  devPagemap.lifecycle.signal('PLUGGED')
  return true
}

/**
 * Removes the region. After percpu_ref_kill no page of it can be allocated. It waits until the
 * pages in use have dropped their references to the region, for ever if the driver does not free
 * them.
 *
 * @kernel memunmap_pages mm/memremap.c
 * @see reference B.8
 */
export const memunmap_pages = procedure(function* memunmap_pages(memory: DeviceMemory): Running<void> {
  yield* step('percpu_ref_kill', () => {
    killPages(memory)
    return 0
  })
  const devPagemap = pagemapOf(memory)
  yield* step('wait for pgmap->done', () => (devPagemap.ref > 0 ? BLOCKED : 0))
  yield* step('remove the region', () => {
    removePages(memory)
    return 0
  })
})

/**
 * From here on no new reference to the region can be taken; its initial reference is dropped.
 * Called inside an atomic step.
 *
 * @kernel percpu_ref_kill
 */
export function killPages(memory: DeviceMemory): void {
  const devPagemap = pagemapOf(memory)
  devPagemap.state = PagemapState.dying
  devPagemap.lifecycle.signal('KILLED')
  claim('C44', devPagemap.ref > 0, 'a region is killed, and its own reference is gone already')
  if (--devPagemap.ref === 0) devPagemap.release?.()
}

/** The struct pages of the region are gone. Called inside an atomic step. */
export function removePages(memory: DeviceMemory): void {
  const devPagemap = pagemapOf(memory)
  const used = unobserved(() => memory.frames.find((frame) => frame.refcount > 0))
  claim('C44', used === undefined, `the region goes away, and frame ${used?.pfn} of it is in use`)
  devPagemap.state = PagemapState.absent
  devPagemap.lifecycle.signal('REMOVED')
}

function pagemapOf({ owner, pagemap }: DeviceMemory): DevPagemap {
  if (pagemap === undefined)
    throw new Error(`the memory of owner ${owner} does not come and go on this machine`)
  return pagemap
}

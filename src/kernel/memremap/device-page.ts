/**
 * A page of device memory begins to be used, and is free again.
 *
 * @see reference B.7
 * @module
 */

import type { Frame } from '../../machine/index.js'
import { type DeviceMemory, PagemapState } from '../../machine/index.js'
import { claim, procedure, type Running, step } from '../../world/index.js'

/**
 * Takes a free page for its driver: off the free list, a reference of its region, one reference of its own. It is a page by itself,
 * whatever it was a part of before. The caller locks it. Part of a step of the driver, in which it also holds the lock of its free list.
 *
 * @kernel zone_device_page_init
 */
export function zoneDevicePageInit(frame: Frame): void {
  frame.onFreeList = false
  const pagemap = frame.pgmap?.pagemap
  if (pagemap) {
    claim(
      'C44',
      () => pagemap.state === PagemapState.live,
      () => `frame ${frame.pfn} is allocated, and its region is ${pagemap.state}`,
    )
    if (++pagemap.ref === 2) pagemap.lifecycle.signal('FILLED')
  }
  frame.refcount = 1
  frame.contents = 0
  frame.compound = 0
  frame.formerly = 0
  frame.lifecycle?.signal('ALLOCATED')
}

/**
 * The same for frames side by side, which are one large folio: each is a part of it, and the first has the lock of all. Part of a step
 * of the driver.
 *
 * @kernel zone_device_page_init with an order
 */
export function zoneDeviceFolioInit(frames: readonly Frame[]): void {
  for (const [index, frame] of frames.entries()) {
    zoneDevicePageInit(frame)
    frame.compound = index + 1
  }
}

/** True if nobody has the page: its driver may take it. */
export function isFreePage(frame: Frame): boolean {
  return frame.pgmap?.pagemap === undefined ? frame.refcount === 0 : frame.onFreeList
}

/**
 * The last reference to `parts` is gone. First they are their driver's again, which may give them to somebody else at once;
 * then the region has as many references less. Which region it is, and how many pages, was read before: the pages are
 * not the kernel's any more.
 *
 * @param parts - pages of one region
 * @kernel free_zone_device_folio mm/memremap.c
 * @see reference B.7
 */
export const free_zone_device_folio = procedure(function* free_zone_device_folio(
  parts: readonly Frame[],
): Running<void> {
  const region = parts[0].pgmap
  yield* step('folio_free', () => {
    for (const frame of parts) region?.ops.pageFree?.(frame)
    return 0
  })
  yield* step('percpu_ref_put_many', () => {
    if (region) putRegion(region, parts.length)
    return 0
  })
})

/** Gives back references of the region: one for each page that is free. Part of a step. @kernel percpu_ref_put_many */
export function putRegion({ owner, pagemap }: DeviceMemory, pages: number): void {
  if (pagemap === undefined) return
  claim(
    'C44',
    pagemap.ref >= pages,
    `pages of owner ${owner} are free, and their region has too few references left to give back`,
  )
  pagemap.ref -= pages
  if (pagemap.ref === (pagemap.state === PagemapState.live ? 1 : 0)) pagemap.lifecycle.signal('EMPTIED')
  if (pagemap.ref === 0) pagemap.release?.()
}

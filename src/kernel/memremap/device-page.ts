/**
 * A page of device memory is initialised for use, and freed.
 *
 * @see reference B.7
 * @module
 */

import type { Frame } from '../../machine/index.js'
import { type DeviceMemory, PagemapState } from '../../machine/index.js'
import { claim, procedure, type Running, step } from '../../world/index.js'

/**
 * Initialises a free page for its driver: takes it off the free list, takes a reference to its
 * region, and sets its own reference count to 1. It becomes a page of order 0, even if it was part
 * of a large folio before. The caller locks it. Called inside an atomic step of the driver, under
 * the lock of its free list.
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
 * The same for contiguous frames that become one large folio: the head page has the folio lock of
 * all of them. Called inside an atomic step of the driver.
 *
 * @kernel zone_device_page_init with an order
 */
export function zoneDeviceFolioInit(frames: readonly Frame[]): void {
  for (const [index, frame] of frames.entries()) {
    zoneDevicePageInit(frame)
    frame.compound = index + 1
  }
}

/** True if the page is free: its driver may allocate it. */
export function isFreePage(frame: Frame): boolean {
  return frame.pgmap?.pagemap === undefined ? frame.refcount === 0 : frame.onFreeList
}

/**
 * The last reference to `parts` was put. First the driver gets the pages back, and may allocate
 * them again at once; then the references to the region are dropped. The region and the number of
 * pages are read beforehand, because the kernel must not touch the pages once the driver has them.
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

/**
 * Drops references to the region: one for each page that was freed. Called inside an atomic step.
 *
 * @kernel percpu_ref_put_many
 */
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

/**
 * A page of device memory begins to be used, and is free again.
 *
 * @see reference B.7
 * @module
 */
import { claim } from '../../world/index.js'
import type { Frame } from '../machine.js'
import { PagemapState } from './device-memory.js'

/**
 * Takes a free page for its driver: off the free list, a reference of its region, one reference of its own. The caller
 * locks it. Part of a step of the driver, in which it also holds the lock of its free list.
 *
 * @kernel zone_device_page_init
 */
export function zoneDevicePageInit(frame: Frame): void {
  frame.onFreeList = false
  const pagemap = frame.pgmap?.pagemap
  if (pagemap) {
    claim(
      'C44',
      pagemap.state === PagemapState.live,
      `frame ${frame.pfn} is allocated, and its region is ${pagemap.state}`,
    )
    if (++pagemap.ref === 2) pagemap.lifecycle.signal('FILLED')
  }
  frame.refcount = 1
  frame.contents = 0
  frame.compound = 0
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
 * The last reference is gone: the page is its driver's again, and then the region has a reference less. Part of the
 * step that puts the reference.
 *
 * @kernel free_zone_device_folio
 */
export function freeZoneDeviceFolio(frame: Frame): void {
  const pagemap = frame.pgmap?.pagemap
  if (!pagemap) return
  frame.pgmap?.ops.pageFree?.(frame)
  claim(
    'C44',
    pagemap.ref > 0,
    `frame ${frame.pfn} is free, and its region has no reference left to give back`,
  )
  const left = --pagemap.ref
  if (left === (pagemap.state === PagemapState.live ? 1 : 0)) pagemap.lifecycle.signal('EMPTIED')
  if (left === 0) pagemap.release?.()
}

/**
 * A page of device memory begins to be used, and is free again.
 *
 * @see reference B.7
 * @module
 */
import { claim, type World } from '../../world/index.js'
import type { Frame } from '../machine.js'
import { PagemapState } from './device-memory.js'

/**
 * Takes a free page for its driver: off the free list, a reference of its region, one reference of its own. The caller
 * locks it. Part of a step of the driver, in which it also holds the lock of its free list.
 *
 * @kernel zone_device_page_init
 */
export function zoneDevicePageInit(w: World, frame: Frame): void {
  frame.onFreeList?.set(w, 0)
  const pagemap = frame.pgmap?.pagemap
  if (pagemap) {
    claim(
      'C44',
      pagemap.state.get(w) === PagemapState.live,
      `frame ${frame.pfn} is allocated, and its region is ${pagemap.state.show(w)}`,
    )
    if (pagemap.ref.add(w, 1) === 2) pagemap.lifecycle.signal(w, 'FILLED')
  }
  frame.refcount.set(w, 1)
  frame.contents.set(w, 0)
  frame.lifecycle?.signal(w, 'ALLOCATED')
}

/** True if nobody has the page: its driver may take it. */
export function isFreePage(w: World, frame: Frame): boolean {
  return frame.onFreeList === undefined ? frame.refcount.get(w) === 0 : frame.onFreeList.get(w) === 1
}

/**
 * The last reference is gone: the page is its driver's again, and then the region has a reference less. Part of the
 * step that puts the reference.
 *
 * @kernel free_zone_device_folio
 */
export function freeZoneDeviceFolio(w: World, frame: Frame): void {
  const pagemap = frame.pgmap?.pagemap
  if (!pagemap) return
  frame.pgmap?.ops.pageFree?.(w, frame)
  const left = pagemap.ref.add(w, -1)
  if (left === (pagemap.state.get(w) === PagemapState.live ? 1 : 0)) pagemap.lifecycle.signal(w, 'EMPTIED')
  if (left === 0) pagemap.release?.(w)
}

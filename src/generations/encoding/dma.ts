/**
 * An array of entries that records which pages a device has mapped for DMA, so that a walk that
 * only adds write access maps no page twice. This file has the part that concerns entries; a {@link
 * DmaDevice} stands for the IOMMU.
 *
 * @see reference A.4
 * @module
 */
import {
  HMM_PFN_DMA_MAPPED,
  HMM_PFN_P2PDMA,
  HMM_PFN_P2PDMA_BUS,
  HMM_PFN_VALID,
  hmmPfnToPhys,
  TOP_6_16,
} from './top.js'
import { ULONG_MAX } from './word.js'

/** Returned if a mapping cannot be made. @kernel DMA_MAPPING_ERROR */
export const DMA_MAPPING_ERROR = ULONG_MAX

/**
 * How the device reaches the page: `none` if it is system memory; otherwise it belongs to another
 * device, and is reached through the host bridge, over the bus, or not at all.
 */
export type P2pState = 'none' | 'thru-host-bridge' | 'bus-addr' | 'not-supported'

/** Maps addresses for a device. */
export interface DmaDevice {
  /**
   * Maps the page at physical address `phys`.
   *
   * @returns the device address, or {@link DMA_MAPPING_ERROR}
   */
  readonly map: (phys: bigint) => bigint
  /** Undoes {@link DmaDevice.map}. */
  readonly unmap: (address: bigint) => void
  /** The bus address of another device's memory. Needs no mapping. */
  readonly busAddress: (phys: bigint) => bigint
}

/** An array of entries with their DMA addresses. @kernel struct hmm_dma_map */
export interface HmmDmaMap {
  /** `pfn_list`: hmm_range_fault fills it. */
  readonly pfnList: bigint[]
  /** `dma_list`. */
  readonly dmaList: bigint[]
}

/** An array of `entries` zeroed entries. @kernel hmm_dma_map_alloc */
export function hmmDmaMapAlloc(entries: number): HmmDmaMap {
  return { pfnList: new Array<bigint>(entries).fill(0n), dmaList: new Array<bigint>(entries).fill(0n) }
}

/**
 * Maps the page of an entry for DMA, unless the entry records that it is mapped. The caller has
 * checked that the entry is valid; this function does not.
 *
 * @returns the device address; {@link DMA_MAPPING_ERROR} if the page cannot be mapped
 * @kernel hmm_dma_map_pfn
 */
export function hmmDmaMapPfn(device: DmaDevice, map: HmmDmaMap, index: number, state: P2pState): bigint {
  const { pfnList, dmaList } = map
  const phys = hmmPfnToPhys(TOP_6_16, pfnList[index])
  if (pfnList[index] & HMM_PFN_DMA_MAPPED && !(pfnList[index] & HMM_PFN_P2PDMA_BUS)) return dmaList[index]
  if (state === 'not-supported') return DMA_MAPPING_ERROR
  if (state === 'bus-addr') {
    pfnList[index] |= HMM_PFN_P2PDMA_BUS | HMM_PFN_DMA_MAPPED
    return device.busAddress(phys)
  }
  const address = device.map(phys)
  if (address === DMA_MAPPING_ERROR) return DMA_MAPPING_ERROR
  dmaList[index] = address
  pfnList[index] |= HMM_PFN_DMA_MAPPED | (state === 'thru-host-bridge' ? HMM_PFN_P2PDMA : 0n)
  return address
}

/**
 * Unmaps the page of an entry, if the entry records that it is mapped.
 *
 * @returns whether it was mapped. The entry no longer records it
 * @kernel hmm_dma_unmap_pfn
 */
export function hmmDmaUnmapPfn(device: DmaDevice, map: HmmDmaMap, index: number): boolean {
  const { pfnList, dmaList } = map
  const both = HMM_PFN_VALID | HMM_PFN_DMA_MAPPED
  if ((pfnList[index] & both) !== both) return false
  // A bus address needs no unmap.
  if (!(pfnList[index] & HMM_PFN_P2PDMA_BUS)) device.unmap(dmaList[index])
  pfnList[index] &= ~TOP_6_16.sticky
  return true
}

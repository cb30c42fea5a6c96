/**
 * An array of entries that remembers which of its pages a device has mapped for DMA, so that a walk that only adds the right to
 * write maps nothing twice. The part that has to do with entries; what an IOMMU does is up to a {@link DmaDevice}.
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

/** What a mapping returns that could not be made. @kernel DMA_MAPPING_ERROR */
export const DMA_MAPPING_ERROR = ULONG_MAX

/** How a page is reached from a device: it is memory; another device's by way of the host bridge, or over the bus; not at all. */
export type P2pState = 'none' | 'thru-host-bridge' | 'bus-addr' | 'not-supported'

/** What maps addresses for a device. */
export interface DmaDevice {
  /** Maps a page of physical address `phys`; returns the address for the device, or {@link DMA_MAPPING_ERROR}. */
  readonly map: (phys: bigint) => bigint
  /** Undoes {@link DmaDevice.map}. */
  readonly unmap: (address: bigint) => void
  /** The address of another device's memory on the bus: nothing to be mapped. */
  readonly busAddress: (phys: bigint) => bigint
}

/** An array of entries with the addresses that they are mapped at. @kernel struct hmm_dma_map */
export interface HmmDmaMap {
  /** `pfn_list`: what hmm_range_fault fills. */
  readonly pfnList: bigint[]
  /** `dma_list`. */
  readonly dmaList: bigint[]
}

/** An array of `entries` that knows of no page. @kernel hmm_dma_map_alloc */
export function hmmDmaMapAlloc(entries: number): HmmDmaMap {
  return { pfnList: new Array<bigint>(entries).fill(0n), dmaList: new Array<bigint>(entries).fill(0n) }
}

/**
 * Maps the page of an entry for DMA, unless the entry says that it is. The caller has seen that the entry is valid; here nobody
 * looks.
 *
 * @returns the address for the device; {@link DMA_MAPPING_ERROR} where it cannot be mapped
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
 * Unmaps the page of an entry, if the entry says that it is mapped.
 *
 * @returns whether it did; the entry then says so no more
 * @kernel hmm_dma_unmap_pfn
 */
export function hmmDmaUnmapPfn(device: DmaDevice, map: HmmDmaMap, index: number): boolean {
  const { pfnList, dmaList } = map
  const both = HMM_PFN_VALID | HMM_PFN_DMA_MAPPED
  if ((pfnList[index] & both) !== both) return false
  // An address on the bus was never mapped.
  if (!(pfnList[index] & HMM_PFN_P2PDMA_BUS)) device.unmap(dmaList[index])
  pfnList[index] &= ~TOP_6_16.sticky
  return true
}

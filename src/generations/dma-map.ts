/**
 * A driver that maps the mirrored pages for DMA and keeps one array of entries for all its walks
 * (Linux 6.16 and later). The sticky flags of an entry record that its page is mapped, so that a
 * walk that only adds write access does not map the page again.
 *
 * The driver owns the array and shares it: a walk stores into it while the callback clears flags in
 * it. Words are stored in the encoding of 6.16.
 *
 * @see reference A.4, D47
 * @module
 */
import { flushDevice, type Mirror, program, rangeOf } from '../driver/index.js'
import {
  type HmmRange,
  type HmmRequest,
  hmm_vma_walk_pmd,
  isMappable,
  HMM_PFN_VALID as MODEL_VALID,
  readEntry,
  type Task,
  type Walked,
} from '../kernel/index.js'
import { claim, type Layout, type Override, override, procedure, step } from '../world/index.js'
import { type DmaDevice, hmmDmaMapPfn, hmmDmaUnmapPfn } from './encoding/dma.js'
import { HMM_PFN_DMA_MAPPED, HMM_PFN_VALID, storeOutput, TOP_6_16 } from './encoding/top.js'

/** An entry of the array, and what the IOMMU maps for it. */
export interface DmaEntry {
  /** `HMM_PFN_VALID`. */
  valid: boolean
  /** `HMM_PFN_DMA_MAPPED`. */
  mapped: boolean
  /** Ghost: the frame plus 1 that the IOMMU maps at the address of the entry; 0 for none. */
  iommu: number
}

/** The array of a mirror. @kernel struct hmm_dma_map */
export class DmaList {
  constructor(
    /** The mirror that owns the array. */
    readonly mirror: Mirror,
    /** Entries, by page of the address space. */
    readonly entries: readonly DmaEntry[],
  ) {}

  /** The flags of an entry as a kernel word. */
  word(page: number): bigint {
    return (
      (this.entries[page].valid ? HMM_PFN_VALID : 0n) | (this.entries[page].mapped ? HMM_PFN_DMA_MAPPED : 0n)
    )
  }

  /** Stores a word's flags. */
  store(page: number, word: bigint): void {
    this.entries[page].valid = (word & HMM_PFN_VALID) !== 0n
    this.entries[page].mapped = (word & HMM_PFN_DMA_MAPPED) !== 0n
  }
}

const lists = new WeakMap<Mirror, DmaList>()

/**
 * The array of `mirror`.
 *
 * @throws Error if none was declared
 */
export function dmaListOf(mirror: Mirror): DmaList {
  const list = lists.get(mirror)
  if (list === undefined)
    throw new Error(`${mirror.name} has no array for DMA: declare one with declareDmaList`)
  return list
}

/**
 * Declares the array of `mirror`. Its memory is not zeroed yet: the flags hold whatever was there.
 */
export function declareDmaList(layout: Layout, mirror: Mirror, frames: number): DmaList {
  return layout.scope(`${mirror.name}.dma`, (l) => {
    const entries = l.array('pfn_list', mirror.pageTable.length, (entry) => ({
      valid: entry.flag('valid', { initial: 1, word: 'entry' }),
      mapped: entry.flag('dma_mapped', { initial: 1, word: 'entry' }),
      iommu: entry.counter('iommu', frames + 1, { ghost: true }),
    }))
    const list = new DmaList(mirror, entries)
    lists.set(mirror, list)
    return list
  })
}

/**
 * Zeroes the array: no page is mapped. One step, since no other thread can reach the array yet.
 *
 * @kernel hmm_dma_map_alloc
 */
export const hmm_dma_map_alloc = procedure(function* hmm_dma_map_alloc(list: DmaList) {
  yield* step('zero the array', () => {
    for (const page of list.entries.keys()) list.store(page, 0n)
    return 0
  })
})

/**
 * Reads one page-table entry and stores the result in the driver's array, which keeps its sticky
 * flags. One step as in {@link hmm_vma_walk_pmd}. This is an assumption: the kernel loads the flags
 * and stores them back in a few instructions, without a lock (H20).
 *
 * @kernel hmm_vma_handle_pte
 */
export const storeEntry = procedure(
  'hmm_vma_handle_pte (sticky flags)',
  function* (list: DmaList, range: HmmRange, request: HmmRequest, page: number) {
    return yield* step('read an entry', () => storeBeside(list, range, request, page, (at) => list.word(at)))
  },
)

/**
 * Reads and stores one entry, or all entries of a VMA that cannot be mirrored. Called inside an
 * atomic step.
 *
 * @param before - the previous word of an entry
 */
export function storeBeside(
  list: DmaList,
  range: HmmRange,
  request: HmmRequest,
  page: number,
  before: (page: number) => bigint,
): Walked {
  const walked = readEntry(range, request, page)
  const end = walked.kind === 'next' ? walked.page : page
  for (let at = page; at < end; at++) {
    const valid = (range.pfns[at].flags & MODEL_VALID) !== 0
    list.store(at, storeOutput(TOP_6_16, before(at), { valid }))
  }
  return walked
}

/** The IOMMU at the address of one page. */
function iommuAt(list: DmaList, page: number): DmaDevice {
  const address = BigInt(page + 1) << 12n
  return {
    map: (phys) => {
      claim(
        'dma-mapping',
        list.entries[page].iommu === 0,
        `${list.mirror.name} maps page ${page} for DMA, which is mapped already`,
      )
      list.entries[page].iommu = Number(phys >> 12n) + 1
      return address
    },
    unmap: () => {
      claim(
        'dma-mapping',
        list.entries[page].iommu !== 0,
        `${list.mirror.name} unmaps page ${page} for DMA, which was not mapped`,
      )
      list.entries[page].iommu = 0
    },
    busAddress: () => address,
  }
}

/** Runs a function of {@link DmaDevice} on an entry of the array and stores the changed entry. */
function onEntry<T>(
  list: DmaList,
  page: number,
  frame: number,
  run: (device: DmaDevice, map: { pfnList: bigint[]; dmaList: bigint[] }) => T,
): T {
  const map = { pfnList: [list.word(page) | BigInt(frame)], dmaList: [BigInt(page + 1) << 12n] }
  const result = run(iommuAt(list, page), map)
  list.store(page, map.pfnList[0])
  return result
}

/**
 * Maps the page of an entry that a validated walk reported. Called under the update lock.
 *
 * @kernel hmm_dma_map_pfn
 */
export const hmm_dma_map_pfn = procedure(function* hmm_dma_map_pfn(
  list: DmaList,
  range: HmmRange,
  page: number,
) {
  yield* step('map for DMA', () => {
    if (!isMappable(range, page)) return 0
    const frame = range.pfns[page].frame
    onEntry(list, page, frame, (device, map) => hmmDmaMapPfn(device, map, 0, 'none'))
    claim(
      'dma-mapping',
      list.entries[page].iommu === frame + 1,
      `${list.mirror.name} is given an address for page ${page} that does not lead to it`,
    )
    return 0
  })
})

/**
 * Unmaps the pages from `start` to `end` that the array records as mapped, after the device has
 * stopped using them. Called under the update lock.
 *
 * @kernel hmm_dma_unmap_pfn
 */
export const hmm_dma_unmap_pfn = procedure(function* hmm_dma_unmap_pfn(
  list: DmaList,
  start: number,
  end: number,
) {
  yield* step('unmap for DMA', () => {
    for (let page = start; page < end; page++)
      onEntry(list, page, 0, (device, map) => hmmDmaUnmapPfn(device, map, 0))
    return 0
  })
})

/** Overrides of the reference driver that map for DMA. */
export function mappingForDma(list: DmaList): Override[] {
  const { mirror } = list
  return [
    override(
      hmm_vma_walk_pmd,
      (original) =>
        function* (range, request, page) {
          return yield* range.notifier === mirror.notifier
            ? storeEntry(list, range, request, page)
            : original(range, request, page)
        },
    ),
    override(
      program,
      (original) =>
        function* (current: Task, of: Mirror, start, end) {
          if (of === mirror)
            for (let page = start; page < end; page++)
              yield* hmm_dma_map_pfn(list, rangeOf(mirror, current), page)
          return yield* original(current, of, start, end)
        },
    ),
    override(
      flushDevice,
      (original) =>
        function* (of, range) {
          yield* original(of, range)
          if (of !== mirror) return
          const { start, last } = mirror.notifier
          yield* hmm_dma_unmap_pfn(list, Math.max(range.start, start), Math.min(range.end, last + 1))
        },
    ),
  ]
}

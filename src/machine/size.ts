/**
 * How large a machine is, and what there is in it.
 *
 * @module
 */

import type { Rules } from './rules.js'

/** How large a machine is. */
export interface MachineSize {
  /** Pages of each address space. */
  readonly pages: number
  /** Frames, the zero page not counted. */
  readonly frames: number
  /** Address spaces: 1, or 2 where there is a fork. */
  readonly mms: number
  /** By CPU: index of the address space whose threads it runs. */
  readonly cpus: readonly number[]
  /** Largest value of a page's contents. */
  readonly values: number
  /** Invalidations that a run can see: bounds the sequence number. */
  readonly invalidations: number
  /** Interval notifiers by address space. Pages are inclusive. */
  readonly intervals: readonly {
    readonly name: string
    readonly mm: number
    readonly start: number
    readonly last: number
  }[]
  /** Room for the numbers of interval notifiers that drivers declare beside these (default none): {@link declareOwnNotifier}. */
  readonly ownNotifiers?: number
  readonly classics?: readonly { readonly name: string; readonly mm: number }[]
  /** Pages of device memory, by owner. */
  readonly deviceMemory?: readonly number[]
  /** True if drivers empty their memory as a whole: the arrays of a migration are long enough for all of it. */
  readonly evictsChunks?: boolean
  /** The owners whose memory is coherent (default none): the others' no CPU can map. */
  readonly coherentMemory?: readonly number[]
  /** True if pages are on LRU lists, and CPUs gather new ones in batches of their own. */
  readonly lru?: boolean
  /** Drivers that take exclusive access in a name other than that of their memory; numbered after its owners. */
  readonly exclusiveOwners?: number
  /** Slots of swap (default none). With any, entries and frames carry the bits that swapping lives by. */
  readonly swapSlots?: number
  /**
   * True if entries and pages carry those bits without swap as well: then PageAnonExclusive decides where otherwise
   * references do, and a machine with huge pages has them too.
   */
  readonly bits?: boolean
  /**
   * How many `anon_vma`s there may be (default: areas only know that they have one). With any, areas are split and merged as
   * the kernel does it, and not wherever their attributes are equal; the rmap walks the areas that an `anon_vma` links.
   */
  readonly anonVmas?: number
  /** Pages of each file, or piece of shared memory, that is ever mapped. */
  readonly files?: readonly number[]
  /** True if areas are moved (mremap). */
  readonly moves?: boolean
  /** True if areas are advised or locked: their flags say so. */
  readonly advice?: boolean
  /** True if areas are registered with userfaultfd: their flags say so. */
  readonly userfaults?: boolean
  /** Pages of a huge page, a power of two (default: there are none). Together with swap only where there are `bits`. */
  readonly hugePages?: number
  /** True if a free page of a device remembers of which folio it was a part. */
  readonly remembersFolios?: boolean
  /** True if the device memory comes and goes, and its drivers keep free lists. */
  readonly hotplug?: boolean
  /** What the kernel does otherwise than the latest. */
  readonly rules?: Partial<Rules>
  /** The limit of the one memory cgroup, in pages (default none). */
  readonly memoryLimit?: number
}

/** The largest frame number: system memory first, then each owner's device memory. */
export function lastFrame(size: Pick<MachineSize, 'frames' | 'deviceMemory'>): number {
  return (size.deviceMemory ?? []).reduce((sum, pages) => sum + pages, size.frames)
}

/** Whose memory the frame is: -1 for the system's. */
export function ownerOf(size: Pick<MachineSize, 'frames' | 'deviceMemory'>, pfn: number): number {
  let last = size.frames
  if (pfn <= last) return -1
  return (size.deviceMemory ?? []).findIndex((pages) => {
    last += pages
    return pfn <= last
  })
}

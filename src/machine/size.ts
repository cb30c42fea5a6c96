/**
 * The size of a machine, and the parts that it has.
 *
 * @module
 */

import type { Rules } from './rules.js'

/** The size of a machine. */
export interface MachineSize {
  /** Pages of each address space. */
  readonly pages: number
  /** Frames of system memory, without the zero page. */
  readonly frames: number
  /** Address spaces: 1, or 2 with fork. */
  readonly mms: number
  /** For each CPU the index of the address space whose threads it runs. */
  readonly cpus: readonly number[]
  /** The largest value of a page's contents. */
  readonly values: number
  /** The most invalidations in a run: bounds the sequence number. */
  readonly invalidations: number
  /** Interval notifiers by address space. Pages are inclusive. */
  readonly intervals: readonly {
    readonly name: string
    readonly mm: number
    readonly start: number
    readonly last: number
  }[]
  /**
   * The number of interval notifiers that drivers declare besides these (default 0): {@link
   * declareOwnNotifier}.
   */
  readonly ownNotifiers?: number
  readonly classics?: readonly { readonly name: string; readonly mm: number }[]
  /** Pages of device memory, by owner. */
  readonly deviceMemory?: readonly number[]
  /**
   * True if drivers evict all of their memory at once: the arrays of a migration are long enough
   * for all of it.
   */
  readonly evictsChunks?: boolean
  /** The owners whose memory is coherent (default none). The memory of all others is private. */
  readonly coherentMemory?: readonly number[]
  /** True if the machine has LRU lists and per-CPU batches of new pages. */
  readonly lru?: boolean
  /** Owners of exclusive access that have no device memory; numbered after the owners of memory. */
  readonly exclusiveOwners?: number
  /** Swap slots (default none). With any, entries and frames carry the bits that swapping needs. */
  readonly swapSlots?: number
  /**
   * True if entries and pages carry those bits even without swap. Then PageAnonExclusive decides
   * about reuse, where otherwise the reference count does; allowed together with huge pages.
   */
  readonly bits?: boolean
  /**
   * The number of `anon_vma`s (default none: a VMA only records that it has one). With any, VMAs
   * are split and merged as in the kernel, not wherever their attributes are equal, and the rmap
   * walk visits the VMAs that an `anon_vma` links.
   */
  readonly anonVmas?: number
  /** Pages of each file or shared memory object. */
  readonly files?: readonly number[]
  /** True if VMAs are moved (mremap). */
  readonly moves?: boolean
  /** True if VMAs have the flags of advice and mlock. */
  readonly advice?: boolean
  /** True if ksmd merges pages. Together with `advice`. */
  readonly ksm?: boolean
  /** True if VMAs have the flags of userfaultfd. */
  readonly userfaults?: boolean
  /**
   * Pages of a huge page, a power of two (default: no huge pages). Together with swap only if
   * `bits` is set.
   */
  readonly hugePages?: number
  /** True if a free device page keeps the part of the folio that it was: {@link Frame.formerly}. */
  readonly remembersFolios?: boolean
  /** True if device memory is added and removed at run time, and its drivers keep free lists. */
  readonly hotplug?: boolean
  /** Differences from the behaviour of the latest release. */
  readonly rules?: Partial<Rules>
  /** The limit of the one memory cgroup, in pages (default none). */
  readonly memoryLimit?: number
}

/** The largest frame number: system memory first, then each owner's device memory. */
export function lastFrame(size: Pick<MachineSize, 'frames' | 'deviceMemory'>): number {
  return (size.deviceMemory ?? []).reduce((sum, pages) => sum + pages, size.frames)
}

/** The owner of the frame: -1 for system memory. */
export function ownerOf(size: Pick<MachineSize, 'frames' | 'deviceMemory'>, pfn: number): number {
  let last = size.frames
  if (pfn <= last) return -1
  return (size.deviceMemory ?? []).findIndex((pages) => {
    last += pages
    return pfn <= last
  })
}

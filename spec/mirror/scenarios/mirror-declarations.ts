/**
 * The declaration of a mirroring scenario: pages, mirrors, threads and their calls.
 *
 * @module
 */

import type { DeviceChunk, Mirror } from '../../../src/driver/index.js'
import type { DmaList, HmmDevmem } from '../../../src/generations/index.js'
import type { ClassicNotifierOps, Machine, Rules, Task, VmaKind } from '../../../src/kernel/index.js'
import {
  type Override,
  type Procedure,
  type ProgressClaim,
  procedure,
  type StepClaim,
  type Witness,
} from '../../../src/world/index.js'
import type { RecordedDevices, RecordedOptions } from '../../recorded/devices.js'

/** A call of a thread: a procedure whose first parameter is the task, and its other arguments. */
export interface Call {
  // biome-ignore lint/suspicious/noExplicitAny: a program is a list of calls of any procedures
  readonly procedure: Procedure<any[], unknown>
  readonly args: readonly unknown[]
  /** The call in its thread: a procedure of its own, so that a claim can tell that the thread is inside this call. */
  readonly run: Procedure<[current: Task, target: Call['procedure'], args: readonly unknown[]], void>
}

/** A call of `target` with the task and `args`. */
export function call<A extends unknown[]>(target: Procedure<[Task, ...A], unknown>, ...args: A): Call {
  return {
    procedure: target as Call['procedure'],
    args,
    // What it returns is dropped: histories that differ in nothing else go on as one.
    run: procedure(function* call(current, called, given) {
      yield* called(current, ...given)
    }),
  }
}

/** A thread of a mirroring scenario. */
export interface MirrorThread {
  /** Name, as in traces. */
  readonly name: string
  /** Index of its process (default 0). A thread of a process that is forked later waits for it. */
  readonly process?: number
  /** What it calls, one after another. */
  readonly calls: (world: MirrorWorld) => readonly Call[]
  /** Indexes of the mirrors whose accesses it runs. */
  readonly devices?: readonly number[]
  readonly daemon?: boolean
}

/** The initial state of a page. */
export interface InitialPage {
  /** The VMA: by default private anonymous, readable and writable. */
  readonly kind?: VmaKind
  readonly flags?: number
  /** True if the page has a frame, with the value 1. */
  readonly touched?: boolean
  /** True if its entry is device-exclusive. */
  readonly exclusive?: boolean
  /** True if the frame is in the device memory of the first owner. */
  readonly onDevice?: boolean
  /** True if the entry is read-only in a writable VMA: the page may be shared with a child. */
  readonly readOnly?: boolean
  /** True if the page is in swap, and not in memory. */
  readonly swappedOut?: boolean
  /** True if the page is clean in the swap cache, as after a read fault on a swapped-out page. */
  readonly swapCached?: boolean
  /** False if the entry is not soft-dirty (default true, for a touched page). */
  readonly softDirty?: boolean
  /** True if userfaultfd write-protects the entry; requires `readOnly`. */
  readonly uffdWp?: boolean
  /** In a file VMA: the file, and its page (default the first). If touched, the page is mapped. */
  readonly file?: number
  readonly pgoff?: number
  /** Index of the thread whose CPU has the page in its LRU batch. */
  readonly inBatchOf?: number
  /** Mirrors that map the page already. */
  readonly mirroredBy?: readonly number[]
}

/** A mirror of a scenario. */
export interface MirrorDeclaration {
  readonly name: string
  /** Pages that it watches, inclusive (default all). */
  readonly start?: number
  readonly last?: number
  /** Index of the process that it mirrors (default 0). */
  readonly process?: number
  /** True if its notifier is not inserted at the beginning. */
  readonly detached?: boolean
  /** True if it may be closed while its device faults. */
  readonly closable?: boolean
  /** Pages of its device memory (default none). */
  readonly memory?: number
  /** True if CPUs can map that memory. */
  readonly coherent?: boolean
  /** True if its driver takes exclusive access. */
  readonly exclusive?: boolean
  /** True if its driver maps the mirrored pages for DMA, in an array. */
  readonly dma?: boolean
  /** True if its callback has two passes. */
  readonly twoPass?: boolean
  /** True if its driver locks out its fault handler while it migrates. */
  readonly locksOut?: boolean
  /** True if its driver maps pages at the end of their migration. */
  readonly mapsAtOnce?: boolean
  /** True if it is another mirror of the device of the previous mirror, and uses its memory. */
  readonly sameDevice?: boolean
}

/** A mirroring scenario. */
export interface MirrorScenario {
  readonly pages: readonly InitialPage[]
  readonly mirrors: readonly MirrorDeclaration[]
  readonly threads: readonly MirrorThread[]
  /** Processes (default 1). */
  readonly processes?: number
  /** Free frames at the beginning. */
  readonly spareFrames: number
  /** Largest value that is written. */
  readonly values?: number
  /** True if the machine has LRU lists. */
  readonly lru?: boolean
  /** True if the process has forked already: the second process shares every page. */
  readonly forked?: boolean
  /** The most invalidations in a run. */
  readonly invalidations: number
  /** Options of the recorded driver, if it drives the mirrors and their memory. */
  readonly recorded?: RecordedOptions
  /** True if copies from device memory may fail. */
  readonly copiesFail?: boolean
  /** Device memory whose owner has no mirror, in pages. */
  readonly bareMemory?: number
  /** True if VMAs can be registered with userfaultfd. */
  readonly userfaults?: boolean
  /** True if VMAs have the flags of advice and mlock. */
  readonly advice?: boolean
  /** True if ksmd merges pages. */
  readonly ksm?: boolean
  /** Slots of swap (default none). */
  readonly swapSlots?: number
  /**
   * Set if device memory is added and removed: whether it exists at the beginning, and whether the
   * driver poisons the entries of lost pages.
   */
  readonly hotplug?: {
    readonly plugged: boolean
    readonly poisons?: boolean
    /** True if its driver uses `hmm_devmem`, as before Linux 5.3. */
    readonly helpers?: boolean
  }
  /** The limit of the memory cgroup, in pages (default none). */
  readonly memoryLimit?: number
  /** Pages of each file. */
  readonly files?: readonly number[]
  /**
   * True if they have no pages yet, as new shared memory; otherwise all their pages are in memory,
   * with the value 1.
   */
  readonly emptyFiles?: boolean
  /** True if a thread moves VMAs (mremap). */
  readonly moves?: boolean
  /**
   * Pages of a huge page (default: no huge pages). All VMAs have huge pages enabled, and an aligned
   * block of touched pages is a huge page.
   */
  readonly hugePages?: number
  /** True if a free device page keeps the part of the folio that it was. */
  readonly remembersFolios?: boolean
  /**
   * The number of `anon_vma`s (default none: a VMA only records that it has one). A process that
   * has been forked already has the second.
   */
  readonly anonVmas?: number
  /** Differences from the behaviour of the latest release (default none). */
  readonly rules?: Partial<Rules>
  /** Classic notifiers, besides the interval notifiers. */
  readonly classics?: readonly { readonly name: string; readonly ops?: ClassicNotifierOps }[]
  /** Witnesses: states that must be reachable. */
  readonly witnesses?: (world: MirrorWorld) => readonly Witness[]
  /** Progress claims besides those of every mirroring scenario. */
  readonly progress?: (world: MirrorWorld) => readonly ProgressClaim[]
  /** Claims besides those of every mirroring scenario. */
  readonly stepClaims?: (world: MirrorWorld) => readonly StepClaim[]
  readonly overrides?: readonly Override[]
}

/** Ghost: the thread that takes its turn. */
export interface Turn {
  thread: number
}

/** The records of a mirroring scenario. */
export interface MirrorWorld {
  readonly machine: Machine
  readonly mirrors: readonly Mirror[]
  readonly tasks: readonly Task[]
  /** By owner: its memory, if it is added and removed. */
  readonly chunks: readonly DeviceChunk[]
  /** By owner: the state of `hmm_devmem`, if the driver uses it. */
  readonly devmems: readonly HmmDevmem[]
  /** The turn, in a scenario whose threads take turns. */
  readonly turn: Turn
  /** The arrays of the mirrors that map for DMA. */
  readonly dma: readonly DmaList[]
  /** The devices of the recorded driver, if the scenario uses it. */
  readonly recorded?: RecordedDevices
}

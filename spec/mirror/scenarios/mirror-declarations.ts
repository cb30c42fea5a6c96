/**
 * What a scenario of mirroring is made of: pages, mirrors, threads and their calls.
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

/** A call that a thread makes: a procedure that takes the task first, and the rest of its arguments. */
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
  /** Indexes of the mirrors that it makes access memory. */
  readonly devices?: readonly number[]
  readonly daemon?: boolean
}

/** What a page is at the beginning. */
export interface InitialPage {
  /** The area: default private anonymous, readable and writable. */
  readonly kind?: VmaKind
  readonly flags?: number
  /** True if a frame is there already, with 1 in it. */
  readonly touched?: boolean
  /** True if a device has had it to itself, and nobody has touched it since. */
  readonly exclusive?: boolean
  /** True if that frame is one of the first owner's device memory. */
  readonly onDevice?: boolean
  /** True if the entry is read-only although the area is writable: the page may be shared with a child. */
  readonly readOnly?: boolean
  /** True if the page is in swap, and not in memory. */
  readonly swappedOut?: boolean
  /** True if it has been brought back from swap by a read: its slot holds the same, and no bit says that it was written to. */
  readonly swapCached?: boolean
  /** False if the entry is not soft-dirty any more (default true, of a page that was touched). */
  readonly softDirty?: boolean
  /** True if userfaultfd wants to hear of writes: goes with `readOnly`. */
  readonly uffdWp?: boolean
  /** In an area that has a file behind it: which, and the page of it (default its first). If touched, that is mapped. */
  readonly file?: number
  readonly pgoff?: number
  /** Index of the thread in whose CPU's batch it is, and not on an LRU list yet. */
  readonly inBatchOf?: number
  /** Mirrors that map it already. */
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
  /** Pages of memory of its own (default none). */
  readonly memory?: number
  /** True if CPUs can map that memory. */
  readonly coherent?: boolean
  /** True if its driver takes exclusive access. */
  readonly exclusive?: boolean
  /** True if its driver maps for DMA what it mirrors, and keeps an array for that. */
  readonly dma?: boolean
  /** True if its callback has two passes. */
  readonly twoPass?: boolean
  /** True if its driver keeps out who faults while it migrates. */
  readonly locksOut?: boolean
  /** True if its driver maps what it migrates at once. */
  readonly mapsAtOnce?: boolean
  /** True if it is one more mirror of the device of the mirror before it, and uses the memory of that. */
  readonly sameDevice?: boolean
}

/** How a mirroring scenario is made. */
export interface MirrorScenario {
  readonly pages: readonly InitialPage[]
  readonly mirrors: readonly MirrorDeclaration[]
  readonly threads: readonly MirrorThread[]
  /** Processes (default 1). */
  readonly processes?: number
  /** Frames beyond those that are touched at the beginning. */
  readonly spareFrames: number
  /** Largest value that is written. */
  readonly values?: number
  /** True if pages are on LRU lists. */
  readonly lru?: boolean
  /** True if the second process has been forked already, and shares every page. */
  readonly forked?: boolean
  /** Invalidations that a run can see. */
  readonly invalidations: number
  /** Set if the recorded driver looks after the mirrors and their memory: what it needs of the world. */
  readonly recorded?: RecordedOptions
  /** True if copies from device memory may fail. */
  readonly copiesFail?: boolean
  /** Device memory whose owner mirrors nothing, in pages. */
  readonly bareMemory?: number
  /** True if memory is registered with userfaultfd. */
  readonly userfaults?: boolean
  /** True if memory is advised. */
  readonly advice?: boolean
  /** Slots of swap (default none). */
  readonly swapSlots?: number
  /** Where the device memory comes and goes: whether it is there at the beginning, and what becomes of what is lost. */
  readonly hotplug?: {
    readonly plugged: boolean
    readonly poisons?: boolean
    /** True if its driver has it by way of `hmm_devmem`, as before Linux 5.3. */
    readonly helpers?: boolean
  }
  /** Most pages that the processes may have together (default no limit). */
  readonly memoryLimit?: number
  /** Pages of each file. */
  readonly files?: readonly number[]
  /** True if nothing is in them yet, as in shared memory; otherwise all their pages are in memory, with 1 in them. */
  readonly emptyFiles?: boolean
  /** True if a thread moves areas (mremap). */
  readonly moves?: boolean
  /** Pages of a huge page (default: there are none): all areas want them, and pages that lie as in one, all touched, are one. */
  readonly hugePages?: number
  /** True if a free page of a device remembers of which folio it was a part. */
  readonly remembersFolios?: boolean
  /** `anon_vma`s (default: areas only know that they have one). A process that has been forked already has the second. */
  readonly anonVmas?: number
  /** What the kernel does otherwise than the latest (default nothing). */
  readonly rules?: Partial<Rules>
  /** Classic notifiers, beside the interval notifiers. */
  readonly classics?: readonly { readonly name: string; readonly ops?: ClassicNotifierOps }[]
  /** What must be able to happen. */
  readonly witnesses?: (world: MirrorWorld) => readonly Witness[]
  /** What must not last, beside what must not in any of these worlds. */
  readonly progress?: (world: MirrorWorld) => readonly ProgressClaim[]
  /** Claims beside those that are made of every scenario. */
  readonly stepClaims?: (world: MirrorWorld) => readonly StepClaim[]
  readonly overrides?: readonly Override[]
}

/** Ghost: the thread whose turn it is. */
export interface Turn {
  thread: number
}

/** The records of a mirroring scenario. */
export interface MirrorWorld {
  readonly machine: Machine
  readonly mirrors: readonly Mirror[]
  readonly tasks: readonly Task[]
  /** By owner: its memory, where that comes and goes. */
  readonly chunks: readonly DeviceChunk[]
  /** By owner: what `hmm_devmem` keeps of its memory, if the driver has that by way of it. */
  readonly devmems: readonly HmmDevmem[]
  /** Whose turn it is, where a scenario has its threads take turns. */
  readonly turn: Turn
  /** The arrays of the mirrors that map for DMA. */
  readonly dma: readonly DmaList[]
  /** The recorded driver's devices, if it is in charge. */
  readonly recorded?: RecordedDevices
}

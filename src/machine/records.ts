/**
 * The records of the machine: page frames, address spaces, page tables, TLBs, and the notifier state of each address
 * space.
 *
 * @module
 */
import type {
  Layout,
  Lifecycle,
  Procedure,
  RwSemaphore,
  Sequence,
  Spinlock,
  WaitQueue,
} from '../world/index.js'
import type { AddressSpace } from './address-space.js'
import type { FrameFlags, PteBits, SwapSlot } from './bits.js'
import type { DeviceMemory } from './device-memory.js'
import type { NotifyEvent, PteKind, TOKEN, VM_READ, VM_WRITE, VmaKind } from './kinds.js'
import type { Pmd } from './pmd.js'
import type { Rules } from './rules.js'

/** A page frame. @kernel struct page */
export interface Frame extends FrameFlags {
  /** Its number, as page-table entries hold it. */
  readonly pfn: number
  /** All frames, by number: those beside it are the other parts of its folio. @kernel vmemmap */
  readonly memmap: readonly Frame[]
  /** References; 0 is free. The zero page's is not counted. */
  refcount: number
  /** Page-table entries that map it. */
  mapcount: number
  /** What is in it: one word, 0 when zeroed. */
  contents: number
  /** The folio lock: 0, or the holder's thread plus 1. Only ever tried, or waited for, never spun on. */
  locked: number
  /** Whose device memory it is part of: the index of the owner; -1 for system memory. */
  readonly owner: number
  /** `mapping`: 0, or the {@link AddressSpace} that it caches a page of plus 1. Absent on a machine without files. */
  mapping: number
  /** The life of a device-private page; absent for any other. */
  readonly lifecycle?: Lifecycle | undefined
  /**
   * Which part of a huge page it is, plus 1; 0 for a page by itself. The memory of a device has huge pages too. Absent on a
   * machine without.
   */
  compound: number
  /**
   * What `compound` was when the page became free: a struct page keeps that until it is initialised for who has it next. Absent where a
   * machine does not ask for it, and for system memory.
   */
  formerly: number
  /** Where it is among the pages that may be reclaimed. Absent for device memory, and on a machine without these lists. */
  lru: number
  /** `mapping` of an anonymous page: 0, or the {@link AnonVma} by which its mappings are found. Absent without `anonVmas`. */
  anonVma: number
  /** `index` of an anonymous page: the `pgoff` at which areas map it. Absent without `anonVmas`. */
  index: number
  /** The region of device memory that it is part of; absent for system memory. @kernel page_pgmap */
  readonly pgmap?: DeviceMemory | undefined
  /** Whether it is on the free list that its driver keeps, where it keeps one: through the page itself, as drivers do. */
  onFreeList: boolean
  /** Whether it is charged to the memory cgroup; absent on a machine without a limit. @kernel folio_memcg */
  charged: boolean
}

/** True for a page of device memory that no CPU can map. @kernel is_device_private_page */
export function isDevicePrivate({ owner, pgmap }: Frame): boolean {
  return owner >= 0 && !pgmap?.coherent
}

/** True for a page of device memory that the CPU maps like its own. @kernel is_device_coherent_page */
export function isDeviceCoherent({ pgmap }: Frame): boolean {
  return pgmap?.coherent === true
}

/**
 * The first part of the folio that the frame is part of, which stands for all of it: the folio lock
 * is its. A frame that is a page by itself is its own. Called inside an atomic step.
 *
 * @kernel page_folio
 */
export function folioOf(frame: Frame): Frame {
  const { memmap, pfn, compound } = frame
  if (compound === 0) return frame
  // Parts that are free already are none any more.
  const head = pfn - compound + 1
  return memmap.slice(head, pfn).find((part, index) => part.compound === index + 1) ?? frame
}

/** A page-table entry. Changed under the page-table lock; `readOnce` is the lockless read of hardware and hmm. */
export interface Pte extends PteBits {
  kind: PteKind
  /** Frame of a present entry, or of one that stands for a page; 0 in a swap entry. */
  frame: number
  write: boolean
}

/** What the address space says of one page. Pages with equal attributes side by side are one area. @kernel struct vm_area_struct */
export interface Vma {
  /** {@link VmaKind}. */
  kind: VmaKind
  /** {@link VM_READ} and {@link VM_WRITE}; `VM_HUGEPAGE` on a machine with huge pages; what areas are advised, where they are. */
  flags: number
  /**
   * `anon_vma`: 0, or that of the area, from 1 on: it has one once it gets a page of its own, which is what fork goes by, and
   * mremap. Absent on a machine with one address space on which nothing moves.
   */
  anonymous: number
  /**
   * Where a `vm_area_struct` with an `anon_vma` begins: how many have been put into the trees of `anon_vma`s before it, and itself,
   * from 1 on; 0 elsewhere. A walk over the mappings of a page comes by areas that begin at the same offset in this order. Absent
   * without `anonVmas`.
   */
  linked: number
  /** True if a `vm_area_struct` begins at this page. Absent where all pages with equal attributes are one area. */
  starts: boolean
  /** `vm_file`: 0, or the {@link AddressSpace} behind it plus 1. Absent on a machine without files. */
  file: number
  /**
   * `vm_pgoff`, as it is at this page: the page of the file; in anonymous memory where the page was when the area got its
   * first page. Pages side by side are one area only if it goes up by one. Absent where all pages stay where they are.
   */
  pgoff: number
  /**
   * Ghost: which of {@link MmStruct.expected} says what is at this page. It goes with the area where that is moved, whatever becomes
   * of the entries. Absent where nothing moves: then it is that of the page.
   */
  data: number
}

/** What links the areas that may map a page. Those of a child are linked to its parent's too. @kernel struct anon_vma */
export interface AnonVma {
  /** 0, or the one that the area had from which fork has copied it. */
  parent: number
}

/** A translation held by a CPU. */
export interface TlbEntry {
  /** The page that it leads to, if there is a translation. */
  frame: Frame | undefined
  write: boolean
  /** Whether the CPU has set the entry's dirty bit, and need not again. Absent on a machine without swap. */
  dirty: boolean
}

/** A CPU, which runs threads of one address space. */
export interface Cpu {
  readonly mm: MmStruct
  /** Its TLB, by page. */
  readonly tlb: readonly TlbEntry[]
  /**
   * 1 while its thread is in the kernel and does not let go of it, so that nothing else runs there. Absent on a machine
   * without LRU lists, where nobody waits for that.
   */
  busy: boolean
}

/** The range that a thread invalidates: on its stack in the kernel, here so that claims can see it. @kernel struct mmu_notifier_range */
export interface OpenRange {
  /** 0, or the index of the address space plus 1. */
  mm: number
  /** First page. */
  start: number
  /** Page after the last. */
  end: number
  /** {@link NotifyEvent}. */
  event: NotifyEvent
  /** 1 if those who are told may sleep. */
  blockable: boolean
  /** 0, or the owner who migrates plus 1. */
  owner: number
  /** Ghost: a classic notifier has refused it, so that its thread must give it up. Absent without classic notifiers. */
  refused: boolean
}

/** One page of a migration. @kernel src and dst of struct migrate_vma */
export interface MigratingPage {
  /** `MIGRATE_PFN_` bits of the source. */
  flags: number
  /** Frame of the source, where there is one. */
  source: number
  /** The page that the driver has allocated, if it has. */
  dst: Frame | undefined
  /** Whether a page table was allocated for a huge page that is to be mapped, and is in nobody's hands yet. Absent on a machine without huge pages. @kernel pte_alloc_one */
  pageTable: boolean
  /** Where the migration of the page stands. */
  readonly lifecycle: Lifecycle
}

/** What a notifier callback is told. @kernel struct mmu_notifier_range */
export interface NotifierRange {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** {@link NotifyEvent}. */
  readonly event: NotifyEvent
  /** False if nobody on the way may sleep (the OOM reaper). */
  readonly blockable: boolean
  /** Who migrates or takes exclusive access; -1 for nobody. */
  readonly owner: number
}

/**
 * `mmu_interval_notifier_ops.invalidate`: 1 when done, 0 if it would have to sleep and may not. In the place of
 * `invalidate_start`, {@link TOKEN} if the device has been told and `finish` is to wait for it.
 */
export type Invalidate = Procedure<
  [current: Task, sub: IntervalNotifier, range: NotifierRange, curSeq: number],
  number
>

/** Ghost: the range of a thread, which must know what becomes of its number. */
export interface SequenceReader {
  /** Where that number is. */
  readonly place: Sequence
  /** mmu_interval_read_begin has put another number there than it had. */
  moved(): void
  /** mmu_interval_read_retry was asked about it, or about a copy. */
  compared(retry: number): void
}

/** Ghost: what a read must give. */
export interface Expected {
  value: number
  /** The value that may be dropped: what was there when memory was given up (MADV_FREE). 0 where nothing is advised. */
  given: number
}

/** A watched range of an address space. @kernel struct mmu_interval_notifier */
export interface IntervalNotifier {
  readonly name: string
  readonly mm: MmStruct
  /** First page. */
  readonly start: number
  /** Last page. */
  readonly last: number
  /** Whether the driver's object that holds it is allocated. */
  allocated: boolean
  /** `invalidate_seq`: always odd. Written under the driver's update lock. */
  seq: number
  /** The number of the invalidation whose end its removal waits for. */
  removalSeq: Sequence
  inTree: boolean
  /** On the deferred list, to be inserted or removed when the running invalidations end. */
  deferred: boolean
  readonly lifecycle: Lifecycle
  /** By thread: who is told what becomes of its number. */
  readonly readers: Map<number, SequenceReader>
  /**
   * The driver's callback, set when the driver is attached. Where there is `finish` there are two passes, and `invalidate` is the
   * first (`invalidate_start`, `invalidate_finish`).
   */
  ops: {
    invalidate: Invalidate
    finish?: Procedure<[current: Task, sub: IntervalNotifier], void>
  }
}

/**
 * An interval notifier of a driver's own, which it inserts and removes as it likes, over other pages each time.
 *
 * @kernel struct mmu_interval_notifier
 */
export interface OwnNotifier extends IntervalNotifier {
  /** First page. Set when it is inserted. */
  start: number
  /** Last page. Set when it is inserted. */
  last: number
  /** The references to the object that it is part of; absent where it is part of the driver's state. */
  readonly holder: number | undefined
}

/** Callbacks of a classic notifier. @kernel struct mmu_notifier_ops */
export interface ClassicNotifierOps {
  /** `invalidate_range_start`: 0, or -EAGAIN for a range that is not blockable. */
  readonly start: Procedure<[current: Task, notifier: ClassicNotifier, range: NotifierRange], number>
  /** `invalidate_range_end`; one whose start may fail must have none. */
  readonly end?: Procedure<[current: Task, notifier: ClassicNotifier, range: NotifierRange], number>
  /** `release`. */
  readonly release?: Procedure<[current: Task, notifier: ClassicNotifier], number>
}

/** A notifier of the older kind, told of every range. @kernel struct mmu_notifier */
export interface ClassicNotifier {
  readonly name: string
  readonly mm: MmStruct
  /** Starts that it accepted and has not seen the end of. */
  open: number
  ops: ClassicNotifierOps
}

/** The notifier state of an address space. @kernel struct mmu_notifier_subscriptions */
export interface Subscriptions {
  readonly lock: Spinlock
  /** `invalidate_seq`: odd while an interval is being invalidated. */
  seq: number
  /** `active_invalidate_ranges`. */
  active: number
  readonly wq: WaitQueue
  /** Every interval notifier that is ever inserted. */
  readonly intervals: IntervalNotifier[]
  readonly classics: ClassicNotifier[]
}

/** An address space. @kernel struct mm_struct */
export interface MmStruct {
  readonly index: number
  readonly name: string
  /** `mm_users`: 0 when it is gone, or has not been forked yet. */
  users: number
  readonly mmapLock: RwSemaphore
  /** The split page-table lock; one page table, so one lock. */
  readonly ptl: Spinlock
  readonly pte: readonly Pte[]
  /** What lies above the page table. Absent on a machine without huge pages. */
  readonly pmd?: readonly Pmd[] | undefined
  readonly vma: readonly Vma[]
  /** `MMF_UNSTABLE`: the OOM reaper has taken pages from it. */
  unstable: boolean
  readonly subscriptions: Subscriptions
  /** True if areas keep where their pages lie ({@link Vma.pgoff}). */
  readonly tracksOffsets: boolean
  /** True if areas are moved, and what is in them with them ({@link Vma.data}). */
  readonly tracksMoves: boolean
  /** True if areas begin where they were split ({@link Vma.starts}), and not wherever attributes differ. */
  readonly tracksAreas: boolean
  /** True if areas are advised or locked. */
  readonly tracksAdvice: boolean
  /** False on a machine where no area is registered with userfaultfd: then its marks on entries count in all of them. */
  readonly tracksUserfaults: boolean
  /** Ghost: what a read must give, the last value written or 0: at which page, {@link Vma.data} says. */
  readonly expected: readonly Expected[]
}

/** The machine of a scenario. */
export interface Machine {
  readonly layout: Layout
  /** Pages of each address space. */
  readonly pages: number
  readonly frames: readonly Frame[]
  readonly mms: readonly MmStruct[]
  readonly cpus: readonly Cpu[]
  /**
   * By thread: the range it invalidates. On a machine with huge pages then, by thread again, the one that it invalidates
   * within that: see {@link innermostRange}.
   */
  readonly openRanges: readonly OpenRange[]
  /** By thread, then by page: what it migrates. Empty on a machine without device memory. */
  readonly migrations: readonly (readonly MigratingPage[])[]
  /** By owner: its device memory. */
  readonly deviceMemory: readonly DeviceMemory[]
  /** Slots of swap. Empty on a machine without. */
  readonly swap: readonly SwapSlot[]
  /** Files and shared memory. */
  readonly files: readonly AddressSpace[]
  /** True if pages are on LRU lists. */
  readonly hasLru: boolean
  /** Pages of a huge page; 0 on a machine without. */
  readonly hugePages: number
  /** By number, from 1 on at index 0. Empty where areas know only that they have one. */
  readonly anonVmas: readonly AnonVma[]
  /** What the kernel does where releases differ. */
  readonly rules: Rules
  /** Most pages that all processes together may be charged for; absent where there is no limit. @kernel memory.max */
  readonly memoryLimit?: number | undefined
}

/** A thread of a process: who runs a procedure. @kernel current */
export interface Task {
  /** Index of the thread in the scenario. */
  readonly thread: number
  readonly machine: Machine
  readonly mm: MmStruct
  readonly cpu: Cpu
}

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
  Protection,
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
  /** The frame number, as stored in page-table entries. */
  readonly pfn: number
  /** All frames, by number: the neighbours are the other parts of its folio. @kernel vmemmap */
  readonly memmap: readonly Frame[]
  /** Reference count; 0 means free. References to the zero page are not counted. */
  refcount: number
  /** Page-table entries that map it. */
  mapcount: number
  /** Its contents: one word, 0 when zeroed. */
  contents: number
  /**
   * The folio lock: 0, or the thread that holds it plus 1. A thread tries it or sleeps, and never
   * spins on it.
   */
  locked: number
  /** The index of the owner of the device memory that it belongs to; -1 for system memory. */
  readonly owner: number
  /**
   * `mapping`: 0, or the index of the {@link AddressSpace} whose page it caches plus 1. Absent on a
   * machine without files.
   */
  mapping: number
  /** The lifecycle of a device-private page; absent for any other. */
  readonly lifecycle?: Lifecycle | undefined
  /**
   * The index of the part in its large folio plus 1; 0 for a folio of one page. Device memory has
   * large folios too. Absent on a machine without huge pages.
   */
  compound: number
  /**
   * The value of `compound` when the page was freed: a struct page keeps it until the page is
   * initialised again. Absent unless the machine tracks it, and for system memory.
   */
  formerly: number
  /**
   * Its position on the LRU lists. Absent for device memory, and on a machine without LRU lists.
   */
  lru: number
  /** `mapping` of an anonymous page: 0, or the {@link AnonVma} by which its mappings are found. Absent without `anonVmas`. */
  anonVma: number
  /** `index` of an anonymous page: the `pgoff` at which VMAs map it. Absent without `anonVmas`. */
  index: number
  /**
   * The region of device memory that it belongs to; absent for system memory.
   *
   * @kernel page_pgmap
   */
  readonly pgmap?: DeviceMemory | undefined
  /** True if it is on the free list of its driver, which links pages through the struct page. */
  onFreeList: boolean
  /**
   * True if it is charged to the memory cgroup; absent on a machine without a limit.
   *
   * @kernel folio_memcg
   */
  charged: boolean
  /** ksmd has merged the page: other places may have it in the place of their own. @kernel folio_test_ksm */
  ksm: boolean
}

/** True for a device-private page: no CPU can map it. @kernel is_device_private_page */
export function isDevicePrivate({ owner, pgmap }: Frame): boolean {
  return owner >= 0 && !pgmap?.coherent
}

/**
 * True for a device-coherent page: the CPU can map it like system memory.
 *
 * @kernel is_device_coherent_page
 */
export function isDeviceCoherent({ pgmap }: Frame): boolean {
  return pgmap?.coherent === true
}

/**
 * The head page of the frame's folio, which has the folio lock. A folio of one page is its own head
 * page. Called inside an atomic step.
 *
 * @kernel page_folio
 */
export function folioOf(frame: Frame): Frame {
  const { memmap, pfn, compound } = frame
  if (compound === 0) return frame
  // A part that has been freed no longer belongs to the folio.
  const head = pfn - compound + 1
  return memmap.slice(head, pfn).find((part, index) => part.compound === index + 1) ?? frame
}

/** A page-table entry. Changed under the page-table lock; `readOnce` is the lockless read of hardware and hmm. */
export interface Pte extends PteBits {
  kind: PteKind
  /**
   * The frame of a present entry, or of a special entry that refers to a page; 0 in a swap entry.
   */
  frame: number
  write: boolean
}

/**
 * The attributes of one page of the address space. Adjacent pages with equal attributes form one
 * VMA.
 *
 * @kernel struct vm_area_struct
 */
export interface Vma {
  /** {@link VmaKind}. */
  kind: VmaKind
  /**
   * {@link VM_READ} and {@link VM_WRITE}; `VM_HUGEPAGE` on a machine with huge pages; the flags of
   * advice on a machine with advice.
   */
  flags: number
  /**
   * `anon_vma`: 0, or the number of the VMA's anon_vma, from 1 on. A VMA gets one with its first
   * anonymous page; fork and mremap depend on it. Absent on a machine with one address space and no
   * mremap.
   */
  anonymous: number
  /**
   * At the first page of a VMA with an `anon_vma`: its position in the order of insertion into the
   * interval trees, from 1 on; 0 elsewhere. The rmap walk visits VMAs with the same offset in this
   * order. Absent without `anonVmas`.
   */
  linked: number
  /**
   * True if a `vm_area_struct` starts at this page. Absent on a machine where adjacent pages with
   * equal attributes form one VMA.
   */
  starts: boolean
  /**
   * `vm_file`: 0, or the index of the {@link AddressSpace} that it maps plus 1. Absent on a machine
   * without files.
   */
  file: number
  /**
   * `vm_pgoff`, the offset at this page: the page of the file; in anonymous memory the address of
   * the page when its VMA got its first page. Adjacent pages belong to one VMA only if their
   * offsets are consecutive. Absent on a machine without mremap.
   */
  pgoff: number
  /**
   * Ghost: the index in {@link MmStruct.expected} of the contents of this page. mremap moves it
   * with the VMA. Absent on a machine without mremap: then the index is the page.
   */
  data: number
}

/**
 * An anon_vma links the VMAs that may map a page. VMAs of a child are linked to the anon_vma of its
 * parent too.
 *
 * @kernel struct anon_vma
 */
export interface AnonVma {
  /** 0, or the anon_vma of the parent's VMA that fork copied. */
  parent: number
}

/** A translation in the TLB of a CPU. */
export interface TlbEntry {
  /** The frame that it translates to; `undefined` if there is no translation. */
  frame: Frame | undefined
  write: boolean
  /**
   * True if the CPU has set the dirty bit of the page-table entry and need not set it again. Absent
   * on a machine without swap.
   */
  dirty: boolean
}

/** A CPU, which runs threads of one address space. */
export interface Cpu {
  readonly mm: MmStruct
  /** Its TLB, by page. */
  readonly tlb: readonly TlbEntry[]
  /**
   * True while its thread runs in the kernel without sleeping, so that no work item runs on the
   * CPU. Absent on a machine without LRU lists.
   */
  busy: boolean
}

/**
 * The range that a thread invalidates. In the kernel it is on the stack; it is state here so that
 * claims can read it.
 *
 * @kernel struct mmu_notifier_range
 */
export interface OpenRange {
  /** 0, or the index of the address space plus 1. */
  mm: number
  /** First page. */
  start: number
  /** Page after the last. */
  end: number
  /** {@link NotifyEvent}. */
  event: NotifyEvent
  /** True if callbacks may sleep. */
  blockable: boolean
  /** 0, or the owner that migrates plus 1. */
  owner: number
  /**
   * Ghost: a classic notifier has returned an error, so the thread must give the invalidation up.
   * Absent without classic notifiers.
   */
  refused: boolean
}

/** One page of a migration. @kernel src and dst of struct migrate_vma */
export interface MigratingPage {
  /** `MIGRATE_PFN_` bits of the source. */
  flags: number
  /** The frame of the source, if `MIGRATE_PFN_VALID` is set. */
  source: number
  /** The destination that the driver has allocated, if any. */
  dst: Frame | undefined
  /**
   * True if a page table was allocated for a huge page that will be mapped, and is neither
   * deposited nor freed yet. Absent on a machine without huge pages.
   *
   * @kernel pte_alloc_one
   */
  pageTable: boolean
  /** The lifecycle of the migration of the page. */
  readonly lifecycle: Lifecycle
}

/** The argument of a notifier callback. @kernel struct mmu_notifier_range */
export interface NotifierRange {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** {@link NotifyEvent}. */
  readonly event: NotifyEvent
  /** False if callbacks must not sleep (the OOM reaper). */
  readonly blockable: boolean
  /** The owner that migrates or takes exclusive access; -1 for none. */
  readonly owner: number
}

/**
 * `mmu_interval_notifier_ops.invalidate`: returns 1 when done, 0 if it would have to sleep and may
 * not. As `invalidate_start` it returns {@link TOKEN} if it has started the invalidation on the
 * device and `finish` must wait for it.
 */
export type Invalidate = Procedure<
  [current: Task, sub: IntervalNotifier, range: NotifierRange, curSeq: number],
  number
>

/** Ghost: the range of a thread, which follows the use of its sequence number. */
export interface SequenceReader {
  /** Where that sequence number is stored. */
  readonly place: Sequence
  /** mmu_interval_read_begin has stored a different number. */
  moved(): void
  /** mmu_interval_read_retry was called with this number or a copy of it. */
  compared(retry: number): void
}

/** Ghost: the value that a read must return. */
export interface Expected {
  value: number
  /** The value at the time of MADV_FREE, which reclaim may drop. 0 without MADV_FREE. */
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
  /** True while the driver's object that contains it is allocated. */
  allocated: boolean
  /** `invalidate_seq`: always odd. Written under the driver's update lock. */
  seq: number
  /** The sequence number whose invalidations a removal waits for. */
  removalSeq: Sequence
  inTree: boolean
  /** On the deferred list: inserted or removed when the open invalidations have ended. */
  deferred: boolean
  readonly lifecycle: Lifecycle
  /** The ranges that use its sequence number, by thread. */
  readonly readers: Map<number, SequenceReader>
  /**
   * The driver's callbacks, set when the driver is attached. With `finish` there are two passes,
   * and `invalidate` is the first (`invalidate_start`, `invalidate_finish`).
   */
  ops: {
    invalidate: Invalidate
    finish?: Procedure<[current: Task, sub: IntervalNotifier], void>
    /** The lock under which it sets the sequence, since readers compare it under that: a rule, and no member in the kernel. */
    setUnder: Protection
  }
}

/**
 * An interval notifier that a driver inserts and removes at run time, each time over other pages.
 *
 * @kernel struct mmu_interval_notifier
 */
export interface OwnNotifier extends IntervalNotifier {
  /** First page. Set when it is inserted. */
  start: number
  /** Last page. Set when it is inserted. */
  last: number
  /**
   * The reference count of the object that contains it; absent if the driver's state contains it.
   */
  readonly holder: number | undefined
}

/** Callbacks of a classic notifier. @kernel struct mmu_notifier_ops */
export interface ClassicNotifierOps {
  /** `invalidate_range_start`: 0, or -EAGAIN for a range that is not blockable. */
  readonly start: Procedure<[current: Task, notifier: ClassicNotifier, range: NotifierRange], number>
  /** `invalidate_range_end`. A notifier whose start may fail must not have it. */
  readonly end?: Procedure<[current: Task, notifier: ClassicNotifier, range: NotifierRange], number>
  /** `release`. */
  readonly release?: Procedure<[current: Task, notifier: ClassicNotifier], number>
}

/** A classic notifier, called for every range. @kernel struct mmu_notifier */
export interface ClassicNotifier {
  readonly name: string
  readonly mm: MmStruct
  /** The number of starts that it has accepted and whose end has not come. */
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
  /** `mm_users`: 0 after the last user has dropped it, or before fork creates it. */
  users: number
  readonly mmapLock: RwSemaphore
  /** The split page-table lock; one page table, so one lock. */
  readonly ptl: Spinlock
  readonly pte: readonly Pte[]
  /** The PMDs. Absent on a machine without huge pages. */
  readonly pmd?: readonly Pmd[] | undefined
  readonly vma: readonly Vma[]
  /** `MMF_UNSTABLE`: the OOM reaper has taken pages from it. */
  unstable: boolean
  readonly subscriptions: Subscriptions
  /** True if VMAs have offsets ({@link Vma.pgoff}). */
  readonly tracksOffsets: boolean
  /** True if mremap moves VMAs with their contents ({@link Vma.data}). */
  readonly tracksMoves: boolean
  /**
   * True if VMAs start where they were split ({@link Vma.starts}), and not wherever attributes
   * differ.
   */
  readonly tracksAreas: boolean
  /** True if VMAs have flags of advice or mlock. */
  readonly tracksAdvice: boolean
  /**
   * True if VMAs can be registered with userfaultfd. If false, a write-protection mark counts in
   * any VMA.
   */
  readonly tracksUserfaults: boolean
  /**
   * Ghost: the value that a read must return: the last value written, or 0. Indexed by {@link
   * Vma.data}.
   */
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
   * The range that each thread invalidates. On a machine with huge pages they are followed by the
   * nested range of each thread: see {@link innermostRange}.
   */
  readonly openRanges: readonly OpenRange[]
  /** The migration of each thread, by page. Empty on a machine without device memory. */
  readonly migrations: readonly (readonly MigratingPage[])[]
  /** Device memory, by owner. */
  readonly deviceMemory: readonly DeviceMemory[]
  /** Swap slots. Empty on a machine without swap. */
  readonly swap: readonly SwapSlot[]
  /** Files and shared memory. */
  readonly files: readonly AddressSpace[]
  /** True if the machine has LRU lists. */
  readonly hasLru: boolean
  /** True if ksmd merges pages. */
  readonly hasKsm: boolean
  /** Pages of a huge page; 0 on a machine without huge pages. */
  readonly hugePages: number
  /**
   * The anon_vmas: number 1 at index 0. Empty on a machine where a VMA only records that it has
   * one.
   */
  readonly anonVmas: readonly AnonVma[]
  /** The behaviour of the release. */
  readonly rules: Rules
  /**
   * The limit of the memory cgroup of all processes, in pages; absent without a limit.
   *
   * @kernel memory.max
   */
  readonly memoryLimit?: number | undefined
}

/** The thread that runs a procedure. @kernel current */
export interface Task {
  /** Index of the thread in the scenario. */
  readonly thread: number
  readonly machine: Machine
  readonly mm: MmStruct
  readonly cpu: Cpu
}

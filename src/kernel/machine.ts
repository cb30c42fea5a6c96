/**
 * The memory of the modelled machine: page frames, address spaces, page tables, TLBs, and the notifier state of each
 * address space. Everything here is declared once for a scenario and then reached through these records.
 *
 * @module
 */
import {
  type Cell,
  claim,
  type Layout,
  type Lifecycle,
  Mutex,
  type Procedure,
  RwSemaphore,
  SpecificationError,
  Spinlock,
  WaitQueue,
  type World,
} from '../world/index.js'

import { type AddressSpace, declareAddressSpace } from './address-space.js'
import {
  declareFrameFlags,
  declarePteBits,
  declareSwap,
  type FrameFlags,
  type PteBits,
  type SwapSlot,
} from './bits.js'
import { declarePmds, type Pmd, VM_HUGEPAGE } from './huge.js'
import { type DeviceMemory, type DeviceMemoryOps, declareDeviceMemory } from './memremap/device-memory.js'

/**
 * The order of locks, outer first. The driver's update lock may not be held while taking the mmap lock or a folio
 * lock; the subscriptions' lock is a leaf.
 *
 * @see reference B.0
 */
export const LockRank = {
  mmap: 10,
  update: 20,
  folio: 30,
  rmap: 40,
  pageTable: 50,
  subscriptions: 60,
} as const

/** What a page-table entry holds. The kinds from `swap` to `poison` are where swapping and migration put their entries. */
export const PteKind = {
  none: 0,
  present: 1,
  swap: 2,
  migration: 3,
  devicePrivate: 4,
  deviceExclusive: 5,
  poison: 6,
  /** Mapped, and the CPU may not use it: `PROT_NONE`. */
  protnone: 7,
} as const

/**
 * What backs a virtual memory area; `none` is a hole. `file` is a file that is mapped shared; of one that is mapped privately
 * a page is the file's until it is written, and anonymous from then on.
 */
export const VmaKind = {
  none: 0,
  anonymous: 1,
  sharedAnonymous: 2,
  file: 3,
  pfnmap: 4,
  privateFile: 5,
  /** `VM_MIXEDMAP`: pages that a driver has put there, one by one. */
  mixedmap: 6,
  /** Huge pages of their own file system. */
  hugetlb: 7,
} as const

/** `VM_READ`. */
export const VM_READ = 1
/** `VM_WRITE`. */
export const VM_WRITE = 2

/** Why a range is invalidated. @kernel enum mmu_notifier_event */
export const NotifyEvent = {
  UNMAP: 0,
  CLEAR: 1,
  PROTECTION_VMA: 2,
  PROTECTION_PAGE: 3,
  SOFT_DIRTY: 4,
  RELEASE: 5,
  MIGRATE: 6,
  EXCLUSIVE: 7,
} as const

/** The frame that is the zero page: never counted, never freed, never written. */
export const ZERO_PAGE = 0

/** A page frame. @kernel struct page */
export interface Frame {
  /** Its number, as page-table entries hold it. */
  readonly pfn: number
  /** References; 0 is free. The zero page's is not counted. */
  readonly refcount: Cell
  /** Page-table entries that map it. */
  readonly mapcount: Cell
  /** What is in it: one word, 0 when zeroed. */
  readonly contents: Cell
  /** The folio lock: 0, or the holder's thread plus 1. Only ever tried, or waited for, never spun on. */
  readonly locked: Cell
  /** Whose device memory it is part of: the index of the owner; -1 for system memory. */
  readonly owner: number
  /** `mapping`: 0, or the {@link AddressSpace} that it caches a page of plus 1. Absent on a machine without files. */
  readonly mapping?: Cell
  /** The life of a device-private page; absent for any other. */
  readonly lifecycle?: Lifecycle
  /** What else is known of it. Absent on a machine without swap. */
  readonly flags?: FrameFlags
  /**
   * Which part of a huge page it is, plus 1; 0 for a page by itself. Absent for device memory, and on a machine without
   * huge pages.
   */
  readonly compound?: Cell
  /** Where it is among the pages that may be reclaimed. Absent for device memory, and on a machine without these lists. */
  readonly lru?: Cell
  /** The region of device memory that it is part of; absent for system memory. @kernel page_pgmap */
  readonly pgmap?: DeviceMemory
  /** Whether it is on the free list that its driver keeps, where it keeps one: through the page itself, as drivers do. */
  readonly onFreeList?: Cell
  /** Whether it is charged to the memory cgroup; absent on a machine without a limit. @kernel folio_memcg */
  readonly charged?: Cell
}

/** True for a page of device memory that no CPU can map. @kernel is_device_private_page */
export function isDevicePrivate({ owner, pgmap }: Frame): boolean {
  return owner >= 0 && !pgmap?.coherent
}

/** True for a page of device memory that the CPU maps like its own. @kernel is_device_coherent_page */
export function isDeviceCoherent({ pgmap }: Frame): boolean {
  return pgmap?.coherent === true
}

/** A page-table entry. Changed under the page-table lock; `readOnce` is the lockless read of hardware and hmm. */
export interface Pte {
  readonly kind: Cell
  /** Frame of a present entry, or of one that stands for a page; 0 in a swap entry. */
  readonly frame: Cell
  readonly write: Cell
  /** What else it carries. Absent on a machine without swap. */
  readonly bits?: PteBits
  /**
   * 1 if nobody has written through the entry, as far as it says: it lost its dirty bit when a huge page was split (Linux
   * 6.1). Absent on a machine without huge pages.
   */
  readonly clean?: Cell
}

/** What the address space says of one page. Pages with equal attributes side by side are one area. @kernel struct vm_area_struct */
export interface Vma {
  /** {@link VmaKind}. */
  readonly kind: Cell
  /** {@link VM_READ} and {@link VM_WRITE}; `VM_HUGEPAGE` on a machine with huge pages. */
  readonly flags: Cell
  /**
   * `anon_vma`: whether the area has ever got a page of its own, which is what fork goes by, and mremap. Absent on a machine
   * with one address space on which nothing moves.
   */
  readonly anonymous?: Cell
  /** `vm_file`: 0, or the {@link AddressSpace} behind it plus 1. Absent on a machine without files. */
  readonly file?: Cell
  /**
   * `vm_pgoff`, as it is at this page: the page of the file; in anonymous memory where the page was when the area got its
   * first page. Pages side by side are one area only if it goes up by one. Absent where all pages stay where they are.
   */
  readonly pgoff?: Cell
}

/** A translation held by a CPU. */
export interface TlbEntry {
  /** 0, or the frame plus 1. */
  readonly frame: Cell
  readonly write: Cell
  /** Whether the CPU has set the entry's dirty bit, and need not again. Absent on a machine without swap. */
  readonly dirty?: Cell
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
  readonly busy?: Cell
}

/** The range that a thread invalidates: on its stack in the kernel, here so that claims can see it. @kernel struct mmu_notifier_range */
export interface OpenRange {
  /** 0, or the index of the address space plus 1. */
  readonly mm: Cell
  /** First page. */
  readonly start: Cell
  /** Page after the last. */
  readonly end: Cell
  /** {@link NotifyEvent}. */
  readonly event: Cell
  /** 1 if those who are told may sleep. */
  readonly blockable: Cell
  /** 0, or the owner who migrates plus 1. */
  readonly owner: Cell
}

/** One page of a migration. @kernel src and dst of struct migrate_vma */
export interface MigratingPage {
  /** `MIGRATE_PFN_` bits of the source. */
  readonly flags: Cell
  /** Frame of the source, where there is one. */
  readonly source: Cell
  /** 0, or the frame that the driver has allocated plus 1. */
  readonly destination: Cell
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
  readonly event: number
  /** False if nobody on the way may sleep (the OOM reaper). */
  readonly blockable: boolean
  /** Who migrates or takes exclusive access; -1 for nobody. */
  readonly owner: number
}

/** What the first pass of a callback in two passes returns when the second is to come. @kernel struct mmu_interval_notifier_finish */
export const TOKEN = 2

/**
 * `mmu_interval_notifier_ops.invalidate`: 1 when done, 0 if it would have to sleep and may not. In the place of
 * `invalidate_start`, {@link TOKEN} if the device has been told and `finish` is to wait for it.
 */
export type Invalidate = Procedure<
  [current: Task, sub: IntervalNotifier, range: NotifierRange, curSeq: number],
  number
>

/** A watched range of an address space. @kernel struct mmu_interval_notifier */
export interface IntervalNotifier {
  readonly name: string
  readonly mm: MmStruct
  /** First page. */
  readonly start: number
  /** Last page. */
  readonly last: number
  /** Whether the driver's object that holds it is allocated. */
  readonly allocated: Cell
  /** `invalidate_seq`: always odd. Written under the driver's update lock. */
  readonly seq: Cell
  /** By thread: the number that it sampled last, to compare with or to wait for the end of; 0 if none. */
  readonly sampled: readonly Cell[]
  readonly inTree: Cell
  /** On the deferred list, to be inserted or removed when the running invalidations end. */
  readonly deferred: Cell
  readonly lifecycle: Lifecycle
  /** By thread: who is told what comparing the sequence said. */
  readonly readers: Map<number, (w: World, retry: number) => void>
  /**
   * The driver's callback, set when the driver is attached. Where there is `finish` there are two passes, and `invalidate` is the
   * first (`invalidate_start`, `invalidate_finish`).
   */
  ops: {
    invalidate: Invalidate
    finish?: Procedure<[current: Task, sub: IntervalNotifier], void>
  }
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
  readonly open: Cell
  ops: ClassicNotifierOps
}

/** The notifier state of an address space. @kernel struct mmu_notifier_subscriptions */
export interface Subscriptions {
  readonly lock: Spinlock
  /** `invalidate_seq`: odd while an interval is being invalidated. */
  readonly seq: Cell
  /** `active_invalidate_ranges`. */
  readonly active: Cell
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
  readonly users: Cell
  readonly mmapLock: RwSemaphore
  /** The split page-table lock; one page table, so one lock. */
  readonly ptl: Spinlock
  readonly pte: readonly Pte[]
  /** What lies above the page table. Absent on a machine without huge pages. */
  readonly pmd?: readonly Pmd[]
  readonly vma: readonly Vma[]
  /** `MMF_UNSTABLE`: the OOM reaper has taken pages from it. */
  readonly unstable: Cell
  readonly subscriptions: Subscriptions
  /** Ghost: what a read of each page must give: the last value written, or 0. */
  readonly expected: readonly Cell[]
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
  /** Pages of a huge page; 0 on a machine without. */
  readonly hugePages: number
  /** Most pages that all processes together may be charged for; absent where there is no limit. @kernel memory.max */
  readonly memoryLimit?: number
}

/** A thread of a process: who runs a procedure. @kernel current */
export interface Task {
  /** Index of the thread in the scenario. */
  readonly thread: number
  readonly machine: Machine
  readonly mm: MmStruct
  readonly cpu: Cpu
}

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
  readonly classics?: readonly { readonly name: string; readonly mm: number }[]
  /** Pages of device memory, by owner. */
  readonly deviceMemory?: readonly number[]
  /** The owners whose memory is coherent (default none): the others' no CPU can map. */
  readonly coherentMemory?: readonly number[]
  /** True if pages are on LRU lists, and CPUs gather new ones in batches of their own. */
  readonly lru?: boolean
  /** Drivers that take exclusive access in a name other than that of their memory; numbered after its owners. */
  readonly exclusiveOwners?: number
  /** Slots of swap (default none). With any, entries and frames carry the bits that swapping lives by. */
  readonly swapSlots?: number
  /** Pages of each file, or piece of shared memory, that is ever mapped. */
  readonly files?: readonly number[]
  /** True if areas are moved (mremap). */
  readonly moves?: boolean
  /** Pages of a huge page, a power of two (default: there are none). Not together with swap. */
  readonly hugePages?: number
  /** True if the device memory comes and goes, and its drivers keep free lists. */
  readonly hotplug?: boolean
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

/** Declares a machine in `layout`. */
export function declareMachine(layout: Layout, size: MachineSize): Machine {
  if (size.hugePages && size.swapSlots)
    throw new SpecificationError('scenario', 'a machine has huge pages or swap, not both')
  const last = lastFrame(size)
  const hotplug = size.hotplug ?? false
  const memoryFrames: Frame[][] = (size.deviceMemory ?? []).map(() => [])
  const deviceMemory = layout.array('memory', memoryFrames.length, (l, owner) =>
    declareDeviceMemory(
      l,
      owner,
      memoryFrames[owner],
      {
        pages: size.deviceMemory?.[owner] ?? 0,
        hotplug,
        coherent: size.coherentMemory?.includes(owner) ?? false,
      },
      unattached as unknown as DeviceMemoryOps,
    ),
  )
  const frames = layout.array('frame', last + 1, (l, pfn): Frame => {
    const owner = ownerOf(size, pfn)
    return {
      pfn,
      // A frame is referenced by its mappings and, for a while, by those who copy or migrate it; that of a file by any
      // number of mappings, and by its file.
      refcount: l.counter(
        'refcount',
        pfn === ZERO_PAGE
          ? 1
          : (size.files ? size.mms * size.pages + 1 : size.mms) +
              2 * layout.threads +
              (size.swapSlots ? 1 : 0),
      ),
      mapcount: l.counter('mapcount', pfn === ZERO_PAGE ? 1 : size.mms * size.pages),
      contents: l.counter('contents', size.values),
      locked: l.counter('locked', layout.threads),
      owner,
      ...(size.files && owner < 0 ? { mapping: l.counter('mapping', size.files.length) } : {}),
      ...(size.hugePages && owner < 0 ? { compound: l.counter('compound', size.hugePages) } : {}),
      ...(size.lru && owner < 0 ? { lru: l.counter('lru', 1 + size.cpus.length) } : {}),
      ...(size.swapSlots ? { flags: declareFrameFlags(l, size.swapSlots) } : {}),
      ...(owner < 0
        ? {}
        : {
            pgmap: deviceMemory[owner],
            ...(deviceMemory[owner].coherent
              ? {}
              : { lifecycle: l.lifecycle('devicePrivatePage', 'lifecycle') }),
          }),
      ...(owner >= 0 && hotplug ? { onFreeList: l.flag('on_free_list') } : {}),
      ...(size.memoryLimit === undefined ? {} : { charged: l.flag('charged') }),
    }
  })
  for (const frame of frames) if (frame.owner >= 0) memoryFrames[frame.owner].push(frame)
  const mms = layout.array('mm', size.mms, (l, index) => declareMm(l, index, size))
  for (const { name, mm, start, last } of size.intervals)
    mms[mm].subscriptions.intervals.push(declareInterval(layout, name, mms[mm], start, last, size))
  for (const { name, mm } of size.classics ?? [])
    mms[mm].subscriptions.classics.push(
      layout.scope(name, (l) => ({
        name,
        mm: mms[mm],
        open: l.counter('open', windowsOf(layout, size)),
        ops: unattached,
      })),
    )
  const cpus = layout.array('cpu', size.cpus.length, (l, index) => ({
    mm: mms[size.cpus[index]],
    tlb: l.array('tlb', size.pages, (entry) => ({
      frame: entry.counter('frame', last + 1),
      write: entry.flag('write'),
      ...(size.swapSlots ? { dirty: entry.flag('dirty') } : {}),
    })),
    ...(size.lru ? { busy: l.flag('busy') } : {}),
  }))
  const openRanges = layout.array('range', windowsOf(layout, size), (l) => ({
    mm: l.counter('mm', size.mms),
    start: l.counter('start', size.pages),
    end: l.counter('end', size.pages),
    event: l.oneOf('event', NotifyEvent),
    blockable: l.flag('blockable'),
    owner: l.counter('owner', Math.max(1, (size.deviceMemory?.length ?? 0) + (size.exclusiveOwners ?? 0))),
  }))
  const migrations =
    last === size.frames
      ? []
      : layout.array('migration', layout.threads, (l) =>
          l.array('page', size.pages, (page) => ({
            flags: page.counter('flags', 63),
            source: page.counter('source', last),
            destination: page.counter('destination', last + 1),
            lifecycle: page.lifecycle('migration', 'lifecycle'),
          })),
        )
  const swap = declareSwap(layout, size.swapSlots ?? 0, size.mms * size.pages, size.values)
  const files = layout.array('file', size.files?.length ?? 0, (l, index) =>
    declareAddressSpace(l, index, size.files?.[index] ?? 0, { frames: last, values: size.values }),
  )
  return layout.scope('machine', () => ({
    layout,
    pages: size.pages,
    frames,
    mms,
    cpus,
    openRanges,
    migrations,
    files,
    hugePages: size.hugePages ?? 0,
    deviceMemory,
    swap,
    ...(size.memoryLimit === undefined ? {} : { memoryLimit: size.memoryLimit }),
  }))
}

function declareMm(l: Layout, index: number, size: MachineSize): MmStruct {
  // fork holds both of parent and child, the parent's first: address spaces are in order.
  const mmapLock = new RwSemaphore(l, 'mmap_lock', { rank: LockRank.mmap + index })
  const ptl = new Spinlock(l, 'ptl', { rank: LockRank.pageTable + index })
  const lock = new Spinlock(l, 'subscriptions.lock', { rank: LockRank.subscriptions })
  const subscriptions: Subscriptions = l.scope('subscriptions', (s) => ({
    lock,
    seq: s.counter('invalidate_seq', sequenceBound(size), { initial: 2, guardedBy: lock }),
    active: s.counter('active_invalidate_ranges', windowsOf(l, size), { guardedBy: lock }),
    wq: new WaitQueue(s, 'wq'),
    intervals: [],
    classics: [],
  }))
  return {
    index,
    name: l.qualify('').replace(/\.$/, ''),
    users: l.counter('mm_users', l.threads + 1, { initial: index === 0 ? 1 : 0 }),
    mmapLock,
    ptl,
    pte: l.array('pte', size.pages, (entry) => ({
      kind: entry.oneOf('kind', PteKind, { guardedBy: ptl }),
      frame: entry.counter('frame', lastFrame(size), { guardedBy: ptl }),
      write: entry.flag('write', { guardedBy: ptl }),
      ...(size.swapSlots ? { bits: declarePteBits(entry, size.swapSlots, ptl) } : {}),
      ...(size.hugePages ? { clean: entry.flag('clean') } : {}),
    })),
    ...(size.hugePages ? { pmd: declarePmds(l, size.pages, size.hugePages, ptl) } : {}),
    vma: l.array('vma', size.pages, (area) => ({
      kind: area.oneOf('kind', VmaKind, { guardedBy: mmapLock }),
      flags: area.counter('flags', VM_READ | VM_WRITE | (size.hugePages ? VM_HUGEPAGE : 0), {
        guardedBy: mmapLock,
      }),
      ...(size.mms > 1 || size.moves ? { anonymous: area.flag('anonymous') } : {}),
      ...(size.files ? { file: area.counter('file', size.files.length, { guardedBy: mmapLock }) } : {}),
      ...(size.files || size.moves
        ? {
            pgoff: area.counter('pgoff', Math.max(size.pages, ...(size.files ?? [])), {
              guardedBy: mmapLock,
            }),
          }
        : {}),
    })),
    unstable: l.flag('unstable'),
    subscriptions,
    expected: l.array('expected', size.pages, (page) => page.counter('value', size.values, { ghost: true })),
  }
}

function declareInterval(
  layout: Layout,
  name: string,
  mm: MmStruct,
  start: number,
  last: number,
  size: MachineSize,
): IntervalNotifier {
  return layout.scope(name, (l) => {
    const allocated = l.flag('allocated')
    return {
      name,
      mm,
      start,
      last,
      allocated,
      seq: l.counter('invalidate_seq', sequenceBound(size), { partOf: allocated }),
      sampled: l.array('sampled', l.threads, (reader) => reader.counter('seq', sequenceBound(size))),
      inTree: l.flag('in_tree', { partOf: allocated, guardedBy: mm.subscriptions.lock }),
      deferred: l.flag('deferred', { partOf: allocated, guardedBy: mm.subscriptions.lock }),
      lifecycle: l.lifecycle('intervalNotifier', 'lifecycle'),
      readers: new Map(),
      ops: unattached,
    }
  })
}

/** How many invalidations may be under way: one a thread, and where huge pages are split another within it. */
function windowsOf({ threads }: Layout, { hugePages }: MachineSize): number {
  return hugePages ? 2 * threads : threads
}

/** Each invalidation raises the sequence by at most 2, and so does each insertion while one runs. */
function sequenceBound(size: MachineSize): number {
  return 3 + 2 * (size.invalidations + size.intervals.length)
}

// A notifier without a driver is a mistake of the scenario: the first call says so.
const unattached = new Proxy({} as { invalidate: Invalidate; start: ClassicNotifierOps['start'] }, {
  get(_target, property) {
    throw new Error(`a notifier was declared and no driver attached to it (${String(property)})`)
  },
})

/** The thread begins to invalidate `range`: part of the step that counts it. @kernel mmu_notifier_range_init */
export function openRange(current: Task, mm: MmStruct, range: NotifierRange, w: World): void {
  const outer = current.machine.openRanges[current.thread]
  const inner = current.machine.openRanges[current.thread + current.machine.layout.threads]
  const open = inner !== undefined && outer.mm.get(w) !== 0 ? inner : outer
  claim('C32', open.mm.get(w) === 0, 'a thread opens an invalidation while another of its own is open')
  open.mm.set(w, mm.index + 1)
  open.start.set(w, range.start)
  open.end.set(w, range.end)
  open.event.set(w, range.event)
  open.blockable.set(w, range.blockable ? 1 : 0)
  open.owner.set(w, range.owner + 1)
}

/** The thread has ended its invalidation: part of the step that uncounts it. */
export function closeRange(current: Task, w: World): void {
  const open = innermostRange(current.machine, current.thread, w)
  claim('C12', open.mm.get(w) !== 0, 'the end of an invalidation is said that is not open')
  open.mm.set(w, 0)
  open.start.set(w, 0)
  open.end.set(w, 0)
  open.event.set(w, 0)
  open.blockable.set(w, 0)
  open.owner.set(w, 0)
}

/**
 * The range that `thread` has opened last and not closed: where a huge page is split in the middle of a change of its
 * page table, that of the split. The thread's own cells if it has none open.
 */
export function innermostRange({ openRanges, layout }: Machine, thread: number, w: World): OpenRange {
  const inner = openRanges[thread + layout.threads]
  return inner !== undefined && inner.mm.get(w) !== 0 ? inner : openRanges[thread]
}

/** An update lock of a driver. */
export function declareUpdateLock(layout: Layout, name: string): Mutex {
  return new Mutex(layout, name, { rank: LockRank.update })
}

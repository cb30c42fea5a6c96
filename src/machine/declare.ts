/**
 * Declares the machine of a scenario.
 *
 * @module
 */
import {
  type Cell,
  fieldOf,
  type Layout,
  Mutex,
  RwSemaphore,
  SpecificationError,
  Spinlock,
  WaitQueue,
} from '../world/index.js'
import { declareAddressSpace } from './address-space.js'
import { declareFrameFlags, declarePteBits, declareSwap, PTE_WORD } from './bits.js'
import { type DeviceMemoryOps, declareDeviceMemory } from './device-memory.js'
import {
  LockRank,
  NotifyEvent,
  PteKind,
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_LOCKED,
  VM_MERGEABLE,
  VM_READ,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  VM_WIPEONFORK,
  VM_WRITE,
  VmaKind,
  ZERO_PAGE,
} from './kinds.js'
import { isNonBlocking } from './open-ranges.js'
import { declarePmds, VM_HUGEPAGE } from './pmd.js'
import type {
  ClassicNotifierOps,
  Frame,
  IntervalNotifier,
  Invalidate,
  Machine,
  MmStruct,
  OwnNotifier,
  SequenceReader,
  Subscriptions,
} from './records.js'
import { latestRules } from './rules.js'
import { lastFrame, type MachineSize, ownerOf } from './size.js'

/** A TLB entry is read, filled and flushed atomically. */
const TLB_WORD = { word: 'entry' } as const

/** Declares a machine in `layout`. */
export function declareMachine(layout: Layout, size: MachineSize): Machine {
  if (size.hugePages && size.swapSlots && !size.bits)
    throw new SpecificationError('scenario', 'a machine without bits has huge pages or swap, not both')
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
  const memmap: Frame[] = []
  const frames = layout.array('frame', last + 1, (l, pfn) => {
    const owner = ownerOf(size, pfn)
    // A frame is referenced by its mappings and, for a while, by threads that copy or migrate it; a
    // frame of a file by any number of mappings and by its page cache.
    const refcount = l.counter(
      'refcount',
      pfn === ZERO_PAGE
        ? 1
        : (size.files || size.ksm ? size.mms * size.pages + 1 : size.mms) +
            2 * layout.threads +
            (size.swapSlots ? 1 : 0),
    )
    const counted = { countedBy: refcount }
    return {
      pfn,
      memmap,
      refcount,
      mapcount: l.counter('mapcount', pfn === ZERO_PAGE ? 1 : size.mms * size.pages),
      contents: l.counter('contents', size.values, counted),
      locked: l.counter('locked', layout.threads, { isLock: true }),
      owner,
      mapping: l.counter('mapping', size.files?.length ?? 1, { ...counted, when: !!size.files && owner < 0 }),
      compound: l.counter('compound', size.hugePages ?? 1, { ...counted, when: !!size.hugePages }),
      formerly: l.counter('formerly', size.hugePages ?? 1, {
        ...counted,
        when: !!size.remembersFolios && owner >= 0,
      }),
      lru: l.counter('lru', 1 + size.cpus.length, { ...counted, when: !!size.lru && owner < 0 }),
      ...declareFrameFlags(l, size.swapSlots ?? 0, hasBits(size), refcount, !!size.advice),
      anonVma: l.counter('anon_vma', size.anonVmas ?? 1, { ...counted, when: !!size.anonVmas }),
      index: l.counter('index', size.pages, { ...counted, when: !!size.anonVmas }),
      ...(owner < 0
        ? {}
        : {
            pgmap: deviceMemory[owner],
            ...(deviceMemory[owner].coherent
              ? {}
              : { lifecycle: l.lifecycle('devicePrivatePage', 'lifecycle') }),
          }),
      onFreeList: l.flag('on_free_list', { when: owner >= 0 && hotplug }),
      ksm: l.flag('ksm', { ...counted, when: !!size.ksm && pfn !== ZERO_PAGE }),
      charged: l.flag('charged', { ...counted, when: size.memoryLimit !== undefined }),
    }
  })
  memmap.push(...frames)
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
      frame: entry.ref('frame', frames, TLB_WORD),
      write: entry.flag('write', TLB_WORD),
      dirty: entry.flag('dirty', { ...TLB_WORD, when: hasBits(size), otherwise: 1 }),
    })),
    busy: l.flag('busy', { when: !!size.lru }),
  }))
  const openRanges = layout.array('range', windowsOf(layout, size), (l) => ({
    mm: l.counter('mm', size.mms),
    start: l.counter('start', size.pages),
    end: l.counter('end', size.pages),
    event: l.oneOf('event', NotifyEvent),
    blockable: l.flag('blockable'),
    owner: l.counter('owner', Math.max(1, (size.deviceMemory?.length ?? 0) + (size.exclusiveOwners ?? 0))),
    refused: l.flag('refused', { ghost: true, when: !!size.classics?.length }),
  }))
  const migrations =
    last === size.frames
      ? []
      : layout.array('migration', layout.threads, (l) =>
          l.array('page', migratedAtOnce(size), (page) => ({
            flags: page.counter('flags', size.hugePages ? 127 : 63),
            source: page.counter('source', last),
            dst: page.ref('dst', frames),
            pageTable: page.flag('page_table', { when: !!size.hugePages }),
            lifecycle: page.lifecycle('migration', 'lifecycle'),
          })),
        )
  const swap = declareSwap(layout, size.swapSlots ?? 0, size.mms * size.pages, size.values)
  const files = layout.array('file', size.files?.length ?? 0, (l, index) =>
    declareAddressSpace(l, index, size.files?.[index] ?? 0, { frames: last, values: size.values }),
  )
  const machine: Machine = layout.scope('machine', () => ({
    layout,
    pages: size.pages,
    frames,
    mms,
    cpus,
    openRanges,
    migrations,
    files,
    hasLru: size.lru ?? false,
    hasKsm: size.ksm ?? false,
    hugePages: size.hugePages ?? 0,
    anonVmas: layout.array('anon_vma', size.anonVmas ?? 0, (l) => ({
      parent: l.counter('parent', size.anonVmas ?? 0),
    })),
    rules: { ...latestRules, ...size.rules },
    deviceMemory,
    swap,
    ...(size.memoryLimit === undefined ? {} : { memoryLimit: size.memoryLimit }),
  }))
  layout.forbidSleep((thread) => isNonBlocking(machine, thread))
  return machine
}

/** True if entries and pages carry the bits of {@link PteBits} and {@link FrameFlags}. */
function hasBits(size: MachineSize): boolean {
  return size.bits === true || (size.swapSlots ?? 0) > 0
}

/** All flags that a VMA may have. */
function flagsOf(size: MachineSize): number {
  const advice = size.advice ? VM_LOCKED | VM_DONTCOPY | VM_WIPEONFORK | VM_MERGEABLE : 0
  const registered = size.userfaults ? VM_UFFD_MISSING | VM_UFFD_WP : 0
  const huge = size.hugePages ? VM_HUGEPAGE : 0
  return VM_READ | VM_WRITE | huge | (size.anonVmas ? VM_ACCOUNT : 0) | advice | registered
}

function declareMm(l: Layout, index: number, size: MachineSize) {
  const tracksMoves = !!size.moves || !!size.anonVmas
  const tracksOffsets = !!size.files || tracksMoves
  // fork holds the locks of parent and child, the parent's first: address spaces are ordered.
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
      kind: entry.oneOf('kind', PteKind, { ...PTE_WORD, guardedBy: ptl }),
      frame: entry.counter('frame', lastFrame(size), { ...PTE_WORD, guardedBy: ptl }),
      write: entry.flag('write', { ...PTE_WORD, guardedBy: ptl }),
      ...declarePteBits(entry, size.swapSlots ?? 0, hasBits(size), ptl),
    })),
    ...(size.hugePages ? { pmd: declarePmds(l, size.pages, size.hugePages, ptl) } : {}),
    vma: l.array('vma', size.pages, (area, page) => ({
      kind: area.oneOf('kind', VmaKind, { guardedBy: mmapLock }),
      flags: area.counter('flags', flagsOf(size), { guardedBy: mmapLock }),
      anonymous: area.counter('anonymous', size.anonVmas ?? 1, {
        when: size.mms > 1 || !!size.moves || !!size.anonVmas,
        otherwise: 1,
      }),
      linked: area.counter('anon_vma_chain', size.pages * size.mms, { when: !!size.anonVmas }),
      starts: area.flag('starts', { guardedBy: mmapLock, when: !!size.anonVmas }),
      file: area.counter('file', size.files?.length ?? 1, { guardedBy: mmapLock, when: !!size.files }),
      pgoff: area.counter('pgoff', Math.max(size.pages, ...(size.files ?? [])), {
        guardedBy: mmapLock,
        when: tracksOffsets,
      }),
      data: area.counter('data', Math.max(1, size.pages - 1), {
        initial: page,
        ghost: true,
        when: tracksMoves,
      }),
    })),
    tracksOffsets,
    tracksMoves,
    tracksAreas: !!size.anonVmas,
    tracksAdvice: !!size.advice,
    tracksUserfaults: !!size.userfaults,
    unstable: l.flag('unstable'),
    subscriptions,
    expected: l.array('expected', size.pages, (page) => ({
      value: page.counter('value', size.values, { ghost: true }),
      given: page.counter('given', size.values, { ghost: true, when: !!size.advice }),
    })),
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
  return layout.scope(name, (l) => ({
    name,
    mm,
    start,
    last,
    ...declareSubscription(l, mm, sequenceBound(size)),
  }))
}

/** The kernel's state of an interval notifier, apart from its range. */
function declareSubscription(l: Layout, mm: MmStruct, bound: number) {
  // This flag tells whether the notifier may be accessed, even if it is part of an object.
  const allocated = l.flag('allocated', { partOf: undefined })
  const seq = l.counter('invalidate_seq', bound, { partOf: allocated })
  return {
    allocated,
    seq,
    removalSeq: l.sequence('removal_seq', seq, { partOf: undefined }),
    inTree: l.flag('in_tree', { partOf: allocated, guardedBy: mm.subscriptions.lock }),
    deferred: l.flag('deferred', { partOf: allocated, guardedBy: mm.subscriptions.lock }),
    lifecycle: l.lifecycle('intervalNotifier', 'lifecycle'),
    readers: new Map<number, SequenceReader>(),
    ops: unattached as unknown as IntervalNotifier['ops'],
  }
}

/**
 * An interval notifier that a driver inserts and removes at run time, each time over other pages.
 *
 * @param layout - the layout of the object that contains it, or of the driver's state
 * @param pages - of the address space
 */
export function declareOwnNotifier(layout: Layout, name: string, mm: MmStruct, pages: number): OwnNotifier {
  const notifier: OwnNotifier = layout.scope(name, (l) => ({
    name: layout.qualify(name),
    mm,
    holder: layout.object as Cell | undefined,
    start: l.counter('start', pages),
    last: l.counter('last', pages),
    ...declareSubscription(l, mm, fieldOf(mm.subscriptions, 'seq').max),
  }))
  mm.subscriptions.intervals.push(notifier)
  return notifier
}

/**
 * The most invalidations open at once: one for each thread, and on a machine with huge pages one
 * more nested in it.
 */
function windowsOf({ threads }: Layout, { hugePages }: MachineSize): number {
  return hugePages ? 2 * threads : threads
}

/**
 * Each invalidation raises the sequence number by at most 2, and so does each insertion during one.
 */
function sequenceBound(size: MachineSize): number {
  return 3 + 2 * (size.invalidations + size.intervals.length + (size.ownNotifiers ?? 0))
}

// A notifier without a driver is an error of the scenario: its first callback throws.
const unattached = new Proxy({} as { invalidate: Invalidate; start: ClassicNotifierOps['start'] }, {
  get(_target, property) {
    throw new Error(`a notifier was declared and no driver attached to it (${String(property)})`)
  },
})

/** An update lock of a driver. */
export function declareUpdateLock(layout: Layout, name: string): Mutex {
  return new Mutex(layout, name, { rank: LockRank.update })
}

/** The length of the `src` and `dst` arrays of a migration. */
function migratedAtOnce({ pages, evictsChunks, deviceMemory = [] }: MachineSize): number {
  return evictsChunks ? Math.max(pages, ...deviceMemory) : pages
}

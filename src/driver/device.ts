/**
 * The device: a page table and a TLB of its own, and accesses that take time. An access first translates, then
 * touches memory; between the two the page table may change, which is what invalidation must wait for.
 *
 * @see reference G.2
 * @module
 */

import {
  declareRange,
  declareUpdateLock,
  declareWork,
  destroyWork,
  Errno,
  expectedAt,
  type Frame,
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmPfn,
  type HmmRange,
  type IntervalNotifier,
  type MachineSize,
  type MmStruct,
  type NotifierRange,
  NotifyEvent,
  RangeResult,
  resetRange,
  type Task,
  type WorkStruct,
  ZERO_PAGE,
} from '../kernel/index.js'
import {
  acting,
  any,
  BLOCKED,
  become,
  claim,
  type Layout,
  type Mutex,
  type Pool,
  procedure,
  READ_ONCE,
  type Running,
  type Sequence,
  SpecificationError,
  step,
} from '../world/index.js'
import { mustBeDeclared } from './declared-state.js'
import type { Driver, FaultAnswer, PageTableProtection } from './driver.js'

/** A translation of the device: of its page table, its TLB, or an access that is under way. */
export interface Translation {
  /** The page that it leads to, if there is a translation. */
  frame: Frame | undefined
  write: boolean
  /** 1 if the device has the page to itself: atomic accesses may use it. Absent on a device that has none. */
  atomic: boolean
  /**
   * 1 if the entry leads to the struct page of device memory, behind which there is nothing that a program could read. Absent
   * where entries always lead to memory.
   */
  unbacked: boolean
}

/** Pages that a walk has found: a range, or what a driver keeps of one. */
export interface WalkedPages {
  /** By page of the address space. */
  readonly pfns: Readonly<Record<number, Pick<HmmPfn, 'flags' | 'frame'>>>
  /** Where the range stands; absent for what a driver keeps by a rule of its own. */
  readonly result?: RangeResult
}

/** An access that has translated and not yet touched memory. */
export interface Access extends Translation {
  /** 0, or the page plus 1. */
  page: number
  /** Ghost: since the access has faulted its driver has programmed the entry for it. Absent on a device without atomic accesses. */
  granted: boolean
}

/** What a mirror keeps that may be closed while its device faults. */
export interface MirrorEnd {
  /** Whether who handles a fault finds the mirror. */
  linked: boolean
  /** Those who have found it and are not done. */
  handlers: number
  /** Whether its page table has been given back to the hardware. */
  revoked: boolean
}

/** What a thread keeps while it migrates. */
export interface Undisturbed {
  /** The number under which it began. */
  seq: Sequence
  /** True while nothing but its own migration has been told to the driver since. */
  value: boolean
}

/** A device that mirrors one address space, and what its driver keeps for it. */
export interface Mirror<S = unknown> {
  readonly name: string
  readonly mm: MmStruct
  /** `pgmap_owner` of the device's own memory; -1 for a device that has none. */
  readonly owner: number
  /** Whom its driver names when it takes exclusive access; -1 for one that names nobody. */
  readonly exclusiveOwner: number
  /** The whole of what is mirrored. */
  readonly notifier: IntervalNotifier
  /** The driver's update lock: held while the device page table changes, and by the callback. */
  readonly updateLock: Mutex
  /** The device page table, by page. The device reads it at any time; the driver changes it under the update lock. */
  readonly pageTable: readonly Translation[]
  readonly tlb: readonly Translation[]
  /** Every page frame of the machine, by number. */
  readonly frames: readonly Frame[]
  /** By thread: the access it has under way. */
  readonly accesses: ReadonlyMap<number, Access>
  /** By thread: the range it populates from. */
  readonly ranges: ReadonlyMap<number, HmmRange>
  /**
   * By thread: 1 while nothing but its own migration has been told to the driver since it began that. Absent for a device
   * whose driver maps nothing while it migrates.
   */
  readonly undisturbed?: ReadonlyMap<number, Undisturbed> | undefined
  /** What its end takes; absent for a mirror that is not closed while its device faults. */
  readonly ending?: MirrorEnd | undefined
  /** The work items of its driver, by name: see {@link workOf}. */
  readonly works: ReadonlyMap<string, WorkStruct>
  /** The pools that its driver has declared. */
  readonly pools: readonly Pool<object>[]
  /** What its driver keeps for it. */
  readonly state: S
  /** What protects the device page table. */
  readonly protection: PageTableProtection
  /** Who looks after it. */
  driver: Driver
}

/** How a mirror is declared. */
export interface MirrorSize {
  readonly name: string
  /** Owner of the device's own memory (default none). */
  readonly owner?: number
  /** Whom its driver names when it takes exclusive access: -1 for nobody. Absent if it never does. */
  readonly exclusiveOwner?: number
  readonly notifier: IntervalNotifier
  /** Threads that make the device access memory. */
  readonly threads: readonly number[]
  /** True if its driver maps what it migrates at once (`migrateAndMap`). */
  readonly mapsAtOnce?: boolean
  /** True if it may be closed while its device faults (default false). */
  readonly closable?: boolean
  /** True if its driver may store the struct page of device memory instead of what is behind it (H16). */
  readonly storesStructPages?: boolean
  readonly size: Pick<MachineSize, 'pages' | 'frames' | 'deviceMemory' | 'hugePages'>
  /** Every page frame of the machine. */
  readonly frames: readonly Frame[]
}

/** An entry, a translation and an access are each read and written at once. */
const WORD = { word: 'entry' } as const

/** Declares a mirror in `layout`, with `driver` attached to its notifier. */
export function declareMirror(layout: Layout, options: MirrorSize, driver: Driver): Mirror {
  const { pages } = options.size
  const mirror: Mirror = layout.scope(options.name, (l) => {
    const updateLock = declareUpdateLock(l, 'update')
    const setting = { ...options, mm: options.notifier.mm }
    const earlier = l.pools.length
    const state = driver.state?.(l, setting)
    if (state !== undefined) mustBeDeclared(driver.name, options.name, state)
    const pools = l.pools.slice(earlier)
    const protection = driver.pageTable?.(state) ?? { program: updateLock, remove: updateLock }
    const guardedBy = driver.pageTable ? any(protection.program, protection.remove) : updateLock
    const translation = (entry: Layout, guarded: boolean) => ({
      frame: entry.ref('frame', options.frames, guarded ? { ...WORD, guardedBy } : WORD),
      write: entry.flag('write', guarded ? { ...WORD, guardedBy } : WORD),
      atomic: entry.flag('atomic', {
        ...(guarded ? { ...WORD, guardedBy } : WORD),
        when: options.exclusiveOwner !== undefined,
      }),
      unbacked: entry.flag('unbacked', {
        ...(guarded ? { ...WORD, guardedBy } : WORD),
        when: options.storesStructPages === true && guarded,
      }),
    })
    return {
      name: options.name,
      mm: options.notifier.mm,
      owner: options.owner ?? -1,
      exclusiveOwner: options.exclusiveOwner ?? -1,
      notifier: options.notifier,
      updateLock,
      frames: options.frames,
      pageTable: l.array('pte', pages, (entry) => translation(entry, true)),
      tlb: l.array('tlb', pages, (entry) => translation(entry, false)),
      accesses: new Map(
        options.threads.map((thread) => [
          thread,
          l.scope(`access[${thread}]`, (a) => ({
            page: a.counter('page', pages, WORD),
            granted: a.flag('granted', { ghost: true, when: options.exclusiveOwner !== undefined }),
            ...translation(a, false),
          })),
        ]),
      ),
      ranges: new Map(
        options.threads.map((thread) => [
          thread,
          declareRange(l, `range[${thread}]`, thread, options.notifier, options.size, protection.program),
        ]),
      ),
      ...(options.mapsAtOnce
        ? {
            undisturbed: new Map(
              options.threads.map((thread) => [
                thread,
                l.scope(`undisturbed[${thread}]`, (u) => ({
                  seq: u.sequence('seq', options.notifier),
                  value: u.flag('value', { guardedBy: updateLock }),
                })),
              ]),
            ),
          }
        : {}),
      ...(options.closable
        ? {
            ending: l.record({
              linked: l.flag('linked', { initial: 1 }),
              handlers: l.counter('handlers', l.threads),
              revoked: l.flag('revoked'),
            }),
          }
        : {}),
      works: new Map(
        Object.entries(driver.work ?? {}).map(([name, run]) => [
          name,
          declareWork(
            l,
            name,
            options.notifier,
            procedure(`${options.name}: ${name}`, function* (current: Task) {
              yield* run(current, mirror)
            }),
          ),
        ]),
      ),
      pools,
      state,
      protection,
      driver,
    }
  })
  options.notifier.ops = { invalidate: invalidationOf(mirror) }
  return mirror
}

/** The callback of a mirror's notifier is its driver's, which is told whose it is. */
function invalidationOf(mirror: Mirror) {
  return procedure(
    `${mirror.name}: invalidate`,
    function* (current: Task, _sub: IntervalNotifier, range: NotifierRange, curSeq: number) {
      const done = yield* mirror.driver.invalidate(current, mirror, range, curSeq)
      if (done !== 0 && done !== 1)
        throw new SpecificationError(
          'invalid-result',
          `invalidate of driver ${mirror.driver.name} returned ${String(done)}; it returns 1, or 0 where it may not wait`,
        )
      return done
    },
  )
}

/**
 * The work item of `mirror` that its driver has declared as `name`.
 *
 * @throws SpecificationError if there is none
 */
export function workOf(mirror: Mirror, name: string): WorkStruct {
  const work = mirror.works.get(name)
  if (work === undefined)
    throw new SpecificationError(
      'scenario',
      `driver ${mirror.driver.name} has no work item ${name}; declare it: work: { ${name}: procedure(function* … ) }`,
    )
  return work
}

/** The driver's object is freed, and the notifier, the work items and the pools with it. Part of a step. */
export function freeDriverObject(mirror: Mirror): void {
  for (const pool of mirror.pools) pool.mustBeEmpty()
  for (const work of mirror.works.values()) destroyWork(work)
  mirror.notifier.seq = 0
  mirror.notifier.allocated = false
}

/** True if the driver of `mirror` causes the invalidation itself, as it migrates. */
export function isOwnMigration(
  { owner }: Pick<Mirror, 'owner'>,
  range: Pick<NotifierRange, 'event' | 'owner'>,
): boolean {
  return range.event === NotifyEvent.MIGRATE && range.owner === owner
}

/** The first and the page after the last that both `mirror` and `range` cover. */
function covered(
  mirror: Mirror,
  range: Pick<NotifierRange, 'start' | 'end'>,
): { start: number; end: number } {
  return {
    start: Math.max(range.start, mirror.notifier.start),
    end: Math.min(range.end, mirror.notifier.last + 1),
  }
}

/**
 * Programs the device page table's entry of `page` with what the walk has stored for it, which must be valid. Part of
 * a step of the driver, under its update lock, after mmu_interval_read_retry has said no, or where its own rule allows it.
 *
 * @param range - the thread's range, or pages that the driver has kept of one
 */
export function mapPage(mirror: Mirror, range: WalkedPages, page: number): void {
  const granted = range.pfns[page].flags
  claim('C25', (granted & HMM_PFN_ERROR) === 0, `${mirror.name} maps page ${page}, which can never be mapped`)
  claim('C25', (granted & HMM_PFN_VALID) !== 0, `${mirror.name} maps page ${page}, of which nothing is known`)
  mustNotBeRevoked(mirror)
  mirror.pageTable[page].frame = mirror.frames[pageAddress(mirror, range, page)]
  mirror.pageTable[page].write = (granted & HMM_PFN_WRITE) !== 0
  mirror.pageTable[page].atomic = false
}

/**
 * Programs the device page table's entry of `page` with a frame that the device has to itself. Part of a step of the
 * driver, under its update lock and the folio lock.
 */
export function mapAtomic(mirror: Mirror, page: number, pfn: number): void {
  mirror.pageTable[page].frame = mirror.frames[pfn]
  mirror.pageTable[page].write = true
  mirror.pageTable[page].atomic = true
  mirror.pageTable[page].unbacked = false
  const access = mirror.accesses.get(acting.thread)
  if (access !== undefined && mirror.exclusiveOwner >= 0) access.granted = true
}

/**
 * Where the page lies that the walk has stored for `page`: its frame, by way of its struct page. That is only there
 * for sure under the update lock, once mmu_interval_read_retry has said no. Part of a step of the driver.
 *
 * @kernel hmm_pfn_to_page
 */
export function pageAddress(mirror: Mirror, range: WalkedPages, page: number): number {
  const { mayBind } = mirror.driver
  if (mayBind === undefined)
    claim(
      'C8',
      range.result === RangeResult.validated || range.result === RangeResult.compared,
      `${mirror.name} looks at the struct page of page ${page} before its walk is validated`,
    )
  else
    claim(
      'C8',
      mayBind(mirror, page, acting.thread),
      `${mirror.name} looks at the struct page of page ${page}, which the driver's own rule does not allow`,
    )
  return range.pfns[page].frame
}

/**
 * Tells the kernel that the pages which the device may write in `range` are dirty: its writes go past the dirty bits of the
 * CPU's entries. It must be said before the entries change, and while the device maps the pages nobody takes it back.
 * Part of a step of the driver, under its update lock, before {@link unmapPages}.
 *
 * @kernel set_page_dirty
 * @see reference B.4 X4
 */
export function dirtyPages(mirror: Mirror, range: Pick<NotifierRange, 'start' | 'end'>): void {
  const { start, end } = covered(mirror, range)
  for (let page = start; page < end; page++) {
    const { frame, write } = mirror.pageTable[page]
    if (frame !== undefined && write) frame.dirty = true
  }
}

/** Removes the device page table's entries of `range`. Part of a step of the driver, under its update lock. */
export function unmapPages(mirror: Mirror, range: Pick<NotifierRange, 'start' | 'end'>): void {
  mustNotBeRevoked(mirror)
  const { start, end } = covered(mirror, range)
  for (let page = start; page < end; page++) forget(mirror.pageTable[page])
}

function forget(translation: Translation): void {
  translation.frame = undefined
  translation.write = false
  translation.atomic = false
  translation.unbacked = false
}

/** The hardware's object is there no more: an update of it fails, and takes with it the queue that it was posted to. */
function mustNotBeRevoked({ name, ending }: Mirror): void {
  claim('revoked', !ending?.revoked, `the page table of ${name} is changed, and has been revoked`)
}

/**
 * Makes the device forget its translations of `range`, and waits until no access that used one is under way.
 * One step: the device answers when both are done.
 */
export const flushDevice = procedure(
  'flush device',
  function* (mirror: Mirror, range: Pick<NotifierRange, 'start' | 'end'>) {
    const { start, end } = covered(mirror, range)
    yield* step('flush the device TLB and wait for its accesses', () => {
      for (const access of mirror.accesses.values()) {
        const page = access.page - 1
        if (page >= start && page < end) return BLOCKED
      }
      for (let page = start; page < end; page++) forget(mirror.tlb[page])
      return 0
    })
  },
)

/** What an access needs of a translation. */
export type Grants = (entry: Translation) => boolean

const mayRead: Grants = (entry) => READ_ONCE(entry).frame !== undefined
const mayWrite: Grants = (entry) => READ_ONCE(entry).write

/**
 * The access translates: through the TLB, or the page table, which fills the TLB. Part of a step.
 *
 * @returns false if neither grants it: a fault
 */
export function translate(mirror: Mirror, access: Access, page: number, grants: Grants): boolean {
  const cached = mirror.tlb[page]
  if (!grants(cached)) {
    const entry = mirror.pageTable[page]
    if (!grants(entry)) return false
    copy(entry, cached)
  }
  access.page = page + 1
  copy(cached, access)
  return true
}

function copy(from: Translation, to: Translation): void {
  to.frame = READ_ONCE(from).frame
  to.write = READ_ONCE(from).write
  to.atomic = READ_ONCE(from).atomic
}

/** The access uses `entry`, which the driver has looked up itself, past the TLB. Part of a step. */
export function accessThrough(
  access: Access,
  page: number,
  entry: Pick<Translation, 'frame' | 'write'>,
): void {
  access.page = page + 1
  access.frame = entry.frame
  access.write = entry.write
}

/** The access is over. Part of a step. */
export function endAccess(access: Access): void {
  access.page = 0
  forget(access)
}

/**
 * Memory is touched through what was translated, whatever has happened meanwhile; the access is over. Part of a step.
 *
 * @param value - what to write; undefined for reading
 */
export function touch(current: Task, mirror: Mirror, access: Access, value: number | undefined): void {
  const page = access.page - 1
  const { frame } = access
  if (frame === undefined) throw new SpecificationError('scenario', `${mirror.name} accesses nothing`)
  const expected = expectedAt(current.machine, mirror.mm, page)
  if (value === undefined) {
    const seen = frame.contents
    claim(
      'data',
      seen === expected.value,
      `${mirror.name} reads ${seen} from page ${page}, last written was ${expected.value}`,
    )
  } else {
    claim('C4', frame.pfn !== ZERO_PAGE, `${mirror.name} writes to the zero page through page ${page}`)
    frame.contents = value
    expected.value = value
  }
  endAccess(access)
}

/**
 * The device accesses the pages from `page` to `end`, one after another, and faults for those that it cannot
 * translate: the driver is asked to map all that are left. A driver may make the accesses itself (`Driver.access`).
 *
 * @param value - what to write; absent for reading
 * @returns 0, or what the driver answered to a fault that it could not serve
 */
export const deviceAccess = procedure(
  'device access',
  function* (current: Task, mirror: Mirror, page: number, end: number, value?: number): Running<number> {
    if (page === end) return 0
    const byDriver = mirror.driver.access
    if (byDriver) return yield* become(byDriver, current, mirror, page, end, value)
    const write = value !== undefined
    const access = accessOf(mirror, current)
    const fault = yield* step('translate', () =>
      translate(mirror, access, page, write ? mayWrite : mayRead) ? 0 : 1,
    )
    if (fault) {
      const error = yield* serveFault(current, mirror, page, end, write)
      return error ? error : yield* become(deviceAccess, current, mirror, page, end, value)
    }
    yield* step('access', () => {
      touch(current, mirror, access, value)
      return 0
    })
    return yield* become(deviceAccess, current, mirror, page + 1, end, value)
  },
)

/** The access that `current` makes `mirror` make. */
export function accessOf(mirror: Mirror, current: Task): Access {
  const access = mirror.accesses.get(current.thread)
  if (access === undefined)
    throw new SpecificationError(
      'scenario',
      `thread ${current.thread} makes ${mirror.name} access memory and was not declared to`,
    )
  return access
}

/** The range that `current` populates `mirror` from. */
export function rangeOf(mirror: Mirror, current: Task): HmmRange {
  const range = mirror.ranges.get(current.thread)
  if (range === undefined)
    throw new SpecificationError(
      'scenario',
      `thread ${current.thread} populates ${mirror.name} and was not declared to`,
    )
  return range
}

/**
 * A device fault: the driver maps the pages from `start` to `end`, or says why not. Afterwards its range is free.
 *
 * @returns 0 if the device may try again, or a negative error number
 */
export const serveFault = procedure(
  'device fault',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean) {
    const answer = yield* mirror.driver.fault(current, mirror, start, end, write)
    mustBeAnswer(mirror, answer)
    yield* endOfRange(current, mirror, answer)
    const error = typeof answer === 'number' ? answer : 0
    claim(
      'C22',
      write || error !== -Errno.EPERM,
      `${mirror.name} wants to read, and is refused for want of the right to write`,
    )
    return error
  },
)

function mustBeAnswer({ driver }: Mirror, answer: unknown): void {
  if (answer === 'mapped' || answer === 'again') return
  if (Number.isInteger(answer) && (answer as number) <= 0) return
  throw new SpecificationError(
    'invalid-result',
    `fault of driver ${driver.name} returned ${String(answer)}; it returns 0 or 'mapped', 'again', or a negative error number`,
  )
}

/** The driver is done with the range, for better or worse: the array is freed. */
export const endOfRange = procedure(
  'end of the range',
  function* (current: Task, mirror: Mirror, answer: FaultAnswer) {
    const range = rangeOf(mirror, current)
    yield* step('free the range', () => {
      signalEnd(range, answer)
      resetRange(range)
      return 0
    })
  },
)

function signalEnd({ result, lifecycle }: HmmRange, answer: FaultAnswer): void {
  // The driver still holds the lock, and is done with the entries all the same.
  if (result === RangeResult.validated) lifecycle.signal('COMMITTED')
  const failed = typeof answer === 'number' && answer < 0
  if (failed && result === RangeResult.collided) lifecycle.signal('TIMED_OUT')
  else if (failed && result !== RangeResult.failed) lifecycle.signal('FAILED')
  // A walk that was not validated maps nothing, so what is said to be mapped is mapped by another fault.
  else if (answer !== 'again' && result === RangeResult.filled) lifecycle.signal('COMMITTED')
  // No walk was made: the pages were mapped already.
  else if (result !== RangeResult.none) lifecycle.signal('RELEASED')
}

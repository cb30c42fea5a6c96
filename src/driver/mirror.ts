/**
 * A mirror: a device that mirrors an address space, with the notifier, lock, page table and state
 * of its driver.
 *
 * @see reference G.2
 * @module
 */
import { type Access, type Device, Touched } from '../device/index.js'
import {
  type ClassicNotifier,
  declareOwnNotifier,
  declareRange,
  declareUpdateLock,
  declareWork,
  destroyWork,
  type Frame,
  type HmmPfn,
  type HmmRange,
  type IntervalNotifier,
  insertAtRest,
  type MachineSize,
  type NotifierRange,
  NotifyEvent,
  type OwnNotifier,
  type RangeResult,
  type Task,
  type WorkStruct,
  watchPages,
} from '../kernel/index.js'
import {
  any,
  claim,
  Guard,
  type Layout,
  type Mutex,
  type Pool,
  procedure,
  READ_ONCE,
  type Sequence,
  SpecificationError,
  unobserved,
} from '../world/index.js'
import { beforeFree } from '../world/records/pool.js'
import { mustBeDeclared } from './declared-state.js'
import type { Driver, PageTableProtection } from './driver.js'
import { type SharedState, sharedState } from './shared-state.js'

/** Pages that a walk has reported: a range, or a driver's copy of one. */
export interface WalkedPages {
  /** The entries, by page of the address space. */
  readonly pfns: Readonly<Record<number, Pick<HmmPfn, 'flags' | 'frame'>>>
  /** The result of the range; absent for a copy that the driver keeps under a rule of its own. */
  readonly result?: RangeResult
}

/** The state of a mirror that may be closed while its device faults. */
export interface MirrorEnd {
  /** True while a fault handler finds the mirror by lookup. */
  linked: boolean
  /** The number of handlers that have found it and are not done. */
  handlers: number
  /** True once its page table has been returned to the hardware. */
  revoked: boolean
}

/** The state of a thread during a migration. */
export interface Undisturbed {
  /** The sequence number at the start. */
  seq: Sequence
  /** True while the driver has had no invalidation since, besides those of this migration. */
  value: boolean
}

/**
 * A notifier that a driver has declared, and for each thread the range that is walked under its
 * sequence number.
 */
export interface OwnRanges {
  readonly notifier: OwnNotifier
  readonly ranges: ReadonlyMap<number, HmmRange>
}

/** A device that mirrors one address space, with the state of its driver. */
export interface Mirror<S = unknown> extends Device {
  /** `pgmap_owner` of the device's memory; -1 for a device without memory. */
  readonly owner: number
  /** The owner that its driver passes when it takes exclusive access; -1 for none. */
  readonly exclusiveOwner: number
  /** The notifier over the whole mirror. */
  readonly notifier: IntervalNotifier
  /** The classic notifier of its driver, if that has one. */
  readonly classic?: ClassicNotifier
  /** The driver's update lock: held while the device page table is changed, and by the callback. */
  readonly updateLock: Mutex
  /** All page frames of the machine, by number. */
  readonly frames: readonly Frame[]
  /** For each thread the range of its walks. */
  readonly ranges: ReadonlyMap<number, HmmRange>
  /**
   * The state of each thread's migration. Absent for a driver that maps no page while it migrates.
   */
  readonly undisturbed?: ReadonlyMap<number, Undisturbed> | undefined
  /**
   * The notifiers that its driver has declared. Empty for a driver with the mirror's notifier only.
   */
  readonly ownNotifiers: readonly OwnRanges[]
  /** The state for its close; absent for a mirror that is not closed while its device faults. */
  readonly ending?: MirrorEnd | undefined
  /** The work items of its driver, by name: see {@link workOf}. */
  readonly works: ReadonlyMap<string, WorkStruct>
  /** The pools that its driver has declared. */
  readonly pools: readonly Pool<object>[]
  /** The state of its driver that other mirrors have, too. */
  readonly shared: readonly SharedState[]
  /** The state of its driver. */
  readonly state: S
  /** The locks that protect the device page table. */
  readonly protection: PageTableProtection
  /** Its driver. */
  driver: Driver
}

/** The declaration of a mirror. */
export interface MirrorSize {
  readonly name: string
  /** Index of its device, which other mirrors may have, too (default a device of its own). */
  readonly device?: number
  /** The owner of the device's memory (default none). */
  readonly owner?: number
  /**
   * The owner that its driver passes when it takes exclusive access; -1 for none. Absent if it
   * never takes exclusive access.
   */
  readonly exclusiveOwner?: number
  readonly notifier: IntervalNotifier
  /** For the driver's `invalidateRangeStart`. */
  readonly classic?: ClassicNotifier
  /** Threads that run accesses of the device. */
  readonly threads: readonly number[]
  /** True if its driver maps pages at the end of their migration (`migrateAndMap`). */
  readonly mapsAtOnce?: boolean
  /** True if it may be closed while its device faults (default false). */
  readonly closable?: boolean
  /**
   * True if its driver may store the struct page of a device page instead of the memory behind it
   * (H16).
   */
  readonly storesStructPages?: boolean
  readonly size: Pick<MachineSize, 'pages' | 'frames' | 'deviceMemory' | 'hugePages'>
  /** All page frames of the machine. */
  readonly frames: readonly Frame[]
}

/** An entry, a translation and an access are each read and written atomically. */
const WORD = { word: 'entry' } as const

/** Declares a mirror in `layout`, with `driver` attached to its notifier. */
export function declareMirror(layout: Layout, options: MirrorSize, driver: Driver): Mirror {
  const { pages } = options.size
  const mirror: Mirror = layout.scope(options.name, (l) => {
    const updateLock = declareUpdateLock(l, 'update')
    const own: (readonly [OwnNotifier, readonly number[]])[] = []
    const shared: SharedState[] = []
    const setting = {
      ...options,
      mm: options.notifier.mm,
      declareNotifier: (layout: Layout, walkers: readonly number[] = options.threads) => {
        const notifier = declareAnother(own.length, layout, options, driver)
        own.push([notifier, walkers.filter((thread) => options.threads.includes(thread))])
        return notifier
      },
      perProcess: <D extends object>(declare: (layout: Layout) => D) =>
        sharedState(layout, driver, shared, `process[${options.notifier.mm.index}]`, declare),
      perDevice: <D extends object>(declare: (layout: Layout) => D) =>
        sharedState(layout, driver, shared, `device[${options.device ?? options.name}]`, declare),
    }
    const earlier = l.pools.length
    const state = driver.state?.(l, setting)
    if (state !== undefined)
      mustBeDeclared(
        driver.name,
        options.name,
        state,
        own.map(([notifier]) => notifier),
      )
    const pools = l.pools.slice(earlier).filter((pool) => !shared.some((each) => each.pools.includes(pool)))
    const protection = driver.pageTable?.(state) ?? { program: updateLock, remove: updateLock }
    for (const way of ['program', 'remove'] as const)
      Guard.mustBe(protection?.[way], `${driver.name}: pageTable.${way}, and so the page table,`)
    const guardedBy = driver.pageTable ? any(protection.program, protection.remove) : updateLock
    const grant = {
      ...WORD,
      guardedBy,
      ...(driver.pageTable ? { replacedUnder: protection.remove } : {}),
    }
    const translation = (entry: Layout, guarded: boolean) => ({
      frame: entry.ref('frame', options.frames, guarded ? grant : WORD),
      write: entry.flag('write', guarded ? grant : WORD),
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
      ...(options.classic ? { classic: options.classic } : {}),
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
            touched: a.array('touched', driver.access ? pages : 0, (page) => ({
              how: page.counter('how', Touched.written, { ghost: true }),
            })),
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
      ownNotifiers: own.map(([notifier, walkers], index) => ({
        notifier,
        ranges: new Map(
          walkers.map((thread) => [
            thread,
            declareRange(
              l,
              `own_range[${index}][${thread}]`,
              thread,
              notifier,
              options.size,
              protection.program,
            ),
          ]),
        ),
      })),
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
      shared,
      state,
      protection,
      driver,
    }
  })
  for (const { mirrors } of mirror.shared) mirrors.push(mirror)
  const setUnder = mirror.protection.remove
  options.notifier.ops = { invalidate: invalidationOf(mirror), setUnder }
  for (const { notifier } of mirror.ownNotifiers)
    notifier.ops = { invalidate: invalidationOf(mirror, notifier.name), setUnder }
  const { invalidateRangeStart } = driver
  if (mirror.classic && invalidateRangeStart)
    mirror.classic.ops = {
      start: procedure(`${mirror.name}: invalidate_range_start`, function* (current: Task, _classic, range) {
        return yield* invalidateRangeStart(current, mirror, range)
      }),
    }
  return mirror
}

/**
 * Inserts the notifier before the first step of a scenario, as mmu_interval_notifier_insert does if
 * no invalidation is open. For `adopt`.
 *
 * @param pages - the pages to watch: only for a notifier that the driver has declared itself
 */
export function beginWatching(
  notifier: IntervalNotifier,
  pages?: Pick<NotifierRange, 'start' | 'end'>,
): void {
  if (pages !== undefined) watchPages(notifier, pages)
  notifier.allocated = true
  insertAtRest(notifier)
}

/**
 * Allocates the driver's object without inserting the mirror's notifier: the driver has notifiers
 * of its own. Called inside an atomic step.
 */
export function openWithoutNotifier({ notifier }: Mirror): void {
  notifier.allocated = true
  // No reader compares with this number: any number of an earlier invalidation will do.
  const seq = unobserved(() => READ_ONCE(notifier.mm.subscriptions).seq)
  notifier.seq = seq & 1 ? seq : seq - 1
}

/** The most notifiers that a driver may declare for a mirror of `pages` pages. */
export function mostOwnNotifiers(pages: number): number {
  return 2 * pages + 4
}

function declareAnother(
  earlier: number,
  layout: Layout,
  { name, notifier: { mm }, size: { pages } }: MirrorSize,
  driver: Driver,
): OwnNotifier {
  if (!driver.ownNotifiers)
    throw new SpecificationError(
      'scenario',
      `driver ${driver.name} declares a notifier of its own and has the mirror's too; say \`ownNotifiers: true\``,
    )
  if (earlier === mostOwnNotifiers(pages))
    throw new SpecificationError(
      'scenario',
      `driver ${driver.name} declares more than ${earlier} notifiers for ${name}, which has ${pages} pages`,
    )
  const notifier = declareOwnNotifier(layout, 'notifier', mm, pages)
  beforeFree(layout, () =>
    claim(
      'C17',
      !notifier.allocated || (!notifier.inTree && !notifier.deferred),
      `what ${notifier.name} is part of is freed, and it has not been removed`,
    ),
  )
  return notifier
}

/**
 * The callback of a mirror's notifier: calls the driver's with the mirror, and with the notifier if
 * the driver has several.
 */
function invalidationOf(mirror: Mirror, own = '') {
  return procedure(
    own === '' ? `${mirror.name}: invalidate` : `${mirror.name}: invalidate ${own}`,
    function* (current: Task, sub: IntervalNotifier, range: NotifierRange, curSeq: number) {
      const { invalidate, ownNotifiers } = mirror.driver
      // A driver with one notifier does not get the notifier.
      const told = ownNotifiers ? ([sub] as const) : ([] as unknown as [IntervalNotifier])
      const done = yield* invalidate(current, mirror, range, curSeq, ...told)
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

/**
 * Frees the driver's object, with its notifier, work items and pools. Called inside an atomic step.
 */
export function freeDriverObject(mirror: Mirror): void {
  for (const pool of mirror.pools) pool.mustBeEmpty()
  for (const { pools, mirrors } of mirror.shared)
    if (mirrors.every((each) => each === mirror || !each.notifier.allocated))
      for (const pool of pools) pool.mustBeEmpty()
  for (const work of mirror.works.values()) destroyWork(work)
  mirror.notifier.seq = 0
  mirror.notifier.allocated = false
}

/** True if a migration by the driver of `mirror` causes the invalidation. */
export function isOwnMigration(
  { owner }: Pick<Mirror, 'owner'>,
  range: Pick<NotifierRange, 'event' | 'owner'>,
): boolean {
  return range.event === NotifyEvent.MIGRATE && range.owner === owner
}

/** The access of `mirror` that `current` runs. */
export function accessOf(mirror: Mirror, current: Task): Access {
  const access = mirror.accesses.get(current.thread)
  if (access === undefined)
    throw new SpecificationError(
      'scenario',
      `thread ${current.thread} makes ${mirror.name} access memory and was not declared to`,
    )
  return access
}

/** All notifiers of the driver of `mirror`, the one over the whole mirror first. */
export function notifiersOf({ notifier, ownNotifiers }: Mirror): readonly IntervalNotifier[] {
  return [notifier, ...ownNotifiers.map((own) => own.notifier)]
}

/** The ranges of `thread` for `mirror`, the one under the mirror's notifier first. */
export function rangesOfThread({ ranges, ownNotifiers }: Mirror, thread: number): readonly HmmRange[] {
  return [ranges, ...ownNotifiers.map((own) => own.ranges)].flatMap((byThread) => byThread.get(thread) ?? [])
}

/**
 * The range of `current` for `mirror`.
 *
 * @param notifier - the notifier of the range, for a driver with `ownNotifiers` (default the
 * mirror's)
 */
export function rangeOf(
  mirror: Mirror,
  current: Task,
  notifier: IntervalNotifier = mirror.notifier,
): HmmRange {
  const own = mirror.ownNotifiers.find((one) => one.notifier === notifier)
  const range = (own ?? mirror).ranges.get(current.thread)
  if (range === undefined)
    throw new SpecificationError(
      'scenario',
      `thread ${current.thread} populates ${mirror.name} and was not declared to`,
    )
  return range
}

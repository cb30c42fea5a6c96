/**
 * The interface of a driver. The reference driver, the recorded driver and drivers of users
 * implement it.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'
import type {
  DeviceFault,
  Frame,
  IntervalNotifier,
  MachineSize,
  MmStruct,
  NotifierRange,
  OwnNotifier,
  Task,
} from '../kernel/index.js'
import {
  type Invariant,
  type Layout,
  mustBeClaims,
  type Procedure,
  type ProgressClaim,
  type Protection,
  type RecordOf,
  SpecificationError,
  type StepClaim,
} from '../world/index.js'
import type { Mirror } from './mirror.js'

/** The parts of the mirror that `state` may use: they are declared before the driver's state. */
export interface MirrorSetting {
  readonly name: string
  readonly mm: MmStruct
  readonly notifier: IntervalNotifier
  /** All page frames of the machine, by number. */
  readonly frames: readonly Frame[]
  readonly size: Pick<MachineSize, 'pages' | 'frames' | 'deviceMemory' | 'hugePages'>
  /** Threads that run accesses of the device. */
  readonly threads: readonly number[]
  /**
   * Declares an interval notifier that the driver inserts and removes itself; part of a pool object
   * if `layout` is the layout of one. Only for a driver with `ownNotifiers`.
   *
   * @param walkers - the threads that walk under its number (default all that run accesses of the
   * device)
   */
  readonly declareNotifier: (layout: Layout, walkers?: readonly number[]) => OwnNotifier
  /**
   * Declares state that all mirrors of one process share, of whichever device: the first mirror
   * declares it, and the others get the same.
   */
  readonly perProcess: <D extends object>(declare: (layout: Layout) => D) => RecordOf<D>
  /** The same for all mirrors of one device, of whichever process. */
  readonly perDevice: <D extends object>(declare: (layout: Layout) => D) => RecordOf<D>
}

/**
 * The locks that a thread must hold to change the device page table: see `exclusive`, `shared`,
 * `any` and `both`.
 */
export interface PageTableProtection {
  /** To add an entry or to widen its permissions. */
  readonly program: Protection
  /**
   * To remove an entry or to narrow its permissions. The callback holds these locks when it calls
   * mmu_interval_set_seq.
   */
  readonly remove: Protection
}

/**
 * The result of a fault handler: 0 or `mapped` if the pages are mapped, by this fault or by another
 * one meanwhile; `again` if the device must fault again; a negative error number if the fault
 * fails.
 */
export type FaultAnswer = number | 'mapped' | 'again'

/** A driver that mirrors address spaces into its device's page table. */
export interface Driver<S = unknown> {
  /** The name of the driver in traces. */
  readonly name: string
  /**
   * Declares the driver's state for one mirror in the world of the scenario: records, sequence
   * numbers, locks. Procedures read it as `mirror.state`. A driver without it has the mirror's
   * `updateLock` and no other state.
   */
  readonly state?: (layout: Layout, mirror: MirrorSetting) => S
  /** The locks that protect the device page table. Absent: the mirror's `updateLock`. */
  readonly pageTable?: (state: S) => PageTableProtection
  /**
   * The driver's own rule: true if `thread` may program the device with `page` now, under the locks
   * that it holds. It must be true in each step that programs the page, and must imply that the
   * page was not invalidated since the walk that reported it (C8). Absent: mmu_interval_read_retry
   * returned false for the thread's range, and its sequence number is still current.
   */
  readonly mayBind?: (mirror: Mirror<S>, page: number, thread: number) => boolean
  /**
   * The notifier's callback: the page-table entries of `range` are about to change. When it returns
   * 1 the device no longer uses the pages: its entries are removed, its TLB is flushed, its
   * accesses have ended. It may return 0 only if `range.blockable` is false and it would have to
   * sleep.
   *
   * It must call `mmu_interval_set_seq` with `curSeq` under the lock that protects removal, even if
   * no page is mapped.
   */
  readonly invalidate: Procedure<
    [
      current: Task,
      mirror: Mirror<S>,
      range: NotifierRange,
      curSeq: number,
      /**
       * the notifier that is called, for a driver with `ownNotifiers`; otherwise absent, and the
       * mirror's notifier is meant.
       */
      notifier?: IntervalNotifier,
    ],
    number
  >
  /**
   * True for a driver that inserts and removes notifiers at run time, instead of one notifier over
   * the whole mirror. Its `state` declares them ({@link MirrorSetting.declareNotifier}), and
   * `invalidate` gets the one that is called.
   */
  readonly ownNotifiers?: boolean
  /**
   * The callback of a classic notifier over the whole address space, for a driver with
   * `ownNotifiers` that has one besides them: it is called after theirs, for every invalidation,
   * without a sequence number. With it, the device no longer uses the pages when this returns 0,
   * and `invalidate` only has to set the sequence number. It returns -EAGAIN if `range.blockable`
   * is false and it would have to sleep. It is registered from the beginning, and still called
   * after `close`.
   *
   * @kernel mmu_notifier_ops.invalidate_range_start
   */
  readonly invalidateRangeStart?: Procedure<[current: Task, mirror: Mirror<S>, range: NotifierRange], number>
  /**
   * The handler of a device fault: maps the pages from `start` to `end` (the page after the last)
   * as the CPU maps them, writable if `write`. A page that is mapped already needs no walk.
   */
  readonly fault: Procedure<
    [current: Task, mirror: Mirror<S>, start: number, end: number, write: boolean],
    FaultAnswer
  >
  /**
   * The handler of a device fault for exclusive access to `page` ({@link deviceAtomic}): takes it by
   * make_device_exclusive or make_device_exclusive_range, and programs it by {@link mapAtomic}
   * before it drops the folio lock. Returns 0, or a negative error number if the access fails.
   * Absent: as in the reference driver.
   */
  readonly atomicFault?: Procedure<[current: Task, mirror: Mirror<S>, page: number], number>
  /**
   * An access to the pages from `start` to `end` by a software device without page table and TLB:
   * the driver looks up the pages in its own state, faults in the missing ones, and copies with the
   * CPU. It writes `value`, or reads if `value` is absent, and returns 0 or a negative error
   * number. Absent: the device makes its accesses by itself, and faults.
   */
  readonly access?: Procedure<
    [current: Task, mirror: Mirror<S>, start: number, end: number, value: number | undefined],
    number
  >
  /**
   * Closes the mirror while its device may still fault. When it returns, the device maps no page,
   * the notifier is removed, and a later fault maps no page. The mirror is freed once no thread
   * handles a fault. Absent: the device no longer faults, the page table is cleared under the
   * update lock, and the notifier is removed.
   */
  readonly close?: Procedure<[current: Task, mirror: Mirror<S>], void>
  /**
   * The caller of `close`. Absent: any thread, even while a fault is handled. `last user`: a fault
   * handler holds a reference to the mirror, and `close` runs when the last reference is put. The
   * checker then assumes this, and each verdict states the assumption.
   */
  readonly closedBy?: 'last user'
  /**
   * The address space goes away: stops the device, and returns when its accesses have ended. Only
   * before Linux 5.5: an interval notifier gets an ordinary invalidation instead.
   */
  readonly release?: Procedure<[current: Task, mirror: Mirror<S>], void>
  /**
   * A CPU fault on `page`, which is in the device's memory: migrates it back to system memory
   * ({@link bringBack}, or the procedures of migrate_vma). The caller holds the mmap lock for
   * reading, and the reference and lock that `fault` states. Returns 0, an error of the fault, or
   * `again` if the page stays for now, for a time slice: the CPU faults again, and must complete its
   * access eventually (C48). Absent: as in the reference driver. Device memory that is added and
   * removed at run time keeps its own driver.
   *
   * @kernel dev_pagemap_ops.migrate_to_ram
   */
  readonly migrateToRam?: Procedure<
    [current: Task, mirror: Mirror<S>, page: number, fault: DeviceFault],
    number | 'again'
  >
  /**
   * Migrates the pages from `start` to `end` into the device's memory, as far as possible: user
   * space requests it. Returns 0 or a negative error number. Absent: as in the reference driver,
   * which takes none of this driver's locks.
   */
  readonly migrateToDevice?: Procedure<[current: Task, mirror: Mirror<S>, start: number, end: number], number>
  /** Migrates the pages from `start` to `end` back to system memory. */
  readonly migrateToSystem?: Procedure<[current: Task, mirror: Mirror<S>, start: number, end: number], number>
  /**
   * Migrates back to system memory what it can of all pages in the device's memory, in whichever
   * page table they are mapped (`migrate_device_range`). It holds no mmap lock, and reads no VMA: a
   * process may have exited, and its child may have the page mapped. Absent: as in the reference
   * driver.
   */
  readonly evict?: Procedure<[current: Task, mirror: Mirror<S>], void>
  /**
   * Sets the driver's state for `page` as a fault would leave it. Called before the first step of a
   * scenario in which the device already maps pages. Absent: the driver has no state for the pages
   * that it maps.
   */
  readonly adopt?: (mirror: Mirror<S>, page: number) => void
  /**
   * Work items of each mirror, by name: the function that a kernel thread runs after a procedure
   * has queued the item ({@link workOf}, `queue_work`). They are part of the driver's object:
   * `close` must leave no item queued or running.
   */
  readonly work?: Readonly<Record<string, Procedure<[current: Task, mirror: Mirror<S>], void>>>
  /** The claims of its author, for each mirror of each scenario that runs the driver. */
  readonly claims?: (mirror: Mirror<S>) => DriverClaims
  /**
   * Statecharts of the driver: `state` declares instances by `l.lifecycle(id, name)`, and its steps
   * send events to them.
   */
  readonly statecharts?: readonly AnyStateMachine[]
}

/**
 * Claims of a driver. Each names a requirement in `clause`: one of its own, or of the
 * specification.
 */
export interface DriverClaims {
  readonly invariants?: readonly Invariant[]
  readonly stepClaims?: readonly StepClaim[]
  readonly progress?: readonly ProgressClaim[]
}

const CLAIMS = ['invariants', 'stepClaims', 'progress'] as const satisfies readonly (keyof DriverClaims)[]

/**
 * The claims that the author of `driver` makes about `mirror`.
 *
 * @throws SpecificationError `scenario` for a claim that would never be evaluated
 */
export function claimsOf<S>(driver: Driver<S>, mirror: Mirror<S>): DriverClaims {
  if (driver.claims === undefined) return {}
  const claims: unknown = driver.claims(mirror)
  const where = `claims of driver ${driver.name}`
  if (typeof claims !== 'object' || claims === null)
    throw new SpecificationError(
      'scenario',
      `${where} answers ${String(claims)}, not { ${CLAIMS.join(', ')} }`,
    )
  const others = Object.keys(claims).filter((key) => !(CLAIMS as readonly string[]).includes(key))
  if (others.length > 0)
    throw new SpecificationError(
      'scenario',
      `${where} has ${others.join(', ')}, which nobody would ask; it has ${CLAIMS.join(', ')}`,
    )
  mustBeClaims(claims, where)
  return claims
}

/** A driver whose state is declared as `D`. Its procedures see the state as records. */
export type DriverDefinition<D extends object> = Omit<Driver<RecordOf<D>>, 'state' | 'invalidate'> & {
  /** See {@link Driver.invalidate}. */
  readonly invalidate: Procedure<
    [
      current: Task,
      mirror: Mirror<RecordOf<D>>,
      range: NotifierRange,
      curSeq: number,
      notifier: IntervalNotifier,
    ],
    number
  >
  /** See {@link Driver.state}. */
  readonly state?: (layout: Layout, mirror: MirrorSetting) => D
}

/**
 * Defines a driver, with its own state if it declares `state`.
 *
 * @example
 * ```ts
 * const declareState = (l: Layout, { notifier }: MirrorSetting) => ({
 *   lock: new RwSemaphore(l, 'notifier_lock', { rank: LockRank.update }),
 *   pagesSeq: l.sequence('pages_seq', notifier),
 * })
 * type Svm = Mirror<RecordOf<ReturnType<typeof declareState>>>
 *
 * export default defineDriver({
 *   name: 'svm',
 *   state: declareState,
 *   pageTable: ({ lock }) => ({ program: shared(lock), remove: exclusive(lock) }),
 *   mayBind: ({ state, notifier }: Svm) => isCurrent(state.pagesSeq, notifier),
 *   invalidate, fault, close,
 * })
 * ```
 */
export function defineDriver<D extends object>(definition: DriverDefinition<D>): Driver {
  const { state, pageTable, close, name } = definition
  if (pageTable && !close)
    throw new SpecificationError(
      'scenario',
      `driver ${name} protects its page table by locks of its own (pageTable) and has no close; ` +
        'write one that empties the page table under them and removes the notifier',
    )
  const declared =
    state && ((layout: Layout, mirror: MirrorSetting) => layout.scope('driver', (l) => state(l, mirror)))
  // The state of a mirror is that of its own driver, and only the mirror's driver gets it.
  return { ...definition, state: declared } as unknown as Driver
}

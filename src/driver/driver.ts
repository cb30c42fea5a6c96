/**
 * What a driver must provide: the interface that the reference driver, the recorded one and a user's implement.
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

/** What a driver may build its own state on: the mirror, before that state is declared. */
export interface MirrorSetting {
  readonly name: string
  readonly mm: MmStruct
  readonly notifier: IntervalNotifier
  /** Every page frame of the machine, by number. */
  readonly frames: readonly Frame[]
  readonly size: Pick<MachineSize, 'pages' | 'frames' | 'deviceMemory' | 'hugePages'>
  /** Threads that make the device fault. */
  readonly threads: readonly number[]
  /**
   * An interval notifier that the driver inserts and removes itself, of an object of a pool if `layout` is that of one. Only for a
   * driver with `ownNotifiers`.
   */
  readonly declareNotifier: (layout: Layout) => OwnNotifier
}

/** What must be held to change the device page table: see `exclusive`, `shared`, `any` and `both`. */
export interface PageTableProtection {
  /** To add an entry, or rights to one. */
  readonly program: Protection
  /** To remove an entry, or rights. The callback holds it as it sets the sequence. */
  readonly remove: Protection
}

/**
 * What a driver answers to a fault: 0 or `mapped` when the pages are mapped, by this fault or by another one meanwhile;
 * `again` if the device is to fault again; a negative error number if it is to give up.
 */
export type FaultAnswer = number | 'mapped' | 'again'

/** A driver that mirrors address spaces into its device's page table. */
export interface Driver<S = unknown> {
  /** Name, as in traces. */
  readonly name: string
  /**
   * Declares what the driver keeps for one mirror, in the world of the scenario: records, sequence numbers, locks. Procedures find
   * it as `mirror.state`. Without it a driver has the mirror's `updateLock` and no state.
   */
  readonly state?: (layout: Layout, mirror: MirrorSetting) => S
  /** What protects the device page table. Absent: the mirror's `updateLock`. */
  readonly pageTable?: (state: S) => PageTableProtection
  /**
   * The driver's own rule: whether `thread` may program the device with `page` now, under the locks that it holds. It must hold in
   * each step that programs the page, and imply that the page was not invalidated since the walk that found it (C8).
   * Absent: mmu_interval_read_retry has cleared the thread's own range, and its number is still the notifier's.
   */
  readonly mayBind?: (mirror: Mirror<S>, page: number, thread: number) => boolean
  /**
   * The notifier's callback: pages of `range` are about to change. When it returns 1 the device uses none of them
   * any more: entries removed, TLB flushed, accesses ended. It may return 0 only if `range.blockable` is false and it
   * would have to sleep.
   *
   * It must call `mmu_interval_set_seq` with `curSeq` under the lock that removal takes, also where nothing is mapped.
   */
  readonly invalidate: Procedure<
    [
      current: Task,
      mirror: Mirror<S>,
      range: NotifierRange,
      curSeq: number,
      /** Which one, for a driver with `ownNotifiers`; else it is the mirror's, and absent. */
      notifier?: IntervalNotifier,
    ],
    number
  >
  /**
   * True for a driver that inserts notifiers where it needs them, and removes them again, in place of one over the whole mirror: its
   * `state` declares them ({@link MirrorSetting.declareNotifier}), and `invalidate` is told which one is called.
   */
  readonly ownNotifiers?: boolean
  /**
   * A fault of the device: maps the pages from `start` to `end` (the page after the last) as the CPU has them, for
   * writing if `write`. A page that is mapped already needs no walk.
   */
  readonly fault: Procedure<
    [current: Task, mirror: Mirror<S>, start: number, end: number, write: boolean],
    FaultAnswer
  >
  /**
   * An access to the pages from `start` to `end`, for a device in software, which has neither page table nor TLB: its driver
   * looks the pages up in what it keeps of them, faults what is missing, and copies by CPU. Writes `value`, or reads if there
   * is none; answers 0 or a negative error number. Absent: the device makes its accesses by itself, and faults.
   */
  readonly access?: Procedure<
    [current: Task, mirror: Mirror<S>, start: number, end: number, value: number | undefined],
    number
  >
  /**
   * The mirror is closed, while its device may still fault: when it returns the device maps nothing, the notifier is removed, and
   * a fault that comes to it maps nothing any more: its memory is freed once nobody handles one. Absent: the device no longer
   * faults, the page table is emptied under the update lock, and the notifier removed.
   */
  readonly close?: Procedure<[current: Task, mirror: Mirror<S>], void>
  /**
   * Who calls `close`. Absent: anybody, also while a fault is handled. `last user`: whoever handles a fault has a reference to the
   * mirror, and `close` runs when the last one is put. That is taken for granted then, and each verdict says so.
   */
  readonly closedBy?: 'last user'
  /**
   * The address space is going away: halts the device, and returns when it makes no access any more. Only before Linux
   * 5.5: an interval notifier is told of it as of any other invalidation.
   */
  readonly release?: Procedure<[current: Task, mirror: Mirror<S>], void>
  /**
   * A CPU has touched `page`, which is in the device's memory: brings it back ({@link bringBack}, or the procedures of
   * migrate_vma). The caller holds the mmap lock for reading, and of the page what `fault` says. Returns 0 or an error of the fault.
   * Absent: the reference driver's. Memory that comes and goes keeps the driver that has it.
   *
   * @kernel dev_pagemap_ops.migrate_to_ram
   */
  readonly migrateToRam?: Procedure<
    [current: Task, mirror: Mirror<S>, page: number, fault: DeviceFault],
    number
  >
  /**
   * Moves what can be moved of the pages from `start` to `end` into the device's memory: user space asks for it. Returns 0 or a
   * negative error number. Absent: the reference driver's, which takes none of the driver's locks.
   */
  readonly migrateToDevice?: Procedure<[current: Task, mirror: Mirror<S>, start: number, end: number], number>
  /** The other way. */
  readonly migrateToSystem?: Procedure<[current: Task, mirror: Mirror<S>, start: number, end: number], number>
  /**
   * Some scenarios begin with pages that the device maps already. Sets what the driver keeps of `page` as a fault would have left it,
   * before anybody acts. Absent: the driver keeps nothing of pages that it maps.
   */
  readonly adopt?: (mirror: Mirror<S>, page: number) => void
  /**
   * Work items of each mirror, by name: what a kernel thread does once a procedure has queued the item ({@link workOf},
   * `queue_work`). They are part of the driver's object: `close` must leave none queued or running.
   */
  readonly work?: Readonly<Record<string, Procedure<[current: Task, mirror: Mirror<S>], void>>>
  /** What its author claims of it, for each mirror of each scenario that it is put into. */
  readonly claims?: (mirror: Mirror<S>) => DriverClaims
  /** Statecharts of its own: `state` declares instances by `l.lifecycle(id, name)`, and its steps signal events at them. */
  readonly statecharts?: readonly AnyStateMachine[]
}

/** Claims that a driver brings along. Each names a requirement in `clause`: one of its own, or of the specification. */
export interface DriverClaims {
  readonly invariants?: readonly Invariant[]
  readonly stepClaims?: readonly StepClaim[]
  readonly progress?: readonly ProgressClaim[]
}

const CLAIMS = ['invariants', 'stepClaims', 'progress'] as const satisfies readonly (keyof DriverClaims)[]

/**
 * What the author of `driver` claims of `mirror`.
 *
 * @throws SpecificationError `scenario` for what looks like a claim and would never be asked
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

/** A driver whose state is declared as `D`; its procedures see it as records. */
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
 * A driver, with state of its own if it declares some.
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
  // A mirror has the state that its own driver has declared: nobody else calls these procedures with it.
  return { ...definition, state: declared } as unknown as Driver
}

/**
 * The world of a race, and what its threads may do: the machine of the oracle with the recorded driver, and a thread for each
 * of the trace.
 *
 * @module
 */
import { declareMirror, type Mirror } from '../../driver/index.js'
import {
  attachDmirrorDevice,
  type DmirrorDevice,
  dmirror_check_atomic,
  dmirror_exclusive,
  dmirror_fops_open,
  dmirror_fops_release,
  dmirror_migrate_to_device,
  dmirror_migrate_to_system,
  dmirror_read,
  dmirror_write,
  recordedDriver,
} from '../../driver/recorded/index.js'
import { releases } from '../../generations/releases.js'
import {
  cpuRead,
  cpuWrite,
  declareMachine,
  fork,
  type Machine,
  type MachineSize,
  madvise_dontneed,
  mmap,
  mmput,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mprotect,
  munmap,
  NotifyEvent,
  type Task,
  VM_READ,
  VM_WRITE,
} from '../../kernel/index.js'
import {
  type AnyProcedure,
  BLOCKED,
  Layout,
  type Override,
  procedure,
  type Running,
  SequentialRunner,
  step,
  use,
  type World,
} from '../../world/index.js'
import type { Operation } from '../operations.js'
import type { ChartActors } from './actors.js'
import { driverOfRaces } from './driver.js'
import { eventStep, instrumented } from './instrument.js'
import { judgedIn, NOTIFIER_EVENTS } from './table.js'
import type { RaceOperation } from './trace/marks.js'
import type { Race } from './trace/race.js'

/** A call of a procedure, and what its answer is in a mark. */
interface OperationCall {
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
  readonly told: (answer: never) => Readonly<Record<string, number>>
}

/** What a thread runs. */
export interface Program {
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
}

/** Performs the calls of an operation, and ends with what the last of them answers. */
const perform = procedure('operation', function* (calls: readonly OperationCall[]): Running<void> {
  let answer: Readonly<Record<string, number>> = { rc: 0 }
  for (const call of calls) {
    answer = call.told((yield* call.procedure(...call.args)) as never)
    if (answer.rc) break
  }
  yield* eventStep('end of the operation', { at: 'end', answer })
})

/** An invalidation of pages outside of the window. */
const invalidateOther = procedure(
  'invalidation of other pages',
  function* (current: Task, page: number, event: number): Running<void> {
    const range = {
      start: page,
      end: page + 1,
      event: NOTIFIER_EVENTS[event] ?? NotifyEvent.UNMAP,
      blockable: true,
      owner: -1,
    }
    yield* mmu_notifier_invalidate_range_start(current, current.mm, range)
    yield* mmu_notifier_invalidate_range_end(current, current.mm, range)
  },
)

/**
 * A child: once its parent has made it, it exits. Its address space is used again for the next, as if it had never been: each gets
 * one of its own from the kernel.
 *
 * @param initial - the world at the beginning
 */
function childFrom(initial: World) {
  return procedure('child', function* (current: Task): Running<void> {
    const { mm, machine } = current
    yield* step('begin to run', () => (mm.users > 0 ? 0 : BLOCKED))
    yield* mmput(current, mm)
    yield* step('free the address space', () => {
      for (const cell of machine.layout.cells)
        if (cell.name.startsWith(`${mm.name}.`)) cell.value = cell.readOnce(initial)
      return 0
    })
  })
}

const VALUE = 1

/** What a world may have besides. */
export interface WorldOptions {
  /** Other texts than those of the release. */
  readonly replaced?: readonly Override[]
  /** Other texts than the product's for the driver (default those of the races). */
  readonly driver?: readonly Override[]
  /** Hears of what happens in the lifecycles. */
  readonly actors?: ChartActors
}

/** The world of a race. */
export class RaceWorld {
  readonly layout: Layout
  readonly machine: Machine
  /** What is replaced, events included. */
  readonly overrides: readonly Override[]
  /** The world at the beginning: the files are open, and the window is mapped. */
  readonly initial: World
  /** The files: those that the race begins with, one for each device, and one for each thread that opens another. */
  private readonly mirrors: readonly Mirror[]
  /** By thread: index of the file that it opens. */
  private readonly own: ReadonlyMap<number, number>
  private readonly device: DmirrorDevice | undefined
  private readonly programs = new Map<string, Program>()

  /**
   * @param race - whose world it is
   * @param options - what else it has
   */
  constructor(
    private readonly race: Race,
    { replaced = [], driver = driverOfRaces, actors }: WorldOptions = {},
  ) {
    const { kernel, threads } = race
    const rest = [...releases[kernel].overrides, ...replaced, ...driver]
    this.overrides = [...rest, ...instrumented([...judgedIn(kernel).values()], rest)]
    this.layout = new Layout({ threads: threads.length })
    const size = sizeOf(race)
    this.machine = declareMachine(this.layout, size)
    const everybody = threads.map((_, index) => index)
    const opened = filesOpened(race)
    this.own = new Map(opened.map((thread, index) => [thread, notifiersOf(race) + index]))
    this.mirrors = this.machine.mms[0].subscriptions.intervals.map((notifier, index) =>
      declareMirror(
        this.layout,
        {
          name: notifier.name.replace('sub', 'dmirror'),
          owner: index < notifiersOf(race) ? index : 0,
          ...(uses(race, 'exclusive') ? { exclusiveOwner: -1 } : {}),
          notifier,
          threads: everybody,
          size,
          frames: this.machine.frames,
        },
        recordedDriver,
      ),
    )
    const [memory] = this.machine.deviceMemory
    const files = this.mirrors.filter(({ owner }) => owner === 0)
    this.device = memory && attachDmirrorDevice(this.layout, memory, files)
    this.initial = this.layout.initial()
    actors?.attach(this.layout)
    this.setUp(rest)
  }

  /** What `thread` runs for an operation. */
  operation(thread: number, operation: RaceOperation): Program {
    return this.remembered(`${thread} ${operation.text}`, () => ({
      procedure: perform as unknown as AnyProcedure,
      args: [operation.operations.map((each) => this.call(thread, each, operation.ownFile))],
    }))
  }

  /** What `thread` runs as it invalidates pages outside of the window. */
  aside(thread: number, event: number): Program {
    return this.remembered(`${thread} aside ${event}`, () => ({
      procedure: invalidateOther as unknown as AnyProcedure,
      args: [this.task(thread), this.race.pages, event],
    }))
  }

  private remembered(key: string, make: () => Program): Program {
    let program = this.programs.get(key)
    if (program === undefined) {
      program = make()
      this.programs.set(key, program)
    }
    return program
  }

  private setUp(overrides: readonly Override[]): void {
    const runner = new SequentialRunner({ overrides })
    use(this.initial)
    for (const mirror of this.mirrors.slice(0, notifiersOf(this.race)))
      runner.run(0, dmirror_fops_open, mirror)
    runner.run(0, mmap, this.task(0), 0, this.race.pages, VM_READ | VM_WRITE)
  }

  /** What the children of a thread run: each uses its memory for nothing, and exits. */
  child(thread: number): Program {
    return this.remembered(`${thread} child`, () => ({
      procedure: childFrom(this.layout.initial()) as unknown as AnyProcedure,
      args: [this.task(thread)],
    }))
  }

  private task(thread: number): Task {
    const { machine } = this
    const mm = machine.mms[mmOf(this.race, thread)]
    return { thread, machine, mm, cpu: machine.cpus[thread] }
  }

  private call(thread: number, operation: Operation, ownFile: boolean): OperationCall {
    const task = this.task(thread)
    const mirror = this.mirrors[ownFile ? (this.own.get(thread) ?? 0) : 0]
    const calls = (made: object, args: readonly unknown[], told: OperationCall['told']): OperationCall => ({
      procedure: made as AnyProcedure,
      args,
      told,
    })
    switch (operation.name) {
      case 'dev_read':
        return calls(dmirror_read, [task, mirror, operation.start, operation.end], faulted)
      case 'dev_write': {
        const values = Array.from({ length: operation.end - operation.start }, () => VALUE)
        return calls(dmirror_write, [task, mirror, operation.start, values], faulted)
      }
      case 'munmap':
        return calls(munmap, [task, operation.start, operation.end - operation.start], status)
      case 'mmap':
        return calls(mmap, [task, operation.start, operation.end - operation.start, operation.flags], status)
      case 'mprotect':
        return calls(
          mprotect,
          [task, operation.start, operation.end - operation.start, operation.flags],
          status,
        )
      case 'madv_dontneed':
        return calls(madvise_dontneed, [task, operation.start, operation.end - operation.start], status)
      case 'migrate_to_dev':
        return calls(
          dmirror_migrate_to_device,
          [task, this.device, mirror, operation.start, operation.end],
          failed,
        )
      case 'migrate_to_sys':
        return calls(dmirror_migrate_to_system, [task, mirror, operation.start, operation.end], failed)
      case 'exclusive':
        return calls(dmirror_exclusive, [task, mirror, operation.start, operation.end], failed)
      case 'check_exclusive':
        return calls(dmirror_check_atomic, [mirror, operation.start, operation.end], status)
      case 'cpu_read':
        return calls(cpuRead, [task, operation.page], signalled)
      case 'cpu_write':
        return calls(cpuWrite, [task, operation.page, VALUE], signalled)
      case 'fork': {
        const child = this.race.threads.findIndex(({ forkedBy }) => forkedBy === thread)
        return calls(fork, [task, this.machine.mms[mmOf(this.race, child)]], status)
      }
      case 'open':
        return calls(dmirror_fops_open, [mirror], status)
      case 'close':
        return calls(dmirror_fops_release, [task, mirror, this.device], status)
      default:
        throw new Error(`${operation.name} is no operation of a race`)
    }
  }
}

function status(rc: number) {
  return { rc }
}

function failed({ error }: { readonly error: number }) {
  return { rc: error }
}

/** How many faults it took is told of what succeeds. */
function faulted({ error, faults }: { readonly error: number; readonly faults: number }) {
  return error ? { rc: error } : { rc: 0, faults }
}

const SIGBUS = 7
const SIGSEGV = 11
const BUS = -3

function signalled(answer: number) {
  if (answer >= 0) return { sig: 0 }
  return { sig: answer === BUS ? SIGBUS : SIGSEGV }
}

function uses({ events }: Race, ...names: readonly Operation['name'][]): boolean {
  return events.some(
    (event) => event.kind === 'begin' && event.operation.operations.some(({ name }) => names.includes(name)),
  )
}

/** The address space of a thread: that of the race, or one for the children of each thread that forks. */
function mmOf({ threads }: Race, thread: number): number {
  if (threads[thread].forkedBy === undefined) return 0
  return 1 + threads.slice(0, thread).filter(({ forkedBy }) => forkedBy !== undefined).length
}

/** Files that are open when the race begins: one for each device. */
function notifiersOf({ notifiers }: Race): number {
  return Math.max(1, notifiers)
}

/** The threads that open a file of their own. */
function filesOpened({ threads, events }: Race): number[] {
  return [...threads.keys()].filter((thread) =>
    events.some(
      (event) =>
        event.thread === thread &&
        event.kind === 'begin' &&
        event.operation.operations.some(({ name }) => name === 'open'),
    ),
  )
}

/** A page beyond the window stands for all others; frames for all pages, and to copy to. */
function sizeOf(race: Race): MachineSize {
  const pages = race.pages + 1
  const threads = race.threads.length
  const mms = 1 + race.threads.filter(({ forkedBy }) => forkedBy !== undefined).length
  const migrates = uses(race, 'migrate_to_dev', 'migrate_to_sys', 'close')
  return {
    pages,
    frames: (mms + threads) * pages,
    mms,
    cpus: race.threads.map((_, thread) => mmOf(race, thread)),
    values: VALUE,
    invalidations: race.events.filter(({ kind }) => kind === 'aside' || kind === 'begin' || kind === 'probe')
      .length,
    intervals: [
      ...Array.from({ length: notifiersOf(race) }, (_, index) => `sub${index}`),
      ...filesOpened(race).map((thread) => `sub0 of ${race.threads[thread].name}`),
    ].map((name) => ({ name, mm: 0, start: 0, last: pages - 1 })),
    bits: true,
    anonVmas: 2 * mms * pages,
    rules: { tracksSoftDirty: false, ...releases[race.kernel].rules },
    ...(migrates ? { deviceMemory: [2 * pages, 1], evictsChunks: true } : {}),
  }
}

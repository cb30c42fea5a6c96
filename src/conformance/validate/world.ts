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
  dmirror_interval_invalidate,
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
  type Machine,
  type MachineSize,
  madvise_dontneed,
  mmap,
  mmu_interval_set_seq,
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
  Layout,
  type Override,
  override,
  procedure,
  type Running,
  SequentialRunner,
  step,
  use,
  type World,
} from '../../world/index.js'
import type { Operation } from '../operations.js'
import { eventStep, instrumented } from './instrument.js'
import { judgedIn, NOTIFIER_EVENTS } from './table.js'
import type { RaceOperation } from './trace/marks.js'
import type { Race } from './trace/race.js'

/**
 * The driver of the recorded races: its own migrations record the sequence, and change nothing else. As the kernel has it they
 * pass it by (H1), and such races crashed that kernel.
 */
const recordsOwnMigrations: Override = override(
  dmirror_interval_invalidate,
  (original) =>
    function* (current, mirror, range, curSeq) {
      if (range.event !== NotifyEvent.MIGRATE || range.owner !== mirror.owner)
        return yield* original(current, mirror, range, curSeq)
      yield* mirror.updateLock.lock()
      yield* step('set_seq', () => {
        mmu_interval_set_seq(mirror.notifier, curSeq)
        return 0
      })
      yield* mirror.updateLock.unlock()
      return 1
    },
)

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

const VALUE = 1

/** The world of a race. */
export class RaceWorld {
  readonly layout: Layout
  readonly machine: Machine
  /** What is replaced, events included. */
  readonly overrides: readonly Override[]
  /** The world at the beginning: the files are open, and the window is mapped. */
  readonly initial: World
  private readonly mirrors: readonly Mirror[]
  private readonly device: DmirrorDevice | undefined
  private readonly programs = new Map<string, Program>()

  constructor(private readonly race: Race) {
    const { kernel, threads } = race
    const rest = [...releases[kernel].overrides, recordsOwnMigrations]
    this.overrides = [...rest, ...instrumented([...judgedIn(kernel).values()], rest)]
    this.layout = new Layout({ threads: threads.length })
    const size = sizeOf(race)
    this.machine = declareMachine(this.layout, size)
    const everybody = threads.map((_, index) => index)
    this.mirrors = this.machine.mms[0].subscriptions.intervals.map((notifier, index) =>
      declareMirror(
        this.layout,
        {
          name: `dmirror${index}`,
          owner: index,
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
    this.device = memory && attachDmirrorDevice(this.layout, memory, this.mirrors.slice(0, 1))
    this.initial = this.layout.initial()
    this.setUp(rest)
  }

  /** What `thread` runs for an operation. */
  operation(thread: number, operation: RaceOperation): Program {
    return this.remembered(`${thread} ${operation.text}`, () => ({
      procedure: perform as unknown as AnyProcedure,
      args: [operation.operations.map((each) => this.call(thread, each))],
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
    for (const mirror of this.mirrors) runner.run(0, dmirror_fops_open, mirror)
    runner.run(0, mmap, this.task(0), 0, this.race.pages, VM_READ | VM_WRITE)
  }

  private task(thread: number): Task {
    const { machine } = this
    return { thread, machine, mm: machine.mms[0], cpu: machine.cpus[thread] }
  }

  private call(thread: number, operation: Operation): OperationCall {
    const task = this.task(thread)
    const [mirror] = this.mirrors
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
      default:
        throw new Error(`${operation.name} is no operation of a race`)
    }
  }
}

/** The operations that races are made of. */
export const RACE_OPERATIONS: ReadonlySet<Operation['name']> = new Set([
  'dev_read',
  'dev_write',
  'munmap',
  'mmap',
  'mprotect',
  'madv_dontneed',
  'migrate_to_dev',
  'migrate_to_sys',
  'exclusive',
  'check_exclusive',
  'cpu_read',
  'cpu_write',
])

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

/** A page beyond the window stands for all others; frames for all pages, and to copy to. */
function sizeOf(race: Race): MachineSize {
  const pages = race.pages + 1
  const threads = race.threads.length
  const migrates = uses(race, 'migrate_to_dev', 'migrate_to_sys')
  return {
    pages,
    frames: (1 + threads) * pages,
    mms: 1,
    cpus: race.threads.map(() => 0),
    values: VALUE,
    invalidations: race.events.filter(({ kind }) => kind === 'aside' || kind === 'begin' || kind === 'probe')
      .length,
    intervals: Array.from({ length: Math.max(1, race.notifiers) }, (_, index) => ({
      name: `sub${index}`,
      mm: 0,
      start: 0,
      last: pages - 1,
    })),
    bits: true,
    anonVmas: 2 * pages,
    rules: { tracksSoftDirty: false, ...releases[race.kernel].rules },
    ...(migrates ? { deviceMemory: [2 * pages, 1] } : {}),
  }
}

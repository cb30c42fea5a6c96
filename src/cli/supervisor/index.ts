/**
 * Checks in processes of their own, one for each core: they are used again from scenario to scenario, and replaced after
 * a failure. The command line imports no driver; what one does to its process ends one scenario.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import { type AnyStateMachine, createMachine } from 'xstate'
import type { Defect } from '../../../spec/defect.js'
import type { Atomicity, AtomicityOptions } from '../../checker/atomicity/atomicity.js'
import { memoryFor } from '../../checker/clock.js'
import type { CheckOptions } from '../../checker/options.js'
import type { CheckResult, Trace } from '../../checker/result.js'
import type { RandomResult } from '../../checker/runs/random.js'
import { CheckpointFile } from '../../host/checkpoint-file.js'
import { nodeHost } from '../../host/node.js'
import { printable } from '../../report/form/printable.js'
import type { Scenario } from '../../world/model.js'
import { selected } from '../arguments/selected.js'
import { UsageError } from '../arguments/usage.js'
import { statechartEntry } from '../loading/statechart-entry.js'
import {
  type Project,
  type Replayed,
  type Selection,
  type SupervisionOptions,
  scenariosOfDriver,
} from '../project.js'
import { referenceProject } from '../reference.js'
import type { Io } from '../terminal/io.js'
import { CheckProcess, ProcessError, type Watch } from './process.js'
import type { Order, ProjectFacts } from './protocol.js'

/** Milliseconds that a driver may take to be loaded, unless a limit of time says less. */
const LOADING_MS = 30_000
/** CPU time that loading may take after that: on a busy machine it gets less of it in the same time. */
const LOADING_PATIENCE = { stuckMs: 1000, lateMs: LOADING_MS }

/** What a process does so as to be warm: a scenario that takes any driver. */
const WARMING: Order = {
  kind: 'check',
  scenario: 'munmap',
  defects: [],
  bounds: 'smoke',
  set: {},
  reductions: 'all',
  limits: {},
  digest: false,
}

/** The project that `hmm-spec` runs on: the specification that comes with the tool, checked by other processes. */
export function supervisedProject(): Project {
  const reference = referenceProject()
  const ready: WarmProcess[] = []
  return {
    ...reference,
    warm: (count, options, io) => {
      while (ready.length < count) ready.push(warmProcess(options, io))
    },
    cool: () => {
      for (const { process } of ready.splice(0)) process.kill()
    },
    supervised: async (selection, options, io) => {
      const pool = new Pool(selection, options, io, ready)
      try {
        const project = await described(reference, selection, pool)
        return {
          ...project,
          workers: pool.size,
          check: (scenario, options) => pool.check(scenario, options),
          simulate: ({ name }, { defects: _, signal, host: __, ...settings }) =>
            pool.execute(
              { kind: 'simulate', scenario: name, ...settings },
              { timeMs: settings.timeMs, signal },
            ) as Promise<RandomResult>,
          atomicity: (scenario, options) => pool.atomicity(scenario, options),
          exportScenario: ({ name }, { defects, ...settings }) =>
            pool.execute(
              { kind: 'export', scenario: name, defects: defects.map(({ name }) => name), ...settings },
              {},
            ) as Promise<string>,
          replayed: (file, trace, steps) =>
            pool.execute({ kind: 'replay', file, trace, steps }, {}) as Promise<Replayed>,
          explained: ({ name }, trace) =>
            pool.execute(
              { kind: 'explain', scenario: name, defects: trace.defects, trace },
              {},
            ) as Promise<Trace>,
          close: () => pool.close(),
        }
      } catch (error) {
        pool.close()
        throw error
      }
    },
  }
}

function newProcess({ limits: { memoryBytes } }: SupervisionOptions, io: Io): CheckProcess {
  return new CheckProcess(memoryBytes, (text) => io.stderr.write(printable(text)))
}

/** A process that has the specification, and whose engine has compiled what every check runs. */
interface WarmProcess {
  readonly process: CheckProcess
  /** Resolves when it is that far, or has ended. */
  readonly isWarm: Promise<unknown>
}

function warmProcess(options: SupervisionOptions, io: Io): WarmProcess {
  const process = newProcess(options, io)
  // One that has failed is not usable, and another is made.
  return { process, isWarm: process.execute(WARMING, {}).catch(() => {}) }
}

/** The project that is asked for. One with a file's driver or texts is known by what a process tells of it. */
async function described(reference: Project, selection: Selection, pool: Pool): Promise<Project> {
  const { scenario, driver, override } = selection
  const comesWithUs =
    override === undefined &&
    scenario === undefined &&
    (driver === undefined || scenariosOfDriver(reference, driver) !== undefined)
  if (comesWithUs) return selected(reference, selection)
  const { scenarios, own, ...facts } = await pool.describe()
  const elsewhere = facts.scenarioFile === undefined ? {} : { elsewhere: reference.scenarios }
  const known = {
    ...reference,
    ...facts,
    ...elsewhere,
    scenarios: scenarios.map((scenario) => ({
      ...scenario,
      build: () => {
        throw new Error(`scenario ${scenario.name} is built where its file is loaded`)
      },
    })),
  }
  if (own === undefined) return known
  const machines = own.machines.map((config): AnyStateMachine => createMachine(config))
  // Their texts are where they are loaded: here they are listed, and asked for by name.
  const defects = own.defects as readonly Defect[]
  return {
    ...known,
    own: { ...own, machines, defects },
    defects: [...reference.defects, ...defects],
    requirements: [...reference.requirements, ...own.requirements],
    statecharts: [...reference.statecharts, ...machines.map(statechartEntry)],
  }
}

/** How many checks of at most `memoryBytes` each there are cores and memory for. */
function workersFor(memoryBytes: number | undefined): number {
  const each = memoryBytes ?? memoryFor(nodeHost)
  const room = Math.floor((0.75 * (nodeHost.memoryBytes ?? each)) / each)
  return Math.max(1, Math.min(availableParallelism(), room))
}

/** Processes that have loaded one selection. */
class Pool {
  readonly size: number
  private readonly idle: CheckProcess[] = []
  private readonly all = new Set<CheckProcess>()
  private facts: ProjectFacts | undefined

  constructor(
    private readonly selection: Selection,
    private readonly options: SupervisionOptions,
    private readonly io: Io,
    /** Processes that nobody uses yet. */
    private readonly ready: WarmProcess[],
  ) {
    this.size = options.workers ?? workersFor(options.limits.memoryBytes)
  }

  /** What was loaded. */
  async describe(): Promise<ProjectFacts> {
    const process = await this.take({})
    this.idle.push(process)
    return this.facts as ProjectFacts
  }

  /** Checks a scenario, which must be one of the project's or belong to the defects that are put in. */
  async check(scenario: Scenario, options: CheckOptions): Promise<CheckResult> {
    const {
      bounds = 'default',
      set = {},
      reductions = 'all',
      claims,
      limits = {},
      defects = [],
      digest = false,
      audit,
      checkpoints,
    } = options
    return (await this.execute(
      {
        kind: 'check',
        scenario: scenario.name,
        defects: defects.map(({ name }) => name),
        bounds,
        set,
        reductions,
        ...(claims === undefined ? {} : { claims }),
        limits,
        digest,
        ...(audit === undefined ? {} : { audit }),
        ...(checkpoints instanceof CheckpointFile ? { checkpoint: checkpoints.place } : {}),
      },
      { timeMs: limits.timeMs, signal: options.signal, onProgress: options.onProgress },
    )) as CheckResult
  }

  /** Finds the steps of a scenario, which must be one of the project's, that are too large. */
  async atomicity(scenario: Scenario, options: AtomicityOptions): Promise<Atomicity> {
    const { bounds = 'default', set = {}, states } = options
    return (await this.execute(
      {
        kind: 'atomicity',
        scenario: scenario.name,
        bounds,
        set,
        ...(states === undefined ? {} : { states }),
      },
      {},
    )) as Atomicity
  }

  /** Has an order carried out by a process that is free, or a new one. */
  async execute(order: Order, watch: Watch): Promise<unknown> {
    const process = await this.take(watch)
    try {
      return await process.execute(order, watch)
    } finally {
      if (process.usable) this.idle.push(process)
      else this.all.delete(process)
    }
  }

  /** Ends all of them. */
  close(): void {
    for (const process of this.all) process.kill()
  }

  private async take({ signal }: Watch): Promise<CheckProcess> {
    for (let free = this.idle.pop(); free !== undefined; free = this.idle.pop()) if (free.usable) return free
    const { timeMs = LOADING_MS } = this.options.limits
    const process = (await this.takeWarm()) ?? newProcess(this.options, this.io)
    this.all.add(process)
    try {
      // The time that the specification takes is not the driver's.
      await process.execute({ kind: 'hello' }, { signal })
      const facts = await process.execute(
        { kind: 'load', selection: this.selection },
        { timeMs, patience: LOADING_PATIENCE, signal },
      )
      this.facts ??= facts as ProjectFacts
      return process
    } catch (error) {
      this.all.delete(process)
      process.kill()
      throw this.loadingError(error)
    }
  }

  private async takeWarm(): Promise<CheckProcess | undefined> {
    const warm = this.ready.shift()
    await warm?.isWarm
    return warm?.process.usable ? warm.process : undefined
  }

  /** What went wrong while a file was loaded is wrong of the file. */
  private loadingError(error: unknown): unknown {
    const { scenario, driver, override } = this.selection
    const [named] = [
      override && `--override ${override}`,
      driver && `--driver ${driver}`,
      scenario && `--scenario ${scenario}`,
    ].filter((option) => option !== undefined)
    if (named === undefined || error instanceof UsageError || !(error instanceof Error)) return error
    const code = 'code' in error ? ` (${String(error.code)})` : ''
    const message = `${named} cannot be loaded${code}: ${error.message}`
    return error instanceof ProcessError && error.isStopped
      ? new ProcessError(error.code, message)
      : new UsageError(message)
  }
}

/**
 * What the command line and the processes that run checks say to each other: one JSON document a line. A process does
 * one thing at a time.
 *
 * @module
 */
import type { Defect } from '../../../spec/defect.js'
import type { Asking, Limits, Reductions } from '../../checker/options.js'
import type { Progress, Trace } from '../../checker/result.js'
import type { RandomOptions } from '../../checker/runs/random.js'
import type { CheckpointPlace } from '../../host/checkpoint-file.js'
import type { RecordedTrace } from '../../report/sequence/trace-file.js'
import type { Bounds, Parameters, Scenario } from '../../world/model.js'
import type { Place } from '../../world/procedures/running.js'
import type { OwnText, ProcedureText, Selection } from '../project.js'

/** How to run at random, without what does not travel. */
export type RandomSettings = Omit<RandomOptions, 'defects' | 'signal' | 'host'>

/** The file descriptor of the connection, in the process that runs checks. */
export const CONNECTION = 3

/** What to check: everything by name, since objects do not travel. */
export interface CheckOrder {
  readonly kind: 'check'
  readonly scenario: string
  readonly defects: readonly string[]
  readonly bounds: Bounds
  readonly set: Parameters
  readonly reductions: Reductions
  /** See {@link CheckOptions.claims}. */
  readonly claims?: Asking
  readonly limits: Limits
  readonly digest: boolean
  /** See {@link CheckOptions.audit}. */
  readonly audit?: number | 'off'
  /** Where it keeps checkpoints. */
  readonly checkpoint?: CheckpointPlace
}

/** What to run at random: as {@link CheckOrder}. */
export interface SimulateOrder extends RandomSettings {
  readonly kind: 'simulate'
  readonly scenario: string
}

/** A scenario whose steps that are too large are to be found. */
export interface AtomicityOrder {
  readonly kind: 'atomicity'
  readonly scenario: string
  readonly bounds: Bounds
  readonly set: Parameters
  /** Most states (default no limit). */
  readonly states?: number
}

/** A scenario to print for another model checker. */
export interface ExportOrder {
  readonly kind: 'export'
  readonly scenario: string
  readonly defects: readonly string[]
  readonly bounds: Bounds
  readonly set: Parameters
  readonly reductions: Reductions
  /** Most states. */
  readonly states: number
}

/** A trace to run again. */
export interface ReplayOrder {
  readonly kind: 'replay'
  /** What to call the trace in messages. */
  readonly file: string
  readonly trace: RecordedTrace
  /** After which step the state is wanted. */
  readonly steps: number
}

/** A trace of a scenario to explain. */
export interface ExplainOrder {
  readonly kind: 'explain'
  readonly scenario: string
  readonly defects: readonly string[]
  readonly trace: Trace
}

/** A project to load. Nothing else is asked for before it is. */
export interface LoadOrder {
  readonly kind: 'load'
  readonly selection: Selection
}

/** What a process does and answers, once. */
export type Order =
  | { readonly kind: 'hello' }
  | LoadOrder
  | CheckOrder
  | AtomicityOrder
  | SimulateOrder
  | ExportOrder
  | ReplayOrder
  | ExplainOrder

/** What a process is told beside its orders: to end the check in good order, to say where it is. */
export type Message = Order | { readonly kind: 'stop' } | { readonly kind: 'where' }

/** What is known of a scenario without its text. */
export type ScenarioFacts = Pick<Scenario, 'name' | 'summary' | 'parameters' | 'exercises'>

/** What is known of a project whose driver the command line does not load itself. */
export interface ProjectFacts {
  readonly scenarios: readonly ScenarioFacts[]
  readonly driver?: { readonly name: string; readonly file: string }
  readonly generation?: string
  readonly kernel?: string
  readonly texts?: readonly ProcedureText[]
  readonly scenarioFile?: string
  /** What files bring along; its machines as XState's own configurations. */
  readonly own?: Omit<OwnText, 'machines' | 'defects'> & {
    readonly machines: readonly object[]
    readonly defects: readonly DefectFacts[]
  }
}

/** What is known of a defect without its texts. */
export type DefectFacts = Omit<Defect, 'overrides'> & {
  readonly overrides: readonly {
    readonly target: { readonly procedureName: string }
    readonly step?: string
  }[]
}

/** An error, so that it can be thrown again. */
export interface ErrorFacts {
  /** `usage`: of the command line. `specification`: of a scenario or driver. `internal`: anything else. */
  readonly kind: 'usage' | 'specification' | 'internal'
  readonly code: string
  readonly message: string
}

/** Where a process is that does not answer. */
export interface Whereabouts {
  /** Procedure and step; absent while neither runs. */
  readonly place?: Place
  /** Name of the thread that acts, if one does. */
  readonly threadName?: string
  /** Steps started until then. */
  readonly started: number
  /** The innermost functions, as `name (file:line)`. */
  readonly frames: readonly string[]
}

/** What a process says. */
export type Reply =
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: ErrorFacts; readonly fatal: boolean }
  | { readonly kind: 'progress'; readonly progress: Progress }
  /** It gets on with something of its own that may take long, and ends. */
  | { readonly kind: 'alive' }
  /** Where the main thread is, if it could be stopped, and the CPU time of the process so far, in milliseconds. */
  | { readonly kind: 'whereabouts'; readonly whereabouts?: Whereabouts; readonly workedMs: number }
  /** It uses more memory than it may. */
  | { readonly kind: 'memory'; readonly bytes: number; readonly whereabouts: Whereabouts }
  /** It was told to end, by what it runs. */
  | { readonly kind: 'exiting'; readonly code: number; readonly whereabouts: Whereabouts }

/** Name of the function, on the global object of the process, that tells {@link Whereabouts} but for the frames. */
export const WHEREABOUTS = 'hmm-spec.whereabouts'

/** Cuts what arrives on a connection into lines. */
export class Lines {
  private rest = ''

  constructor(private readonly onLine: (line: string) => void) {}

  /** Takes in what arrived. */
  push(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop() as string
    for (const line of lines) this.onLine(line)
  }
}

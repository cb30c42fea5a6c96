/**
 * What the command line works on: the specification, and the tools that it drives. The real ones are in
 * `reference.ts`; tests give their own.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'
import type { Defect } from '../../spec/defect.js'
import type { Atomicity, AtomicityOptions } from '../checker/atomicity/atomicity.js'
import type { Broken } from '../checker/claims/judge.js'
import type { CheckOptions, Injection, Limits } from '../checker/options.js'
import type { CheckResult, Trace, TraceStep } from '../checker/result.js'
import type { RandomOptions, RandomResult } from '../checker/runs/random.js'
import type { ConformanceOptions, ConformanceResult } from '../conformance/result.js'
import type { Driver } from '../driver/index.js'
import type { ExportOptions } from '../export/scenario.js'
import type { Generation } from '../generations/generation.js'
import type { KernelProfile } from '../generations/profiles.js'
import type { StatechartFormat } from '../report/chart/statechart.js'
import type { Specification } from '../report/explain.js'
import type { StateReport } from '../report/sequence/state.js'
import type { RecordedTrace } from '../report/sequence/trace-file.js'
import type { DeclaredTransition, Universe } from '../report/vacuity.js'
import type { Scenario } from '../world/model.js'
import type { Io } from './terminal/io.js'

/** A statechart, as far as the command line is concerned. */
export interface StatechartEntry {
  readonly name: string
  readonly summary: string
  readonly states: readonly string[]
  readonly events: readonly string[]
  readonly transitions: readonly DeclaredTransition[]
  exportTo(format: StatechartFormat): string
}

/** What the scenarios are to be run with; what is left out is the reference. */
export interface Selection {
  /** A file that exports scenarios. */
  readonly scenario?: string
  /** A file that exports a driver, or the name of a driver that comes with the specification. */
  readonly driver?: string
  /** A file that exports other texts of procedures. */
  readonly override?: string
  readonly kernel?: string
  readonly generation?: string
}

/** What is asked for on the command line: a release of Linux stands for a kernel and a generation. */
export interface Choice extends Selection {
  readonly linux?: string
}

/** The text of a procedure that comes from a file, as JavaScript has it. */
export interface ProcedureText {
  /** Name of the procedure, as traces have it. */
  readonly procedure: string
  readonly text: string
  /** The text that it takes the place of; absent for a procedure of its own. */
  readonly original?: string
  /** The step whose effect it is; absent where it is the text of the whole procedure. */
  readonly step?: string
}

/** What a run should exercise of a file's own text. */
export interface OwnText extends Universe {
  /** Names of its procedures. */
  readonly procedures: readonly string[]
  readonly machines: readonly AnyStateMachine[]
  readonly defects: readonly Defect[]
}

/** How checks are run. */
export interface SupervisionOptions {
  /** Most checks at a time (default: one for each core that there is memory for). */
  readonly workers?: number
  readonly limits: Limits
}

/** A trace that was run again. */
export interface Replayed {
  /** The trace, with its steps as they are now. */
  readonly trace: Trace
  /** What it breaks, as it was recorded to. */
  readonly broken: Broken
  /** Where everything stands after the step that was asked for. */
  readonly state: StateReport
}

/** A specification with the tools that check it. */
export interface Project extends Specification {
  readonly version: string
  /** The commit that the product was built from, if that is known. */
  readonly commit?: string | undefined
  readonly statecharts: readonly StatechartEntry[]
  /** Generations of the mirroring API that the scenarios can be run in, oldest first. */
  readonly generations: readonly Generation[]
  /**
   * The scenarios that `generation` has what it takes for, with `driver` in them or else its own; `clause` is claimed also
   * where it does not hold.
   */
  scenariosIn(generation: Generation, options: { driver?: Driver; clause?: string }): readonly Scenario[]
  /** The generation that {@link Specification.scenarios} are in, if it was asked for. */
  readonly generation?: string
  /** Kernels that the scenarios can be run on; the last is what they are run on unless another is asked for. */
  readonly kernels: readonly KernelProfile[]
  /** The scenarios that any driver can be put into, with `driver` in them. */
  scenariosFor(driver: Driver): readonly Scenario[]
  /** Drivers that come with the specification, by name: each with the scenarios that are there for it. */
  readonly drivers?: Readonly<Record<string, readonly Scenario[]>>
  /** The driver that {@link Specification.scenarios} are with, if it is not the reference driver; and its file. */
  readonly driver?: {
    readonly name: string
    readonly file: string
  }
  /** The file that {@link Specification.scenarios} come from, if they are not the specification's. */
  readonly scenarioFile?: string
  /** Scenarios of the specification that are not run, and that a defect may name. */
  readonly elsewhere?: readonly Scenario[]
  /** What files bring along, for the coverage of their own text. */
  readonly own?: OwnText
  /** The texts that come from a file: those of its driver, or those that it puts in place of the reference's. */
  readonly texts?: readonly ProcedureText[]
  /** What a file puts in place of the reference's texts, in every check. */
  readonly injected?: Injection
  /** The release of Linux that was asked for. */
  readonly linux?: string
  /** The kernel that {@link Specification.scenarios} are on, if it is not the reference. */
  readonly kernel?: string
  /** What a complete run must exercise. */
  universe(): Universe
  /** How many checks may run at a time (default 1). */
  readonly workers?: number
  /**
   * This project with what is asked for, its checks run by other processes; without it they run in this one.
   *
   * @throws UsageError if what is asked for is not there
   */
  supervised?(selection: Selection, options: SupervisionOptions, io: Io): Promise<Project>
  /** Has processes ready for the next time that {@link supervised} is asked, at most so many. */
  warm?(count: number, options: SupervisionOptions, io: Io): void
  /** Ends those that are ready. */
  cool?(): void
  /** Runs a trace again in another process. @throws UsageError if it does not replay */
  replayed?(file: string, trace: RecordedTrace, steps: number): Promise<Replayed>
  /**
   * A trace with what explains it: which of its steps matter, and where those of a file's own stand in its text.
   *
   * @param defects - those that were put in
   */
  explained(scenario: Scenario, trace: Trace, defects: readonly Injection[]): Trace | Promise<Trace>
  /** Ends the processes that run checks. */
  close?(): void
  check(scenario: Scenario, options: CheckOptions): Promise<CheckResult>
  /** Runs a scenario at random, for worlds too large to be explored. */
  simulate(scenario: Scenario, options: RandomOptions): Promise<RandomResult>
  /** Prints a scenario as a Promela model. @throws SpecificationError if it has too many states */
  exportScenario(scenario: Scenario, options: ExportOptions): Promise<string>
  /** Finds the steps of a scenario that are too large. */
  atomicity(scenario: Scenario, options: AtomicityOptions): Promise<Atomicity>
  /** Runs a trace again and judges it. @throws SpecificationError that says what of it is not confirmed */
  replay(
    scenario: Scenario,
    trace: Trace,
    defects: readonly Injection[],
  ): { readonly steps: readonly TraceStep[]; readonly broken: Broken }
  conformFile(path: string, options: ConformanceOptions): Promise<ConformanceResult>
}

/** The scenarios of a driver that comes with the specification; `undefined` for any other name, as that of a file. */
export function scenariosOfDriver(
  { drivers = {} }: Pick<Project, 'drivers'>,
  name: string,
): readonly Scenario[] | undefined {
  return Object.hasOwn(drivers, name) ? drivers[name] : undefined
}

/**
 * Checks a scenario: explores it, looks for runs that never make progress, and returns a result.
 *
 * @module
 */

import { mustBePure, purityOf } from '../purity/texts.js'
import { building } from '../world/acting.js'
import { SpecificationError } from '../world/errors.js'
import type { Model, Parameters, Scenario } from '../world/model.js'
import { Auditor, type FreshSample, type LiveModel } from './audit/audit.js'
import { onNoWay, Samples } from './audit/samples.js'
import { coverageOf } from './claims/coverage.js'
import type { Broken } from './claims/judge.js'
import { bytesOfGraph, findLasso, type Lasso } from './claims/progress.js'
import { Clock } from './clock.js'
import { Digest } from './digest.js'
import { Exploration } from './explore/explore.js'
import { bindCharts } from './explore/system.js'
import { installGuards } from './guard.js'
import type { CheckOptions, FreshModel } from './options.js'
import type { CheckResult, LimitReached, Verdict, ViolationReport } from './result.js'
import { breachingRun, reportOf, runInstead, type TraceSubject } from './runs/trace.js'

/** Samples of each step of the procedures under test. */
const SAMPLES = 4

/** What no world of this project models. Part of every verdict. */
export const NOT_MODELLED: readonly string[] = [
  'weak memory ordering (steps are sequentially consistent)',
  'interrupts and preemption of a step',
  'writeback (a page goes to swap, and comes from it, in one step)',
]

/** The parameters of `scenario` for some bounds, with some of them set by name. */
export function parametersOf(
  scenario: Scenario,
  options: Pick<CheckOptions, 'bounds' | 'set'> = {},
): Parameters {
  const bounds = options.bounds ?? 'default'
  const parameters: Record<string, number> = {}
  for (const [name, parameter] of Object.entries(scenario.parameters)) parameters[name] = parameter[bounds]
  for (const [name, value] of Object.entries(options.set ?? {})) {
    const parameter = scenario.parameters[name]
    if (parameter === undefined)
      throw new SpecificationError(
        'scenario',
        `scenario ${scenario.name} has no parameter ${name}; it has ${Object.keys(scenario.parameters).join(', ') || 'none'}`,
      )
    if (!Number.isInteger(value) || value < parameter.min || value > parameter.max)
      throw new SpecificationError(
        'scenario',
        `${name} of scenario ${scenario.name} is ${parameter.min} to ${parameter.max}, not ${value}`,
      )
    parameters[name] = value
  }
  return parameters
}

/**
 * Explores every interleaving of a scenario within its bounds.
 *
 * @param scenario - the scenario to check
 * @param options - bounds, limits, injected defects, how to stop
 * @returns the verdict and all that belongs to it; a limit or an interrupt is a verdict, not an
 * error
 * @throws SpecificationError if the scenario or one of its procedures is wrong
 *
 * @example
 * ```ts
 * const result = await check(scenario, { bounds: 'smoke' })
 * if (result.verdict === 'violated') console.log(result.violation?.detail)
 * ```
 */
export async function check(scenario: Scenario, options: CheckOptions = {}): Promise<CheckResult> {
  installGuards()
  const parameters = parametersOf(scenario, options)
  // Guarded like procedures: a world that depends on the clock or on random numbers would differ
  // each time.
  const model = building(() => scenario.build(parameters))
  const defects = options.defects ?? []
  const overrides = defects.flatMap((defect) => defect.overrides)
  const exploration = new Exploration(
    model,
    overrides,
    options.reductions,
    options.audit === 'off' ? undefined : new Samples(options.audit ?? SAMPLES),
    options.isOwn,
    options.claims,
  )
  if (options.digest) exploration.digest = new Digest(exploration.system)
  const clock = new Clock(scenario.name, exploration, options)
  const resumedFrom = clock.goOn()
  let stopped: LimitReached | 'interrupted' | undefined
  try {
    stopped = await clock.explore()
  } catch (error) {
    // If the source shows why a step is not deterministic, that message is better.
    if (error instanceof SpecificationError && error.code === 'non-deterministic')
      mustBePure(exploration.control.texts)
    throw error
  }
  mustBePure(exploration.control.texts)
  const explored = coverageOf(exploration)
  let lasso: Lasso | undefined
  let progressChecked = false
  let cutShort = stopped
  const claims = model.progress ?? []
  if (stopped === undefined && exploration.breach === undefined && claims.length > 0) {
    const found = clock.hasRoomFor(bytesOfGraph(exploration))
      ? await findLasso(exploration, claims, (explored) => clock.turn('progress', explored))
      : clock.stopForMemory()
    if (found === 'stopped') cutShort = clock.stopped
    else if (found !== undefined && 'kind' in found) cutShort = found
    else {
      progressChecked = true
      lasso = found
    }
  }
  // The progress check takes the steps again, which would count statechart transitions twice. Only
  // the claims are new.
  const coverage = { ...explored, claims: coverageOf(exploration).claims }
  const about: TraceSubject = {
    scenario: scenario.name,
    parameters,
    defects: defects.map((defect) => defect.name),
    threads: model.threads.map((thread) => thread.name),
  }
  const auditor = options.audit === 'off' ? undefined : new Auditor(exploration, overrides, options)
  if (auditor !== undefined && cutShort === undefined && exploration.breach === undefined)
    if (!(await auditAll(auditor, parameters, options, () => clock.turn('audit')))) cutShort = clock.stopped
  const violation = violationOf(exploration, model, lasso, cutShort === undefined, about)
  if (auditor !== undefined && violation !== undefined && violation.kind !== 'witness') {
    auditor.confirm(violation)
    const fresh = await freshModel(parameters, options)
    if (fresh !== undefined) auditor.confirm(violation, fresh.live)
  }
  model.layout.mustBeAsSealed()
  const verdict: Verdict =
    violation !== undefined
      ? 'violated'
      : cutShort === undefined
        ? 'holds'
        : cutShort === 'interrupted'
          ? 'interrupted'
          : 'limit'
  return {
    scenario: scenario.name,
    parameters,
    defects: defects.map((defect) => defect.name),
    verdict,
    exhaustive: verdict === 'holds' || (exploration.breach === undefined && stopped === undefined),
    ...(cutShort !== undefined && cutShort !== 'interrupted' ? { limit: cutShort } : {}),
    states: exploration.store.count,
    transitions: exploration.transitions,
    depth: exploration.depth,
    queue: exploration.queue,
    elapsedMs: clock.elapsedMs,
    ...(resumedFrom === undefined ? {} : { resumedFrom }),
    storedBytes: exploration.store.bytes,
    storage: 'exact',
    reductions: exploration.system.normaliser.names,
    fairness: progressChecked ? 'weak fairness of each thread' : 'progress not checked',
    notModelled: NOT_MODELLED,
    assumptions: model.assumptions ?? [],
    ...(violation ? { violation } : {}),
    witnesses: (model.witnesses ?? []).map((witness, i) => ({
      name: witness.name,
      reached: exploration.reached[i],
    })),
    coverage,
    ...(exploration.digest !== undefined && exploration.breach === undefined && stopped === undefined
      ? { digest: exploration.digest.result }
      : {}),
    ...(auditor === undefined ? {} : { audit: auditor.audited }),
    purity: purityOf(exploration.control),
    control: { locations: exploration.control.size, replays: exploration.control.replays },
  }
}

/**
 * Runs in freshly loaded modules for each scenario, in addition to those for steps that have had
 * none.
 */
const FRESH_RUNS = 2

/**
 * Audits the exploration, with the modules as loaded and with fresh ones.
 *
 * @returns false if it was stopped
 */
async function auditAll(
  auditor: Auditor,
  parameters: Parameters,
  options: CheckOptions,
  tick: () => Promise<boolean>,
): Promise<boolean> {
  if (!(await auditor.run(tick))) return false
  const { fresh } = options
  if (fresh === undefined) return true
  let left = FRESH_RUNS
  const samples = auditor.freshSamples()
  const isAllKnown = samples.every(({ step }) => fresh.audited.has(step))
  const wanted = samples.filter(({ step }) => !fresh.audited.has(step) || left-- > 0)
  // A run also takes the steps before its last one for the first time, so they need no runs of
  // their own.
  for (const { sample } of onNoWay(wanted, (each) => auditor.wayTo(each))) {
    if (!(await tick())) return false
    const model = await freshModel(parameters, options)
    if (model === undefined) return true
    auditor.runFresh(sample, model.live)
  }
  for (const { step } of wanted) fresh.audited.add(step)
  return isAllKnown || auditUnfrozen(auditor, samples, parameters, options, tick)
}

/**
 * Takes the same runs, one after the other, in one more fresh loading of the modules, and checks
 * what state the modules keep in the end. Nothing is frozen there. A write to a frozen object has
 * no effect, and goes unnoticed in sloppy mode or if the error is caught; here it has an effect.
 *
 * @returns false if it was stopped
 */
async function auditUnfrozen(
  auditor: Auditor,
  samples: readonly FreshSample[],
  parameters: Parameters,
  options: CheckOptions,
  tick: () => Promise<boolean>,
): Promise<boolean> {
  const model = await freshModel(parameters, options, 'watched')
  if (model === undefined) return true
  const { live, again } = model
  again.note()
  const mustKeepNothing = () => {
    again.mustBeAsNoted('Where nothing is frozen')
    live.model.layout.mustBeAsSealed()
  }
  for (const { sample } of samples) {
    if (!(await tick())) return false
    try {
      auditor.runFresh(sample, live)
    } catch (error) {
      // State that the modules keep explains more than its consequence.
      mustKeepNothing()
      throw error
    }
  }
  mustKeepNothing()
  return true
}

/** The model from another loading of the code under test. */
async function freshModel(
  parameters: Parameters,
  { fresh }: CheckOptions,
  handles: 'frozen' | 'watched' = 'frozen',
): Promise<{ readonly live: LiveModel; readonly again: FreshModel } | undefined> {
  const again = await fresh?.again()
  if (again === undefined) return undefined
  const model = building(() => again.scenario.build(parameters))
  bindCharts(model)
  if (handles === 'frozen') model.layout.seal()
  else model.layout.watch()
  return { live: { model, overrides: again.defects.flatMap(({ overrides }) => overrides) }, again }
}

/**
 * The first claim that does not hold: a broken one, one that is pending for ever, or a witness that
 * no state satisfies.
 */
function violationOf(
  exploration: Exploration,
  model: Model,
  lasso: Lasso | undefined,
  complete: boolean,
  about: TraceSubject,
): ViolationReport | undefined {
  const { breach } = exploration
  if (breach !== undefined) {
    const { steps, broken } = breachingRun(exploration)
    return reportOf(about, broken, steps, { shortest: true })
  }
  if (lasso !== undefined) {
    const { claim, stem, loop } = lasso
    const detail =
      loop.length === 0
        ? 'this run ends, and what must not last lasts for ever'
        : `this run never gets on: the last ${loop.length} steps repeat for ever, though every thread that can go on does`
    const broken: Broken = { kind: 'progress', clause: claim.clause, claim: claim.name, detail }
    const loopFrom = loop.length === 0 ? {} : { loopFrom: stem.length }
    return reportOf(about, broken, [...stem, ...loop], { shortest: false, ...loopFrom })
  }
  const missing = complete ? (model.witnesses ?? []).find((_, i) => !exploration.reached[i]) : undefined
  if (missing === undefined) return undefined
  const instead = runInstead(exploration, missing)
  const broken: Broken = {
    kind: 'witness',
    clause: missing.clause ?? 'witness',
    claim: missing.name,
    detail: `no reachable state shows it: ${missing.name}${missing.about === undefined ? '' : ` (${missing.about})`}${
      instead === undefined ? '' : `; in this run ${instead.what}`
    }`,
  }
  return reportOf(about, broken, instead?.steps ?? [], { shortest: instead !== undefined })
}

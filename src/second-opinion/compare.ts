/**
 * Checks a scenario, has SPIN check its exported model, and says where the two differ.
 *
 * @module
 */
import { check } from '../checker/check.js'
import { DEADLOCK } from '../checker/explore/system.js'
import type { Injection } from '../checker/options.js'
import type { CheckResult } from '../checker/result.js'
import { NEVER_MET, type PromelaModel } from '../export/promela.js'
import { promelaOfScenario } from '../export/scenario.js'
import type { Bounds, Parameters, Scenario } from '../world/model.js'
import { explore, lasting, type SpinError, type SpinResult, type Tools } from './spin.js'

/** What SPIN is asked about. */
export interface Subject {
  /** Name of the scenario, or of the defect that is put into it. */
  readonly name: string
  readonly scenario: Scenario
  readonly bounds: Bounds
  readonly set: Parameters
  readonly defects: readonly Injection[]
  /** True to ask about the progress claims too. */
  readonly progress: boolean
}

/** What this checker says of a subject, and the model that SPIN is given. */
export interface Prepared {
  readonly subject: Subject
  readonly result: CheckResult
  readonly model: PromelaModel
}

/** Both answers, and where they differ. */
export interface Opinion extends Prepared {
  readonly spin: SpinResult
  /** Empty where SPIN says the same. */
  readonly differences: readonly string[]
  /** What both were compared in. */
  readonly compared: string
}

/** Most states of a subject. */
export const MOST_STATES = 1_000_000

/**
 * Checks a subject, and records it for SPIN.
 *
 * @returns `undefined` if it has more states than {@link MOST_STATES}
 * @throws SpecificationError if it cannot be explored
 */
export async function prepare(subject: Subject): Promise<Prepared | undefined> {
  const { scenario, bounds, set, defects } = subject
  const result = await check(scenario, {
    bounds,
    set,
    defects,
    audit: 'off',
    limits: { states: MOST_STATES },
  })
  if (result.verdict === 'limit') return undefined
  const model = promelaOfScenario(scenario, {
    bounds,
    set,
    defects,
    reductions: 'all',
    states: MOST_STATES,
  })
  return { subject, result, model }
}

/** Asks SPIN, and compares. */
export async function compare(tools: Tools, prepared: Prepared): Promise<Opinion> {
  const { subject, result, model } = prepared
  const spin = await explore(tools, model.text)
  const differences: string[] = []
  const { violation } = result
  const isBreach = violation !== undefined && violation.kind !== 'progress' && violation.kind !== 'witness'
  let compared: string
  if (isBreach) {
    compared = `${violation.clause} after ${violation.trace.steps.length} steps`
    differences.push(...differencesOfBreach(violation.clause, violation.trace.steps.length, model, spin))
  } else {
    compared = 'states, steps, depth, no breach'
    differences.push(...differencesOfCounts(result, model, spin))
  }
  if (subject.progress && !isBreach) {
    const answers = await lasting(
      tools,
      model.text,
      model.progress.map(({ formula }) => formula),
    )
    compared += `, ${answers.length} progress claims`
    const broken =
      violation?.kind === 'progress'
        ? model.progress.findIndex(({ name }) => name === violation.claim)
        : answers.length
    // Those behind the first that does not hold were not asked here.
    for (const [i, { name }] of model.progress.entries())
      if (i <= broken && answers[i] !== (i === broken))
        differences.push(
          `progress claim "${name}": SPIN finds ${answers[i] ? 'a' : 'no'} fair run that stays where it is pending`,
        )
  }
  return { ...prepared, spin, differences, compared }
}

function differencesOfCounts(
  { states, transitions, depth }: Pick<CheckResult, 'states' | 'transitions' | 'depth'>,
  model: PromelaModel,
  spin: SpinResult,
): string[] {
  const ours = { states, transitions, depth }
  const differences = (['states', 'transitions', 'depth'] as const).flatMap((what) =>
    ours[what] === spin[what] ? [] : [`${what}: ${ours[what]} here, ${spin[what]} in SPIN`],
  )
  return [...differences, ...spin.errors.map((error) => `SPIN finds ${describe(error, model)}`)]
}

function differencesOfBreach(
  clause: string,
  steps: number,
  model: PromelaModel,
  { errors }: SpinResult,
): string[] {
  const found = errors.filter(({ wrong }) => wrong !== NEVER_MET)
  const differences = errors
    .filter((error) => lengthOf(error, model) < steps)
    .map((error) => `SPIN finds ${describe(error, model)}, in fewer steps than ${steps}`)
  const same = found.some((error) => lengthOf(error, model) === steps && clauseOf(error, model) === clause)
  if (same) return differences
  const others = found.map((error) => describe(error, model)).join(', ')
  return [
    ...differences,
    `SPIN does not find ${clause} broken after ${steps} steps, but ${others || 'nothing'}`,
  ]
}

function clauseOf({ wrong }: SpinError, model: PromelaModel): string {
  if (wrong === 'deadlock') return DEADLOCK
  return model.wrong.get(wrong)?.clause ?? 'a value that exploring never met'
}

/** Steps of the run to an error. */
function lengthOf({ wrong, depth }: SpinError, model: PromelaModel): number {
  // A claim about a step fails as the step is taken; of what was never met it is not known which it was.
  return wrong !== 'deadlock' && model.wrong.get(wrong)?.about === 'step' ? depth + 1 : depth
}

function describe(error: SpinError, model: PromelaModel): string {
  return `${clauseOf(error, model)} after ${lengthOf(error, model)} steps`
}

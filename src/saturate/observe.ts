/**
 * What an exploration shows: steps with what they answer, transitions of statecharts, claims that had something to say.
 *
 * @module
 */
import { coverageOf } from '../checker/claims/coverage.js'
import { Exploration } from '../checker/explore/explore.js'
import { installGuards } from '../checker/guard.js'
import { SpecificationError } from '../world/errors.js'
import type { Parameters, Scenario } from '../world/model.js'

/** The kinds of what can be shown. */
export const SHOWN = ['answers', 'transitions', 'claims'] as const

/** What was shown, each by name. */
export interface Shown {
  /** `procedure: step = answer`. Of numbers only the sign counts, but for 0, 1 and negative ones: frames are numbers too. */
  readonly answers: ReadonlySet<string>
  /** `chart: state --event--> target`. */
  readonly transitions: ReadonlySet<string>
  /** `clause: name` of claims that held and were not beside the point, in some state or step. */
  readonly claims: ReadonlySet<string>
}

/** What one exploration showed. */
export interface Observation extends Shown {
  readonly states: number
  /** False if it was abandoned at the limit of states. */
  readonly complete: boolean
}

/** States explored between two looks at the limits. */
const BATCH = 4096

/**
 * Explores `scenario` with `parameters`.
 *
 * @param stateLimit - how many states it may have before it is abandoned
 * @throws SpecificationError if the scenario is wrong, too small for what happens in it, or breaks a claim
 */
export function observe(scenario: Scenario, parameters: Parameters, stateLimit: number): Observation {
  installGuards()
  const exploration = new Exploration(scenario.build(parameters))
  const answers = new Set<string>()
  exploration.control.onAnswer = ({ procedureName }, step, answer) => {
    answers.add(`${procedureName}: ${step.name} = ${kindOf(answer)}`)
  }
  while (!exploration.done && exploration.store.count <= stateLimit) exploration.advance(BATCH)
  const { breach } = exploration
  if (breach !== undefined)
    throw new SpecificationError('scenario', `${scenario.name} breaks ${breach.clause} at these bounds`)
  const { transitions, claims } = coverageOf(exploration)
  return {
    states: exploration.store.count,
    complete: exploration.done,
    answers,
    transitions: new Set(
      transitions
        .filter(({ taken }) => taken > 0)
        .map(({ chart, state, event, target }) => `${chart}: ${state} --${event}--> ${target}`),
    ),
    claims: new Set(
      claims.filter(({ exercised }) => exercised > 0).map(({ clause, name }) => `${clause}: ${name}`),
    ),
  }
}

/** An answer in words. */
function kindOf(answer: unknown): string {
  if (typeof answer === 'number') return answer > 1 ? 'more than 1' : String(answer)
  if (typeof answer === 'string' || typeof answer === 'boolean') return String(answer)
  if (answer === undefined) return 'nothing'
  if (Array.isArray(answer)) return answer.length === 0 ? 'an empty list' : 'a list'
  return 'a record'
}

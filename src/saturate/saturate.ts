/**
 * Raises each bound of a scenario by one, and tells what the larger scenario shows that the scenario did not.
 *
 * @module
 */
import { SpecificationError } from '../world/errors.js'
import type { Parameters, Scenario } from '../world/model.js'
import { type Observation, observe, SHOWN, type Shown } from './observe.js'

/** A scenario one step larger. */
export interface RaisedBound {
  /** What is larger about it: `pages=3`. */
  readonly name: string
  readonly scenario: Scenario
  readonly parameters: Parameters
}

/** What a scenario one step larger shows. */
export interface RaisedFindings {
  readonly bound: string
  readonly states: number
  /** False if it was abandoned. */
  readonly complete: boolean
  /** What it shows and the scenario did not. */
  readonly news: Shown
  /** Why it could not be explored: a call that cannot be made twice, say. */
  readonly refused?: string
}

/** What was found of a scenario. */
export interface Saturation {
  readonly scenario: string
  /** At its default bounds. */
  readonly shown: Observation
  readonly raised: readonly RaisedFindings[]
}

/** How scenarios are explored. */
export interface SaturateOptions {
  /** The bounds to raise. */
  readonly boundsOf: (scenario: Scenario) => readonly RaisedBound[]
  readonly parametersOf: (scenario: Scenario) => Parameters
  /** How many states a larger scenario may have before it is abandoned. */
  readonly stateLimit: number
  /** True once no other exploration should be begun. */
  readonly isOver: () => boolean
}

/**
 * Explores `scenario` at its default bounds and with each bound raised by one.
 *
 * @returns `undefined` if time was over before all was explored
 * @throws SpecificationError if the scenario is wrong at its default bounds
 */
export function saturate(scenario: Scenario, options: SaturateOptions): Saturation | undefined {
  if (options.isOver()) return undefined
  const shown = observe(scenario, options.parametersOf(scenario), Number.POSITIVE_INFINITY)
  const raised: RaisedFindings[] = []
  for (const bound of options.boundsOf(scenario)) {
    if (options.isOver()) return undefined
    raised.push(raisedFindings(bound, shown, options.stateLimit))
  }
  return { scenario: scenario.name, shown, raised }
}

function raisedFindings(
  { name, scenario, parameters }: RaisedBound,
  before: Observation,
  stateLimit: number,
): RaisedFindings {
  try {
    const { states, complete, ...shown } = observe(
      scenario,
      parameters,
      Math.max(stateLimit, 2 * before.states),
    )
    return { bound: name, states, complete, news: without(shown, before) }
  } catch (error) {
    if (!(error instanceof SpecificationError)) throw error
    const refused = error.message.split('\n', 1)[0]
    return { bound: name, states: 0, complete: false, news: NOTHING, refused }
  }
}

const NOTHING: Shown = { answers: new Set(), transitions: new Set(), claims: new Set() }

/** What of `shown` is not in `known`. */
export function without(shown: Shown, known: Shown): Shown {
  const kept = { ...NOTHING }
  for (const kind of SHOWN) kept[kind] = new Set([...shown[kind]].filter((name) => !known[kind].has(name)))
  return kept
}

/** How many things that is. */
export function sizeOf(shown: Shown): number {
  return SHOWN.reduce((sum, kind) => sum + shown[kind].size, 0)
}

/** What any of `all` shows at its default bounds. */
export function shownByAny(all: readonly Saturation[]): Shown {
  const union = { ...NOTHING }
  for (const kind of SHOWN) union[kind] = new Set(all.flatMap(({ shown }) => [...shown[kind]]))
  return union
}

/**
 * What is explored: a scenario at some bounds, in a release, with a defect; and what there is to choose from.
 *
 * @module
 */
import { statecharts } from '../../models/index.js'
import type { Defect } from '../../spec/defect.js'
import {
  defects,
  mirroringScenarios,
  requirements,
  scenarioOf,
  scenarios,
  scenariosFor,
} from '../../spec/index.js'
import { parametersOf } from '../checker/check.js'
import { compileStatechart } from '../checker/claims/statechart.js'
import type { Driver } from '../driver/index.js'
import { generations } from '../generations/generations.js'
import { SpecificationError } from '../world/errors.js'
import type { Bounds, Parameter, Parameters, Scenario } from '../world/model.js'
import { BOUNDS } from './address.js'

/** What is explored. */
export interface Subject {
  readonly scenario: string
  readonly bounds: Bounds
  /** Parameters that are set, over the bounds. */
  readonly set: Parameters
  /** The generation of the API; today's if it is left out. */
  readonly release?: string
  readonly defect?: string
  /** A driver that the reader has brought, by its key; the reference if it is left out. */
  readonly driver?: string
}

/** A subject with everything that it names. */
export interface Resolved {
  readonly scenario: Scenario
  readonly parameters: Parameters
  readonly defects: readonly Defect[]
}

/** A subject that names what there is not. The message says what there is. */
export class SubjectError extends Error {
  override readonly name = 'SubjectError'
}

/**
 * Finds what `subject` names.
 *
 * @param drivers - those that were brought, by their keys
 * @throws SubjectError if there is no such thing
 */
export function resolve(subject: Subject, drivers: ReadonlyMap<string, Driver> = new Map()): Resolved {
  const { bounds, set, release } = subject
  if (!BOUNDS.includes(bounds))
    throw new SubjectError(`there are no bounds "${bounds}": ${BOUNDS.join(', ')}`)
  const defect = defects.find(({ name }) => name === subject.defect)
  if (subject.defect !== undefined && defect === undefined)
    throw new SubjectError(`there is no defect "${subject.defect}"`)
  const scenario =
    subject.driver === undefined
      ? scenarioFor(subject.scenario, release, defect)
      : scenarioWith(subject, drivers.get(subject.driver))
  try {
    return {
      scenario,
      parameters: parametersOf(scenario, { bounds, set }),
      defects: defect === undefined ? [] : [defect],
    }
  } catch (error) {
    if (error instanceof SpecificationError) throw new SubjectError(error.message)
    throw error
  }
}

/** The scenarios that `driver` can be put into, with it, by their names without one. */
export function scenariosWith(driver: Driver): ReadonlyMap<string, Scenario> {
  const suffix = ` (${driver.name})`
  return new Map(
    scenariosFor(driver).map((scenario) => {
      const { name } = scenario
      return [name.endsWith(suffix) ? name.slice(0, -suffix.length) : name, scenario]
    }),
  )
}

function scenarioWith(
  { scenario, driver: key, release, defect }: Subject,
  driver: Driver | undefined,
): Scenario {
  if (driver === undefined)
    throw new SubjectError(
      `the driver "${key}" is of a text that is not here: an address does not carry it. Choose its file again`,
    )
  if (release !== undefined || defect !== undefined)
    throw new SubjectError('a driver of your own is explored in the reference, without a defect')
  const found = scenariosWith(driver).get(scenario)
  if (found === undefined) throw new SubjectError(`the scenario "${scenario}" takes no other driver`)
  return found
}

function scenarioFor(name: string, release: string | undefined, defect: Defect | undefined): Scenario {
  // A defect of a release claims there what it breaks, also where that does not hold.
  if (defect !== undefined && defect.scenario === name && defect.generation === release) {
    const its = scenarioOf(defect)
    if (its !== undefined) return its
  }
  if (release === undefined) {
    const plain = scenarios.find((candidate) => candidate.name === name)
    if (plain === undefined) throw new SubjectError(`there is no scenario "${name}"`)
    return plain
  }
  const generation = generations.find((candidate) => candidate.name === release)
  if (generation === undefined)
    throw new SubjectError(
      `there is no release "${release}": ${generations.map((candidate) => candidate.name).join(', ')}`,
    )
  const found = mirroringScenarios
    .find((candidate) => candidate.name === name)
    ?.inGeneration?.({ generation })
  if (found === undefined) throw new SubjectError(`there is no scenario "${name}" in release ${release}`)
  return found
}

/** A scenario to choose. */
export interface ScenarioChoice {
  readonly name: string
  readonly summary: string
  readonly parameters: Readonly<Record<string, Parameter>>
  /** Releases that it can be run in. */
  readonly releases: readonly string[]
}

/** A defect to choose, and where it is seen. */
export interface DefectChoice extends Pick<Defect, 'name' | 'title' | 'requirement' | 'scenario'> {
  readonly release?: string
  readonly set: Parameters
}

/** What there is to choose from. */
export interface Catalogue {
  readonly scenarios: readonly ScenarioChoice[]
  readonly defects: readonly DefectChoice[]
  readonly releases: readonly { readonly name: string; readonly kernels: string }[]
  readonly clauses: readonly { readonly id: string; readonly title: string }[]
  readonly transitions: readonly {
    readonly chart: string
    readonly state: string
    readonly event: string
    readonly target: string
  }[]
}

/** Everything that can be chosen. */
export function catalogue(): Catalogue {
  const mirroring = new Map(mirroringScenarios.map((scenario) => [scenario.name, scenario]))
  return {
    scenarios: scenarios.map(({ name, summary, parameters }) => ({
      name,
      summary,
      parameters,
      releases: generations
        .filter((generation) => mirroring.get(name)?.inGeneration?.({ generation }) !== undefined)
        .map((generation) => generation.name),
    })),
    defects: defects.map(({ name, title, requirement, scenario, generation, set }) => ({
      name,
      title,
      requirement,
      scenario,
      set: set ?? {},
      ...(generation === undefined ? {} : { release: generation }),
    })),
    releases: generations.map(({ name, kernels }) => ({ name, kernels })),
    clauses: requirements.map(({ id, title }) => ({ id, title })),
    transitions: Object.values(statecharts)
      .map(compileStatechart)
      .flatMap(({ name, states, events, transitions }) =>
        transitions.map(({ state, event, target }) => ({
          chart: name,
          state: states[state],
          event: events[event],
          target: states[target],
        })),
      ),
  }
}

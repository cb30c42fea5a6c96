/**
 * The scenarios, requirements, defects and statecharts that a user's module exports, alone or in lists. An export is told by its
 * shape, not by its name.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'
import type { Defect } from '../../../spec/defect.js'
import type { MirroringScenario } from '../../../spec/mirror/scenarios/mirror-world.js'
import type { Requirement } from '../../../spec/requirement.js'
import { SpecificationError } from '../../world/errors.js'
import type { Scenario } from '../../world/model.js'
import { didYouMean, UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import type { FileOption } from './driver-text.js'
import { statechartEntry } from './statechart-entry.js'

/** A scenario of a file: one of mirroring may take a driver. */
export type OwnScenario = Scenario & Pick<Partial<MirroringScenario>, 'withDriver' | 'inGeneration'>

/** What a module exports. */
export interface OwnExports {
  readonly scenarios: readonly OwnScenario[]
  readonly requirements: readonly Requirement[]
  readonly defects: readonly Defect[]
  readonly statecharts: readonly AnyStateMachine[]
}

/** What a module exports, as it is: nobody has looked yet whether names are taken. */
export function requirementsIn(module: object): Requirement[] {
  return exportsOf(module).filter(isRequirement)
}

/** A list is what it lists; the same thing may be exported alone and in a list. */
function exportsOf(module: object): unknown[] {
  return [...new Set(Object.values(module).flatMap((value): unknown[] => [value].flat()))]
}

/**
 * What the exports of `file` are. What another file of the user's has brought into the project already is left out.
 *
 * @param beside - requirements of a file that is loaded later
 * @throws UsageError if two have one name, or one has a name of somebody else's
 */
export function ownExports(
  option: FileOption,
  file: string,
  module: object,
  project: Project,
  beside: readonly Requirement[] = [],
): OwnExports {
  const { requirements = [], defects = [], machines = [] } = project.own ?? {}
  const there: readonly unknown[] = [...requirements, ...defects, ...machines]
  const isThere = (each: unknown) =>
    textOf(each) !== undefined && there.some((other) => textOf(other) === textOf(each))
  const all = exportsOf(module).filter((each) => !isThere(each))
  const isSecond = option === '--driver' && project.scenarioFile !== undefined
  const own = {
    // Scenarios that are asked for by a file are all that is run.
    scenarios: isSecond ? [] : all.filter(isScenario),
    requirements: all.filter(isRequirement),
    defects: all.filter(isDefect),
    statecharts: all.filter(isStatechart),
  }
  const refuse = (why: string): never => {
    throw new UsageError(`${option} ${file}: ${why}`)
  }
  for (const [name, value] of Object.entries(module)) {
    const isList = Array.isArray(value)
    for (const [i, each] of [value].flat().entries()) {
      const place = isList ? `${name}[${i}]` : name
      const why = nearly(name, each)
      if (why !== undefined) refuse(`the export ${place} ${why}`)
    }
  }
  const named = (
    noun: string,
    names: readonly string[],
    taken: readonly string[],
    ofTheOther: readonly string[],
  ) => {
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) < i)
        refuse(`there are two ${noun}s called ${name}; give each a name of its own`)
      if (ofTheOther.includes(name))
        refuse(
          `${name} is a ${noun} of --scenario ${project.scenarioFile} too, and another one; export it in one of the files, ` +
            'and import it in the other',
        )
      if (taken.includes(name))
        refuse(`${name} is a ${noun} of the specification; give yours another name, or leave it out`)
    }
  }
  const namesOf = (things: readonly { readonly name: string }[] = []) => things.map(({ name }) => name)
  named('scenario', namesOf(own.scenarios), namesOf(project.scenarios), [])
  named('defect', namesOf(own.defects), namesOf(project.defects), namesOf(project.own?.defects))
  const ids = project.requirements.map(({ id }) => id)
  const ownIds = own.requirements.map(({ id }) => id)
  const idsOf = (things: readonly { readonly id: string }[] = []) => things.map(({ id }) => id)
  named('requirement', ownIds, ids, idsOf(project.own?.requirements))
  for (const machine of own.statecharts)
    try {
      statechartEntry(machine)
    } catch (error) {
      if (error instanceof SpecificationError) refuse(error.message)
      throw error
    }
  named('statechart', idsOf(own.statecharts), namesOf(project.statecharts), idsOf(project.own?.machines))
  const known = [...ids, ...ownIds, ...idsOf(beside)]
  const mustBeKnown = (id: string, where: string) => {
    if (!known.includes(id))
      refuse(
        `${where} names the requirement ${JSON.stringify(id)}, and there is none${didYouMean(id, known)}; export a ` +
          'Requirement with that id, or name one of hmm-spec list requirements',
      )
  }
  for (const { name, exercises } of own.scenarios)
    for (const id of exercises) mustBeKnown(id, `scenario ${name}`)
  for (const { name, requirement } of own.defects) mustBeKnown(requirement, `defect ${name}`)
  return own
}

/** What is the same in each instance of a module: one that is loaded anew has objects of its own. Functions are their text. */
function textOf(value: unknown): string | undefined {
  const withTexts = (of: unknown) =>
    JSON.stringify(of, (_, each) => (typeof each === 'function' ? String(each) : each))
  if (isRequirement(value) || isDefect(value)) return withTexts(value)
  return isStatechart(value) ? withTexts(value.config) : undefined
}

type Fields = Readonly<Record<string, unknown>>

type Kind = 'a text' | 'a list' | 'an object' | 'a function'

const IS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  'a text': (value) => typeof value === 'string',
  'a list': (value) => Array.isArray(value),
  'an object': (value) => fieldsOf(value) !== undefined,
  'a function': (value) => typeof value === 'function',
}

/** What a thing that is exported must have. */
interface Shape {
  readonly noun: string
  /** The name under which a list of them is exported. */
  readonly list: string
  readonly needs: Readonly<Record<string, Kind>>
  /** What only one of these has: who has them all is meant as one. */
  readonly tell: readonly string[]
}

const SCENARIO: Shape = {
  noun: 'Scenario',
  list: 'scenarios',
  needs: {
    name: 'a text',
    summary: 'a text',
    exercises: 'a list',
    parameters: 'an object',
    build: 'a function',
  },
  tell: ['summary', 'build'],
}

const REQUIREMENT: Shape = {
  noun: 'Requirement',
  list: 'requirements',
  needs: { id: 'a text', title: 'a text', text: 'a text', source: 'a list', checks: 'a list' },
  tell: ['id', 'title', 'text'],
}

const DEFECT: Shape = {
  noun: 'Defect',
  list: 'defects',
  needs: { name: 'a text', title: 'a text', requirement: 'a text', scenario: 'a text', overrides: 'a list' },
  tell: ['requirement', 'scenario'],
}

const SHAPES: readonly Shape[] = [SCENARIO, REQUIREMENT, DEFECT]

/** What `value` lacks to be one of `shape`. */
function lacks({ needs }: Shape, value: unknown): string[] {
  const fields = fieldsOf(value) ?? {}
  return Object.entries(needs).flatMap(([field, kind]) =>
    IS[kind](fields[field]) ? [] : [`${field} (${kind})`],
  )
}

/** Why `value`, exported as `name` or in a list of that name, is not what it is meant as; undefined if it is, or is none of these. */
function nearly(name: string, value: unknown): string | undefined {
  if (SHAPES.some((shape) => lacks(shape, value).length === 0)) return undefined
  const fields = fieldsOf(value) ?? {}
  if (!isStatechart(value) && (name === 'statecharts' || ('initial' in fields && 'states' in fields)))
    return 'is no statechart: make it with createMachine of xstate, and give it an id'
  const meant = SHAPES.find(({ list, tell }) => list === name || tell.every((field) => field in fields))
  return meant && `is no ${meant.noun}: it needs ${lacks(meant, value).join(', ')}`
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined
}

function isScenario(value: unknown): value is OwnScenario {
  return lacks(SCENARIO, value).length === 0
}

function isRequirement(value: unknown): value is Requirement {
  return lacks(REQUIREMENT, value).length === 0
}

function isDefect(value: unknown): value is Defect {
  return lacks(DEFECT, value).length === 0
}

function isStatechart(value: unknown): value is AnyStateMachine {
  const fields = fieldsOf(value)
  return fields !== undefined && typeof fields.id === 'string' && 'config' in fields && 'root' in fields
}

/**
 * The scenarios, requirements, defects and statecharts that a user's module exports, alone or in lists. An export is told by its
 * shape, not by its name.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'
import type { Defect } from '../../spec/defect.js'
import type { MirroringScenario } from '../../spec/mirror/scenarios/mirror-world.js'
import type { Requirement } from '../../spec/requirement.js'
import { SpecificationError } from '../world/errors.js'
import type { Scenario } from '../world/model.js'
import type { FileOption } from './driver-text.js'
import type { Project } from './project.js'
import { statechartEntry } from './statechart-entry.js'
import { didYouMean, UsageError } from './usage.js'

/** A scenario of a file: one of mirroring may take a driver. */
export type OwnScenario = Scenario & Pick<Partial<MirroringScenario>, 'withDriver' | 'inGeneration'>

/** What a module exports. */
export interface OwnExports {
  readonly scenarios: readonly OwnScenario[]
  readonly requirements: readonly Requirement[]
  readonly defects: readonly Defect[]
  readonly statecharts: readonly AnyStateMachine[]
}

/**
 * What the exports of `file` are.
 *
 * @throws UsageError if two have one name, or one has a name of the specification's
 */
export function ownExports(option: FileOption, file: string, module: object, project: Project): OwnExports {
  // A list is what it lists; the same thing may be exported alone and in a list.
  const all = [...new Set(Object.values(module).flatMap((value): unknown[] => [value].flat()))]
  const own = {
    scenarios: all.filter(isScenario),
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
  const named = (noun: string, names: readonly string[], taken: readonly string[]) => {
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) < i)
        refuse(`there are two ${noun}s called ${name}; give each a name of its own`)
      if (taken.includes(name))
        refuse(`${name} is a ${noun} of the specification; give yours another name, or leave it out`)
    }
  }
  const namesOf = (things: readonly { readonly name: string }[]) => things.map(({ name }) => name)
  named('scenario', namesOf(own.scenarios), namesOf(project.scenarios))
  named('defect', namesOf(own.defects), namesOf(project.defects))
  const ids = project.requirements.map(({ id }) => id)
  const ownIds = own.requirements.map(({ id }) => id)
  named('requirement', ownIds, ids)
  for (const machine of own.statecharts)
    try {
      statechartEntry(machine)
    } catch (error) {
      if (error instanceof SpecificationError) refuse(error.message)
      throw error
    }
  named(
    'statechart',
    own.statecharts.map(({ id }) => id),
    namesOf(project.statecharts),
  )
  const known = [...ids, ...ownIds]
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

type Fields = Readonly<Record<string, unknown>>

/** What a thing that is exported must have, by the noun and the name under which a list of them is exported. */
const SHAPES: readonly Shape[] = [
  {
    noun: 'Scenario',
    list: 'scenarios',
    is: isScenario,
    texts: ['name', 'summary'],
    lists: ['exercises'],
    others: { parameters: 'an object', build: 'a function' },
    tell: ['summary', 'build'],
  },
  {
    noun: 'Requirement',
    list: 'requirements',
    is: isRequirement,
    texts: ['id', 'title', 'text'],
    lists: ['source', 'checks'],
    others: {},
    tell: ['id', 'title', 'text'],
  },
  {
    noun: 'Defect',
    list: 'defects',
    is: isDefect,
    texts: ['name', 'title', 'requirement', 'scenario'],
    lists: ['overrides'],
    others: {},
    tell: ['requirement', 'scenario'],
  },
]

interface Shape {
  readonly noun: string
  readonly list: string
  readonly is: (value: unknown) => boolean
  readonly texts: readonly string[]
  readonly lists: readonly string[]
  readonly others: Readonly<Record<string, 'an object' | 'a function'>>
  /** What only one of these has: who has them all is meant as one. */
  readonly tell: readonly string[]
}

/** Why `value`, exported as `name` or in a list of that name, is not what it is meant as; undefined if it is, or is none of these. */
function nearly(name: string, value: unknown): string | undefined {
  if (SHAPES.some(({ is }) => is(value))) return undefined
  const fields = fieldsOf(value) ?? {}
  if (!isStatechart(value) && (name === 'statecharts' || ('initial' in fields && 'states' in fields)))
    return 'is no statechart: make it with createMachine of xstate, and give it an id'
  const meant = SHAPES.find(({ list, tell }) => list === name || tell.every((field) => field in fields))
  if (meant === undefined) return undefined
  const { texts, lists, others, noun } = meant
  const wrong = [
    ...texts.filter((field) => !areTexts(fields[field])).map((field) => `${field} (a text)`),
    ...lists.filter((field) => !Array.isArray(fields[field])).map((field) => `${field} (a list)`),
    ...Object.entries(others)
      .filter(([field, kind]) =>
        kind === 'a function' ? typeof fields[field] !== 'function' : fieldsOf(fields[field]) === undefined,
      )
      .map(([field, kind]) => `${field} (${kind})`),
  ]
  return `is no ${noun}: it needs ${wrong.join(', ')}`
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined
}

function areTexts(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string')
}

function isScenario(value: unknown): value is OwnScenario {
  const fields = fieldsOf(value)
  if (fields === undefined) return false
  const { name, summary, parameters, exercises, build } = fields
  return (
    areTexts(name, summary) &&
    fieldsOf(parameters) !== undefined &&
    Array.isArray(exercises) &&
    typeof build === 'function'
  )
}

function isRequirement(value: unknown): value is Requirement {
  const fields = fieldsOf(value)
  if (fields === undefined) return false
  const { id, title, text, source, checks } = fields
  return areTexts(id, title, text) && Array.isArray(source) && Array.isArray(checks)
}

function isDefect(value: unknown): value is Defect {
  const fields = fieldsOf(value)
  if (fields === undefined) return false
  const { name, title, requirement, scenario, overrides } = fields
  return areTexts(name, title, requirement, scenario) && Array.isArray(overrides)
}

function isStatechart(value: unknown): value is AnyStateMachine {
  const fields = fieldsOf(value)
  return fields !== undefined && areTexts(fields.id) && 'config' in fields && 'root' in fields
}

/**
 * What there is to find by name.
 *
 * @module
 */
import type { Defect } from '../../../spec/defect.js'
import type { Requirement } from '../../../spec/requirement.js'
import type { Scenario } from '../../world/model.js'
import { generationKind } from '../arguments/in-generation.js'
import { findNamed, type Kind } from '../arguments/usage.js'
import type { Project, StatechartEntry } from '../project.js'

/** Scenarios, by name. */
export function scenarioKind({ scenarios }: Project): Kind<Scenario> {
  return { noun: 'scenario', all: scenarios, nameOf: ({ name }) => name, list: 'hmm-spec list scenarios' }
}

/**
 * The scenario called `name`. A driver of the user's, a generation and a kernel, which are part of the names of their
 * scenarios, may be left out.
 *
 * @throws UsageError if there is none
 */
export function scenarioNamed(project: Project, name: string): Scenario {
  const { driver, generation, kernel } = project
  const kind = scenarioKind(project)
  const suffixes = [
    ...(kernel === undefined ? [] : [` on Linux ${kernel}`]),
    ...(generation === undefined ? [] : [` in ${generation}`]),
    ...(driver === undefined ? [] : [` (${driver.name})`]),
  ]
  const plain = (full: string) =>
    suffixes.reduce((text, suffix) => (text.endsWith(suffix) ? text.slice(0, -suffix.length) : text), full)
  return findNamed(
    {
      ...kind,
      noun: driver === undefined ? kind.noun : `scenario for the driver ${driver.name} called`,
      nameOf: (scenario) => plain(scenario.name),
      list: 'hmm-spec list scenarios',
    },
    plain(name),
  )
}

/** The scenarios that are named, each once; all if none is. */
export function scenariosNamed(project: Project, names: readonly string[]): readonly Scenario[] {
  return names.length === 0
    ? project.scenarios
    : [...new Set(names.map((name) => scenarioNamed(project, name)))]
}

/**
 * The scenario that shows a defect: in the generation that has it, where the clause that it breaks is claimed whether it
 * holds there or not.
 *
 * @throws UsageError if there is none
 */
export function scenarioOf(
  project: Project,
  { scenario, generation: name, requirement }: Pick<Defect, 'scenario' | 'generation' | 'requirement'>,
): Scenario {
  if (name === undefined)
    return scenarioNamed(
      { ...project, scenarios: [...project.scenarios, ...(project.elsewhere ?? [])] },
      scenario,
    )
  const generation = findNamed(generationKind(project), name)
  const scenarios = project.scenariosIn(generation, { clause: requirement })
  return findNamed(scenarioKind({ ...project, scenarios }), `${scenario} in ${name}`)
}

/** Requirements, by identifier. */
export function requirementKind({ requirements }: Project): Kind<Requirement> {
  return {
    noun: 'requirement',
    all: requirements,
    nameOf: ({ id }) => id,
    list: 'hmm-spec list requirements',
  }
}

/** Defects, by name. */
export function defectKind({ defects }: Project): Kind<Defect> {
  return {
    noun: 'defect',
    all: defects,
    nameOf: ({ name }) => name,
    aliasesOf: ({ aliases }) => aliases ?? [],
    list: 'hmm-spec list defects',
  }
}

/** Statecharts, by name. */
export function statechartKind({ statecharts }: Project): Kind<StatechartEntry> {
  return {
    noun: 'statechart',
    all: statecharts,
    nameOf: ({ name }) => name,
    list: 'hmm-spec list statecharts',
  }
}

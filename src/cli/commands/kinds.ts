/**
 * What there is to find by name.
 *
 * @module
 */
import type { Defect } from '../../../spec/defect.js'
import type { Requirement } from '../../../spec/requirement.js'
import type { Scenario } from '../../world/model.js'
import type { Project, StatechartEntry } from '../project.js'
import { findNamed, type Kind } from '../usage.js'

/** Scenarios, by name. */
export function scenarioKind({ scenarios }: Project): Kind<Scenario> {
  return { noun: 'scenario', all: scenarios, nameOf: ({ name }) => name, list: 'hmm-spec list scenarios' }
}

/**
 * The scenario called `name`. A driver of the user's and a kernel, which are part of the names of their scenarios, may be
 * left out.
 *
 * @throws UsageError if there is none
 */
export function scenarioNamed(project: Project, name: string): Scenario {
  const { driver, kernel } = project
  const kind = scenarioKind(project)
  const suffixes = [
    ...(kernel === undefined ? [] : [` on Linux ${kernel}`]),
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

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
 * The scenario called `name`. With a driver of the user's, which is part of the names of its scenarios, it may be left out.
 *
 * @throws UsageError if there is none
 */
export function scenarioNamed(project: Project, name: string): Scenario {
  const { driver } = project
  const kind = scenarioKind(project)
  if (driver === undefined) return findNamed(kind, name)
  const withoutDriver = (full: string) =>
    full.endsWith(` (${driver.name})`) ? full.slice(0, -` (${driver.name})`.length) : full
  return findNamed(
    {
      ...kind,
      noun: `scenario for the driver ${driver.name} called`,
      nameOf: (scenario) => withoutDriver(scenario.name),
      list: 'hmm-spec list scenarios',
    },
    withoutDriver(name),
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
  return { noun: 'defect', all: defects, nameOf: ({ name }) => name, list: 'hmm-spec list defects' }
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

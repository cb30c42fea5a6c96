/**
 * What there is to find by name.
 *
 * @module
 */
import type { Defect } from '../../../spec/defect.js'
import type { Requirement } from '../../../spec/requirement.js'
import type { Scenario } from '../../world/model.js'
import type { Project, StatechartEntry } from '../project.js'
import type { Kind } from '../usage.js'

/** Scenarios, by name. */
export function scenarioKind({ scenarios }: Project): Kind<Scenario> {
  return { noun: 'scenario', all: scenarios, nameOf: ({ name }) => name, list: 'hmm-spec list scenarios' }
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

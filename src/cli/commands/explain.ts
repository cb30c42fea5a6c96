/**
 * `hmm-spec explain`: what the specification says of one name.
 *
 * @module
 */

import { type Footprints, footprints } from '../../checker/footprints.js'
import {
  explainDefect,
  explainProcedure,
  explainRequirement,
  explainScenario,
  explainStatechart,
} from '../../report/explain.js'
import type { Layout } from '../../report/form/colours.js'
import { ExitCode } from '../../report/report.js'
import { didYouMean, UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { type Io, layoutFor } from '../terminal/io.js'
import { defectKind, requirementKind, scenarioKind } from './kinds.js'

/**
 * Explains the requirement, defect, scenario, statechart or procedure called `name`.
 *
 * @throws UsageError if there is none
 */
export function explainCommand(project: Project, io: Io, name: string): number {
  const pages = pagesOf(project)
  const page =
    pages.find((page) => page.name === name) ??
    pages.find((page) => page.name.toLowerCase() === name.toLowerCase())
  const found =
    page === undefined ? pages.filter(({ aliases }) => aliases.includes(name.toUpperCase())) : [page]
  const procedures = new Set(project.universe().steps.map(({ procedure }) => procedure))
  if (found.length === 0 && procedures.has(name)) {
    io.stdout.write(explainProcedure(name, scenariosThatEnter(project, name), layoutFor(io.stdout, io.env)))
    return ExitCode.holds
  }
  if (found.length === 0)
    throw new UsageError(
      `there is no requirement, defect, scenario, statechart or procedure "${name}"${didYouMean(name, [
        ...pages.map((page) => page.name),
        ...procedures,
      ])}; to list them: hmm-spec list requirements|defects|scenarios|statecharts`,
    )
  io.stdout.write(found.map((page) => page.write(layoutFor(io.stdout, io.env))).join('\n'))
  return ExitCode.holds
}

/** States of a scenario that are explored to find out what steps touch. */
const STATES = 2000
/** Scenarios whose footprints are shown together. */
const SCENARIOS = 5

/** The footprints of the first scenarios that enter the procedure. */
function scenariosThatEnter({ scenarios }: Project, name: string): Footprints[] {
  const seen: Footprints[] = []
  for (const scenario of scenarios) {
    const found = footprints(scenario, { bounds: 'smoke', states: STATES })
    if (found.steps.some(({ procedure }) => procedure === name)) seen.push(found)
    if (seen.length === SCENARIOS) break
  }
  return seen
}

interface Page {
  readonly name: string
  readonly aliases: readonly string[]
  write(layout: Layout): string
}

function pagesOf(project: Project): Page[] {
  const requirements = requirementKind(project)
  const defects = defectKind(project)
  const scenarios = scenarioKind(project)
  return [
    ...requirements.all.map((item) => ({
      name: requirements.nameOf(item),
      aliases: [],
      write: (layout: Layout) => explainRequirement(item, project, layout),
    })),
    ...defects.all.map((item) => ({
      name: defects.nameOf(item),
      aliases: item.aliases ?? [],
      write: (layout: Layout) => explainDefect(item, project, layout),
    })),
    ...scenarios.all.map((item) => ({
      name: scenarios.nameOf(item),
      aliases: [],
      write: (layout: Layout) => explainScenario(item, project, layout),
    })),
    ...project.statecharts.map((item) => ({
      name: item.name,
      aliases: [],
      write: (layout: Layout) => explainStatechart(item, layout),
    })),
  ]
}

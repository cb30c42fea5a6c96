/**
 * `hmm-spec explain`: what the specification says of one name.
 *
 * @module
 */

import type { Layout } from '../../report/colours.js'
import { explainDefect, explainRequirement, explainScenario } from '../../report/explain.js'
import { ExitCode } from '../../report/report.js'
import { type Io, layoutFor } from '../io.js'
import type { Project } from '../project.js'
import { didYouMean, UsageError } from '../usage.js'
import { defectKind, requirementKind, scenarioKind } from './kinds.js'

/**
 * Explains the requirement, defect or scenario called `name`.
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
  if (found.length === 0)
    throw new UsageError(
      `there is no requirement, defect or scenario "${name}"${didYouMean(
        name,
        pages.map((page) => page.name),
      )}; to list them: hmm-spec list requirements|defects|scenarios`,
    )
  io.stdout.write(found.map((page) => page.write(layoutFor(io.stdout, io.env))).join('\n'))
  return ExitCode.holds
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
  ]
}

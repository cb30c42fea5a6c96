/**
 * `hmm-spec list`: what there is.
 *
 * @module
 */
import { generationNames } from '../../generations/generation.js'
import { linuxReleases } from '../../linux/table.js'
import { settings, wrap } from '../../report/form/figures.js'
import { document } from '../../report/json.js'
import { type Listing, listText } from '../../report/list.js'
import { ExitCode } from '../../report/report.js'
import type { Project } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import { type Io, layoutFor } from '../terminal/io.js'

/** What can be listed. */
export const LISTS = [
  'scenarios',
  'requirements',
  'defects',
  'statecharts',
  'releases',
  'generations',
  'kernels',
] as const

/** One of {@link LISTS}. */
export type List = (typeof LISTS)[number]

/** Prints the list of one kind of thing. */
export function listCommand(project: Project, io: Io, what: List, format: 'text' | 'json'): number {
  const list = listing(project, what)
  if (format === 'json') io.stdout.write(document('list', runFacts(project, null), { [what]: list.items }))
  else io.stdout.write(listText(what, list, layoutFor(io.stdout, io.env)))
  return ExitCode.holds
}

/** Every list, without what only JSON shows: see `at-once.ts`. */
export function allLists(project: Project): Record<List, Listing> {
  const lists = LISTS.map((what) => {
    const { head, rows } = listing(project, what)
    return [what, { head, rows }] as const
  })
  return Object.fromEntries(lists) as Record<List, Listing>
}

function listing(project: Project, what: List): Listing & { readonly items: readonly object[] } {
  switch (what) {
    case 'scenarios':
      return {
        head: [{ head: 'scenario' }, { head: 'default bounds' }, { head: 'exercises' }, { head: 'summary' }],
        rows: project.scenarios.map(({ name, parameters, exercises, summary }) => [
          name,
          wrap(
            settings(Object.fromEntries(Object.entries(parameters).map(([name, p]) => [name, p.default]))),
            28,
          ),
          wrap(exercises.join(' '), 24),
          summary,
        ]),
        items: project.scenarios.map(({ name, summary, parameters, exercises }) => ({
          name,
          summary,
          parameters,
          exercises,
        })),
      }
    case 'requirements':
      return {
        head: [{ head: 'requirement' }, { head: 'title' }, { head: 'checked by' }, { head: 'defects' }],
        rows: project.requirements.map(({ id, title, checks }) => [
          id,
          wrap(title, 44),
          wrap(checks.join(', '), 36),
          breaking(project, id).join(' '),
        ]),
        items: project.requirements.map(({ id, title, text, source, checks, generations }) => ({
          id,
          title,
          text,
          source,
          checks,
          defects: breaking(project, id),
          generations: generations ?? generationNames,
        })),
      }
    case 'defects':
      return {
        head: [
          { head: 'defect' },
          { head: 'kind' },
          { head: 'breaks' },
          { head: 'scenario' },
          { head: 'steps', align: 'right' },
          { head: 'title' },
        ],
        rows: project.defects.map(({ name, aliases = [], kind, requirement, scenario, steps, title }) => [
          [name, ...aliases].join(' '),
          kind,
          requirement,
          scenario,
          String(steps),
          title,
        ]),
        items: project.defects.map(
          ({ name, aliases, kind, title, text, source, requirement, scenario, generation, set, steps }) => ({
            name,
            aliases: aliases ?? [],
            kind,
            title,
            text,
            source,
            requirement,
            scenario,
            set: set ?? {},
            steps,
            generation: generation ?? null,
          }),
        ),
      }
    case 'statecharts':
      return {
        head: [
          { head: 'statechart' },
          { head: 'states', align: 'right' },
          { head: 'events', align: 'right' },
          { head: 'transitions', align: 'right' },
          { head: 'summary' },
        ],
        rows: project.statecharts.map(({ name, summary, states, events, transitions }) => [
          name,
          String(states.length),
          String(events.length),
          String(transitions.length),
          summary,
        ]),
        items: project.statecharts.map(({ name, summary, states, events, transitions }) => ({
          name,
          summary,
          states,
          events,
          transitions,
        })),
      }
    case 'releases':
      return {
        head: [
          { head: 'Linux' },
          { head: 'API' },
          { head: 'fault' },
          { head: 'recorded' },
          { head: 'what came' },
        ],
        rows: linuxReleases.map(({ version, generation, faults, recorded, summary }) => [
          version,
          generation ?? 'latest',
          faults,
          recorded ?? '',
          wrap(summary, 60),
        ]),
        items: linuxReleases.map(({ version, generation, faults, recorded, summary }) => ({
          version,
          generation: generation ?? null,
          faults,
          recorded: recorded ?? null,
          summary,
        })),
      }
    case 'generations':
      return {
        head: [{ head: 'generation' }, { head: 'kernels' }, { head: 'driver' }, { head: 'summary' }],
        rows: project.generations.map(({ name, kernels, driver, summary }) => [
          name,
          kernels,
          driver.name,
          wrap(summary, 60),
        ]),
        items: project.generations.map(({ name, kernels, summary, driver, overrides }) => ({
          name,
          kernels,
          summary,
          driver: driver.name,
          replaces: overrides.map(({ target }) => target.procedureName),
        })),
      }
    case 'kernels':
      return {
        head: [{ head: 'kernel' }, { head: 'a fault on a device page' }],
        rows: project.kernels.map(({ name, summary }) => [name, summary]),
        items: project.kernels.map(({ name, summary, overrides }) => ({
          name,
          summary,
          replaces: overrides.map(({ target }) => target.procedureName),
        })),
      }
  }
}

function breaking(project: Project, requirement: string): string[] {
  return project.defects.filter((defect) => defect.requirement === requirement).map(({ name }) => name)
}

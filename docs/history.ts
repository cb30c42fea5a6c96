/**
 * Writes the page of public bugs: what each was, and what catches it.
 *
 * @module
 */

import { type BugKind, type HistoricBug, historicBugs } from '../spec/history/index.js'
import { type Defect, defects } from '../spec/index.js'

const KINDS: readonly BugKind[] = ['protocol', 'lifetime', 'error path', 'arithmetic', 'other']

/** The years that the page is of. */
export const YEARS = { first: 2023, last: 2026 } as const

/** How many bugs of a kind there are, how many of them are caught, and how many of these in their own form. */
export interface Count {
  readonly all: number
  readonly caught: number
  readonly own: number
}

/** Counts the bugs of one kind. */
export function countOf(kind: BugKind): Count {
  const ofKind = historicBugs.filter((bug) => bug.kind === kind)
  const own = ofKind.filter(({ defects: names = [] }) => names.length > 0).length
  return { all: ofKind.length, caught: ofKind.filter(isCaught).length, own }
}

/** What share of the bugs is caught, in percent, rounded down. */
export function percentOf({ all, caught }: Pick<Count, 'all' | 'caught'>): number {
  return Math.floor((100 * caught) / all)
}

/** True if a defect puts the bug, or the same mistake, into a scenario, so that it is caught with a run. */
export function isCaught({ defects: own = [], alike = [] }: HistoricBug): boolean {
  return own.length + alike.length > 0
}

/** The page, which is `docs/history.md`. */
export function historyPage(): string {
  const protocol = countOf('protocol')
  return [
    '---',
    'title: Public bugs since 2023',
    '---',
    '',
    '# Public bugs since 2023',
    '',
    '<!-- Written by docs/build.ts from spec/history/: change the rows, then `npm run docs`. -->',
    '',
    `Fixes and CVEs of ${YEARS.first} to ${YEARS.last} in the interval notifiers, in \`hmm_range_fault\`, in migration to devices,`,
    'and in drivers that mirror with them: those that were found, not all that there are. The sentences are ours. A commit is one',
    'of the main tree unless it says *stable*; a patch of which no commit was found is named by its Message-ID. A bug is *caught*',
    'if a defect puts it into a scenario: then `hmm-spec defects NAME` shows the shortest run to the clause that it breaks. Some are',
    'put in in their own form, others as the same mistake in the reference or in another driver (*alike*).',
    '',
    `Of ${protocol.all} protocol bugs ${protocol.caught} are caught with a run: **${percentOf(protocol)} %**; ${protocol.own} of them in their own form.`,
    '',
    '| kind | what it is | bugs | caught | in their own form |',
    '| --- | --- | --- | --- | --- |',
    ...KINDS.map((kind) => {
      const { all, caught, own } = countOf(kind)
      return `| ${kind} | ${MEANING[kind]} | ${all} | ${caught} | ${own} |`
    }),
    '',
    'Older bugs are in the [reference](reference/bugs.md).',
    '',
    ...subsystems().flatMap(sectionOf),
  ].join('\n')
}

const MEANING: Readonly<Record<BugKind, string>> = {
  protocol: 'an order, a lock, a comparison, a flush or a wait that another thread or the kernel relies on',
  lifetime: 'an object freed too early or twice, or a reference that is never dropped',
  'error path': 'what a call leaves behind that has failed',
  arithmetic: 'a size, an index, a mask, or an encoding',
  other: 'anything else',
}

function subsystems(): string[] {
  return [...new Set(historicBugs.map(({ subsystem }) => subsystem))]
}

function sectionOf(name: string): string[] {
  return [
    `## ${name}`,
    '',
    '| fixed by | year | what was wrong | kind | caught by |',
    '| --- | --- | --- | --- | --- |',
    ...historicBugs.filter(({ subsystem }) => subsystem === name).map(rowOf),
    '',
  ]
}

function rowOf(bug: HistoricBug): string {
  const { year, what, kind, defects: own = [], alike = [], notSaid } = bug
  const runs = [...own.map(runOf), ...alike.map((name) => `alike: ${runOf(name)}`)]
  const caught = runs.length > 0 ? runs.join('; ') : `not said: ${notSaid}`
  return `| ${sourceOf(bug)} | ${year} | ${what} | ${kind} | ${caught} |`
}

function sourceOf({ source: { commit, stable, cve, mail, text } }: HistoricBug): string {
  return [commit, stable && `${stable} (stable)`, cve, mail && `\`${mail}\``, text && `\`${text}\``]
    .filter((part) => part !== undefined)
    .join(', ')
}

/** Clause and steps are those that the defects' own tests hold. */
function runOf(name: string): string {
  const { requirement, steps } = named(name)
  return `${requirement} in ${steps} steps (\`${name}\`)`
}

function named(name: string): Defect {
  const found = defects.find((defect) => defect.name === name)
  if (found === undefined)
    throw new Error(`spec/history names the defect ${name}, which is not in spec/defects`)
  return found
}

/**
 * The dossier: what the whole specification rests on, says and was found to do, as one document to read or print.
 *
 * @module
 */
import type { Defect } from '../../spec/defect.js'
import type { Requirement } from '../../spec/requirement.js'
import { NOT_MODELLED } from '../checker/check.js'
import type { CompiledStatechart } from '../checker/claims/statechart.js'
import type { CheckDocument, DefectEntry, Evidence } from '../publish/evidence.js'
import { counted, figure, settings } from '../report/form/figures.js'
import type { RunFacts } from '../report/report.js'
import type { Scenario } from '../world/model.js'

/** A document of the project that the dossier has as a whole. */
export interface Included {
  /** Path from the root of the project. */
  readonly file: string
  readonly text: string
}

/** What the dossier is made of. */
export interface DossierSources {
  readonly run: RunFacts
  /** What `npm run evidence` has written; absent if it was not run. */
  readonly evidence: Evidence | undefined
  readonly requirements: readonly Requirement[]
  readonly defects: readonly Defect[]
  readonly scenarios: readonly Scenario[]
  readonly charts: readonly CompiledStatechart[]
  /** Decision records, in the order of their numbers. */
  readonly decisions: readonly Included[]
  readonly findings: readonly Included[]
  /** What recordings of kernels hold and the specification does not answer. */
  readonly notModelled: Included
}

/** What stands in the place of a figure that no run has given. */
const ABSENT = 'not on record'

/** The dossier as Markdown. */
export function dossierMarkdown(sources: DossierSources): string {
  const anchors = new Map(
    [...sources.decisions, ...sources.findings, sources.notModelled].map((each) => [
      baseOf(each.file),
      anchorOf(each),
    ]),
  )
  const sections = [
    head(sources),
    ...assumptions(sources, anchors),
    ...statecharts(sources),
    ...requirements(sources),
    ...bounds(sources),
    ...findings(sources, anchors),
    ...notModelled(sources, anchors),
    ...repeat(sources),
  ]
  return `${sections.join('\n\n').replace(/\n{3,}/g, '\n\n')}\n`
}

function head({ run, evidence, requirements, defects, scenarios, charts }: DossierSources): string {
  return [
    '# Dossier of the specification',
    '',
    `hmm-spec ${run.product}${run.commit === null ? '' : `, commit ${run.commit.slice(0, 12)}`}: ` +
      `${counted(requirements.length, 'requirement')}, ${counted(scenarios.length, 'scenario')}, ` +
      `${counted(defects.length, 'known bug')}, ${counted(charts.length, 'statechart')}.`,
    '',
    ...verdict(evidence, run.commit),
  ].join('\n')
}

function verdict(evidence: Evidence | undefined, commit: string | null): string[] {
  if (evidence === undefined)
    return ['**No verdict is on record here.** `npm run evidence` checks everything and writes it down.']
  const { manifest, check, defects, conform } = evidence
  const stale =
    manifest.commit === commit && !manifest.changed
      ? ''
      : ` It is of commit ${manifest.commit?.slice(0, 12) ?? 'unknown'}${manifest.changed ? ', with changes' : ''}, not of this one.`
  const list = defects?.defects ?? []
  const sum = (of: 'matched' | 'sequences') => conform.reduce((total, each) => total + each[of], 0)
  const lines = [
    check && `${scenariosThatHold(check)} at ${check.bounds} bounds: ${figure(statesOf(check))} states`,
    defects &&
      `${figure(list.filter(({ caught }) => caught).length)} of ${counted(list.length, 'known bug')} caught by the clause that it breaks`,
    conform.length > 0 &&
      `${figure(sum('matched'))} of ${counted(sum('sequences'), 'recorded sequence')} of real kernels answered as the kernel did`,
  ].filter((line) => typeof line === 'string')
  return [`**On ${manifest.date.slice(0, 10)}:** ${lines.join('; ')}.${stale}`]
}

function scenariosThatHold({ scenarios }: CheckDocument): string {
  const hold = scenarios.filter((each) => each.verdict === 'holds').length
  return `${figure(hold)} of ${counted(scenarios.length, 'scenario')} ${hold === 1 ? 'holds' : 'hold'}`
}

function statesOf({ scenarios }: CheckDocument): number {
  return scenarios.reduce((sum, { states }) => sum + states, 0)
}

function assumptions({ decisions }: DossierSources, anchors: Anchors): string[] {
  return [
    '## Assumptions and memory model',
    [
      'A verdict speaks of bounded worlds, of every interleaving of their steps, and of nothing else. What a step is, which order ' +
        'of memory accesses is assumed, and what need not be told apart are decisions; these are all that were taken.',
      '',
      'Not modelled in any scenario:',
      '',
      ...NOT_MODELLED.map((each) => `- ${each}`),
    ].join('\n'),
    ...decisions.map((each) => included(each, anchors)),
  ]
}

function statecharts({ charts, evidence }: DossierSources): string[] {
  const taken = new Map(
    evidence?.transitions?.transitions.map((each) => [
      [each.chart, each.state, each.event].join(' '),
      { times: each.taken, scenarios: each.scenarios.length },
    ]),
  )
  return [
    '## Statecharts',
    'Steps signal events at instances of these charts. The checker refuses a signal that a chart has no transition for, and ' +
      'compares in every state where the chart stands with where the world stands.',
    ...charts.map((chart) =>
      [
        `### ${chart.name}`,
        '',
        chart.description,
        '',
        `![${chart.name}](statecharts/${chart.name}.svg)`,
        '',
        ...rows(
          ['state', 'meaning'],
          chart.states.map((name, i) => [code(name), chart.stateDescriptions[i]]),
        ),
        '',
        ...rows(
          ['in state', 'event', 'next state', 'what happened', 'taken'],
          chart.transitions.map(({ state, event, target, description }) => {
            const seen = taken.get([chart.name, chart.states[state], chart.events[event]].join(' '))
            return [
              code(chart.states[state]),
              code(chart.events[event]),
              code(chart.states[target]),
              description,
              seen === undefined
                ? ABSENT
                : `${counted(seen.times, 'time')}, in ${counted(seen.scenarios, 'scenario')}`,
            ]
          }),
        ),
      ].join('\n'),
    ),
  ]
}

function requirements({ requirements, defects, evidence }: DossierSources): string[] {
  const caught = new Map<string, DefectEntry>(evidence?.defects?.defects.map((each) => [each.name, each]))
  return [
    '## Requirements, their claims, and the bugs that they catch',
    'A claim that never had anything to say is no evidence: the figures say in how many states or steps it had, over all ' +
      'scenarios. Each bug is put in on purpose; the clause must be the first to object.',
    ...requirements.map((requirement) => {
      const breaking = defects.filter((defect) => defect.requirement === requirement.id)
      return [
        `### ${requirement.id}: ${requirement.title}`,
        '',
        requirement.text,
        '',
        `Source: ${requirement.source.join('; ')}.`,
        '',
        ...rows(['checked by', 'had something to say'], claimsOf(requirement, evidence?.check)),
        '',
        ...(breaking.length === 0
          ? ['No bug of its own is put in.']
          : rows(
              ['bug', 'what it is', 'caught'],
              breaking.map(({ name, title, scenario }) => [
                name,
                title,
                outcomeOf(caught.get(name), scenario),
              ]),
            )),
      ].join('\n')
    }),
  ]
}

/** The checks that a requirement names, each with what is on record of it. */
function claimsOf({ id, checks }: Requirement, check: CheckDocument | undefined): string[][] {
  const asserted = check?.scenarios.reduce((sum, { coverage }) => sum + (coverage.asserted[id] ?? 0), 0)
  return checks.map((name) => {
    if (check === undefined || asserted === undefined) return [name, ABSENT]
    if (name.startsWith('test:')) return [name, 'held by a test']
    if (name.startsWith('step:')) {
      const step = name.slice('step:'.length).trim()
      const taking = check.scenarios.filter(({ coverage }) => coverage.steps.includes(step)).length
      return [name, `taken in ${counted(taking, 'scenario')}`]
    }
    if (/^(assert|checker):/.test(name)) return [name, `${counted(asserted, 'time')}, by all of this clause`]
    const times = check.scenarios
      .flatMap(({ coverage }) => coverage.claims)
      .reduce((sum, claim) => (claim.name === name ? sum + claim.exercised : sum), 0)
    const reached = check.scenarios.filter(({ witnesses }) =>
      witnesses.some((witness) => witness.name === name && witness.reached),
    ).length
    return [
      name,
      times === 0 && reached > 0 ? `reached in ${counted(reached, 'scenario')}` : counted(times, 'time'),
    ]
  })
}

function outcomeOf(entry: DefectEntry | undefined, scenario: string): string {
  if (entry === undefined) return ABSENT
  return entry.caught ? `after ${counted(entry.steps ?? 0, 'step')} of ${scenario}` : 'no'
}

function bounds({ scenarios, evidence }: DossierSources): string[] {
  const known = new Map(evidence?.check?.scenarios.map((each) => [each.name, each]))
  return [
    '## Scenarios and their bounds',
    'A row speaks of its parameters and of no others. `--bounds deep` and `--set NAME=VALUE` go further.',
    rows(
      ['scenario', 'what happens in it', 'parameters', 'verdict', 'states', 'longest shortest run'],
      scenarios.map(({ name, summary, parameters }) => {
        const result = known.get(name)
        const usual = Object.fromEntries(Object.entries(parameters).map(([key, each]) => [key, each.default]))
        return result === undefined
          ? [name, summary, settings(usual), ABSENT, '', '']
          : [
              name,
              summary,
              settings(result.parameters),
              `${result.verdict}${result.exhaustive ? '' : ', not exhaustive'}`,
              figure(result.states),
              counted(result.depth, 'step'),
            ]
      }),
    ).join('\n'),
  ]
}

function findings({ findings }: DossierSources, anchors: Anchors): string[] {
  return [
    '## Findings',
    'Hazards of kernels and drivers, each with its shortest run and what mends it.',
    ...findings.map((each) => included(each, anchors)),
  ]
}

function notModelled({ notModelled }: DossierSources, anchors: Anchors): string[] {
  return ['## What is not modelled', included(notModelled, anchors)]
}

function repeat({ run }: DossierSources): string[] {
  return [
    '## To repeat it',
    ['```sh', 'npm ci', 'npm run evidence', 'npx hmm-spec review', '```'].join('\n'),
    `Written on ${run.date.slice(0, 10)} by Node.js ${run.node}.`,
  ]
}

type Anchors = ReadonlyMap<string, string>

/** A whole document below the present section: its headings are two lower, its links lead within the dossier or nowhere. */
function included(document: Included, anchors: Anchors): string {
  const lines = document.text
    .replace(/^---\n[\s\S]*?\n---\n/, '')
    .replace(/<!--[\s\S]*?-->\n?/g, '')
    .split('\n')
  let isCode = false
  const text = lines
    .map((line) => {
      if (line.startsWith('```')) isCode = !isCode
      if (isCode) return line
      return line
        .replace(/^(#{1,4}) /, '##$1 ')
        .replace(/\[([^\]]*)\]\(([^)\s]+)\)/g, (_, label: string, target: string) => {
          const anchor = anchors.get(baseOf(target.replace(/#.*$/, '')))
          return anchor === undefined ? label : `[${label}](#${anchor})`
        })
    })
    .join('\n')
    .trim()
  return `<a id="${anchorOf(document)}"></a>\n\n${text}`
}

function anchorOf({ file }: Included): string {
  return file.replace(/\.md$/, '').replace(/[^\w]+/g, '-')
}

function baseOf(file: string): string {
  return file.replace(/^.*\//, '')
}

function rows(heads: readonly string[], body: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...body.map(line)]
}

function code(name: string): string {
  return `\`${name}\``
}

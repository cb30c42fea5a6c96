/**
 * What was found of mutants, as text, JSON, and as other tools for mutation testing read it.
 *
 * @module
 */
import type { Layout } from '../report/form/colours.js'
import { counted, duration, figure, indented, wrap } from '../report/form/figures.js'
import { table } from '../report/form/table.js'
import { document } from '../report/json.js'
import { ExitCode, type RunFacts } from '../report/report.js'
import {
  type Counts,
  countsOf,
  type Judged,
  type StaleRow,
  scoreOf,
  VERDICTS,
  type Verdict,
} from './judging/verdict.js'
import { MUTATIONS, type Mutation } from './mutant.js'

/** The results of `mutate`. */
export interface MutateReport {
  readonly run: RunFacts
  readonly judged: readonly Judged[]
  /** How many mutants were not judged. */
  readonly left: number
  readonly stopped?: 'interrupted' | 'time'
  readonly stale: readonly StaleRow[]
  /** Source texts, by file. */
  readonly sourceOf: (file: string) => string
  /** Milliseconds. */
  readonly elapsedMs: number
}

/** Verdicts that nothing explains. */
const UNEXPLAINED: readonly Verdict[] = ['survived', 'error', 'notReached']

/** The exit code of `mutate`. */
export function mutateExitCode({
  judged,
  left,
  stale,
}: Pick<MutateReport, 'judged' | 'left' | 'stale'>): number {
  if (stale.length > 0) return ExitCode.usage
  if (judged.some(({ finding }) => UNEXPLAINED.includes(finding.verdict))) return ExitCode.violated
  return left > 0 ? ExitCode.limit : ExitCode.holds
}

/** How the killed were noticed: by a claim in a scenario, or by a recording alone. */
function killersOf(judged: readonly Judged[]): { scenarios: number; recordings: number } {
  const killed = judged.filter(({ finding }) => finding.verdict === 'killed')
  const recordings = killed.filter(({ finding }) => finding.by?.startsWith('recording ')).length
  return { scenarios: killed.length - recordings, recordings }
}

/** What was found of one mutant, as the report has it. */
export function rowOf({ mutant, finding }: Judged) {
  return {
    id: mutant.id,
    procedure: mutant.procedure,
    step: mutant.step ?? null,
    kind: mutant.kind,
    file: mutant.file,
    line: mutant.from.line,
    original: mutant.original,
    replacement: mutant.replacement,
    verdict: finding.verdict,
    by: finding.by ?? null,
    clause: finding.clause ?? null,
    steps: finding.steps ?? null,
    reason: finding.reason ?? null,
    scenarios: finding.scenarios,
    elapsedMs: finding.ms,
  }
}

/** What was found, as JSON: `docs/schema/mutate.schema.json`. */
export function mutateJson(report: MutateReport): string {
  const { run, judged, left, stopped, stale } = report
  const counts = countsOf(judged)
  return document('mutate', run, {
    exitCode: mutateExitCode(report),
    complete: left === 0,
    ...(stopped === undefined ? {} : { stopped }),
    score: scoreOf(counts),
    counts: { ...counts, notRun: left },
    killedBy: killersOf(judged),
    mutants: judged.map(rowOf),
    errors: stale.map(({ id, message }) => ({ name: id, code: 'stale-equivalent', message })),
  })
}

/** What mutation-testing-report-schema calls a verdict. */
const STRYKER: Readonly<Record<Verdict, string>> = {
  killed: 'Killed',
  survived: 'Survived',
  sameGraph: 'Ignored',
  equivalent: 'Ignored',
  notReached: 'NoCoverage',
  error: 'RuntimeError',
}

/** What was found, in the form of mutation-testing-report-schema, version 2: mutation-testing-elements shows it. */
export function mutateStryker({ judged, sourceOf, run }: MutateReport): string {
  const files: Record<string, { language: string; source: string; mutants: object[] }> = {}
  for (const { mutant, finding } of judged) {
    files[mutant.file] ??= { language: 'typescript', source: sourceOf(mutant.file), mutants: [] }
    const { verdict, by, clause, reason } = finding
    const why = reason ?? (verdict === 'killed' ? `${by} breaks ${clause}` : VERDICTS[verdict])
    files[mutant.file].mutants.push({
      id: mutant.id,
      mutatorName: mutant.kind,
      description: MUTATIONS[mutant.kind],
      replacement: mutant.replacement,
      location: { start: mutant.from, end: mutant.to },
      status: STRYKER[verdict],
      statusReason: why,
      ...(verdict === 'killed' && by !== undefined ? { killedBy: [by] } : {}),
      duration: finding.ms,
    })
  }
  const killers = new Set(
    judged.flatMap(({ finding: { verdict, by } }) => (verdict === 'killed' && by ? [by] : [])),
  )
  return `${JSON.stringify(
    {
      schemaVersion: '2',
      thresholds: { high: 98, low: 90 },
      framework: { name: 'hmm-spec', version: run.product },
      files,
      testFiles: { scenarios: { tests: [...killers].sort().map((name) => ({ id: name, name })) } },
    },
    null,
    2,
  )}\n`
}

/** How many mutants of each verdict the text lists. */
const LISTED = 40

/** What was found, as text. */
export function mutateText(report: MutateReport, layout: Layout): string {
  const { judged, left, stopped, stale, elapsedMs } = report
  const { colours, width } = layout
  const counts = countsOf(judged)
  const score = scoreOf(counts)
  const killers = killersOf(judged)
  const sections = [
    countsTable(counts, layout),
    byKind(judged, layout),
    `Score: ${score === null ? 'none' : `${(100 * score).toFixed(1)} %`} of the mutants that make a difference are noticed, ` +
      `${figure(killers.recordings)} of them by recordings alone (${duration(elapsedMs)}).`,
  ]
  for (const verdict of UNEXPLAINED) {
    const found = judged.filter(({ finding }) => finding.verdict === verdict)
    if (found.length === 0) continue
    const shown = found.slice(0, LISTED).map((one) => entry(one, layout))
    const rest = found.length - shown.length
    sections.push(
      `${colours.bold(verdict)}: ${VERDICTS[verdict]}\n${shown.join('\n')}` +
        (rest > 0 ? `\n  and ${counted(rest, 'mutant')} more; --format json lists all` : ''),
    )
  }
  for (const { id, message } of stale)
    sections.push(colours.red(wrap(`${id} in the list of equivalents: ${message}`, width)))
  if (left > 0)
    sections.push(
      colours.yellow(
        `${stopped === 'time' ? 'The time limit came first' : 'Interrupted'}: ${counted(left, 'mutant')} not run; ` +
          'the same command goes on there.',
      ),
    )
  return `${sections.join('\n\n')}\n`
}

function countsTable(counts: Counts, { colours }: Layout): string {
  const verdicts = Object.keys(VERDICTS).reverse() as Verdict[]
  return table(
    verdicts.map((head) => ({ head, align: 'right' as const })),
    [
      verdicts.map((verdict) =>
        UNEXPLAINED.includes(verdict) && counts[verdict] > 0
          ? colours.red(figure(counts[verdict]))
          : figure(counts[verdict]),
      ),
    ],
    colours,
  )
}

function byKind(judged: readonly Judged[], { colours }: Layout): string {
  const rows = (Object.keys(MUTATIONS) as Mutation[]).flatMap((kind) => {
    const of = countsOf(judged.filter(({ mutant }) => mutant.kind === kind))
    const all = Object.values(of).reduce((sum, count) => sum + count, 0)
    return all === 0 ? [] : [[kind, figure(all), figure(of.killed), figure(of.survived), figure(of.error)]]
  })
  const columns = ['kind', 'mutants', 'killed', 'survived', 'error']
  return table(
    columns.map((head, at) => ({ head, align: at === 0 ? ('left' as const) : ('right' as const) })),
    rows,
    colours,
  )
}

function entry({ mutant, finding }: Judged, { colours, width }: Layout): string {
  const where = `  ${mutant.file}:${mutant.from.line}  ${mutant.procedure}${mutant.step === undefined ? '' : `, "${mutant.step}"`}`
  const change = `${mutant.kind}: ${mutant.original} → ${mutant.replacement || 'nothing'}`
  const why =
    finding.reason === undefined
      ? ''
      : `\n${indented(wrap(`${finding.by}: ${finding.reason}`, width - 4), '    ')}`
  return `${colours.bold(where)}\n${indented(wrap(change, width - 4), '    ')}${why}`
}

/**
 * What was found by changing states, as text and JSON.
 *
 * @module
 */
import type { Layout } from '../../report/form/colours.js'
import { bullets, figure, wrap } from '../../report/form/figures.js'
import { document } from '../../report/json.js'
import { ExitCode, type RunFacts } from '../../report/report.js'
import type { CorruptFindings, FieldFindings } from './corrupt.js'
import type { CorruptResult } from './run.js'

/** The results of `mutate --states`. */
export interface StatesReport extends CorruptResult {
  readonly run: RunFacts
  /** How many states of each scenario were changed, within how many steps a claim had to object, and the seed. */
  readonly states: number
  readonly steps: number
  readonly seed: number
}

/** The share of changes of fields that are not ghost which must be noticed. */
const ENOUGH = 0.95

/** What all scenarios together say. */
interface Summary {
  readonly fields: readonly Readonly<FieldFindings>[]
  /** Noticed, of the changes of fields that are not ghost after which something is otherwise; null if there were none. */
  readonly share: number | null
  /** Fields that are not ghost, of which changes were missed and none was noticed. */
  readonly unguarded: readonly string[]
  /** Claims that no change has broken. */
  readonly unbroken: readonly string[]
}

function summaryOf(findings: readonly CorruptFindings[]): Summary {
  const fields = new Map<string, FieldFindings>()
  for (const one of findings.flatMap(({ fields }) => fields)) {
    const sum = fields.get(one.field) ?? { ...one, changes: 0, noticed: 0, blamed: 0, silent: 0 }
    sum.changes += one.changes
    sum.noticed += one.noticed
    sum.blamed += one.blamed
    sum.silent += one.silent
    fields.set(one.field, sum)
  }
  const all = [...fields.values()].sort(
    (a, b) => a.noticed / a.changes - b.noticed / b.changes || b.changes - a.changes,
  )
  const real = all.filter(({ ghost }) => !ghost)
  const changes = real.reduce((sum, { changes, silent }) => sum + changes - silent, 0)
  const noticed = real.reduce((sum, { noticed }) => sum + noticed, 0)
  const broken = new Set(findings.flatMap(({ broken }) => broken))
  const claims = new Set(findings.flatMap(({ claims }) => claims))
  return {
    fields: all,
    share: changes === 0 ? null : noticed / changes,
    unguarded: real
      .filter(({ noticed, changes, silent }) => noticed === 0 && changes > silent)
      .map(({ field }) => field),
    unbroken: [...claims].filter((claim) => !broken.has(claim)).sort(),
  }
}

/** The exit code of `mutate --states`. */
export function statesExitCode({ findings, lost }: CorruptResult): number {
  if (lost !== undefined && lost.code !== 'interrupted') return ExitCode.usage
  const { share, unguarded } = summaryOf(findings)
  if (unguarded.length > 0 || (share !== null && share < ENOUGH)) return ExitCode.violated
  return lost === undefined ? ExitCode.holds : ExitCode.limit
}

/** What was found, as JSON: `docs/schema/mutate-states.schema.json`. */
export function statesJson(report: StatesReport): string {
  const { run, findings, lost, states, steps, seed } = report
  return document('mutate-states', run, {
    exitCode: statesExitCode(report),
    complete: lost === undefined,
    states,
    steps,
    seed,
    scenarios: findings.map(({ scenario }) => scenario),
    ...summaryOf(findings),
    errors: lost === undefined ? [] : [{ name: lost.at ?? 'all', code: lost.code, message: lost.message }],
  })
}

/** What was found, as text. */
export function statesText(report: StatesReport, { colours, width }: Layout): string {
  const { findings, lost, states, steps } = report
  const { fields, share, unguarded, unbroken } = summaryOf(findings)
  const changes = fields.reduce((sum, { changes }) => sum + changes, 0)
  const sections = [
    wrap(
      `${figure(changes)} changes of ${figure(fields.length)} fields, in ${figure(states)} states of each of ` +
        `${figure(findings.length)} scenarios. Claims object to ` +
        `${share === null ? 'none' : `${(100 * share).toFixed(1)} %`} of the changes of fields that are not ghost and make a difference, ` +
        `within ${figure(steps)} steps.`,
      width,
    ),
  ]
  if (unguarded.length > 0)
    sections.push(`${colours.red('Guarded by nothing:')}\n${bullets(unguarded, '  ', width)}`)
  if (unbroken.length > 0)
    sections.push(`${colours.yellow('Broken by no change:')}\n${bullets(unbroken, '  ', width)}`)
  if (lost !== undefined)
    sections.push(colours.yellow(`Ended in ${lost.at ?? 'the beginning'}: ${lost.code}, ${lost.message}`))
  return `${sections.join('\n\n')}\n`
}

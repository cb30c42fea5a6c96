/**
 * What larger scenarios show, as text and JSON.
 *
 * @module
 */
import type { Layout } from '../report/form/colours.js'
import { bullets, counted, duration, figure, wrap } from '../report/form/figures.js'
import { document } from '../report/json.js'
import { ExitCode, type RunFacts } from '../report/report.js'
import { SHOWN, type Shown } from './observe.js'
import { type RaisedFindings, type Saturation, shownByAny, sizeOf, without } from './saturate.js'

/** The results of `saturate`. */
export interface SaturateReport {
  readonly run: RunFacts
  readonly saturations: readonly Saturation[]
  /** Scenarios that were not explored, as time was over. */
  readonly notRun: readonly string[]
  /** By scenario and bound: why what a larger one shows needs no larger default. */
  readonly reasons: Reasons
  /** Rows of the list of reasons that are wrong are only known where every scenario was explored. */
  readonly isAll: boolean
  /** Milliseconds. */
  readonly elapsedMs: number
}

/** Reasons, by scenario and bound. */
export type Reasons = Readonly<Record<string, Readonly<Record<string, string>>>>

/** A bound with what becomes of its news. */
export interface JudgedBound extends RaisedFindings {
  readonly scenario: string
  /** News that no scenario which was explored shows at its default bounds. */
  readonly nowhere: Shown
  readonly reason: string | undefined
}

/** The bounds that were raised, in order. */
export function judgedBounds({ saturations, reasons }: SaturateReport): JudgedBound[] {
  const known = shownByAny(saturations)
  return saturations.flatMap(({ scenario, raised }) =>
    raised.map((findings) => ({
      scenario,
      ...findings,
      nowhere: without(findings.news, known),
      reason: reasons[scenario]?.[findings.bound],
    })),
  )
}

/** Reasons for bounds that need none: nothing new is shown, or there is no such bound. */
export function staleReasons(report: SaturateReport): string[] {
  if (!report.isAll || report.notRun.length > 0) return []
  const bounds = judgedBounds(report)
  return Object.entries(report.reasons).flatMap(([scenario, reasons]) =>
    Object.keys(reasons)
      .filter(
        (bound) =>
          !bounds.some((one) => one.scenario === scenario && one.bound === bound && sizeOf(one.nowhere) > 0),
      )
      .map((bound) => `${scenario}, ${bound}`),
  )
}

/** True if the default is to be raised, or a reason to be given. */
function isOpen({ nowhere, reason }: JudgedBound): boolean {
  return sizeOf(nowhere) > 0 && reason === undefined
}

/** The exit code of `saturate`. */
export function saturateExitCode(report: SaturateReport): number {
  if (staleReasons(report).length > 0) return ExitCode.usage
  if (judgedBounds(report).some(isOpen)) return ExitCode.violated
  return report.notRun.length > 0 ? ExitCode.limit : ExitCode.holds
}

/** What was found, as JSON: `docs/schema/saturate.schema.json`. */
export function saturateJson(report: SaturateReport): string {
  const { run, saturations, notRun } = report
  const bounds = judgedBounds(report)
  return document('saturate', run, {
    exitCode: saturateExitCode(report),
    complete: notRun.length === 0,
    scenarios: saturations.map(({ scenario, shown }) => ({
      name: scenario,
      states: shown.states,
      bounds: bounds
        .filter((one) => one.scenario === scenario)
        .map(({ bound, states, complete, news, nowhere, reason, refused }) => ({
          bound,
          states,
          complete,
          news: listed(news),
          nowhere: listed(nowhere),
          reason: reason ?? null,
          refused: refused ?? null,
        })),
    })),
    notRun,
    errors: staleReasons(report).map((name) => ({
      name,
      code: 'stale-reason',
      message: 'nothing new is shown there; take the reason out',
    })),
  })
}

function listed(shown: Shown): Record<(typeof SHOWN)[number], string[]> {
  const lists = { answers: [] as string[], transitions: [] as string[], claims: [] as string[] }
  for (const kind of SHOWN) lists[kind] = [...shown[kind]].sort()
  return lists
}

/** What was found, as text. */
export function saturateText(report: SaturateReport, { colours, width }: Layout): string {
  const bounds = judgedBounds(report)
  const sections = bounds.filter(({ news, refused }) => refused !== undefined || sizeOf(news) > 0).map(entry)
  const open = bounds.filter(isOpen).length
  const silent = bounds.filter(({ news, refused }) => refused === undefined && sizeOf(news) === 0).length
  for (const row of staleReasons(report))
    sections.push(colours.red(`The reason for ${row}: nothing new is shown there; take it out.`))
  if (report.notRun.length > 0)
    sections.push(
      colours.yellow(
        wrap(
          `Time was over: ${counted(report.notRun.length, 'scenario')} not explored: ${report.notRun.join(', ')}`,
          width,
        ),
      ),
    )
  sections.push(
    wrap(
      `${counted(bounds.length, 'bound')} of ${counted(report.saturations.length, 'scenario')} raised by one: ${figure(silent)} ` +
        `show nothing new, ${figure(open)} show what no scenario shows at its default bounds, and have no reason ` +
        `(${duration(report.elapsedMs)}).`,
      width,
    ),
  )
  return `${sections.join('\n\n')}\n`

  function entry(bound: JudgedBound): string {
    const { scenario, bound: name, states, complete, news, nowhere, reason, refused } = bound
    const head = colours.bold(`${scenario}, ${name}`)
    if (refused !== undefined) return `${head}\n${wrap(`cannot be raised: ${refused}`, width - 2, '  ')}`
    const size = `${figure(states)} states${complete ? '' : ', not all of them'}`
    const items = SHOWN.flatMap((kind) =>
      [...news[kind]]
        .sort()
        .map((item) => (nowhere[kind].has(item) ? item : `${item} (another scenario shows it)`)),
    )
    const why = reason === undefined ? '' : `\n${wrap(reason, width - 2, '  ')}`
    return `${isOpen(bound) ? colours.red(head) : head}: ${size}\n${bullets(items, '  ', width)}${why}`
  }
}

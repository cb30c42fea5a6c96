/**
 * Reports as text: a table, then violations, then what the verdict covers and what it does not.
 *
 * @module
 */

import type { CheckResult, Verdict, ViolationReport } from '../checker/result.js'
import type { RandomResult } from '../checker/runs/random.js'
import type { Layout } from './form/colours.js'
import { bullets, counted, duration, figure, settings, size, wrap } from './form/figures.js'
import { table } from './form/table.js'
import { pageFor, whereIn, whyThere } from './mistakes.js'
import { type CheckReport, type Failure, isStop, type RunFacts, type Unsaved, wasStopped } from './report.js'
import { isFoldable } from './sequence/fold.js'
import { sequenceText } from './sequence/sequence.js'
import { isVacuous, type Unexercised, type Vacuity } from './vacuity.js'

/** The results of `check` as text. */
export function checkText(report: CheckReport, layout: Layout): string {
  const { colours } = layout
  const sections: string[] = []
  if (report.results.length > 0)
    sections.push(
      table(
        [
          { head: 'scenario' },
          { head: 'parameters' },
          { head: 'verdict' },
          { head: 'states', align: 'right' },
          { head: 'transitions', align: 'right' },
          { head: 'depth', align: 'right' },
          { head: 'time', align: 'right' },
          { head: 'exhaustive' },
        ],
        report.results.map((result) => [
          result.scenario,
          wrap(settings(result.parameters), 32),
          verdictText(result.verdict, layout),
          figure(result.states),
          figure(result.transitions),
          figure(result.depth),
          duration(result.elapsedMs),
          exhaustiveText(result),
        ]),
        colours,
      ),
    )
  for (const result of report.results) {
    if (result.violation !== undefined)
      sections.push(breachText(result.scenario, result.violation, report, layout))
    else if (wasStopped(result)) sections.push(stoppedText(result, layout))
  }
  sections.push(
    ...failuresText(report.failures, layout),
    ...unsavedText(report.unsaved, layout),
    ...notRunText(report.notRun, layout),
  )
  if (!('unknown' in report.coverage)) sections.push(vacuityText(report.coverage, layout))
  else if (report.results.length > 0)
    sections.push(wrap(`Coverage not judged: ${report.coverage.unknown}.`, layout.width))
  if (report.own !== undefined && everythingIn(report.own) !== '')
    sections.push(ownVacuityText(report, report.own, layout))
  else if (report.strict && report.own === undefined && report.results.length > 0)
    sections.push(
      wrap(
        'What your files bring along was not judged (--strict): that takes a run of all scenarios, in which each holds.',
        layout.width,
      ),
    )
  if (report.results.length > 0) sections.push(footerText(report, layout))
  return `${sections.join('\n\n')}\n`
}

/** A verdict, in its colour. */
export function verdictText(verdict: Verdict | RandomResult['verdict'], { colours }: Layout): string {
  if (verdict === 'holds') return colours.green(verdict)
  return verdict === 'violated' ? colours.red(verdict) : colours.yellow(verdict)
}

/** What `breachText` tells of a report. */
type Told = Pick<CheckReport, 'run' | 'requirements' | 'traces' | 'full' | 'documents'>

/** The clause that is broken, with its text and the run that breaks it. */
export function breachText(
  scenario: string,
  violation: ViolationReport,
  report: Told,
  layout: Layout,
): string {
  const requirement = report.requirements.find(({ id }) => id === violation.clause)
  const title = requirement === undefined ? '' : `: ${requirement.title}`
  const saved = report.traces[scenario]
  const { trace } = violation
  const lines = [layout.colours.red(layout.colours.bold(`${scenario} breaks ${violation.clause}${title}`))]
  lines.push(`  claim  ${violation.claim} (${violation.kind})`)
  lines.push(`  seen   ${wrap(violation.detail, layout.width, '         ').trimStart()}`)
  if (requirement !== undefined)
    lines.push(`  text   ${wrap(requirement.text, layout.width, '         ').trimStart()}`)
  lines.push(...adviceText(violation, report))
  if (trace.steps.length > 0) {
    const shortest = trace.shortest ? 'no shorter run shows it' : 'a shorter run may show it'
    const folded = !report.full && isFoldable(trace)
    const shown = trace.steps.filter(({ matters }) => matters).length
    lines.push(
      `  run    ${counted(trace.steps.length, 'step')}; ${shortest}${
        folded
          ? `; ${counted(shown, 'step')} without which it does not happen, the rest folded (--full shows all)`
          : ''
      }`,
    )
    lines.push('', sequenceText(trace, layout, { folded }))
    const ghosts = trace.steps.some((step) => step.changes.some((change) => change.ghost))
    if (ghosts)
      lines.push(
        layout.colours.dim(
          '      ~ marks what no kernel has: it is kept so that claims can speak of the past',
        ),
      )
  }
  if (saved !== undefined) {
    lines.push('', `  saved to ${saved}; see it again with: hmm-spec replay ${saved}${given(report.run)}`)
  }
  return lines.join('\n')
}

/** Where to look in the text of a driver, and what to read. */
function adviceText(violation: ViolationReport, { run, documents }: Told): string[] {
  const where = whereIn(violation.trace)
  if (where === undefined) return []
  const { place, step, matters } = where
  const { file, line, column, procedure } = place
  const why =
    whyThere(where) ??
    `step ${step}, the last of ${run.driver?.name ?? 'the file'}'s own ${matters ? 'that matters' : 'before it'}`
  return [
    `  where  ${file}:${line}:${column}, in ${procedure} (${why})`,
    ...(documents === undefined ? [] : [`  read   ${documents}/${pageFor(violation)}`]),
  ]
}

/** The options that say what the scenarios were run with. */
export function given({ scenarioFile, driver, profile, release }: RunFacts): string {
  return [
    ['scenario', scenarioFile],
    ['driver', driver?.file],
    ['kernel', profile],
    ['generation', release],
  ]
    .map(([name, value]) => (value ? ` --${name} ${value}` : ''))
    .join('')
}

/** A check that a limit ended after the last state has something left that is no state. */
function exhaustiveText(result: CheckResult): string {
  if (!result.exhaustive) return 'no'
  return wasStopped(result) ? 'of states alone' : 'yes'
}

function whatFailed(code: string): string {
  if (code === 'recording') return 'not all of it could be read'
  if (isStop({ code })) return `stopped before anything was known (${code})`
  return `could not be checked (${code})`
}

function stoppedText(result: CheckResult, layout: Layout): string {
  if (result.exhaustive) {
    const left =
      result.fairness === 'progress not checked'
        ? 'progress was not checked, and the audit of steps was not at its end'
        : 'the audit of steps was not at its end'
    return wrap(
      `${result.scenario}: ${stopReason(result)} ${counted(result.states, 'state')} visited, which are all, and they broke ` +
        `nothing; ${left}.`,
      layout.width,
    )
  }
  const covered =
    result.depth === 0
      ? ''
      : `; every run of fewer than ${counted(result.depth, 'step')} was looked at, and broke nothing`
  return wrap(
    `${result.scenario}: ${stopReason(result)} ${counted(result.states, 'state')} visited, ${figure(result.queue)} of them not ` +
      `explored yet${covered}.`,
    layout.width,
  )
}

/** The reason why a check ended early, as a sentence. */
export function stopReason({ limit, verdict }: CheckResult): string {
  if (verdict === 'interrupted' || limit === undefined) return 'interrupted.'
  if (limit.kind === 'states') return `stopped at the limit of ${counted(limit.value, 'state')}.`
  if (limit.kind === 'memory') return `stopped at the memory limit of ${size(limit.value)}.`
  return `stopped at the time limit of ${duration(limit.value)}.`
}

/** What could not be checked, and why: what is wrong of several scenarios in the same way is said once. */
export function failuresText(failures: readonly Failure[], layout: Layout): string[] {
  const alike = new Map<string, Failure[]>()
  for (const failure of failures) {
    const key = `${failure.code}: ${failure.message.replace(/ \(thread [^)]*\)/g, '')}`
    alike.set(key, [...(alike.get(key) ?? []), failure])
  }
  return [...alike.values()].map(([{ name, code, message }, ...others]) => {
    const what = whatFailed(code)
    const and = others.length === 0 ? '' : `, and ${figure(others.length)} more`
    const lines = [
      layout.colours.red(layout.colours.bold(`${name}${and}: ${what}`)),
      wrap(message, layout.width, '  '),
    ]
    if (others.length > 0)
      lines.push(wrap(`The same in ${others.map((other) => other.name).join(', ')}.`, layout.width, '  '))
    return lines.join('\n')
  })
}

/** Counterexamples that were lost. */
export function unsavedText(unsaved: readonly Unsaved[], layout: Layout): string[] {
  return unsaved.map(
    ({ name, message }) =>
      `${layout.colours.red(layout.colours.bold(`${name}: its trace could not be saved`))}\n${wrap(message, layout.width, '  ')}`,
  )
}

/** What an interrupt left out. */
export function notRunText(names: readonly string[], layout: Layout): string[] {
  return names.length === 0
    ? []
    : [wrap(`Not run, because of the interrupt: ${names.join(', ')}.`, layout.width)]
}

function vacuityText(vacuity: Vacuity, layout: Layout): string {
  if (!isVacuous(vacuity))
    return wrap(`Coverage: each of ${everythingIn(vacuity)} was exercised.`, layout.width)
  return [
    layout.colours.red(layout.colours.bold('Coverage is not complete; never exercised were')),
    ...neverText(vacuity, layout),
  ].join('\n')
}

/** What was exercised of the text that comes from the user's files. */
function ownVacuityText(
  { run: { driver, scenarioFile }, strict }: CheckReport,
  own: Vacuity,
  layout: Layout,
): string {
  const files = [driver?.file, scenarioFile].filter((file) => file !== undefined).join(' and ')
  if (!isVacuous(own)) return wrap(`Of ${files}, each of ${everythingIn(own)} was exercised.`, layout.width)
  const { bold, red, yellow } = layout.colours
  const head = `Of ${files} were never exercised`
  return [strict ? red(bold(head)) : yellow(head), ...neverText(own, layout)].join('\n')
}

/** Nothing is said of what there is none of. */
function everythingIn({ transitions, steps, requirements, claims }: Vacuity): string {
  const parts = [
    ...(transitions.total > 0 ? [counted(transitions.total, 'statechart transition')] : []),
    ...(steps.total > 0 ? [counted(steps.total, 'procedure step')] : []),
    ...(requirements.total > 0 ? [counted(requirements.total, 'requirement')] : []),
    ...(claims !== undefined && claims.total > 0 ? [counted(claims.total, 'claim')] : []),
  ]
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

function neverText(vacuity: Vacuity, layout: Layout): string[] {
  const part = (noun: string, { total, never }: Unexercised<string>) =>
    never.length === 0
      ? []
      : [`  ${figure(never.length)} of ${counted(total, noun)}:\n${bullets(never, '  ', layout.width)}`]
  const transitions = vacuity.transitions.never.map(
    ({ chart, state, event, target }) => `${chart}: ${state} ─ ${event} → ${target}`,
  )
  return [
    ...part('statechart transition', { total: vacuity.transitions.total, never: transitions }),
    ...part('procedure step', vacuity.steps),
    ...part('requirement', vacuity.requirements),
    ...(vacuity.claims === undefined ? [] : part('claim', vacuity.claims)),
  ]
}

/** The scope of the verdicts: without it "holds" would be misleading. */
function footerText(report: CheckReport, layout: Layout): string {
  const set = settings(report.set)
  const each = (of: (result: CheckResult) => string) => [...new Set(report.results.map(of))].join('; ')
  const reductions = each(({ reductions }) => (reductions.length === 0 ? 'none' : reductions.join(', ')))
  const notModelled = [...new Set(report.results.flatMap((result) => result.notModelled))]
  const assumptions = [...new Set(report.results.flatMap((result) => result.assumptions))]
  const storage = each(({ storage }) =>
    storage === 'exact' ? 'exact, no state is taken for another' : storage,
  )
  return [
    `bounds        ${report.bounds}${set === '' ? '' : `, with ${set}`}; a verdict speaks of the parameters in its row and of no others`,
    `storage       ${storage}`,
    `reductions    ${reductions}`,
    `progress      ${fairnessText(report.results)}`,
    `audit         ${auditText(report.results)}`,
    ...resumedText(report.results),
    ...(assumptions.length === 0 ? [] : [`assumed       ${assumptions.join('; ')}`]),
    `not modelled  ${notModelled.length === 0 ? 'nothing is named' : notModelled.join('; ')}`,
  ]
    .map((line) =>
      layout.colours.dim(
        wrap(line.slice(14), layout.width, ' '.repeat(14)).replace(/^ {14}/, line.slice(0, 14)),
      ),
    )
    .join('\n')
}

/** Which checks did not begin in this run, if any. */
function resumedText(results: readonly CheckResult[]): string[] {
  const resumed = results.filter(({ resumedFrom }) => resumedFrom !== undefined)
  if (resumed.length === 0) return []
  const states = resumed.reduce((sum, { resumedFrom = 0 }) => sum + resumedFrom, 0)
  return [
    `resumed       ${counted(resumed.length, 'check')}, with ${counted(states, 'state')} that an earlier run has explored`,
  ]
}

/** How much of what was explored was run live, and what shows the steps to be pure. */
function auditText(results: readonly CheckResult[]): string {
  const audited = results.flatMap(({ audit }) => audit ?? [])
  const sum = (of: (audit: (typeof audited)[number]) => number) =>
    audited.reduce((total, audit) => total + of(audit), 0)
  const byText = Math.max(0, ...results.map(({ purity }) => purity.byText))
  const byAudit = Math.max(0, ...results.map(({ purity }) => purity.byAuditOnly))
  const fresh = sum((audit) => audit.fresh)
  const live =
    audited.length === 0
      ? 'none: nothing was run live'
      : `${counted(
          sum(({ steps }) => steps),
          'step',
        )} of ${counted(
          sum(({ runs }) => runs),
          'run',
        )}${fresh === 0 ? '' : `, ${figure(fresh)} of them in new modules,`} were taken live, ${figure(sum(({ disagreements }) => disagreements))} differed`
  return byText + byAudit === 0
    ? live
    : `${live}; of ${figure(byText + byAudit)} steps (in the largest scenario) ${figure(byText)} are pure by their text, ${figure(byAudit)} by the audit alone`
}

function fairnessText(results: readonly CheckResult[]): string {
  const without = results
    .filter(({ fairness }) => fairness === 'progress not checked')
    .map(({ scenario }) => scenario)
  const fairness = [...new Set(results.map(({ fairness }) => fairness))].filter(
    (name) => name !== 'progress not checked',
  )
  if (fairness.length === 0) return 'not checked'
  return `checked under ${fairness.join('; ')}${without.length === 0 ? '' : `, but not in ${without.join(', ')}`}`
}

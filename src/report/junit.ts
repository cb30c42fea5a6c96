/**
 * Reports as JUnit XML, for continuous integration. A check that a limit ended is an error and not a pass: it was not
 * found to hold.
 *
 * @module
 */
import junitModule, { type Builder } from 'junit-report-builder'
import type { CheckResult } from '../checker/result.js'
import type { Mismatch } from '../conformance/result.js'
import { whatIsWrong } from './defects-text.js'
import { plain } from './form/colours.js'
import { counted, figure, settings } from './form/figures.js'
import {
  type CheckReport,
  type ConformReport,
  type DefectReport,
  type Failure,
  type SimulateReport,
  type Unsaved,
  wasStopped,
} from './report.js'
import { claimLabel, sequenceText } from './sequence/sequence.js'
import { stopReason } from './text.js'
import { isVacuous, type Vacuity } from './vacuity.js'

// The package's types describe its other build: the module that Node imports is the builder itself.
const junit = junitModule as unknown as Builder

const LAYOUT = { colours: plain, width: 110 }

/** The results of `check`: a case for each scenario, and one for the coverage if it was judged. */
export function checkJUnit(report: CheckReport): string {
  const builder = junit.newBuilder().name('hmm-spec check')
  const suite = builder.testSuite().name('scenarios')
  for (const result of report.results) {
    const test = suite.testCase().name(xml(result.scenario)).className('scenarios').time(seconds(result))
    test.standardOutput(
      `${settings(result.parameters)}: ${counted(result.states, 'state')}, ${counted(result.transitions, 'transition')}, depth ${figure(result.depth)}`,
    )
    if (result.violation !== undefined) {
      test.failure(xml(claimLabel(result.violation.trace)), result.violation.kind)
      test.stacktrace(xml(sequenceText(result.violation.trace, LAYOUT)))
    } else if (wasStopped(result))
      test.error(
        `${stopReason(result)} ${counted(result.states, 'state')} visited; what was not is not known to hold`,
        result.verdict,
      )
  }
  failed(suite, 'scenarios', report.failures)
  unsaved(suite, 'scenarios', report.unsaved)
  for (const name of report.notRun) suite.testCase().name(xml(name)).className('scenarios').skipped()
  if (!('unknown' in report.coverage)) coverageCase(suite, 'coverage', report.coverage)
  if (report.strict && report.own !== undefined) coverageCase(suite, 'coverage of your own text', report.own)
  return builder.build()
}

/** The results of `simulate`: a case for each scenario. That nothing was found is a pass: its output says what that is worth. */
export function simulateJUnit(report: SimulateReport): string {
  const builder = junit.newBuilder().name('hmm-spec simulate')
  const suite = builder.testSuite().name('simulations')
  for (const result of report.results) {
    const test = suite.testCase().name(xml(result.scenario)).className('simulations').time(seconds(result))
    test.standardOutput(
      `${counted(result.runs, 'random run')} with seed ${result.seed}, ${counted(result.transitions, 'step')}: nothing is proved by them`,
    )
    if (result.violation !== undefined) {
      test.failure(xml(claimLabel(result.violation.trace)), result.violation.kind)
      test.stacktrace(xml(sequenceText(result.violation.trace, LAYOUT)))
    } else if (result.verdict !== 'no violation found')
      test.error(`ended early after ${counted(result.runs, 'run')}`, result.verdict)
  }
  failed(suite, 'simulations', report.failures)
  unsaved(suite, 'simulations', report.unsaved)
  for (const name of report.notRun) suite.testCase().name(xml(name)).className('simulations').skipped()
  return builder.build()
}

function coverageCase(suite: Suite, name: string, coverage: Vacuity): void {
  const test = suite.testCase().name(name).className('scenarios')
  if (!isVacuous(coverage)) return
  const { transitions, steps, requirements, claims } = coverage
  test.failure('something is never exercised', 'vacuous')
  test.stacktrace(
    xml(
      [
        ...transitions.never.map(
          ({ chart, state, event, target }) => `transition ${chart}: ${state} ─ ${event} → ${target}`,
        ),
        ...steps.never.map((step) => `step ${step}`),
        ...requirements.never.map((requirement) => `requirement ${requirement}`),
        ...(claims?.never ?? []).map((claim) => `claim ${claim}`),
      ].join('\n'),
    ),
  )
}

/** The results of `defects`: a case for each defect. */
export function defectsJUnit(report: DefectReport): string {
  const builder = junit.newBuilder().name('hmm-spec defects')
  const suite = builder.testSuite().name('defects')
  for (const outcome of report.outcomes) {
    const test = suite
      .testCase()
      .name(xml(outcome.defect.name))
      .className('defects')
      .time(seconds(outcome.result))
    const wrong = whatIsWrong(outcome)
    if (wrong === undefined) continue
    if (wasStopped(outcome.result)) test.error(xml(wrong), outcome.result.verdict)
    else test.failure(xml(wrong), outcome.caught ? 'steps' : 'not caught')
  }
  failed(suite, 'defects', report.failures)
  unsaved(suite, 'defects', report.unsaved)
  for (const name of report.notRun) suite.testCase().name(xml(name)).className('defects').skipped()
  return builder.build()
}

/** The results of `conform`: a case for the sequences that match, one for each that does not, one for the rest. */
export function conformJUnit({ file, kernel, profile, result, failures }: ConformReport): string {
  const builder = junit.newBuilder().name('hmm-spec conform')
  const suite = builder.testSuite().name(`${xml(file)} (Linux ${kernel}, profile ${profile})`)
  const test = suite
    .testCase()
    .name(`${counted(result.matched, 'sequence')} of ${figure(result.sequences)} match`)
    .className('conform')
  if (result.matched === 0 && result.mismatched === 0) test.failure('nothing was compared', 'vacuous')
  const bySequence = new Map<string, Mismatch[]>()
  for (const mismatch of result.mismatches)
    bySequence.set(mismatch.sequence, [...(bySequence.get(mismatch.sequence) ?? []), mismatch])
  for (const [sequence, mismatches] of bySequence) {
    const case_ = suite.testCase().name(xml(sequence)).className('conform')
    case_.failure(
      counted(mismatches.length, 'answer') + (mismatches.length === 1 ? ' differs' : ' differ'),
      'mismatch',
    )
    case_.stacktrace(
      xml(
        mismatches
          .map(
            ({ line, operation, op, field, expected, actual }) =>
              `line ${line}, operation ${operation} (${op}): ${field} is ${JSON.stringify(actual)}, the kernel's is ${JSON.stringify(expected)}`,
          )
          .join('\n'),
      ),
    )
  }
  failed(suite, 'conform', failures)
  if (result.unsupported > 0)
    suite
      .testCase()
      .name(`${counted(result.unsupported, 'sequence')} with unsupported operations`)
      .className('conform')
      .skipped()
  return builder.build()
}

type Suite = ReturnType<ReturnType<typeof junit.newBuilder>['testSuite']>

function failed(suite: Suite, className: string, failures: readonly Failure[]): void {
  for (const { name, code, message } of failures)
    suite.testCase().name(xml(name)).className(className).error(xml(message), code)
}

function unsaved(suite: Suite, className: string, traces: readonly Unsaved[]): void {
  for (const { name, message } of traces)
    suite
      .testCase()
      .name(xml(`trace of ${name}`))
      .className(className)
      .error(xml(message), 'unsaved')
}

function seconds({ elapsedMs }: Pick<CheckResult, 'elapsedMs'>): number {
  return Math.round(elapsedMs) / 1000
}

/** Removes characters that XML cannot contain, and the end of a CDATA section. */
function xml(text: string): string {
  return [...text]
    .map((character) => (/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/u.test(character) ? '\ufffd' : character))
    .join('')
    .replaceAll(']]>', ']] >')
}

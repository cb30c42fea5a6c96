/**
 * What the suite found of a peer, as text, JSON and JUnit.
 *
 * @module
 */
import junitModule, { type Builder } from 'junit-report-builder'
import { printable } from '../conformance/suite/peer/protocol.js'
import type { Divergence, DivergentSequence, SuiteResult } from '../conformance/suite/result.js'
import type { Layout } from './form/colours.js'
import { bullets, counted, figure, wrap } from './form/figures.js'
import { table } from './form/table.js'
import { document } from './json.js'
import { ExitCode, type RunFacts } from './report.js'

// The package's types describe its other build: the module that Node imports is the builder itself.
const junit = junitModule as unknown as Builder

/** Most divergences that the text shows whole. */
const LISTED = 10
const LONGEST_VALUE = 200

/** The exit code of `suite`: a divergence fails, and so does a run that compared nothing. */
export function suiteExitCode(result: SuiteResult): number {
  if (result.diverged > 0) return ExitCode.violated
  if (result.stopped !== undefined) return ExitCode.limit
  return result.passed === 0 ? ExitCode.violated : ExitCode.holds
}

/** What the suite found, as JSON: `docs/schema/suite.schema.json`. */
export function suiteJson(result: SuiteResult, run: RunFacts): string {
  return document('suite', run, { exitCode: suiteExitCode(result), ...result })
}

/** What the suite found, as text. */
export function suiteText(result: SuiteResult, layout: Layout): string {
  const { colours, width } = layout
  const { peer, coverage } = result
  const sections = [
    `${peer.name}, release ${peer.release}, held against ${result.profile} (suite ${result.suite})`,
    table(
      ['sequences', 'passed', 'diverged', 'unsupported', 'outside profile', 'not run', 'operations'].map(
        (head) => ({ head, align: 'right' as const }),
      ),
      [
        [
          figure(result.sequences),
          figure(result.passed),
          result.diverged === 0 ? '0' : colours.red(figure(result.diverged)),
          result.unsupported === 0 ? '0' : colours.yellow(figure(result.unsupported)),
          figure(result.outsideProfile),
          result.notRun === 0 ? '0' : colours.yellow(figure(result.notRun)),
          figure(result.operations),
        ],
      ],
      colours,
    ),
    table(
      [
        { head: 'coverage', align: 'left' },
        { head: 'reached', align: 'right' },
        { head: 'in the suite', align: 'right' },
        { head: 'known', align: 'right' },
        { head: 'share of known', align: 'right' },
      ],
      Object.entries(coverage).map(([what, { reached, total, known }]) => [
        what,
        figure(reached),
        figure(total),
        figure(known),
        known === 0 ? '' : `${((100 * reached) / known).toFixed(1)} %`,
      ]),
      colours,
    ),
  ]
  const unsupported = Object.entries(result.unsupportedOperations)
  if (unsupported.length > 0)
    sections.push(
      wrap(
        `Not supported by the peer: ${unsupported
          .map(([op, sequences]) => `${printable(op)} (${counted(sequences, 'sequence')})`)
          .join(', ')}.`,
        width,
      ),
    )
  for (const divergence of result.divergences.slice(0, LISTED))
    sections.push(divergentText(divergence, layout))
  const rest = result.divergences.length - LISTED
  if (rest > 0) sections.push(`and ${counted(rest, 'divergent sequence')} more; --format json lists all`)
  if (result.stopped !== undefined)
    sections.push(
      colours.yellow(`${STOPPED[result.stopped]}: ${counted(result.notRun, 'sequence')} not run.`),
    )
  if (result.passed === 0 && result.diverged === 0)
    sections.push(colours.red('Nothing was compared, so nothing is shown to conform.'))
  return `${sections.join('\n\n')}\n`
}

const STOPPED: Readonly<Record<NonNullable<SuiteResult['stopped']>, string>> = {
  interrupted: 'Interrupted',
  time: 'The time limit came first',
  failures: 'The peer failed to answer too often',
  divergences: 'As many sequences diverge as were to be found',
}

function divergentText(
  { sequence, shrunk, ...first }: DivergentSequence,
  { colours, width }: Layout,
): string {
  const steps = shrunk.ops.map((op, index) =>
    index === shrunk.operation ? colours.red(`${printable(op)}   ✗`) : printable(op),
  )
  const how = shrunk.shortest ? 'no sequence that lacks some of these shows it' : 'a shorter one may show it'
  return [
    `${colours.bold(sequence)}, operation ${first.operation} (${printable(first.op)}): ${first.field}`,
    bullets(steps, '  ', width),
    wrap(whatDiffers(shrunk), width, '  '),
    `  ${counted(shrunk.ops.length, 'operation')}; ${how}`,
  ].join('\n')
}

/** The field, what is allowed and what was observed. */
function whatDiffers({ field, expected, actual, failure }: Divergence): string {
  if (failure !== undefined) return `the peer: ${printable(String(actual))}`
  return `${field}: expected ${expected.map(shownValue).join(' or ')}, actual ${shownValue(actual)}`
}

function shownValue(value: unknown): string {
  if (value === undefined || value === null) return 'absent'
  const text = printable(JSON.stringify(value))
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}

/** What the suite found, as JUnit: a case for the sequences that passed, one for each that did not. */
export function suiteJUnit(result: SuiteResult): string {
  const builder = junit.newBuilder().name('hmm-spec suite')
  const suite = builder.testSuite().name(`${result.peer.name} ${result.peer.release} (${result.profile})`)
  const passed = suite
    .testCase()
    .name(`${counted(result.passed, 'sequence')} of ${figure(result.sequences)} passed`)
    .className('suite')
  if (result.passed === 0 && result.diverged === 0) passed.failure('nothing was compared', 'vacuous')
  for (const { sequence, shrunk, ...first } of result.divergences) {
    const test = suite.testCase().name(sequence).className('suite')
    test.failure(
      `operation ${first.operation} (${printable(first.op)}): ${first.field}`,
      first.failure ?? 'divergence',
    )
    test.stacktrace([...shrunk.ops.map(printable), whatDiffers(shrunk)].join('\n').replaceAll(']]>', ']] >'))
  }
  if (result.unsupported > 0)
    suite
      .testCase()
      .name(`${counted(result.unsupported, 'sequence')} unsupported`)
      .className('suite')
      .skipped()
  if (result.stopped !== undefined)
    suite.testCase().name('the run').className('suite').error(STOPPED[result.stopped], result.stopped)
  return builder.build()
}

/**
 * Litmus tests and what was observed of them, in the form of herd and as JSON.
 *
 * @module
 */
import type { ReleaseOutcomes } from '../conformance/litmus/allowed.js'
import type { JudgedObservations, JudgedTest } from '../conformance/litmus/judge.js'
import type { LitmusTest } from '../conformance/litmus/test.js'
import type { KernelVersion } from '../conformance/result.js'
import type { Layout } from './form/colours.js'
import { counted, figure } from './form/figures.js'
import { document } from './json.js'
import { ExitCode, type RunFacts } from './report.js'

/** A test that was explored. */
export interface ExploredTest {
  readonly test: LitmusTest
  readonly allowed: ReleaseOutcomes
}

/** The exit code of an exploration: a limit, or an outcome that no finding explains. */
export function litmusExitCode(explored: readonly ExploredTest[]): number {
  if (explored.some(({ allowed }) => allowed.breaches.some(({ finding }) => finding === 'unexplained')))
    return ExitCode.violated
  return explored.every(({ allowed }) => allowed.explored.exhaustive) ? ExitCode.holds : ExitCode.limit
}

/** What was explored, as text. */
export function litmusText(
  explored: readonly ExploredTest[],
  release: KernelVersion,
  layout: Layout,
): string {
  return `${explored.map((each) => exploredText(each, release, layout)).join('\n')}`
}

function exploredText({ test, allowed }: ExploredTest, release: KernelVersion, { colours }: Layout): string {
  const { outcomes, breaches, usesFreeMemory, freeMemory, explored } = allowed
  return [
    `Test ${test.test} (Linux ${release})`,
    `  ${test.title}`,
    ...test.setup.map((op) => `  setup     ${op}`),
    ...test.threads.flatMap((ops, thread) => ops.map((op, i) => `  ${thread}:r${i}      ${op}`)),
    `States ${explored.outcomes.size}`,
    ...outcomes,
    ...breaches.map(({ outcome, finding }) => `${outcome} ${colours.red(`forbidden, ${finding}`)}`),
    `Explored ${counted(explored.states, 'state')}, ${counted(explored.transitions, 'step')}${
      explored.exhaustive
        ? ''
        : colours.yellow('; the limit of states came first: there may be more outcomes')
    }`,
    ...(explored.deadlock === undefined ? [] : [colours.red(`Deadlock: ${explored.deadlock}`)]),
    ...(usesFreeMemory
      ? [
          colours.yellow(
            `The driver may use free memory here${freeMemory === undefined ? '' : ` (${freeMemory})`}; what would follow is left out.`,
          ),
        ]
      : []),
    '',
  ].join('\n')
}

/** What was explored, as JSON. */
export function litmusJson(explored: readonly ExploredTest[], release: KernelVersion, run: RunFacts): string {
  return document('litmus', run, {
    exitCode: litmusExitCode(explored),
    release,
    tests: explored.map(({ test, allowed: { explored: found, ...allowed } }) => ({
      ...test,
      ...allowed,
      states: found.states,
      transitions: found.transitions,
      exhaustive: found.exhaustive,
      ...(found.deadlock === undefined ? {} : { deadlock: found.deadlock }),
    })),
  })
}

/** The exit code of a recording: an outcome that is neither allowed nor a named finding fails, and so does an empty recording. */
export function observedExitCode({ forbidden, runs }: JudgedObservations): number {
  return forbidden > 0 || runs === 0 ? ExitCode.violated : ExitCode.holds
}

/** What was observed, as text. */
export function observedText(judged: JudgedObservations, { colours }: Layout): string {
  const { allowed, seen, forbidden, runs, findings, release } = judged
  const named = Object.entries(findings).map(([finding, count]) => `${finding} in ${counted(count, 'run')}`)
  return `${[
    ...judged.tests.flatMap((test) => testText(test, { colours })),
    `Linux ${release}: ${counted(judged.tests.length, 'test')}, ${counted(runs, 'run')}`,
    `Allowed outcomes observed: ${figure(seen)} of ${figure(allowed)} (${percent(seen, allowed)})`,
    `Findings observed: ${named.length > 0 ? named.join(', ') : 'none'}`,
    forbidden === 0
      ? 'No outcome lies outside the allowed set but those of findings.'
      : colours.red(`${counted(forbidden, 'run')} outside the allowed set, and no finding explains them.`),
  ].join('\n')}\n`
}

function testText(
  { test, runs, outcomes, usesFreeMemory }: JudgedTest,
  { colours }: Pick<Layout, 'colours'>,
) {
  const forbidden = outcomes.reduce((sum, { verdict, count }) => sum + (verdict === 'allowed' ? 0 : count), 0)
  const how = forbidden === 0 ? 'Never' : forbidden === runs ? 'Always' : 'Sometimes'
  return [
    `Test ${test}`,
    `Histogram (${counted(outcomes.length, 'state')})`,
    ...outcomes.map(({ outcome, count, verdict, finding }) => {
      const line = `${String(count).padEnd(8)}${verdict === 'allowed' ? ':' : '*'}>${outcome}`
      if (verdict === 'allowed') return line
      return colours.red(
        `${line} ${finding ?? (usesFreeMemory ? 'forbidden; free memory may be used' : 'forbidden')}`,
      )
    }),
    `Observation ${test} ${how} ${forbidden} ${runs - forbidden}`,
    '',
  ]
}

/** What was observed, as JSON. */
export function observedJson(judged: JudgedObservations, run: RunFacts): string {
  return document('litmus-observed', run, { exitCode: observedExitCode(judged), ...judged })
}

function percent(part: number, whole: number): string {
  return whole === 0 ? 'none' : `${((100 * part) / whole).toFixed(1)} %`
}

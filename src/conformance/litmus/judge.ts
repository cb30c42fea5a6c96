/**
 * Judges what was observed of litmus tests: is each outcome allowed, and how much of what is allowed was seen?
 *
 * @module
 */
import type { KernelVersion } from '../result.js'
import { pinnedFor } from './data.js'
import { LitmusError, type PinnedTest } from './test.js'

/** One line of a recording: an outcome of a test, and how often it was seen. */
export interface Observation {
  readonly test: string
  readonly outcome: string
  readonly count: number
}

/** What is thought of an outcome: it is allowed, a named finding explains it, or it should not be. */
export type Verdict = 'allowed' | 'finding' | 'forbidden'

/** An outcome that was seen. */
export interface JudgedOutcome {
  readonly outcome: string
  readonly count: number
  readonly verdict: Verdict
  /** The finding that explains it. */
  readonly finding?: string
}

/** What was seen of one test. */
export interface JudgedTest {
  readonly test: string
  readonly runs: number
  readonly outcomes: readonly JudgedOutcome[]
  /** How many outcomes are allowed, and how many of them were seen. */
  readonly allowed: number
  readonly seen: number
  /** True if the driver may use free memory in it: what was seen may come from that. */
  readonly usesFreeMemory: boolean
}

/** What was seen of all. */
export interface JudgedObservations {
  readonly release: KernelVersion
  readonly tests: readonly JudgedTest[]
  readonly runs: number
  /** Outcomes that are allowed, of the tests that were run; and how many of them were seen. */
  readonly allowed: number
  readonly seen: number
  /** Runs that no finding explains. */
  readonly forbidden: number
  /** Findings that were seen, with the runs that show each. */
  readonly findings: Readonly<Record<string, number>>
}

/**
 * Reads a recording: JSON lines, as `hmm_litmus --json` prints them.
 *
 * @param text - its text
 * @param file - its name, for messages
 * @throws LitmusError that names the line that cannot be read
 */
export function readObservations(text: string, file: string): Observation[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    try {
      const { test, outcome, count } = JSON.parse(line) as Observation
      if (typeof test === 'string' && typeof outcome === 'string' && Number.isInteger(count) && count > 0)
        return [{ test, outcome, count }]
    } catch {
      // The message below says what is wrong, whatever it was.
    }
    throw new LitmusError(
      `${file}:${index + 1} is no observation; write {"test":"NAME","outcome":"0:r0=ok; …","count":3}`,
    )
  })
}

/**
 * Judges a recording.
 *
 * @throws LitmusError if it has a test that is not among `tests`
 */
export function judgeObservations(
  observations: readonly Observation[],
  tests: readonly PinnedTest[],
  release: KernelVersion,
): JudgedObservations {
  const byTest = new Map<string, Map<string, number>>()
  for (const { test, outcome, count } of observations) {
    const counts = byTest.get(test) ?? new Map<string, number>()
    counts.set(outcome, (counts.get(outcome) ?? 0) + count)
    byTest.set(test, counts)
  }
  const judged = [...byTest].map(([name, counts]) => {
    const test = tests.find((each) => each.test === name)
    if (test === undefined)
      throw new LitmusError(`there is no litmus test "${name}"; hmm-spec litmus --list names all`)
    return judgeTest(test, counts, release)
  })
  const findings: Record<string, number> = {}
  for (const { finding, count } of judged.flatMap(({ outcomes }) => outcomes))
    if (finding !== undefined) findings[finding] = (findings[finding] ?? 0) + count
  return {
    release,
    tests: judged,
    runs: sum(judged.map(({ runs }) => runs)),
    allowed: sum(judged.map(({ allowed }) => allowed)),
    seen: sum(judged.map(({ seen }) => seen)),
    forbidden: sum(
      judged.flatMap(({ outcomes }) =>
        outcomes.map(({ verdict, count }) => (verdict === 'forbidden' ? count : 0)),
      ),
    ),
    findings,
  }
}

function judgeTest(
  test: PinnedTest,
  counts: ReadonlyMap<string, number>,
  release: KernelVersion,
): JudgedTest {
  const pinned = pinnedFor(test, release)
  const outcomes = [...counts].map(([outcome, count]): JudgedOutcome => {
    if (pinned.outcomes.includes(outcome)) return { outcome, count, verdict: 'allowed' }
    const breach = pinned.breaches.find((each) => each.outcome === outcome)
    const finding = breach?.finding ?? pinned.freeMemory
    return finding === undefined
      ? { outcome, count, verdict: 'forbidden' }
      : { outcome, count, verdict: 'finding', finding }
  })
  return {
    test: test.test,
    runs: sum([...counts.values()]),
    outcomes,
    allowed: pinned.outcomes.length,
    seen: outcomes.filter(({ verdict }) => verdict === 'allowed').length,
    usesFreeMemory: pinned.usesFreeMemory,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

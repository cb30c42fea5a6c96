/**
 * Runs the suite against a peer.
 *
 * @module
 */
import { type Operation, OperationError, parseOperation } from '../operations.js'
import { type AnswerSet, differencesFrom } from './answers.js'
import {
  allowedBy,
  countExercised,
  EXERCISED,
  type ExercisedKind,
  type Suite,
  type SuiteSequence,
} from './data.js'
import { type Peer, PeerFailure } from './peer/peer.js'
import { type Hello, type PeerAnswer, UNSUPPORTED } from './peer/protocol.js'
import { type Profile, releaseOf } from './profiles.js'
import type { Divergence, DivergentSequence, SuiteCoverage, SuiteResult } from './result.js'
import { shrink } from './shrink.js'

/** How the suite is run. */
export interface RunOptions {
  /** The profile to hold the peer against; by default the one that it names. */
  readonly profile: (hello: Hello) => Profile
  /** Milliseconds to shrink one divergence. */
  readonly shrinkMs: number
  /** Milliseconds after which no sequence is begun. */
  readonly timeMs?: number
  /** After how many failures to answer the peer is given up. */
  readonly mostFailures: number
  /** After how many divergent sequences the run ends. */
  readonly mostDivergences?: number
  /** True once the run is to end early. */
  readonly isInterrupted?: () => boolean
  /** Called after each sequence of the suite that was performed, as far as it was. */
  readonly onPerformed?: (performed: PerformedSequence) => void
}

/** What a peer answered to a sequence: a line of a recording. */
export interface PerformedSequence {
  readonly seq: string
  /** The operations that it answered. */
  readonly ops: readonly string[]
  /** Its answer to each, with every field that it gave. */
  readonly answers: readonly PeerAnswer[]
}

/** What the runner uses unless something else is said. */
export const RUN_DEFAULTS = { shrinkMs: 5_000, mostFailures: 10 } as const

/** The longest text of an observed value that a report holds, in characters. */
const LONGEST_VALUE = 2_000

/**
 * Runs every sequence that the peer has the operations and the room for.
 *
 * @param makePeer - makes the peer, and makes it again after it failed to answer
 * @throws PeerFailure if it does not answer to `hello`
 */
export async function runSuite(
  makePeer: () => Peer,
  suite: Suite,
  options: RunOptions,
): Promise<SuiteResult> {
  const begun = performance.now()
  const session = new Session(makePeer)
  try {
    const hello = await session.hello()
    const profile = options.profile(hello)
    const run = new Run(session, hello, profile, options)
    let stopped: SuiteResult['stopped']
    for (const sequence of suite.sequences) {
      if (options.isInterrupted?.()) stopped = 'interrupted'
      else if (options.timeMs !== undefined && performance.now() - begun > options.timeMs) stopped = 'time'
      else if (run.failures >= options.mostFailures) stopped = 'failures'
      else if (run.found >= (options.mostDivergences ?? Number.POSITIVE_INFINITY)) stopped = 'divergences'
      if (stopped !== undefined) break
      await run.sequence(sequence)
    }
    return run.result(suite, stopped)
  } finally {
    await session.end()
  }
}

/** A peer that is started again after it has failed. */
class Session {
  private peer: Peer | undefined

  constructor(private readonly makePeer: () => Peer) {}

  async hello(): Promise<Hello> {
    await this.end()
    this.peer = this.makePeer()
    return this.peer.hello()
  }

  /** A peer that waits for a sequence. */
  async begin(sequence: string, ops: readonly string[]): Promise<Peer> {
    if (this.peer === undefined) await this.hello()
    const peer = this.peer as Peer
    await peer.reset(sequence, ops)
    return peer
  }

  async end(): Promise<void> {
    const { peer } = this
    this.peer = undefined
    await peer?.end()
  }
}

/** What the operations of a sequence came to. */
type Outcome =
  | { readonly kind: 'passed'; readonly operations: number }
  | { readonly kind: 'unsupported'; readonly operation: string; readonly operations: number }
  | { readonly kind: 'diverged'; readonly divergences: readonly Divergence[]; readonly operations: number }

class Run {
  failures = 0
  private operations = 0
  private readonly passed: SuiteSequence[] = []
  private readonly divergent: SuiteSequence[] = []
  private readonly divergences: DivergentSequence[] = []
  private unsupported = 0
  private outsideProfile = 0
  private readonly unsupportedOperations: Record<string, number> = {}

  constructor(
    private readonly session: Session,
    private readonly peer: Hello,
    private readonly profile: Profile,
    private readonly options: RunOptions,
  ) {}

  /** Divergent sequences so far. */
  get found(): number {
    return this.divergent.length
  }

  async sequence(sequence: SuiteSequence): Promise<void> {
    const allowed = allowedBy(sequence, this.profile.name)
    if (allowed === undefined) {
      this.outsideProfile++
      return
    }
    const missing = unsupportedIn(sequence.ops, this.peer)
    if (missing.length > 0) {
      this.leaveOut(missing)
      return
    }
    const answers: PeerAnswer[] = []
    const outcome = await this.perform(sequence.seq, sequence.ops, allowed, answers)
    if (answers.length > 0)
      this.options.onPerformed?.({
        seq: sequence.seq,
        ops: sequence.ops.slice(0, answers.length),
        answers,
      })
    this.operations += outcome.operations
    switch (outcome.kind) {
      case 'passed':
        this.passed.push(sequence)
        return
      case 'unsupported':
        this.leaveOut([outcome.operation])
        return
      case 'diverged':
        this.divergent.push(sequence)
        if (outcome.divergences[0].failure !== undefined) this.failures++
        this.divergences.push(await this.shrunk(sequence, outcome.divergences))
    }
  }

  result(suite: Suite, stopped: SuiteResult['stopped']): SuiteResult {
    const run = [...this.passed, ...this.divergent]
    return {
      peer: this.peer,
      profile: this.profile.name,
      suite: suite.manifest.version,
      sequences: suite.sequences.length,
      passed: this.passed.length,
      diverged: this.divergent.length,
      unsupported: this.unsupported,
      outsideProfile: this.outsideProfile,
      notRun: suite.sequences.length - run.length - this.unsupported - this.outsideProfile,
      ...(stopped === undefined ? {} : { stopped }),
      operations: this.operations,
      unsupportedOperations: this.unsupportedOperations,
      divergences: this.divergences,
      coverage: coverageOf(suite, run, this.profile),
    }
  }

  private leaveOut(operations: readonly string[]): void {
    this.unsupported++
    for (const operation of operations)
      this.unsupportedOperations[operation] = (this.unsupportedOperations[operation] ?? 0) + 1
  }

  /** Performs a sequence up to its first divergence, and keeps its answers in `answers`. */
  private async perform(
    name: string,
    ops: readonly string[],
    allowed: readonly AnswerSet[],
    answers: PeerAnswer[] = [],
  ): Promise<Outcome> {
    let operations = 0
    try {
      const peer = await this.session.begin(name, ops)
      for (const [operation, op] of ops.entries()) {
        const answer = await peer.perform(op)
        if (answer === UNSUPPORTED) return { kind: 'unsupported', operation: nameOf(op), operations }
        operations++
        answers.push(answer)
        const differences = differencesFrom(allowed[operation], answer, this.profile.fields)
        if (differences.length > 0)
          return {
            kind: 'diverged',
            divergences: differences.map(({ field, expected, actual }) => ({
              operation,
              op,
              field,
              expected: expected.map((value) => value ?? null),
              ...(actual === undefined ? {} : { actual: bounded(actual) }),
            })),
            operations,
          }
      }
      return { kind: 'passed', operations }
    } catch (error) {
      if (!(error instanceof PeerFailure)) throw error
      await this.session.end()
      const operation = Math.min(operations, ops.length - 1)
      return {
        kind: 'diverged',
        divergences: [
          {
            operation,
            op: ops[operation],
            field: 'peer',
            expected: [],
            actual: error.message,
            failure: error.kind,
          },
        ],
        operations,
      }
    }
  }

  private async shrunk(sequence: SuiteSequence, [first]: readonly Divergence[]): Promise<DivergentSequence> {
    const { operations, found, shortest, trials } = await shrink(
      sequence.ops.slice(0, first.operation + 1),
      first,
      (candidate) => this.divergenceOf(candidate, first),
      this.options.shrinkMs,
    )
    return {
      sequence: sequence.seq,
      ...first,
      shrunk: { ...found, ops: operations.slice(0, found.operation + 1), shortest, trials },
    }
  }

  /** The divergence of the same kind that a sequence shows. */
  private async divergenceOf(ops: readonly string[], like: Divergence): Promise<Divergence | undefined> {
    const operations = readAll(ops)
    const allowed = operations && this.profile.answersTo(operations)
    if (allowed === undefined) return undefined
    const outcome = await this.perform('shrinking', ops, allowed)
    if (outcome.kind !== 'diverged') return undefined
    return outcome.divergences.find((divergence) => isAlike(divergence, like))
  }
}

/** True of divergences of the same operation, in the same field, which is there or absent alike. */
function isAlike(one: Divergence, other: Divergence): boolean {
  return (
    one.field === other.field &&
    one.failure === other.failure &&
    nameOf(one.op) === nameOf(other.op) &&
    (one.actual === undefined) === (other.actual === undefined) &&
    one.expected.includes(null) === other.expected.includes(null)
  )
}

/** The operations of a sequence, or `undefined` if one of them is none. */
function readAll(ops: readonly string[]): readonly Operation[] | undefined {
  try {
    const operations = ops.map(parseOperation)
    return operations.every((operation): operation is Operation => operation.name !== 'unsupported')
      ? operations
      : undefined
  } catch (error) {
    if (error instanceof OperationError) return undefined
    throw error
  }
}

/** What of a sequence the peer says that it does not have: operations, or room. */
function unsupportedIn(ops: readonly string[], { operations, limits }: Hello): readonly string[] {
  const missing = operations === undefined ? [] : ops.map(nameOf).filter((name) => !operations.includes(name))
  const most = limits?.pages ?? Number.POSITIVE_INFINITY
  const room = (readAll(ops) ?? []).some((operation) => lastPage(operation) >= most)
  return [...new Set([...missing, ...(room ? [`beyond ${most} pages`] : [])])]
}

function lastPage(operation: Operation): number {
  if ('page' in operation) return operation.page
  if (!('end' in operation)) return 0
  return Math.max(operation.end, 'to' in operation ? operation.to.end : 0) - 1
}

/** Its name, with `c:` if a child performs it. */
function nameOf(op: string): string {
  return op.split(' ')[0]
}

function bounded(value: unknown): unknown {
  const text = JSON.stringify(value)
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : value
}

/** What the sequences `run` exercise, of what the whole suite does, on the release of the profile. */
function coverageOf(suite: Suite, run: readonly SuiteSequence[], profile: Profile): SuiteResult['coverage'] {
  const release = releaseOf(profile)
  const known = suite.manifest.coverage[release]
  const coverage = EXERCISED.map((kind): [ExercisedKind, SuiteCoverage] => {
    const total = countExercised(suite.sequences, release, kind)
    return [kind, { reached: countExercised(run, release, kind), total, known: known?.[kind].known ?? total }]
  })
  return Object.fromEntries(coverage) as Record<ExercisedKind, SuiteCoverage>
}

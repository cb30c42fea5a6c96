/**
 * Judges the mutants of a file of overrides or of a driver: each is written beside the file, from where it imports what the file
 * does, and the scenarios that hold with the file are checked with it until one breaks.
 *
 * @module
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { CheckResult } from '../../checker/result.js'
import { packageFolder } from '../../host/package.js'
import { mutantsOf } from '../../mutate/choosing/find.js'
import { equivalents, runMutants, Subject, SubjectError } from '../../mutate/index.js'
import { countsOf, type Finding, type Judged } from '../../mutate/judging/verdict.js'
import { edited, type Mutant } from '../../mutate/mutant.js'
import { STEP } from '../../mutate/operators/index.js'
import { rowOf } from '../../mutate/report.js'
import { typedFile } from '../../mutate/text/program.js'
import type { Failure } from '../../report/report.js'
import {
  type Change,
  type JudgedSide,
  type MutantsFailed,
  type MutantsFound,
  mutantsFound,
  type Side,
} from '../../review/index.js'
import type { Choice } from '../project.js'
import type { Io } from '../terminal/io.js'
import { type ComparisonOptions, type Open, sideOf } from './compared.js'

/** How often the states of a scenario a mutant may make, and how many it may make in any case. */
const GROWTH = 8
const LEAST_STATES = 300_000
/** A crash of the text is noticed like a claim that breaks. */
const CRASH = 'procedure-threw'

/** What is judged. */
interface MutatedFile {
  readonly file: string
  /** Procedures whose mutants are judged; all of the file where it is absent. */
  readonly procedures?: ReadonlySet<string> | undefined
  /** The checks of the file as it is. */
  readonly side: Side
  /** What is asked for with `mutated` in place of the file. */
  readonly choiceOf: (mutated: string) => Choice
}

/** What a review has compared. */
interface Both {
  readonly change: Change
  readonly base: Side
  readonly after: Side
}

/** Judges the mutants of a file of overrides, and those of the texts that it replaces; none unless that is asked for. */
export async function overrideMutants(
  open: Open,
  io: Io,
  file: string,
  { change, base, after }: Both,
  options: ComparisonOptions,
): Promise<MutantsFound | MutantsFailed | undefined> {
  const { mutants: timeMs } = options
  if (timeMs === undefined) return undefined
  const names = new Set(change.procedures.map(({ name }) => name))
  const reached = new Set(after.results.map(({ scenario }) => scenario))
  const only = base.results
    .filter(({ scenario, verdict }) => verdict === 'holds' && reached.has(scenario))
    .map(({ scenario }) => scenario)
  return both(
    () => sourceMutants(io, names, only, options, timeMs),
    () =>
      fileMutants(open, io, { file, side: after, choiceOf: (override) => ({ override }) }, options, timeMs),
    timeMs,
  )
}

/** Judges the mutants of what differs between two drivers; none unless that is asked for. */
export async function driverMutants(
  open: Open,
  io: Io,
  files: { readonly file: string; readonly base: string },
  { change, base, after }: Both,
  options: ComparisonOptions,
): Promise<MutantsFound | MutantsFailed | undefined> {
  const { mutants: timeMs } = options
  if (timeMs === undefined) return undefined
  // What differs outside of procedures may bear on each of them.
  const procedures = change.files.length > 0 ? undefined : new Set(change.procedures.map(({ name }) => name))
  const of = (file: string, side: Side) => () =>
    fileMutants(open, io, { file, procedures, side, choiceOf: (driver) => ({ driver }) }, options, timeMs)
  return both(of(files.base, base), of(files.file, after), timeMs)
}

/** Both sides beside each other, or why they could not be judged. */
async function both(
  before: () => Promise<JudgedSide>,
  after: () => Promise<JudgedSide>,
  timeMs: number,
): Promise<MutantsFound | MutantsFailed> {
  try {
    const is = await after()
    return mutantsFound(await before(), is, timeMs)
  } catch (error) {
    if (error instanceof SubjectError) return { reason: error.message }
    const { code, path } = error as NodeJS.ErrnoException
    if (code !== undefined && path !== undefined) return { reason: `${path} could not be written (${code})` }
    throw error
  }
}

/** Judges the mutants of procedures as the sources have them. */
async function sourceMutants(
  io: Io,
  names: ReadonlySet<string>,
  only: readonly string[],
  { bounds, workers }: ComparisonOptions,
  timeMs: number,
): Promise<JudgedSide> {
  const interrupt = new AbortController()
  const forget = io.onInterrupt(() => interrupt.abort())
  try {
    const subject = new Subject(packageFolder())
    const mutants = subject.mutants.filter(({ procedure }) => names.has(procedure))
    const { judged, left } = await runMutants(subject, mutants, {
      bounds,
      only,
      timeMs,
      equivalents,
      signal: interrupt.signal,
      workers: workers ?? availableParallelism(),
      cache: join(subject.root, 'node_modules/.cache/hmm-spec/mutate'),
      onMeasured: () => {},
      onJudged: () => {},
    })
    return sideOfMutants(judged, left)
  } finally {
    forget()
  }
}

/** What was judged, as `mutate` reports it. */
function sideOfMutants(judged: readonly Judged[], notRun: number): JudgedSide {
  return {
    complete: notRun === 0,
    counts: { ...countsOf(judged), notRun },
    mutants: judged.map((one) => ({ ...rowOf(one), id: plainId(one.mutant.id) })),
  }
}

/**
 * Judges the mutants of `file`, one after another.
 *
 * @param timeMs - milliseconds after which no other is begun
 */
async function fileMutants(
  open: Open,
  io: Io,
  { file, procedures, side, choiceOf }: MutatedFile,
  options: ComparisonOptions,
  timeMs: number,
): Promise<JudgedSide> {
  const began = performance.now()
  const text = readFileSync(file, 'utf8')
  const held = side.results.filter(({ verdict }) => verdict === 'holds').sort((a, b) => a.states - b.states)
  const mutants = mutantsIn(file).filter(
    ({ procedure }) => procedures === undefined || procedures.has(procedure),
  )
  const judged: Judged[] = []
  let interrupted = false
  for (const [i, mutant] of mutants.entries()) {
    if (interrupted || performance.now() - began > timeMs) break
    // A name of its own: a module is loaded once.
    const changed = join(dirname(resolve(file)), `.mutant-${process.pid}-${i + 1}-${basename(file)}`)
    try {
      writeFileSync(changed, edited(text, mutant.edits))
      const verdict = await judge(open, quiet(io), choiceOf(changed), held, options)
      if (verdict === 'interrupted') interrupted = true
      else judged.push({ mutant, finding: { id: mutant.id, scenarios: held.length, ms: 0, ...verdict } })
    } finally {
      rmSync(changed, { force: true })
    }
  }
  return sideOfMutants(judged, mutants.length - judged.length)
}

/** The mutants of a file, named after the procedures whose text it replaces. */
function mutantsIn(file: string): Mutant[] {
  // The name of a mutant begins with a path below src, from which what it imports is found.
  const path = `src/${basename(file)}`
  return mutantsOf(path, typedFile(packageFolder(), file, path)).map((mutant) => ({
    ...mutant,
    file,
    procedure: plainProcedure(mutant.procedure),
    edits: mutant.edits.map((edit) =>
      edit.end === 0 ? { ...edit, text: `import { step as ${STEP} } from 'hmm-spec/world'\n` } : edit,
    ),
  }))
}

/** The name of a mutant without its file: the same for the text of an override and for the one that it replaces. */
function plainId(id: string): string {
  const [, procedure, ...rest] = id.split(' | ')
  return [plainProcedure(procedure), ...rest].join(' | ')
}

function plainProcedure(name: string): string {
  return name.replace(/ \((?:override|onStep)\)$/, '')
}

/** Checks the scenarios that hold without the mutant, the smallest first, until one shows it. */
async function judge(
  open: Open,
  io: Io,
  choice: Choice,
  held: readonly CheckResult[],
  options: ComparisonOptions,
): Promise<Pick<Finding, 'verdict' | 'by' | 'clause' | 'steps' | 'reason'> | 'interrupted'> {
  if (held.length === 0) return { verdict: 'notReached' }
  const states = Math.max(LEAST_STATES, GROWTH * (held.at(-1)?.states ?? 0))
  const limited = { ...options, limits: { ...options.limits, states } }
  try {
    return await open(choice, limited, async (project) => {
      let blamed: Failure | undefined
      let same = true
      for (const was of held) {
        const { results, failures, notRun } = await sideOf(project, io, [was.scenario], limited)
        if (notRun.length > 0) return 'interrupted'
        const crash = failures.find(({ code }) => code === CRASH)
        if (crash !== undefined) return { verdict: 'killed', by: was.scenario, clause: CRASH }
        blamed ??= failures[0]
        const [is] = results
        if (is?.violation !== undefined) {
          const { clause, trace } = is.violation
          return { verdict: 'killed', by: was.scenario, clause, steps: trace.steps.length }
        }
        if (is !== undefined && is.verdict !== 'holds')
          blamed ??= { name: was.scenario, code: 'limit', message: 'it has many times more states' }
        same &&= is !== undefined && printOf(is) === printOf(was)
      }
      if (blamed !== undefined) {
        const { name, code, message } = blamed
        return { verdict: 'error', by: name, clause: code, reason: message }
      }
      return { verdict: same ? 'sameGraph' : 'survived' }
    })
  } catch (error) {
    return { verdict: 'error', by: 'loading', reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Everything that a check counts and answers. */
function printOf({ states, transitions, depth, witnesses, coverage }: CheckResult): string {
  const { steps, procedures, transitions: taken, claims } = coverage
  return JSON.stringify({ states, transitions, depth, witnesses, steps, procedures, taken, claims })
}

/** Without the lines about each check: there are many. */
function quiet(io: Io): Io {
  return { ...io, stderr: { write: () => true } }
}

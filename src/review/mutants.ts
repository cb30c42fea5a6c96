/**
 * What became of the mutants of the changed text: those before the change beside those after it.
 *
 * @module
 */
import type { MutateDocument } from '../publish/mutants.js'
import { counted, duration, figure } from '../report/form/figures.js'

/** One mutant, and what was found of it before the change and after it. */
export interface MutantChange {
  readonly id: string
  readonly procedure: string
  /** Null between steps. */
  readonly step: string | null
  readonly kind: string
  /** Where it is after the change; of one that is gone, where it was. */
  readonly file: string
  readonly line: number
  /** What is changed, and by what, each on one line. */
  readonly original: string
  readonly replacement: string
  /** What became of it before the change. Null if that text has no such mutant. */
  readonly before: string | null
  /** After the change, as `before`. */
  readonly after: string | null
  /** What noticed it, after the change, or before it if it is gone: a scenario, or `recording FILE:LINE`. */
  readonly by: string | null
  /** The clause that it broke there. */
  readonly clause: string | null
}

/** What was judged of one side. */
export interface MutantsOfSide {
  /** False if the limit or an interrupt came before the end. */
  readonly complete: boolean
  /** How many, by verdict. */
  readonly counts: Readonly<Record<string, number>>
}

/** What was found of the mutants of the changed text. */
export interface MutantsFound {
  /** Milliseconds of each side after which no other was begun. */
  readonly timeLimitMs: number
  readonly before: MutantsOfSide
  readonly after: MutantsOfSide
  /** Those to look at come first. */
  readonly mutants: readonly MutantChange[]
}

/** What `mutate` says of the mutants of one side. */
export type JudgedSide = Pick<MutateDocument, 'complete' | 'counts' | 'mutants'>

/** In place of {@link MutantsFound}: why there is none. */
export interface MutantsFailed {
  readonly reason: string
}

/** The verdict of a mutant that the limit left out. */
const NOT_RUN = 'notRun'

/** Verdicts of mutants that something should have noticed. */
const UNNOTICED: readonly (string | null)[] = ['survived', 'notReached', 'error']

/** How a mutant has changed. */
export type Turn = keyof typeof TURNS

/** The ways in which a mutant can have changed, those to look at first. */
export const TURNS = {
  lost: 'noticed before the change, and no longer',
  unnoticed: 'new with the change, and nothing notices it',
  still: 'not noticed, before the change and after it',
  unknown: 'not noticed after the change; not judged before it',
  found: 'noticed now, and not before the change',
  other: 'noticed, of no difference, or not judged',
} as const

/** How `mutant` has changed. */
export function turnOf({ before, after }: Pick<MutantChange, 'before' | 'after'>): Turn {
  if (UNNOTICED.includes(after)) {
    if (before === null) return 'unnoticed'
    if (before === NOT_RUN) return 'unknown'
    return UNNOTICED.includes(before) ? 'still' : 'lost'
  }
  return after === 'killed' && UNNOTICED.includes(before) ? 'found' : 'other'
}

/** Puts what was found before a change beside what was found after it, of so many milliseconds each. */
export function mutantsFound(before: JudgedSide, after: JudgedSide, timeLimitMs: number): MutantsFound {
  const sideOf = ({ complete, counts }: JudgedSide) => ({ complete, counts })
  const [was, is] = [before, after].map(({ mutants }) => new Map(mutants.map((one) => [one.id, one])))
  const verdictOf = (id: string, side: typeof was, { complete }: JudgedSide) =>
    side.get(id)?.verdict ?? (complete ? null : NOT_RUN)
  const order = Object.keys(TURNS)
  const place = (mutant: MutantChange) => order.indexOf(turnOf(mutant))
  return {
    timeLimitMs,
    before: sideOf(before),
    after: sideOf(after),
    mutants: [...new Map([...was, ...is]).values()]
      .map(({ id, procedure, step, kind, file, line, original, replacement, by, clause }) => ({
        id,
        procedure,
        step,
        kind,
        file,
        line,
        original,
        replacement,
        before: verdictOf(id, was, before),
        after: verdictOf(id, is, after),
        by,
        clause,
      }))
      .sort((a, b) => place(a) - place(b)),
  }
}

/** The mutants that changed in a way that is worth a line, by how. */
export function mutantsByTurn({ mutants }: MutantsFound): { turn: Turn; mutants: readonly MutantChange[] }[] {
  return (Object.keys(TURNS) as Turn[])
    .filter((turn) => turn !== 'other')
    .map((turn) => ({ turn, mutants: mutants.filter((mutant) => turnOf(mutant) === turn) }))
    .filter(({ mutants }) => mutants.length > 0)
}

/** What was judged, in sentences. */
export function mutantsJudged({ before, after, timeLimitMs }: MutantsFound): string {
  return [
    `After the change: ${countsSaid(after, timeLimitMs)}`,
    `Before it: ${countsSaid(before, timeLimitMs)}`,
  ].join(' ')
}

function countsSaid({ counts, complete }: MutantsOfSide, limit: number): string {
  const of = (verdict: string) => counts[verdict] ?? 0
  const left = of(NOT_RUN)
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  if (all === 0) return 'no function that is mutated differs.'
  const same = of('sameGraph') + of('equivalent')
  const said = [
    [of('killed'), 'killed by a claim or a recording'],
    [of('survived'), 'not noticed'],
    [of('notReached'), 'run by no scenario'],
    [of('error'), 'without a verdict'],
    [same, 'of no difference'],
    [left, `not judged within ${duration(limit)}`],
  ] as const
  const parts = said.flatMap(([count, what]) => (count === 0 ? [] : [`${figure(count)} ${what}`]))
  const interrupted = !complete && left === 0 ? ' The run was interrupted.' : ''
  return `${counted(all, 'mutant')} of the functions that differ: ${parts.join(', ')}.${interrupted}`
}

/** A mutant on a line. */
export function mutantSaid({
  procedure,
  step,
  kind,
  original,
  replacement,
  file,
  line,
}: MutantChange): string {
  const where = step === null ? procedure : `${procedure}, “${step}”`
  return `${where} (${file}:${line}): ${kind}: ${original} → ${replacement || 'nothing'}`
}

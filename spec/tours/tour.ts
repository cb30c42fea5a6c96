/**
 * Tours: a run, walked in a few stops that say what to see there, and what the world must hold for that to be true.
 *
 * @module
 */

/** A step of a run at which a tour stops. */
export interface TourStop {
  /** Name of the thread that takes the step. */
  readonly thread: string
  readonly procedure: string
  readonly step: string
  /** Which of the thread's steps of that name, from 1. */
  readonly occurrence: number
  /** What there is to see, in a sentence or two. */
  readonly says: string
  /** What fields of the world hold after the step, by the names that traces print. */
  readonly state: Readonly<Record<string, string>>
}

/** One thread goes on, without the others, until it has taken a step. */
export interface Turn {
  readonly thread: string
  readonly procedure: string
  readonly step: string
}

/**
 * The run of a tour: the shortest of a defect at smoke bounds, which breaks `clause`; or one of the reference, in which
 * threads take turns and nothing breaks.
 */
export type TourRun =
  | { readonly kind: 'defect'; readonly defect: string; readonly clause: string }
  | { readonly kind: 'turns'; readonly scenario: string; readonly turns: readonly Turn[] }

/** A tour of a finding. */
export interface Tour {
  /** The finding, which is `docs/findings/NAME.md`. */
  readonly finding: string
  readonly run: TourRun
  readonly stops: readonly TourStop[]
}

/** A stop; `occurrence` is 1 if it is left out. */
export function stop(
  thread: string,
  procedure: string,
  step: string,
  says: string,
  state: Readonly<Record<string, string>>,
  occurrence = 1,
): TourStop {
  return { thread, procedure, step, occurrence, says, state }
}

/** A tour of the shortest run of the defect that has the finding's name. */
export function tourOf(finding: string, clause: string, stops: readonly TourStop[]): Tour {
  return { finding, run: { kind: 'defect', defect: finding, clause }, stops }
}

/** The index of the step that `stop` names; -1 if the run does not have it. */
export function indexOfStop(
  steps: readonly { readonly name: string; readonly procedure: string; readonly step: string }[],
  { thread, procedure, step, occurrence }: TourStop,
): number {
  let seen = 0
  return steps.findIndex(
    (one) => one.name === thread && one.procedure === procedure && one.step === step && ++seen === occurrence,
  )
}

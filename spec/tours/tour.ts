/**
 * Tours: a run with a few stops. Each stop says what to observe, and lists fields of the world with
 * the values that it claims.
 *
 * @module
 */

/** A step of a run at which a tour stops. */
export interface TourStop {
  /** Name of the thread that takes the step. */
  readonly thread: string
  readonly procedure: string
  readonly step: string
  /** Number of this step among the thread's steps of that name, from 1. */
  readonly occurrence: number
  /** What to observe, in a sentence or two. */
  readonly says: string
  /** Values of fields of the world after the step, by the names in traces. */
  readonly state: Readonly<Record<string, string>>
}

/** Runs one thread alone until it has taken a step. */
export interface Turn {
  readonly thread: string
  readonly procedure: string
  readonly step: string
}

/**
 * The run of a tour: the shortest run of a defect at smoke bounds, which violates `clause`; or a
 * run of the reference without a violation, in which threads take turns.
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

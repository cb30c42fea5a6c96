/**
 * Typical mistakes of drivers: by which requirement each is found, and where it is explained.
 *
 * @module
 */
import type { StepPlace, Trace, ViolationReport } from '../checker/result.js'
import { sequenceOf } from './sequence/sequence-model.js'

/** The page that explains the mistakes, in the folder of the documents. */
export const MISTAKES_PAGE = 'driver-mistakes.md'

/** A mistake, as a section of the page. */
export interface Mistake {
  /** The title of the section. */
  readonly title: string
  /** Requirements that it breaks. */
  readonly clauses: readonly string[]
  /** What of the claim and of what is seen tells it from others that break the same; absent where it is all the same. */
  readonly says?: RegExp
}

/** A lock that a procedure takes, and keeps as it returns: whatever clause is broken then. */
const KEPT: Mistake = {
  title: 'Forgotten error path',
  clauses: ['lock-order', 'lock-discipline', 'deadlock', 'atomic-sleep'],
}

/** From the more special to the more general: the first that fits is named. */
export const MISTAKES: readonly Mistake[] = [
  { title: 'Number of another notifier', clauses: ['C8'], says: /number of another notifier/ },
  { title: 'Comparison outside the lock', clauses: ['C8'] },
  { title: 'Wrong lock', clauses: ['C9'] },
  { title: 'Wrong lock', clauses: ['lock-discipline'] },
  { title: 'Locks in the wrong order', clauses: ['lock-order', 'deadlock'] },
  { title: 'Sleeping where it is not allowed', clauses: ['atomic-sleep', 'non-blocking'] },
  { title: 'Missing set_seq', clauses: ['C10'] },
  { title: 'Missing flush', clauses: ['C1', 'C3', 'C7', 'C41'] },
  { title: 'Dropped dirty bit', clauses: ['C39', 'data'] },
  { title: 'Missing release', clauses: ['own-objects', 'use-after-free', 'work-items'] },
  { title: 'Retries that never end', clauses: ['C5', 'C49', 'progress'] },
  { title: 'Pages that may not be mapped', clauses: ['C4', 'C25'] },
]

/** A mistake that a violation looks like, if it is a typical one. */
export function mistakeIn({ clause, claim, detail, trace }: ViolationReport): Mistake | undefined {
  if (keptIn(trace) !== undefined) return KEPT
  return MISTAKES.find(
    ({ clauses, says }) => clauses.includes(clause) && says?.test(`${claim}: ${detail}`) !== false,
  )
}

/** The anchor of a section. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9_ -]/g, '')
    .replaceAll(' ', '-')
}

/** The page and section that explain a violation. */
export function pageFor(violation: ViolationReport): string {
  const mistake = mistakeIn(violation)
  return `${MISTAKES_PAGE}#${anchorOf(mistake?.title ?? 'Other requirements')}`
}

/** What a reader of a violation is to look at first. */
export interface Where {
  readonly place: StepPlace
  /** The step, from 1. */
  readonly step: number
  /** Whether the breach does not happen without it. */
  readonly matters: boolean
  /** The lock that it takes, if its procedure has returned and keeps it. */
  readonly keeps?: string
}

/** The driver's last step that matters, or its last step if none does: its own, or else one that it calls for. */
export function whereIn(trace: Trace): Where | undefined {
  const { steps } = trace
  const kept = keptIn(trace)
  if (kept !== undefined) return kept
  const placed = steps.flatMap(({ place, matters = false }, i) =>
    place === undefined ? [] : [{ place, step: i + 1, matters }],
  )
  const own = placed.filter(({ place }) => !place.isCall)
  return own.findLast(({ matters }) => matters) ?? placed.findLast(({ matters }) => matters) ?? placed.at(-1)
}

/** A step of the driver that takes a lock which it still holds at the end, though the procedure that took it has returned. */
function keptIn(trace: Trace): Where | undefined {
  const { steps, clause } = trace
  if (!KEPT.clauses.includes(clause)) return undefined
  for (const { thread, name, from, to, kind } of sequenceOf(trace).holds) {
    const { place, matters = false } = steps[from]
    if (kind === 'window' || to < steps.length || place === undefined) continue
    const hasReturned = steps
      .slice(from + 1)
      .some((step) => step.thread === thread && !step.place?.within.includes(place.procedure))
    if (hasReturned) return { place, step: from + 1, matters, keeps: name }
  }
  return undefined
}

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
  /** The same of the run; absent where any run will do. */
  readonly shows?: (trace: Trace) => boolean
}

/** A lock that a procedure takes, and keeps as it returns: whatever clause is broken then. */
const KEPT: Mistake = {
  title: 'Forgotten error path',
  clauses: ['lock-order', 'lock-discipline', 'deadlock', 'atomic-sleep'],
}

/** From the more special to the more general: the first that fits is named. */
export const MISTAKES: readonly Mistake[] = [
  // Else it is the callback that has left the page.
  {
    title: 'Page programmed behind the callback',
    clauses: ['C1'],
    shows: (trace) => madeIn(trace) !== undefined,
  },
  { title: 'Number of another notifier', clauses: ['C8'], says: /number of another notifier/ },
  { title: 'Programming without the lock', clauses: ['C8'], says: /programs page \d+ without / },
  {
    title: 'Number taken after the walk',
    clauses: ['C8'],
    says: /another sequence number than the one compared/,
  },
  {
    title: 'Walk that nobody compared',
    clauses: ['C8'],
    says: /has not validated|before its walk is validated/,
  },
  {
    title: 'Page that the rule of the driver does not allow',
    clauses: ['C8'],
    says: /own rule does not allow/,
  },
  {
    title: 'Rule of the driver that allows too much',
    clauses: ['C8'],
    says: /as its rule allows|pages that its range keeps/,
  },
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
    ({ clauses, says, shows }) =>
      clauses.includes(clause) && says?.test(`${claim}: ${detail}`) !== false && shows?.(trace) !== false,
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

/** What a violation is about that a step of the driver's own may have made, and the cell of the world by which it is told. */
const ABOUT: readonly (readonly [clause: string, says: RegExp, cell: (found: RegExpExecArray) => string])[] =
  [
    ['own-objects', /^(\S+) is never freed/, ([, object]) => object],
    ['C1', /^(\S+)'s page table maps page (\d+)/, ([, mirror, page]) => `${mirror}.pte[${page}]`],
  ]

/** What a reader of a violation is to look at first. */
export interface Where {
  readonly place: StepPlace
  /** The step, from 1. */
  readonly step: number
  /** Whether the breach does not happen without it. */
  readonly matters: boolean
  /** The lock that it takes, if its procedure has returned and keeps it. */
  readonly keeps?: string
  /** What it made or changed, and what the violation is about. */
  readonly made?: string
}

/** Why a reader is to look there, if the step has taken or changed what the violation is about. */
export function whyThere({ place, step, keeps, made }: Where): string | undefined {
  if (made !== undefined) return `step ${step}, the last that has changed ${made}`
  if (keeps !== undefined)
    return `step ${step} takes ${keeps}, and ${place.procedure} returns without releasing it`
  return undefined
}

/**
 * The step that kept a lock, or made what the violation is about; else the driver's last step that matters, or its last step if
 * none does: its own, or else one that it calls for.
 */
export function whereIn(trace: Trace): Where | undefined {
  const { steps } = trace
  const told = keptIn(trace) ?? madeIn(trace)
  if (told !== undefined) return told
  const placed = steps.flatMap(({ place, matters = false }, i) =>
    place === undefined ? [] : [{ place, step: i + 1, matters }],
  )
  const own = placed.filter(({ place }) => !place.isCall)
  return own.findLast(({ matters }) => matters) ?? placed.findLast(({ matters }) => matters) ?? placed.at(-1)
}

/**
 * The driver's step that allocated what is never freed; or the one that programmed the page that is stale, if the callback has
 * come to its end before it: else it is the callback that has left the page.
 */
function madeIn({ steps, clause, detail }: Trace): Where | undefined {
  for (const [about, says, cell] of ABOUT) {
    const found = about === clause ? says.exec(detail) : null
    if (found === null) continue
    const made = cell(found)
    const step = steps.findLastIndex(({ changes }) => changes.some((change) => change.cell.startsWith(made)))
    const { place, matters = false, thread } = steps[step] ?? {}
    if (place === undefined || place.isCall) return undefined
    const { thread: last } = steps[steps.length - 1]
    const goesOn = steps
      .slice(step + 1)
      .some((later) => later.place?.isCall === false && later.thread === last)
    if (clause !== 'own-objects' && goesOn && thread !== last) return undefined
    return { place, step: step + 1, matters, made }
  }
  return undefined
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

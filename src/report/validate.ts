/**
 * A trace of a concurrent run, and whether the model has it.
 *
 * @module
 */
import type { PassedOver } from '../conformance/validate/trace/race.js'
import type { Refusal, Validation } from '../conformance/validate/validate.js'
import type { Layout } from './form/colours.js'
import { bullets, counted, duration, figure, wrap } from './form/figures.js'
import { table } from './form/table.js'
import { document } from './json.js'
import { ExitCode, type RunFacts } from './report.js'

/** The result of `validate`. */
export interface ValidateReport {
  readonly run: RunFacts
  readonly validation: Validation
  /** Milliseconds that it took. */
  readonly elapsedMs: number
}

/** What an acceptance says, and what it does not. */
const MEANING =
  'Accepted means: the model has a behaviour with these events in this order, each with the values that were compared. Steps ' +
  'between the events (locks, page-table stores, contents of pages) are hidden: any that explain the events will do. Claims are ' +
  'not judged.'

/** The exit code of `validate`. */
export function validateExitCode({ validation }: ValidateReport): number {
  switch (validation.verdict) {
    case 'accepted':
      return ExitCode.holds
    case 'refused':
      return ExitCode.violated
    case 'undecided':
      return ExitCode.limit
  }
}

/** Milliseconds per thousand judged events. */
function rate({ validation, elapsedMs }: ValidateReport): number {
  return validation.events === 0 ? 0 : (elapsedMs * 1000) / validation.events
}

/** The result as JSON: `docs/schema/validate.schema.json`. */
export function validateJson(report: ValidateReport): string {
  const { passedOver, ...rest } = report.validation
  const { unjudged, ...others } = passedOver
  return document('validate', report.run, {
    exitCode: validateExitCode(report),
    ...rest,
    passedOver: { ...others, unjudged: Object.fromEntries(unjudged) },
    elapsedMs: Math.round(report.elapsedMs),
    msPerThousandEvents: Math.round(rate(report)),
  })
}

/** The result for people. */
export function validateText(report: ValidateReport, { colours, width }: Layout): string {
  const { validation } = report
  const { verdict } = validation
  const colour = verdict === 'accepted' ? colours.green : verdict === 'refused' ? colours.red : colours.yellow
  const sections = [
    `${validation.file}, ${subjectText(validation)} on ${counted(validation.pages, 'page')} at ` +
      `${validation.base}, against Linux ${validation.kernel}`,
    table(
      [
        { head: 'verdict' },
        { head: 'operations', align: 'right' },
        { head: 'events', align: 'right' },
        { head: 'accepted', align: 'right' },
        { head: 'windows', align: 'right' },
        { head: 'states', align: 'right' },
        { head: 'ms per 1000 events', align: 'right' },
      ],
      [
        [
          colour(verdict),
          figure(validation.operations),
          figure(validation.events),
          figure(validation.accepted),
          figure(validation.windows),
          figure(validation.states),
          figure(Math.round(rate(report))),
        ],
      ],
      colours,
    ),
  ]
  if (validation.explanation) {
    const { steps, taken, transitions, allTransitions, refusedSignals } = validation.explanation
    const refused = Object.entries(refusedSignals).map(([name, count]) => `${name} (${figure(count)})`)
    sections.push(
      wrap(
        `The run that explains it has ${counted(steps, 'step')}${
          validation.sequences === undefined
            ? '; each was taken again by an executor that shares nothing with the search'
            : ', and is the only one that the model has'
        }. It takes ${figure(Object.keys(taken).length)} different steps of procedures, and ` +
          `${figure(transitions.length)} of the ${figure(allTransitions)} transitions of statecharts. ` +
          (refused.length === 0
            ? "XState's actors had a transition for every signal of it."
            : `XState's actors had no transition for ${refused.join(', ')}.`),
        width,
      ),
    )
  }
  if (validation.refusal) sections.push(refusalText(validation, validation.refusal, width))
  if (verdict === 'undecided')
    sections.push(
      wrap(
        `Stopped after ${counted(validation.states, 'state')}, with the first ${counted(validation.accepted, 'event')} accepted. ` +
          'Raise --state-limit.',
        width,
      ),
    )
  if (validation.forgottenBefore !== undefined)
    sections.push(
      wrap(
        `Of the events before line ${validation.forgottenBefore} one explanation was kept, of perhaps several: a refusal after it ` +
          'holds for that one.',
        width,
      ),
    )
  sections.push(
    `Judged\n${bullets(
      Object.entries(validation.functions).map(([name, count]) => `${name}: ${figure(count)}`),
      '  ',
      width,
    )}`,
    `Not judged\n${bullets(passedOverTexts(validation.passedOver), '  ', width)}`,
    wrap(MEANING, width),
    `in ${duration(report.elapsedMs)}`,
  )
  return sections.join('\n\n')
}

function subjectText({ sequences, threads }: Validation): string {
  return sequences === undefined ? `a race of ${threads.join(', ')}` : counted(sequences, 'sequence')
}

function passedOverTexts({
  otherTasks,
  setupAndEnd,
  outside,
  unjudged,
  lost,
  others,
}: Validation['passedOver']): string[] {
  return [
    ...lost.map(({ line, events }) => `line ${line}: the tracer lost ${counted(events, 'event')}`),
    ...[...unjudged].map(
      ([name, { events, reason }]: UnjudgedEntry) => `${name}: ${figure(events)} (${reason})`,
    ),
    `of other tasks: ${figure(otherTasks)}`,
    `before the first operation and after the last: ${figure(setupAndEnd)}`,
    `at addresses outside of the window: ${figure(outside)}`,
    ...Object.entries(others).map(([name, events]) => `${name}: ${figure(events)} (no probe of a function)`),
  ]
}

type UnjudgedEntry = PassedOver['unjudged'] extends ReadonlyMap<infer K, infer V> ? readonly [K, V] : never

function refusalText({ file, verdict }: Validation, refusal: Refusal, width: number): string {
  const parts = [
    `${file}:${refusal.line}: ${refusal.thread} ${refusal.event}\n${
      verdict === 'refused'
        ? 'No behaviour of the model has this event here.'
        : 'No behaviour was found that has this event here; not all were looked at.'
    }`,
    `Before it\n${bullets(
      refusal.before.map(({ line, thread, event }) => `line ${line}: ${thread} ${event}`),
      '  ',
      width,
    )}`,
  ]
  if (refusal.instead.length > 0)
    parts.push(`In its place ${refusal.thread}, the nearest first\n${bullets(refusal.instead, '  ', width)}`)
  if (refusal.elsewhere.length > 0)
    parts.push(
      `Or another event would not fit\n${bullets(
        refusal.elsewhere.map(
          ({ line, event, instead }) => `line ${line}: the trace ${event}; the model ${instead}`,
        ),
        '  ',
        width,
      )}`,
    )
  parts.push(
    `Where the threads can be\n${bullets(
      refusal.threads.map(({ thread, places }) => `${thread}: ${places.join('; or ')}`),
      '  ',
      width,
    )}`,
  )
  return parts.join('\n\n')
}

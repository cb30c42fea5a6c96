/**
 * Events and places in words.
 *
 * @module
 */
import type { ModelEnd, ModelEvent } from './instrument.js'
import type { Unit } from './probe.js'
import { NOTIFIER_EVENTS } from './table.js'
import type { Race, RaceEvent } from './trace/race.js'
import { UNKNOWN } from './trace/values.js'

/** What must be known to show a number as the trace has it. */
export type Shown = Pick<Race, 'pages' | 'sequenceOffset'>

/** An event of the trace, as it was read. */
export function eventText(event: RaceEvent, race: Race): string {
  switch (event.kind) {
    case 'begin':
      return `begins ${event.operation.text}`
    case 'end':
      return `ends its operation with ${valuesText(event.answer)}`
    case 'exited':
      return 'sees that its child is no more'
    case 'aside':
      return 'invalidates pages outside of the window'
    case 'probe':
      return probeText(event.judged.function, event.at, event.values, race, {
        ...event.judged.entry,
        ...event.judged.sampled,
        ...event.judged.return,
      })
  }
}

/** What the model has in the place of an event. */
export function modelText(
  event: ModelEvent | ModelEnd,
  values: ReadonlyMap<string, number>,
  race: Race,
): string {
  if (event.at === 'end') return `ends its operation with ${valuesText(values)}`
  const at = event.at === 'return' ? 'return' : 'entry'
  const bindings = { ...event.judged.entry, ...event.judged.sampled, ...event.judged.return }
  return probeText(event.judged.function, at, values, race, bindings)
}

/** An event of a function in words. */
export function probeText(
  name: string,
  at: 'entry' | 'return',
  values: ReadonlyMap<string, number>,
  race: Shown,
  bindings: Readonly<Record<string, { readonly unit: Unit }>>,
): string {
  const shown = [...values].map(
    ([field, value]) => `${field}=${shownValue(value, bindings[field]?.unit ?? 'number', race)}`,
  )
  const does = at === 'entry' ? 'enters' : 'returns from'
  return `${does} ${name}${shown.length > 0 ? ` (${shown.join(' ')})` : ''}`
}

function shownValue(value: number, unit: Unit, { pages, sequenceOffset }: Shown): string {
  if (value === UNKNOWN) return 'unknown'
  switch (unit) {
    case 'page':
      return value >= pages ? 'elsewhere' : `page ${value}`
    case 'end':
      return value > pages ? 'elsewhere' : `page ${value}`
    case 'sequence':
      return String(BigInt(value) + sequenceOffset)
    case 'event':
      return NOTIFIER_EVENTS[value] ?? String(value)
    default:
      return String(value)
  }
}

function valuesText(values: ReadonlyMap<string, number>): string {
  return [...values].map(([name, value]) => `${name}=${value}`).join(' ')
}

/**
 * The table of probed functions.
 */
import { describe, expect, test } from 'vitest'
import { JUDGED, judgedIn, UNJUDGED } from '../../src/conformance/validate/table.js'
import { parseTrace } from '../../src/conformance/validate/trace/ftrace.js'
import { linesOf, RACES } from './traces.js'

test('no function is both judged and not, nor listed twice in a release', () => {
  for (const kernel of ['6.1', '7.3'] as const) {
    const judged = JUDGED.filter(({ releases }) => releases === undefined || releases.includes(kernel))
    expect(new Set(judged.map((each) => each.function)).size).toBe(judged.length)
    // An event is of one procedure: no two functions of a release are told of by one.
    expect(new Set(judged.map(({ procedure }) => procedure)).size).toBe(judged.length)
  }
  const names = UNJUDGED.map((each) => each.function)
  expect(new Set(names).size).toBe(names.length)
  expect(names.filter((name) => JUDGED.some((each) => each.function === name))).toEqual([])
})

describe.each(RACES)('$name', ({ name, kernel }) => {
  const { events } = parseTrace(linesOf(name).join('\n'), name)
  const probes = events.filter((event) => event.kind === 'probe')

  test('every function is in the table', () => {
    const unjudged = new Set(UNJUDGED.map((each) => each.function))
    const judged = judgedIn(kernel)
    const unknown = probes.filter((event) => !judged.has(event.function) && !unjudged.has(event.function))
    expect(new Set(unknown.map((event) => event.function))).toEqual(new Set())
  })

  test('every value that is compared is in its events', () => {
    const missing = new Set<string>()
    for (const event of probes) {
      const judged = judgedIn(kernel).get(event.function)
      if (judged === undefined) continue
      const bindings = event.at === 'entry' ? { ...judged.entry, ...judged.sampled } : (judged.return ?? {})
      for (const field of Object.keys(bindings))
        if (!event.fields.has(field)) missing.add(`${event.function} ${event.at}: ${field}`)
    }
    expect(missing).toEqual(new Set())
  })
})

/**
 * The order of events of different CPUs.
 */
import { describe, expect, test } from 'vitest'
import { BEGINNING, hadBy, nextEvents, placeAfter } from '../../src/conformance/validate/place.js'
import type { RaceEvent } from '../../src/conformance/validate/trace/race.js'

const event = (time: number, cpu: number, thread = cpu) =>
  ({ kind: 'exited', line: 0, time, cpu, thread }) as RaceEvent

describe('events that may be next', () => {
  test.each([
    ['one after another', [event(1, 0), event(2, 1)], [0]],
    ['two CPUs at one time', [event(1, 0), event(1, 1), event(2, 0)], [0, 1]],
    ['the first of each CPU', [event(1, 0), event(1, 0), event(1, 1), event(1, 1), event(1, 2)], [0, 2, 4]],
    ['a thread that has changed its CPU', [event(1, 0, 5), event(1, 1, 5)], [0]],
    ['none at the end', [], []],
  ])('%s', (_, events, next) => {
    expect(nextEvents(events, BEGINNING)).toEqual(next)
  })

  test('what has been had ahead is not had again', () => {
    const events = [event(1, 0), event(1, 1), event(1, 1), event(1, 0)]
    const place = placeAfter(BEGINNING, 1)
    expect(nextEvents(events, place)).toEqual([0, 2])
    expect(placeAfter(place, 0)).toEqual({ index: 2, ahead: [] })
    expect(placeAfter(placeAfter(place, 2), 0)).toEqual({ index: 3, ahead: [] })
    expect(hadBy(placeAfter(place, 2))).toBe(2)
  })
})

/** Every finding has a tour, whose stops are in today's run and say what is so there. */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { defects, scenarioOf } from '../../spec/index.js'
import { type Tour, tours } from '../../spec/tours/index.js'
import { stop } from '../../spec/tours/tour.js'
import type { Move } from '../../src/checker/explore/stepper.js'
import { check } from '../../src/checker/index.js'
import { problemsOf, subjectOfTour, takeTurns, tourThrough } from '../../src/explorer/tours.js'

/** The run of a tour, found anew, and what it breaks at its end. */
async function runOf(tour: Tour): Promise<{ moves: readonly Move[]; clause?: string }> {
  const { run } = tour
  if (run.kind === 'turns') {
    const walk = takeTurns(tour, run.turns)
    expect([...walk.broken.values()]).toEqual([])
    return { moves: walk.moves }
  }
  const defect = defects.find(({ name }) => name === run.defect)
  const scenario = defect && scenarioOf(defect)
  if (defect === undefined || scenario === undefined) throw new Error(`there is no defect ${run.defect}`)
  const { violation } = await check(scenario, { bounds: 'smoke', set: defect.set ?? {}, defects: [defect] })
  if (violation === undefined) throw new Error(`${run.defect} breaks nothing`)
  return { moves: violation.trace.steps, clause: violation.clause }
}

test('there is one for each finding', () => {
  const findings = readdirSync(new URL('../../docs/findings/', import.meta.url))
    .map((name) => name.replace(/\.md$/, ''))
    .filter((name) => /^[A-Z]+\d+$/.test(name))
  expect(tours.map(({ finding }) => finding).sort()).toEqual(findings.sort())
  for (const { finding, stops } of tours) {
    expect(stops.length, finding).toBeGreaterThanOrEqual(4)
    expect(stops.length, finding).toBeLessThanOrEqual(7)
  }
})

describe.each(tours.map((tour) => [tour.finding, tour] as const))('the tour of %s', (_, tour) => {
  test('walks the run of today', async () => {
    const { moves, clause } = await runOf(tour)
    expect(problemsOf(tour, moves)).toEqual([])
    if (tour.run.kind === 'defect') expect(clause).toBe(tour.run.clause)
  })
})

describe('a tour that is no longer true', () => {
  const tour = tours.find(({ finding }) => finding === 'H3') as Tour
  const wrong = (stops: Tour['stops']) => ({ ...tour, stops })

  test('names tour, stop and field', async () => {
    const { moves } = await runOf(tour)
    const [first, second, ...rest] = tour.stops
    expect(problemsOf(wrong([first, { ...second, step: 'set_seq' }, ...rest]), moves)).toEqual([
      'tour H3, stop 2: the run has no step "set_seq" of invalidate (unmap) by reaper',
    ])
    expect(problemsOf(wrong([second, first]), moves)[0]).toMatch(/^tour H3, stop 2: .* comes before stop 1$/)
    expect(problemsOf(wrong([{ ...first, state: { 'counting.open': '2', 'no.such': '1' } }]), moves)).toEqual(
      [
        'tour H3, stop 1: counting.open is 0 after step 4, and not 2',
        'tour H3, stop 1: the world has no field no.such',
      ],
    )
    expect(problemsOf(wrong([{ ...first, occurrence: 2 }]), moves)[0]).toContain('for the 2. time')
  })

  test('is not offered for another run', async () => {
    const { moves } = await runOf(tour)
    const subject = subjectOfTour(tour)
    const walk = takeTurns(tour, [])
    expect(tourThrough(subject, walk.steps)).toBeUndefined()
    walk.take(moves)
    expect(tourThrough(subject, walk.steps)?.stops).toEqual([3, 5, 8, 9, 10, 11])
    expect(tourThrough({ ...subject, defect: 'H14' }, walk.steps)).toBeUndefined()
  })

  test('a turn that never ends says so', () => {
    expect(() => takeTurns(tour, [stop('reaper', 'mmput', 'no such step', '', {})])).toThrow(
      /step \d+ cannot be taken|never takes "no such step"/,
    )
  })
})

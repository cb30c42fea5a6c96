/** When a process hangs is told by what processors have worked for it, and not by a clock. */
import { describe, expect, test } from 'vitest'
import type { Whereabouts } from '../../src/cli/supervisor/protocol.js'
import { type Patience, Standstill } from '../../src/cli/supervisor/standstill.js'

const PATIENCE = { stuckMs: 1000, lateMs: 10_000 }
const ENGINE = `advance (${new URL('../../src/checker/check.js', import.meta.url).href}:7)`

const inStep = (started: number): Whereabouts => ({
  started,
  place: { procedure: 'fault', step: 'wait' },
  frames: ['fault (file:///driver.js:3)'],
})
const at = (frame: string): Whereabouts => ({ started: 0, frames: [frame] })

/** What is said first, and after how many looks: one a second, for each of which a processor has worked `workedMs`. */
function judged(
  workedMs: number,
  looks: readonly (Whereabouts | undefined)[],
  patience: Patience = PATIENCE,
): { after: number; kind: string } | undefined {
  const standstill = new Standstill(patience)
  for (const [i, where] of looks.entries()) {
    const seen = where === undefined ? {} : { where }
    const said = standstill.judge({ atMs: 1000 * i, workedMs: workedMs * i, ...seen })
    if (said !== undefined) return { after: i, kind: said.kind }
  }
  return undefined
}
const times = <T>(count: number, of: (i: number) => T) => Array.from({ length: count }, (_, i) => of(i))

describe('a process that should have ended', () => {
  test('hangs if a processor works for one step of it', () => {
    expect(
      judged(
        1000,
        times(9, () => inStep(5)),
      ),
    ).toEqual({ after: 1, kind: 'hangs' })
  })

  test('does not hang as long as the machine does not let it work', () => {
    expect(
      judged(
        20,
        times(40, () => inStep(5)),
      ),
    ).toBeUndefined()
  })

  test('is late, and does not hang, if it takes one step after another', () => {
    expect(
      judged(
        1000,
        times(20, (i) => inStep(i)),
      ),
    ).toEqual({ after: 10, kind: 'late' })
  })

  test('is late if the engine is at work', () => {
    expect(
      judged(
        1000,
        times(20, () => at(ENGINE)),
      ),
    ).toEqual({ after: 10, kind: 'late' })
  })

  test('hangs if it goes from one function of a file to another, and starts no step', () => {
    const looks = times(20, (i) => at(`f${i % 2} (file:///driver.js:${i})`))
    expect(judged(1000, looks)).toEqual({ after: 10, kind: 'hangs' })
  })

  test('hangs if it waits for ten seconds', () => {
    expect(
      judged(
        0,
        times(20, () => ({ started: 0, frames: [] })),
      ),
    ).toEqual({ after: 10, kind: 'hangs' })
  })

  test('hangs in what cannot be looked into, unless the machine is loaded', () => {
    expect(
      judged(
        1000,
        times(20, () => undefined),
      ),
    ).toEqual({ after: 5, kind: 'hangs' })
    expect(
      judged(
        100,
        times(40, () => undefined),
      ),
    ).toBeUndefined()
  })
})

test('a silent process that gets on is never late', () => {
  expect(
    judged(
      1000,
      times(99, (i) => inStep(i)),
      { stuckMs: 5000 },
    ),
  ).toBeUndefined()
})

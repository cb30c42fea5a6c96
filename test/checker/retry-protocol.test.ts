import { describe, expect, it } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check, replay } from '../../src/checker/index.js'
import { withoutReadRetry } from './without-read-retry.js'

describe('the retry protocol', () => {
  // Counted by two other checkers on models of their own; they count the initial state as a transition.
  it.each([
    [2, 1, 8_816, 18_830],
    [3, 2, 203_031, 459_879],
  ])(
    'with %i invalidations and %i commits has %i states and %i steps',
    async (invalidations, commits, states, steps) => {
      const result = await check(retryProtocol, { set: { pages: 2, invalidations, commits } })
      expect(result).toMatchObject({
        verdict: 'holds',
        exhaustive: true,
        states,
        transitions: steps,
        queue: 0,
      })
    },
  )

  it('without read_retry maps a stale page after 12 steps and no fewer', async () => {
    const result = await check(retryProtocol, { bounds: 'smoke', defects: [withoutReadRetry] })
    expect(result).toMatchObject({ verdict: 'violated', exhaustive: false, defects: ['without read_retry'] })
    expect(result.violation).toMatchObject({ kind: 'invariant', clause: 'C1', claim: 'mirror is not stale' })
    expect(result.violation?.trace).toMatchObject({ shortest: true, scenario: 'retry-protocol' })
    expect(result.violation?.trace.steps).toHaveLength(12)
  })

  it('replays its counterexample, through JSON, to the state that it complains of', async () => {
    const { violation } = await check(retryProtocol, { bounds: 'smoke', defects: [withoutReadRetry] })
    const trace = JSON.parse(JSON.stringify(violation?.trace))
    const steps = replay(retryProtocol, trace, [withoutReadRetry])
    expect(steps.map(({ step }) => step)).toEqual(trace.steps)
    expect(steps.at(-1)?.step.changes.map((change) => change.cell)).toEqual([
      expect.stringMatching(/protocol\.(device|pte)/),
    ])
    expect(() => replay(retryProtocol, trace)).toThrow(
      /^step \d+, recorded as .*differs: the thread is at .*: compare$/,
    )
  })
})

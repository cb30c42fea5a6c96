import { describe, expect, it } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { checkAtRandom, replay } from '../../src/checker/index.js'
import {
  type AnyProcedure,
  become,
  Layout,
  Mutex,
  type Procedure,
  procedure,
  type Running,
  type Scenario,
  SpecificationError,
  scenario,
  step,
} from '../../src/world/index.js'
import { scenarioOf, thread } from '../world/by-hand.js'
import { withoutReadRetry } from './without-read-retry.js'

const deadlocking: Scenario = scenarioOf(() => {
  const layout = new Layout({ threads: 2 })
  const [a, b] = [new Mutex(layout, 'A'), new Mutex(layout, 'B')]
  const nested = (first: Mutex, second: Mutex) =>
    function* (): Running<void> {
      yield* first.lock()
      yield* second.lock()
      yield* second.unlock()
      yield* first.unlock()
    }
  return { layout, threads: [thread('ab', nested(a, b)), thread('ba', nested(b, a))] }
})

/** More states than anybody could store: eight threads that count for ever. */
const huge = scenario({
  name: 'huge',
  summary: '',
  exercises: [],
  parameters: {
    wrong: { summary: 'number that is not allowed', min: 5, max: 100, smoke: 30, default: 30, deep: 30 },
    threads: { summary: 'threads', min: 2, max: 8, smoke: 8, default: 8, deep: 8 },
  },
  build({ wrong, threads }) {
    const layout = new Layout({ threads })
    const cells = layout.array('count', threads, (l) => ({ n: l.counter('n', 1000) }))
    return {
      layout,
      threads: cells.map((cell, i) => ({
        name: `t${i}`,
        program: count as unknown as AnyProcedure,
        args: [cell],
      })),
      invariants: [
        {
          clause: 'C1',
          name: 'small',
          judge: () => (cells[1].n < wrong ? true : `it is ${cells[1].n}`),
        },
      ],
    }
  },
})

const count: Procedure<[{ n: number }], void> = procedure(function* count(of: { n: number }): Running<void> {
  yield* step('count', () => {
    of.n += 1
  })
  return yield* become(count, of)
})

describe('random runs', () => {
  it('find that read_retry was left out, and shrink the run and the world', async () => {
    for (const seed of [1, 2, 3]) {
      const result = await checkAtRandom(retryProtocol, { bounds: 'deep', defects: [withoutReadRetry], seed })
      expect(result).toMatchObject({ verdict: 'violated', exhaustive: false, seed })
      expect(result.parameters).toEqual({ pages: 2, invalidations: 5, commits: 3 })
      const trace = result.violation?.trace
      expect(trace).toMatchObject({
        clause: 'C1',
        shortest: false,
        parameters: { pages: 1, invalidations: 1, commits: 1 },
      })
      expect(trace?.steps.length).toBeLessThanOrEqual(20)
      if (trace)
        expect(replay(retryProtocol, trace, [withoutReadRetry]).map(({ step }) => step)).toEqual(trace.steps)
    }
  })

  it('find nothing wrong with the protocol as it is, and do not call that exhaustive', async () => {
    const result = await checkAtRandom(retryProtocol, { bounds: 'deep', runs: 500, seed: 1 })
    expect(result).toMatchObject({ verdict: 'no violation found', exhaustive: false, runs: 500, shrinks: 0 })
    expect(result.transitions).toBeGreaterThan(10_000)
    expect(result.violation).toBeUndefined()
    expect(result.coverage.steps).toContain('invalidate: zap')
  })

  it('are the same again from the same seed, and begin with the violation when its path is given', async () => {
    const options = { defects: [withoutReadRetry], seed: 42 }
    const first = await checkAtRandom(retryProtocol, options)
    const again = await checkAtRandom(retryProtocol, options)
    expect(again.violation).toEqual(first.violation)
    expect(again.path).toBe(first.path)
    if (first.path === undefined) throw new Error('no path')
    const direct = await checkAtRandom(retryProtocol, { ...options, path: first.path })
    expect(direct.violation).toEqual(first.violation)
    expect(direct.transitions).toBeLessThan(first.transitions)
  })

  it('keep parameters that were set by name', async () => {
    const result = await checkAtRandom(retryProtocol, {
      set: { pages: 2 },
      defects: [withoutReadRetry],
      seed: 1,
    })
    expect(result.violation?.trace.parameters).toEqual({ pages: 2, invalidations: 1, commits: 1 })
  })

  it('find what is wrong in a world too large to exhaust', async () => {
    const result = await checkAtRandom(huge, { seed: 1 })
    expect(result.violation?.trace.parameters).toEqual({ wrong: 5, threads: 2 })
    expect(result.violation?.trace.steps.map((taken) => taken.name)).toEqual(['t1', 't1', 't1', 't1', 't1'])
  })

  it('find a deadlock', async () => {
    const result = await checkAtRandom(deadlocking, { seed: 1 })
    expect(result.violation).toMatchObject({
      kind: 'deadlock',
      detail: expect.stringMatching(/ab waits at "lock B"/),
    })
    expect(result.violation?.trace.steps.map((taken) => taken.step).sort()).toEqual(['lock A', 'lock B'])
  })

  it('judge steps, and what steps claim themselves', async () => {
    const counting = (limit: number) =>
      scenarioOf(() => {
        const layout = new Layout({ threads: 1 })
        const counted = layout.record({ n: layout.counter('n', 3) })
        return {
          layout,
          threads: [{ name: 't', program: count as unknown as AnyProcedure, args: [counted] }],
          stepClaims: [
            {
              clause: 'C2',
              name: 'stays low',
              judge: () => (counted.n < limit ? true : 'too high'),
            },
          ],
        }
      })
    const result = await checkAtRandom(counting(2), { seed: 1 })
    expect(result.violation).toMatchObject({ kind: 'step', clause: 'C2', detail: 'too high' })
    expect(result.violation?.trace.steps).toHaveLength(2)
  })

  it('report a mistake in the scenario as check does: procedure, step and cell', async () => {
    const overflowing = scenarioOf(() => {
      const layout = new Layout({ threads: 1 })
      return {
        layout,
        threads: [
          {
            name: 't',
            program: count as unknown as AnyProcedure,
            args: [layout.record({ n: layout.counter('small', 3) })],
          },
        ],
      }
    })
    await expect(checkAtRandom(overflowing, { seed: 1 })).rejects.toThrow(SpecificationError)
    await expect(checkAtRandom(overflowing, { seed: 1 })).rejects.toThrow(
      /^step "count" of count \(thread t\): small was set to 4/,
    )
  })

  it('end in time, and when interrupted', async () => {
    const limited = await checkAtRandom(retryProtocol, { bounds: 'deep', runs: 1_000_000, timeMs: 100 })
    expect(limited.verdict).toBe('limit')
    expect(limited.runs).toBeLessThan(1_000_000)
    const interrupted = await checkAtRandom(retryProtocol, {
      runs: 1_000_000,
      signal: AbortSignal.timeout(100),
    })
    expect(interrupted.verdict).toBe('interrupted')
  })
})

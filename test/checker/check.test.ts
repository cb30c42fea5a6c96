import { describe, expect, it } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check, parametersOf, replay } from '../../src/checker/index.js'
import {
  BLOCKED,
  become,
  type Cell,
  choose,
  claim,
  Layout,
  type Lifecycle,
  type Model,
  Mutex,
  old,
  type Procedure,
  procedure,
  type Running,
  step,
  type Thread,
} from '../../src/world/index.js'
import { checkThreads, scenarioOf, thread } from '../world/by-hand.js'

const set = (cell: Cell<unknown>, value: number) => () => {
  cell.value = value
  return 0
}

const until = (cell: Cell<unknown>, value: number) => () => (cell.value === value ? 0 : BLOCKED)

describe('exploring', () => {
  it('visits every interleaving once: two threads of n steps have (n+1)² states', async () => {
    const steps = (cell: Cell) =>
      function* (): Running<void> {
        for (let i = 0; i < 5; i++) yield* step('count', () => ++cell.value)
      }
    const result = await checkThreads(
      2,
      (l) => [l.counter('a', 5), l.counter('b', 5)],
      ([a, b]) => [thread('a', steps(a)), thread('b', steps(b))],
    )
    expect(result).toMatchObject({
      verdict: 'holds',
      exhaustive: true,
      states: 36,
      transitions: 60,
      depth: 10,
      queue: 0,
    })
  })

  it('follows every outcome of a choice', async () => {
    const result = await checkThreads(
      1,
      (l) => l.counter('cell', 5),
      (cell) => [
        thread('t', function* () {
          const way = yield* choose('way', 6)
          yield* step('note', set(cell, way))
        }),
      ],
      (cell) => ({
        witnesses: [0, 1, 2, 3, 4, 5].map((n) => ({
          name: `${n}`,
          holds: (v) => v.finished(0) && cell.value === n,
        })),
      }),
    )
    expect(result.verdict).toBe('holds')
    expect(result.witnesses.every((witness) => witness.reached)).toBe(true)
  })

  it('starts from what the model initialises', async () => {
    const result = await checkThreads(
      1,
      (l) => l.counter('cell', 5),
      () => [thread('t', function* () {})],
      (cell) => ({
        initialise: () => {
          cell.value = 4
        },
        witnesses: [{ name: 'four', holds: () => cell.value === 4 }],
      }),
    )
    expect(result).toMatchObject({ verdict: 'holds', states: 1 })
  })

  it('looks at states as nobody, though the last thread was found blocked', async () => {
    const result = await checkThreads(
      2,
      (l) => {
        const lock = new Mutex(l, 'lock')
        return { lock, cell: l.counter('cell', 3, { guardedBy: lock }) }
      },
      (record) =>
        ['a', 'b'].map((name) =>
          thread(name, function* () {
            yield* record.lock.lock()
            yield* step('add', () => ++record.cell)
            yield* record.lock.unlock()
          }),
        ),
      (record) => ({
        invariants: [{ clause: 'C', name: 'small', judge: () => (record.cell < 3 ? true : 'large') }],
        progress: [{ clause: 'L', name: 'ends', pending: () => record.cell < 2 }],
      }),
    )
    expect(result.verdict).toBe('holds')
  })

  it('tells what was exercised', async () => {
    const result = await checkThreads(
      1,
      (l) => l.counter('cell', 5),
      (cell) => [
        thread('worker', function* () {
          yield* step('work', set(cell, 1))
        }),
      ],
      (cell) => ({
        invariants: [
          { clause: 'S', name: 'says something', judge: () => (cell.value === 1 ? true : undefined) },
          { clause: 'N', name: 'has nothing to say', judge: () => undefined },
        ],
      }),
    )
    expect(result.coverage).toMatchObject({
      steps: ['worker: work'],
      procedures: ['worker'],
      claims: [
        { clause: 'S', exercised: 1 },
        { clause: 'N', exercised: 0 },
      ],
    })
  })
})

describe('a claim that does not hold', () => {
  const counting = (rest: (cell: Cell) => Partial<Model>, body?: (cell: Cell) => () => Running<void>) =>
    checkThreads(
      1,
      (l) => l.counter('cell', 5),
      (cell) => [
        thread(
          'counter',
          body?.(cell) ??
            function* () {
              for (let i = 0; i < 5; i++) yield* step('count', () => ++cell.value)
            },
        ),
      ],
      rest,
    )

  it('about states is shown by the shortest run to one of them', async () => {
    const result = await counting((cell) => ({
      invariants: [
        {
          clause: 'C7',
          name: 'below three',
          judge: () => (cell.value < 3 ? true : `it is ${cell.value}`),
        },
      ],
    }))
    expect(result.violation).toMatchObject({
      kind: 'invariant',
      clause: 'C7',
      claim: 'below three',
      detail: 'it is 3',
    })
    expect(result.violation?.trace.steps.map((taken) => taken.changes)).toEqual(
      [0, 1, 2].map((n) => [{ cell: 'cell', before: `${n}`, after: `${n + 1}`, ghost: false }]),
    )
  })

  it('about the initial state has an empty trace', async () => {
    const result = await counting(() => ({
      invariants: [{ clause: 'C7', name: 'never', judge: () => 'at once' }],
    }))
    expect(result).toMatchObject({
      verdict: 'violated',
      violation: { detail: 'at once', trace: { steps: [] } },
    })
  })

  it('about steps is shown with the step, though it leads to no new state', async () => {
    const result = await counting(
      (cell) => ({
        stepClaims: [
          {
            clause: 'C8',
            name: 'never falls',
            judge: () => (cell.value >= old(() => cell.value) ? true : 'it fell'),
          },
        ],
      }),
      (cell) =>
        function* () {
          yield* step('up', set(cell, 1))
          yield* step('down', set(cell, 0))
        },
    )
    expect(result.violation).toMatchObject({ kind: 'step', clause: 'C8', detail: 'it fell' })
    expect(result.violation?.trace.steps.map((taken) => taken.step)).toEqual(['up', 'down'])
  })

  it('within a step is shown with what the step had changed', async () => {
    const result = await counting(
      () => ({}),
      (cell) =>
        function* () {
          yield* step('change and complain', () => {
            cell.value = 2
            claim('C9', false, 'wrong')
            return 0
          })
        },
    )
    expect(result.violation).toMatchObject({ kind: 'assertion', clause: 'C9', detail: 'wrong' })
    expect(result.violation?.trace.steps[0].changes).toEqual([
      { cell: 'cell', before: '0', after: '2', ghost: false },
    ])
  })

  it('may be thrown by the claim, and is shown with the step that led there', async () => {
    const result = await counting((cell) => ({
      invariants: [
        {
          clause: 'C7',
          name: 'claims',
          judge: () => {
            claim('C10', cell.value < 2, 'two')
            return true
          },
        },
      ],
    }))
    expect(result.violation).toMatchObject({ kind: 'assertion', clause: 'C10', detail: 'two' })
    expect(result.violation?.trace.steps.at(-1)?.changes).toEqual([
      { cell: 'cell', before: '1', after: '2', ghost: false },
    ])
  })

  it('comes before a mistake in a step that is explored later', async () => {
    const result = await checkThreads(
      2,
      (l) => l.flag('cell'),
      (cell) => [
        thread('breaks the claim', function* () {
          yield* step('set', set(cell, 1))
        }),
        thread('goes beyond the bound', function* () {
          yield* step('overflow', set(cell, 2))
        }),
      ],
      (cell) => ({
        invariants: [{ clause: 'C7', name: 'none', judge: () => cell.value === 0 || 'one' }],
      }),
    )
    expect(result.violation).toMatchObject({ clause: 'C7', detail: 'one' })
    expect(result.violation?.trace.steps).toHaveLength(1)
  })

  it('is the first in the order of exploring, whichever kind it is', async () => {
    const first = (order: 'state' | 'step') =>
      checkThreads(
        2,
        (l) => l.flag('cell'),
        (cell) => {
          const bad = thread('bad state', function* () {
            yield* step('set', set(cell, 1))
          })
          const wrong = thread('wrong step', function* () {
            yield* step('complain', () => {
              claim('C9', false, 'wrong')
              return 0
            })
          })
          return order === 'state' ? [bad, wrong] : [wrong, bad]
        },
        (cell) => ({
          invariants: [{ clause: 'C7', name: 'clear', judge: () => (cell.value ? 'it is set' : true) }],
        }),
      )
    expect((await first('state')).violation).toMatchObject({ kind: 'invariant', clause: 'C7' })
    expect((await first('step')).violation).toMatchObject({ kind: 'assertion', clause: 'C9' })
  })

  it('that something can happen fails where no state shows it', async () => {
    const result = await counting((cell) => ({
      witnesses: [
        { name: 'five', holds: () => cell.value === 5 },
        { clause: 'W1', name: 'impossible', holds: () => false },
      ],
    }))
    expect(result).toMatchObject({ verdict: 'violated', exhaustive: true })
    expect(result.violation).toMatchObject({
      kind: 'witness',
      clause: 'W1',
      claim: 'impossible',
      trace: { steps: [] },
    })
    expect(result.witnesses).toEqual([
      { name: 'five', reached: true },
      { name: 'impossible', reached: false },
    ])
  })
})

describe('a deadlock', () => {
  const waiting = (daemon: boolean) => {
    const layout = new Layout({ threads: 2 })
    const flag = layout.flag('flag')
    const waiter: Thread = {
      ...thread('waiter', function* () {
        yield* step('wait', until(flag, 1))
      }),
      daemon,
    }
    return check(
      scenarioOf(() => ({
        layout,
        threads: [
          waiter,
          thread('other', function* () {
            yield* step('something else', () => 0)
          }),
        ],
      })),
    )
  }

  it('is a thread that waits when nobody can go on', async () => {
    const result = await waiting(false)
    expect(result.violation).toMatchObject({
      kind: 'deadlock',
      detail: 'nothing can go on: waiter waits at "wait"',
    })
    expect(result.violation?.trace.steps.map((taken) => taken.name)).toEqual(['other'])
  })

  it('is none if only threads are left that may wait for ever', async () => {
    expect((await waiting(true)).verdict).toBe('holds')
  })
})

describe('progress under weak fairness', () => {
  const poll: Procedure<[Cell], void> = procedure(function* poll(flag: Cell): Running<void> {
    const seen = yield* step('poll', () => flag.value)
    if (seen) return
    return yield* become(poll, flag)
  })
  const toggle: Procedure<[Cell], void> = procedure(function* toggle(flag: Cell): Running<void> {
    yield* step('set', set(flag, 1))
    yield* step('clear', set(flag, 0))
    return yield* become(toggle, flag)
  })

  const polling = (other: (flag: Cell<boolean>) => Thread) =>
    checkThreads(
      2,
      (l) => l.flag('flag'),
      (flag) => [
        { name: 'poller', program: poll as unknown as Thread['program'], args: [flag] },
        other(flag),
      ],
      () => ({
        progress: [{ clause: 'L1', name: 'polling ends', pending: (view) => !view.finished(0) }],
      }),
    )

  it('finds a loop that starves a thread which always looks at the wrong moment', async () => {
    const result = await polling((flag) => ({
      name: 'toggler',
      program: toggle as unknown as Thread['program'],
      args: [flag],
    }))
    expect(result).toMatchObject({ verdict: 'violated', fairness: 'weak fairness of each thread' })
    const violation = result.violation
    expect(violation).toMatchObject({ kind: 'progress', clause: 'L1', claim: 'polling ends' })
    const { steps, loopFrom } = violation?.trace ?? { steps: [], loopFrom: undefined }
    const loop = steps.slice(loopFrom)
    expect(new Set(loop.map((taken) => taken.name))).toEqual(new Set(['poller', 'toggler']))
    expect(violation?.trace.shortest).toBe(false)
  })

  it('does not report a loop in which a thread that could go on never does', async () => {
    const result = await polling((flag) =>
      thread('setter', function* () {
        yield* step('set', set(flag, 1))
      }),
    )
    expect(result).toMatchObject({ verdict: 'holds', fairness: 'weak fairness of each thread' })
  })

  it('counts a thread that is blocked now and then as served: fairness is weak, not strong', async () => {
    const result = await checkThreads(
      2,
      (l) => l.flag('flag'),
      (flag) => [
        thread('waiter', function* () {
          yield* step('wait', until(flag, 1))
        }),
        { name: 'toggler', program: toggle as unknown as Thread['program'], args: [flag] },
      ],
      () => ({
        progress: [{ clause: 'L1', name: 'waiting ends', pending: (view) => !view.finished(0) }],
      }),
    )
    expect(result.violation?.kind).toBe('progress')
  })

  it('finds a run that ends while something is pending: it stays so for ever', async () => {
    const result = await checkThreads(
      1,
      (l) => l.flag('open'),
      (open) => [
        thread('opener', function* () {
          yield* step('open', set(open, 1))
          const closes = yield* choose('close?', 2)
          if (closes) yield* step('close', set(open, 0))
        }),
      ],
      (open) => ({ progress: [{ clause: 'L2', name: 'is closed', pending: () => open.value === 1 }] }),
    )
    expect(result.violation).toMatchObject({
      kind: 'progress',
      clause: 'L2',
      detail: expect.stringMatching(/ends/),
    })
    expect(result.violation?.trace.steps.map((taken) => taken.step)).toEqual(['open', 'close?'])
    expect(result.violation?.trace.loopFrom).toBeUndefined()
  })

  it('holds where what is pending ends on every run', async () => {
    const result = await checkThreads(
      1,
      (l) => l.flag('open'),
      (open) => [
        thread('opener', function* () {
          yield* step('open', set(open, 1))
          yield* step('close', set(open, 0))
        }),
      ],
      (open) => ({ progress: [{ clause: 'L2', name: 'is closed', pending: () => open.value === 1 }] }),
    )
    expect(result).toMatchObject({ verdict: 'holds', fairness: 'weak fairness of each thread' })
  })

  it('replays the run and its loop', async () => {
    const layout = new Layout({ threads: 2 })
    const flag = layout.flag('flag')
    const scenario = scenarioOf(() => ({
      layout,
      threads: [
        { name: 'poller', program: poll as unknown as Thread['program'], args: [flag] },
        { name: 'toggler', program: toggle as unknown as Thread['program'], args: [flag] },
      ],
      progress: [{ clause: 'L1', name: 'polling ends', pending: (view) => !view.finished(0) }],
    }))
    const { violation } = await check(scenario)
    const trace = violation?.trace
    if (trace?.loopFrom === undefined) throw new Error('no loop')
    const states = replay(scenario, trace).map(({ state }) => state)
    const atLoop = trace.loopFrom === 0 ? [] : states[trace.loopFrom - 1]
    expect(states.at(-1)).toEqual(atLoop)
  })

  it('is not claimed to be checked where nothing claims it', async () => {
    const result = await check(retryProtocol, { bounds: 'smoke' })
    expect(result.fairness).toBe('progress not checked')
  })
})

describe('statechart transitions', () => {
  const table = {
    name: 'lamp',
    states: ['off', 'on'],
    events: ['switch on', 'switch off'],
    targets: Int16Array.of(1, -1, -1, 0),
  }
  const lamp = (events: readonly string[], rest: (lamp: Lifecycle) => Partial<Model> = () => ({})) =>
    checkThreads(
      1,
      (l) => l.lifecycle('lamp', 'lamp'),
      (lamp) => [
        thread('t', function* () {
          for (const event of events)
            yield* step(event, () => {
              lamp.signal(event)
              return 0
            })
        }),
      ],
      (lamp) => ({ charts: { lamp: table }, ...rest(lamp) }),
    )

  it('are counted once for each step, though progress is looked for', async () => {
    const result = await lamp(['switch on', 'switch off'], () => ({
      progress: [{ clause: 'L', name: 'ends', pending: (view) => !view.finished(0) }],
    }))
    expect(result.verdict).toBe('holds')
    expect(result.coverage.transitions.map(({ event, taken }) => [event, taken])).toEqual([
      ['switch on', 1],
      ['switch off', 1],
    ])
  })

  it('that the chart does not have are a refinement failure', async () => {
    const result = await lamp(['switch on', 'switch on'])
    expect(result.violation).toMatchObject({
      kind: 'refinement',
      clause: 'refinement',
      detail: 'lamp: statechart lamp allows no switch on in state on',
    })
  })

  it('must agree with what the world is read as', async () => {
    const result = await lamp(['switch on', 'switch off'], (lamp) => ({
      abstractions: [{ lifecycle: lamp, state: () => 'off' }],
    }))
    expect(result.violation).toMatchObject({
      kind: 'abstraction',
      detail: expect.stringMatching(/world is in "off", the statechart lamp in "on"/),
    })
  })
})

describe('a limit is a verdict', () => {
  it('of states', async () => {
    const result = await check(retryProtocol, { limits: { states: 1000 } })
    expect(result).toMatchObject({
      verdict: 'limit',
      limit: { kind: 'states', value: 1000 },
      exhaustive: false,
    })
    expect(result.states).toBeGreaterThanOrEqual(1000)
    expect(result.states).toBeLessThan(1010)
    expect(result.queue).toBeGreaterThan(0)
    expect(result.violation).toBeUndefined()
  })

  it('of memory, which is never passed', async () => {
    for (const memoryBytes of [1 << 20, 3 << 20, 5_000_000]) {
      const result = await check(retryProtocol, { limits: { memoryBytes } })
      expect(result).toMatchObject({
        verdict: 'limit',
        limit: { kind: 'memory', value: memoryBytes },
        exhaustive: false,
      })
      expect(result.storedBytes).toBeLessThanOrEqual(memoryBytes)
    }
  })

  it('of time', async () => {
    const result = await check(retryProtocol, { bounds: 'deep', limits: { timeMs: 100 } })
    expect(result).toMatchObject({ verdict: 'limit', limit: { kind: 'time', value: 100 }, exhaustive: false })
    expect(result.elapsedMs).toBeGreaterThanOrEqual(100)
    expect(result.elapsedMs).toBeLessThan(5000)
  })

  it('does not hide a claim that was broken before it', async () => {
    const result = await checkThreads(
      1,
      (l) => l.counter('cell', 1),
      () => [thread('t', function* () {})],
      () => ({ invariants: [{ clause: 'C', name: 'never', judge: () => 'no' }] }),
      { limits: { states: 1 } },
    )
    expect(result.verdict).toBe('violated')
  })

  it('keeps a witness from being missed: what was not explored may show it', async () => {
    const result = await checkThreads(
      1,
      (l) => l.counter('cell', 9),
      (cell) => [
        thread('t', function* () {
          for (let i = 0; i < 9; i++) yield* step('count', () => ++cell.value)
        }),
      ],
      (cell) => ({ witnesses: [{ name: 'nine', holds: () => cell.value === 9 }] }),
      { limits: { states: 4 } },
    )
    expect(result).toMatchObject({ verdict: 'limit', witnesses: [{ name: 'nine', reached: false }] })
  })
})

describe('an interrupt is a verdict', () => {
  it('with what was covered until then', async () => {
    const abort = new AbortController()
    const seen: number[] = []
    const result = await check(retryProtocol, {
      bounds: 'deep',
      signal: abort.signal,
      onProgress: (progress) => {
        seen.push(progress.states)
        abort.abort()
      },
    })
    expect(result).toMatchObject({ verdict: 'interrupted', exhaustive: false })
    expect(result.states).toBeGreaterThanOrEqual(seen[0])
    expect(result.queue).toBeGreaterThan(0)
    expect(result.coverage.steps.length).toBeGreaterThan(0)
  })

  it('even where it came before the check began', async () => {
    const result = await check(retryProtocol, { bounds: 'smoke', signal: AbortSignal.abort() })
    expect(result.verdict).toBe('interrupted')
  })
})

describe('parameters', () => {
  it('are those of the bounds, with some set by name', () => {
    expect(parametersOf(retryProtocol, { bounds: 'smoke' })).toEqual({
      pages: 2,
      invalidations: 2,
      commits: 1,
    })
    expect(parametersOf(retryProtocol, { bounds: 'deep', set: { pages: 1 } })).toEqual({
      pages: 1,
      invalidations: 5,
      commits: 3,
    })
  })

  it('that a scenario does not have, or outside their range, are refused', () => {
    expect(() => parametersOf(retryProtocol, { set: { page: 1 } })).toThrow(
      /has no parameter page; it has pages, invalidations/,
    )
    expect(() => parametersOf(retryProtocol, { set: { pages: 4 } })).toThrow(
      /pages of scenario retry-protocol is 1 to 3, not 4/,
    )
    expect(() => parametersOf(retryProtocol, { set: { pages: 1.5 } })).toThrow(/not 1.5/)
  })
})

import { describe, expect, it } from 'vitest'
import { check } from '../../src/checker/index.js'
import {
  type AnyProcedure,
  BLOCKED,
  become,
  ControlGraph,
  choose,
  FINISHED,
  keyOf,
  Layout,
  type Operation,
  override,
  procedure,
  type Running,
  SpecificationError,
  step,
  Violation,
} from '../../src/world/index.js'
import { checkThreads, scenarioOf, thread } from './by-hand.js'

/** The mistake that a rejected check reports. */
async function mistakeOf(checked: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await checked.then(
    (result) => {
      throw new Error(`no mistake: ${JSON.stringify(result)}`)
    },
    (thrown) => thrown,
  )
  if (error instanceof SpecificationError) return { code: error.code, message: error.message }
  throw error
}

const start = (graph: ControlGraph, program: unknown, ...args: unknown[]) =>
  graph.start(program as AnyProcedure, args)

describe('control states', () => {
  it('are made once for each history of results', () => {
    const twice = procedure(function* twice() {
      yield* choose('first', 2)
      yield* choose('second', 2)
    })
    const graph = new ControlGraph()
    const root = start(graph, twice)
    const [left, right] = [graph.successor(root, 0), graph.successor(root, 1)]
    expect(left).not.toBe(right)
    expect(graph.successor(root, 0)).toBe(left)
    expect(graph.successor(left, 0)).toBe(FINISHED)
    const replays = graph.replays
    graph.successor(root, 1)
    graph.successor(left, 0)
    expect(graph.replays).toBe(replays)
  })

  it('of a caller depend on what a call returned, not on how', () => {
    const callee = procedure(function* callee(): Running<number> {
      const way = yield* choose('way', 3)
      if (way === 2) yield* step('detour', () => 0)
      return way === 0 ? 7 : 8
    })
    const caller = procedure(function* caller() {
      const seen = yield* callee()
      yield* step(`got ${seen}`, () => 0)
    })
    const graph = new ControlGraph()
    const root = start(graph, caller)
    const reached = (way: number) => graph.successor(root, way)
    expect(graph.procedureAt(root)).toBe('callee')
    expect(graph.stepAt(reached(0))?.name).toBe('got 7')
    expect(graph.stepAt(reached(1))?.name).toBe('got 8')
    expect(graph.stepAt(reached(2))?.name).toBe('detour')
    expect(graph.successor(reached(2), 0)).toBe(reached(1))
  })

  it('fold when a procedure becomes itself with the same arguments', () => {
    const loop = procedure(function* loop(left: number): Running<void> {
      if (left === 0) return
      const again = yield* choose('again', 2)
      return yield* become(loop, again ? left : left - 1)
    })
    const graph = new ControlGraph()
    const root = start(graph, loop, 2)
    expect(graph.successor(root, 1)).toBe(root)
    const next = graph.successor(root, 0)
    expect(next).not.toBe(root)
    expect(graph.successor(next, 0)).toBe(FINISHED)
    expect(graph.size).toBe(3)
  })

  it('are shared by threads that run the same procedure with equal arguments', () => {
    const program = procedure(function* program(_request: { page: number; flags: number[] }) {
      yield* step('only', () => 0)
    })
    const graph = new ControlGraph()
    expect(start(graph, program, { page: 1, flags: [1, 2] })).toBe(
      start(graph, program, { page: 1, flags: [1, 2] }),
    )
    expect(start(graph, program, { page: 1, flags: [1, 2] })).not.toBe(
      start(graph, program, { page: 1, flags: [2] }),
    )
  })

  it('tell the frames of a thread, innermost first', () => {
    const inner = procedure(function* inner(_page: number) {
      yield* step('work', () => 0)
    })
    const outer = procedure(function* outer() {
      yield* inner(3)
    })
    const graph = new ControlGraph()
    const root = start(graph, outer)
    expect(graph.stack(root)).toEqual([
      { procedure: 'inner', args: [3], at: 'work' },
      { procedure: 'outer', args: [], at: 'call inner' },
    ])
    expect(graph.isInside(root, outer as unknown as AnyProcedure)).toBe(true)
  })

  it('run the text of an override, wherever the procedure is called from, and the original through it', () => {
    const target = procedure(function* target(n: number): Running<number> {
      yield* step('work', () => 0)
      return n
    })
    const caller = procedure(function* caller() {
      yield* step(`got ${yield* target(1)}`, () => 0)
    })
    const graph = new ControlGraph([
      override(
        target,
        (original) =>
          function* (n) {
            return 10 + (yield* original(n))
          },
      ),
    ])
    expect(graph.stepAt(graph.successor(start(graph, caller), 0))?.name).toBe('got 11')
  })

  it('hold results of a step that are negative', () => {
    const program = procedure(function* program() {
      const got = yield* step('get', () => 0)
      yield* step(`got ${got}`, () => 0)
    })
    const graph = new ControlGraph()
    const root = start(graph, program)
    for (const result of [-1, 1, 0, -16, -0xfffff, 0xfffff])
      expect(graph.stepAt(graph.successor(root, result))?.name).toBe(`got ${result}`)
  })
})

describe('what a call passes and returns', () => {
  it('is a value: a procedure that fills its caller’s array is refused, by name', async () => {
    const fill = procedure(function* fill(into: number[]): Running<void> {
      into.push(yield* step('look', () => 1))
    })
    const mistake = await mistakeOf(
      checkThreads(
        1,
        () => 0,
        () => [
          thread('caller', function* () {
            const pfns: number[] = []
            yield* fill(pfns)
            yield* step(`got ${pfns.length}`, () => 0)
          }),
        ],
      ),
    )
    expect(mistake.code).toBe('procedure-threw')
    expect(mistake.message).toMatch(/^fill\(/)
  })

  it('is a value: a caller that changes what it was given is refused, by name', async () => {
    const give = procedure(function* give(): Running<number[]> {
      yield* step('look', () => 0)
      return [1]
    })
    const mistake = await mistakeOf(
      checkThreads(
        1,
        () => 0,
        () => [
          thread('caller', function* () {
            const got = yield* give()
            got.push(2)
            yield* step('use', () => 0)
          }),
        ],
      ),
    )
    expect(mistake).toMatchObject({ code: 'procedure-threw', message: expect.stringMatching(/^caller\(/) })
  })
})

describe('keys of arguments and results', () => {
  it('are equal for equal values, and differ for values that differ', () => {
    const layout = new Layout({ threads: 1 })
    const handles = layout.array('h', 2, (l) => ({ cell: l.flag('cell') }))
    const values = [
      0,
      1,
      '1',
      -1,
      true,
      null,
      undefined,
      [],
      [1],
      [1, 2],
      [[1], 2],
      {},
      { a: 1 },
      { a: 1, b: 2 },
      { 'a:1,b': 2 },
      handles[0],
      handles[1],
      handles,
      () => 0,
      procedure(function* p() {}),
    ]
    expect(new Set(values.map(keyOf)).size).toBe(values.length)
    expect(keyOf([{ a: [1] }])).toBe(keyOf([{ a: [1] }]))
    for (const value of values) expect(keyOf(value)).toBe(keyOf(value))
  })
})

describe('a mistake in a procedure names it', () => {
  const alone = (name: string, body: () => Running<void>) =>
    checkThreads(
      1,
      () => 0,
      () => [thread(name, body)],
    )

  it('that replays differently', async () => {
    let runs = 0
    // The text of the procedure does not show that it counts.
    const another = () => runs++
    const mistake = await mistakeOf(
      alone('fickle', function* () {
        yield* step(`run ${another()}`, () => 0)
        yield* step('then', () => 0)
      }),
    )
    expect(mistake.code).toBe('non-deterministic')
    expect(mistake.message).toMatch(/^fickle is not deterministic: .* "run 1" where it had gone to "run 0"/)
  })

  it('that receives results without end', async () => {
    const mistake = await mistakeOf(
      alone('endless', function* () {
        for (;;) yield* step('again', () => 0)
      }),
    )
    expect(mistake).toMatchObject({
      code: 'runaway',
      message: expect.stringMatching(/^endless has received 2000 results/),
    })
  })

  it('that becomes itself for ever without a step', async () => {
    const mistake = await mistakeOf(
      alone('outer', function* () {
        yield* spin(0)
      }),
    )
    expect(mistake).toMatchObject({
      code: 'runaway',
      message: expect.stringMatching(/^spin has made 1000 calls without a step/),
    })
  })

  it('that calls itself for ever', async () => {
    const mistake = await mistakeOf(
      alone('outer', function* () {
        yield* recurse()
      }),
    )
    expect(mistake).toMatchObject({
      code: 'runaway',
      message: expect.stringMatching(/^recurse has made 1000 calls/),
    })
  })

  it('that makes control states without end', () => {
    const grow = procedure(function* grow(n: number): Running<void> {
      yield* step('more', () => 0)
      return yield* become(grow, n + 1)
    })
    const graph = new ControlGraph([], { nodes: 50 })
    expect(() => {
      for (let at = start(graph, grow, 0); ; ) at = graph.successor(at, 0)
    }).toThrow(/^grow makes control states without end \(more than 50\)/)
  })

  it.each([
    ['a fraction', 0.5],
    ['no number', Number.NaN],
    ['a number of more than 20 bits', 0x100000],
    ['a number that is 0 in its low 32 bits', 2 ** 32],
  ])('whose step returns %s', async (_, wrong) => {
    const mistake = await mistakeOf(
      alone('teller', function* () {
        yield* step('tell', () => wrong)
      }),
    )
    expect(mistake).toMatchObject({
      code: 'invalid-result',
      message: expect.stringMatching(/^step "tell" of teller returned/),
    })
  })

  it.each([
    ['a fraction', 0.5],
    ['no number', Number.NaN],
    ['nothing', undefined as unknown as number],
    ['a number that is 0 in its low 32 bits', 2 ** 32],
  ])('whose step returns %s where it had returned 0 before', async (_, wrong) => {
    const mistake = await mistakeOf(
      alone('teller', function* () {
        yield* step('tell', (choice) => (choice === 0 ? 0 : wrong), 2)
      }),
    )
    expect(mistake.code).toBe('invalid-result')
  })

  it('that throws between two steps, with its arguments', async () => {
    const thrower = procedure(function* thrower(_n: number): Running<void> {
      yield* step('fine', () => 0)
      throw new TypeError('no such thing')
    })
    const mistake = await mistakeOf(
      alone('outer', function* () {
        yield* thrower(3)
      }),
    )
    expect(mistake).toEqual({
      code: 'procedure-threw',
      message: expect.stringMatching(
        /^thrower\(3\) threw between two steps: no such thing \(control\.test\.ts:\d+\) \(thread outer\)$/,
      ),
    })
  })

  it('whose step throws', async () => {
    const mistake = await mistakeOf(
      alone('outer', function* () {
        yield* step('burst', () => {
          throw new TypeError('no such thing')
        })
      }),
    )
    expect(mistake).toEqual({
      code: 'procedure-threw',
      message: expect.stringMatching(
        /^step "burst" of outer \(thread outer\) threw: no such thing \(control\.test\.ts:\d+\)$/,
      ),
    })
  })

  it('that yields something else than an operation', async () => {
    const mistake = await mistakeOf(
      alone('confused', function* () {
        yield 7 as unknown as Operation
      }),
    )
    expect(mistake).toMatchObject({
      code: 'invalid-operation',
      message: expect.stringMatching(/^confused yielded 7/),
    })
  })

  it('whose step changes the world and then blocks', async () => {
    const mistake = await mistakeOf(
      checkThreads(
        1,
        (l) => l.flag('flag'),
        (flag) => [
          thread('hasty', function* () {
            yield* step('grab', () => {
              flag.value = 1
              return BLOCKED
            })
          }),
        ],
      ),
    )
    expect(mistake.code).toBe('blocked-step-changed-world')
    expect(mistake.message).toMatch(/^step "grab" of hasty changed the world/)
  })

  it('whose step sets a cell beyond its bound: procedure, step, thread and cell', async () => {
    const mistake = await mistakeOf(
      checkThreads(
        1,
        (l) => l.counter('small', 2),
        (small) => [
          thread('counter', function* () {
            for (let i = 0; i < 3; i++) yield* step('count', () => ++small.value)
          }),
        ],
      ),
    )
    expect(mistake.code).toBe('bound-overflow')
    expect(mistake.message).toMatch(
      /^step "count" of counter \(thread counter\): small was set to 3, outside its declared bound 0\.\.2/,
    )
  })

  it('that there are more threads than the layout was declared for', async () => {
    const layout = new Layout({ threads: 1 })
    const nothing = function* () {}
    const mistake = await mistakeOf(
      check(scenarioOf(() => ({ layout, threads: [thread('a', nothing), thread('b', nothing)] }))),
    )
    expect(mistake.code).toBe('scenario')
  })
})

describe('a violation thrown between two steps', () => {
  const wrong = procedure(function* wrong(): Running<void> {
    yield* step('before', () => 0)
    throw new Violation('C9', 'seen between steps')
  })

  it('is one of the step before it', async () => {
    const result = await checkThreads(
      1,
      () => 0,
      () => [{ name: 't', program: wrong as unknown as AnyProcedure, args: [] }],
    )
    expect(result.violation).toMatchObject({ kind: 'assertion', clause: 'C9', detail: 'seen between steps' })
    expect(result.violation?.trace.steps.map((taken) => taken.step)).toEqual(['before'])
  })

  it('is found before the first step too, with an empty trace', async () => {
    const result = await checkThreads(
      1,
      () => 0,
      () => [
        thread('t', function* (): Running<void> {
          throw new Violation('C9', 'at once')
        }),
      ],
    )
    expect(result).toMatchObject({
      verdict: 'violated',
      violation: { clause: 'C9', detail: 'at once', trace: { steps: [] } },
    })
  })
})

const spin = procedure(function* spin(n: number): Running<void> {
  return yield* become(spin, n)
})

const recurse = procedure('recurse', function* (): Running<void> {
  yield* recurse()
})

/**
 * Random models as data: which cells, locks, procedures and claims there are. fast-check makes and shrinks them.
 */
import fc from 'fast-check'

/** A value: a constant, a local, or (in a step only) a cell. */
export type Expression =
  | { readonly of: 'constant'; readonly value: number }
  | { readonly of: 'local'; readonly index: number; readonly plus: number }
  | { readonly of: 'cell'; readonly index: number; readonly plus: number }

export interface Comparison {
  readonly left: Expression
  readonly how: 'equal' | 'unequal' | 'less'
  readonly right: number
}

export type Statement =
  | { readonly do: 'set'; readonly cell: number; readonly to: Expression }
  | { readonly do: 'setParameter'; readonly to: Expression }
  | { readonly do: 'add'; readonly cell: number; readonly by: number }
  | { readonly do: 'read'; readonly local: number; readonly cell: number; readonly shape: Shape }
  | { readonly do: 'await'; readonly when: Comparison }
  | { readonly do: 'choose'; readonly local: number; readonly ways: number }
  | { readonly do: 'chooseCell'; readonly cell: number; readonly ways: number; readonly when: Comparison }
  | { readonly do: 'with'; readonly lock: number; readonly how: 'write' | 'read'; readonly body: Block }
  | { readonly do: 'downgrade'; readonly lock: number; readonly first: Block; readonly second: Block }
  | { readonly do: 'lock' | 'unlock'; readonly lock: number; readonly how: 'write' | 'read' }
  | { readonly do: 'try'; readonly lock: number; readonly taken: Block; readonly otherwise: Block }
  | { readonly do: 'critical'; readonly lock: number; readonly cell: number; readonly to: Expression }
  | { readonly do: 'grab' | 'drop'; readonly lock: number; readonly cell: number; readonly to: Expression }
  | { readonly do: 'sleep' }
  | { readonly do: 'wait'; readonly queue: number; readonly condition: number; readonly value: number }
  | {
      readonly do: 'waitTimeout'
      readonly queue: number
      readonly condition: number
      readonly value: number
      readonly local: number
    }
  | { readonly do: 'wake'; readonly queue: number; readonly cell: number; readonly to: Expression }
  | { readonly do: 'if'; readonly when: Comparison; readonly holds: Block; readonly otherwise: Block }
  | { readonly do: 'repeat'; readonly times: number; readonly body: Block }
  | { readonly do: 'call'; readonly helper: number; readonly pass: Pass; readonly local: number }
  | { readonly do: 'become'; readonly helper: number; readonly pass: Pass }
  | { readonly do: 'return'; readonly value: Expression; readonly shape: Shape }
  | { readonly do: 'claim'; readonly clause: string; readonly holds: Comparison; readonly cell: number }
  | { readonly do: 'claimBetween'; readonly clause: string; readonly holds: Comparison }
  | { readonly do: 'signal'; readonly event: number; readonly follow: boolean; readonly other: boolean }
  | { readonly do: 'tick'; readonly own: 0 | 1 }
  | { readonly do: 'scribble'; readonly value: number }
  | { readonly do: 'show'; readonly shown: number }
  | { readonly do: 'sloppy'; readonly cell: number }
  | { readonly do: 'tooLarge'; readonly result: number }

export type Block = readonly Statement[]

/** In what form a number is returned or passed. */
export type Shape = 'number' | 'array' | 'object' | 'nested' | 'text' | 'flag'

/** Arguments of a call: a number in some form, and a cell. */
export interface Pass {
  readonly value: Expression
  readonly shape: Shape
  /** -1 to pass on the caller's own. */
  readonly cell: number
}

export interface Claim {
  readonly clause: string
  /** It has something to say only where this holds. */
  readonly where: Comparison | undefined
  readonly holds: Comparison
  readonly place: PlaceTest | undefined
}

/** A test of where a thread stands. */
export interface PlaceTest {
  readonly thread: number
  readonly is: 'finished' | 'inside' | 'at'
  readonly helper: number
  readonly step: string
}

export interface Sketch {
  readonly cells: readonly {
    readonly max: number
    readonly initial: number
    readonly guard: number
    readonly object: number
  }[]
  readonly locks: readonly { readonly kind: 'mutex' | 'spinlock' | 'rw'; readonly rank: number }[]
  readonly conditions: readonly {
    readonly cell: number
    readonly how: Comparison['how']
    /** The lock without which it cannot be looked at; -1 for none. */
    readonly unless: number
  }[]
  readonly chart: {
    readonly states: number
    readonly targets: readonly number[]
    readonly abstracted: boolean
  }
  readonly helpers: readonly { readonly body: Block }[]
  readonly threads: readonly {
    readonly daemon: boolean
    /** A helper, or -1 for a text of its own. */
    readonly helper: number
    readonly body: Block
    readonly pass: Pass
  }[]
  readonly overrides: readonly {
    readonly helper: number
    readonly before: Block
    readonly original: boolean
    readonly fromDefect: boolean
  }[]
  readonly invariants: readonly Claim[]
  readonly stepClaims: readonly (Claim & { readonly thread: number; readonly falls: number })[]
  readonly witnesses: readonly Claim[]
  readonly progress: readonly Claim[]
  readonly unclaimed: readonly string[]
  readonly normalised: boolean
}

export const CELLS = 3
export const LOCKS = 3
export const HELPERS = 3
export const QUEUES = 1
const CONDITIONS = 2
const EVENTS = 2
const CLAUSES = ['K1', 'K2', 'K3'] as const

const cell = fc.nat(CELLS - 1)
const lock = fc.nat(LOCKS - 1)
const local = fc.nat(1)
const clause = fc.constantFrom(...CLAUSES)
const constant = fc.record({ of: fc.constant('constant' as const), value: fc.nat(2) })
const ofLocal = fc.record({ of: fc.constant('local' as const), index: local, plus: fc.nat(1) })
const ofCell = fc.record({ of: fc.constant('cell' as const), index: cell, plus: fc.nat(1) })
const value: fc.Arbitrary<Expression> = fc.oneof(constant, ofLocal, ofCell)
const between: fc.Arbitrary<Expression> = fc.oneof(constant, ofLocal)
const how = fc.constantFrom('equal' as const, 'unequal' as const, 'less' as const)
const comparing = (left: fc.Arbitrary<Expression>): fc.Arbitrary<Comparison> =>
  fc.record({ left, how, right: fc.nat(2) })
const inStep = comparing(value)
const ofCells = comparing(ofCell)
const ofLocals = comparing(ofLocal)
const shape = fc.constantFrom<Shape>('number', 'number', 'array', 'object', 'nested', 'text', 'flag')
const pass: fc.Arbitrary<Pass> = fc.record({
  value: between,
  shape,
  cell: fc.integer({ min: -1, max: CELLS - 1 }),
})
const mode = fc.constantFrom('write' as const, 'read' as const)

/**
 * A statement; those below `helper` may be called from it, so that calls come to an end. Only where nothing is left to be
 * done may it become another.
 */
function statement(depth: number, helper: number, where: 'last' | 'within'): fc.Arbitrary<Statement> {
  const is = <T extends string>(name: T) => fc.constant(name)
  const simple: fc.WeightedArbitrary<Statement>[] = [
    { weight: 12, arbitrary: fc.record({ do: is('set'), cell, to: value }) },
    { weight: 1, arbitrary: fc.record({ do: is('setParameter'), to: value }) },
    { weight: 3, arbitrary: fc.record({ do: is('read'), local, cell, shape }) },
    { weight: 3, arbitrary: fc.record({ do: is('await'), when: inStep }) },
    { weight: 2, arbitrary: fc.record({ do: is('choose'), local, ways: fc.integer({ min: 2, max: 3 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: is('chooseCell'),
        cell,
        ways: fc.integer({ min: 1, max: 3 }),
        when: inStep,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: is('critical'), lock, cell, to: value }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: is('wait'),
        queue: oneOf(QUEUES),
        condition: oneOf(CONDITIONS),
        value: fc.nat(1),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: is('waitTimeout'),
        queue: oneOf(QUEUES),
        condition: oneOf(CONDITIONS),
        value: fc.nat(1),
        local,
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: is('wake'), queue: oneOf(QUEUES), cell, to: value }) },
    { weight: 1, arbitrary: fc.record({ do: is('return'), value: between, shape }) },
    { weight: 1, arbitrary: fc.record({ do: is('claim'), clause, holds: inStep, cell }) },
    { weight: 2, arbitrary: fc.record({ do: is('tick'), own: fc.constantFrom(0 as const, 1 as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: is('signal'),
        event: fc.nat(EVENTS - 1),
        follow: fc.constantFrom(true, true, true, false),
        other: rarely(false, 3, fc.constant(true)),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: is('scribble'), value: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ do: is('show'), shown: fc.nat(1) }) },
  ]
  if (where === 'last')
    simple.push({
      weight: 2,
      arbitrary: fc.record({ do: is('become'), helper: fc.nat(HELPERS - 1), pass }),
    })
  if (helper < HELPERS)
    simple.push({
      weight: 6,
      arbitrary: fc.record({
        do: is('call'),
        helper: fc.integer({ min: helper, max: HELPERS - 1 }),
        pass,
        local,
      }),
    })
  const rare: fc.Arbitrary<Statement> = fc.oneof(
    fc.record({ do: fc.constantFrom('lock' as const, 'unlock' as const), lock, how: mode }),
    fc.record({ do: fc.constantFrom('grab' as const, 'drop' as const), lock, cell, to: value }),
    fc.record({ do: is('add'), cell, by: fc.constantFrom(1, -1) }),
    fc.record({ do: is('sleep') }),
    fc.record({ do: is('claimBetween'), clause, holds: ofLocals }),
    fc.record({ do: is('sloppy'), cell }),
    fc.record({
      do: is('tooLarge'),
      result: fc.constantFrom(0x100000, -0x100000, 0xfffff, -0xfffff, 2 ** 31, 0.5),
    }),
  )
  simple.push({ weight: 1, arbitrary: rare })
  if (depth === 0) return fc.oneof(...simple)
  const inner = block(depth - 1, helper, 3, where)
  const locked = block(depth - 1, helper, 3, 'within')
  return fc.oneof(
    ...simple,
    { weight: 8, arbitrary: fc.record({ do: is('with'), lock, how: mode, body: locked }) },
    { weight: 1, arbitrary: fc.record({ do: is('downgrade'), lock, first: locked, second: locked }) },
    { weight: 2, arbitrary: fc.record({ do: is('try'), lock, taken: locked, otherwise: inner }) },
    { weight: 3, arbitrary: fc.record({ do: is('if'), when: ofLocals, holds: inner, otherwise: inner }) },
    { weight: 1, arbitrary: fc.record({ do: is('repeat'), times: fc.constant(2), body: inner }) },
  )
}

/** One of `count` things, by number. */
function oneOf(count: number): fc.Arbitrary<number> {
  return fc.nat(count - 1)
}

function block(depth: number, helper: number, most: number, where: 'last' | 'within'): fc.Arbitrary<Block> {
  return fc.array(statement(depth, helper, where), { minLength: 1, maxLength: most })
}

const helpers = fc.tuple(
  ...Array.from({ length: HELPERS }, (_, i) => fc.record({ body: block(1, i + 1, 3, 'last') })),
)

const place: fc.Arbitrary<PlaceTest> = fc.record({
  thread: fc.nat(1),
  is: fc.constantFrom('finished' as const, 'inside' as const, 'at' as const),
  helper: fc.nat(HELPERS - 1),
  step: fc.constantFrom('lock l0', 'set c0', 'sleep', 'finished'),
})

const claim: fc.Arbitrary<Claim> = fc.record({
  clause,
  where: fc.option(ofCells, { nil: undefined }),
  holds: ofCells,
  place: fc.option(place, { nil: undefined }),
})

/** A list that is empty more often than not. */
function few<T>(of: fc.Arbitrary<T>, empty: number): fc.Arbitrary<readonly T[]> {
  return fc.oneof(
    { weight: empty, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(of, { minLength: 1, maxLength: 2 }) },
  )
}

/** `usual`, `weight` times as often as one of `other`. */
function rarely<T>(usual: T, weight: number, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other })
}

/** Any model, most of which come to an end. */
const sketches: fc.Arbitrary<Sketch> = fc.record({
  cells: fc.tuple(
    ...Array.from({ length: CELLS }, () =>
      fc.record({
        max: fc.integer({ min: 1, max: 2 }),
        initial: fc.nat(1),
        guard: rarely(-1, 14, fc.nat(LOCKS - 1)),
        object: rarely(-1, 24, fc.constant(0)),
      }),
    ),
  ),
  locks: fc.tuple(
    ...Array.from({ length: LOCKS }, () =>
      fc.record({
        kind: fc.constantFrom(
          'mutex' as const,
          'mutex' as const,
          'spinlock' as const,
          'rw' as const,
          'rw' as const,
        ),
        rank: rarely(0, 3, fc.integer({ min: 1, max: 2 })),
      }),
    ),
  ),
  conditions: fc.tuple(
    ...Array.from({ length: CONDITIONS }, () => fc.record({ cell, how, unless: fc.constantFrom(-1, -1, 0) })),
  ),
  chart: fc.record({
    states: fc.integer({ min: 2, max: 3 }),
    targets: fc.array(fc.constantFrom(-1, 0, 0, 1, 1, 1, 2, 2), {
      minLength: 3 * EVENTS,
      maxLength: 3 * EVENTS,
    }),
    abstracted: fc.boolean(),
  }),
  helpers,
  threads: fc.array(
    fc.record({
      daemon: fc.constantFrom(false, false, true),
      helper: fc.constantFrom(-1, -1, 0, 1),
      body: block(2, 0, 3, 'last'),
      pass,
    }),
    { minLength: 2, maxLength: 3 },
  ),
  overrides: few(
    fc.record({
      helper: fc.nat(HELPERS - 1),
      before: block(0, HELPERS, 2, 'last'),
      original: fc.boolean(),
      fromDefect: fc.boolean(),
    }),
    3,
  ),
  invariants: few(claim, 2),
  stepClaims: few(
    fc
      .tuple(claim, fc.integer({ min: -1, max: 1 }), fc.integer({ min: -1, max: CELLS - 1 }))
      .map(([rest, thread, falls]) => ({ ...rest, thread, falls })),
    2,
  ),
  witnesses: few(claim, 2),
  progress: few(claim, 1),
  unclaimed: fc.subarray([...CLAUSES, 'lock-order', 'atomic-sleep']),
  normalised: fc.boolean(),
})

const HARMLESS: readonly Statement['do'][] = ['set', 'await', 'choose', 'chooseCell', 'tick', 'wait', 'read']

/** Models that go round for ever, and may not: what is claimed of them is that they get on. */
const looping = sketches.map(
  (sketch): Sketch => ({
    ...sketch,
    cells: sketch.cells.map((declared) => ({ ...declared, guard: -1, object: -1 })),
    helpers: sketch.helpers.map(({ body }, helper) => ({
      body: [
        ...body.filter((statement) => HARMLESS.includes(statement.do)).slice(0, 2),
        { do: 'critical', lock: helper, cell: 0, to: { of: 'constant', value: 1 } },
        {
          do: 'become',
          helper,
          pass: { value: { of: 'constant', value: 0 }, shape: 'number', cell: -1 },
        },
      ],
    })),
    threads: sketch.threads.map((thread, i) => (i < 2 ? { ...thread, helper: i } : thread)),
    overrides: [],
    invariants: [],
    stepClaims: [],
    progress: [
      ...sketch.progress,
      {
        clause: 'K3',
        where: undefined,
        holds: { left: { of: 'cell', index: 0, plus: 0 }, how: 'less', right: 3 },
        place: undefined,
      },
    ],
    normalised: true,
  }),
)

/** What the checker and the naive explorer are compared on. */
export const models = fc.oneof({ weight: 4, arbitrary: sketches }, { weight: 1, arbitrary: looping })

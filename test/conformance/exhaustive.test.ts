/**
 * The oracle held against the checker: what it answers must be among the outcomes of an exhaustive exploration of the
 * same operation, from the same world, on one thread.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Exploration } from '../../src/checker/index.js'
import {
  LANGUAGE,
  type Operation,
  Oracle,
  parseOperation,
  type Runner,
  unsupportedIn,
} from '../../src/conformance/index.js'
import { operationOf, PAGES as WINDOW } from '../../src/conformance/suite/making/generate.js'
import { releases } from '../../src/generations/releases.js'
import { madvise_dontneed } from '../../src/kernel/index.js'
import { acting } from '../../src/world/acting.js'
import {
  choose,
  type Layout,
  type Override,
  override,
  type Procedure,
  procedure,
  SequentialRunner,
  step,
  use,
  Violation,
  type World,
} from '../../src/world/index.js'

/** How a procedure ended: what it answered, and the world that it left. */
interface Outcome {
  readonly answer: string
  readonly world: string
}

// biome-ignore lint/suspicious/noExplicitAny: any procedure may be run
type Any = Procedure<any[], unknown>

const ANSWERS = 'answers '

const answering = procedure(function* answering(program: Any, args: readonly unknown[]) {
  const answer = yield* program(...args)
  yield* step(ANSWERS + JSON.stringify(answer ?? null), () => 0)
})

/** Every outcome that the checker finds of `program(...args)` on `w`. */
function outcomesOf(layout: Layout, initial: World, program: Any, args: readonly unknown[]): Outcome[] {
  const exploration = new Exploration({
    layout,
    initialise: () => acting.world.set(initial),
    threads: [{ name: 'alone', program: answering, args: [program, args] }],
  })
  while (!exploration.done) exploration.advance(1024)
  expect(exploration.breach).toBeUndefined()
  const { store, control, worldSize } = exploration
  const state = new Uint32Array(store.words)
  const outcomes: Outcome[] = []
  for (let index = 0; index < store.count; index++) {
    store.load(index, state)
    const name = control.stepAt(state[worldSize])?.name
    if (name?.startsWith(ANSWERS))
      outcomes.push({
        answer: name.slice(ANSWERS.length),
        world: bytes(new Uint8Array(state.buffer, 0, initial.length)),
      })
  }
  return outcomes
}

function bytes(w: World): string {
  return Buffer.from(w).toString('hex')
}

/** Runs one after another as the oracle does, and looks each outcome up among those that the checker finds. */
class ComparedRunner implements Runner {
  /** Of the oracle that it runs for: nothing is compared before it is set. */
  layout: Layout | undefined
  compared = 0
  private readonly sequential: SequentialRunner

  constructor(overrides: readonly Override[] = []) {
    this.sequential = new SequentialRunner({ overrides })
  }

  run<A extends unknown[], R>(thread: number, program: Procedure<A, R>, ...args: A): R {
    const before = acting.world.slice()
    const answer = this.sequential.run(thread, program, ...args)
    if (this.layout === undefined) return answer
    const after = acting.world
    const outcomes = outcomesOf(this.layout, before, program as unknown as Any, args)
    expect(outcomes).toContainEqual({ answer: JSON.stringify(answer ?? null), world: bytes(after) })
    this.compared++
    use(after)
    return answer
  }
}

/** Performs `texts` with a runner that compares. @returns how many procedures were compared */
function compare(texts: readonly string[], overrides: readonly Override[] = []): number {
  const operations = texts.map((text) => parseOperation(text) as Operation)
  const runner = new ComparedRunner(overrides)
  const oracle = new Oracle(operations, { runner })
  runner.layout = oracle.machine.layout
  for (const operation of operations) oracle.perform(operation)
  return runner.compared
}

const PAGES = 3

const range = fc
  .tuple(fc.nat(PAGES - 1), fc.integer({ min: 1, max: PAGES }))
  .map(([start, length]) => `${start} ${Math.min(length, PAGES - start)}`)
const device = fc.nat(1)
const page = fc.nat(PAGES - 1)
const value = fc.integer({ min: 1, max: 9 })
const protection = fc.constantFrom('rw', 'ro', 'none')
const words = (...parts: fc.Arbitrary<unknown>[]) => fc.tuple(...parts).map((each) => each.join(' '))

const operation = fc.oneof(
  words(fc.constantFrom('mmap', 'mprotect'), range, protection),
  words(fc.constantFrom('munmap', 'madv_dontneed'), range),
  words(fc.constantFrom('cpu_read'), page),
  words(fc.constantFrom('cpu_write'), page, value),
  words(
    fc.constantFrom(
      'dev_read',
      'snapshot',
      'migrate_to_dev',
      'migrate_to_sys',
      'exclusive',
      'check_exclusive',
    ),
    device,
    range,
  ),
  words(fc.constant('dev_write'), device, range, value),
)

/** A sequence, with a child now and then that does a few things and ends. */
const sequence = fc
  .tuple(
    fc.array(operation, { minLength: 2, maxLength: 8 }),
    fc.array(words(fc.constantFrom('c:cpu_read'), page), { maxLength: 2 }),
    fc.array(words(fc.constant('c:cpu_write'), page, value), { maxLength: 2 }),
    fc.boolean(),
  )
  .map(([operations, reads, writes, forks]) => {
    const half = operations.length >> 1
    const child = forks ? ['fork', ...reads, ...writes, 'c:exit'] : []
    return [`mmap 0 ${PAGES} rw`, ...operations.slice(0, half), ...child, ...operations.slice(half)]
  })

/** Memory, and any operations of the language. Where a child is to do something there is one. */
const anySequence = fc.array(operationOf('small'), { minLength: 3, maxLength: 10 }).map((texts) => {
  let lives = false
  const forked = texts.flatMap((text) => {
    const forks = text.startsWith('c:') && !lives
    lives = text !== 'c:exit' && (lives || forks || text === 'fork')
    return forks ? ['fork', text] : [text]
  })
  return [`mmap 0 ${WINDOW} rw`, ...forked]
})

/** Performs operations, each of which is compared, until one breaks a claim: the recorded driver is known to break some. */
function compareUntilBroken(operations: readonly Operation[], performed: Set<string>): number {
  const runner = new ComparedRunner(releases['6.1'].overrides)
  const oracle = new Oracle(operations, { runner })
  runner.layout = oracle.machine.layout
  try {
    for (const operation of operations) {
      oracle.perform(operation)
      performed.add(operation.name)
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error
  }
  return runner.compared
}

describe('what the oracle answers', () => {
  it('is among the outcomes that the checker finds of the same operations on one thread', () => {
    let compared = 0
    fc.assert(
      fc.property(sequence, (texts) => {
        compared += compare(texts)
      }),
      { numRuns: 300 },
    )
    expect(compared).toBeGreaterThan(1000)
  })

  it('is so for every operation of the language', { timeout: 300_000 }, () => {
    const performed = new Set<string>()
    let compared = 0
    fc.assert(
      fc.property(anySequence, (texts) => {
        const operations = texts.map(parseOperation)
        if (unsupportedIn(operations).length > 0) return
        compared += compareUntilBroken(operations as Operation[], performed)
      }),
      { numRuns: 400 },
    )
    expect(compared).toBeGreaterThan(2000)
    // Huge pages are too large a world to be explored after each operation.
    expect([...performed].sort()).toEqual(
      Object.keys(LANGUAGE)
        .filter((name) => name !== 'mmap_huge')
        .sort(),
    )
  })

  it('would be seen if it were not', () => {
    const nothingIsThrownAway = override(
      madvise_dontneed,
      () =>
        function* () {
          return 0
        },
    )
    const texts = ['mmap 0 1 rw', 'cpu_write 0 7', 'madv_dontneed 0 1']
    expect(() => compare(texts, [nothingIsThrownAway])).toThrow()
    expect(compare(texts)).toBe(3)
  })

  it('may be one of several', () => {
    const either = procedure(function* either() {
      return yield* choose('which', 2)
    })
    const { machine, world } = new Oracle([])
    expect(outcomesOf(machine.layout, world, either, []).map(({ answer }) => answer)).toEqual(['0', '1'])
  })
})

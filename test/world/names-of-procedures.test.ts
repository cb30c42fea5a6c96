/** A procedure is named by its generator, and that name within its text still means the procedure. */
import { describe, expect, it } from 'vitest'
import { check } from '../../src/checker/index.js'
import {
  type Body,
  become,
  Layout,
  override,
  procedure,
  type Running,
  SpecificationError,
  step,
} from '../../src/world/index.js'
import { scenarioOf } from './by-hand.js'

function mistakeOf(act: () => unknown): SpecificationError {
  try {
    act()
  } catch (error) {
    if (error instanceof SpecificationError) return error
    throw error
  }
  throw new Error('no mistake')
}

describe('a procedure', () => {
  it('has the name of its generator, or the text it is given', () => {
    const body = function* (): Running<void> {
      yield* step('rest', () => 0)
    }
    expect(procedure(function* hmm_range_fault() {}).procedureName).toBe('hmm_range_fault')
    expect(procedure('hmm_range_fault (part)', body).procedureName).toBe('hmm_range_fault (part)')
    expect(procedure(body).procedureName).toBe('body')
  })

  it('without a name is refused, with what to write', () => {
    const made = mistakeOf(() => procedure(function* () {}))
    expect(made.code).toBe('invalid-operation')
    expect(made.message).toMatch(/has no name; write `procedure\(function\* its_name/)
    expect(mistakeOf(() => procedure('', function* name() {})).code).toBe('invalid-operation')
  })
})

/** Counts down, going on as itself: by its own name, which is the generator there, or by the constant's. */
function countdown() {
  const layout = new Layout({ threads: 1 })
  const turns = layout.counter('turns', 9)
  const count = procedure(function* count(left: number): Running<void> {
    yield* step('turn', () => turns.value++)
    if (left > 0) return yield* become(count, left - 1)
  })
  const scenario = (overrides: readonly ReturnType<typeof override>[] = []) =>
    scenarioOf(() => ({
      layout,
      overrides,
      threads: [{ name: 't', program: count, args: [3] }],
      invariants: [{ clause: 'END', name: 'four turns', judge: () => turns.value < 4 || 'four turns' }],
    }))
  return { count, turns, scenario }
}

describe('within its text, the name of a procedure', () => {
  it('is the procedure to `become`: no frame of its own, and its overrides', async () => {
    const { count, turns, scenario } = countdown()
    const plain = await check(scenario())
    expect(plain.violation?.trace.steps).toHaveLength(4)
    // Only the first call is the original: what it becomes is the override, which ends.
    const once = override(count, (original) => {
      const replaced: Body<[number], void> = function* (left) {
        if (left === 3) return yield* original(left)
        yield* step('end', () => {
          turns.value = 9
        })
      }
      return replaced
    })
    const overridden = await check(scenario([once]))
    expect(overridden.violation?.trace.steps.map(({ step }) => step)).toEqual(['turn', 'end'])
  })

  it('is the procedure to `override`', async () => {
    const { count, scenario } = countdown()
    const silent = override(count.body, () => function* () {})
    expect(silent.target).toBe(count)
    expect((await check(scenario([silent]))).verdict).toBe('holds')
  })

  it('called directly is refused by the text, and where it never ends', async () => {
    const wrong = procedure(function* wrong(left: number): Running<void> {
      yield* step('turn', () => 0)
      if (left > 0) yield* wrong(left - 1)
    })
    const stepless = procedure(function* stepless(): Running<void> {
      yield* stepless()
    })
    const refused = async (program: unknown, args: readonly unknown[]) => {
      const build = () => ({ layout: new Layout({ threads: 1 }), threads: [{ name: 't', program, args }] })
      const error = await check(scenarioOf(build as never)).catch((thrown) => thrown)
      expect(error.message).toMatch(/own name is its generator.*become/)
      return [error.code, error.message.split(':')[0]]
    }
    expect(await refused(wrong, [2])).toEqual(['impure', 'wrong, line 3 of its text'])
    expect((await refused(stepless, []))[0]).toBe('runaway')
  })
})

describe('`become` refuses', () => {
  it('a function that is no procedure', () => {
    const plain = function* plain(): Running<void> {}
    expect(mistakeOf(() => become(plain)).message).toMatch(/^become\(plain, …\): plain is no procedure; pass/)
  })

  it('a text that several procedures share', () => {
    const text = function* text(): Running<void> {}
    const first = procedure('first', text)
    procedure('second', text)
    expect(mistakeOf(() => become(text)).message).toMatch(/text is the text of several procedures/)
    expect(() => become(first)).not.toThrow()
  })
})

import { describe, expect, it } from 'vitest'
import { scenarios } from '../../spec/index.js'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check, parametersOf } from '../../src/checker/index.js'
import { conditionOf, oneOf, reduced } from '../../src/export/formula.js'
import { Names } from '../../src/export/names.js'
import { record } from '../../src/export/record.js'
import { answerOf, Contradiction, grown, leavesOf, type Tree } from '../../src/export/tree.js'
import { Layout, type Model, step } from '../../src/world/index.js'
import { withoutReadRetry } from '../checker/without-read-retry.js'
import { thread } from '../world/by-hand.js'

describe('a decision tree', () => {
  const tree = grown(
    grown<string>(undefined, [{ look: 0, value: 0 }], 'low'),
    [
      { look: 0, value: 1 },
      { look: 3, value: 2 },
    ],
    'high',
  )

  it('answers what was recorded, and nothing else', () => {
    const at = (a: number, d: number) => answerOf(tree, (look) => (look === 0 ? a : d))
    expect([at(0, 9), at(1, 2), at(1, 1), at(2, 2)]).toEqual(['low', 'high', undefined, undefined])
    expect(leavesOf(tree)).toBe(2)
  })

  it('refuses two answers in one place, and another look in the same place', () => {
    expect(() => grown(tree, [{ look: 0, value: 0 }], 'other')).toThrow(Contradiction)
    expect(() => grown(tree, [{ look: 1, value: 0 }], 'low')).toThrow(Contradiction)
    expect(() => grown(tree, [], 'low')).toThrow(Contradiction)
  })
})

describe('a formula', () => {
  const nameOf = (variable: number) => 'abc'[variable]
  const values = new Set([0, 1, 2])
  const onVariables = (tree: Tree<string>) =>
    reduced(
      tree,
      () => values,
      (leaf) => leaf,
      (look) => ({ variable: look }),
    )
  const leaf = (answer: string): Tree<string> => ({ leaf: answer })

  it('leaves out what makes no difference', () => {
    const same = { look: 0, branches: new Map([0, 1, 2].map((value) => [value, leaf('yes')])) }
    expect(onVariables(same)).toEqual(leaf('yes'))
  })

  it('says where nothing was met', () => {
    const tree = onVariables({ look: 0, branches: new Map([[1, leaf('yes')]]) })
    expect(conditionOf(tree, (answer) => answer === 'yes', nameOf)).toBe('a == 1')
    expect(conditionOf(tree, (answer) => answer !== 'yes', nameOf)).toBe('a != 1')
  })

  it('puts values that lead to the same together', () => {
    const inner = {
      look: 1,
      branches: new Map([0, 1, 2].map((value) => [value, leaf(value === 2 ? 'yes' : 'no')])),
    }
    const tree = onVariables({
      look: 0,
      branches: new Map<number, Tree<string>>([
        [0, inner],
        [1, inner],
        [2, leaf('no')],
      ]),
    })
    expect(conditionOf(tree, (answer) => answer === 'yes', nameOf)).toBe('a != 2 && b == 2')
    expect(oneOf('a', [0, 1], new Set([0, 1, 2, 3]))).toBe('(a == 0 || a == 1)')
    expect(oneOf('a', [0, 1, 2], values)).toBe('true')
  })
})

it('names are words that are taken once', () => {
  const names = new Names(['if'])
  expect(
    ['mm[0].pte[1].frame', 'mm 0 pte1 frame', 'if', '1', 'mm0.pte1.frame'].map((name) => names.give(name)),
  ).toEqual(['mm0_pte1_frame', 'mm_0_pte1_frame', 'if_2', 'v_1', 'mm0_pte1_frame_2'])
})

describe('a recording', () => {
  const modelOf = (name: string) => {
    const scenario = scenarios.find((candidate) => candidate.name === name) ?? retryProtocol
    return { scenario, model: scenario.build(parametersOf(scenario, { bounds: 'smoke' })) }
  }

  it.each(['retry-protocol', 'pages-valid-closed', 'migrate-hinted', 'fork-and-write'])(
    'of %s meets the states that a check does',
    async (name) => {
      const { scenario, model } = modelOf(name)
      const { states } = await check(scenario, { bounds: 'smoke', audit: 'off' })
      const recording = record(model)
      expect(recording.states).toBe(states)
      expect(recording.complete).toBe(true)
    },
  )

  it('ends one step behind the first broken claim', async () => {
    const options = { bounds: 'smoke', audit: 'off', defects: [withoutReadRetry] } as const
    const { states, violation } = await check(retryProtocol, options)
    expect(violation).toBeDefined()
    const { model } = modelOf('retry-protocol')
    const recording = record(model, { overrides: withoutReadRetry.overrides })
    expect(recording.complete).toBe(false)
    expect(recording.states).toBeGreaterThan(states)
    expect(recording.states).toBeLessThan((await check(retryProtocol, { ...options, defects: [] })).states)
  })

  const counting = (rest: (cells: { n: number }) => Partial<Model>): Model => {
    const layout = new Layout({ threads: 1 })
    const cells = layout.record({ n: layout.counter('n', 3) })
    const body = function* () {
      yield* step('count', () => {
        cells.n += 1
      })
    }
    return { layout, threads: [thread('counts', body)], ...rest(cells) }
  }

  it('is refused of more states than allowed', () => {
    expect(() =>
      record(
        counting(() => ({})),
        { states: 1 },
      ),
    ).toThrow(/more than 1 states/)
  })

  it('asks a claim again only where it reads a value that was not seen', () => {
    let asked = 0
    const isFew = (n: number) => {
      asked++
      return n < 3 ? true : 'many'
    }
    const model = counting((cells) => ({
      invariants: [{ clause: 'C1', name: 'few', judge: () => isFew(cells.n) }],
      stepClaims: [{ clause: 'C2', name: 'any', judge: () => undefined }],
      progress: [{ clause: 'C3', name: 'ends', pending: (view) => !view.finished(0) }],
    }))
    const { invariants, stepClaims, progress, states } = record(model)
    expect([asked, states]).toEqual([2, 2])
    expect(leavesOf(invariants[0].trees[0] as Tree<string>)).toBe(2)
    expect(stepClaims[0].trees[0]).toEqual({ leaf: '' })
    expect(leavesOf(progress[0].tree as Tree<boolean>)).toBe(2)
  })
})

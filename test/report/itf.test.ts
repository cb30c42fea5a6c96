/**
 * Traces in ITF: what its readers demand of the structure, and the way there and back.
 */
import { describe, expect, it, test } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check } from '../../src/checker/index.js'
import { type InitialCell, traceToItf } from '../../src/report/sequence/itf.js'
import { stateAfter } from '../../src/report/sequence/state.js'
import { parseTrace } from '../../src/report/sequence/trace-file.js'
import { noRetry } from '../cli/project.js'
import { looping } from './traces.js'

const initial: InitialCell[] = [
  { cell: 'range.state', value: 'idle', ghost: true },
  { cell: 'mm.pte[0].kind', value: 'present', ghost: false },
  { cell: 'mm.users', value: '1', ghost: false },
]

/** What the description of the format demands. */
function mustBeItf(text: string) {
  const document = JSON.parse(text)
  const { vars, states, loop } = document
  expect(document['#meta'].format).toBe('ITF')
  expect(vars.every((name: unknown) => typeof name === 'string')).toBe(true)
  expect(new Set(vars).size).toBe(vars.length)
  for (const [index, { '#meta': meta, ...state }] of states.entries()) {
    expect(meta.index).toBe(index)
    expect(Object.keys(state).sort()).toEqual([...vars].sort())
  }
  for (const name of vars)
    expect(new Set(states.map((state: Record<string, unknown>) => typeof state[name])).size).toBe(1)
  if (loop !== undefined) expect(states[loop]).toBeDefined()
  return document
}

test('a run that goes round for ever is a lasso', () => {
  const text = traceToItf(looping, initial)
  const { loop, states } = mustBeItf(text)
  expect(states).toHaveLength(looping.steps.length + 1)
  expect(loop).toBe(3)
  expect(states[1]).toMatchObject({ 'mbt::actionTaken': 'begin', 'range.state': 'begin', 'mm.users': 1 })
  expect(states[2]['mbt::nondetPicks']).toMatchObject({ thread: 1, name: 'cpu', choice: 1, choices: 3 })
  expect(parseTrace(text, 'x.itf.json')).toEqual(looping)
})

test('a counterexample of the checker comes back as it was', async () => {
  const { violation } = await check(retryProtocol, { bounds: 'smoke', defects: [noRetry] })
  if (violation === undefined) throw new Error('nothing is broken')
  const { trace } = violation
  const text = traceToItf(trace, stateAfter(retryProtocol.build(trace.parameters), trace, 0).cells)
  mustBeItf(text)
  expect(parseTrace(text, 'x.itf.json')).toEqual(JSON.parse(JSON.stringify(trace)))
})

it('numbers that a tool has written as #bigint are read', () => {
  const text = traceToItf(looping, initial).replace(
    /"(thread|choice|choices)": (\d+)/g,
    '"$1": {"#bigint": "$2"}',
  )
  expect(parseTrace(text, 'x.itf.json')).toEqual(looping)
})

describe('what is no trace of ours names the field', () => {
  const text = traceToItf(looping, initial)
  const changed = (change: (document: Record<string, never>) => unknown) => {
    const document = JSON.parse(text)
    change(document)
    return JSON.stringify(document)
  }
  it.each([
    ['#meta.hmm-spec is missing', changed((d) => delete (d['#meta'] as Record<string, unknown>)['hmm-spec'])],
    ['field vars is not a list', changed((d) => Object.assign(d, { vars: 1 }))],
    ['field states is empty', changed((d) => Object.assign(d, { states: [] }))],
    [
      'states\\[1\\] has no "mm.users"',
      changed((d) => delete (d.states[1] as Record<string, unknown>)['mm.users']),
    ],
    ['field loop is 0', changed((d) => Object.assign(d, { loop: 0 }))],
    ['field loopFrom is 8', changed((d) => Object.assign(d, { loop: 9 }))],
    ['steps\\[0\\]\\.thread is 7', text.replace('"thread": 0', '"thread": 7')],
  ])('%s', (message, wrong) => {
    expect(() => parseTrace(wrong, 'x.itf.json')).toThrow(new RegExp(`^x\\.itf\\.json: .*${message}`))
  })
})

import { expect, test } from 'vitest'
import { check, type Trace } from '../../src/checker/index.js'
import { figure, wrap } from '../../src/report/form/figures.js'
import { stateAfter } from '../../src/report/sequence/state.js'
import { charted } from '../cli/project.js'
import { aStep, looping } from './traces.js'

test('the state is the initial one with every change since, statecharts by the names of their states', async () => {
  expect((await check(charted)).verdict).toBe('holds')
  const on = [
    { cell: 'on', before: '0', after: '1', ghost: false },
    { cell: 'lamp', before: 'dark', after: 'lit', ghost: true },
  ]
  const trace: Trace = {
    ...looping,
    threads: ['hand'],
    steps: [aStep(0, 'turn', 'on', on), aStep(0, 'turn', 'off')],
  }
  const model = charted.build({})
  expect(stateAfter(model, trace, 0)).toEqual({
    step: 0,
    threads: [{ thread: 'hand', next: 'turn: on' }],
    cells: [
      { cell: 'on', value: '0', ghost: false, changed: false },
      { cell: 'lamp', value: 'dark', ghost: true, changed: false },
    ],
  })
  expect(stateAfter(model, trace, 1).cells).toEqual([
    { cell: 'on', value: '1', ghost: false, changed: true },
    { cell: 'lamp', value: 'lit', ghost: true, changed: true },
  ])
  expect(stateAfter(model, trace, 2)).toMatchObject({
    threads: [{ thread: 'hand' }],
    cells: [{ changed: false }, { changed: false }],
  })
})

test('what setting up signals at a statechart is part of the initial state', () => {
  const model = charted.build({})
  const [lifecycle] = model.layout.lifecycles
  const lit = { ...model, initialise: () => lifecycle.signal('ON') }
  expect(stateAfter(lit, { ...looping, threads: ['hand'], steps: [] }, 0).cells[1]).toMatchObject({
    value: 'lit',
  })
})

test('figures and wrapped text', () => {
  expect(figure(5358728)).toBe('5,358,728')
  expect(wrap('one two three four', 9)).toBe('one two\nthree\nfour')
  expect(wrap('one two', 9, '   ')).toBe('   one\n   two')
  expect(wrap('incomprehensibilities are', 8)).toBe('incomprehensibilities\nare')
  expect(wrap('', 8)).toBe('')
})

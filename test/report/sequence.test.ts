import { expect, test } from 'vitest'
import { colourful, plain } from '../../src/report/colours.js'
import { sequenceMermaid, sequenceText } from '../../src/report/sequence.js'
import { looping } from './traces.js'

const layout = { colours: plain, width: 100 }

test('a column for each thread, a row for each step, ghosts marked, loops marked', () => {
  expect(sequenceText(looping, layout)).toBe(
    [
      '      device                                            cpu',
      '   1  populate: begin -> 0                              │',
      '        ~range.state idle → begin                       │',
      '   2  │                                                 munmap: zap [choice 1 of 0..2] -> 0',
      '      │                                                   mm.pte[0].kind present → none',
      '      ── from here on, again and again ──',
      '   3  a_procedure_with_a_very_long_name_indeed: a step that runs on over the next column -> 0',
      '   4  │                                                 munmap: flush -> 0',
      '    ✗ C14 (populate ends): this run never gets on; <see #14>',
    ].join('\n'),
  )
})

test('a column is no wider than its texts', () => {
  const short = { ...looping, steps: looping.steps.slice(0, 2), loopFrom: 1 }
  expect(sequenceText(short, layout).split('\n')[1]).toBe('   1  populate: begin -> 0         │')
})

test('an excerpt says how much is left', () => {
  expect(sequenceText(looping, layout, { steps: 1 })).toMatch(/~range\.state.*\n {6}… 3 steps to go$/)
  expect(sequenceText(looping, layout, { steps: 0 }).split('\n')).toHaveLength(2)
})

test('columns are as wide as the names of the threads need, however narrow the page', () => {
  const threads = ['a thread with a name', 'another', 'third', 'fourth', 'fifth']
  const [head, first] = sequenceText({ ...looping, threads }, { colours: plain, width: 60 }).split('\n')
  expect(head).toBe('      a thread with a name  another       third         fourth        fifth')
  expect(first).toBe('   1  populate: begin -> 0  │             │             │             │')
})

test('with colours the text is the same', () => {
  const ESCAPE = String.fromCharCode(27)
  const painted = sequenceText(looping, { ...layout, colours: colourful })
  expect(painted).toContain(ESCAPE)
  expect(painted.replace(new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g'), '')).toBe(sequenceText(looping, layout))
})

test('as a Mermaid diagram', () => {
  expect(sequenceMermaid(looping)).toBe(
    [
      'sequenceDiagram',
      '  autonumber',
      '  participant T0 as device',
      '  participant T1 as cpu',
      '  T0->>T0: populate: begin → 0',
      '  Note right of T0: ~range.state idle → begin',
      '  T1->>T1: munmap: zap [choice 1 of 0..2] → 0',
      '  Note right of T1: mm.pte[0].kind present → none',
      '  loop again and again',
      '    T0->>T0: a_procedure_with_a_very_long_name_indeed: a step that runs on over the next column → 0',
      '    T1->>T1: munmap: flush → 0',
      '  end',
      '  Note over T0,T1: C14 (populate ends): this run never gets on#59; #60;see #35;14#62;',
      '',
    ].join('\n'),
  )
})

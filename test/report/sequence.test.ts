import { expect, test } from 'vitest'
import { colourful, plain } from '../../src/report/form/colours.js'
import { sequenceMermaid, sequenceText } from '../../src/report/sequence/sequence.js'
import { heldDuring, sequenceOf } from '../../src/report/sequence/sequence-model.js'
import { sequenceSvg, traceSvg } from '../../src/report/sequence/sequence-svg.js'
import { locking, looping } from './traces.js'

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
      '  participant O0 as mm',
      '  T0->>T0: populate: begin → 0',
      '  Note right of T0: ~range.state idle → begin',
      '  T1->>O0: munmap: zap [choice 1 of 0..2] → 0',
      '  Note right of O0: mm.pte[0].kind present → none',
      '  loop again and again',
      '    T0->>T0: a_procedure_with_a_very_long_name_indeed: a step that runs on over the next column → 0',
      '    T1->>T1: munmap: flush → 0',
      '  end',
      '  Note over T0,O0: C14 (populate ends): this run never gets on#59; #60;see #35;14#62;',
      '',
    ].join('\n'),
  )
})

test('the model tells who holds which lock, and which range is being invalidated, from when to when', () => {
  const { rows, holds } = sequenceOf(locking)
  expect(holds).toEqual([
    { thread: 0, kind: 'read', name: 'mm.mmap_lock', from: 0, to: 5 },
    { thread: 1, kind: 'read', name: 'mm.mmap_lock', from: 1, to: 7 },
    { thread: 1, kind: 'window', name: '[1, 2) CLEAR', from: 2, to: 7 },
    { thread: 0, kind: 'lock', name: 'gpu.update', from: 3, to: 4 },
    { thread: 1, kind: 'lock', name: 'gpu.update', from: 6, to: 7 },
  ])
  expect(rows[2].changes).toEqual([])
  expect(rows[3].touches).toEqual(['gpu'])
  // Step 7 takes the lock that step 5 has released.
  expect(rows.map(({ after }) => after)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    4,
  ])
})

test('what is held where only some of the steps are drawn ends with them', () => {
  const sequence = sequenceOf(locking, { steps: 4 })
  expect(sequence.left).toBe(3)
  expect(heldDuring(sequence, 0, 3).map(({ name, to }) => [name, to])).toEqual([
    ['mm.mmap_lock', 4],
    ['gpu.update', 4],
  ])
})

test('as text, the line of a thread tells what it holds while others act', () => {
  const lines = sequenceText(locking, layout).split('\n')
  const lineOf = (step: number) => lines.find((line) => line.startsWith(String(step).padStart(4)))
  expect(lineOf(2)).toMatch(/^ {3}2 {2}┃ +munmap/)
  expect(lineOf(4)).toMatch(/╫$/)
  expect(lineOf(7)).toMatch(/^ {3}7 {2}│/)
  expect(lines.at(-1)).toBe('      ┃ holds a lock   ╫ both')
})

test('as a Mermaid diagram, a thread is active as long as it holds something', () => {
  const lines = sequenceMermaid(locking).split('\n')
  expect(lines.filter((line) => line.includes('activate T0'))).toEqual([
    '  activate T0',
    '  activate T0',
    '  deactivate T0',
    '  deactivate T0',
  ])
  expect(lines).toContain('  T0->>O1: fault: lock gpu.update → 0')
  expect(lines).toContain('  Note left of T1: invalidates [1, 2) CLEAR')
})

test('as SVG: a column a thread, a bar for what is held, an arrow for a lock that is handed over', () => {
  const svg = traceSvg(locking, {
    standalone: true,
    linkTo: (name) => (name === 'fault' ? '/fault' : undefined),
  })
  expect(svg.match(/<text class="head"/g)).toHaveLength(2)
  expect(svg.match(/<circle /g)).toHaveLength(7)
  expect(svg.match(/<rect class="lock" [^>]*><title>/g)).toHaveLength(4)
  expect(svg.match(/<rect class="window" [^>]*><title>/g)).toHaveLength(1)
  expect(svg).toContain('<title>invalidates [1, 2) CLEAR</title>')
  expect(svg).toContain('<title>released in step 5</title>')
  expect(svg).toContain('<a href="/fault">')
  expect(svg).toContain('✗ C1')
  expect(svg).toContain('<style>')
  expect(sequenceSvg(locking)).not.toContain('<style>')
})

test('hostile text stays text in SVG', () => {
  const [first] = looping.steps
  const steps = [{ ...first, step: '</text><script>alert(1)</script>', procedure: '"><img src=x>' }]
  const svg = sequenceSvg({ threads: ['<b>'], steps }, { linkTo: () => '" onclick="x' })
  expect(svg).not.toMatch(/<script|<img|<b>|" onclick/)
})

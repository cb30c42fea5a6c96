import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { instance } from '@viz-js/viz'
import { describe, expect, it, test } from 'vitest'
import { createMachine } from 'xstate'
import { statecharts } from '../../models/index.js'
import { compileStatechart } from '../../src/checker/claims/statechart.js'
import type { TransitionCoverage } from '../../src/checker/result.js'
import { RV_EVENTS } from '../../src/report/chart/rv-events.js'
import {
  exportStatechart,
  statechartFormats,
  statechartToDot,
  statechartToJson,
  statechartToMarkdown,
  statechartToMermaid,
  statechartToRv,
} from '../../src/report/chart/statechart.js'

const kernelText = ['src/kernel', 'src/generations']
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(name, 'utf8'))
  .join('\n')

const lamp = createMachine({
  id: 'lamp',
  description: 'A "lamp".',
  initial: 'off',
  states: {
    off: { description: 'Dark | cold.', on: { PRESS: { target: 'on', description: 'Pressed.' } } },
    on: {
      initial: 'end',
      on: { PRESS: 'off' },
      states: { end: { on: { DIM: { target: 'end', description: 'Again.' } } } },
    },
  },
})

const coverage: TransitionCoverage[] = [
  { chart: 'lamp', state: 'off', event: 'PRESS', target: 'on.end', taken: 3 },
  { chart: 'lamp', state: 'off', event: 'PRESS', target: 'on.end', taken: 4 },
  { chart: 'bell', state: 'off', event: 'PRESS', target: 'on.end', taken: 100 },
  { chart: 'lamp', state: 'on.end', event: 'DIM', target: 'on.end', taken: 0 },
  { chart: 'lamp', state: 'on.end', event: 'PRESS', target: 'off', taken: 1 },
]

describe('a statechart as Mermaid', () => {
  it('is a state diagram with the descriptions as comments', () => {
    expect(statechartToMermaid(compileStatechart(lamp))).toBe(`stateDiagram-v2
  %% A "lamp".
  %% off: Dark | cold.
  state "on.end" as on_end
  [*] --> off
  off --> on_end : PRESS
  on_end --> off : PRESS
  on_end --> on_end : DIM
`)
  })

  it('says how often each transition was taken, over all checks of this chart', () => {
    const lines = statechartToMermaid(compileStatechart(lamp), { coverage }).split('\n')
    expect(lines).toContain('  off --> on_end : PRESS (7)')
    expect(lines).toContain('  on_end --> on_end : DIM (0)')
  })

  it('keeps names apart that Mermaid could not tell apart, and off the words that are its own', () => {
    const chart = compileStatechart(
      createMachine({
        id: 'names',
        initial: 'end',
        states: { end: { on: { A: 'a-b' } }, 'a-b': { on: { A: 'a_b' } }, a_b: { on: { A: 'end' } } },
      }),
    )
    expect(statechartToMermaid(chart)).toBe(`stateDiagram-v2
  state "end" as state_end
  state "a-b" as a_b
  state "a_b" as a_b_
  [*] --> state_end
  state_end --> a_b : A
  a_b --> a_b_ : A
  a_b_ --> state_end : A
`)
  })
})

describe('a statechart as DOT', () => {
  it('is a graph with the descriptions as tooltips', () => {
    expect(statechartToDot(compileStatechart(lamp))).toBe(`digraph "lamp" {
  graph [bgcolor="white", rankdir="TB", ranksep=0.5, nodesep=0.4, tooltip="A \\"lamp\\"."]
  node [shape="box", style="rounded", fontname="Helvetica", fontsize=12]
  edge [fontname="Helvetica", fontsize=9]
  "" [shape="point", width=0.12]
  "off" [tooltip="Dark | cold."]
  "on.end" [tooltip=""]
  "" -> "off"
  "off" -> "on.end" [label=" PRESS ", tooltip="Pressed."]
  "on.end" -> "off" [label=" PRESS ", tooltip=""]
  "on.end" -> "on.end" [label=" DIM ", tooltip="Again."]
}
`)
  })

  it('marks what was never taken', () => {
    const lines = statechartToDot(compileStatechart(lamp), { coverage }).split('\n')
    expect(lines).toContain('  "off" -> "on.end" [label=" PRESS (7) ", tooltip="Pressed."]')
    expect(lines).toContain(
      '  "on.end" -> "on.end" [label=" DIM (0) ", tooltip="Again.", color="red", fontcolor="red", style="dashed"]',
    )
  })

  it.each(Object.entries(statecharts))(
    'of %s is read by Graphviz, with every state and transition',
    async (_, machine) => {
      const chart = compileStatechart(machine)
      const result = (await instance()).render(statechartToDot(chart, { coverage }), { format: 'json' })
      expect(result.errors).toEqual([])
      const graph = JSON.parse(result.output as string)
      expect(graph.objects.map((o: { name: string }) => o.name)).toEqual(['', ...chart.states])
      expect(graph.edges).toHaveLength(chart.transitions.length + 1)
    },
  )
})

describe('a statechart as JSON', () => {
  it.each([lamp, ...Object.values(statecharts)])('of $id is the machine again', (machine) => {
    const again = createMachine(JSON.parse(statechartToJson(machine)))
    expect(compileStatechart(again)).toEqual(compileStatechart(machine))
    const covered = createMachine(JSON.parse(statechartToJson(machine, { coverage })))
    expect(compileStatechart(covered)).toEqual(compileStatechart(machine))
  })

  it('holds coverage beside the machine', () => {
    expect(JSON.parse(statechartToJson(lamp, { coverage })).meta.coverage).toEqual([
      { state: 'off', event: 'PRESS', target: 'on.end', taken: 7 },
      { state: 'on.end', event: 'PRESS', target: 'off', taken: 1 },
      { state: 'on.end', event: 'DIM', target: 'on.end', taken: 0 },
    ])
  })
})

describe('a statechart as Markdown', () => {
  it('is a table of states and a table of transitions', () => {
    expect(statechartToMarkdown(compileStatechart(lamp))).toBe(`| state | meaning |
| --- | --- |
| \`off\` | Dark \\| cold. |
| \`on.end\` |  |

| in state | event | next state | what happened |
| --- | --- | --- | --- |
| \`off\` | \`PRESS\` | \`on.end\` | Pressed. |
| \`on.end\` | \`PRESS\` | \`off\` |  |
| \`on.end\` | \`DIM\` | \`on.end\` | Again. |
`)
  })
})

describe('an export', () => {
  it('is the one of its format', () => {
    const chart = compileStatechart(lamp)
    expect(statechartFormats.map((format) => exportStatechart(lamp, format, { coverage }))).toEqual([
      statechartToMermaid(chart, { coverage }),
      statechartToDot(chart, { coverage }),
      statechartToRv(chart),
      statechartToJson(lamp, { coverage }),
    ])
  })
})

/**
 * What the kernel's rvgen takes from a file (`tools/verification/rvgen`, before 6.16 `dot2`), demanded as it demands it. It goes by
 * lines and by white space: the first line; nodes, of which the last word is the name; one line that is skipped, the arrow to the
 * initial state; then lines that begin with a quotation mark, until the first that does not.
 */
function readAsRvgen(text: string) {
  const lines = text.split('\n')
  const words = (line: string) => line.split(/\s+/).filter((word) => word !== '')
  expect(words(lines[0]).slice(0, 2)).toEqual(['digraph', 'state_automaton'])
  // The older one takes the first word of every line up to there, an empty one is its end.
  let at = lines.findIndex((line) => words(line)[0] === '{node')
  expect(at).toBeGreaterThan(0)
  expect(lines.slice(0, at).every((line) => words(line).length > 0)).toBe(true)
  const states: string[] = []
  const final: string[] = []
  let initial: string | undefined
  for (; words(lines[at])[0] === '{node'; at++) {
    const name = (words(lines[at]).at(-1) as string)
      .replaceAll('"', '')
      .replace('};', '')
      .replaceAll(',', '_')
    if (name.startsWith('__init_')) initial = name.slice('__init_'.length)
    else {
      if (!states.includes(name)) states.push(name)
      if (/doublecircle|ellipse/.test(lines[at])) final.push(name)
    }
  }
  expect(states).toContain(initial)
  expect(final).toEqual([initial])
  expect(words(lines[at])).toEqual([`"__init_${initial}"`, '->', `"${initial}";`])
  at++
  const edges: string[][] = []
  for (; lines[at].trimStart().startsWith('"'); at++) {
    const line = words(lines[at])
    if (line[1] === '->') {
      const label = line.slice(line.indexOf('label') + 2, -1).join('')
      // The older one takes the last word but one.
      expect(label).toBe(line.at(-2))
      const [from, to, event] = [line[0], line[2], label].map((word) => word.replaceAll('"', ''))
      // A semicolon would begin a constraint of a hybrid automaton, a \n another event.
      expect(event).toMatch(/^[a-z_][a-z0-9_]*$/)
      expect([states.includes(from), states.includes(to)]).toEqual([true, true])
      edges.push([from, event, to])
    } else {
      const label = lines[at].split('label')[1].split('"')[1]
      expect(states).toContain(label)
    }
  }
  for (const state of states) expect(state).toMatch(/^[a-z_][a-z0-9_]*$/)
  // All are enumerators of C with one suffix, the name of the monitor, beside the two that count them.
  const enumerators = [...states, ...new Set(edges.map(([, event]) => event)), 'state_max', 'event_max']
  expect(new Set(enumerators).size).toBe(enumerators.length)
  // A cell of the matrix has one state: two edges would be one.
  expect(new Set(edges.map(([from, event]) => `${from} ${event}`)).size).toBe(edges.length)
  return { states, initial, edges }
}

test.each(Object.entries(statecharts))('every event of %s has its place in the kernel', (_, machine) => {
  const { name, events } = compileStatechart(machine)
  expect(Object.keys(RV_EVENTS[name]).sort()).toEqual([...events].sort())
  const text = exportStatechart(machine, 'rv')
  for (const places of Object.values(RV_EVENTS[name]))
    for (const place of places) {
      expect(text).toContain(` at ${place}\n`)
      const [of] = place.split(' ')
      // The kernel's names are those that the specification has, so that they are held against it.
      if (!place.startsWith('driver:')) expect(kernelText).toMatch(new RegExp(`\\b${of}\\b`))
    }
})

describe('a statechart for rvgen', () => {
  it.each(Object.entries(statecharts))(
    '%s is an automaton with its states and transitions',
    async (_, machine) => {
      const chart = compileStatechart(machine)
      const text = exportStatechart(machine, 'rv')
      const { states, edges } = readAsRvgen(text)
      expect(states).toHaveLength(chart.states.length)
      expect(edges).toHaveLength(chart.transitions.length)
      expect(text).not.toMatch(/[A-Z]\w*" ->/)
      expect((await instance()).renderString(text, { format: 'svg' })).toContain('<svg')
    },
  )

  it('names are identifiers of C, and what events mean stands below the graph', () => {
    const text = statechartToRv(compileStatechart(lamp))
    expect(readAsRvgen(text)).toEqual({
      states: ['on_end', 'off'],
      initial: 'off',
      edges: [
        ['off', 'press', 'on_end'],
        ['on_end', 'press', 'off'],
        ['on_end', 'dim', 'on_end'],
      ],
    })
    expect(text).toContain('// press: Pressed.')
  })

  it('an event that is called as a state is gets another name', () => {
    const machine = createMachine({
      id: 'door',
      initial: 'open',
      states: { open: { on: { SHUT: 'shut' } }, shut: { on: { OPEN: 'open' } } },
    })
    expect(readAsRvgen(exportStatechart(machine, 'rv')).edges).toEqual([
      ['open', 'shut_', 'shut'],
      ['shut', 'open_', 'open'],
    ])
  })
})

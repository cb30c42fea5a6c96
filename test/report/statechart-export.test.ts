import { instance } from '@viz-js/viz'
import { describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'
import { statecharts } from '../../models/index.js'
import type { TransitionCoverage } from '../../src/checker/result.js'
import { compileStatechart } from '../../src/checker/statechart.js'
import {
  exportStatechart,
  statechartFormats,
  statechartToDot,
  statechartToJson,
  statechartToMarkdown,
  statechartToMermaid,
  statechartToRv,
} from '../../src/report/statechart.js'

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

/** What rvgen takes from a file: the first line, the nodes, the initial state, and the edges up to the first line that is none. */
function readAsRvgen(text: string) {
  const lines = text.split('\n')
  expect(lines[0].split(' ').slice(0, 2)).toEqual(['digraph', 'state_automaton'])
  let at = lines.findIndex((line) => line.trim().startsWith('{node'))
  const states: string[] = []
  let initial = ''
  for (; lines[at].trim().startsWith('{node'); at++) {
    const name = / "(\w+)"\};$/.exec(lines[at])?.[1] as string
    if (name.startsWith('__init_')) initial = name.slice('__init_'.length)
    else if (!states.includes(name)) states.push(name)
  }
  const edges: string[][] = []
  for (; lines[at].trim().startsWith('"'); at++) {
    const [, from, to, label] = /^\t"(\w+)" -> "(\w+)" \[ label = "(\w+)" \];$/.exec(lines[at]) ?? []
    if (from !== undefined) edges.push([from, label, to])
  }
  return { states, initial, edges }
}

describe('a statechart for rvgen', () => {
  it.each(Object.entries(statecharts))(
    '%s is an automaton with its states and transitions',
    async (_, machine) => {
      const chart = compileStatechart(machine)
      const text = exportStatechart(machine, 'rv')
      const { states, initial, edges } = readAsRvgen(text)
      expect(states).toHaveLength(chart.states.length)
      expect(edges).toHaveLength(chart.transitions.length)
      expect(states).toContain(initial)
      expect(new Set(edges.map(([from, label]) => `${from} ${label}`)).size).toBe(edges.length)
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
})

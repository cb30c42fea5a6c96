/**
 * Statecharts for other tools: Mermaid for Markdown, DOT for Graphviz and in the form that the kernel's rvgen reads, JSON
 * for XState and the Stately editor, and tables for a page.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'
import {
  type CompiledStatechart,
  type CompiledTransition,
  compileStatechart,
} from '../../checker/claims/statechart.js'
import type { TransitionCoverage } from '../../checker/result.js'
import { RV_EVENTS } from './rv-events.js'

/** The formats that {@link exportStatechart} writes. */
export const statechartFormats = ['mermaid', 'dot', 'rv', 'json'] as const

/** One of {@link statechartFormats}. */
export type StatechartFormat = (typeof statechartFormats)[number]

/** Options of an export. */
export interface StatechartExportOptions {
  /**
   * Coverage of checks, of this chart and of others: the number of times that each transition was taken is summed and
   * written to it.
   */
  readonly coverage?: readonly TransitionCoverage[]
}

/** How often `transition` was taken, or undefined without coverage. */
function takenOf(
  chart: CompiledStatechart,
  { state, event }: CompiledTransition,
  { coverage }: StatechartExportOptions,
): number | undefined {
  return coverage
    ?.filter(
      (c) => c.chart === chart.name && c.state === chart.states[state] && c.event === chart.events[event],
    )
    .reduce((sum, c) => sum + c.taken, 0)
}

function label(chart: CompiledStatechart, transition: CompiledTransition, taken: number | undefined): string {
  const event = chart.events[transition.event]
  return taken === undefined ? event : `${event} (${taken})`
}

/** Keywords of Mermaid, in any case, which cannot identify a state. */
const mermaidWords = new Set(
  'as class classdef click default direction end fork hide join note scale state style'.split(' '),
)

function mermaidIdentifiers(states: readonly string[]): string[] {
  const used = new Set<string>()
  return states.map((name) => {
    let identifier = name.replace(/\W+/g, '_')
    if (mermaidWords.has(identifier.toLowerCase()) || /^\d/.test(identifier))
      identifier = `state_${identifier}`
    while (used.has(identifier)) identifier += '_'
    used.add(identifier)
    return identifier
  })
}

/**
 * The chart as a Mermaid state diagram, as GitHub shows it in Markdown. The descriptions of the states are comments.
 *
 * @param chart - the compiled statechart
 * @param options - coverage, to show how often each transition was taken
 */
export function statechartToMermaid(
  chart: CompiledStatechart,
  options: StatechartExportOptions = {},
): string {
  const ids = mermaidIdentifiers(chart.states)
  const lines = ['stateDiagram-v2']
  const comment = (text: string) => lines.push(`  %% ${text.replace(/\s+/g, ' ').replace(/[{}]/g, '')}`)
  if (chart.description !== '') comment(chart.description)
  for (const [state, name] of chart.states.entries())
    if (chart.stateDescriptions[state] !== '') comment(`${name}: ${chart.stateDescriptions[state]}`)
  for (const [state, name] of chart.states.entries())
    if (ids[state] !== name) lines.push(`  state "${name}" as ${ids[state]}`)
  lines.push(`  [*] --> ${ids[0]}`)
  for (const transition of chart.transitions) {
    const text = label(chart, transition, takenOf(chart, transition, options))
    lines.push(`  ${ids[transition.state]} --> ${ids[transition.target]} : ${text}`)
  }
  return `${lines.join('\n')}\n`
}

/** A text as a DOT string. */
function quote(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\s+/g, ' ')}"`
}

/**
 * The chart as a directed graph for Graphviz, with the descriptions as tooltips. With coverage, transitions that
 * were never taken are red and dashed.
 *
 * @param chart - the compiled statechart
 * @param options - coverage, to show how often each transition was taken
 */
export function statechartToDot(chart: CompiledStatechart, options: StatechartExportOptions = {}): string {
  const lines = [
    `digraph ${quote(chart.name)} {`,
    `  graph [bgcolor="white", rankdir="TB", ranksep=0.5, nodesep=0.4, tooltip=${quote(chart.description)}]`,
    '  node [shape="box", style="rounded", fontname="Helvetica", fontsize=12]',
    '  edge [fontname="Helvetica", fontsize=9]',
    '  "" [shape="point", width=0.12]',
  ]
  for (const [state, name] of chart.states.entries())
    lines.push(`  ${quote(name)} [tooltip=${quote(chart.stateDescriptions[state])}]`)
  lines.push(`  "" -> ${quote(chart.states[0])}`)
  for (const transition of chart.transitions) {
    const taken = takenOf(chart, transition, options)
    const text = label(chart, transition, taken)
    const attributes = [`label=${quote(` ${text} `)}`, `tooltip=${quote(transition.description)}`]
    if (taken === 0) attributes.push('color="red"', 'fontcolor="red"', 'style="dashed"')
    const [from, to] = [transition.state, transition.target].map((state) => quote(chart.states[state]))
    lines.push(`  ${from} -> ${to} [${attributes.join(', ')}]`)
  }
  return `${[...lines, '}'].join('\n')}\n`
}

/**
 * The chart as the kernel's `rvgen` reads an automaton, to make a monitor of it (`rvgen monitor -c da -s chart.dot -t per_task`).
 * Names are what C takes for identifiers. What each event means, and at which functions of the kernel the monitor has to be told of
 * it ({@link RV_EVENTS}), is said below the graph, where `rvgen` does not read.
 *
 * @param chart - the compiled statechart
 */
export function statechartToRv(chart: CompiledStatechart): string {
  // rvgen makes enumerators of states and events with one suffix for both: an event must not be called as a state is.
  const used = new Set<string>(['state_max', 'event_max'])
  const states = identifiers(chart.states, used)
  const events = identifiers(chart.events, used)
  const [initial] = states
  const lines = [
    'digraph state_automaton {',
    '\tcenter = true;',
    '\tsize = "7,11";',
    ...states.slice(1).map((state) => `\t{node [shape = circle] "${state}"};`),
    `\t{node [shape = plaintext, style=invis, label=""] "__init_${initial}"};`,
    `\t{node [shape = doublecircle] "${initial}"};`,
    `\t{node [shape = circle] "${initial}"};`,
    `\t"__init_${initial}" -> "${initial}";`,
  ]
  for (const [state, name] of states.entries()) {
    lines.push(`\t"${name}" [label = "${name}"];`)
    const edges = chart.transitions.filter((transition) => transition.state === state)
    for (const { event, target } of edges)
      lines.push(`\t"${name}" -> "${states[target]}" [ label = "${events[event]}" ];`)
  }
  lines.push('\t{ rank = min ;', `\t\t"__init_${initial}";`, `\t\t"${initial}";`, '\t}', '}')
  for (const [event, name] of events.entries()) {
    const meanings = chart.transitions.filter((transition) => transition.event === event)
    for (const meaning of new Set(meanings.map(({ description }) => description.replace(/\s+/g, ' '))))
      lines.push(`// ${name}: ${meaning}`)
    for (const place of RV_EVENTS[chart.name]?.[chart.events[event]] ?? [])
      lines.push(`// ${name} at ${place}`)
  }
  return `${lines.join('\n')}\n`
}

/** Names as identifiers of C in the kernel's lower case, told apart from each other and from those that are used. */
function identifiers(names: readonly string[], used: Set<string>): string[] {
  return names.map((name) => {
    let identifier = name
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replace(/\W+/g, '_')
      .toLowerCase()
    if (/^\d/.test(identifier)) identifier = `s_${identifier}`
    while (used.has(identifier)) identifier += '_'
    used.add(identifier)
    return identifier
  })
}

/**
 * The machine's own configuration as JSON: what `createMachine` takes, and what Stately's tools open. Coverage is put
 * under `meta.coverage`, which they ignore.
 *
 * @param machine - the machine itself: its table does not say how states are nested
 * @param options - coverage to add
 */
export function statechartToJson(machine: AnyStateMachine, options: StatechartExportOptions = {}): string {
  const { schemas: _, ...config } = machine.config
  if (options.coverage === undefined) return `${JSON.stringify(config, null, 2)}\n`
  const chart = compileStatechart(machine)
  const coverage = chart.transitions.map((transition) => ({
    state: chart.states[transition.state],
    event: chart.events[transition.event],
    target: chart.states[transition.target],
    taken: takenOf(chart, transition, options),
  }))
  return `${JSON.stringify({ ...config, meta: { ...config.meta, coverage } }, null, 2)}\n`
}

/**
 * Writes a statechart in one of the formats: what `hmm-spec export` prints.
 *
 * @param machine - the statechart
 * @param format - the format
 * @param options - coverage to add
 *
 * @example
 * ```ts
 * process.stdout.write(exportStatechart(statecharts.range, 'mermaid'))
 * ```
 */
export function exportStatechart(
  machine: AnyStateMachine,
  format: StatechartFormat,
  options: StatechartExportOptions = {},
): string {
  switch (format) {
    case 'mermaid':
      return statechartToMermaid(compileStatechart(machine), options)
    case 'dot':
      return statechartToDot(compileStatechart(machine), options)
    case 'rv':
      return statechartToRv(compileStatechart(machine))
    case 'json':
      return statechartToJson(machine, options)
  }
}

function cell(text: string): string {
  return text.replace(/\|/g, '\\|').replace(/\s+/g, ' ')
}

/**
 * The chart as two Markdown tables: the meaning of each state, and the effect of each event.
 *
 * @param chart - the compiled statechart
 */
export function statechartToMarkdown(chart: CompiledStatechart): string {
  const states = chart.states.map(
    (name, state) => `| \`${name}\` | ${cell(chart.stateDescriptions[state])} |`,
  )
  const transitions = chart.transitions.map(({ state, event, target, description }) => {
    const [from, on, to] = [chart.states[state], chart.events[event], chart.states[target]].map(
      (s) => `\`${s}\``,
    )
    return `| ${from} | ${on} | ${to} | ${cell(description)} |`
  })
  return [
    '| state | meaning |',
    '| --- | --- |',
    ...states,
    '',
    '| in state | event | next state | what happened |',
    '| --- | --- | --- | --- |',
    ...transitions,
    '',
  ].join('\n')
}

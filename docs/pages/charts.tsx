/**
 * A page for each statechart: the drawing, each transition leading to the steps that take it and to a run.
 *
 * @module
 */
import { instance } from '@viz-js/viz'
import type { CompiledStatechart } from '../../src/checker/claims/statechart.js'
import type { TransitionData } from '../../src/publish/transitions.js'
import { address } from './addresses.js'
import {
  ExploreLink,
  Html,
  IfShort,
  Linked,
  type Page,
  Provenance,
  RunDrawing,
  Section,
  type Site,
  scrolling,
  Table,
  Title,
  To,
} from './layout.js'
import { everySequence, sequencesOf } from './step-facts.js'

/** The pages of all statecharts. */
export async function chartPages(site: Site): Promise<Page[]> {
  const viz = await instance()
  return site.data.charts.map((chart) => ({
    url: address('chart', chart.name),
    title: chart.name,
    kind: 'statechart',
    names: [chart.name, ...chart.events],
    text: [chart.description, ...chart.states, ...chart.stateDescriptions, ...chart.eventDescriptions].join(
      ' ',
    ),
    body: (
      <ChartBody
        site={site}
        chart={chart}
        drawing={inPageColours(viz.renderString(dotOf(chart), { format: 'svg' }))}
      />
    ),
  }))
}

/** The anchor of a transition. */
function transitionId(state: string, event: string): string {
  return `${state.replace(/\W+/g, '-')}-${event}`
}

function quoted(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\s+/g, ' ')}"`
}

/** The chart for Graphviz, each transition leading to its place on the page. */
function dotOf(chart: CompiledStatechart): string {
  const lines = [
    'digraph {',
    '  graph [bgcolor="transparent", ranksep=0.5, nodesep=0.4]',
    '  node [shape="box", style="rounded", fontname="Helvetica", fontsize=12]',
    '  edge [fontname="Helvetica", fontsize=10]',
    '  "" [shape="point", width=0.12]',
    `  "" -> ${quoted(chart.states[0])}`,
  ]
  for (const [state, name] of chart.states.entries())
    lines.push(`  ${quoted(name)} [tooltip=${quoted(chart.stateDescriptions[state] || name)}]`)
  for (const { state, event, target, description } of chart.transitions) {
    const [from, on, to] = [chart.states[state], chart.events[event], chart.states[target]]
    lines.push(
      `  ${quoted(from)} -> ${quoted(to)} [label=${quoted(` ${on} `)}, URL=${quoted(`#${transitionId(from, on)}`)}, ` +
        `tooltip=${quoted(description || `${from}: ${on} leads to ${to}`)}]`,
    )
  }
  return `${lines.join('\n')}\n}\n`
}

/** Graphviz draws black on white; in the page it is the page's own colour. Identifiers would clash with the page's. */
function inPageColours(svg: string): string {
  return svg
    .replace(/^[\s\S]*?(?=<svg)/, '')
    .replaceAll('stroke="black"', 'stroke="currentColor"')
    .replaceAll('fill="black"', 'fill="currentColor"')
    .replace(/<text /g, '<text fill="currentColor" ')
    .replaceAll('xlink:href', 'href')
    .replace(/ id="[^"]*"/g, '')
    .replaceAll('xlink:title', 'aria-label')
    .replace('<svg ', '<svg class="statechart" role="group" ')
    .replace(/<!--[\s\S]*?-->/g, '')
}

function ChartBody({ site, chart, drawing }: { site: Site; chart: CompiledStatechart; drawing: string }) {
  const transitions = chart.transitions.map((transition) => {
    const [state, event] = [chart.states[transition.state], chart.events[transition.event]]
    return {
      state,
      event,
      target: chart.states[transition.target],
      description: transition.description,
      clauses: transition.clauses,
      found: site.data.transitions.find(
        (one) => one.chart === chart.name && one.state === state && one.event === event,
      ),
    }
  })
  const first = new Set<string>()
  return (
    <>
      <Title kind="Statechart" name={chart.name} />
      <p class="lead">
        <Linked site={site}>{chart.description}</Linked>
      </p>
      <Html class="drawing" html={scrolling(drawing)} />
      <Section title="States" id="states">
        <Table
          head={['state', 'meaning', 'requirements']}
          rows={chart.states.map((name, i) => [
            <strong>{name}</strong>,
            <Linked site={site}>{chart.stateDescriptions[i]}</Linked>,
            <Linked site={site}>{chart.stateClauses[i].join(', ')}</Linked>,
          ])}
        />
      </Section>
      <Section title="Transitions" id="transitions">
        <Provenance site={site} />
        {transitions.map(({ state, event, target, description, clauses, found }) => {
          // The first transition of an event is where pages of procedures lead to.
          const isFirst = !first.has(event)
          first.add(event)
          return (
            <article key={transitionId(state, event)} class="transition" id={transitionId(state, event)}>
              <h3 id={isFirst ? event : undefined}>
                {state} <span class="event">─ {event} →</span> {target}
              </h3>
              {description === '' ? null : (
                <p>
                  <Linked site={site}>{description}</Linked>
                </p>
              )}
              {clauses.length === 0 ? null : (
                <p>
                  Requirements: <Linked site={site}>{clauses.join(', ')}</Linked>
                </p>
              )}
              {found === undefined ? (
                <p>There is no evidence for it.</p>
              ) : (
                <Taken site={site} found={found} />
              )}
            </article>
          )
        })}
      </Section>
    </>
  )
}

function Taken({ site, found }: { site: Site; found: TransitionData }) {
  const { taken, scenarios, steps, shortest } = found
  const [recorded, suite] = sequencesOf(found)
  return (
    <>
      <p>
        Taken {taken.toLocaleString('en-US')} times in {scenarios.length} scenarios, by{' '}
        {recorded.toLocaleString('en-US')} recorded sequences of kernels{everySequence(site)} and {suite} of
        the suite. Steps that signal it:
      </p>
      <ul>
        {steps.map(({ procedure, step }) => {
          const url = site.addresses.ofProcedure(procedure)
          return (
            <li key={`${procedure}: ${step}`}>
              {url === undefined ? procedure : <a href={url}>{procedure}</a>}: {step}
            </li>
          )
        })}
      </ul>
      {shortest === undefined || shortest.steps.length === 0 ? null : (
        <details>
          <summary>
            The shortest run to it in {shortest.scenario}: {shortest.steps.length} steps
          </summary>
          <p>
            Scenario <To kind="scenario" name={shortest.scenario} />, smoke bounds.
          </p>
          <ExploreLink
            site={site}
            subject={{ scenario: shortest.scenario, bounds: 'smoke', set: {} }}
            // The step that takes it was recorded as it was refused.
            steps={shortest.steps.slice(0, -1)}
          >
            Step through the run up to it in the explorer
          </ExploreLink>
          <IfShort steps={shortest.steps.length}>
            <RunDrawing site={site} threads={shortest.threads} steps={shortest.steps} />
          </IfShort>
        </details>
      )}
    </>
  )
}

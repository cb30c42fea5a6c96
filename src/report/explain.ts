/**
 * Explains one requirement, defect or scenario, with its relations to the others.
 *
 * @module
 */
import type { Defect } from '../../spec/defect.js'
import type { Requirement } from '../../spec/requirement.js'
import type { Footprints } from '../checker/footprints.js'
import type { Scenario } from '../world/model.js'
import type { Layout } from './form/colours.js'
import { bullets, indented, settings, wrap } from './form/figures.js'
import { table } from './form/table.js'
import type { DeclaredTransition } from './vacuity.js'

/** Everything that can be explained. */
export interface Specification {
  readonly scenarios: readonly Scenario[]
  readonly requirements: readonly Requirement[]
  readonly defects: readonly Defect[]
}

/** A requirement: its text, its source, what checks it, which scenarios exercise it and which defects break it. */
export function explainRequirement(requirement: Requirement, spec: Specification, layout: Layout): string {
  const exercising = spec.scenarios.filter(({ exercises }) => exercises.includes(requirement.id))
  const breaking = spec.defects.filter((defect) => defect.requirement === requirement.id)
  return page(layout, `${requirement.id}: ${requirement.title}`, 'requirement', requirement.text, [
    ['Checked by', requirement.checks],
    ['Exercised by the scenarios', exercising.map(({ name, summary }) => `${name}: ${summary}`)],
    ['Broken by the defects', breaking.map(({ name, title, steps }) => `${name}: ${title} (${steps} steps)`)],
    ...(requirement.generations === undefined
      ? []
      : [['Holds in the generations', [requirement.generations.join(', ')]] as const]),
    ['Source', requirement.source],
  ])
}

/** A defect: the bug, the requirement it breaks, and how to reproduce it. */
export function explainDefect(defect: Defect, spec: Specification, layout: Layout): string {
  const requirement = spec.requirements.find(({ id }) => id === defect.requirement)
  const set = settings(defect.set ?? {})
  const aliases = defect.aliases ?? []
  const { generation } = defect
  const inGeneration = generation === undefined ? '' : ` in ${generation}`
  const again = generation === undefined ? '' : ` --generation ${generation}`
  return page(layout, `${defect.name}: ${defect.title}`, `defect (${defect.kind})`, defect.text, [
    ...(aliases.length === 0 ? [] : [['Also', aliases] as const]),
    ['Breaks', [requirement === undefined ? defect.requirement : `${requirement.id}: ${requirement.title}`]],
    [
      'Seen in',
      [
        `scenario ${defect.scenario}${inGeneration} at its smoke bounds${set === '' ? '' : ` with ${set}`}, after ${defect.steps} steps`,
        `hmm-spec defects ${defect.name} --trace-dir traces, then hmm-spec replay traces/${defect.name}.json${again}`,
      ],
    ],
    [
      'Replaces',
      [
        ...new Set(
          defect.overrides.map(({ target: { procedureName }, step }) =>
            step === undefined ? procedureName : `step "${step}" of ${procedureName}`,
          ),
        ),
      ],
    ],
    ['Source', defect.source],
  ])
}

/** A scenario: its summary, its parameters, the requirements that it exercises, and its defects. */
export function explainScenario(scenario: Scenario, spec: Specification, layout: Layout): string {
  const parameters = Object.entries(scenario.parameters)
  const exercised = scenario.exercises.map((id) => {
    const requirement = spec.requirements.find((candidate) => candidate.id === id)
    return requirement === undefined ? id : `${id}: ${requirement.title}`
  })
  const shown = spec.defects.filter((defect) => defect.scenario === scenario.name)
  const values =
    parameters.length === 0
      ? 'none'
      : table(
          [
            { head: 'parameter' },
            { head: 'range' },
            { head: 'smoke', align: 'right' },
            { head: 'default', align: 'right' },
            { head: 'deep', align: 'right' },
            { head: 'meaning' },
          ],
          parameters.map(([name, { min, max, smoke, default: usual, deep, summary }]) => [
            name,
            `${min}..${max}`,
            String(smoke),
            String(usual),
            String(deep),
            summary,
          ]),
          layout.colours,
          layout.width - 2,
        )
  return page(layout, scenario.name, 'scenario', scenario.summary, [
    ['Parameters', values],
    ['Exercises', exercised],
    ['Shows the defects', shown.map(({ name, title }) => `${name}: ${title}`)],
    [
      'To run it',
      [
        `hmm-spec check ${[scenario.name, ...parameters.slice(0, 1).map(([name, { deep }]) => `--set ${name}=${deep}`)].join(' ')}`,
      ],
    ],
  ])
}

/** A statechart: its states, and what leads from one to another. */
export function explainStatechart(
  {
    name,
    summary,
    states,
    transitions,
  }: {
    readonly name: string
    readonly summary: string
    readonly states: readonly string[]
    readonly transitions: readonly DeclaredTransition[]
  },
  layout: Layout,
): string {
  return page(layout, name, 'statechart', summary, [
    ['States, the initial one first', states],
    ['Transitions', transitions.map(({ state, event, target }) => `${state} ─ ${event} → ${target}`)],
    ['To draw it', [`hmm-spec export ${name} --to mermaid`]],
  ])
}

/** A procedure: its steps, in the order in which a scenario takes them, and which fields each reads and writes. */
export function explainProcedure(name: string, seen: readonly Footprints[], layout: Layout): string {
  const steps = new Map<string, { reads: Set<string>; writes: Set<string> }>()
  for (const { steps: taken } of seen)
    for (const { procedure, step, reads, writes } of taken) {
      if (procedure !== name) continue
      const known = steps.get(step) ?? { reads: new Set<string>(), writes: new Set<string>() }
      for (const field of reads) known.reads.add(field)
      for (const field of writes) known.writes.add(field)
      steps.set(step, known)
    }
  const states = seen.reduce((sum, { states }) => sum + states, 0)
  const listed = (fields: ReadonlySet<string>) =>
    fields.size === 0 ? 'nothing' : [...fields].sort().join(', ')
  return page(
    layout,
    name,
    'procedure',
    `What its steps touch, recorded over ${states.toLocaleString('en')} states of ${seen.map(({ scenario }) => scenario).join(', ')} at smoke bounds. A step may touch more in other scenarios.`,
    [...steps].map(([step, { reads, writes }]) => [
      step,
      [`reads ${listed(reads)}`, `writes ${listed(writes)}`],
    ]),
  )
}

type Section = readonly [head: string, content: string | readonly string[]]

function page(
  layout: Layout,
  title: string,
  kind: string,
  text: string,
  sections: readonly Section[],
): string {
  const { colours, width } = layout
  const parts = [`${colours.bold(title)}  ${colours.dim(kind)}`, wrap(text, width)]
  for (const [head, content] of sections) {
    const body =
      typeof content === 'string'
        ? indented(content, '  ')
        : content.length === 0
          ? '  none'
          : bullets(content, '  ', width)
    parts.push(`${colours.bold(head)}\n${body}`)
  }
  return `${parts.join('\n\n')}\n`
}

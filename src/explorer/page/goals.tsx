/**
 * The shortest run to something: a breach of a clause, a step, a transition of a statechart.
 *
 * @module
 */
import { useState } from 'preact/hooks'
import type { Goal } from '../reach.js'
import type { Catalogue } from '../subject.js'
import type { PublishedTexts } from '../texts.js'

/** Properties of {@link Goals}. */
export interface GoalsProps {
  readonly catalogue: Catalogue
  readonly texts: PublishedTexts
  readonly busy: boolean
  readonly search: (goal: Goal, fromHere: boolean) => void
}

/** What a goal is, as it is chosen. */
const KINDS = { clause: 'a breach of', step: 'the step', transition: 'the transition' } as const

/** Fields that choose a goal, and the buttons that look for it. */
export function Goals({ catalogue, texts, busy, search }: GoalsProps) {
  const [kind, setKind] = useState<Goal['kind']>('clause')
  const [text, setText] = useState('')
  const options =
    kind === 'clause'
      ? catalogue.clauses.map(({ id, title }) => ({ value: id, title }))
      : kind === 'transition'
        ? catalogue.transitions.map(({ chart, state, event, target }) => ({
            value: `${chart}: ${state} ${event}`,
            title: `to ${target}`,
          }))
        : Object.entries(texts.procedures).flatMap(([procedure, its]) =>
            its.flatMap(({ steps }) =>
              steps.map(([step]) => ({ value: `${procedure}: ${step}`, title: '' })),
            ),
          )
  const goal = goalOf(kind, text.trim(), catalogue)
  return (
    <form
      class="goals"
      onSubmit={(event) => {
        event.preventDefault()
        if (goal !== undefined) search(goal, false)
      }}
    >
      <label>
        <span>Shortest run to</span>
        <select
          id="goal-kind"
          value={kind}
          onChange={({ currentTarget }) => {
            setKind(currentTarget.value as Goal['kind'])
            setText('')
          }}
        >
          {Object.entries(KINDS).map(([value, says]) => (
            <option key={value} value={value}>
              {says}
            </option>
          ))}
        </select>
      </label>
      <label class="long">
        <span>
          {kind === 'step' ? 'procedure: step' : kind === 'clause' ? 'clause' : 'chart: state EVENT'}
        </span>
        <input
          id="goal"
          list="goals"
          autocomplete="off"
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <datalist id="goals">
          {[...new Map(options.map((option) => [option.value, option])).values()].map(({ value, title }) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </datalist>
      </label>
      <button type="submit" disabled={busy || goal === undefined}>
        from the start
      </button>
      <button
        type="button"
        disabled={busy || goal === undefined}
        onClick={() => goal !== undefined && search(goal, true)}
      >
        from here
      </button>
    </form>
  )
}

/** A goal, in words. */
export function goalText(goal: Goal): string {
  switch (goal.kind) {
    case 'clause':
      return `a breach of ${goal.clause}`
    case 'step':
      return `the step ${goal.procedure}: ${goal.step}${goal.outcome === undefined ? '' : ` → ${goal.outcome}`}`
    case 'transition':
      return `the transition ${goal.event} of ${goal.chart} from ${goal.state}`
  }
}

/** The goal that an address names: a clause, a transition, or else a step. */
export function goalNamed(text: string, catalogue: Catalogue): Goal | undefined {
  if (catalogue.clauses.some(({ id }) => id === text)) return goalOf('clause', text, catalogue)
  return goalOf('transition', text, catalogue) ?? goalOf('step', text, catalogue)
}

function goalOf(kind: Goal['kind'], text: string, { transitions }: Catalogue): Goal | undefined {
  if (text === '') return undefined
  if (kind === 'clause') return { kind, clause: text }
  if (kind === 'step') {
    const [, procedure, step, outcome] = /^(.+?): (.+?)(?: → (.+))?$/.exec(text) ?? []
    return procedure === undefined
      ? undefined
      : { kind, procedure, step, ...(outcome === undefined ? {} : { outcome }) }
  }
  const one = transitions.find(({ chart, state, event }) => `${chart}: ${state} ${event}` === text)
  return one === undefined ? undefined : { kind, chart: one.chart, state: one.state, event: one.event }
}

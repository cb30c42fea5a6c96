/**
 * What a sequence exercises: transitions of statecharts, requirements that its steps are held to, ways that steps go, kinds of
 * answers. Each is a text.
 *
 * @module
 */
import { statecharts } from '../../../models/index.js'
import { compileStatechart } from '../../checker/claims/statechart.js'
import { errnoName } from '../../kernel/index.js'
import { type Asserted, acting } from '../../world/acting.js'
import type { AnyProcedure, Step } from '../../world/index.js'
import type { Operation } from '../operations.js'
import { type Answer, type BoundChart, Oracle, type OracleOptions, type OracleState } from '../oracle.js'
import type { KernelVersion } from '../result.js'

const tables = Object.entries(statecharts).map(
  ([name, machine]) => [name, compileStatechart(machine)] as const,
)

/** Every transition of every statechart, as coverage names it. */
export const allTransitions: readonly string[] = tables.flatMap(([name, { transitions, states, events }]) =>
  transitions.map(({ state, event, target }) =>
    transitionName(name, states[state], events[event], states[target]),
  ),
)

function transitionName(chart: string, state: string, event: string, target: string): string {
  return `chart ${chart}: ${state} ─ ${event} → ${target}`
}

/** The kinds of items, and how the text of each begins. */
export const ITEM_KINDS = {
  transitions: 'chart ',
  requirements: 'requirement ',
  steps: 'step ',
  answers: 'answer ',
} as const

/** What each operation of a sequence exercised, and its answer. */
export interface Exercised {
  readonly items: readonly ReadonlySet<string>[]
  readonly answers: readonly Answer[]
}

/** Performs a sequence, and tells what each operation of it exercised. */
export function exercise(
  operations: readonly Operation[],
  kernel: KernelVersion,
  options: Pick<OracleOptions, 'overrides' | 'onStep'> = {},
): Exercised {
  const exerciser = new Exerciser(operations, kernel, options)
  const performed = operations.map((operation) => exerciser.perform(operation))
  return { items: performed.map(({ items }) => items), answers: performed.map(({ answer }) => answer) }
}

/** Performs operations one after another, tells what each exercised, and can go back to where it was. */
export class Exerciser {
  private readonly recorder = new Recorder()
  private readonly oracle: Oracle

  /** @param operations - all that may be performed, which determine the size of the world */
  constructor(
    operations: readonly Operation[],
    kernel: KernelVersion,
    options: Pick<OracleOptions, 'overrides' | 'onStep'> = {},
  ) {
    const { recorder } = this
    this.oracle = new Oracle(operations, {
      ...options,
      kernel,
      charts: recorder.charts,
      onStep: (procedure, step, result) => {
        recorder.step(procedure, step, result)
        options.onStep?.(procedure, step, result)
      },
    })
  }

  /** @throws Violation if the specification refuses what the driver does */
  perform(operation: Operation): { readonly items: ReadonlySet<string>; readonly answer: Answer } {
    const { recorder } = this
    const held = acting.asserted
    acting.asserted = recorder.asserted
    try {
      recorder.begin(operation)
      const answer = this.oracle.perform(operation)
      recorder.answer(answer)
      return { items: recorder.end(), answer }
    } finally {
      acting.asserted = held
    }
  }

  /** Where it is. */
  save(): OracleState {
    return this.oracle.save()
  }

  /** Goes back to where it was, also after a violation. */
  restore(state: OracleState): void {
    this.oracle.restore(state)
    this.recorder.forget()
  }
}

/** Watches one oracle. */
class Recorder {
  readonly charts: Readonly<Record<string, BoundChart>> = Object.fromEntries(
    tables.map(([name, table]) => [name, { table, taken: new Uint32Array(table.targets.length) }]),
  )
  /** Requirements that steps were held to, as {@link acting} counts them. */
  readonly asserted: Asserted = { guarded: 0, byClause: new Map() }
  private items = new Set<string>()
  private name = ''

  begin(operation: Operation): void {
    this.items = new Set()
    this.asserted.byClause.clear()
    this.name = operation.inChild ? `c:${operation.name}` : operation.name
  }

  step(procedure: AnyProcedure, step: Step, result: unknown): void {
    this.items.add(`step ${this.name} | ${procedure.procedureName}: ${stepName(step)} → ${wayOf(result)}`)
  }

  answer(answer: Answer): void {
    const { rc, err, sig, code, prot = [], ptes = [] } = answer
    const outcome = sig === undefined ? (err ?? String(rc)) : `${sig} ${code ?? ''}`.trim()
    this.items.add(`answer ${this.name} ${outcome}`)
    for (const entry of new Set<number | string>([...prot, ...ptes]))
      this.items.add(`answer ${this.name} shows ${entry}`)
  }

  /** Forgets what an operation that did not end has taken. */
  forget(): void {
    for (const { taken } of Object.values(this.charts)) taken.fill(0)
  }

  end(): ReadonlySet<string> {
    for (const [name, { table, taken }] of Object.entries(this.charts)) {
      const { events, states, targets } = table
      taken.forEach((count, at) => {
        if (count === 0) return
        const from = states[Math.floor(at / events.length)]
        this.items.add(transitionName(name, from, events[at % events.length], states[targets[at]]))
      })
      taken.fill(0)
    }
    for (const clause of this.asserted.byClause.keys()) this.items.add(`${ITEM_KINDS.requirements}${clause}`)
    return this.items
  }
}

/** The name of a step, whichever address space, device or open file its lock is of: that is no other step. */
function stepName({ name }: Step): string {
  return name.replace(/\bdmirror\d+(?: of mm\[\d+\])?(?: \(\d+\))?/g, 'dmirror').replace(/\bmm\[\d+\]/g, 'mm')
}

/**
 * Which way a step went. Told apart are errors and names, each by itself, nothing and something; of a tagged union its
 * kinds, of another object what it has something in.
 */
function wayOf(result: unknown): string {
  if (typeof result === 'number' && result < 0) return errnoName(result) ?? String(result)
  if (typeof result === 'string') return result
  if (typeof result !== 'object' || result === null || Array.isArray(result))
    return result ? 'something' : 'nothing'
  if ('kind' in result) return String(result.kind)
  const present = Object.entries(result).filter(([, value]) => value)
  return `{${present.map(([key]) => key).join(', ')}}`
}

/**
 * What a sequence exercises: transitions of statecharts, ways that steps go, kinds of answers. Each is a text.
 *
 * @module
 */
import { statecharts } from '../../../models/index.js'
import { compileStatechart } from '../../checker/statechart.js'
import { errnoName } from '../../kernel/index.js'
import type { AnyProcedure, Step } from '../../world/index.js'
import type { Operation } from '../operations.js'
import { type Answer, type BoundChart, Oracle, type OracleOptions } from '../oracle.js'
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

/** What each operation of a sequence exercised, and its answer. */
export interface Exercised {
  readonly items: readonly ReadonlySet<string>[]
  readonly answers: readonly Answer[]
}

/** Performs a sequence, and tells what each operation of it exercised. */
export function exercise(
  operations: readonly Operation[],
  kernel: KernelVersion,
  options: Pick<OracleOptions, 'overrides'> = {},
): Exercised {
  const recorder = new Recorder()
  const oracle = new Oracle(operations, {
    ...options,
    kernel,
    charts: recorder.charts,
    onStep: (procedure, step, result) => recorder.step(procedure, step, result),
  })
  const items: ReadonlySet<string>[] = []
  const answers: Answer[] = []
  for (const operation of operations) {
    recorder.begin(operation)
    const answer = oracle.perform(operation)
    recorder.answer(answer)
    items.push(recorder.end())
    answers.push(answer)
  }
  return { items, answers }
}

/** Watches one oracle. */
class Recorder {
  readonly charts: Readonly<Record<string, BoundChart>> = Object.fromEntries(
    tables.map(([name, table]) => [name, { table, taken: new Uint32Array(table.targets.length) }]),
  )
  private items = new Set<string>()
  private name = ''

  begin(operation: Operation): void {
    this.items = new Set()
    this.name = operation.inChild ? `c:${operation.name}` : operation.name
  }

  step(procedure: AnyProcedure, step: Step, result: unknown): void {
    this.items.add(`step ${this.name} | ${procedure.procedureName}: ${step.name} → ${wayOf(result)}`)
  }

  answer(answer: Answer): void {
    const { rc, err, sig, code, prot = [], ptes = [] } = answer
    const outcome = sig === undefined ? (err ?? String(rc)) : `${sig} ${code ?? ''}`.trim()
    this.items.add(`answer ${this.name} ${outcome}`)
    for (const entry of new Set<number | string>([...prot, ...ptes]))
      this.items.add(`answer ${this.name} shows ${entry}`)
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
    return this.items
  }
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

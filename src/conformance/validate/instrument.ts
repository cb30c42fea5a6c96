/**
 * Events of the model: overrides that put a step of its own where a probe would be hit, at the entry and at the return of each
 * function that is judged. These steps change nothing. Whoever searches knows them by their effect, and takes them when
 * the trace has the event.
 *
 * @module
 */
import {
  type AnyProcedure,
  type Body,
  bodiesOf,
  type Override,
  type Run,
  type Running,
  step,
} from '../../world/index.js'
import { make } from '../../world/procedures/procedure.js'
import type { Bindings, JudgedFunction } from './probe.js'

/** Where the model would hit a probe. */
export interface ModelEvent {
  readonly judged: JudgedFunction
  /** `sample` is a moment at which the probe at the entry reads what others may change. */
  readonly at: 'entry' | 'sample' | 'return'
  /** Which field the probe reads then: each by itself, in the order of its definition. */
  readonly sampled?: string
  readonly args: readonly unknown[]
  /** What the function returns; absent before it does. */
  readonly result?: unknown
}

/** The end of an operation, with what it answers. */
export interface ModelEnd {
  readonly at: 'end'
  /** Values by name, as the mark has them: `rc`, `faults`, `sig`. */
  readonly answer: Readonly<Record<string, number>>
}

const known = new WeakMap<Run, ModelEvent | ModelEnd>()

/** What the step with this effect stands for, if it is none of the specification. */
export function eventOf(run: Run): ModelEvent | ModelEnd | undefined {
  return known.get(run)
}

/** The step that stands for `event`. */
export function eventStep(name: string, event: ModelEvent | ModelEnd): Running<number> {
  const run = () => 0
  known.set(run, event)
  return step(name, run)
}

/**
 * What makes the procedures of `judged` tell of their events.
 *
 * @param overrides - what else is replaced: an event is told of the text that runs
 */
export function instrumented(
  judged: readonly JudgedFunction[],
  overrides: readonly Override[],
): readonly Override[] {
  const bodies = bodiesOf(overrides)
  return judged.map((each) => {
    const { procedure } = each
    const inner = make(procedure.procedureName, bodies.get(procedure) ?? procedure.body)
    return { target: procedure, body: telling(each, inner), original: undefined }
  })
}

/** What an event is compared with. */
export function bindingsOf({ judged, at, sampled }: ModelEvent): Bindings {
  if (at === 'entry') return judged.entry
  if (at === 'return') return judged.return ?? {}
  return sampled === undefined ? {} : { [sampled]: judged.sampled[sampled] }
}

function telling(judged: JudgedFunction, inner: AnyProcedure): Body<unknown[], unknown> {
  const fields = Object.keys(judged.sampled)
  return function* (...args: unknown[]) {
    yield* eventStep(`${judged.function}: entry`, { judged, at: 'entry', args })
    for (const sampled of fields)
      yield* eventStep(`${judged.function}: the probe reads ${sampled}`, {
        judged,
        at: 'sample',
        sampled,
        args,
      })
    const result: unknown = yield* inner(...args)
    if (judged.return) yield* eventStep(`${judged.function}: return`, { judged, at: 'return', args, result })
    return result
  }
}

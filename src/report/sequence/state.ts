/**
 * The whole world after a step of a trace: the initial state, and every change since.
 *
 * @module
 */
import type { Trace } from '../../checker/result.js'
import { acting, NOBODY } from '../../world/acting.js'
import type { Model } from '../../world/model.js'
import type { World } from '../../world/records/layout.js'

/** One cell of the world. */
export interface CellState {
  readonly cell: string
  readonly value: string
  readonly ghost: boolean
  /** True if the last step changed it. */
  readonly changed: boolean
}

/** The next step of a thread in the trace. */
export interface ThreadState {
  readonly thread: string
  /** `procedure: step` of its next step in the trace; absent if there is none. */
  readonly next?: string
}

/** The state after some steps. */
export interface StateReport {
  /** Steps taken. */
  readonly step: number
  readonly threads: readonly ThreadState[]
  readonly cells: readonly CellState[]
}

/**
 * The state after `steps` steps of `trace`.
 *
 * @param model - the scenario, built with the trace's parameters
 * @param steps - 0 for the initial state
 */
export function stateAfter(model: Model, trace: Trace, steps: number): StateReport {
  const initial = initialWorld(model)
  const values = new Map(model.layout.cells.map((cell) => [cell.name, cell.show(initial)]))
  for (const step of trace.steps.slice(0, steps))
    for (const change of step.changes) values.set(change.cell, change.after)
  const changed = new Set(steps === 0 ? [] : trace.steps[steps - 1].changes.map((change) => change.cell))
  // If the end of the trace is a loop, the last step is followed by the first of the loop.
  const ahead = [...trace.steps.slice(steps), ...trace.steps.slice(trace.loopFrom ?? trace.steps.length)]
  return {
    step: steps,
    threads: trace.threads.map((thread, i) => {
      const next = ahead.find((step) => step.thread === i)
      return next === undefined ? { thread } : { thread, next: `${next.procedure}: ${next.step}` }
    }),
    cells: model.layout.cells.map((cell) => {
      return {
        cell: cell.name,
        value: values.get(cell.name) as string,
        ghost: cell.options.ghost ?? false,
        changed: changed.has(cell.name),
      }
    }),
  }
}

/** The initial world of a check: charts are bound first, since the setup may signal events at them. */
function initialWorld(model: Model): World {
  for (const lifecycle of model.layout.lifecycles) {
    const chart = model.charts?.[lifecycle.kind]
    if (chart !== undefined) lifecycle.bind(chart, new Uint32Array(chart.targets.length))
  }
  const world = model.layout.initial()
  acting.thread = NOBODY
  model.initialise?.()
  return world
}

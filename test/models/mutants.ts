/** Wrong statecharts, made of one that is right. */

import type { CompiledStatechart } from '../../src/checker/claims/statechart.js'
import { type CheckResult, check } from '../../src/checker/index.js'
import type { DeclaredTransition } from '../../src/report/vacuity.js'
import type { Scenario, TransitionTable } from '../../src/world/index.js'

/** A statechart of which one entry is wrong. */
export interface ChartMutant {
  readonly kind: 'removed' | 'redirected' | 'added'
  /** The transition that it has or, if that is removed, no longer has. */
  readonly transition: DeclaredTransition
  readonly table: TransitionTable
}

/**
 * Every mutant of a chart: each transition removed, each redirected to each other state, and one added wherever a state does not
 * answer an event. To which state that leads makes no difference: nothing takes it.
 */
export function mutantsOf(chart: CompiledStatechart): ChartMutant[] {
  const { states, events, targets } = chart
  return [...targets.keys()].flatMap((at) => {
    const [state, event] = [Math.floor(at / events.length), at % events.length]
    const mutant = (kind: ChartMutant['kind'], target: number): ChartMutant => ({
      kind,
      transition: {
        chart: chart.name,
        state: states[state],
        event: events[event],
        target: states[target < 0 ? targets[at] : target],
      },
      table: { ...chart, targets: targets.with(at, target) },
    })
    const was = targets[at]
    if (was < 0) return [mutant('added', (state + 1) % states.length)]
    const elsewhere = [...states.keys()].filter((target) => target !== was)
    return [mutant('removed', -1), ...elsewhere.map((target) => mutant('redirected', target))]
  })
}

/** As messages name it. */
export function nameOf({ kind, transition: { chart, state, event, target } }: ChartMutant): string {
  return `${chart}: ${state} ─ ${event} → ${target}, ${kind}`
}

/** The scenario with the mutant in the place of its chart. */
export function withMutant(scenario: Scenario, { transition, table }: ChartMutant): Scenario {
  return {
    ...scenario,
    build(parameters) {
      const model = scenario.build(parameters)
      return { ...model, charts: { ...model.charts, [transition.chart]: table } }
    },
  }
}

/** Checks at the smallest bounds. */
export function explored(scenario: Scenario): Promise<CheckResult> {
  return check(scenario, { bounds: 'smoke', audit: 0 })
}

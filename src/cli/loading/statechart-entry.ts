/**
 * A statechart, as the command line shows it.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'
import { compileStatechart } from '../../checker/claims/statechart.js'
import { exportStatechart } from '../../report/chart/statechart.js'
import type { StatechartEntry } from '../project.js'

/** What `list` and `export` show of a machine. @throws SpecificationError if it is more than a statechart */
export function statechartEntry(machine: AnyStateMachine): StatechartEntry {
  const chart = compileStatechart(machine)
  return {
    name: chart.name,
    summary: chart.description,
    states: chart.states,
    events: chart.events,
    transitions: chart.transitions.map(({ state, event, target }) => ({
      chart: chart.name,
      state: chart.states[state],
      event: chart.events[event],
      target: chart.states[target],
    })),
    exportTo: (format) => exportStatechart(machine, format),
  }
}

/**
 * The lifecycles of a world as XState's own actors: each signal of a step is sent to one.
 *
 * @module
 */
import { createActor } from 'xstate'
import { statecharts } from '../../../models/index.js'
import { compileStatechart, stateName } from '../../checker/claims/statechart.js'
import type { Layout, Lifecycle } from '../../world/index.js'

/** Transitions that there are. */
export const ALL_TRANSITIONS = Object.values(statecharts).reduce(
  (sum, machine) => sum + compileStatechart(machine).transitions.length,
  0,
)

/** The actors of one world. */
export class ChartActors {
  /** Transitions that were taken: `range: idle BEGIN`. */
  readonly taken = new Set<string>()
  /** Signals for which the actor had no transition, with how often: `range: idle COMMITTED`. */
  readonly refused = new Map<string, number>()

  /** Gives each lifecycle of `layout` that has a statechart an actor, which gets all of its signals. */
  attach(layout: Layout): void {
    for (const lifecycle of layout.lifecycles) this.start(lifecycle)
  }

  private start(lifecycle: Lifecycle): void {
    const { kind } = lifecycle
    const machine = Object.entries(statecharts).find(([name]) => name === kind)?.[1]
    if (machine === undefined) return
    const actor = createActor(machine).start()
    lifecycle.signal = (type) => {
      const before = actor.getSnapshot()
      const name = `${kind}: ${stateName(before.value)} ${type}`
      if (before.can({ type })) this.taken.add(name)
      else this.refused.set(name, (this.refused.get(name) ?? 0) + 1)
      actor.send({ type })
    }
  }
}

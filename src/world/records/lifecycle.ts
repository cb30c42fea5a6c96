/**
 * The state of one instance of a statechart. Procedures send events to it, and do not depend on the
 * chart. The checker binds the chart; without one an event has no effect.
 *
 * @module
 */
import { claim, SpecificationError } from '../errors.js'
import type { Cell } from './layout.js'

/** A statechart as a table: states and events are numbers, 0 is the initial state. */
export interface TransitionTable {
  /** Name of the statechart. */
  readonly name: string
  /** States by number. */
  readonly states: readonly string[]
  /** Events by number. */
  readonly events: readonly string[]
  /** `targets[state * events.length + event]`: the next state, or -1 where the chart has no transition. */
  readonly targets: Int16Array
}

/** `meta` of a state or a transition of a statechart. */
export interface StatechartMeta {
  /** Identifiers of the requirements that it concerns. */
  readonly clauses: readonly string[]
}

/** One instance of a statechart in the world. */
export class Lifecycle {
  private table: TransitionTable | undefined
  private events: Map<string, number> = new Map()
  /** How often each transition was taken, indexed like {@link TransitionTable.targets}. */
  taken: Uint32Array = new Uint32Array(0)

  /**
   * @param kind - name of the statechart
   * @param cell - ghost cell that holds the state
   */
  constructor(
    readonly kind: string,
    readonly cell: Cell,
  ) {}

  /**
   * Gives the instance its statechart.
   *
   * @param table - the compiled statechart
   * @param taken - where to count the transitions taken, shared by instances of the same chart
   */
  bind(table: TransitionTable, taken: Uint32Array): void {
    if (table.states.length > this.cell.max + 1)
      throw new SpecificationError(
        'layout',
        `statechart ${table.name} has ${table.states.length} states; an instance holds ${this.cell.max + 1}`,
      )
    this.table = table
    // Traces show the names of the states.
    if (this.cell.values !== table.states) {
      this.cell.codec = 'enumeration'
      this.cell.values = table.states
    }
    this.taken = taken
    this.events = new Map(table.events.map((event, index) => [event, index]))
  }

  /**
   * Sends `event` to the instance.
   *
   * @throws Violation `refinement` if the statechart has no transition for it in the current state
   */
  signal(event: string): void {
    const table = this.table
    if (table === undefined) return
    const index = this.events.get(event)
    if (index === undefined)
      throw new SpecificationError(
        'scenario',
        `statechart ${table.name} knows no event ${event} (${this.cell.name})`,
      )
    const at = this.cell.value * table.events.length + index
    const target = table.targets[at]
    if (target < 0) {
      claim(
        'refinement',
        false,
        `${this.cell.name}: statechart ${table.name} allows no ${event} in state ${this.state()}`,
      )
      return
    }
    this.taken[at]++
    this.cell.value = target
  }

  /** Name of the current state, or `undefined` while no statechart is bound. */
  state(): string | undefined {
    return this.table?.states[this.cell.value]
  }
}

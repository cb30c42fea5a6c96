/**
 * Statecharts as tables. XState's own `transition` computes every entry once. A signal then costs
 * one array access.
 *
 * @module
 */
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  initialTransition,
  type StateValue,
  transition,
} from 'xstate'
import { SpecificationError } from '../../world/errors.js'
import type { StatechartMeta, TransitionTable } from '../../world/records/lifecycle.js'

/** Maximum number of states of a statechart: the capacity of a lifecycle's field. */
export const MAX_STATECHART_STATES = 16

/** One transition of a compiled statechart. */
export interface CompiledTransition {
  /** Number of the state it leaves. */
  readonly state: number
  /** Number of its event. */
  readonly event: number
  /** Number of the state it enters; the same as `state` for a self transition. */
  readonly target: number
  /** Description in the machine, or an empty text. */
  readonly description: string
  /** The requirements that it concerns: `meta.clauses` of the machine's transition. */
  readonly clauses: readonly string[]
}

/** A statechart as a table, with the machine's descriptions of states and events. */
export interface CompiledStatechart extends TransitionTable {
  /** Description of the machine, or an empty text. */
  readonly description: string
  /** Description of each state, by number; an empty text if it has none. */
  readonly stateDescriptions: readonly string[]
  /**
   * The requirements that each state concerns, by number: `meta.clauses` of the machine's state.
   */
  readonly stateClauses: readonly (readonly string[])[]
  /**
   * Description of each event, by number: the distinct descriptions of its transitions; an empty
   * text if there are none.
   */
  readonly eventDescriptions: readonly string[]
  /** All transitions, by state and then by event. */
  readonly transitions: readonly CompiledTransition[]
}

/** An XState node. The root of a machine has the same shape as its states. */
type Node = AnyStateMachine['root']

/**
 * Names a state: the keys from the outermost state to the innermost joined by dots, the regions of
 * a parallel state joined by `+`.
 *
 * @param value - XState's value of the state
 *
 * @example
 * ```ts
 * stateName('idle') // 'idle'
 * stateName({ migrating: 'copy' }) // 'migrating.copy'
 * stateName({ cpu: 'mapped', device: { on: 'idle' } }) // 'cpu.mapped+device.on.idle'
 * ```
 */
export function stateName(value: StateValue): string {
  return leaves(value).join('+')
}

function leaves(value: StateValue): string[] {
  if (typeof value === 'string') return [value]
  return Object.entries(value).flatMap(([key, inner]) => {
    const below = inner === undefined ? [] : leaves(inner)
    return below.length === 0 ? [key] : below.map((leaf) => `${key}.${leaf}`)
  })
}

function refuse(machine: AnyStateMachine, what: string, instead: string): never {
  throw new SpecificationError('scenario', `statechart ${machine.id}: ${what}; ${instead}`)
}

function nodesOf(node: Node): Node[] {
  return [node, ...Object.values(node.states as Record<string, Node>).flatMap(nodesOf)]
}

/**
 * Refuses a transition that depends on more than the current state and the event, or that has
 * effects.
 */
function assertPureTransitions(machine: AnyStateMachine, node: Node, at: string): void {
  for (const [event, definitions] of node.transitions)
    for (const { guard, actions } of definitions) {
      const named = `event ${event} in ${at}`
      if (event.startsWith('xstate.after.'))
        refuse(machine, `${at} has a delayed transition`, 'let a step signal that the time is over')
      if (event.startsWith('xstate.'))
        refuse(
          machine,
          `${named} is sent by XState itself`,
          'only steps send events, so give it a name of its own',
        )
      if (event.includes('*'))
        refuse(machine, `${named} is a wildcard`, 'write each event that the state allows')
      if (guard !== undefined)
        refuse(
          machine,
          `${named} has a guard`,
          'give what the guard tells apart a state or an event of its own',
        )
      if (actions.length > 0)
        refuse(
          machine,
          `${named} has actions`,
          'a lifecycle has no context and no effects, so leave them out',
        )
    }
}

/** Refuses a state with history, delays, actors or actions. */
function assertPureState(machine: AnyStateMachine, node: Node, at: string): void {
  if (node.type === 'history')
    refuse(machine, `${at} is a history state`, 'write a state for each past that matters')
  if (node.type === 'compound' && node.initial.actions.length > 0)
    refuse(machine, `${at} starts with actions`, 'a lifecycle has no effects, so leave them out')
  if (node.invoke.length > 0)
    refuse(machine, `${at} invokes an actor`, 'let a step signal what the actor would tell')
  if (node.entry.length > 0 || node.exit.length > 0)
    refuse(machine, `${at} has entry or exit actions`, 'a lifecycle has no effects, so leave them out')
  if ((node.always ?? []).length > 0)
    refuse(machine, `${at} has an eventless transition`, 'a signal takes one transition, so give it an event')
  if (node !== machine.root && /[.+]/.test(node.key))
    refuse(machine, `the key of ${at} has a dot or a plus in it`, 'both join keys to names')
}

function assertPure(machine: AnyStateMachine): void {
  if (typeof machine.config.context === 'function')
    refuse(
      machine,
      'its context is made by a function',
      'a lifecycle is its states alone, so leave the context out',
    )
  if (Object.keys(machine.states).length === 0) refuse(machine, 'it has no states', 'write at least one')
  for (const node of nodesOf(machine.root)) {
    const at = node === machine.root ? 'the machine itself' : `state ${node.path.join('.')}`
    if (node.invoke.length === 0) assertPureTransitions(machine, node, at)
    assertPureState(machine, node, at)
  }
}

function nodeAt(machine: AnyStateMachine, path: string): Node {
  return path.split('.').reduce<Node>((node, key) => (node.states as Record<string, Node>)[key], machine.root)
}

/** The innermost node of each region of a state. */
function nodesAt(machine: AnyStateMachine, name: string): Node[] {
  return name.split('+').map((path) => nodeAt(machine, path))
}

function describe(machine: AnyStateMachine, name: string): string {
  return nodesAt(machine, name)
    .map(({ description = '' }) => description)
    .filter((text) => text !== '')
    .join(' ')
}

/** The distinct `meta.clauses` of some nodes or transitions. */
function clausesOf(described: readonly { readonly meta?: unknown }[]): string[] {
  return [
    ...new Set(described.flatMap(({ meta }) => (meta as Partial<StatechartMeta> | undefined)?.clauses ?? [])),
  ]
}

/**
 * Compiles a statechart. Walks it breadth first with XState's pure functions, from its initial
 * state, which becomes number 0. An event that the machine ignores in a state, or forbids with a
 * transition without target, has no transition there (-1). A transition whose target is its own
 * state is a transition.
 *
 * @param machine - a finite machine: no changing context, actions, guards, delays, invocations or
 * history, and at most 16 states, all of them reachable
 * @throws SpecificationError `scenario` if the machine is not of that kind. The message names the
 * obstacle and its place
 *
 * @example
 * ```ts
 * const table = compileStatechart(rangeStatechart)
 * table.states[0] // 'idle'
 * ```
 */
export function compileStatechart(machine: AnyStateMachine): CompiledStatechart {
  assertPure(machine)
  const nodes = nodesOf(machine.root)
  const events = [...new Set(nodes.flatMap((node) => [...node.transitions.keys()]))]
  const [initial] = initialTransition(machine)
  const snapshots: AnyMachineSnapshot[] = [initial]
  const states: string[] = [stateName(initial.value)]
  const numbers = new Map([[states[0], 0]])
  const targets: number[] = []
  const transitions: CompiledTransition[] = []
  for (let state = 0; state < snapshots.length; state++) {
    const snapshot = snapshots[state]
    for (const [event, type] of events.entries()) {
      const taken =
        snapshot.status === 'active'
          ? machine
              .getTransitionData(snapshot, { type })
              .filter((definition) => definition.target !== undefined)
          : []
      if (taken.length === 0) {
        targets.push(-1)
        continue
      }
      const [next, actions] = transition(machine, snapshot, { type })
      if (actions.length > 0 || next.context !== snapshot.context)
        refuse(
          machine,
          `event ${type} in state ${states[state]} changes more than the state`,
          'leave the effect out',
        )
      const name = stateName(next.value)
      let target = numbers.get(name)
      if (target === undefined) {
        target = snapshots.length
        if (target === MAX_STATECHART_STATES)
          refuse(
            machine,
            `it has more than ${MAX_STATECHART_STATES} states`,
            'split it into lifecycles of their own, or leave out what no claim tells apart',
          )
        numbers.set(name, target)
        states.push(name)
        snapshots.push(next)
      }
      targets.push(target)
      const description = [...new Set(taken.map((definition) => definition.description ?? ''))]
        .join(' ')
        .trim()
      transitions.push({ state, event, target, description, clauses: clausesOf(taken) })
    }
  }

  const reached = new Set(states.flatMap((name) => name.split('+')))
  for (const node of nodes)
    if (node !== machine.root && Object.keys(node.states).length === 0 && !reached.has(node.path.join('.')))
      refuse(
        machine,
        `no path leads to state ${node.path.join('.')}`,
        'add the transition to it, or leave it out',
      )
  return {
    name: machine.id,
    description: machine.root.description ?? '',
    states,
    events,
    targets: Int16Array.from(targets),
    stateDescriptions: states.map((name) => describe(machine, name)),
    stateClauses: states.map((name) => clausesOf(nodesAt(machine, name))),
    eventDescriptions: events.map((_, event) =>
      [...new Set(transitions.filter((t) => t.event === event).map((t) => t.description))]
        .filter((text) => text !== '')
        .join(' Or: '),
    ),
    transitions,
  }
}

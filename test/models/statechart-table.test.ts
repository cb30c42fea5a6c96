import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type AnyStateMachine,
  assign,
  createMachine,
  getNextTransitions,
  initialTransition,
  type StateValueFrom,
  setup,
  transition,
} from 'xstate'
import {
  type DeviceMemoryEvent,
  type DeviceMemoryState,
  type DevicePrivatePageEvent,
  type DevicePrivatePageState,
  deviceMemoryStatechart,
  devicePrivatePageStatechart,
  type IntervalNotifierEvent,
  type IntervalNotifierState,
  intervalNotifierStatechart,
  type RangeEvent,
  type RangeState,
  rangeStatechart,
  statecharts,
} from '../../models/index.js'
import { compileStatechart, MAX_STATECHART_STATES, stateName } from '../../src/checker/statechart.js'
import { SpecificationError } from '../../src/world/errors.js'
import { Layout } from '../../src/world/layout.js'
import type { TransitionTable } from '../../src/world/lifecycle.js'

/** The transitions as a sentence each, so that a difference reads as what it is. */
function sentences(table: TransitionTable): string[] {
  return table.states.flatMap((state, from) =>
    table.events.flatMap((event, index) => {
      const target = table.targets[from * table.events.length + index]
      return target < 0 ? [] : [`${state} -${event}-> ${table.states[target]}`]
    }),
  )
}

/** What XState itself does with `type`: the next state, or undefined if no enabled transition has a target. */
function byXState(machine: AnyStateMachine, state: string, type: string): string | undefined {
  const snapshot = machine.resolveState({ value: state, context: {} })
  const enabled = getNextTransitions(snapshot).some((t) => t.eventType === type && t.target !== undefined)
  return enabled ? stateName(transition(machine, snapshot, { type })[0].value) : undefined
}

const hierarchical = createMachine({
  id: 'hierarchical',
  initial: 'off',
  states: {
    off: { description: 'Off.', on: { START: 'on' } },
    on: {
      initial: 'slow',
      on: { STOP: 'off', RESET: { target: 'on', description: 'From anywhere.' } },
      states: {
        slow: { on: { SHIFT: 'fast' } },
        fast: { description: 'Fast.', on: { STOP: {}, SHIFT: 'slow' } },
      },
    },
  },
})

describe.each(Object.entries(statecharts))('statechart %s', (id, machine) => {
  const table = compileStatechart(machine)

  it('is named after its machine and starts in state 0', () => {
    expect(table.name).toBe(id)
    expect(table.states[0]).toBe(stateName(initialTransition(machine)[0].value))
  })

  it('agrees with XState on every state and event', () => {
    for (const [from, state] of table.states.entries())
      for (const [index, event] of table.events.entries()) {
        const target = table.targets[from * table.events.length + index]
        expect([state, event, table.states[target]]).toEqual([state, event, byXState(machine, state, event)])
      }
  })

  it('agrees with XState along every path', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(table.events.length - 1), { maxLength: 60 }), (path) => {
        let [snapshot] = initialTransition(machine)
        let state = 0
        for (const event of path) {
          const type = table.events[event]
          const can = machine.getTransitionData(snapshot, { type }).length > 0
          const target = table.targets[state * table.events.length + event]
          expect(target >= 0).toBe(can)
          ;[snapshot] = transition(machine, snapshot, { type })
          if (target >= 0) state = target
          expect(table.states[state]).toBe(stateName(snapshot.value))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('reaches every state that the machine declares', () => {
    expect([...table.states].sort()).toEqual(Object.keys(machine.states).sort())
  })

  it('can always go on: no state is an end', () => {
    for (const [state, name] of table.states.entries())
      expect(
        table.transitions.some((t) => t.state === state),
        name,
      ).toBe(true)
  })

  it('describes itself, every state, every event and every transition', () => {
    const texts = [
      table.description,
      ...table.stateDescriptions,
      ...table.eventDescriptions,
      ...table.transitions.map((t) => t.description),
    ]
    for (const text of texts) expect(text).toMatch(/^[A-Z-]?\w.*[.]$/)
    expect(table.stateDescriptions).toHaveLength(table.states.length)
    expect(table.eventDescriptions).toHaveLength(table.events.length)
  })

  it('has room in an instance of a lifecycle', () => {
    const lifecycle = new Layout({ threads: 1 }).lifecycle(id, 'instance')
    expect(() => lifecycle.bind(table, new Uint32Array(table.targets.length))).not.toThrow()
  })
})

describe('the statecharts', () => {
  it('allow of a range exactly this', () => {
    expect(sentences(compileStatechart(rangeStatechart))).toEqual([
      'idle -BEGIN-> begin',
      'idle -FAILED-> failed',
      'begin -FAILED-> failed',
      'begin -FAULTED-> faulted',
      'begin -COLLIDED-> retried',
      'failed -RELEASED-> idle',
      'faulted -FAILED-> failed',
      'faulted -COLLIDED-> retried',
      'faulted -VALIDATED-> validated',
      'faulted -RELEASED-> idle',
      'retried -BEGIN-> begin',
      'retried -RELEASED-> idle',
      'retried -TIMED_OUT-> timedOut',
      'validated -FAILED-> failed',
      'validated -COLLIDED-> retried',
      'validated -RELEASED-> idle',
      'validated -COMMITTED-> committed',
      'timedOut -RELEASED-> idle',
      'committed -RELEASED-> idle',
    ])
  })

  it('allow of an interval notifier exactly this', () => {
    expect(sentences(compileStatechart(intervalNotifierStatechart))).toEqual([
      'absent -INSERTED-> idle',
      'absent -INSERTED_DURING_INVALIDATION-> invalidating',
      'absent -INSERT_DEFERRED-> deferredInsert',
      'idle -REMOVED-> absent',
      'idle -SEQUENCE_SET-> invalidating',
      'idle -REMOVE_DEFERRED-> deferredRemove',
      'invalidating -INVALIDATION_ENDED-> idle',
      'invalidating -SEQUENCE_SET-> invalidating',
      'invalidating -REMOVE_DEFERRED-> deferredRemove',
      'deferredInsert -INVALIDATION_ENDED-> idle',
      'deferredInsert -REMOVED-> absent',
      'deferredRemove -INVALIDATION_ENDED-> absent',
      'deferredRemove -SEQUENCE_SET-> deferredRemove',
    ])
  })

  it('allow of a device-private page exactly this', () => {
    expect(sentences(compileStatechart(devicePrivatePageStatechart))).toEqual([
      'free -ALLOCATED-> allocated',
      'allocated -MAPPED-> mapped',
      'allocated -UNMAPPED-> allocated',
      'allocated -FREED-> free',
      'allocated -ABANDONED-> migratingToRam',
      'mapped -UNMAPPED-> migratingToRam',
      'mapped -FREED-> free',
      'mapped -COLLECTED-> migratingToRam',
      'migratingToRam -UNMAPPED-> migratingToRam',
      'migratingToRam -FREED-> free',
      'migratingToRam -RESTORED-> mapped',
    ])
  })

  it('allow of a region of device memory exactly this', () => {
    expect(sentences(compileStatechart(deviceMemoryStatechart))).toEqual([
      'absent -PLUGGED-> plugged',
      'plugged -FILLED-> inUse',
      'plugged -STOPPED-> drained',
      'plugged -LOST-> drained',
      'inUse -STOPPED-> evicting',
      'inUse -LOST-> evicting',
      'inUse -EMPTIED-> plugged',
      'drained -KILLED-> dead',
      'evicting -EMPTIED-> drained',
      'evicting -KILLED-> dying',
      'dead -REMOVED-> absent',
      'dying -EMPTIED-> dead',
    ])
  })

  it('have the names of states and events that their types say', () => {
    expectTypeOf<DeviceMemoryState>().toEqualTypeOf<StateValueFrom<typeof deviceMemoryStatechart>>()
    const memoryEvents: Record<DeviceMemoryEvent['type'], true> = {
      PLUGGED: true,
      FILLED: true,
      EMPTIED: true,
      STOPPED: true,
      LOST: true,
      KILLED: true,
      REMOVED: true,
    }
    expect([...compileStatechart(deviceMemoryStatechart).events].sort()).toEqual(
      Object.keys(memoryEvents).sort(),
    )
    expectTypeOf<RangeState>().toEqualTypeOf<StateValueFrom<typeof rangeStatechart>>()
    expectTypeOf<IntervalNotifierState>().toEqualTypeOf<StateValueFrom<typeof intervalNotifierStatechart>>()
    expectTypeOf<DevicePrivatePageState>().toEqualTypeOf<StateValueFrom<typeof devicePrivatePageStatechart>>()
    const pageEvents: Record<DevicePrivatePageEvent['type'], true> = {
      ALLOCATED: true,
      MAPPED: true,
      COLLECTED: true,
      UNMAPPED: true,
      RESTORED: true,
      ABANDONED: true,
      FREED: true,
    }
    expect([...compileStatechart(devicePrivatePageStatechart).events].sort()).toEqual(
      Object.keys(pageEvents).sort(),
    )
    const rangeEvents: Record<RangeEvent, true> = {
      BEGIN: true,
      FAULTED: true,
      COLLIDED: true,
      VALIDATED: true,
      COMMITTED: true,
      FAILED: true,
      TIMED_OUT: true,
      RELEASED: true,
    }
    const notifierEvents: Record<IntervalNotifierEvent, true> = {
      INSERTED: true,
      INSERTED_DURING_INVALIDATION: true,
      INSERT_DEFERRED: true,
      SEQUENCE_SET: true,
      INVALIDATION_ENDED: true,
      REMOVED: true,
      REMOVE_DEFERRED: true,
    }
    expect([...compileStatechart(rangeStatechart).events].sort()).toEqual(Object.keys(rangeEvents).sort())
    expect([...compileStatechart(intervalNotifierStatechart).events].sort()).toEqual(
      Object.keys(notifierEvents).sort(),
    )
  })
})

describe('compileStatechart', () => {
  it('flattens hierarchical states to dotted names, and takes the transitions of their parents', () => {
    const table = compileStatechart(hierarchical)
    expect(table.states).toEqual(['off', 'on.slow', 'on.fast'])
    expect(sentences(table)).toEqual([
      'off -START-> on.slow',
      'on.slow -STOP-> off',
      'on.slow -RESET-> on.slow',
      'on.slow -SHIFT-> on.fast',
      'on.fast -RESET-> on.slow',
      'on.fast -SHIFT-> on.slow',
    ])
    expect(table.stateDescriptions).toEqual(['Off.', '', 'Fast.'])
    expect(table.eventDescriptions[table.events.indexOf('RESET')]).toBe('From anywhere.')
  })

  it('names parallel states by all their regions', () => {
    const table = compileStatechart(
      createMachine({
        id: 'parallel',
        type: 'parallel',
        states: {
          cpu: {
            initial: 'none',
            states: { none: { on: { MAP: 'mapped' } }, mapped: { on: { ZAP: 'none' } } },
          },
          device: {
            initial: 'none',
            states: { none: { on: { MIRROR: 'mapped' } }, mapped: { on: { ZAP: 'none' } } },
          },
        },
      }),
    )
    expect(table.states).toEqual([
      'cpu.none+device.none',
      'cpu.mapped+device.none',
      'cpu.none+device.mapped',
      'cpu.mapped+device.mapped',
    ])
    expect(sentences(table)).toContain('cpu.mapped+device.mapped -ZAP-> cpu.none+device.none')
  })

  it('tells a self transition from an event that is ignored or forbidden', () => {
    const table = compileStatechart(
      createMachine({
        id: 'self',
        initial: 'a',
        states: { a: { on: { AGAIN: 'a', FORBIDDEN: {}, GO: 'b' } }, b: { type: 'final' } },
      }),
    )
    expect(sentences(table)).toEqual(['a -AGAIN-> a', 'a -GO-> b'])
  })

  it('compiles as many states as an instance has room for, and refuses one more', () => {
    const ring = (states: number) =>
      createMachine({
        id: 'ring',
        initial: 's0',
        states: Object.fromEntries(
          Array.from({ length: states }, (_, i) => [`s${i}`, { on: { NEXT: `s${(i + 1) % states}` } }]),
        ),
      })
    const table = compileStatechart(ring(MAX_STATECHART_STATES))
    expect(table.states).toHaveLength(16)
    const lifecycle = new Layout({ threads: 1 }).lifecycle('ring', 'instance')
    expect(() => lifecycle.bind(table, new Uint32Array(16))).not.toThrow()
    expect(() => compileStatechart(ring(17))).toThrow('statechart ring: it has more than 16 states')
  })

  const two = { b: {} }
  it.each<[string, AnyStateMachine, string]>([
    [
      'a context that changes',
      setup({ types: { context: {} as { n: number } } }).createMachine({
        id: 'wrong',
        context: { n: 0 },
        initial: 'a',
        states: { a: { on: { GO: { target: 'b', actions: assign({ n: 1 }) } } }, ...two },
      }),
      'event GO in state a has actions',
    ],
    [
      'a context made by a function',
      createMachine({ id: 'wrong', context: () => ({}), initial: 'a', states: { a: {} } }),
      'its context is made by a function',
    ],
    [
      'an action on entry',
      createMachine({ id: 'wrong', initial: 'a', states: { a: { entry: () => {} } } }),
      'state a has entry or exit actions',
    ],
    [
      'an action at the start',
      createMachine({ id: 'wrong', initial: { target: 'a', actions: () => {} }, states: { a: {} } }),
      'the machine itself starts with actions',
    ],
    [
      'a guard',
      createMachine({
        id: 'wrong',
        initial: 'a',
        states: { a: { on: { GO: { target: 'b', guard: () => true } } }, ...two },
      }),
      'event GO in state a has a guard',
    ],
    [
      'a delay',
      createMachine({ id: 'wrong', initial: 'a', states: { a: { after: { 1000: 'b' } }, ...two } }),
      'state a has a delayed transition',
    ],
    [
      'an eventless transition',
      createMachine({ id: 'wrong', initial: 'a', states: { a: { always: 'b' }, ...two } }),
      'state a has an eventless transition',
    ],
    [
      'an actor',
      createMachine({
        id: 'wrong',
        initial: 'a',
        states: { a: { invoke: { src: 'x', onDone: 'b' } }, ...two },
      }),
      'state a invokes an actor',
    ],
    [
      'an event of XState itself',
      createMachine({
        id: 'wrong',
        initial: 'a',
        states: { a: { initial: 'c', states: { c: { type: 'final' } }, onDone: 'b' }, ...two },
      }),
      'event xstate.done.state.wrong.a in state a is sent by XState itself',
    ],
    [
      'a wildcard',
      createMachine({ id: 'wrong', initial: 'a', states: { a: { on: { '*': 'b' } }, ...two } }),
      'event * in state a is a wildcard',
    ],
    [
      'a history state',
      createMachine({
        id: 'wrong',
        initial: 'a',
        states: {
          a: { initial: 'c', states: { c: {}, h: { type: 'history' } } },
          b: { on: { BACK: 'a.h' } },
        },
      }),
      'state a.h is a history state',
    ],
    [
      'a state that no path leads to',
      createMachine({ id: 'wrong', initial: 'a', states: { a: {}, ...two } }),
      'no path leads to state b',
    ],
    [
      'a key that would be read as two',
      createMachine({ id: 'wrong', initial: 'a+b', states: { 'a+b': {} } }),
      'the key of state a+b has a dot or a plus in it',
    ],
    ['no states', createMachine({ id: 'wrong' }), 'it has no states'],
  ])('refuses %s', (_, machine, message) => {
    const compile = () => compileStatechart(machine)
    expect(compile).toThrow(SpecificationError)
    expect(compile).toThrow(`statechart wrong: ${message}; `)
    expect(compile).toThrow(expect.objectContaining({ code: 'scenario' }))
  })
})

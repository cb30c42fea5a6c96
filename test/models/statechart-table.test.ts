import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type AnyStateMachine,
  assign,
  createMachine,
  getNextTransitions,
  initialTransition,
  setup,
  transition,
} from 'xstate'
import {
  type DeviceMemoryEvent,
  type DeviceMemoryHotplugEvent,
  type DevicePrivatePageEvent,
  type DevicePrivatePageState,
  deviceMemoryHotplugStatechart,
  deviceMemoryStatechart,
  devicePrivatePageStatechart,
  type IntervalNotifierEvent,
  intervalNotifierStatechart,
  type MigrationEvent,
  type MirrorEvent,
  migrationStatechart,
  mirrorStatechart,
  type RangeEvent,
  rangeStatechart,
  statecharts,
} from '../../models/index.js'
import { requirements } from '../../spec/index.js'
import { compileStatechart, MAX_STATECHART_STATES, stateName } from '../../src/checker/claims/statechart.js'
import { SpecificationError } from '../../src/world/errors.js'
import { Layout } from '../../src/world/records/layout.js'
import type { TransitionTable } from '../../src/world/records/lifecycle.js'

function each<const E extends string>(...events: E[]): Record<E, true> {
  return Object.fromEntries(events.map((event) => [event, true])) as Record<E, true>
}

/** The events of each chart: all that its type has. */
const EVENTS = {
  range: each('BEGIN', 'FAULTED', 'COLLIDED', 'VALIDATED', 'COMMITTED', 'FAILED', 'TIMED_OUT', 'RELEASED'),
  devicePrivatePage: each('ALLOCATED', 'MAPPED', 'COLLECTED', 'UNMAPPED', 'RESTORED', 'ABANDONED', 'FREED'),
  deviceMemory: each('PLUGGED', 'FILLED', 'EMPTIED', 'STOPPED', 'LOST', 'KILLED', 'REMOVED'),
  deviceMemoryHotplug: each(
    'ALLOCATED',
    'COUNTED',
    'RESERVED',
    'READY',
    'KILLED',
    'DRAINED',
    'EXITED',
    'UNRESERVED',
    'FREED',
  ),
  intervalNotifier: each(
    'INSERTED',
    'INSERTED_DURING_INVALIDATION',
    'INSERT_DEFERRED',
    'SEQUENCE_SET',
    'INVALIDATION_ENDED',
    'REMOVED',
    'REMOVE_DEFERRED',
  ),
  migration: each(
    'COLLECTED',
    'UNMAPPED',
    'COPIED',
    'WITHDRAWN',
    'INSTALLED',
    'FINALIZED',
    'GIVEN_UP',
    'RESTORED',
  ),
  mirror: each('REGISTERED', 'TOLD', 'RELEASED', 'UNREGISTERED'),
}

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
      'idle -FAILED-> idle',
      'begin -FAILED-> failed',
      'begin -FAULTED-> faulted',
      'begin -COLLIDED-> retried',
      'failed -RELEASED-> idle',
      'faulted -FAILED-> idle',
      'faulted -COLLIDED-> retried',
      'faulted -VALIDATED-> validated',
      'faulted -RELEASED-> idle',
      'retried -BEGIN-> begin',
      'retried -RELEASED-> idle',
      'retried -TIMED_OUT-> idle',
      'validated -COLLIDED-> retried',
      'validated -COMMITTED-> committed',
      'committed -FAILED-> idle',
      'committed -COLLIDED-> retried',
      'committed -VALIDATED-> validated',
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
      'allocated -ABANDONED-> held',
      'mapped -UNMAPPED-> held',
      'mapped -FREED-> free',
      'mapped -COLLECTED-> migratingToRam',
      'held -FREED-> free',
      'held -COLLECTED-> migratingToRam',
      'migratingToRam -UNMAPPED-> migratingToRam',
      'migratingToRam -FREED-> free',
      'migratingToRam -ABANDONED-> held',
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

  it('allow of the migration of a page exactly this', () => {
    expect(sentences(compileStatechart(migrationStatechart))).toEqual([
      'idle -COLLECTED-> collected',
      'collected -UNMAPPED-> unmapped',
      'collected -GIVEN_UP-> aborted',
      'unmapped -GIVEN_UP-> aborted',
      'unmapped -COPIED-> copied',
      'unmapped -RESTORED-> idle',
      'aborted -RESTORED-> idle',
      'copied -GIVEN_UP-> aborted',
      'copied -WITHDRAWN-> unmapped',
      'copied -INSTALLED-> installed',
      'installed -FINALIZED-> idle',
    ])
  })

  it('allow of a mirror exactly this', () => {
    expect(sentences(compileStatechart(mirrorStatechart))).toEqual([
      'unregistered -REGISTERED-> registered',
      'registered -TOLD-> registered',
      'registered -RELEASED-> released',
      'registered -UNREGISTERED-> unregistered',
      'released -TOLD-> released',
      'released -UNREGISTERED-> unregistered',
    ])
  })

  it('allow of a region of hmm_devmem exactly this', () => {
    expect(sentences(compileStatechart(deviceMemoryHotplugStatechart))).toEqual([
      'none -ALLOCATED-> allocated',
      'allocated -COUNTED-> counted',
      'allocated -FREED-> none',
      'counted -RESERVED-> reserved',
      'counted -EXITED-> allocated',
      'reserved -READY-> ready',
      'reserved -KILLED-> killed',
      'ready -KILLED-> killed',
      'killed -DRAINED-> drained',
      'drained -EXITED-> exited',
      'exited -UNRESERVED-> allocated',
    ])
  })

  it('use each event that they declare, and have the states that their types say', () => {
    const events: {
      range: Record<RangeEvent, true>
      devicePrivatePage: Record<DevicePrivatePageEvent, true>
      deviceMemory: Record<DeviceMemoryEvent, true>
      deviceMemoryHotplug: Record<DeviceMemoryHotplugEvent, true>
      intervalNotifier: Record<IntervalNotifierEvent, true>
      migration: Record<MigrationEvent, true>
      mirror: Record<MirrorEvent, true>
    } = EVENTS
    for (const [name, machine] of Object.entries(statecharts))
      expect([...compileStatechart(machine).events].sort()).toEqual(
        Object.keys(events[name as keyof typeof events]).sort(),
      )
    expectTypeOf<DevicePrivatePageState>().toEqualTypeOf<
      'free' | 'allocated' | 'mapped' | 'migratingToRam' | 'held'
    >()
  })

  it.each(Object.entries(statecharts))('%s names requirements that there are', (_, machine) => {
    const { states, stateClauses, stateDescriptions, transitions, events } = compileStatechart(machine)
    const ids = new Set(requirements.map(({ id }) => id))
    const named = [
      ...states.map((name, i) => ({ of: name, text: stateDescriptions[i], clauses: stateClauses[i] })),
      ...transitions.map(({ state, event, description, clauses }) => ({
        of: `${states[state]} ${events[event]}`,
        text: description,
        clauses,
      })),
    ]
    for (const { of, text, clauses } of named) {
      for (const clause of clauses) expect(ids, `${of}: ${clause}`).toContain(clause)
      // The numbered ones stand in the text too, and all that stand there are in `meta`.
      const numbered = clauses.filter((clause) => /^C\d+$/.test(clause))
      expect([...new Set(text.match(/\bC\d+\b/g))].sort(), of).toEqual(numbered.sort())
    }
    expect(named.some(({ clauses }) => clauses.length > 0)).toBe(true)
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

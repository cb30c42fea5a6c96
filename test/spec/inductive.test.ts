/**
 * C1 and C8 as inductive invariants of the retry protocol: checked from every world of the right type, and not from the reachable
 * ones only. docs/decisions/0025-inductive-invariants.md says what was learned.
 */
import { describe, expect, test } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { Stepper } from '../../src/checker/explore/stepper.js'
import { type State, TransitionSystem } from '../../src/checker/explore/system.js'
import { inside } from '../../src/world/acting.js'
import { BLOCKED } from '../../src/world/procedures/procedure.js'

const model = retryProtocol.build({ pages: 1, invalidations: 1, commits: 1 })
const system = new TransitionSystem(model)
const stepper = new Stepper(system)
const cells = model.layout.cells
const [sequence, notifierSequence, lock, pte, device] = cells.map(
  (cell) => (state: State) => cell.readOnce(system.world(state)) as number,
)
const initial: State = new Uint32Array(system.words)
system.begin(initial)

/** Every assignment of values of their types to the fields, the threads where they begin. */
function everyWorld(): State[] {
  let worlds = [initial]
  for (const cell of cells)
    worlds = worlds.flatMap((world) =>
      Array.from({ length: cell.max + 1 }, (_, value) => {
        const other = world.slice()
        cell.set(system.world(other), value)
        return other
      }),
    )
  return worlds
}

const worlds = everyWorld()

/** Where the step leads; nothing where it is blocked, or a number would be larger than its type. */
function take(state: State, thread: number, choice: number): State | undefined {
  const next: State = new Uint32Array(system.words)
  try {
    return inside(() => stepper.take(state, thread, choice, next)) === BLOCKED ? undefined : next
  } catch (error) {
    if ((error as { code?: string }).code === 'bound-overflow') return undefined
    throw error
  }
}

const placeOf = (thread: number) => system.worldWords + thread

/** Every place that a thread can be at, whatever the world is as it goes: all values of what it has read are among them. */
function placesOf(thread: number): number[] {
  const places = [initial[placeOf(thread)]]
  for (const place of places)
    for (const world of worlds) {
      const state = world.slice()
      state[placeOf(thread)] = place
      for (let choice = 0; choice < stepper.outcomes(state, thread); choice++) {
        const next = take(state, thread, choice)?.[placeOf(thread)]
        if (next !== undefined && !places.includes(next)) places.push(next)
      }
    }
  return places
}

const [FAULT, INVALIDATOR] = [0, 2]
const places = [placesOf(FAULT), placesOf(INVALIDATOR)]

/** The step that a thread is about to take, and what it has read on the way: the number, the page. */
function at(state: State, thread: number) {
  const [frame] = system.control.history(state[placeOf(thread)])
  const step = system.control.stepAt(state[placeOf(thread)])?.name
  return { step, read: (frame?.inputs ?? []) as number[] }
}

interface Candidate {
  readonly name: string
  holds(state: State): boolean
}

const C1: Candidate = {
  name: 'C1',
  holds: (state) => device(state) === 0 || device(state) === pte(state) + 1,
}
/** Who is about to program has the lock, and what it has read is what the CPU has. */
const C8: Candidate = {
  name: 'C8',
  holds(state) {
    const { step, read } = at(state, FAULT)
    return step !== 'program' || read[1] === pte(state)
  },
}
const locked: Candidate = {
  name: 'the lock is held by who is between lock and unlock',
  holds: (state) =>
    (lock(state) === 1) === ['compare', 'program', 'unlock'].includes(at(state, FAULT).step ?? '') &&
    (lock(state) === 3) === ['set_seq', 'zap', 'unlock'].includes(at(state, INVALIDATOR).step ?? ''),
}
const counted: Candidate = {
  name: 'the sequence is odd while an invalidation is open, and the number of the notifier is no later',
  holds(state) {
    const { step } = at(state, INVALIDATOR)
    const isOpen = step !== undefined && step !== 'start'
    return (
      sequence(state) % 2 === (isOpen ? 1 : 0) &&
      notifierSequence(state) % 2 === 1 &&
      notifierSequence(state) <= sequence(state)
    )
  },
}
const told: Candidate = {
  name: 'from set_seq on the number of the notifier is that of the invalidation, and from zap on the device has nothing',
  holds(state) {
    const { step, read } = at(state, INVALIDATOR)
    const isAfterZap = step === 'change pte' || step === 'end' || (step === 'unlock' && read.length > 0)
    if (isAfterZap && device(state) !== 0) return false
    const isTold = isAfterZap || step === 'zap'
    return !isTold || notifierSequence(state) === sequence(state)
  },
}
const notCollided: Candidate = {
  name: 'a thread whose number is still that of the notifier has sampled it in no open invalidation, and has read what is there',
  holds(state) {
    const { step, read } = at(state, FAULT)
    if (step === undefined || read.length === 0 || step === 'unlock') return true
    const [number, page] = read
    if (number > notifierSequence(state) || number % 2 === 0) return false
    if (number !== notifierSequence(state)) return step !== 'program'
    return number !== sequence(state) && (page === undefined || read.length < 2 || page === pte(state))
  },
}

interface Found {
  readonly states: number
  readonly broken: number
  readonly steps: readonly string[]
}

/** How many states of the right type satisfy all of `candidates`, and how many of them have a step that breaks one. */
function induct(candidates: readonly Candidate[]): Found {
  const hold = (state: State) => candidates.every((one) => one.holds(state))
  const steps = new Set<string>()
  let states = 0
  let broken = 0
  for (const world of worlds)
    for (const fault of places[0])
      for (const invalidator of places[1]) {
        const state = world.slice()
        state[placeOf(FAULT)] = fault
        state[placeOf(INVALIDATOR)] = invalidator
        if (!hold(state)) continue
        states++
        let isBroken = false
        for (const thread of [FAULT, INVALIDATOR])
          for (let choice = 0; choice < stepper.outcomes(state, thread); choice++) {
            const next = take(state, thread, choice)
            if (next === undefined || hold(next)) continue
            isBroken = true
            steps.add(`${at(state, thread).step}`)
          }
        if (isBroken) broken++
      }
  return { states, broken, steps: [...steps].sort() }
}

const FACTS = [locked, counted, told, notCollided]

describe('one page, a fault and an invalidation, from every world of the right type', () => {
  test('are 600 worlds, 57 places of the fault and 8 of the invalidation', () => {
    expect([worlds.length, ...places.map(({ length }) => length)]).toEqual([600, 57, 8])
  })

  test('C1 alone is not inductive', () => {
    expect(induct([C1])).toEqual({ states: 182_400, broken: 21_200, steps: ['change pte', 'program'] })
  })

  test('C1 and C8 are not', () => {
    expect(induct([C1, C8])).toEqual({ states: 166_400, broken: 8800, steps: ['change pte', 'compare'] })
  })

  test('with four facts about the lock and the numbers they are, and the initial state is among them', () => {
    expect(induct([C1, C8, ...FACTS])).toEqual({ states: 1438, broken: 0, steps: [] })
    for (const fact of [C1, C8, ...FACTS]) expect(fact.holds(initial), fact.name).toBe(true)
  })

  test.each(FACTS.map((fact) => [fact.name, fact] as const))('%s: without it they are not', (_, fact) => {
    expect(induct([C1, C8, ...FACTS.filter((other) => other !== fact)]).broken).toBeGreaterThan(0)
  })
})

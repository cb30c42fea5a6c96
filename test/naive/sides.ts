/**
 * The two sides of a comparison: a sketch as a scenario of the checker, and as a subject of the naive explorer.
 */
import type { Injection } from '../../src/checker/index.js'
import { acting } from '../../src/world/acting.js'
import {
  BLOCKED,
  become,
  type Cell,
  type Condition,
  choose,
  claim,
  Layout,
  type Lifecycle,
  type Lock,
  type Model,
  Mutex,
  mightSleep,
  type Override,
  override,
  procedure,
  RwSemaphore,
  Spinlock,
  step,
  WaitQueue,
} from '../../src/world/index.js'
import type { AnyWorld, Api, ApiCondition, ApiOwned, Text } from './api.js'
import type { Program, Subject } from './explore.js'
import { Breach, Plain, type PlainWorld } from './plain.js'
import { chartOf, type Programs, programsOf } from './program.js'
import type { Sketch } from './sketch.js'

/** What the checker is given. */
export interface CheckedSide {
  readonly model: Model
  readonly defects: readonly Injection[]
}

/** A sketch for the checker. */
export function checkedSide(sketch: Sketch): CheckedSide {
  const layout = new Layout({ threads: sketch.threads.length })
  const overrides: Override[] = []
  const injected: Override[] = []
  const locks = new Map<object, Lock>()
  const lifecycles = new Map<object, Lifecycle>()
  const conditions = new Map<ApiCondition, Condition<[number]>>()
  // A condition is compared by identity: each has one form.
  const conditionOf = (condition: ApiCondition): Condition<[number]> => {
    const known =
      conditions.get(condition) ?? (((value) => condition(acting.world, value)) as Condition<[number]>)
    conditions.set(condition, known)
    return known
  }
  const owned = (lock: Mutex | Spinlock): ApiOwned => {
    const given: ApiOwned = {
      acquire: () => lock.acquire(),
      tryAcquire: () => lock.tryAcquire(),
      release: () => lock.release(),
      lock: () => lock.lock(),
      trylock: () => lock.trylock(),
      unlock: () => lock.unlock(),
      critical: (name, run, choices) => lock.critical(name, (choice) => run(acting.world, choice), choices),
    }
    locks.set(given, lock)
    return given
  }
  let into = overrides
  const api: Api = {
    blocked: BLOCKED,
    cell: (name, max, initial, guard, object) =>
      layout.counter(name, max, {
        initial,
        ...(guard === undefined ? {} : { guardedBy: locks.get(guard) as Lock }),
        ...(object === undefined ? {} : { partOf: object as unknown as Cell<boolean> }),
      }),
    mutex: (name, place) => owned(new Mutex(layout, name, place)),
    spinlock: (name, place) => owned(new Spinlock(layout, name, place)),
    rwSemaphore(name, place) {
      const semaphore = new RwSemaphore(layout, name, place)
      locks.set(semaphore, semaphore)
      return semaphore
    },
    queue(name) {
      const queue = new WaitQueue(layout, name)
      return {
        wakeAll: () => queue.wakeAll(),
        wait: (condition, value) => queue.wait(conditionOf(condition), value),
        waitTimeout: (condition, value) => queue.waitTimeout(conditionOf(condition), value),
      }
    },
    lifecycle(name) {
      const lifecycle = layout.lifecycle('chart', name)
      const given = {
        signal: (_w: AnyWorld, event: string) => lifecycle.signal(event),
        number: (w: AnyWorld) => lifecycle.cell.get(w),
      }
      lifecycles.set(given, lifecycle)
      return given
    },
    procedure: (name, body) => procedure(name, body as never) as unknown as Program,
    call: (target, args) => (target as unknown as (...given: readonly unknown[]) => Text<unknown>)(...args),
    become: (target, args) => become(target as never, ...(args as never[])),
    step: (name, run, choices) => step(name, (choice) => run(acting.world, choice), choices),
    choose: (name, outcomes) => choose(name, outcomes),
    claim: (clause, holds) => claim(clause, holds, 'it does not hold'),
    mightSleep: () => mightSleep(layout, 'a step'),
    override(target, make) {
      into.push(override(target as never, ((original: Program) => make(original)) as never))
    },
  }
  const programs = programsOf(sketch, api, (add) => {
    into = injected
    add()
    into = overrides
  })
  const chart = chartOf(sketch)
  const model: Model = {
    layout,
    threads: programs.threads as unknown as Model['threads'],
    ...claimsOf(programs.claims),
    abstractions: programs.abstractions.map(({ lifecycle, state }) => ({
      lifecycle: lifecycles.get(lifecycle) as Lifecycle,
      state: () => state(acting.world),
    })),
    charts: { chart: { name: 'chart', ...chart, targets: Int16Array.from(chart.targets) } },
    overrides,
    unclaimed: sketch.unclaimed,
    normalisations: programs.normalisations.map(({ cells, apply }, i) => ({
      name: `normalisation ${i}`,
      cells: cells as unknown as readonly Cell[],
      apply: () => apply(acting.world),
    })),
  }
  return { model, defects: [{ name: 'injected', overrides: injected }] }
}

/** The claims of a program, which are given worlds, as claims about the world in use. */
function claimsOf(claims: Programs['claims']): Partial<Model> {
  return {
    invariants: claims.invariants.map((claim) => ({
      ...claim,
      judge: (view) => claim.judge(acting.world, view as never),
    })),
    stepClaims: claims.stepClaims.map((claim) => ({
      ...claim,
      judge: (thread, from, to) =>
        claim.judge(acting.before, acting.world, thread, from as never, to as never),
    })),
    witnesses: claims.witnesses.map((claim) => ({
      ...claim,
      holds: (view) => claim.holds(acting.world, view as never),
    })),
    progress: claims.progress.map((claim) => ({
      ...claim,
      pending: (view) => claim.pending(acting.world, view as never),
    })),
  }
}

/** A sketch for the naive explorer. */
export function naiveSide(sketch: Sketch): { readonly subject: Subject<PlainWorld>; readonly plain: Plain } {
  const plain = new Plain(sketch.unclaimed)
  const late: (() => void)[] = []
  const programs = programsOf(sketch, plain, (add) => late.push(add))
  // What is put in comes after what the model itself replaces.
  for (const add of late) add()
  return { plain, subject: subjectOf(plain, programs, chartOf(sketch).states) }
}

function subjectOf(plain: Plain, programs: Programs, states: readonly string[]): Subject<PlainWorld> {
  return {
    threads: programs.threads,
    bodies: plain.bodies,
    initial: () => ({ ...plain.begin }),
    copy: (w) => ({ ...w }),
    text: (w) => Object.values(w).join(','),
    textOf: (value) => plain.textOf(value),
    act(thread) {
      plain.acting = thread
    },
    brokenBy: (error) =>
      error instanceof Breach
        ? { kind: error.clause === 'refinement' ? 'refinement' : 'assertion', clause: error.clause }
        : undefined,
    blocked: plain.blocked,
    run: (run, w, choice) => run(w, choice),
    ...programs.claims,
    abstractions: programs.abstractions.map(({ lifecycle, state }) => ({
      name: 'abstraction of chart',
      disagrees: (w) => state(w) !== states[lifecycle.number(w)],
    })),
    normalise(w) {
      for (const { apply } of programs.normalisations) apply(w)
    },
  }
}

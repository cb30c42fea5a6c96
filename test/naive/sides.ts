/**
 * The two sides of a comparison: a sketch as a scenario of the checker, and as a subject of the naive explorer.
 */
import type { Injection } from '../../src/checker/index.js'
import {
  BLOCKED,
  become,
  type Cell,
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
  type World,
} from '../../src/world/index.js'
import type { Api, Text } from './api.js'
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
  let into = overrides
  const api: Api = {
    blocked: BLOCKED,
    cell: (name, max, initial, guard, object) =>
      layout.counter(name, max, {
        initial,
        ...(guard === undefined ? {} : { guardedBy: guard as unknown as Lock }),
        ...(object === undefined ? {} : { partOf: object as Cell }),
      }),
    mutex: (name, place) => new Mutex(layout, name, place),
    spinlock: (name, place) => new Spinlock(layout, name, place),
    rwSemaphore: (name, place) => new RwSemaphore(layout, name, place),
    queue: (name) => new WaitQueue(layout, name),
    lifecycle(name) {
      const lifecycle = layout.lifecycle('chart', name)
      return Object.assign(lifecycle, { number: (w: World) => lifecycle.cell.get(w) })
    },
    procedure: (name, body) => procedure(name, body as never) as unknown as Program,
    call: (target, args) => (target as unknown as (...given: readonly unknown[]) => Text<unknown>)(...args),
    become: (target, args) => become(target as never, ...(args as never[])),
    step: (name, run, choices) => step(name, run, choices),
    choose: (name, outcomes) => choose(name, outcomes),
    claim: (clause, holds) => claim(clause, holds, 'it does not hold'),
    mightSleep: (w) => mightSleep(layout.locks, w, 'a step'),
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
    ...(programs.claims as unknown as Partial<Model>),
    abstractions: programs.abstractions.map(({ lifecycle, state }) => ({
      lifecycle: lifecycle as unknown as Lifecycle,
      state,
    })),
    charts: { chart: { name: 'chart', ...chart, targets: Int16Array.from(chart.targets) } },
    overrides,
    unclaimed: sketch.unclaimed,
    normalisations: programs.normalisations.map(({ cells, apply }, i) => ({
      name: `normalisation ${i}`,
      cells: cells as unknown as readonly Cell[],
      apply,
    })),
  }
  return { model, defects: [{ name: 'injected', overrides: injected }] }
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

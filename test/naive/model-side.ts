/**
 * A model of the specification for the naive explorer: the world's own cells, locks and steps, but none of its memo
 * and nothing of the checker.
 */
import { act, acting, NOBODY, use } from '../../src/world/acting.js'
import {
  BLOCKED,
  bodiesOf,
  Lifecycle,
  type Model,
  type Override,
  Violation,
  type World,
} from '../../src/world/index.js'
import { isHandle } from '../../src/world/records/layout.js'
import type { Subject } from './explore.js'

/** `model`, with `overrides` put in. */
export function modelSide(model: Model, overrides: readonly Override[] = []): Subject<World> {
  const unclaimed = new Set(model.unclaimed)
  const numbers = new Map<unknown, number>()
  const identity = (value: unknown) => {
    const number = numbers.get(value) ?? numbers.size
    numbers.set(value, number)
    return `<${number}>`
  }
  const textOf = (value: unknown): string => {
    if (typeof value === 'function') return identity(value)
    if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`
    if (isHandle(value) || value instanceof Lifecycle) return identity(value)
    if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`
    // A procedure with its name and text is known by itself; so is whatever has a class.
    if (Object.getPrototypeOf(value) !== Object.prototype) return identity(value)
    return `{${Object.entries(value).map(([key, inner]) => `${key}: ${textOf(inner)}`)}}`
  }
  for (const lifecycle of model.layout.lifecycles) {
    const chart = model.charts?.[lifecycle.kind]
    if (chart !== undefined) lifecycle.bind(chart, new Uint32Array(chart.targets.length))
  }
  return {
    threads: model.threads as unknown as Subject<World>['threads'],
    bodies: bodiesOf([...(model.overrides ?? []), ...overrides]) as unknown as Subject<World>['bodies'],
    initial() {
      const w = model.layout.initial()
      act(NOBODY, unclaimed)
      model.initialise?.()
      return w
    },
    copy: (w) => w.slice(),
    text: (w) => Buffer.from(w).toString('latin1'),
    textOf,
    act: (thread) => act(thread, unclaimed),
    brokenBy: (error) =>
      error instanceof Violation
        ? { kind: error.clause === 'refinement' ? 'refinement' : 'assertion', clause: error.clause }
        : undefined,
    blocked: BLOCKED,
    run(run, w, choice) {
      use(w)
      return run(choice)
    },
    invariants: (model.invariants ?? []).map((claim) => ({
      ...claim,
      judge(w, view) {
        use(w)
        return claim.judge(view as never)
      },
    })),
    stepClaims: (model.stepClaims ?? []).map((claim) => ({
      ...claim,
      judge(before, after, thread, from, to) {
        acting.before = before
        use(after)
        return claim.judge(thread, from as never, to as never)
      },
    })),
    witnesses: (model.witnesses ?? []).map((claim) => ({
      ...claim,
      holds(w, view) {
        use(w)
        return claim.holds(view as never)
      },
    })),
    progress: (model.progress ?? []).map((claim) => ({
      ...claim,
      pending(w, view) {
        use(w)
        return claim.pending(view as never)
      },
    })),
    abstractions: (model.abstractions ?? []).map(({ lifecycle, state }) => ({
      name: `abstraction of ${lifecycle.kind}`,
      disagrees: (w, view) => {
        use(w)
        const charted = lifecycle.state()
        return charted !== undefined && charted !== state(view as never)
      },
    })),
    normalise(w) {
      use(w)
      for (const { apply } of model.normalisations ?? []) apply()
    },
  }
}

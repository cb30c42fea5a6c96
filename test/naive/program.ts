/**
 * A sketch as procedures over one of the two worlds. The text is the same for both; the worlds are not.
 */
import type { AnyWorld, Api, ApiCell, ApiOwned, ApiRw, Text } from './api.js'
import type { Program, Standing } from './explore.js'
import {
  type Block,
  type Claim,
  type Comparison,
  type Expression,
  HELPERS,
  type Pass,
  QUEUES,
  type Shape,
  type Sketch,
  type Statement,
} from './sketch.js'

/** Most that one counter of the race may be ahead of the other. */
const AHEAD = 2

/** What is claimed, over either world. */
export interface Claims {
  readonly invariants: readonly Judged<(w: AnyWorld, view: Standing) => string | true | undefined>[]
  readonly stepClaims: readonly Judged<
    (
      before: AnyWorld,
      after: AnyWorld,
      thread: number,
      from: Standing,
      to: Standing,
    ) => string | true | undefined
  >[]
  readonly witnesses: readonly { name: string; holds(w: AnyWorld, view: Standing): boolean }[]
  readonly progress: readonly {
    clause: string
    name: string
    pending(w: AnyWorld, view: Standing): boolean
  }[]
}

interface Judged<J> {
  readonly clause: string
  readonly name: string
  readonly judge: J
}

/** A sketch, ready to run. */
export interface Programs {
  readonly threads: readonly {
    readonly name: string
    readonly program: Program
    readonly args: readonly unknown[]
    readonly daemon: boolean
  }[]
  readonly claims: Claims
  readonly normalisations: readonly { readonly cells: readonly ApiCell[]; apply(w: AnyWorld): void }[]
  readonly abstractions: readonly {
    readonly lifecycle: ReturnType<Api['lifecycle']>
    state(w: AnyWorld): string
  }[]
}

/** Cuts a sketch's table to its number of states. */
export function chartOf({ chart: { states, targets } }: Sketch) {
  const names = ['off', 'on', 'broken'].slice(0, states)
  return {
    states: names,
    events: ['up', 'down'],
    targets: targets.slice(0, states * 2).map((target) => (target < states ? target : -1)),
  }
}

/** Makes the procedures and claims of `sketch` on `api`. */
export function programsOf(sketch: Sketch, api: Api, fromDefect: (add: () => void) => void): Programs {
  const locks = sketch.locks.map(({ kind, rank }, i) => {
    if (kind === 'mutex') return api.mutex(`l${i}`, { rank })
    return kind === 'spinlock' ? api.spinlock(`l${i}`, { rank }) : api.rwSemaphore(`l${i}`, { rank })
  })
  const plainCells: ApiCell[] = []
  const cells = sketch.cells.map(({ max, initial, guard, object }, i) => {
    // What an object is made of lies behind it, and only the first cell says whether there is one.
    const cell = api.cell(
      `c${i}`,
      max,
      initial,
      locks[guard],
      i > 0 && object === 0 ? plainCells[0] : undefined,
    )
    plainCells.push(cell)
    return cell
  })
  const race = [api.cell('a', AHEAD + 1, 0), api.cell('b', AHEAD + 1, 0)]
  const shown = api.cell('shown', 1, 0)
  const scribbled = api.cell('scribbled', 300, 0)
  const followed = api.cell('followed', 2, 0)
  const chart = chartOf(sketch)
  const lifecycle = api.lifecycle('chart', chart)
  const second = api.lifecycle('second chart', chart)
  const queues = Array.from({ length: QUEUES }, (_, i) => api.queue(`q${i}`))
  const conditions = sketch.conditions.map(({ cell, how, unless }) => {
    const lock = locks[unless]
    return (w: AnyWorld, value: number) => {
      if (lock !== undefined && 'tryAcquire' in lock) {
        if (!lock.tryAcquire(w)) return api.blocked
        lock.release(w)
      }
      return compare(cells[cell].get(w), how, value)
    }
  })

  const evaluate = (w: AnyWorld | undefined, of: Expression, locals: readonly number[]): number => {
    if (of.of === 'constant') return of.value
    return (of.of === 'local' ? locals[of.index] : cells[of.index].get(w)) + of.plus
  }
  const test = (w: AnyWorld | undefined, { left, how, right }: Comparison, locals: readonly number[]) =>
    compare(evaluate(w, left, locals), how, right)
  const put = (w: AnyWorld, at: number, of: Expression, locals: readonly number[]) => {
    const wanted = evaluate(w, of, locals)
    cells[at].set(w, wanted % (sketch.cells[at].max + 1))
    return 0
  }
  const argumentsOf = ({ value, shape, cell }: Pass, locals: readonly number[], own: ApiCell) => [
    shaped(evaluate(undefined, value, locals) % 3, shape),
    cell < 0 ? own : cells[cell],
  ]

  type Frame = { readonly locals: number[]; readonly own: ApiCell }

  /** Runs a block; what it gives back is undefined unless it returns. */
  function* runBlock(block: Block, frame: Frame): Text<{ value: unknown } | undefined> {
    for (const statement of block) {
      const returned = yield* run(statement, frame)
      if (returned !== undefined) return returned
    }
    return undefined
  }

  function* acquire(lock: ApiOwned | ApiRw, how: 'write' | 'read'): Text<number> {
    if ('lock' in lock) return yield* lock.lock()
    return how === 'write' ? yield* lock.lockWrite() : yield* lock.lockRead()
  }

  function* release(lock: ApiOwned | ApiRw, how: 'write' | 'read'): Text<number> {
    if ('lock' in lock) return yield* lock.unlock()
    return how === 'write' ? yield* lock.unlockWrite() : yield* lock.unlockRead()
  }

  function* run(statement: Statement, frame: Frame): Text<{ value: unknown } | undefined> {
    const { locals, own } = frame
    switch (statement.do) {
      case 'set':
        yield* api.step(`set c${statement.cell}`, (w) => put(w, statement.cell, statement.to, locals))
        return
      case 'setParameter':
        yield* api.step('set the parameter', (w) => {
          own.set(w, evaluate(w, statement.to, locals) % 2)
          return 0
        })
        return
      case 'add':
        yield* api.step('add', (w) => {
          const cell = cells[statement.cell]
          cell.set(w, cell.get(w) + statement.by)
          return 0
        })
        return
      case 'read':
        locals[statement.local] = numberOf(
          yield* api.step(`read c${statement.cell}`, (w) =>
            shaped(cells[statement.cell].get(w), statement.shape),
          ),
        )
        return
      case 'await':
        yield* api.step('await', (w) => (test(w, statement.when, locals) ? 0 : api.blocked))
        return
      case 'choose':
        locals[statement.local] = yield* api.choose('choose', statement.ways)
        return
      case 'chooseCell':
        yield* api.step(
          'choose a value',
          (w, choice) => {
            if (choice > 0 && !test(w, statement.when, locals)) return api.blocked
            cells[statement.cell].set(w, choice % (sketch.cells[statement.cell].max + 1))
            return -choice
          },
          statement.ways,
        )
        return
      case 'with': {
        const lock = locks[statement.lock]
        yield* acquire(lock, statement.how)
        const returned = yield* runBlock(statement.body, frame)
        yield* release(lock, statement.how)
        return returned
      }
      case 'downgrade': {
        const lock = locks[statement.lock]
        if ('lock' in lock) return yield* runBlock(statement.first, frame)
        yield* lock.lockWrite()
        const returned = yield* runBlock(statement.first, frame)
        yield* lock.downgrade()
        const after = yield* runBlock(statement.second, frame)
        yield* lock.unlockRead()
        return returned ?? after
      }
      case 'lock':
        yield* acquire(locks[statement.lock], statement.how)
        return
      case 'unlock':
        yield* release(locks[statement.lock], statement.how)
        return
      case 'try': {
        const lock = locks[statement.lock]
        const taken = 'lock' in lock ? yield* lock.trylock() : yield* lock.trylockRead()
        if (!taken) return yield* runBlock(statement.otherwise, frame)
        const returned = yield* runBlock(statement.taken, frame)
        yield* release(lock, 'read')
        return returned
      }
      case 'critical': {
        const lock = locks[statement.lock]
        if ('critical' in lock)
          yield* lock.critical(
            `critical c${statement.cell}`,
            (w, choice) => {
              put(w, statement.cell, statement.to, locals)
              return choice
            },
            2,
          )
        return
      }
      case 'grab': {
        const lock = locks[statement.lock]
        if ('acquire' in lock)
          yield* api.step('grab', (w) =>
            lock.acquire(w) ? put(w, statement.cell, statement.to, locals) : api.blocked,
          )
        return
      }
      case 'drop': {
        const lock = locks[statement.lock]
        if ('release' in lock)
          yield* api.step('drop', (w) => {
            lock.release(w)
            return put(w, statement.cell, statement.to, locals)
          })
        return
      }
      case 'sleep':
        yield* api.step('may sleep', (w) => {
          api.mightSleep(w)
          return 0
        })
        return
      case 'wait':
        yield* queues[statement.queue].wait(conditions[statement.condition], statement.value)
        return
      case 'waitTimeout':
        locals[statement.local] = yield* queues[statement.queue].waitTimeout(
          conditions[statement.condition],
          statement.value,
        )
        return
      case 'wake':
        yield* api.step('wake', (w) => {
          put(w, statement.cell, statement.to, locals)
          queues[statement.queue].wakeAll(w)
          return 0
        })
        return
      case 'if':
        return yield* runBlock(
          test(undefined, statement.when, locals) ? statement.holds : statement.otherwise,
          frame,
        )
      case 'repeat':
        for (let i = 0; i < statement.times; i++) {
          const returned = yield* runBlock(statement.body, frame)
          if (returned !== undefined) return returned
        }
        return
      case 'call':
        locals[statement.local] = numberOf(
          yield* api.call(helpers[statement.helper], argumentsOf(statement.pass, locals, own)),
        )
        return
      case 'become':
        return {
          value: yield* api.become(helpers[statement.helper], argumentsOf(statement.pass, locals, own)),
        }
      case 'return':
        return { value: shaped(evaluate(undefined, statement.value, locals), statement.shape) }
      case 'claim':
        yield* api.step('claim', (w) => {
          api.claim(statement.clause, test(w, statement.holds, locals))
          return put(w, statement.cell, { of: 'constant', value: 1 }, locals)
        })
        return
      case 'claimBetween':
        api.claim(statement.clause, test(undefined, statement.holds, locals))
        return
      case 'signal':
        yield* api.step(`signal ${statement.event}`, (w) => {
          const signalled = statement.other ? second : lifecycle
          signalled.signal(w, chart.events[statement.event])
          if (statement.follow && !statement.other) followed.set(w, lifecycle.number(w))
          return 0
        })
        return
      case 'tick': {
        const [one, other] = [race[statement.own], race[1 - statement.own]]
        locals[0] = yield* api.step('tick', (w) => {
          if (one.get(w) - other.get(w) >= AHEAD) return api.blocked
          one.set(w, one.get(w) + 1)
          return one.get(w) > other.get(w) ? 1 : 0
        })
        return
      }
      case 'scribble':
        yield* api.step('scribble', (w) => {
          scribbled.set(w, statement.value * 128)
          return 0
        })
        return
      case 'show':
        locals[1] = yield* api.step('show', (w) => {
          const seen = shown.get(w) ? scribbled.get(w) : 0
          // What was scribbled unseen is never seen, so that it need not be told apart.
          if (shown.get(w) === 0) scribbled.set(w, 0)
          shown.set(w, statement.shown)
          return seen
        })
        return
      case 'sloppy':
        yield* api.step('sloppy', (w) => {
          const cell = cells[statement.cell]
          if (cell.get(w) > 0) return 0
          cell.set(w, 1)
          return api.blocked
        })
        return
      case 'tooLarge':
        locals[0] = (yield* api.step('too large', () => statement.result)) > 0 ? 1 : 0
        return
    }
  }

  const textOf = (body: Block) =>
    function* (given: unknown, own: ApiCell): Text<unknown> {
      const locals = [numberOf(given), 0]
      const returned = yield* runBlock(body, { locals, own })
      return returned === undefined ? locals[0] : returned.value
    }
  const helpers: Program[] = sketch.helpers
    .slice(0, HELPERS)
    .map(({ body }, i) => api.procedure(`helper ${i}`, textOf(body)))
  for (const { helper, before, original, fromDefect: injected } of sketch.overrides) {
    const add = () =>
      api.override(
        helpers[helper],
        (text) =>
          function* (given: unknown, own: ApiCell): Text<unknown> {
            const returned = yield* runBlock(before, { locals: [numberOf(given), 1], own })
            if (returned !== undefined) return returned.value
            return original ? yield* api.call(text, [given, own]) : 1
          },
      )
    if (injected) fromDefect(add)
    else add()
  }

  return {
    threads: sketch.threads.map(({ daemon, helper, body, pass }, i) => ({
      name: `t${i}`,
      daemon,
      program: helper < 0 ? api.procedure(`thread ${i}`, textOf(body)) : helpers[helper],
      args: argumentsOf(pass, [0, 0], cells[0]),
    })),
    claims: claimsOf(sketch, cells, helpers, test),
    normalisations: sketch.normalised
      ? [
          {
            cells: race,
            apply(w) {
              const least = Math.min(race[0].get(w), race[1].get(w))
              for (const counter of race) counter.set(w, counter.get(w) - least)
            },
          },
          {
            cells: [shown, scribbled],
            apply(w) {
              if (shown.get(w) === 0) scribbled.set(w, 0)
            },
          },
        ]
      : [],
    abstractions: sketch.chart.abstracted
      ? [{ lifecycle, state: (w) => chart.states[followed.get(w)] ?? 'none' }]
      : [],
  }
}

function claimsOf(
  sketch: Sketch,
  cells: readonly ApiCell[],
  helpers: readonly Program[],
  test: (w: AnyWorld, comparison: Comparison, locals: readonly number[]) => boolean,
): Claims {
  const there = (claim: Claim, view: Standing) => {
    const { place } = claim
    if (place === undefined) return true
    const thread = place.thread % sketch.threads.length
    if (place.is === 'finished') return view.finished(thread)
    return place.is === 'inside'
      ? view.inside(thread, helpers[place.helper])
      : view.step(thread) === place.step
  }
  const says = (claim: Claim, w: AnyWorld, view: Standing) => {
    if ((claim.where !== undefined && !test(w, claim.where, [])) || !there(claim, view)) return undefined
    return test(w, claim.holds, []) || 'it does not hold'
  }
  const shows = (claim: Claim, w: AnyWorld, view: Standing) =>
    (claim.where === undefined || test(w, claim.where, [])) && test(w, claim.holds, []) && there(claim, view)
  const named = (kind: string, { clause }: Claim, i: number) => ({ clause, name: `${kind} ${i}` })
  return {
    invariants: sketch.invariants.map((claim, i) => ({
      ...named('invariant', claim, i),
      judge: (w, view) => says(claim, w, view),
    })),
    stepClaims: sketch.stepClaims.map((claim, i) => ({
      ...named('step claim', claim, i),
      judge: (before, after, thread, from, to) => {
        if (claim.thread >= 0 && claim.thread !== thread) return undefined
        const cell = cells[claim.falls]
        if (cell !== undefined && cell.get(after) < cell.get(before)) return 'it fell'
        return says(claim, before, from) === undefined ? undefined : says(claim, after, to)
      },
    })),
    witnesses: sketch.witnesses.map((claim, i) => ({
      ...named('witness', claim, i),
      holds: (w, view) => shows(claim, w, view),
    })),
    progress: sketch.progress.map((claim, i) => ({
      ...named('progress', claim, i),
      pending: (w, view) => shows(claim, w, view),
    })),
  }
}

function compare(left: number, how: Comparison['how'], right: number): boolean {
  if (how === 'equal') return left === right
  return how === 'unequal' ? left !== right : left < right
}

function shaped(value: number, shape: Shape): unknown {
  switch (shape) {
    case 'number':
      return value
    case 'array':
      return [value, 1]
    case 'object':
      return { value }
    case 'nested':
      return { inner: [{ value }], more: [] }
    case 'text':
      return `${value}`
    case 'flag':
      return value > 0
  }
}

function numberOf(given: unknown): number {
  if (typeof given === 'number') return given % 4
  if (typeof given === 'boolean') return given ? 1 : 0
  if (typeof given === 'string') return Number(given) % 4
  if (Array.isArray(given)) return numberOf(given[0])
  if (typeof given === 'object' && given !== null)
    return 'value' in given ? numberOf(given.value) : numberOf((given as { inner: unknown[] }).inner)
  return 0
}

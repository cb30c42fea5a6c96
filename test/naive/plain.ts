/**
 * A world of plain objects, with locks, wait queues and statecharts written again from what they are said to do:
 * nothing here comes from `src`.
 */
import type {
  Api,
  ApiCell,
  ApiCondition,
  ApiLifecycle,
  ApiOwned,
  ApiQueue,
  ApiRw,
  Chart,
  Effect,
  LockPlace,
  Text,
} from './api.js'
import { Mistake, type Operation, type Program } from './explore.js'

/** Values by name. */
export type PlainWorld = Record<string, number>

/** A claim that a step breaks. */
export class Breach extends Error {
  constructor(readonly clause: string) {
    super(clause)
  }
}

interface PlainLock {
  readonly name: string
  readonly rank: number
  readonly spinning: boolean
  held(w: PlainWorld, by: number): boolean
  heldForWriting(w: PlainWorld, by: number): boolean
}

const BLOCKED = -1e9

/** The plain world of one program, and the thread that acts on it. */
export class Plain implements Api {
  readonly blocked = BLOCKED
  /** What every value is before the first step. */
  readonly begin: PlainWorld = {}
  readonly bodies = new Map<Program, Program['body']>()
  /** Transitions of the statechart that were taken, as `state event`. */
  readonly signalled = new Map<string, number>()
  acting = -1
  private readonly locks: PlainLock[] = []
  private readonly identities = new Map<object, number>()

  constructor(private readonly unclaimed: readonly string[]) {}

  /** Equal for equal values: by content for arrays and plain objects, by identity for everything else. */
  textOf(value: unknown): string {
    if (Array.isArray(value)) return `[${value.map((inner) => this.textOf(inner)).join(', ')}]`
    if (typeof value === 'function' || (typeof value === 'object' && value !== null)) {
      if (Object.getPrototypeOf(value) === Object.prototype && !this.identities.has(value))
        return `{${Object.entries(value).map(([key, inner]) => `${key}: ${this.textOf(inner)}`)}}`
      const number = this.identities.get(value) ?? this.identities.size
      this.identities.set(value, number)
      return `<${number}>`
    }
    return `${typeof value} ${value}`
  }

  claim(clause: string, holds: boolean): void {
    if (!holds && !this.unclaimed.includes(clause)) throw new Breach(clause)
  }

  cell(name: string, max: number, initial: number, guard?: unknown, object?: ApiCell): ApiCell {
    this.begin[name] = initial
    const lock = this.locks.find((known) => known === guard)
    const access = (w: PlainWorld, writes: boolean) => {
      if (this.acting < 0) return
      if (object !== undefined && object.get(w) === 0) throw new Breach('use-after-free')
      if (lock === undefined) return
      const may = writes ? lock.heldForWriting(w, this.acting) : lock.held(w, this.acting)
      if (!may) throw new Breach('lock-discipline')
    }
    return {
      get(w: PlainWorld) {
        access(w, false)
        return w[name]
      },
      set(w: PlainWorld, value: number) {
        access(w, true)
        if (!Number.isInteger(value) || value < 0 || value > max) throw new Mistake('bound-overflow')
        w[name] = value
      },
    }
  }

  /** A thread may wait for a lock if it holds no spinning one. */
  mightSleep(w: PlainWorld): void {
    if (this.locks.some((lock) => lock.spinning && lock.held(w, this.acting)))
      this.claim('atomic-sleep', false)
  }

  /** A lock may be waited for if it is not held already, nor any ranked lock of its own rank or a later one. */
  private inOrder(w: PlainWorld, wanted: PlainLock): void {
    for (const lock of this.locks) {
      if (!lock.held(w, this.acting)) continue
      if (lock === wanted) this.claim('deadlock', false)
      else if (wanted.rank > 0 && lock.rank >= wanted.rank) this.claim('lock-order', false)
    }
  }

  mutex(name: string, place: LockPlace): ApiOwned {
    return this.owned(name, place.rank, false)
  }

  spinlock(name: string, place: LockPlace): ApiOwned {
    return this.owned(name, place.rank, true)
  }

  private owned(name: string, rank: number, spinning: boolean): ApiOwned {
    this.begin[name] = 0
    const held = (w: PlainWorld, by: number) => w[name] === by + 1
    const tryAcquire = (w: PlainWorld) => {
      if (w[name] > 0) return false
      w[name] = this.acting + 1
      return true
    }
    const release = (w: PlainWorld) => {
      if (w[name] !== this.acting + 1) this.claim('lock-discipline', false)
      w[name] = 0
    }
    const acquire = (w: PlainWorld) => {
      this.inOrder(w, self)
      return tryAcquire(w)
    }
    const wait = (w: PlainWorld) => {
      if (!spinning) this.mightSleep(w)
      return acquire(w)
    }
    const self: PlainLock & ApiOwned = {
      name,
      rank,
      spinning,
      held,
      heldForWriting: held,
      acquire,
      tryAcquire,
      release,
      lock: () => this.step(`lock ${name}`, (w) => (wait(w) ? 0 : BLOCKED)),
      trylock: () => this.step(`trylock ${name}`, (w) => (tryAcquire(w) ? 1 : 0)),
      unlock: () =>
        this.step(`unlock ${name}`, (w) => {
          release(w)
          return 0
        }),
      critical: (what, run, choices = 1) =>
        this.step(
          what,
          (w, choice) => {
            if (!wait(w)) return BLOCKED
            const result = run(w, choice)
            release(w)
            return result
          },
          choices,
        ),
    }
    this.locks.push(self)
    return self
  }

  /** Readers and waiting writers are sets of threads, as bits. */
  rwSemaphore(name: string, place: LockPlace): ApiRw {
    const [writer, readers, waiting] = [`${name}.writer`, `${name}.readers`, `${name}.waiting`]
    Object.assign(this.begin, { [writer]: 0, [readers]: 0, [waiting]: 0 })
    const writes = (w: PlainWorld, by: number) => w[writer] === by + 1
    const reads = (w: PlainWorld, by: number) => Math.floor(w[readers] / 2 ** by) % 2 === 1
    const waits = (w: PlainWorld, by: number) => Math.floor(w[waiting] / 2 ** by) % 2 === 1
    const bit = () => 2 ** this.acting
    const free = (w: PlainWorld) => w[writer] === 0 && w[readers] === 0
    const before = (w: PlainWorld) => {
      this.mightSleep(w)
      this.inOrder(w, lock)
    }
    const read = (w: PlainWorld) => {
      if (w[writer] > 0 || w[waiting] > 0) return false
      if (!reads(w, this.acting)) w[readers] += bit()
      return true
    }
    const stopWriting = (w: PlainWorld) => {
      if (!writes(w, this.acting)) this.claim('lock-discipline', false)
      w[writer] = 0
    }
    const lock: PlainLock = {
      name,
      rank: place.rank,
      spinning: false,
      held: (w, by) => writes(w, by) || reads(w, by),
      heldForWriting: writes,
    }
    this.locks.push(lock)
    const { step } = this
    const act = () => this.acting
    return Object.assign(lock, {
      lockRead: () =>
        this.step(`down_read ${name}`, (w) => {
          before(w)
          return read(w) ? 0 : BLOCKED
        }),
      trylockRead: () => this.step(`down_read_trylock ${name}`, (w) => (read(w) ? 1 : 0)),
      unlockRead: () =>
        this.step(`up_read ${name}`, (w) => {
          if (!reads(w, this.acting)) this.claim('lock-discipline', false)
          if (reads(w, this.acting)) w[readers] -= bit()
          return 0
        }),
      *lockWrite(): Text<number> {
        const at = yield* step(`down_write ${name}`, (w) => {
          before(w)
          if (free(w) && w[waiting] === 0) {
            w[writer] = act() + 1
            return 1
          }
          if (!waits(w, act())) w[waiting] += bit()
          return 0
        })
        if (at === 1) return 0
        return yield* step(`down_write ${name} (queued)`, (w) => {
          if (!free(w)) return BLOCKED
          w[writer] = act() + 1
          w[waiting] -= bit()
          return 0
        })
      },
      unlockWrite: () =>
        this.step(`up_write ${name}`, (w) => {
          stopWriting(w)
          return 0
        }),
      downgrade: () =>
        this.step(`downgrade_write ${name}`, (w) => {
          stopWriting(w)
          if (!reads(w, this.acting)) w[readers] += bit()
          return 0
        }),
    })
  }

  /** A thread that finds its condition false sleeps until it is woken, and then looks again. */
  queue(name: string): ApiQueue {
    this.begin[name] = 0
    const sleeps = (w: PlainWorld) => Math.floor(w[name] / 2 ** this.acting) % 2 === 1
    const look = (w: PlainWorld, condition: ApiCondition, value: number) => {
      this.mightSleep(w)
      const answer = condition(w, value)
      if (answer === BLOCKED) return BLOCKED
      if (answer) return 1
      if (!sleeps(w)) w[name] += 2 ** this.acting
      return 0
    }
    const { step, become } = this
    const act = () => this.acting
    const wait: Program = this.procedure(
      'wait_event',
      function* (condition: ApiCondition, value: number): Text<unknown> {
        if (yield* step('look at the condition', (w) => look(w, condition, value))) return 0
        yield* step('sleep', (w) => (sleeps(w) ? BLOCKED : 0))
        return yield* become(wait, [condition, value])
      },
    )
    const waitTimeout: Program = this.procedure(
      'wait_event_timeout',
      function* (condition: ApiCondition, value: number): Text<unknown> {
        if (yield* step('look at the condition', (w) => look(w, condition, value))) return 1
        const way = yield* step(
          'sleep',
          (w, choice) => {
            if (choice === 0) return sleeps(w) ? BLOCKED : 2
            if (sleeps(w)) w[name] -= 2 ** act()
            return condition(w, value) === true ? 1 : 0
          },
          2,
        )
        return way === 2 ? yield* become(waitTimeout, [condition, value]) : way
      },
    )
    return {
      wakeAll(w: PlainWorld) {
        w[name] = 0
      },
      wait: (condition, value) => this.call(wait, [condition, value]) as Text<number>,
      waitTimeout: (condition, value) => this.call(waitTimeout, [condition, value]) as Text<number>,
    }
  }

  lifecycle(name: string, chart: Chart): ApiLifecycle {
    this.begin[name] = 0
    return {
      signal: (w: PlainWorld, event: string) => {
        const target = chart.targets[w[name] * chart.events.length + chart.events.indexOf(event)]
        if (target < 0) throw new Breach('refinement')
        const key = `${chart.states[w[name]]} ${event}`
        this.signalled.set(key, (this.signalled.get(key) ?? 0) + 1)
        w[name] = target
      },
      number: (w: PlainWorld) => w[name],
    }
  }

  procedure(procedureName: string, body: Program['body']): Program {
    const program = { procedureName, body }
    this.identities.set(program, this.identities.size)
    return program
  }

  *call(procedure: Program, args: readonly unknown[]): Text<unknown> {
    return yield { kind: 'call', procedure, args }
  }

  *become(procedure: Program, args: readonly unknown[]): Text<unknown> {
    return yield { kind: 'become', procedure, args }
  }

  *step<R>(name: string, run: Effect<R>, choices = 1): Text<R> {
    return yield { kind: 'step', name, run, choices } satisfies Operation
  }

  choose(name: string, outcomes: number): Text<number> {
    return this.step(name, (_, choice) => choice, outcomes)
  }

  override(target: Program, make: (original: Program) => Program['body']): void {
    this.bodies.set(target, make(this.procedure(target.procedureName, target.body)))
  }
}

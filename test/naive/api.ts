/**
 * What a random program is written against. There are two of it: the world of `src/world`, and a plain one of
 * this folder's own; a program must behave alike on both.
 */
import type { Operation, Program } from './explore.js'

// biome-ignore lint/suspicious/noExplicitAny: each of the two has worlds of its own
export type AnyWorld = any

/** The running text of a procedure. */
// biome-ignore lint/suspicious/noExplicitAny: what is sent in depends on what was yielded
export type Text<R> = Generator<Operation, R, any>

export type Effect<R = number> = (w: AnyWorld, choice: number) => R

export interface ApiCell {
  get(w: AnyWorld): number
  set(w: AnyWorld, value: number): void
}

export interface ApiOwned {
  acquire(w: AnyWorld): boolean
  tryAcquire(w: AnyWorld): boolean
  release(w: AnyWorld): void
  lock(): Text<number>
  trylock(): Text<number>
  unlock(): Text<number>
  critical(name: string, run: Effect, choices?: number): Text<number>
}

export interface ApiRw {
  lockRead(): Text<number>
  trylockRead(): Text<number>
  unlockRead(): Text<number>
  lockWrite(): Text<number>
  unlockWrite(): Text<number>
  downgrade(): Text<number>
}

export type ApiCondition = (w: AnyWorld, value: number) => boolean | number

export interface ApiQueue {
  wakeAll(w: AnyWorld): void
  wait(condition: ApiCondition, value: number): Text<number>
  waitTimeout(condition: ApiCondition, value: number): Text<number>
}

export interface ApiLifecycle {
  signal(w: AnyWorld, event: string): void
  /** Number of the state it is in. */
  number(w: AnyWorld): number
}

export interface LockPlace {
  readonly rank: number
}

export interface Chart {
  readonly states: readonly string[]
  readonly events: readonly string[]
  readonly targets: readonly number[]
}

/** The world that programs run on. */
export interface Api {
  readonly blocked: number
  cell(name: string, max: number, initial: number, guard?: ApiOwned | ApiRw, object?: ApiCell): ApiCell
  mutex(name: string, place: LockPlace): ApiOwned
  spinlock(name: string, place: LockPlace): ApiOwned
  rwSemaphore(name: string, place: LockPlace): ApiRw
  queue(name: string): ApiQueue
  lifecycle(name: string, chart: Chart): ApiLifecycle
  procedure(name: string, body: Program['body']): Program
  call(target: Program, args: readonly unknown[]): Text<unknown>
  become(target: Program, args: readonly unknown[]): Text<unknown>
  step<R>(name: string, run: Effect<R>, choices?: number): Text<R>
  choose(name: string, outcomes: number): Text<number>
  claim(clause: string, holds: boolean): void
  mightSleep(w: AnyWorld): void
  /** Gives `target` another text. */
  override(target: Program, make: (original: Program) => Program['body']): void
}

/**
 * Whether a process that does not answer hangs. It is looked at again and again, and judged by its CPU time, not by the
 * clock: on a busy machine everything takes long, and does not hang for that.
 *
 * @module
 */
import type { Whereabouts } from './protocol.js'

/** What was seen of a process at one time. */
export interface Look {
  /** When, in milliseconds of the clock. */
  readonly atMs: number
  /** CPU time of the process until then, in milliseconds. */
  readonly workedMs: number
  /** Where it was; absent if it did not stop to be looked at. */
  readonly where?: Whereabouts
}

/** What looks say: it hangs; it gets on, and yet does not end in time; or nothing yet. */
export type Judgement =
  | { readonly kind: 'hangs'; readonly where: Whereabouts | undefined; readonly moves: boolean }
  | { readonly kind: 'late' }
  | undefined

/** CPU time that a process may take before it is judged, in milliseconds. */
export interface Patience {
  /** In one step, or in one function that is not the engine's. */
  readonly stuckMs: number
  /** In all, since it should have ended; absent if it may go on. */
  readonly lateMs?: number
}

/** CPU time after which a process hangs that never stops to be looked at; a long garbage collection does not either. */
const OPAQUE_MS = 5000
/** Milliseconds of the clock for which an idle process may wait. */
const WAITS_MS = 10_000
/** Share of that time below which CPU time counts as none. */
const IDLE_SHARE = 0.01

/** Where the engine's modules are. What takes long there ends. */
const ENGINE = new URL('../../', import.meta.url).href

/** Judges a process from one look to the next. */
export class Standstill {
  private first: Look | undefined
  /** The look since which it has been where it is. */
  private since: Look | undefined

  constructor(private readonly patience: Patience) {}

  /** Takes one more look. */
  judge(look: Look): Judgement {
    this.first ??= look
    if (this.since === undefined || hasMoved(this.since.where, look.where)) this.since = look
    const workedMs = look.workedMs - this.since.workedMs
    const passedMs = look.atMs - this.since.atMs
    const { where } = look
    const hangs = { kind: 'hangs', where, moves: false } as const
    if (!isBusy(where)) {
      // Looking itself takes CPU time: a process that runs nothing at each look waits, whatever its CPU time.
      if (passedMs >= WAITS_MS && (where !== undefined || workedMs < IDLE_SHARE * passedMs)) return hangs
      if (where === undefined && workedMs >= OPAQUE_MS) return hangs
    } else if (workedMs >= this.patience.stuckMs && !isEngines(where)) return hangs
    const { lateMs } = this.patience
    if (lateMs === undefined || look.workedMs - this.first.workedMs < lateMs) return undefined
    const getsOn = where === undefined || where.started !== this.first.where?.started || isEngines(where)
    return getsOn ? { kind: 'late' } : { kind: 'hangs', where, moves: true }
  }
}

/** True if a look has found something that runs. */
export function isBusy(where: Whereabouts | undefined): boolean {
  return where !== undefined && (where.place !== undefined || where.frames.length > 0)
}

/** True if the engine itself works, in no step of anybody's. */
function isEngines(where: Whereabouts | undefined): boolean {
  return where?.place === undefined && where?.frames[0]?.includes(ENGINE) === true
}

/** False if a process is in the same step, or else in the same function that is not the engine's. */
function hasMoved(before: Whereabouts | undefined, now: Whereabouts | undefined): boolean {
  if (!isBusy(before) || !isBusy(now)) return isBusy(before) !== isBusy(now)
  if (before?.started !== now?.started) return true
  if (before?.place !== undefined && now?.place !== undefined) return false
  const [one, other] = [before, now].map((where) => where?.frames[0]?.replace(/:\d+\)$/, ''))
  return one !== other || isEngines(now)
}

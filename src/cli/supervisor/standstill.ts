/**
 * Whether a process that does not answer hangs, by looks at it. What a processor has worked for it tells more than a
 * clock: on a machine that is loaded everything takes long, and nothing hangs for that.
 *
 * @module
 */
import type { Whereabouts } from './protocol.js'

/** What was seen of a process at one time. */
export interface Look {
  /** Milliseconds of the clock. */
  readonly atMs: number
  /** Milliseconds that processors have worked for the process until then. */
  readonly workedMs: number
  /** Where it was; absent if it did not stop to be looked at. */
  readonly where?: Whereabouts
}

/** What looks say: it hangs; it gets on, and yet does not end in time; or nothing yet. */
export type Judgement =
  | { readonly kind: 'hangs'; readonly where: Whereabouts | undefined; readonly moves: boolean }
  | { readonly kind: 'late' }
  | undefined

/** How much a process may work before it is judged, in milliseconds of a processor. */
export interface Patience {
  /** In one step, or in one function that is not the engine's. */
  readonly stuckMs: number
  /** In all, since it should have ended; absent if it may go on. */
  readonly lateMs?: number
}

/** The same in what cannot be looked into: a long collection of garbage is that too. */
const OPAQUE_MS = 5000
/** Milliseconds of the clock after which a process waits that hardly works. */
const WAITS_MS = 10_000
/** Most of that time for which a process works that waits. */
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
    if (isIdle(where)) {
      // To look takes time of a processor: who runs nothing each time that somebody looks waits, whatever was worked.
      if (passedMs >= WAITS_MS && (where !== undefined || workedMs < IDLE_SHARE * passedMs)) return hangs
      if (where === undefined && workedMs >= OPAQUE_MS) return hangs
    } else if (workedMs >= this.patience.stuckMs && !isEngines(where)) return hangs
    const { lateMs } = this.patience
    if (lateMs === undefined || look.workedMs - this.first.workedMs < lateMs) return undefined
    const getsOn = where === undefined || where.started !== this.first.where?.started || isEngines(where)
    return getsOn ? { kind: 'late' } : { kind: 'hangs', where, moves: true }
  }
}

/** True if nothing that was looked into runs. */
function isIdle(where: Whereabouts | undefined): boolean {
  return where === undefined || (where.place === undefined && where.frames.length === 0)
}

/** True if the engine itself works, in no step of anybody's. */
function isEngines(where: Whereabouts | undefined): boolean {
  return where?.place === undefined && where?.frames[0]?.includes(ENGINE) === true
}

/** False if a process is in the same step, or else in the same function that is not the engine's. */
function hasMoved(before: Whereabouts | undefined, now: Whereabouts | undefined): boolean {
  if (isIdle(before) || isIdle(now)) return isIdle(before) !== isIdle(now)
  if (before === undefined || now === undefined) return false
  if (before.started !== now.started) return true
  if (before.place !== undefined && now.place !== undefined) return false
  const [one, other] = [before, now].map(({ frames }) => frames[0]?.replace(/:\d+\)$/, ''))
  return one !== other || isEngines(now)
}

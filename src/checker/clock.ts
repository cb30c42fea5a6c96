/**
 * Explores in batches, and watches time, memory, checkpoints and requests to stop between them.
 *
 * @module
 */
import { SpecificationError } from '../world/errors.js'
import type { Exploration } from './explore/explore.js'
import { type Host, portableHost } from './host.js'
import type { CheckOptions, Limits } from './options.js'
import type { LimitReached } from './result.js'

/** States explored between two looks at the clock. */
const BATCH = 1024
/**
 * Assumed maximum number of new states found from one state, on average over a batch. No scenario
 * has more.
 */
const MOST_NEW = 16
/** Milliseconds between two turns of the event loop, so that an interrupt is noticed. */
const TURN_MS = 50
/** Milliseconds between two reports of progress. */
const REPORT_MS = 250

/**
 * Number of states to explore in one batch, so that a limit of states is exceeded by the steps of
 * one state at most.
 */
function batchWithin(limit: number | undefined, count: number): number {
  if (limit === undefined) return BATCH
  return Math.max(1, Math.min(BATCH, Math.floor((limit - count) / MOST_NEW)))
}

/** Default memory limit of a check on `host`, in bytes. */
export function memoryFor({ memoryBytes }: Host): number {
  return Math.min(4 * 2 ** 30, Math.floor((memoryBytes ?? Number.POSITIVE_INFINITY) * 0.75))
}

/** Watches time, memory, checkpoints and requests to stop. */
export class Clock {
  private readonly host: Host
  private readonly began: number
  private lastTurn: number
  private lastReport: number
  /** When a checkpoint was last kept. */
  private kept: number
  /** Milliseconds that the check took in processes before this one. */
  private earlierMs = 0
  private readonly memoryBytes: number
  private readonly limits: Limits
  /** What ended the check early. */
  stopped: LimitReached | 'interrupted' | undefined

  constructor(
    private readonly scenario: string,
    private readonly exploration: Exploration,
    private readonly options: CheckOptions,
  ) {
    this.host = options.host ?? portableHost
    this.began = this.host.now()
    this.lastTurn = this.began
    this.lastReport = this.began
    this.kept = this.began
    this.limits = options.limits ?? {}
    this.memoryBytes = this.limits.memoryBytes ?? memoryFor(this.host)
  }

  get elapsedMs(): number {
    return this.host.now() - this.began + this.earlierMs
  }

  /**
   * Goes on from the last checkpoint, if there is one.
   *
   * @returns how many states it had
   */
  goOn(): number | undefined {
    const { checkpoints } = this.options
    const last = checkpoints?.last()
    if (checkpoints === undefined || last === undefined) return undefined
    try {
      this.exploration.goOnFrom(last)
    } catch (error) {
      if (!(error instanceof SpecificationError) || error.code !== 'checkpoint') throw error
      throw new SpecificationError(
        error.code,
        `${checkpoints.name}: ${error.message}; delete it to begin anew`,
        { cause: error },
      )
    }
    this.earlierMs = last.facts.elapsedMs
    return last.facts.states
  }

  /**
   * Explores until it is complete or stopped. Checkpoints are kept meanwhile, and when something
   * stops it.
   */
  async explore(): Promise<LimitReached | 'interrupted' | undefined> {
    const stopped = await this.exploreOn()
    this.keepIf(stopped !== undefined || this.isTimeToKeep())
    return stopped
  }

  private async exploreOn(): Promise<LimitReached | 'interrupted' | undefined> {
    const { exploration, limits } = this
    let batch = BATCH
    while (!exploration.done) {
      if (limits.states !== undefined && exploration.store.count >= limits.states)
        return this.stop({ kind: 'states', value: limits.states })
      if (!this.hasRoomFor(exploration.store.bytesToGrow(MOST_NEW * BATCH))) return this.stopForMemory()
      const began = this.host.now()
      exploration.advance(Math.min(batch, batchWithin(limits.states, exploration.store.count)))
      // If steps are slow, a smaller batch lets a time limit or an interrupt take effect soon.
      batch = this.host.now() - began > TURN_MS ? Math.max(1, batch >> 2) : Math.min(BATCH, batch * 2)
      if (!(await this.turn('exploring'))) return this.stopped
      this.keepIf(this.isTimeToKeep())
    }
    return undefined
  }

  private isTimeToKeep(): boolean {
    const { checkpoints } = this.options
    return checkpoints !== undefined && this.host.now() - this.kept >= checkpoints.everyMs
  }

  /** Not after a violation: resuming from an earlier checkpoint finds it again. */
  private keepIf(wanted: boolean): void {
    if (!wanted || this.exploration.breach !== undefined) return
    this.options.checkpoints?.keep(this.exploration.save(this.elapsedMs))
    this.kept = this.host.now()
  }

  /** Yields to the event loop now and then; false if the check should stop. */
  async turn(phase: 'exploring' | 'progress' | 'audit', explored?: number): Promise<boolean> {
    if (this.options.signal?.aborted) {
      this.stop('interrupted')
      return false
    }
    const now = this.host.now()
    if (this.limits.timeMs !== undefined && now - this.began > this.limits.timeMs) {
      this.stop({ kind: 'time', value: this.limits.timeMs })
      return false
    }
    if (now - this.lastTurn < TURN_MS) return true
    this.lastTurn = now
    if (now - this.lastReport >= REPORT_MS) {
      this.lastReport = now
      this.options.onProgress?.({
        scenario: this.scenario,
        phase,
        states: this.exploration.store.count,
        transitions: this.exploration.transitions,
        queue: explored === undefined ? this.exploration.queue : this.exploration.store.count - explored,
        depth: this.exploration.depth,
        elapsedMs: this.elapsedMs,
      })
    }
    await this.host.pause()
    if (!this.options.signal?.aborted) return true
    this.stop('interrupted')
    return false
  }

  /** False if `bytes` more would exceed the memory limit. The check then ends with that limit. */
  hasRoomFor(bytes: number): boolean {
    return this.exploration.bytes + bytes <= this.memoryBytes
  }

  /** Ends the check at the memory limit. */
  stopForMemory(): LimitReached {
    return this.stop({ kind: 'memory', value: this.memoryBytes })
  }

  private stop<T extends LimitReached | 'interrupted'>(why: T): T {
    this.stopped = why
    return why
  }
}

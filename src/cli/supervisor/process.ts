/**
 * One process that runs checks, seen from the command line: it is given one order at a time, and answers it or is ended.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Progress } from '../../checker/result.js'
import { duration, size } from '../../report/form/figures.js'
import { isStop } from '../../report/report.js'
import { SpecificationError, type SpecificationErrorCode } from '../../world/errors.js'
import { UsageError } from '../arguments/usage.js'
import { type ErrorFacts, Lines, type Message, type Order, type Reply, type Whereabouts } from './protocol.js'
import { isBusy, type Look, type Patience, Standstill } from './standstill.js'

/** Milliseconds for which a process that should end is waited for before it is asked where it is. */
const GRACE_MS = 250
/** Milliseconds between two looks at a process. */
const LOOK_MS = 150
/** Milliseconds after which a process is given up that cannot even be asked. */
const DEAF_MS = 60_000
/** Milliseconds without a word after which somebody looks whether the process hangs. */
const SILENCE_MS = 10_000
/** CPU time of a process that was silent, and of one that should have ended, before it is judged. */
const SILENT_PATIENCE: Patience = { stuckMs: 5000 }
const OVERDUE_PATIENCE: Patience = { stuckMs: 1000, lateMs: 10_000 }
/** Most text of a process's output that is passed on. */
const MOST_OUTPUT = 64 * 1024

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))

/** What happened to a process: the scenario that ran in it has an error, and the others have none. */
export class ProcessError extends Error {
  override readonly name = 'ProcessError'

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }

  /** True if a limit or an interrupt ended a process that had nothing wrong with it. */
  get isStopped(): boolean {
    return isStop(this)
  }
}

/** What to watch while an order is carried out. */
export interface Watch {
  /** Milliseconds after which it should have ended by itself. */
  readonly timeMs?: number | undefined
  /** CPU time that it may take after that. */
  readonly patience?: Patience
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** A process. Once it has failed it is good for nothing more. */
export class CheckProcess {
  private readonly child: ChildProcess
  private readonly connection: Duplex
  private readonly gone: Promise<void>
  private hear: ((reply: Reply) => void) | undefined
  private vanish: (() => void) | undefined
  private last: Reply | undefined
  private output = ''
  private ended = false

  /**
   * @param memoryBytes - most bytes for the states of a check, if that is limited
   * @param onOutput - what it writes to its standard output and standard error
   */
  constructor(memoryBytes: number | undefined, onOutput: (text: string) => void) {
    const options = process.execArgv.filter((option) => !option.startsWith('--inspect'))
    this.child = spawn(
      process.execPath,
      [...options, CHILD, ...(memoryBytes === undefined ? [] : [String(memoryBytes)])],
      // A process group of its own: Ctrl-C is for the command line, which ends checks in good order.
      { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], detached: true },
    )
    this.connection = this.child.stdio[3] as Duplex
    const lines = new Lines((line) => {
      const reply = JSON.parse(line) as Reply
      if (reply.kind === 'exiting') this.last = reply
      else this.hear?.(reply)
    })
    this.connection.setEncoding('utf8')
    this.connection.on('data', (text: string) => lines.push(text))
    this.connection.on('error', () => this.kill())
    for (const stream of [this.child.stdout, this.child.stderr]) {
      const readable = stream as Readable
      readable.setEncoding('utf8')
      readable.on('data', (text: string) => {
        const room = MOST_OUTPUT - this.output.length
        this.output += text
        // The engine's own last words are long, and said better here.
        if (room > 0 && !this.output.includes('<--- Last few GCs --->')) onOutput(text.slice(0, room))
      })
    }
    this.gone = new Promise((resolve) => {
      this.child.on('close', resolve)
      this.child.on('error', resolve)
    })
    void this.gone.then(() => {
      this.ended = true
      this.vanish?.()
    })
  }

  /** True if it can take another order. */
  get usable(): boolean {
    return !this.ended
  }

  /** Ends it at once. */
  kill(): void {
    this.ended = true
    this.child.kill('SIGKILL')
  }

  /**
   * Gives it an order.
   *
   * @returns what it answers
   * @throws UsageError, SpecificationError or {@link ProcessError}
   */
  async execute(order: Order, watch: Watch): Promise<unknown> {
    let heard = performance.now()
    let seen: ((look: Look) => void) | undefined
    return new Promise((resolve, reject) => {
      const timers = new Set<NodeJS.Timeout>()
      const settle = (finish: () => void) => {
        for (const timer of timers) clearTimeout(timer)
        watch.signal?.removeEventListener('abort', onAbort)
        this.hear = undefined
        this.vanish = undefined
        finish()
      }
      const fail = (error: Error) => {
        this.kill()
        settle(() => reject(error))
      }
      const after = (ms: number, act: () => void) => {
        const timer = setTimeout(() => {
          timers.delete(timer)
          act()
        }, ms)
        timers.add(timer)
      }
      /** Looks at it; `undefined` if it cannot even tell what it works. */
      const lookAtIt = (): Promise<Look | undefined> =>
        new Promise((answer) => {
          seen = answer
          after(DEAF_MS, () => answer(undefined))
          this.tell({ kind: 'where' })
        })
      /** Looks again and again, until it is heard, or it is plain that it never will be. */
      const watchIt = async (patience: Patience, why: string, isHeard: () => boolean): Promise<void> => {
        let standstill = new Standstill(patience)
        let livelyThen = lively
        while (this.hear !== undefined && !isHeard()) {
          const look = await lookAtIt()
          if (this.hear === undefined || isHeard()) return
          // What the product itself does ends: what was seen until now speaks against nobody.
          if (lively !== livelyThen) standstill = new Standstill(patience)
          livelyThen = lively
          const found = look === undefined ? NEVER_TELLS : standstill.judge(look)
          if (found?.kind === 'late') {
            const code = watch.signal?.aborted ? 'interrupted' : 'time'
            return fail(new ProcessError(code, `it still made progress, and was killed; ${why}`))
          }
          if (found !== undefined) {
            const said = found.moves ? `it does not end: ${standing(found.where)}` : hanging(found.where)
            return fail(new ProcessError('hang', `${said}; ${why}`))
          }
          await new Promise<void>((next) => after(LOOK_MS, next))
        }
      }
      let lively = 0
      let overdue = false
      const mustEnd = (why: string) => {
        if (overdue) return
        overdue = true
        after(GRACE_MS, () => void watchIt(watch.patience ?? OVERDUE_PATIENCE, why, () => false))
      }
      const onAbort = () => {
        this.tell({ kind: 'stop' })
        mustEnd('the run was interrupted')
      }
      let watched = false
      const listen = () => {
        if (!overdue && !watched && performance.now() - heard > SILENCE_MS) {
          const last = heard
          watched = true
          void watchIt(SILENT_PATIENCE, SILENT, () => overdue || heard !== last).then(() => {
            watched = false
          })
        }
        after(SILENCE_MS / 4, listen)
      }
      this.hear = (reply) => {
        if (reply.kind !== 'whereabouts') heard = performance.now()
        switch (reply.kind) {
          case 'done':
            return settle(() => resolve(reply.result))
          case 'failed': {
            const error = errorOf(reply.error)
            return reply.fatal ? fail(error) : settle(() => reject(error))
          }
          case 'alive':
            lively++
            return
          case 'progress':
            return watch.onProgress?.(reply.progress)
          case 'whereabouts':
            return seen?.({
              atMs: performance.now(),
              workedMs: reply.workedMs,
              ...(reply.whereabouts === undefined ? {} : { where: reply.whereabouts }),
            })
          case 'memory':
            return fail(
              new ProcessError(
                'out-of-memory',
                `it uses ${size(reply.bytes)} of memory, beyond what a check may: ${standing(reply.whereabouts)}`,
              ),
            )
        }
      }
      this.vanish = () => settle(() => reject(this.lastWords()))
      if (this.ended) return this.vanish()
      watch.signal?.addEventListener('abort', onAbort)
      if (watch.timeMs !== undefined) {
        const { timeMs } = watch
        after(timeMs, () => mustEnd(`the limit of ${duration(timeMs)} has passed`))
      }
      after(SILENCE_MS, listen)
      this.tell(order)
      if (watch.signal?.aborted) onAbort()
    })
  }

  private tell(message: Message): void {
    this.connection.write(`${JSON.stringify(message)}\n`)
  }

  /** Why a process is gone that was not ended from here. */
  private lastWords(): ProcessError {
    if (this.last?.kind === 'exiting') {
      const { code, whereabouts } = this.last
      return new ProcessError(
        'exited',
        `it ended the process, with exit code ${code}: ${standing(whereabouts)}; leave process.exit out`,
      )
    }
    if (/heap out of memory|Reached heap limit|Array buffer allocation failed/.test(this.output))
      return new ProcessError('out-of-memory', 'the process had no memory left for its objects')
    const { exitCode, signalCode } = this.child
    const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`
    const said = this.output.trim().split('\n').slice(-5).join('\n')
    return new ProcessError(
      'crashed',
      `the process ended ${how}${said === '' ? '' : `; it said last:\n${said}`}`,
    )
  }
}

/** What is said of a process that tells nothing. */
const NEVER_TELLS = { kind: 'hangs', where: undefined, moves: false } as const

const SILENT = 'nothing was heard of it for 10 seconds'

function hanging(whereabouts: Whereabouts | undefined): string {
  if (whereabouts === undefined) return 'it hangs, in something that cannot be looked into'
  if (!isBusy(whereabouts)) return 'it waits for something that does not come, a timer or an answer'
  return `${standing(whereabouts)} does not end`
}

/** `step "x" of p (thread device), at f (file:///…:7)`. */
function standing(whereabouts: Whereabouts | undefined): string {
  if (whereabouts === undefined) return 'where it is cannot be told'
  const { place, threadName, frames } = whereabouts
  const thread = threadName === undefined ? '' : ` (thread ${threadName})`
  const what =
    place === undefined
      ? undefined
      : place.step === undefined
        ? `${place.procedure}, between two steps${thread}`
        : `step "${place.step}" of ${place.procedure}${thread}`
  const at = frames.length === 0 ? undefined : `at ${frames[0]}`
  return [what, at].filter((part) => part !== undefined).join(', ') || 'what it runs'
}

function errorOf({ kind, code, message }: ErrorFacts): Error {
  if (kind === 'usage') return new UsageError(message)
  if (kind === 'specification') return new SpecificationError(code as SpecificationErrorCode, message)
  return new ProcessError(code, message)
}

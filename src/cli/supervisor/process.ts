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
import { SpecificationError, type SpecificationErrorCode } from '../../world/errors.js'
import { UsageError } from '../usage.js'
import { type ErrorFacts, Lines, type Message, type Order, type Reply, type Whereabouts } from './protocol.js'

/** Milliseconds for which a process that should end is waited for before it is asked where it is. */
const GRACE_MS = 250
/** Milliseconds between two looks at a process: what is in the same step then hangs. */
const LOOK_MS = 150
/** Milliseconds that it may take to tell where it is. */
const TELLING_MS = 500
/** Milliseconds after which a process is ended that gets on, and yet does not end. */
const PATIENCE_MS = 5000
/** Milliseconds without a word after which somebody looks whether the process hangs. */
const SILENCE_MS = 10_000
/** Milliseconds that a processor must have worked meanwhile: on a machine that is loaded it takes as long as that takes. */
const WORK_MS = SILENCE_MS / 2
/** Milliseconds that it may take to tell where it is after a silence, which is not hurried. */
const SILENT_TELLING_MS = 5000
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
}

/** What to watch while an order is carried out. */
export interface Watch {
  /** Milliseconds after which it should have ended by itself. */
  readonly timeMs?: number | undefined
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
    const began = performance.now()
    let heard = began
    let where: ((whereabouts: Whereabouts) => void) | undefined
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
      /** Where it is; `undefined` if it cannot even tell that. */
      const ask = (ms: number): Promise<Whereabouts | undefined> =>
        new Promise((answer) => {
          where = answer
          after(ms, () => answer(undefined))
          this.tell({ kind: 'where' })
        })
      /** Ends it if it is where it was at the last look; else looks again, as long as `patient` says. */
      const look = async (patient: () => boolean, why: string): Promise<void> => {
        const telling = why === SILENT ? SILENT_TELLING_MS : TELLING_MS
        const first = await ask(telling)
        if (this.hear === undefined) return
        after(LOOK_MS, async () => {
          const second = await ask(telling)
          if (this.hear === undefined) return
          if (why === SILENT && second !== undefined && mayBeSlow(second)) return
          if (first === undefined || second === undefined || stands(first, second))
            fail(new ProcessError('hang', `${hanging(second ?? first)}; ${why}`))
          else if (patient()) void look(patient, why)
          else if (why !== SILENT)
            fail(new ProcessError('hang', `it does not end: ${standing(second)}; ${why}`))
        })
      }
      let overdue = false
      const mustEnd = (why: string) => {
        if (overdue) return
        overdue = true
        after(GRACE_MS, () => {
          const until = performance.now() + PATIENCE_MS
          void look(() => performance.now() < until, why)
        })
      }
      const onAbort = () => {
        this.tell({ kind: 'stop' })
        mustEnd('the run was interrupted')
      }
      const listen = () => {
        if (!overdue && performance.now() - heard > SILENCE_MS) {
          heard = performance.now()
          void look(() => false, SILENT)
        }
        after(SILENCE_MS / 4, listen)
      }
      this.hear = (reply) => {
        heard = performance.now()
        switch (reply.kind) {
          case 'done':
            return settle(() => resolve(reply.result))
          case 'failed': {
            const error = errorOf(reply.error)
            return reply.fatal ? fail(error) : settle(() => reject(error))
          }
          case 'alive':
            return
          case 'progress':
            return watch.onProgress?.(reply.progress)
          case 'whereabouts':
            return where?.(reply.whereabouts)
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

/** True if a process is in the same step, or else in the same function that is not the engine's. */
function stands(first: Whereabouts, second: Whereabouts): boolean {
  if (first.started !== second.started) return false
  if (second.place !== undefined) return true
  const [before, now] = [first, second].map(({ frames }) => frames[0]?.replace(/:\d+\)$/, ''))
  return now !== undefined && now === before && !now.includes(ENGINE)
}

/** True if a process runs something, and has hardly been let. */
function mayBeSlow({ frames, busyMs = Number.POSITIVE_INFINITY }: Whereabouts): boolean {
  return frames.length > 0 && busyMs < WORK_MS
}

/** Where the engine's modules are. What takes long there ends. */
const ENGINE = new URL('../../', import.meta.url).href

const SILENT = 'nothing was heard of it for 10 seconds'

function hanging(whereabouts: Whereabouts | undefined): string {
  if (whereabouts === undefined) return 'it hangs, in something that cannot be looked into'
  if (whereabouts.place === undefined && whereabouts.frames.length === 0)
    return 'it waits for something that does not come, a timer or an answer'
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

/**
 * What a running check shows: one live line on a terminal, a plain line every few seconds elsewhere.
 *
 * @module
 */
import { createLogUpdate } from 'log-update'
import type { Progress, Verdict } from '../../checker/result.js'
import type { RandomResult } from '../../checker/runs/random.js'
import { duration, figure } from '../../report/form/figures.js'
import { verdictText } from '../../report/text.js'
import { type Io, layoutFor } from './io.js'

/** Milliseconds between two plain lines. */
const PLAIN_INTERVAL_MS = 5000

/** Shows how checks get on. */
export interface ProgressDisplay {
  /** A check tells where it is. */
  update(progress: Progress): void
  /** A check has ended, under `name`; `facts` say how far it went. */
  finished(name: string, verdict: Verdict | RandomResult['verdict'], facts: string): void
  /** A check could not be made, because of a mistake in what it checks. */
  failed(name: string, message: string): void
  /** Something to say that stays. */
  say(text: string): void
  /** Nothing more comes. */
  close(): void
}

/**
 * A display on `io.stderr`.
 *
 * @param total - how many checks there will be
 */
export function progressDisplay(io: Io, total: number): ProgressDisplay {
  return io.stderr.isTTY === true && io.env.TERM !== 'dumb' ? live(io, total) : plainLines(io, total)
}

/** `203,031 states, 512,000 states/s, queue 1,024, depth 31, 1.2s`. */
function where({ states, queue, depth, elapsedMs, phase }: Progress): string {
  if (phase === 'progress')
    return `looking for runs that never get on, ${figure(states)} states, ${figure(queue)} to go, ${duration(elapsedMs)}`
  if (phase === 'audit') return `running it live, ${figure(states)} states, ${duration(elapsedMs)}`
  const rate = elapsedMs > 0 ? Math.round((states / elapsedMs) * 1000) : 0
  return `${figure(states)} states, ${figure(rate)} states/s, queue ${figure(queue)}, depth ${figure(depth)}, ${duration(elapsedMs)}`
}

function failure(name: string, message: string): string {
  return `${name}: could not be checked: ${message.split('\n', 1)[0]}`
}

function live(io: Io, total: number): ProgressDisplay {
  const layout = layoutFor(io.stderr, io.env)
  const log = createLogUpdate(io.stderr as unknown as NodeJS.WritableStream, { showCursor: true })
  let done = 0
  const say = (text: string) => {
    log.clear()
    io.stderr.write(`${text}\n`)
  }
  return {
    update: (progress) => {
      const head = layout.colours.bold(progress.scenario)
      log(`${layout.colours.dim(`[${done + 1}/${total}]`)} ${head}  ${where(progress)}`)
    },
    finished: (name, verdict, facts) => {
      done++
      say(`${name}: ${verdictText(verdict, layout)}, ${facts}`)
    },
    failed: (name, message) => {
      done++
      say(failure(name, message))
    },
    say,
    close: () => log.clear(),
  }
}

function plainLines(io: Io, total: number): ProgressDisplay {
  let done = 0
  let last = 0
  const say = (text: string) => {
    io.stderr.write(`${text}\n`)
  }
  return {
    update: (progress) => {
      // A new check counts its time from 0 again.
      if (progress.elapsedMs < last) last = 0
      if (progress.elapsedMs - last < PLAIN_INTERVAL_MS) return
      last = progress.elapsedMs
      say(`[${done + 1}/${total}] ${progress.scenario}: ${where(progress)}`)
    },
    finished: (name, verdict, facts) => {
      done++
      last = 0
      say(`[${done}/${total}] ${name}: ${verdict}, ${facts}`)
    },
    failed: (name, message) => {
      done++
      last = 0
      say(`[${done}/${total}] ${failure(name, message)}`)
    },
    say,
    close: () => undefined,
  }
}

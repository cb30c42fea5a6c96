/**
 * A peer that is a program: it reads questions from its standard input and answers on its standard output.
 *
 * The program is not trusted. It runs in a process group of its own, which is killed when it does not answer in time,
 * writes more than an answer may have, or has ended; what it writes is read piece by piece and never kept beyond the
 * limit.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { type Peer, PeerFailure } from './peer.js'
import {
  type Hello,
  type PeerAnswer,
  PROTOCOL,
  ProtocolError,
  type Question,
  questionLine,
  readAnswer,
  readHello,
  readOutcome,
  shown,
  type UNSUPPORTED,
} from './protocol.js'

/** What a peer may take. */
export interface PeerLimits {
  /** Milliseconds until the answer to `hello`. */
  readonly startMs: number
  /** Milliseconds until any other answer. */
  readonly answerMs: number
  /** Bytes of one answer. */
  readonly answerBytes: number
}

/** What a peer may take unless something else is said. */
export const PEER_LIMITS: PeerLimits = { startMs: 60_000, answerMs: 10_000, answerBytes: 1_000_000 }

/** How much of the standard error is kept for messages, in characters. */
const KEPT_OF_STDERR = 400

interface Pending {
  readonly id: number
  readonly answered: (fields: ReturnType<typeof readAnswer>) => void
  readonly failed: (failure: PeerFailure) => void
}

/** Runs a program as a peer. */
export class ProcessPeer implements Peer {
  private child: ChildProcessWithoutNullStreams | undefined
  private pending: Pending | undefined
  private failure: PeerFailure | undefined
  private readonly pieces: Buffer[] = []
  private bytes = 0
  private asked = 0
  private complaints = ''
  private hasExited = false
  private ended: Promise<void> = Promise.resolve()
  private readonly killOnExit = () => this.kill()

  /**
   * @param command - a command line for the shell
   * @param limits - what it may take
   */
  constructor(
    private readonly command: string,
    private readonly limits: PeerLimits = PEER_LIMITS,
  ) {}

  async hello(): Promise<Hello> {
    this.start()
    return this.ask({ hello: { protocol: PROTOCOL } }, this.limits.startMs, readHello)
  }

  async reset(sequence: string): Promise<void> {
    await this.ask({ reset: sequence }, this.limits.answerMs, () => undefined)
  }

  perform(operation: string): Promise<PeerAnswer | typeof UNSUPPORTED> {
    return this.ask({ op: operation }, this.limits.answerMs, readOutcome)
  }

  async end(): Promise<void> {
    if (this.child === undefined) return
    try {
      if (this.failure === undefined) {
        await this.ask({ bye: true }, this.limits.answerMs, () => undefined)
        this.child.stdin.end()
        await this.endedWithin(this.limits.answerMs)
      }
    } catch (error) {
      if (!(error instanceof PeerFailure)) throw error
    } finally {
      this.kill()
      await this.ended
      this.child.stdout.destroy()
      process.off('exit', this.killOnExit)
    }
  }

  private async endedWithin(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs)
    })
    await Promise.race([this.ended, late])
    clearTimeout(timer)
  }

  private start(): void {
    const child = spawn(this.command, { shell: true, detached: true, stdio: 'pipe' })
    this.child = child
    process.once('exit', this.killOnExit)
    child.stdin.on('error', () => {
      // It has closed its input: what it answers, or that it has ended, says the rest.
    })
    child.stdout.on('data', (piece: Buffer) => this.read(piece))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.complaints = (this.complaints + text).slice(-KEPT_OF_STDERR)
    })
    child.on('error', (error) => this.fail(new PeerFailure('exit', `it cannot be run (${error.message})`)))
    this.ended = new Promise((resolve) => {
      child.on('exit', () => {
        // What it has started itself would hold its output open.
        this.kill()
        this.hasExited = true
        resolve()
      })
      child.on('error', () => resolve())
    })
    child.on('close', (code, signal) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`
      const last = this.complaints.trim().split('\n').at(-1) ?? ''
      const said = last === '' ? '' : `; it said ${shown(last)}`
      this.fail(new PeerFailure('exit', `it ended ${how} without an answer${said}`))
    })
  }

  private async ask<T>(
    question: Question,
    limitMs: number,
    read: (fields: ReturnType<typeof readAnswer>) => T,
  ): Promise<T> {
    if (this.failure !== undefined) throw this.failure
    const id = this.asked++
    let timer: NodeJS.Timeout | undefined
    try {
      const fields = await new Promise<ReturnType<typeof readAnswer>>((answered, failed) => {
        this.pending = { id, answered, failed }
        timer = setTimeout(
          () => this.fail(new PeerFailure('hang', `no answer within ${limitMs} ms`)),
          limitMs,
        )
        this.child?.stdin.write(questionLine(id, question))
      })
      return read(fields)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      const failure = new PeerFailure('garbage', error.message)
      this.fail(failure)
      throw failure
    } finally {
      clearTimeout(timer)
    }
  }

  private read(piece: Buffer): void {
    let rest = piece
    while (this.failure === undefined) {
      const end = rest.indexOf(NEWLINE)
      this.bytes += end < 0 ? rest.length : end
      if (this.bytes > this.limits.answerBytes) {
        this.fail(new PeerFailure('flood', `a line of more than ${this.limits.answerBytes} bytes`))
        return
      }
      this.pieces.push(end < 0 ? rest : rest.subarray(0, end))
      if (end < 0) return
      const line = Buffer.concat(this.pieces.splice(0)).toString('utf8')
      this.bytes = 0
      this.answer(line)
      rest = rest.subarray(end + 1)
      if (rest.length === 0) return
    }
  }

  private answer(line: string): void {
    const { pending } = this
    if (pending === undefined) {
      this.fail(new PeerFailure('garbage', `an answer to nothing: ${shown(line)}`))
      return
    }
    try {
      const fields = readAnswer(line, pending.id)
      this.pending = undefined
      pending.answered(fields)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.fail(new PeerFailure('garbage', error.message))
    }
  }

  /** The first failure is the one that counts. */
  private fail(failure: PeerFailure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.kill()
    this.pending?.failed(failure)
    this.pending = undefined
  }

  /** Kills the whole process group: what the shell has started, and what that has. */
  private kill(): void {
    const { child } = this
    if (child?.pid === undefined || this.hasExited) return
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      child.kill('SIGKILL')
    }
    child.stdin.destroy()
    if (this.failure !== undefined) child.stdout.destroy()
    child.stderr.destroy()
  }
}

const NEWLINE = 0x0a

/**
 * Processes that measure and judge, each for one order.
 *
 * @module
 */
import { fork } from 'node:child_process'
import type { BuildCopy } from './build-copy.js'
import type { Order, Reply } from './protocol.js'

/** What ended a process that did not answer. */
export interface Lost {
  readonly code: 'hang' | 'crashed' | 'interrupted'
  /** What it was doing. */
  readonly at: string | undefined
  readonly message: string
}

/** How a process is watched. */
export interface Watch {
  /** Milliseconds that it may take from one word to the next, by what it said that it began. */
  patience(name: string | undefined): number
  readonly signal: AbortSignal
  onReply(reply: Reply): void
}

/**
 * Gives `order` to a process that runs from `copy`.
 *
 * @returns how it was lost, if it did not come to the end
 */
export function execute(copy: BuildCopy, order: Order, watch: Watch): Promise<Lost | undefined> {
  return new Promise((resolve) => {
    const child = fork(copy.pathOf('src/mutate/judging/child.js'), {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Ctrl-C is for the command line, which ends it.
      detached: true,
      execArgv: [],
    })
    let at: string | undefined
    let said = ''
    let ended = false
    let timer: NodeJS.Timeout | undefined
    const end = (lost: Lost | undefined): void => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      watch.signal.removeEventListener('abort', onAbort)
      child.kill('SIGKILL')
      resolve(lost)
    }
    const wait = (): void => {
      clearTimeout(timer)
      const ms = watch.patience(at)
      timer = setTimeout(() => end({ code: 'hang', at, message: `nothing was heard for ${ms} ms` }), ms)
    }
    const onAbort = (): void => end({ code: 'interrupted', at, message: 'the run was interrupted' })
    watch.signal.addEventListener('abort', onAbort)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000)
    })
    child.on('message', (reply: Reply) => {
      if (ended) return
      if (reply.kind === 'begun') at = reply.name
      wait()
      watch.onReply(reply)
      if (reply.kind === 'end') end(undefined)
      else if (reply.kind === 'failed') end({ code: 'crashed', at, message: reply.message })
    })
    child.on('error', (error) => end({ code: 'crashed', at, message: error.message }))
    child.on('close', () => end({ code: 'crashed', at, message: said.trim() || 'the process ended' }))
    wait()
    child.send(order)
    if (watch.signal.aborted) onAbort()
  })
}

/**
 * The second thread of a process that runs checks: it holds the connection, so that the process answers while its main
 * thread does not. It tells where the main thread is by stopping it as a debugger does, and ends the process when the
 * command line is gone.
 *
 * @module
 */
import { Session } from 'node:inspector'
import { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { CONNECTION, Lines, type Message, type Reply, WHEREABOUTS, type Whereabouts } from './protocol.js'

/** What the main thread gives the watchdog. */
export interface WatchdogData {
  /** Most bytes that the process may use. */
  readonly memoryBytes: number
}

/** Milliseconds between two looks at the memory. */
const LOOK_MS = 100
/** Milliseconds that the main thread may take to stop where it is. */
const STOPPING_MS = 500
/** Functions that are told of the main thread. */
const FRAMES = 6

const main = parentPort
if (main === null) throw new Error('the watchdog is a worker thread')
const { memoryBytes } = workerData as WatchdogData
const connection = new Socket({ fd: CONNECTION, readable: true, writable: true })

function say(reply: Reply): void {
  connection.write(`${JSON.stringify(reply)}\n`)
}

/** CPU time of this process, all of its threads, in milliseconds. */
function workedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const end = () => process.kill(process.pid, 'SIGKILL')
connection.on('close', end)
connection.on('error', end)

const lines = new Lines((line) => {
  const message = JSON.parse(line) as Message
  if (message.kind === 'where') void tell()
  else main.postMessage(message)
})
connection.setEncoding('utf8')
connection.on('data', (text: string) => lines.push(text))
// What the main thread says is text already: its objects may be strange.
main.on('message', (line: string) => {
  connection.write(`${line}\n`)
})

let full = false
setInterval(() => {
  const bytes = process.memoryUsage.rss()
  if (full || bytes <= memoryBytes) return
  full = true
  void interrogate().then((whereabouts) => say({ kind: 'memory', bytes, whereabouts }))
}, LOOK_MS).unref()

interface PausedFrame {
  readonly functionName: string
  readonly location: { readonly scriptId: string; readonly lineNumber: number }
}

/** The main thread was told to stop, and has not yet. */
let asked: Promise<Whereabouts> | undefined

/** Says where the main thread is, or that it does not stop. */
async function tell(): Promise<void> {
  asked ??= interrogate().finally(() => {
    asked = undefined
  })
  const whereabouts = await Promise.race([
    asked,
    new Promise<undefined>((stop) => setTimeout(stop, STOPPING_MS)),
  ])
  say({ kind: 'whereabouts', workedMs: workedMs(), ...(whereabouts === undefined ? {} : { whereabouts }) })
}

/** Stops the main thread wherever it is, looks, and lets it go on. */
function interrogate(): Promise<Whereabouts> {
  const session = new Session()
  session.connectToMainThread()
  const urls = new Map<string, string>()
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url))
  return new Promise((resolve) => {
    session.once('Debugger.paused', ({ params }) => {
      const frames = (params.callFrames as readonly PausedFrame[])
        .map(({ functionName, location }) => ({
          url: urls.get(location.scriptId) ?? '',
          text: `${functionName || 'a function'} (${urls.get(location.scriptId) ?? '?'}:${location.lineNumber + 1})`,
        }))
        .filter(({ url }) => !url.startsWith('node:'))
        .slice(0, FRAMES)
        .map(({ text }) => text)
      const expression = `JSON.stringify(globalThis[Symbol.for(${JSON.stringify(WHEREABOUTS)})]())`
      session.post('Runtime.evaluate', { expression, returnByValue: true }, (_error, answer) => {
        const known = parsed((answer as { result?: { value?: unknown } } | undefined)?.result?.value)
        session.post('Debugger.resume', () => {
          session.disconnect()
          resolve({ started: 0, ...known, frames })
        })
      })
    })
    session.post('Debugger.enable')
    session.post('Debugger.pause')
  })
}

/** What the main thread told of itself; nothing if what it runs has spoilt that too. */
function parsed(text: unknown): Partial<Whereabouts> {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as Partial<Whereabouts>) : {}
  } catch {
    return {}
  }
}

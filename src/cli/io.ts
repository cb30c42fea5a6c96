/**
 * What the command line needs of its surroundings, so that it runs in a test as it does in a terminal.
 *
 * @module
 */
import { type Colours, colourful, type Layout, plain } from '../report/colours.js'

/** Where text goes. */
export interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

/** The surroundings of one run. */
export interface Io {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  /**
   * Calls `handler` at each Ctrl-C until the function that it returns is called.
   */
  onInterrupt(handler: () => void): () => void
  /** Ends the process at once. */
  quit(code: number): void
}

/** The surroundings of a process. */
export function processIo(): Io {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onInterrupt(handler) {
      process.on('SIGINT', handler)
      return () => {
        process.off('SIGINT', handler)
      }
    },
    quit: (code) => process.exit(code),
  }
}

/** Colours for `sink`: on a terminal, unless `NO_COLOR` is set or `FORCE_COLOR` says otherwise. */
export function coloursFor(sink: Sink, env: Io['env']): Colours {
  if (env.NO_COLOR) return plain
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '')
    return env.FORCE_COLOR === '0' ? plain : colourful
  return sink.isTTY === true && env.TERM !== 'dumb' ? colourful : plain
}

/** How reports are laid out on `sink`. */
export function layoutFor(sink: Sink, env: Io['env']): Layout {
  return { colours: coloursFor(sink, env), width: Math.max(60, Math.min(sink.columns || 110, 160)) }
}

/**
 * What the command line needs of its surroundings, so that it runs in a test as it does in a terminal.
 *
 * @module
 */
import { type Colours, colourful, type Layout, plain } from '../../report/form/colours.js'
import { ExitCode } from '../../report/report.js'

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
   * Calls `handler` at each Ctrl-C, and at each other wish that the run should end, until the function that it returns
   * is called.
   */
  onInterrupt(handler: () => void): () => void
  /** Ends the process at once. */
  quit(code: number): void
  /** Waits until the standard output has taken what was written to it; answers why it did not take all. */
  flushed?(): Promise<Error | undefined>
}

/** What ends a run in good order: Ctrl-C, a job that is cancelled, a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The surroundings of a process. */
export function processIo(): Io {
  const stdout = new ProcessSink(process.stdout)
  const stderr = new ProcessSink(process.stderr)
  return {
    stdout,
    stderr,
    env: process.env,
    onInterrupt(handler) {
      for (const signal of SIGNALS) process.on(signal, handler)
      return () => {
        for (const signal of SIGNALS) process.off(signal, handler)
      }
    },
    quit: (code) => process.exit(code),
    flushed: () => stdout.flushed(),
  }
}

/** One of the standard streams: an error of it is kept until somebody asks, and ends nothing. */
class ProcessSink implements Sink {
  private error: Error | undefined

  constructor(private readonly stream: NodeJS.WriteStream) {
    stream.on('error', (error) => this.keep(error))
  }

  get isTTY(): boolean | undefined {
    return this.stream.isTTY
  }

  get columns(): number | undefined {
    return this.stream.columns
  }

  get rows(): number | undefined {
    return this.stream.rows
  }

  write(text: string): boolean {
    if (this.error !== undefined) return false
    try {
      return this.stream.write(text)
    } catch (error) {
      this.keep(error as Error)
      return false
    }
  }

  async flushed(): Promise<Error | undefined> {
    if (this.error === undefined)
      await new Promise<void>((resolve) => {
        this.stream.write('', () => resolve())
      })
    return this.error
  }

  private keep(error: Error): void {
    // A reader that has seen enough (`hmm-spec list scenarios | head`) loses nothing.
    this.error ??= error
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

/**
 * Waits until what was printed is taken.
 *
 * @param exitCode - of the run until then
 * @returns the exit code, if something was lost that of it
 */
export async function finished(io: Io, exitCode: number): Promise<number> {
  const lost = await io.flushed?.()
  if (lost === undefined || codeOf(lost) === 'EPIPE') return exitCode
  io.stderr.write(
    `${coloursFor(io.stderr, io.env).red('error:')} the standard output did not take all (${codeOf(lost)}); ` +
      `the exit code would otherwise be ${exitCode}\n`,
  )
  return ExitCode.unwritten
}

/** The system's code of an error, such as `ENOENT`, or its message. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : error instanceof Error ? error.message : String(error)
}

/**
 * Runs again whenever a file of the user's is saved, until Ctrl-C.
 *
 * @module
 */
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { basename, dirname, relative, resolve } from 'node:path'
import { ExitCode } from '../../report/report.js'
import { importedFiles } from '../loading/driver-text.js'
import type { Io } from '../terminal/io.js'
import { failed } from './failed.js'

/** Milliseconds for which a file that was changed is left alone: editors write it in several pieces. */
const SETTLED_MS = 20

/** What is run. */
export interface Watched {
  /** Files of the user's; what they import is watched too. */
  readonly files: readonly string[]
  /** Runs once. Its output is shown when it has ended, unless a file was changed meanwhile. */
  run(io: Io): Promise<number>
  /** Called when a run has ended, to prepare the next. */
  prepare(): void
}

/**
 * Runs, and runs again each time that the text of one of the files has changed. A run that is under way then is ended.
 *
 * @returns the exit code of the last run that was not ended
 */
export async function watching(io: Io, { files, run, prepare }: Watched): Promise<number> {
  let last: number = ExitCode.limit
  const texts = new Texts(files)
  const interrupted = new Promise<'interrupted'>((resolve) => {
    io.onInterrupt(() => resolve('interrupted'))
  })
  try {
    for (;;) {
      const changed = texts.next()
      const turn = new Turn(io)
      const running = turn.run(run)
      const first = await Promise.race([running, changed, interrupted])
      if (typeof first !== 'number') {
        turn.stop()
        await running
        if (first === 'interrupted') return last
        continue
      }
      last = first
      turn.show()
      io.stderr.write(`\nwatching ${files.map(shown).join(', ')}; Ctrl-C ends with exit code ${last}\n`)
      prepare()
      if ((await Promise.race([changed, interrupted])) === 'interrupted') return last
    }
  } finally {
    texts.close()
  }
}

function shown(file: string): string {
  return relative(process.cwd(), resolve(file))
}

/** One run, which may be ended, and is silent then. */
class Turn {
  private readonly handlers = new Set<() => void>()
  private text = ''
  private stopped = false
  private readonly io: Io

  constructor(private readonly outer: Io) {
    const { stdout, stderr } = outer
    this.io = {
      ...outer,
      stdout: {
        isTTY: stdout.isTTY,
        columns: stdout.columns,
        write: (text) => {
          this.text += text
        },
      },
      stderr: {
        isTTY: stderr.isTTY,
        columns: stderr.columns,
        write: (text) => (this.stopped ? undefined : stderr.write(text)),
      },
      onInterrupt: (handler) => {
        this.handlers.add(handler)
        return () => this.handlers.delete(handler)
      },
      // Once more within one run: whoever has stopped it is heard already.
      quit: () => {},
    }
  }

  async run(once: (io: Io) => Promise<number>): Promise<number> {
    try {
      return await once(this.io)
    } catch (error) {
      const exitCode = failed(error, this.io)
      if (exitCode === undefined) throw error
      return exitCode
    }
  }

  stop(): void {
    this.stopped = true
    for (const handler of this.handlers) handler()
  }

  show(): void {
    this.outer.stdout.write(this.text)
  }
}

/** The texts of files, and of what they import. */
class Texts {
  private readonly watchers = new Map<string, FSWatcher>()
  private names: readonly string[] = []
  private known = ''
  private changed: (() => void) | undefined
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly files: readonly string[]) {}

  /** Resolves when one of the texts is not as it is now. */
  next(): Promise<'changed'> {
    this.follow()
    this.known = this.read()
    return new Promise((resolve) => {
      this.changed = () => resolve('changed')
    })
  }

  close(): void {
    clearTimeout(this.timer)
    for (const watcher of this.watchers.values()) watcher.close()
  }

  /** Watches the folders: an editor may put another file in the place of the one that was there. */
  private follow(): void {
    this.names = [...new Set(this.files.flatMap((file) => [resolve(file), ...importedFiles(resolve(file))]))]
    for (const folder of new Set(this.names.map(dirname))) {
      if (this.watchers.has(folder)) continue
      const watcher = watch(folder, (_, name) => {
        if (name === null || this.names.some((file) => basename(file) === name)) this.look()
      })
      this.watchers.set(folder, watcher)
    }
  }

  private look(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      if (this.read() !== this.known) this.changed?.()
    }, SETTLED_MS)
  }

  private read(): string {
    return JSON.stringify(this.names.map(textOf))
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // It is being replaced, or gone: whoever loads it will say so.
    return undefined
  }
}

/**
 * With what a command runs: the project that is asked for, its processes, its limits.
 *
 * @module
 */
import type { Command } from 'commander'
import type { RecordedTrace } from '../../report/sequence/trace-file.js'
import { selectionOf } from '../arguments/linux.js'
import { selected } from '../arguments/selected.js'
import { type Choice, type Project, type SupervisionOptions, scenariosOfDriver } from '../project.js'
import type { Io } from '../terminal/io.js'
import type { Format } from '../terminal/output.js'

/** What a command is declared with. */
export interface Declaring {
  /** A command of that name, with what it does in one line. */
  readonly command: (name: string, summary: string) => Command
  readonly project: Project
  readonly io: Io
  /** The exit code will be that. */
  readonly exit: (code: number) => void
}

/** The options of a command that checks. */
export interface RunOptions {
  readonly format: Format
  readonly output?: string
  readonly timeLimit?: number
  readonly memoryLimit?: number
  readonly stateLimit?: number
  readonly traceDir?: string
  readonly workers?: number
  readonly reductions: boolean
  readonly memo: boolean
}

/** Calls `run` with the project that is asked for, whose processes end with it. */
export async function withProject<T>(
  project: Project,
  io: Io,
  choice: Choice,
  options: SupervisionOptions,
  run: (project: Project) => Promise<T> | T,
): Promise<T> {
  const selection = selectionOf(choice)
  const chosen = await (project.supervised?.(selection, options, io) ?? selected(project, selection))
  const used = choice.linux === undefined ? chosen : { ...chosen, linux: choice.linux }
  try {
    return await run(used)
  } finally {
    used.close?.()
  }
}

/** How the checks are run. */
export function supervision({ workers, ...options }: RunOptions): SupervisionOptions {
  return { limits: runOptions(options).limits, ...(workers === undefined ? {} : { workers }) }
}

/**
 * What a trace is replayed with: what is asked for, or else what it was recorded with. A driver's file is never taken from
 * a trace: to read one is to run it.
 */
export function recordedWith(project: Project, { run, defects }: RecordedTrace, asked: Choice): Choice {
  if (run === undefined || defects.length > 0 || asked.linux !== undefined) return asked
  const own = run.driver !== null && scenariosOfDriver(project, run.driver.file) !== undefined
  return {
    ...(run.release === null ? {} : { generation: run.release }),
    ...(run.profile === null ? {} : { kernel: run.profile }),
    ...(own ? { driver: run.driver.file } : {}),
    ...asked,
  }
}

/** The options of a run, as a command takes them. */
export function runOptions({
  format,
  output,
  traceDir,
  timeLimit,
  memoryLimit,
  stateLimit,
  reductions,
  memo,
}: RunOptions) {
  return {
    format,
    reductions: reductions ? ('all' as const) : ('none' as const),
    claims: memo ? ('remembered' as const) : ('directly' as const),
    ...(output === undefined ? {} : { output }),
    ...(traceDir === undefined ? {} : { traceDir }),
    limits: {
      ...(timeLimit === undefined ? {} : { timeMs: timeLimit }),
      ...(memoryLimit === undefined ? {} : { memoryBytes: memoryLimit }),
      ...(stateLimit === undefined ? {} : { states: stateLimit }),
    },
  }
}

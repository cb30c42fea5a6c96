/**
 * Where reports and traces go.
 *
 * @module
 */
import { accessSync, constants, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Trace } from '../checker/result.js'
import type { Layout } from '../report/colours.js'
import { plain } from '../report/colours.js'
import { traceJson } from '../report/json.js'
import { type Io, layoutFor } from './io.js'
import { UsageError } from './usage.js'

/** How a report is written. */
export const FORMATS = ['text', 'json', 'junit'] as const

/** One of {@link FORMATS}. */
export type Format = (typeof FORMATS)[number]

/** Where and how a report is written. */
export interface OutputOptions {
  readonly format: Format
  /** A file in place of the standard output. */
  readonly output?: string
}

/** The ways to write one report. */
export interface Writers {
  text(layout: Layout): string
  json(): string
  junit(): string
}

/**
 * Makes sure, before anything takes long, that the report can be written.
 *
 * @throws UsageError if `file` cannot be
 */
export function assertWritable(file: string | undefined): void {
  if (file === undefined) return
  const folder = dirname(resolve(file))
  try {
    accessSync(folder, constants.W_OK)
  } catch (error) {
    throw new UsageError(`--output ${file}: cannot write to ${folder} (${codeOf(error)})`)
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`--output ${file} is a directory`)
}

/**
 * Makes the directory for traces.
 *
 * @throws UsageError if that cannot be done
 */
export function makeTraceDirectory(directory: string | undefined): void {
  if (directory === undefined) return
  try {
    mkdirSync(directory, { recursive: true })
    accessSync(directory, constants.W_OK)
  } catch (error) {
    throw new UsageError(`--trace-dir ${directory}: cannot write there (${codeOf(error)})`)
  }
}

/** Writes a report. With a file, the text goes to the standard output as well: a run that took long should be seen. */
export function writeReport(io: Io, options: OutputOptions, writers: Writers): void {
  const layout = layoutFor(io.stdout, io.env)
  const render = (layout: Layout) =>
    options.format === 'json'
      ? writers.json()
      : options.format === 'junit'
        ? writers.junit()
        : writers.text(layout)
  if (options.output === undefined) {
    io.stdout.write(withNewline(render(layout)))
    return
  }
  try {
    writeFileSync(options.output, withNewline(render({ colours: plain, width: 110 })))
  } catch (error) {
    io.stdout.write(writers.text(layout))
    throw new UsageError(
      `--output ${options.output}: the report could not be written (${codeOf(error)}); it is printed instead`,
    )
  }
  io.stdout.write(writers.text(layout))
  io.stderr.write(`${options.format} report written to ${options.output}\n`)
}

/** Saves a trace under `name` in `directory`, and returns the file's path. */
export function saveTrace(directory: string, name: string, trace: Trace): string {
  const file = join(directory, `${name.replace(/[^\w.-]+/g, '-').replace(/-+$/, '')}.json`)
  try {
    writeFileSync(file, traceJson(trace))
  } catch (error) {
    throw new UsageError(`--trace-dir ${directory}: ${file} could not be written (${codeOf(error)})`)
  }
  return file
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}

/** The system's code of an error, such as `ENOENT`, or its message. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : error instanceof Error ? error.message : String(error)
}

/**
 * Where reports and traces go.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Trace } from '../../checker/result.js'
import { makeFolder } from '../../host/folder.js'
import type { Layout } from '../../report/form/colours.js'
import { plain } from '../../report/form/colours.js'
import { printable } from '../../report/form/printable.js'
import { traceJson } from '../../report/json.js'
import { ExitCode, type RunFacts, type TraceFiles, type Unsaved } from '../../report/report.js'
import { UsageError } from '../arguments/usage.js'
import { codeOf, coloursFor, type Io, layoutFor } from './io.js'

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
export function assertWritable(file: string | undefined, option = '--output'): void {
  if (file === undefined) return
  if (file.trim() === '') throw new UsageError(`${option} names no file; write ${option} report.json`)
  const folder = dirname(resolve(file))
  let found: Stats | undefined
  try {
    found = statSync(file, { throwIfNoEntry: false })
    accessSync(found === undefined ? folder : file, constants.W_OK)
  } catch (error) {
    throw new UsageError(`${option} ${file}: cannot write to ${folder} (${codeOf(error)})`)
  }
  if (found?.isDirectory()) throw new UsageError(`${option} ${file} is a directory`)
}

/**
 * Makes the directory for traces.
 *
 * @throws UsageError if that cannot be done
 */
export function makeTraceDirectory(directory: string | undefined): void {
  if (directory !== undefined) makeDirectory('--trace-dir', directory, 'traces')
}

/**
 * Makes the directory that `option` names.
 *
 * @param example - what could have been named
 * @throws UsageError if that cannot be done
 */
export function makeDirectory(option: string, directory: string, example: string): void {
  if (directory.trim() === '')
    throw new UsageError(`${option} names no directory; write ${option} ${example}`)
  try {
    makeFolder(directory)
    accessSync(directory, constants.W_OK)
  } catch (error) {
    throw new UsageError(`${option} ${directory}: cannot write there (${codeOf(error)})`)
  }
}

/**
 * Writes documents into a folder, and says where.
 *
 * @param documents - names of files, and their texts
 * @returns the exit code: `exitCode`, or that of a document that could not be written
 */
export function writeDocuments(
  io: Io,
  folder: string,
  documents: readonly (readonly [file: string, text: string])[],
  exitCode: number,
): number {
  let code = exitCode
  for (const [file, text] of documents) {
    const path = join(folder, file)
    try {
      makeFolder(dirname(path))
      writeFileSync(path, text)
      io.stdout.write(`${path}\n`)
    } catch (error) {
      code = ExitCode.unwritten
      io.stderr.write(
        `${coloursFor(io.stderr, io.env).red('error:')} ${path} could not be written (${codeOf(error)}); ` +
          `the exit code would otherwise be ${exitCode}\n`,
      )
    }
  }
  return code
}

/**
 * Writes a report. With a file, the text goes to the standard output as well: a run that took long should be seen.
 *
 * @returns the exit code: `exitCode`, or that of a report that could not be written
 */
export function writeReport(io: Io, options: OutputOptions, writers: Writers, exitCode: number): number {
  const layout = layoutFor(io.stdout, io.env)
  const render = (layout: Layout) =>
    options.format === 'json'
      ? writers.json()
      : options.format === 'junit'
        ? writers.junit()
        : printable(writers.text(layout))
  if (options.output === undefined) {
    io.stdout.write(withNewline(render(layout)))
    return exitCode
  }
  let lost: unknown
  try {
    writeWhole(options.output, withNewline(render({ colours: plain, width: 110 })))
  } catch (error) {
    lost = error
  }
  io.stdout.write(printable(writers.text(layout)))
  if (lost === undefined) {
    io.stderr.write(`${options.format} report written to ${options.output}\n`)
    return exitCode
  }
  io.stderr.write(
    `${coloursFor(io.stderr, io.env).red('error:')} --output ${options.output}: the report could not be written ` +
      `(${codeOf(lost)}); its text is printed instead; the exit code would otherwise be ${exitCode}\n`,
  )
  return ExitCode.unwritten
}

/** Longest name of a file that every file system takes. */
const LONGEST_NAME = 200

/** For each of `names` a name of a file, without an ending, that file systems take and no other has. */
export function fileNamesFor(names: readonly string[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  const taken = new Set<string>()
  for (const name of names) {
    const plain = name.replace(/[^\w.-]+/g, '-').replace(/-+$/, '')
    const isOwn = plain !== '' && plain.length <= LONGEST_NAME && !taken.has(plain.toLowerCase())
    const file = isOwn ? plain : `${plain.slice(0, LONGEST_NAME)}-${digest(name)}`
    taken.add(file.toLowerCase())
    files.set(name, file)
  }
  return files
}

/** Saves the counterexamples of one run, each as it is found: what cannot be saved loses nothing else. */
export class TraceDirectory implements TraceFiles {
  readonly traces: Record<string, string> = {}
  readonly unsaved: Unsaved[] = []
  private readonly files: ReadonlyMap<string, string>

  /**
   * @param directory - none to save nothing
   * @param names - everything that may turn out to have a counterexample: no two share a file
   * @param run - what made them
   */
  constructor(
    private readonly directory: string | undefined,
    names: readonly string[],
    private readonly run: RunFacts,
  ) {
    this.files = fileNamesFor(names)
  }

  /** Saves `trace`, the counterexample of `name`. */
  save(name: string, trace: Trace): void {
    if (this.directory === undefined) return
    const file = join(this.directory, `${this.files.get(name) ?? digest(name)}.json`)
    try {
      writeWhole(file, traceJson(this.run, trace))
      this.traces[name] = file
    } catch (error) {
      this.unsaved.push({ name, file, message: `${file} could not be written (${codeOf(error)})` })
    }
  }
}

function digest(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 8)
}

/** Writes a file whole or not at all: whoever reads it meanwhile sees what was there before. */
export function writeWhole(file: string, text: string): void {
  const found = statSync(file, { throwIfNoEntry: false })
  if (found !== undefined && !found.isFile()) {
    // A pipe or a device is no file that another can take the place of.
    writeFileSync(file, text)
    return
  }
  const target = found === undefined ? resolve(file) : realpathSync(file)
  const beside = join(dirname(target), `.${digest(target)}-${process.pid}.tmp`)
  try {
    writeFileSync(beside, text, { flush: true })
    renameSync(beside, target)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}

/**
 * `hmm-spec litmus`: what a few threads may end with, explored, exported, or judged from a recording of a kernel.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { allowedOn } from '../../conformance/litmus/allowed.js'
import { readLitmusTests } from '../../conformance/litmus/data.js'
import { exportLitmus } from '../../conformance/litmus/export.js'
import { judgeObservations, readObservations } from '../../conformance/litmus/judge.js'
import { LitmusError, type PinnedTest, readTest } from '../../conformance/litmus/test.js'
import type { KernelVersion } from '../../conformance/result.js'
import type { Layout } from '../../report/form/colours.js'
import {
  litmusExitCode,
  litmusJson,
  litmusText,
  observedExitCode,
  observedJson,
  observedText,
} from '../../report/litmus.js'
import { ExitCode } from '../../report/report.js'
import { didYouMean, UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import { codeOf, type Io } from '../terminal/io.js'
import { assertWritable, type OutputOptions, writeReport } from '../terminal/output.js'

/** How litmus tests are reported. */
export const LITMUS_FORMATS = ['text', 'json'] as const

/** Options of `litmus`. */
export interface LitmusCommandOptions extends OutputOptions {
  readonly format: (typeof LITMUS_FORMATS)[number]
  /** The release whose kernel, with its own test driver, is followed. */
  readonly kernel: KernelVersion
  /** Names all tests, and explores none. */
  readonly list?: boolean
  /** Where to write the tests, for use without Node. */
  readonly export?: string
  /** A recording to judge. */
  readonly observed?: string
  /** Most states of one test. */
  readonly stateLimit?: number
}

/**
 * Explores litmus tests, or lists, exports or judges them.
 *
 * @param names - of tests, or beginnings of their names; all if there are none
 * @returns the exit code
 * @throws UsageError if there is no such test, or a file cannot be read
 */
export function litmusCommand(
  project: Project,
  io: Io,
  names: readonly string[],
  options: LitmusCommandOptions,
): number {
  assertWritable(options.output)
  const asked = [options.list, options.export, options.observed].filter((option) => option !== undefined)
  if (asked.length > 1)
    throw new UsageError('name one of --list, --export DIR and --observed FILE: hmm-spec help litmus')
  const tests = selectedTests(names)
  if (options.list) return listed(io, tests)
  if (options.export !== undefined) return exported(io, tests, options.kernel, options.export)
  try {
    return options.observed === undefined
      ? explored(project, io, tests, options)
      : judged(project, io, tests, options.observed, options)
  } catch (error) {
    if (error instanceof LitmusError) throw new UsageError(error.message)
    throw error
  }
}

function selectedTests(names: readonly string[]): readonly PinnedTest[] {
  const all = readLitmusTests()
  if (names.length === 0) return all
  const selected = new Set<PinnedTest>()
  for (const name of names) {
    const exact = all.filter(({ test }) => test === name)
    const found = exact.length > 0 ? exact : all.filter(({ test }) => test.startsWith(name))
    if (found.length === 0)
      throw new UsageError(
        `there is no litmus test "${name}"${didYouMean(
          name,
          all.map(({ test }) => test),
        )}; hmm-spec litmus --list names all`,
      )
    for (const test of found) selected.add(test)
  }
  return [...selected]
}

function listed(io: Io, tests: readonly PinnedTest[]): number {
  for (const { test, title } of tests) io.stdout.write(`${test}  ${title}\n`)
  return ExitCode.holds
}

function explored(
  project: Project,
  io: Io,
  tests: readonly PinnedTest[],
  options: LitmusCommandOptions,
): number {
  const { kernel, stateLimit } = options
  const limits = stateLimit === undefined ? {} : { states: stateLimit }
  const found = tests.map((test) => ({ test, allowed: allowedOn(readTest(test), kernel, limits) }))
  // What the package has pinned belongs to no exploration.
  const plain = found.map(({ test: { allowed: _, ...test }, allowed }) => ({ test, allowed }))
  const writers = {
    text: (layout: Layout) => litmusText(plain, kernel, layout),
    json: () => litmusJson(plain, kernel, runFacts(project, null)),
    junit: () => '',
  }
  return writeReport(io, options, writers, litmusExitCode(plain))
}

function judged(
  project: Project,
  io: Io,
  tests: readonly PinnedTest[],
  file: string,
  options: LitmusCommandOptions,
): number {
  const selected = new Set(tests.map(({ test }) => test))
  const others = new Set(readLitmusTests().map(({ test }) => test))
  // A name that no test has is not passed over: the recording is of other tests than these.
  const observations = readObservations(contentsOf(file), file).filter(
    ({ test }) => selected.has(test) || !others.has(test),
  )
  const result = judgeObservations(observations, tests, options.kernel)
  const writers = {
    text: (layout: Layout) => observedText(result, layout),
    json: () => observedJson(result, runFacts(project, null)),
    junit: () => '',
  }
  return writeReport(io, options, writers, observedExitCode(result))
}

function contentsOf(file: string): string {
  try {
    const bytes = readFileSync(file)
    return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  } catch (error) {
    throw new UsageError(`--observed ${file}: cannot be read (${codeOf(error)})`)
  }
}

function exported(io: Io, tests: readonly PinnedTest[], kernel: KernelVersion, directory: string): number {
  if (existsSync(directory) && readdirSync(directory).length > 0)
    throw new UsageError(`--export ${directory}: the directory is not empty`)
  try {
    io.stdout.write(
      exportLitmus(tests, kernel, directory)
        .map((file) => `${file}\n`)
        .join(''),
    )
  } catch (error) {
    throw new UsageError(`--export ${directory}: cannot write there (${codeOf(error)})`)
  }
  return ExitCode.holds
}

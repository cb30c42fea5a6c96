/**
 * `hmm-spec validate`: a trace of a concurrent run against the model.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { gunzipSync } from 'node:zlib'
import type { KernelVersion } from '../../conformance/result.js'
import { TraceError } from '../../conformance/validate/trace/ftrace.js'
import { type Validation, validateTrace } from '../../conformance/validate/validate.js'
import { printable } from '../../report/form/printable.js'
import { type ValidateReport, validateExitCode, validateJson, validateText } from '../../report/validate.js'
import { SpecificationError } from '../../world/errors.js'
import { UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import { codeOf, type Io, layoutFor } from '../terminal/io.js'

/** How a judgement is printed. */
export const VALIDATE_FORMATS = ['text', 'json'] as const

/** The kernels whose traces are known. */
export const TRACED_KERNELS: readonly KernelVersion[] = ['6.1', '7.3']

/** Options of `validate`. */
export interface ValidateCommandOptions {
  readonly kernel?: KernelVersion
  readonly stateLimit?: number
  readonly format: (typeof VALIDATE_FORMATS)[number]
}

/**
 * Judges the trace in `file`.
 *
 * @returns the exit code
 * @throws UsageError if it is none, or has no race
 */
export function validateCommand(
  project: Project,
  io: Io,
  file: string,
  { kernel, stateLimit, format }: ValidateCommandOptions,
): number {
  const text = readTraceText(file)
  const begun = performance.now()
  const validation = judged(text, file, {
    ...(kernel === undefined ? {} : { kernel }),
    ...(stateLimit === undefined ? {} : { limits: { states: stateLimit } }),
  })
  const report: ValidateReport = {
    run: { ...runFacts(project, null), profile: validation.kernel },
    validation,
    elapsedMs: performance.now() - begun,
  }
  io.stdout.write(
    format === 'json'
      ? validateJson(report)
      : `${printable(validateText(report, layoutFor(io.stdout, io.env)))}\n`,
  )
  return validateExitCode(report)
}

function judged(text: string, file: string, options: Parameters<typeof validateTrace>[2]): Validation {
  try {
    return validateTrace(text, file, options)
  } catch (error) {
    if (error instanceof TraceError) throw new UsageError(error.message)
    if (error instanceof SpecificationError) throw new UsageError(`${file}: ${error.message}`)
    throw error
  }
}

const GZIP = [0x1f, 0x8b]

function readTraceText(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${codeOf(error)})`)
  }
  if (!GZIP.every((byte, index) => bytes[index] === byte)) return bytes.toString('utf8')
  try {
    return gunzipSync(bytes).toString('utf8')
  } catch (error) {
    throw new UsageError(`${file} is no whole gzip file (${codeOf(error)})`)
  }
}

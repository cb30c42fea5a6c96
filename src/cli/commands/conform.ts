/**
 * `hmm-spec conform`: recorded sequences against the oracle.
 *
 * @module
 */
import { accessSync, constants, statSync } from 'node:fs'
import { type KernelVersion, RecordingError } from '../../conformance/result.js'
import type { Layout } from '../../report/colours.js'
import { conformJson } from '../../report/json.js'
import { conformJUnit } from '../../report/junit.js'
import { type ConformReport, conformExitCode } from '../../report/report.js'
import { conformText } from '../../report/text.js'
import { SpecificationError } from '../../world/errors.js'
import { codeOf, type Io } from '../io.js'
import { releaseNamed } from '../linux.js'
import { assertWritable, type OutputOptions, writeReport } from '../output.js'
import type { Project } from '../project.js'
import { runFacts } from '../run-facts.js'
import { UsageError } from '../usage.js'

/** The kernels that can be named. */
export const KERNELS: readonly KernelVersion[] = ['6.1', '6.12', '7.3']

/**
 * The recorded kernel that `--linux` or `--kernel` asks for.
 *
 * @throws UsageError if there is none for the release
 */
export function recordedKernel(linux: string | undefined, kernel: KernelVersion | undefined): KernelVersion {
  if (linux === undefined) return kernel ?? KERNELS[0]
  if (kernel !== undefined)
    throw new UsageError(`--linux ${linux} and --kernel say the same; give one of them`)
  const { recorded } = releaseNamed(linux)
  if (recorded === undefined)
    throw new UsageError(`--linux ${linux}: no kernel before Linux ${KERNELS[0]} was recorded`)
  return recorded
}

/** Options of `conform`. */
export interface ConformCommandOptions extends OutputOptions {
  readonly kernel: KernelVersion
}

/**
 * Compares the sequences in `file`.
 *
 * @returns the exit code
 * @throws UsageError if the file is not one of recordings
 */
export async function conformCommand(
  project: Project,
  io: Io,
  file: string,
  options: ConformCommandOptions,
): Promise<number> {
  assertWritable(options.output)
  try {
    accessSync(file, constants.R_OK)
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${codeOf(error)})`)
  }
  if (statSync(file).isDirectory()) throw new UsageError(`${file} is a directory; name a file of recordings`)
  const report: ConformReport = {
    run: { ...runFacts(project, null), profile: options.kernel },
    file,
    kernel: options.kernel,
    ...(await compared(project, file, options.kernel)),
  }
  if (report.result.sequences === 0) throw new UsageError(`${file} holds no sequence`)
  const writers = {
    text: (layout: Layout) => conformText(report, layout),
    json: () => conformJson(report),
    junit: () => conformJUnit(report),
  }
  return writeReport(io, options, writers, conformExitCode(report))
}

/** What was compared, and what could not be read: lines that are none do not take away the others. */
async function compared(
  project: Project,
  file: string,
  kernel: KernelVersion,
): Promise<Pick<ConformReport, 'result' | 'failures'>> {
  try {
    return { result: await project.conformFile(file, { kernel }), failures: [] }
  } catch (error) {
    if (error instanceof RecordingError) {
      if (error.result === undefined || error.result.sequences === 0) throw new UsageError(error.message)
      return { result: error.result, failures: [{ name: file, code: 'recording', message: error.message }] }
    }
    if (error instanceof SyntaxError || error instanceof SpecificationError)
      throw new UsageError(`${file}: ${error.message}`)
    throw error
  }
}

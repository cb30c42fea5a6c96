/**
 * `hmm-spec conform`: recorded sequences against the oracle.
 *
 * @module
 */
import { accessSync, constants, statSync } from 'node:fs'
import {
  CLEAN_PROFILE,
  type KernelVersion,
  profileOfDriver,
  RECORDED_KERNELS,
  RecordingError,
} from '../../conformance/result.js'
import { conformText } from '../../report/conform-text.js'
import type { Layout } from '../../report/form/colours.js'
import { conformJson } from '../../report/json.js'
import { conformJUnit } from '../../report/junit.js'
import { type ConformReport, conformExitCode } from '../../report/report.js'
import { SpecificationError } from '../../world/errors.js'
import { releaseNamed } from '../arguments/linux.js'
import { UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import { codeOf, type Io } from '../terminal/io.js'
import { assertWritable, type OutputOptions, writeReport } from '../terminal/output.js'

/**
 * The recorded kernel that `--linux` or `--kernel` asks for.
 *
 * @throws UsageError if there is none for the release
 */
export function recordedKernel(linux: string | undefined, kernel: KernelVersion | undefined): KernelVersion {
  if (linux === undefined) return kernel ?? RECORDED_KERNELS[0]
  if (kernel !== undefined)
    throw new UsageError(`--linux ${linux} and --kernel say the same; give one of them`)
  const { recorded } = releaseNamed(linux)
  if (recorded === undefined)
    throw new UsageError(`--linux ${linux}: no kernel before Linux ${RECORDED_KERNELS[0]} was recorded`)
  return recorded
}

/** Whose answers can be demanded of a recording. */
export const PROFILES: readonly string[] = [CLEAN_PROFILE, ...RECORDED_KERNELS.map(profileOfDriver)]

/** Options of `conform`. */
export interface ConformCommandOptions extends OutputOptions {
  readonly kernel: KernelVersion
  readonly profile: string
}

/**
 * The kernel and the profile that `--linux`, `--kernel` and `--profile` ask for. The profile of a test driver says which
 * kernel it is; a kernel has its own test driver.
 *
 * @throws UsageError if they contradict each other
 */
export function recordedProfile(
  linux: string | undefined,
  kernel: KernelVersion | undefined,
  profile: string | undefined,
): { kernel: KernelVersion; profile: string } {
  const ofProfile = RECORDED_KERNELS.find((one) => profile === profileOfDriver(one))
  const named = linux === undefined && kernel === undefined ? ofProfile : recordedKernel(linux, kernel)
  if (ofProfile !== undefined && named !== ofProfile)
    throw new UsageError(
      `--profile ${profile} is not the test driver of ${linux ?? kernel}, as which ${named} is taken`,
    )
  const known = named ?? RECORDED_KERNELS[0]
  return { kernel: known, profile: profile ?? profileOfDriver(known) }
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
    profile: options.profile,
    ...(await compared(project, file, options)),
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
  { kernel, profile }: ConformCommandOptions,
): Promise<Pick<ConformReport, 'result' | 'failures'>> {
  try {
    return { result: await project.conformFile(file, { kernel, profile }), failures: [] }
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

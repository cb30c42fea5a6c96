/**
 * Compares recordings of a real kernel with the oracle.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { releases } from '../generations/releases.js'
import { SpecificationError, Violation } from '../world/index.js'
import type { Operation, Unsupported } from './operations.js'
import { type Answer, Oracle, type OracleOptions } from './oracle.js'
import { parseLine, type RecordedResult, type Recording } from './recording.js'
import {
  type ConformanceOptions,
  type ConformanceResult,
  type Mismatch,
  profileOfDriver,
  RecordingError,
} from './result.js'
import { differencesFrom } from './suite/answers.js'
import { type Profile, profileNamed } from './suite/profiles.js'
import { rankSteps } from './suspects.js'

/** The fields of a result that are compared. */
export const COMPARED_FIELDS = [
  'rc',
  'err',
  'sig',
  'code',
  'val',
  'vals',
  'cpages',
  'faults',
  'prot',
  'ptes',
  'minflt',
] as const satisfies readonly (keyof Answer)[]

/** The result of one sequence. */
export interface SequenceResult {
  /** Operations that were compared. */
  readonly operations: number
  readonly mismatches: readonly Mismatch[]
  /** The operations that are not supported, each once. If there is none, all operations were compared. */
  readonly unsupported: readonly string[]
}

/**
 * Compares a file of recordings, plain or compressed by gzip, with the oracle.
 *
 * @param path - the file
 * @param options - the kernel on which it was recorded, and whose answers are demanded
 * @throws RecordingError if lines cannot be read: it names each, and contains the result of all others
 */
export async function conformFile(path: string, options: ConformanceOptions): Promise<ConformanceResult> {
  const bytes = await readFile(path)
  return conformText((await decompressed(path, bytes)).toString('utf8'), options, path)
}

/** The first bytes of a gzip file, whatever its name. */
const GZIP = Buffer.from([0x1f, 0x8b])

async function decompressed(path: string, bytes: Buffer): Promise<Buffer> {
  if (!path.endsWith('.gz') && !bytes.subarray(0, GZIP.length).equals(GZIP)) return bytes
  try {
    return await promisify(gunzip)(bytes)
  } catch (error) {
    throw new RecordingError(
      path.endsWith('.gz')
        ? `${path}: ends in .gz and is not compressed by gzip (${(error as Error).message})`
        : `${path}: begins as gzip does, and cannot be decompressed (${(error as Error).message})`,
    )
  }
}

/**
 * Compares recordings given as text, one sequence in each line. Empty lines are skipped.
 *
 * @param text - the lines
 * @param options - the kernel on which they were recorded, and whose answers are demanded
 * @param file - their name in messages
 * @throws RecordingError if lines cannot be read: it names each, and contains the result of all others
 */
export function conformText(
  text: string,
  options: ConformanceOptions,
  file = 'recordings',
): ConformanceResult {
  if (!Object.hasOwn(releases, options.kernel))
    throw new SpecificationError(
      'scenario',
      `there are recordings of kernels ${Object.keys(releases).join(', ')}, not of ${String(options.kernel)}`,
    )
  const profile = profileNamed(options.profile ?? profileOfDriver(options.kernel))
  const recordings: Recording[] = []
  const compared: SequenceResult[] = []
  const problems: string[] = []
  // Some editors write a byte order mark.
  text
    .replace(/^\ufeff/, '')
    .split('\n')
    .forEach((content, index) => {
      if (content.trim() === '') return
      try {
        const recording = parseLine(file, index + 1, content)
        compared.push(
          profile.isDriver
            ? conformSequence(recording, { kernel: options.kernel })
            : conformToProfile(recording, profile),
        )
        recordings.push(recording)
      } catch (error) {
        if (!(error instanceof RecordingError)) throw error
        problems.push(error.message)
      }
    })
  const supported = recordings.flatMap((recording, index) => {
    const { mismatches, unsupported } = compared[index]
    return unsupported.length > 0 ? [] : [{ recording, mismatch: mismatches[0] }]
  })
  // Which steps another driver takes is not known.
  const suspects = profile.isDriver ? rankSteps(supported, { kernel: options.kernel }) : []
  const result = { ...summarise(compared), ...(suspects.length > 0 ? { suspects } : {}) }
  if (problems.length > 0) throw new RecordingError(describe(problems, result), result)
  return result
}

/**
 * Compares one sequence. One with an operation that is not supported is not run at all.
 *
 * @param recording - the sequence
 * @param options - options of the oracle, such as the kernel on which the sequence was recorded
 */
export function conformSequence(recording: Recording, options: OracleOptions = {}): SequenceResult {
  const unsupported = unsupportedIn(recording.operations)
  if (unsupported.length > 0) return { operations: 0, mismatches: [], unsupported }
  return comparePrefix(recording, options)
}

/** Compares one sequence with what a profile allows, which may be several answers to an operation. */
function conformToProfile(recording: Recording, profile: Profile): SequenceResult {
  const unsupported = unsupportedIn(recording.operations)
  if (unsupported.length > 0) return { operations: 0, mismatches: [], unsupported }
  const operations = recording.operations as Exclude<Operation, Unsupported>[]
  const allowed = profile.answersTo(operations)
  if (allowed === undefined)
    return {
      operations: 0,
      mismatches: [],
      unsupported: [`a sequence of which ${profile.name} says nothing`],
    }
  const mismatches = allowed.flatMap((answers, operation) =>
    differencesFrom(answers, recording.results[operation], profile.fields).map(
      ({ field, expected, actual }) => ({
        sequence: recording.name,
        line: recording.line,
        operation,
        op: recording.texts[operation],
        field,
        ...(actual === undefined ? {} : { expected: actual }),
        actual: expected.length === 1 ? expected[0] : { oneOf: expected.map((value) => value ?? null) },
      }),
    ),
  )
  return { operations: operations.length, mismatches, unsupported: [] }
}

/** What of a sequence is not supported, each once: an operation, or several together. */
export function unsupportedIn(operations: Recording['operations']): string[] {
  const unsupported = operations
    .filter((operation) => operation.name === 'unsupported')
    .map(({ operation }) => operation)
  return [...new Set([...unsupported, ...unsupportedTogether(operations)])]
}

/** Operations that are answered, and not where others have been: reclaim and userfaultfd, where files, shared memory or huge pages are mapped. */
function unsupportedTogether(operations: Recording['operations']): string[] {
  const isMapped = operations.some(
    ({ name }) => name === 'mmap_shared' || name === 'mmap_file' || name === 'mmap_huge',
  )
  const registered = operations.filter(
    (operation) =>
      operation.name === 'uffd' && (operation.request === 'wp' || operation.request === 'missing'),
  )
  const twice = registered.length > 1 ? ['uffd registered twice'] : []
  if (!isMapped) return twice
  const mapped = operations.flatMap((operation) => {
    if (operation.name === 'uffd') return ['uffd of a file or huge page']
    const isReclaim =
      operation.name === 'madv' && (operation.advice === 'pageout' || operation.advice === 'free')
    return isReclaim ? [`madv ${operation.advice} of a file or huge page`] : []
  })
  return [...twice, ...mapped]
}

/**
 * Compares the operations of a sequence before the first that is not supported.
 *
 * @param recording - the sequence
 * @param options - options of the oracle, such as overrides to compare
 */
export function comparePrefix(recording: Recording, options: OracleOptions = {}): SequenceResult {
  const first = recording.operations.findIndex(({ name }) => name === 'unsupported')
  const operations = recording.operations.slice(0, first < 0 ? undefined : first) as Exclude<
    Operation,
    Unsupported
  >[]
  const oracle = new Oracle(operations, options)
  const mismatches: Mismatch[] = []
  for (const [index, operation] of operations.entries()) {
    const where = {
      sequence: recording.name,
      line: recording.line,
      operation: index,
      op: recording.texts[index],
    }
    try {
      mismatches.push(
        ...differences(recording.results[index], oracle.perform(operation)).map((d) => ({ ...where, ...d })),
      )
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      // The oracle has broken one of its own claims: later results are meaningless.
      mismatches.push({ ...where, field: 'claim', actual: error.message })
      break
    }
  }
  return { operations: operations.length, mismatches, unsupported: [] }
}

function differences(
  expected: RecordedResult,
  actual: Answer,
): Pick<Mismatch, 'field' | 'expected' | 'actual'>[] {
  // Faults are measured separately: a recording may omit them.
  return COMPARED_FIELDS.filter(
    (field) =>
      (field !== 'minflt' || 'minflt' in expected) &&
      JSON.stringify(expected[field]) !== JSON.stringify(actual[field]),
  ).map((field) => ({
    field,
    ...(field in expected ? { expected: expected[field] } : {}),
    ...(field in actual ? { actual: actual[field] } : {}),
  }))
}

function summarise(compared: readonly SequenceResult[]): ConformanceResult {
  const unsupportedOperations: Record<string, number> = {}
  for (const { unsupported } of compared)
    for (const operation of unsupported)
      unsupportedOperations[operation] = (unsupportedOperations[operation] ?? 0) + 1
  const unsupported = compared.filter((sequence) => sequence.unsupported.length > 0).length
  const mismatched = compared.filter((sequence) => sequence.mismatches.length > 0).length
  return {
    sequences: compared.length,
    operations: compared.reduce((sum, { operations }) => sum + operations, 0),
    matched: compared.length - unsupported - mismatched,
    mismatched,
    unsupported,
    mismatches: compared.flatMap(({ mismatches }) => mismatches),
    unsupportedOperations,
  }
}

/** Most lines that a message names. */
const MOST_NAMED = 10

function describe(problems: readonly string[], result: ConformanceResult): string {
  const left = problems.length - MOST_NAMED
  return [
    ...problems.slice(0, MOST_NAMED),
    ...(left > 0 ? [`and ${left} lines more that cannot be read`] : []),
    `of the other ${result.sequences} sequences ${result.matched} matched, ${result.mismatched} did not, ` +
      `${result.unsupported} are not supported`,
  ].join('\n')
}

/**
 * The suite as data: `suite/*.jsonl`, which the package ships.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AnswerSet } from './answers.js'

/** What is allowed to each operation of a sequence, by these profiles alike. */
export interface AllowedAnswers {
  readonly profiles: readonly string[]
  /** By operation: one of these. */
  readonly sets: readonly AnswerSet[]
}

/** A sequence of the suite. */
export interface SuiteSequence {
  /** Its name, by chapter: `migration/read-back`. */
  readonly seq: string
  /** What it is about; absent if it was generated. */
  readonly title?: string
  /** What it exercises that no shorter sequence of the suite does. */
  readonly exercises: readonly string[]
  readonly ops: readonly string[]
  /** By profile; a profile that is not there says nothing of the sequence. */
  readonly answers: readonly AllowedAnswers[]
}

/** What the manifest says of the suite. */
export interface SuiteManifest {
  readonly format: 'hmm-spec-suite'
  /** Version of the suite: raised when a sequence, or what is allowed to it, changes. */
  readonly version: string
  readonly protocol: number
  /** By name: what each profile demands, and the fields that it compares. */
  readonly profiles: Readonly<
    Record<string, { readonly summary: string; readonly fields: readonly string[] }>
  >
  readonly files: readonly {
    readonly name: string
    readonly sequences: number
    readonly operations: number
  }[]
  /** Transitions of statecharts that no sequence takes: they need a second thread, or memory that the oracle lacks. */
  readonly transitionsNotTaken: readonly string[]
}

/** The whole suite. */
export interface Suite {
  readonly manifest: SuiteManifest
  readonly sequences: readonly SuiteSequence[]
}

/** The folder of the suite that comes with the package. */
export function suiteFolder(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const folder = join(at, 'suite')
    if (existsSync(join(folder, 'manifest.json'))) return folder
    if (dirname(at) === at) throw new Error('the package has no folder suite/')
  }
}

/**
 * Reads a suite.
 *
 * @param folder - where its manifest is (default the one that comes with the package)
 * @throws Error that names the file and the line that cannot be read
 */
export function readSuite(folder: string = suiteFolder()): Suite {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as SuiteManifest
  const sequences = manifest.files.flatMap(({ name }) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .flatMap((line, index) => (line === '' ? [] : [sequenceFrom(line, `${name}:${index + 1}`)])),
  )
  return { manifest, sequences }
}

function sequenceFrom(line: string, where: string): SuiteSequence {
  try {
    return JSON.parse(line) as SuiteSequence
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`)
  }
}

/** A sequence as a line. */
export function sequenceLine(sequence: SuiteSequence): string {
  return `${JSON.stringify(sequence)}\n`
}

/** What a profile allows to each operation of a sequence; `undefined` if it says nothing. */
export function allowedBy(sequence: SuiteSequence, profile: string): readonly AnswerSet[] | undefined {
  return sequence.answers.find(({ profiles }) => profiles.includes(profile))?.sets
}

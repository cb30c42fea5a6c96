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

/** What a sequence exercises on these releases alike. */
export interface Exercises {
  readonly releases: readonly string[]
  /** Transitions of statecharts: `chart range: idle ─ BEGIN → begun`. */
  readonly transitions: readonly string[]
  /** Requirements that its steps are held to, by identifier. */
  readonly requirements: readonly string[]
  /** Kinds of answers: the operation, and what it answers. */
  readonly answers: readonly string[]
  /** Ways that steps go, each as its index in {@link Suite.steps}. */
  readonly steps: readonly number[]
}

/** The kinds of what is exercised. */
export const EXERCISED = ['transitions', 'requirements', 'steps', 'answers'] as const

/** A kind of what is exercised. */
export type ExercisedKind = (typeof EXERCISED)[number]

/** A sequence of the suite. */
export interface SuiteSequence {
  /** Its name, by chapter: `migration/read-back`. */
  readonly seq: string
  /** What it is about; absent if it was generated. */
  readonly title?: string
  /** What it exercises, by release; a release that is not there refuses the sequence. */
  readonly exercises: readonly Exercises[]
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
  /** By release, what the suite exercises of what one thread is known to. */
  readonly coverage: Readonly<Record<string, Readonly<Record<ExercisedKind, KnownCoverage>>>>
  /** By release, the ways of steps and the kinds of answers that are known, and that no sequence takes. */
  readonly notTaken: Readonly<Record<string, readonly string[]>>
  /** Transitions of statecharts that no sequence takes: they need a second thread, or memory that the oracle lacks. */
  readonly transitionsNotTaken: readonly string[]
}

/** How much the suite exercises. */
export interface KnownCoverage {
  readonly taken: number
  /** What the suite, the recordings, and searches that the suite was not made from exercise together. */
  readonly known: number
}

/** The whole suite. */
export interface Suite {
  readonly manifest: SuiteManifest
  readonly sequences: readonly SuiteSequence[]
  /** The ways that steps go, by name: the lines of `steps.txt`. */
  readonly steps: readonly string[]
}

/** The file of {@link Suite.steps}. */
export const STEPS_FILE = 'steps.txt'

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
  const steps = readFileSync(join(folder, STEPS_FILE), 'utf8').split('\n').slice(0, -1)
  return { manifest, sequences, steps }
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

/** What a sequence exercises on a release; `undefined` if the release refuses it. */
export function exercisedOn(
  sequence: Pick<SuiteSequence, 'exercises'>,
  release: string,
): Exercises | undefined {
  return sequence.exercises.find(({ releases }) => releases.includes(release))
}

/** How many different things of a kind these sequences exercise on a release. */
export function countExercised(
  sequences: readonly Pick<SuiteSequence, 'exercises'>[],
  release: string,
  kind: ExercisedKind,
): number {
  return new Set(
    sequences.flatMap((sequence): readonly unknown[] => exercisedOn(sequence, release)?.[kind] ?? []),
  ).size
}

/** What a profile allows to each operation of a sequence; `undefined` if it says nothing. */
export function allowedBy(sequence: SuiteSequence, profile: string): readonly AnswerSet[] | undefined {
  return sequence.answers.find(({ profiles }) => profiles.includes(profile))?.sets
}

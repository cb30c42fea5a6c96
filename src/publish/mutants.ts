/**
 * Mutants of the text of the specification, and what became of each, as far as a report says.
 *
 * @module
 */
import { mutantsOf } from '../mutate/choosing/find.js'
import { mutatedFiles, typedSources } from '../mutate/text/program.js'
import type { RunFacts } from '../report/report.js'

/** A mutant, and what became of it. */
export interface MutantData {
  readonly id: string
  readonly kind: string
  readonly file: string
  readonly line: number
  /** What is changed, and by what, each on one line. */
  readonly original: string
  readonly replacement: string
  /** What a run has found of it; absent if it was in none. */
  readonly verdict?: string
}

/** What a run has found of one mutant. */
export interface JudgedMutant extends MutantData {
  readonly procedure: string
  /** Null between steps. */
  readonly step: string | null
  readonly verdict: string
  /** What noticed it: a scenario, or `recording FILE:LINE`. */
  readonly by: string | null
  readonly clause: string | null
  /** Of the shortest run that shows it. */
  readonly steps: number | null
}

/** What `mutate --format json` writes, as far as it is read here. */
export interface MutateDocument {
  readonly run: RunFacts
  /** False if a limit or an interrupt came before the end. */
  readonly complete: boolean
  /** The share that is killed of those that can be. */
  readonly score: number | null
  readonly counts: Readonly<Record<string, number>>
  readonly killedBy: { readonly scenarios: number; readonly recordings: number }
  readonly mutants: readonly JudgedMutant[]
}

/** A mutant, with the procedure and the step that it is in. */
export type PlacedMutant = MutantData & { readonly procedure: string; readonly step?: string }

/** Adds what a report has found. */
export function withVerdicts(
  mutants: readonly PlacedMutant[],
  report: { readonly mutants: readonly { readonly id: string; readonly verdict: string }[] } | undefined,
): PlacedMutant[] {
  const verdicts = new Map(report?.mutants.map(({ id, verdict }) => [id, verdict]))
  return mutants.map((mutant) => {
    const verdict = verdicts.get(mutant.id)
    return verdict === undefined ? mutant : { ...mutant, verdict }
  })
}

/** All mutants of the project at `root`. */
export function findMutants(root: string): PlacedMutant[] {
  const files = mutatedFiles(root)
  const sources = typedSources(root, files)
  return files.flatMap((file) =>
    mutantsOf(file, sources).map(({ id, kind, from, procedure, step, original, replacement }) => ({
      id,
      kind,
      file,
      line: from.line,
      procedure,
      ...(step === undefined ? {} : { step }),
      original,
      replacement,
    })),
  )
}

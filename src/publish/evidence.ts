/**
 * The evidence: one folder of JSON files, each with a schema, from which the site is made. A manifest says of which commit
 * it is, when it was made, and what is missing.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { CheckResult, Trace } from '../checker/result.js'
import type { BenchDocument } from './bench.js'
import type { MutateDocument } from './mutants.js'
import type { ProceduresDocument } from './procedures.js'
import type { StepsDocument } from './steps.js'
import type { TransitionsDocument } from './transitions.js'

/** Of what the evidence is, and what there is of it. */
export interface Manifest {
  readonly format: 'hmm-spec-evidence'
  readonly version: 1
  /** Version of the tool. */
  readonly tool: string
  /** The commit that was checked; null outside of a repository. */
  readonly commit: string | null
  /** True if files were changed since. */
  readonly changed: boolean
  /** When it was made, as ISO 8601. */
  readonly date: string
  /** Version of Node.js. */
  readonly node: string
  /** The steps of one of so many recorded sequences were counted; of all if it is absent. */
  readonly everySequence?: number
  /** The files, by what they tell; null for what there is none of. */
  readonly files: Readonly<Record<string, EvidenceFile | null>>
}

/** One file of the evidence. */
export interface EvidenceFile {
  readonly file: string
  /** The exit code of the command that wrote it. */
  readonly exitCode: number
  readonly seconds: number
}

/** What `check --format json` writes. */
export interface CheckDocument {
  readonly exitCode: number
  readonly bounds: string
  readonly scenarios: readonly (Omit<CheckResult, 'scenario'> & { readonly name: string })[]
  readonly coverage:
    | { readonly judged: false; readonly reason: string }
    | ({ readonly judged: true } & Readonly<
        Record<
          'transitions' | 'steps' | 'requirements',
          { readonly total: number; readonly never: readonly unknown[] }
        >
      >)
}

/** What `defects --format json` says of one of them. */
export interface DefectEntry {
  readonly name: string
  readonly requirement: string
  readonly scenario: string
  readonly caught: boolean
  readonly steps: number | null
  readonly pinnedSteps: number
  readonly states: number
  readonly trace: Trace | null
}

/** What `conform --format json` writes. */
export interface ConformDocument {
  readonly file: string
  readonly kernel: string
  readonly sequences: number
  readonly operations: number
  readonly matched: number
  readonly mismatched: number
}

/** What was found at one commit, in figures. */
export interface HistoryEntry {
  readonly commit: string
  readonly date: string
  readonly scenarios: number
  readonly hold: number
  readonly states: number
  readonly defects: number
  readonly caught: number
  readonly sequences: number
  readonly matched: number
  /** Of all commands together. */
  readonly seconds: number
}

/** The evidence, as far as there is any. */
export interface Evidence {
  readonly manifest: Manifest
  readonly check?: CheckDocument
  readonly defects?: { readonly exitCode: number; readonly defects: readonly DefectEntry[] }
  readonly conform: readonly ConformDocument[]
  readonly procedures?: ProceduresDocument
  readonly transitions?: TransitionsDocument
  readonly steps?: StepsDocument
  /** Of the commit that its `run` says, which may be another. */
  readonly mutate?: MutateDocument
  /** As `mutate`. */
  readonly bench?: BenchDocument
  readonly history: readonly HistoryEntry[]
}

/** The folder of the evidence does not hold what it should. */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError'
}

/** Holds documents to their schemas, which `docs/schema` has. */
export class Schemas {
  private readonly ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })

  /** @param folder - the folder of the schemas */
  constructor(folder: string) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.schema.json')))
      this.ajv.addSchema(JSON.parse(readFileSync(join(folder, file), 'utf8')))
  }

  /**
   * Parses `text`.
   *
   * @param file - its name, for messages
   * @throws EvidenceError if it is not what the schema of its format says
   */
  parse(text: string, file: string): unknown {
    let parsed: { format?: unknown }
    try {
      parsed = JSON.parse(text)
    } catch (error) {
      throw new EvidenceError(
        `${file} is not JSON: ${(error as Error).message}; npm run evidence writes it anew`,
      )
    }
    const name = String(parsed.format).replace(/^hmm-spec-/, '')
    const validate = this.ajv.getSchema(`${name}.schema.json`) as ValidateFunction | undefined
    if (validate === undefined) throw new EvidenceError(`${file}: there is no schema for the format ${name}`)
    if (!validate(parsed)) {
      const [error] = validate.errors ?? []
      throw new EvidenceError(
        `${file}: ${error?.instancePath || 'the document'} ${error?.message}; npm run evidence writes it anew`,
      )
    }
    return parsed
  }
}

/**
 * Reads the evidence.
 *
 * @param folder - where `npm run evidence` has written it
 * @returns undefined if there is none
 * @throws EvidenceError if a file is missing or is not as its schema says
 */
export function readEvidence(folder: string, schemas: Schemas): Evidence | undefined {
  const manifestFile = join(folder, 'manifest.json')
  if (!existsSync(manifestFile)) return undefined
  const manifest = schemas.parse(readFileSync(manifestFile, 'utf8'), manifestFile) as Manifest
  const read = (entry: EvidenceFile | null | undefined) => {
    if (!entry) return undefined
    const file = join(folder, entry.file)
    if (!existsSync(file)) throw new EvidenceError(`${file} is missing; npm run evidence writes it anew`)
    return schemas.parse(readFileSync(file, 'utf8'), file)
  }
  const { files } = manifest
  const some = <T>(name: string): { [key in string]?: T } => {
    const found = read(files[name])
    return found === undefined ? {} : { [name]: found as T }
  }
  return {
    manifest,
    ...some('check'),
    ...some('defects'),
    ...some('procedures'),
    ...some('transitions'),
    ...some('steps'),
    ...some('mutate'),
    ...some('bench'),
    conform: Object.keys(files)
      .filter((name) => name.startsWith('conform-'))
      .map((name) => read(files[name]) as ConformDocument),
    history: readHistory(join(folder, 'history.jsonl'), schemas),
  }
}

/** The lines of a history, oldest first; none if there is no such file. */
export function readHistory(file: string, schemas: Schemas): HistoryEntry[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => schemas.parse(line, `${file}, line ${i + 1}`) as HistoryEntry)
}

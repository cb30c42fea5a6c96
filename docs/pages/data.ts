/**
 * All that the site is made of: the specification itself, what was read off its source, the evidence, the pages written by hand.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { statecharts } from '../../models/index.js'
import { defects, requirements, scenarios } from '../../spec/index.js'
import { seeds } from '../../spec/seeds/index.js'
import { type CompiledStatechart, compileStatechart } from '../../src/checker/claims/statechart.js'
import { generations } from '../../src/generations/generations.js'
import { kernelProfiles } from '../../src/generations/profiles.js'
import { type Evidence, readEvidence, Schemas } from '../../src/publish/evidence.js'
import type { JudgedMutant } from '../../src/publish/mutants.js'
import { type ProcedureData, type ProceduresDocument, readProcedures } from '../../src/publish/procedures.js'
import type { StepData } from '../../src/publish/steps.js'
import type { TransitionData } from '../../src/publish/transitions.js'

/** A page that is written by hand, in Markdown. */
export interface Document {
  /** Path from the folder of the documentation: `findings/H1.md`. */
  readonly file: string
  readonly title: string
  readonly text: string
}

/** Something that the package exports, on a page of the API. */
export interface ApiEntry {
  readonly name: string
  /** What kind of thing it is: `Function`. */
  readonly kind: string
  /** The module that exports it. */
  readonly module: string
  /** Its address below the folder of the API. */
  readonly url: string
  /** The procedure that it is, which has a page of its own instead. */
  readonly procedure?: string
  readonly summary: string
}

/** Where typedoc's plugin says what the API exports, from the root of the project: it is no part of the site. */
export const API_INDEX = 'dist/docs/api-index.json'

/** All that the site is made of. */
export interface SiteData {
  readonly requirements: typeof requirements
  readonly scenarios: typeof scenarios
  readonly defects: typeof defects
  readonly charts: readonly CompiledStatechart[]
  readonly generations: typeof generations
  readonly kernels: typeof kernelProfiles
  readonly seeds: typeof seeds
  readonly source: ProceduresDocument
  readonly procedures: ReadonlyMap<string, ProcedureData>
  readonly documents: readonly Document[]
  readonly api: readonly ApiEntry[]
  readonly evidence: Evidence | undefined
  readonly transitions: readonly TransitionData[]
  /** What steps do, by the name of the procedure; empty without evidence. */
  readonly steps: ReadonlyMap<string, readonly StepData[]>
  /** What runs have found of mutants, by identifier; empty without a report. */
  readonly mutants: ReadonlyMap<string, JudgedMutant>
  /** The commit that the site is made of; undefined outside of a repository. */
  readonly commit: string | undefined
  /** True if the evidence is of another commit, or of files that were changed. */
  readonly stale: boolean
}

/** Collects everything for the project at `root`. */
export function collect(root: string): SiteData {
  const docs = join(root, 'docs')
  const source = readProcedures(root)
  const evidence = readEvidence(join(root, 'evidence'), new Schemas(join(docs, 'schema')))
  const commit = git(root, 'rev-parse', 'HEAD')
  const apiIndex = join(root, API_INDEX)
  return {
    requirements,
    scenarios,
    defects,
    charts: Object.values(statecharts).map(compileStatechart),
    generations,
    kernels: kernelProfiles,
    seeds,
    source,
    procedures: new Map(source.procedures.map((procedure) => [procedure.id, procedure])),
    documents: readDocuments(docs),
    api: existsSync(apiIndex) ? (JSON.parse(readFileSync(apiIndex, 'utf8')) as ApiEntry[]) : [],
    evidence,
    transitions: evidence?.transitions?.transitions ?? [],
    steps: byProcedure(evidence?.steps?.steps ?? []),
    mutants: new Map(evidence?.mutate?.mutants.map((mutant) => [mutant.id, mutant])),
    commit,
    stale:
      evidence !== undefined &&
      (evidence.manifest.commit !== (commit ?? null) || evidence.manifest.changed || hasChanges(root)),
  }
}

function byProcedure(steps: readonly StepData[]): Map<string, StepData[]> {
  const found = new Map<string, StepData[]>()
  for (const step of steps) found.set(step.procedure, [...(found.get(step.procedure) ?? []), step])
  return found
}

function git(root: string, ...args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined
  }
}

function hasChanges(root: string): boolean {
  return (git(root, 'status', '--porcelain', '--', 'src', 'spec', 'models') ?? '') !== ''
}

function readDocuments(docs: string): Document[] {
  return ['.', 'drivers', 'findings', 'decisions', 'reference'].flatMap((folder) =>
    readdirSync(join(docs, folder))
      .filter((name) => name.endsWith('.md'))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .map((name) => {
        const file = folder === '.' ? name : `${folder}/${name}`
        const text = readFileSync(join(docs, file), 'utf8').replace(/^---\n.*?\n---\n/s, '')
        const title = /^# (.*)$/m.exec(text)?.[1] ?? basename(name, '.md')
        return { file, title, text }
      }),
  )
}

/** Writing `a, b and c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

/**
 * Writes `suite/`: searches for sequences, and writes what each profile allows. Run by `npm run suite`, compiled.
 *
 * With `--answers` it keeps the sequences as they are, and writes their answers anew.
 *
 * @module
 */
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Operation, parseOperation } from '../../operations.js'
import type { KernelVersion } from '../../result.js'
import { RECORDED_KERNELS } from '../../result.js'
import { allTransitions, ITEM_KINDS } from '../coverage.js'
import {
  type AllowedAnswers,
  EXERCISED,
  type ExercisedKind,
  type Exercises,
  type KnownCoverage,
  readSuite,
  STEPS_FILE,
  type SuiteManifest,
  type SuiteSequence,
  sequenceLine,
} from '../data.js'
import { PROTOCOL } from '../peer/protocol.js'
import { profiles, releaseOf } from '../profiles.js'
import { apartSequences } from './apart.js'
import { directedSequences as byRule } from './directed.js'
import { isShorter, Search } from './generate.js'
import {
  foundByRecordings,
  foundBySearch,
  type Performed,
  performedOn,
  type RecordedSequence,
  recordedSequences,
} from './known.js'

/** The version of the suite's data. */
const VERSION = '2.0.0'

/** Every sequence that was not generated. */
const directedSequences = [...byRule, ...apartSequences]

/** A sequence without its answers. */
type Plain = Pick<SuiteSequence, 'seq' | 'title' | 'ops'>

/** A sequence as it was performed, by release; a release that refuses it is not there. */
export type ByRelease = ReadonlyMap<KernelVersion, Performed>

/** Performs a sequence on every release. */
export function performedByRelease(ops: readonly string[]): ByRelease {
  return new Map(
    RECORDED_KERNELS.flatMap((release) => {
      const performed = performedOn(ops, release)
      return performed === undefined ? [] : [[release, performed] as const]
    }),
  )
}

/** The sequences that exercise, on any release, what no shorter one does; a tie goes to the one that stands first. */
export function shortest(sequences: readonly (Plain & { readonly performed: ByRelease })[]): Set<string> {
  const best = new Map<string, Plain>()
  for (const { performed, ...sequence } of sequences)
    for (const [release, { items }] of performed)
      for (const item of items) {
        const kept = best.get(`${release} ${item}`)
        if (kept === undefined || sequence.ops.length < kept.ops.length)
          best.set(`${release} ${item}`, sequence)
      }
  return new Set([...best.values()].map(({ seq }) => seq))
}

/** What a sequence exercises, as data: releases that exercise the same together. */
function exercisesOf(performed: ByRelease, indexOf: ReadonlyMap<string, number>): Exercises[] {
  const bySame = new Map<string, Exercises & { readonly releases: string[] }>()
  for (const [release, { items }] of performed) {
    const sorted = [...items].sort()
    const of = (kind: ExercisedKind) => sorted.filter((item) => item.startsWith(ITEM_KINDS[kind]))
    const named = (kind: ExercisedKind) => of(kind).map((item) => item.slice(ITEM_KINDS[kind].length))
    const same = bySame.get(sorted.join('\n'))
    if (same) same.releases.push(release)
    else
      bySame.set(sorted.join('\n'), {
        releases: [release],
        transitions: named('transitions'),
        requirements: named('requirements'),
        answers: named('answers'),
        steps: of('steps').map((item) => indexOf.get(item) as number),
      })
  }
  return [...bySame.values()]
}

/**
 * What every profile allows, those that allow the same together.
 *
 * @param performed - the sequence as it was performed, by release, if it was: it is not performed again
 */
export function allowedAnswers(ops: readonly string[], performed?: ByRelease): AllowedAnswers[] {
  const bySets = new Map<string, { profiles: string[]; sets: AllowedAnswers['sets'] }>()
  for (const profile of profiles) {
    const known = profile.isDriver ? performed?.get(releaseOf(profile))?.answers : undefined
    const sets = known?.map((answer) => [answer]) ?? profile.answersTo(read(ops))
    if (sets === undefined) continue
    const key = JSON.stringify(sets)
    const same = bySets.get(key)
    if (same) same.profiles.push(profile.name)
    else bySets.set(key, { profiles: [profile.name], sets })
  }
  return [...bySets.values()]
}

function read(ops: readonly string[]): Operation[] {
  return ops.map((op) => parseOperation(op) as Operation)
}

/** The sequences to generate: the shortest for each item that the directed ones do not exercise as briefly. */
function generated(search: Search, directed: readonly Plain[]): Plain[] {
  const known = new Set(directed.map(({ ops }) => ops.join('; ')))
  const counts = new Map<string, number>()
  return search
    .sequences()
    .filter((ops) => !known.has(ops.join('; ')))
    .sort((one, other) => (isShorter(one, other) ? -1 : 1))
    .map((ops) => {
      const last = ops[ops.length - 1].split(' ')[0].replace('c:', 'child-')
      const count = (counts.get(last) ?? 0) + 1
      counts.set(last, count)
      return { seq: `generated/${last}-${count}`, ops }
    })
}

function main(): void {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      answers: { type: 'boolean', default: false },
    },
  })
  const folder = fileURLToPath(new URL('../../../../../suite/', import.meta.url))
  mkdirSync(folder, { recursive: true })
  const recorded = recordedSequences()
  const before = existsSync(`${folder}${STEPS_FILE}`) ? readSuite(folder).sequences : []
  const known = before.filter(({ seq }) => seq.startsWith('generated/'))
  const made = values.answers ? known : searched(known, recorded, values)
  const plain = [...directedSequences, ...made].map(({ seq, title, ops }) => ({
    ...(title === undefined ? { seq } : { seq, title }),
    ops,
    performed: performedByRelease(ops),
  }))
  // A generated sequence for which a shorter one came up later has nothing of its own left.
  const needed = shortest(plain)
  const kept = plain.filter(({ seq }) => !seq.startsWith('generated/') || needed.has(seq))
  const steps = [
    ...new Set(kept.flatMap(({ performed }) => [...performed.values()].flatMap(({ items }) => [...items]))),
  ].filter((item) => item.startsWith(ITEM_KINDS.steps))
  const indexOf = new Map(steps.sort().map((step, index) => [step, index]))
  const sequences = kept.map(
    ({ performed, ops, ...named }): SuiteSequence => ({
      ...named,
      exercises: exercisesOf(performed, indexOf),
      ops,
      answers: allowedAnswers(ops, performed),
    }),
  )
  writeSequences(folder, sequences, steps)
  const foundOtherwise = [
    foundByRecordings(recorded),
    foundBySearch(
      kept.map(({ ops }) => ops),
      RECORDED_KERNELS,
      CHECKED,
    ),
  ]
  const manifest = manifestOf(sequences, kept, foundOtherwise)
  writeFileSync(`${folder}manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`)
  process.stdout.write(suiteSummary(manifest))
}

/** How far the search goes that the share of the suite is measured with. */
const CHECKED = { explored: 400, changed: 600 }

function searched(
  known: readonly Plain[],
  recorded: readonly RecordedSequence[],
  { seconds, seed }: { readonly seconds: string; readonly seed: string },
): Plain[] {
  const search = new Search(RECORDED_KERNELS)
  const corpus = new Map(
    [...directedSequences, ...known, ...recorded].map(({ ops }) => [ops.join('; '), ops] as const),
  )
  search.run([...corpus.values()], {
    seed: Number(seed),
    exploreMs: Number(seconds) * 500,
    searchMs: Number(seconds) * 200,
    shortenMs: Number(seconds) * 300,
    onProgress: (what) => process.stderr.write(`${what}\n`),
  })
  return generated(search, directedSequences)
}

const files = ['directed.jsonl', 'generated.jsonl'] as const

function partOf(name: (typeof files)[number], sequences: readonly SuiteSequence[]): SuiteSequence[] {
  return sequences.filter(({ seq }) => seq.startsWith('generated/') === (name === 'generated.jsonl'))
}

function writeSequences(folder: string, sequences: readonly SuiteSequence[], steps: readonly string[]): void {
  for (const name of files) writeFileSync(folder + name, partOf(name, sequences).map(sequenceLine).join(''))
  const names = steps.map((step) => `${step.slice(ITEM_KINDS.steps.length)}\n`)
  writeFileSync(folder + STEPS_FILE, names.join(''))
}

function manifestOf(
  sequences: readonly SuiteSequence[],
  kept: readonly { readonly performed: ByRelease }[],
  foundOtherwise: readonly ReadonlyMap<KernelVersion, ReadonlySet<string>>[],
): SuiteManifest {
  const byRelease = RECORDED_KERNELS.map((release) => {
    const taken = new Set(kept.flatMap(({ performed }) => [...(performed.get(release)?.items ?? [])]))
    const known = new Set([...taken, ...foundOtherwise.flatMap((found) => [...(found.get(release) ?? [])])])
    const count = (items: ReadonlySet<string>, kind: ExercisedKind) =>
      [...items].filter((item) => item.startsWith(ITEM_KINDS[kind])).length
    const counts = (kind: ExercisedKind): KnownCoverage => ({
      taken: count(taken, kind),
      known: count(known, kind),
    })
    const coverage = Object.fromEntries(EXERCISED.map((kind) => [kind, counts(kind)]))
    return {
      release,
      taken,
      coverage: coverage as Record<ExercisedKind, KnownCoverage>,
      notTaken: [...known].filter((item) => !taken.has(item)).sort(),
    }
  })
  return {
    format: 'hmm-spec-suite',
    version: VERSION,
    protocol: PROTOCOL,
    profiles: Object.fromEntries(profiles.map(({ name, summary, fields }) => [name, { summary, fields }])),
    files: files.map((name) => {
      const part = partOf(name, sequences)
      return {
        name,
        sequences: part.length,
        operations: part.reduce((sum, { ops }) => sum + ops.length, 0),
      }
    }),
    coverage: Object.fromEntries(byRelease.map(({ release, coverage }) => [release, coverage])),
    notTaken: Object.fromEntries(byRelease.map(({ release, notTaken }) => [release, notTaken])),
    transitionsNotTaken: allTransitions
      .filter((transition) => !byRelease.some(({ taken }) => taken.has(transition)))
      .map((transition) => transition.slice(ITEM_KINDS.transitions.length)),
  }
}

/** What is covered, by release, as text. */
export function suiteSummary({ files, coverage, transitionsNotTaken }: SuiteManifest): string {
  const lines = Object.entries(coverage).map(([release, kinds]) => {
    const shares = Object.entries(kinds).map(
      ([kind, { taken, known }]) =>
        `${kind} ${taken} of ${known} known (${((100 * taken) / known).toFixed(1)} %)`,
    )
    return `${release}: ${shares.join(', ')}\n`
  })
  const sequences = files.reduce((sum, file) => sum + file.sequences, 0)
  return (
    `${sequences} sequences\n${lines.join('')}` +
    `transitions of statecharts that no sequence takes: ${transitionsNotTaken.length} of ${allTransitions.length}\n`
  )
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main()

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
import { type Operation, parseOperation } from '../operations.js'
import type { KernelVersion } from '../result.js'
import { allTransitions, exercise } from './coverage.js'
import {
  type AllowedAnswers,
  readSuite,
  type SuiteManifest,
  type SuiteSequence,
  sequenceLine,
} from './data.js'
import { directedSequences } from './directed.js'
import { isShorter, Search } from './generate.js'
import { profiles, RELEASES } from './profiles.js'
import { PROTOCOL } from './protocol.js'

/** The version of the suite's data. */
const VERSION = '1.0.0'

/** A sequence without its answers. */
type Plain = Pick<SuiteSequence, 'seq' | 'title' | 'ops'>

/** What each sequence exercises that no shorter one does, by name; a tie goes to the one that stands first. */
export function shares(
  sequences: readonly Plain[],
  releases: readonly KernelVersion[],
): Map<string, string[]> {
  const best = new Map<string, Plain>()
  for (const sequence of sequences)
    for (const release of releases)
      for (const items of exercise(read(sequence.ops), release).items)
        for (const item of items) {
          const kept = best.get(item)
          if (kept === undefined || sequence.ops.length < kept.ops.length) best.set(item, sequence)
        }
  const share = new Map<string, string[]>(sequences.map(({ seq }) => [seq, []]))
  for (const [item, { seq }] of best) share.get(seq)?.push(item)
  for (const items of share.values()) items.sort()
  return share
}

/** What every profile allows, those that allow the same together. */
export function allowedAnswers(ops: readonly string[]): AllowedAnswers[] {
  const bySets = new Map<string, { profiles: string[]; sets: AllowedAnswers['sets'] }>()
  for (const profile of profiles) {
    const sets = profile.answersTo(read(ops))
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
  const folder = fileURLToPath(new URL('../../../../suite/', import.meta.url))
  mkdirSync(folder, { recursive: true })
  const before = existsSync(`${folder}manifest.json`) ? readSuite(folder).sequences : []
  const known = before.filter(({ seq }) => seq.startsWith('generated/'))
  const plain = [...directedSequences, ...(values.answers ? known : searched(known, values))]
  const share = shares(plain, RELEASES)
  // A generated sequence for which a shorter one came up later has nothing of its own left.
  const kept = plain.filter(({ seq }) => !seq.startsWith('generated/') || (share.get(seq) ?? []).length > 0)
  const sequences = kept.map(
    ({ seq, title, ops }): SuiteSequence => ({
      seq,
      ...(title === undefined ? {} : { title }),
      exercises: share.get(seq) ?? [],
      ops,
      answers: allowedAnswers(ops),
    }),
  )
  write(folder, sequences)
}

function searched(
  known: readonly Plain[],
  { seconds, seed }: { readonly seconds: string; readonly seed: string },
): Plain[] {
  const search = new Search({ releases: RELEASES })
  search.run(
    [...directedSequences, ...known].map(({ ops }) => ops),
    {
      releases: RELEASES,
      seed: Number(seed),
      timeMs: Number(seconds) * 1000,
      onRound: (items, tried) => process.stderr.write(`${items} items, ${tried} sequences tried\n`),
    },
  )
  return generated(search, directedSequences)
}

function write(folder: string, sequences: readonly SuiteSequence[]): void {
  const files = [
    { name: 'directed.jsonl', part: sequences.filter(({ seq }) => !seq.startsWith('generated/')) },
    { name: 'generated.jsonl', part: sequences.filter(({ seq }) => seq.startsWith('generated/')) },
  ]
  for (const { name, part } of files) writeFileSync(folder + name, part.map(sequenceLine).join(''))
  const items = new Set(sequences.flatMap(({ exercises }) => exercises))
  const notTaken = allTransitions.filter((transition) => !items.has(transition))
  const manifest: SuiteManifest = {
    format: 'hmm-spec-suite',
    version: VERSION,
    protocol: PROTOCOL,
    profiles: Object.fromEntries(profiles.map(({ name, summary, fields }) => [name, { summary, fields }])),
    files: files.map(({ name, part }) => ({
      name,
      sequences: part.length,
      operations: part.reduce((sum, { ops }) => sum + ops.length, 0),
    })),
    transitionsNotTaken: notTaken,
  }
  writeFileSync(`${folder}manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`)
  const count = (prefix: string) => [...items].filter((item) => item.startsWith(prefix)).length
  process.stdout.write(
    `${sequences.length} sequences\n` +
      `${count('chart ')} of ${allTransitions.length} transitions of statecharts\n` +
      `${count('step ')} ways of steps, by operation\n${count('answer ')} kinds of answers\n` +
      `transitions that no sequence takes:\n${notTaken.map((transition) => `  ${transition}\n`).join('')}`,
  )
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main()

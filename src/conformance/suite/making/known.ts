/**
 * What one thread is known to exercise: what the suite's share is measured against.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { Violation } from '../../../world/index.js'
import { unsupportedIn } from '../../conform.js'
import { type Operation, parseOperation } from '../../operations.js'
import type { Answer } from '../../oracle.js'
import type { KernelVersion } from '../../result.js'
import { exercise } from '../coverage.js'
import { isHuge, Search } from './generate.js'

/** A sequence that was recorded on a kernel. */
export interface RecordedSequence {
  readonly release: KernelVersion
  readonly ops: readonly string[]
}

/** The seed of {@link foundBySearch}: the suite is made with others. */
const CHECK_SEED = 0x5eed

/**
 * The sequences of every recording of one thread, without answers.
 *
 * @param folder - where the recordings are: `test/fixtures` of the repository
 * @throws Error if there is no such folder: the package does not ship it
 */
export function recordedSequences(
  folder: string = fileURLToPath(new URL('../../../../../test/fixtures/', import.meta.url)),
): RecordedSequence[] {
  if (!existsSync(folder))
    throw new Error(`there is no folder ${folder}: the recordings are in the repository`)
  return readdirSync(folder).flatMap((name) => {
    const [, release] = /^linux-([\d.]+)-[a-z]+\.jsonl\.gz$/.exec(name) ?? []
    if (release === undefined) return []
    const lines = gunzipSync(readFileSync(`${folder}${name}`))
      .toString('utf8')
      .split('\n')
    return lines.flatMap((line) =>
      line === '' ? [] : [{ release: release as KernelVersion, ops: JSON.parse(line).ops as string[] }],
    )
  })
}

/** A sequence that was performed on a release. */
export interface Performed {
  /** What it exercises. */
  readonly items: ReadonlySet<string>
  readonly answers: readonly Answer[]
}

/** Performs a sequence on a release; `undefined` if it has operations that are not answered, or the release refuses it. */
export function performedOn(ops: readonly string[], release: KernelVersion): Performed | undefined {
  const operations = ops.map(parseOperation)
  if (unsupportedIn(operations).length > 0) return undefined
  try {
    const { items, answers } = exercise(operations as Operation[], release)
    return { items: new Set(items.flatMap((each) => [...each])), answers }
  } catch (error) {
    if (error instanceof Violation) return undefined
    throw error
  }
}

/** What recorded sequences exercise, each on the release that it was recorded on. */
export function foundByRecordings(recorded: readonly RecordedSequence[]): Map<KernelVersion, Set<string>> {
  const found = new Map<KernelVersion, Set<string>>()
  for (const { release, ops } of recorded) {
    const items = found.get(release) ?? new Set()
    found.set(release, items)
    for (const item of performedOn(ops, release)?.items ?? []) items.add(item)
  }
  return found
}

/** How far {@link foundBySearch} goes. */
export interface Searched {
  /** Sequences to make by changing others at random. */
  readonly changed: number
  /** Beginnings of sequences to go on from, with a dozen operations in every order. */
  readonly explored: number
}

/**
 * What a search finds that the suite is not made from: it begins with the suite's sequences of small pages, goes on from
 * beginnings of them, and changes them at random.
 */
export function foundBySearch(
  sequences: readonly (readonly string[])[],
  releases: readonly KernelVersion[],
  { changed, explored }: Searched,
): Map<KernelVersion, Set<string>> {
  const search = new Search(releases)
  search.run(
    sequences.filter((ops) => !isHuge(ops)),
    {
      seed: CHECK_SEED,
      mostExplored: explored,
      exploreMs: Number.POSITIVE_INFINITY,
      most: changed,
      searchMs: Number.POSITIVE_INFINITY,
    },
  )
  return new Map(releases.map((release) => [release, search.found(release)]))
}

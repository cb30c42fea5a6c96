/**
 * The generator of the suite: searches for sequences that exercise what no sequence so far does, and keeps the
 * shortest for each.
 *
 * @module
 */
import fc from 'fast-check'
import { Violation } from '../../world/index.js'
import { unsupportedIn } from '../conform.js'
import {
  ARGUMENTS,
  type ArgumentKind,
  HUGE_PAGES,
  LANGUAGE,
  type Operation,
  type OperationDefinition,
  parseOperation,
} from '../operations.js'
import { orphanIn } from '../recording.js'
import type { KernelVersion } from '../result.js'
import { exercise } from './coverage.js'

/** Pages of the window that sequences are generated in: a range with a neighbour on either side, and one more. */
export const PAGES = 4

/** Largest offset in a huge page that is named: its first pages, the middle, the last. */
const HUGE_OFFSETS = [0, 1, 2, HUGE_PAGES / 2, HUGE_PAGES - 1]

/** Where the huge pages of generated sequences begin. */
const HUGE_START = HUGE_PAGES

/** Most operations of a generated sequence. */
const LONGEST = 24

/** How the search goes. */
export interface SearchOptions {
  /** Releases to perform sequences on, in turn. */
  readonly releases: readonly KernelVersion[]
  readonly seed: number
  /** Milliseconds to search, and to shorten what was found. */
  readonly timeMs: number
  /** Called after each round. */
  readonly onRound?: (items: number, tried: number) => void
}

/** The shortest sequence for each item that was found. */
export class Search {
  private readonly best = new Map<string, readonly string[]>()
  private readonly known = new Set<string>()
  tried = 0

  constructor(private readonly options: Pick<SearchOptions, 'releases'>) {}

  /** What is exercised, each with the shortest sequence for it. */
  get found(): ReadonlyMap<string, readonly string[]> {
    return this.best
  }

  /** Performs a sequence on a release, and keeps those of its beginnings that are the shortest for anything. */
  consider(ops: readonly string[], release: KernelVersion): void {
    const key = `${release} ${ops.join('; ')}`
    if (this.known.has(key) || orphanIn(ops) >= 0) return
    this.known.add(key)
    const operations = ops.map(parseOperation)
    if (unsupportedIn(operations).length > 0) return
    this.tried++
    try {
      for (const [index, items] of exercise(operations as Operation[], release).items.entries())
        for (const item of items) this.offer(item, ops.slice(0, index + 1))
    } catch (error) {
      // The specification refuses what the driver does here: there is no answer to hold a peer against.
      if (!(error instanceof Violation)) throw error
    }
  }

  /** Goes on from `corpus` at random, for a time; then shortens what was found. */
  run(corpus: readonly (readonly string[])[], options: SearchOptions): void {
    const { releases, seed, timeMs, onRound } = options
    const begun = performance.now()
    // Half of the time to search, half to shorten what was found.
    const [end, last] = [begun + timeMs / 2, begun + timeMs]
    for (const ops of corpus) for (const release of releases) this.consider(ops, release)
    for (let round = 0; performance.now() < end; round++) {
      const parents = this.sequences()
      const changes = fc.sample(change, { seed: seed + round, numRuns: 200 })
      for (const [index, made] of changes.entries()) {
        if (performance.now() > end) break
        this.consider(applied(parents, made), releases[index % releases.length])
      }
      onRound?.(this.best.size, this.tried)
    }
    this.shorten(last)
  }

  /** Leaves operations out of the kept sequences until none can be; those of a few small pages, which are quick, first. */
  private shorten(end: number): void {
    const done = new Set<string>()
    for (;;) {
      const left = this.sequences().filter((ops) => !done.has(ops.join('; ')))
      if (left.length === 0) return
      for (const ops of left.sort((one, other) => Number(isHuge(one)) - Number(isHuge(other)))) {
        if (performance.now() > end) return
        done.add(ops.join('; '))
        for (const index of ops.keys())
          for (const release of this.options.releases) this.consider(ops.toSpliced(index, 1), release)
      }
    }
  }

  /** The kept sequences, each once. */
  sequences(): (readonly string[])[] {
    return [...new Map([...this.best.values()].map((ops) => [ops.join('; '), ops])).values()]
  }

  private offer(item: string, ops: readonly string[]): void {
    const kept = this.best.get(item)
    if (kept === undefined || isShorter(ops, kept)) this.best.set(item, ops)
  }
}

/** Fewer operations, or as many and smaller numbers. */
export function isShorter(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return one.length < other.length
  const [first, second] = [one.join(';'), other.join(';')]
  return first.length !== second.length ? first.length < second.length : first < second
}

/** A window of a few small pages, or one around a huge page. */
export type Window = 'small' | 'huge'

const small = fc.nat(PAGES - 1)
const inHuge = fc.constantFrom(...HUGE_OFFSETS).map((offset) => HUGE_START + offset)

function wordOf(kind: ArgumentKind, window: Window, inChild: boolean): fc.Arbitrary<string> {
  switch (kind) {
    case 'page':
      return (window === 'huge' ? inHuge : small).map(String)
    case 'pages':
      return fc
        .oneof({ weight: 30, arbitrary: fc.integer({ min: 1, max: PAGES }) }, fc.constant(0))
        .map(String)
    case 'device':
      return fc.constantFrom(...(inChild ? ['0', '1', '10', '11'] : ['0', '0', '1']))
    case 'value':
      return fc.integer({ min: 1, max: 9 }).map(String)
    case 'protection':
    case 'sharing':
    case 'advice':
    case 'userfault':
      return fc.constantFrom(...ARGUMENTS[kind].placeholder.split('|'))
  }
}

function textOf(
  name: string,
  definition: OperationDefinition,
  inChild: boolean,
  window: Window,
): fc.Arbitrary<string> {
  const head = inChild ? `c:${name}` : name
  const words = definition.arguments.map((kind) => wordOf(kind, window, inChild))
  if (name === 'mmap_huge') return fc.constant(`${head} ${HUGE_START}`)
  return fc.tuple(...words).map((each) => [head, ...each].join(' '))
}

/** Any operation of the language that is answered, of the parent or of a child, in a window of {@link PAGES} pages or around a huge page. */
export function operationOf(window: Window): fc.Arbitrary<string> {
  const usual = Object.entries(LANGUAGE).filter(([name]) => window === 'huge' || name !== 'mmap_huge')
  return fc.oneof(
    ...usual.flatMap(([name, definition]) =>
      definition.answeredFor.map((who) => ({
        weight: who === 'parent' ? 4 : 1,
        arbitrary: textOf(name, definition, who === 'child', window),
      })),
    ),
  )
}

function isHuge(ops: readonly string[]): boolean {
  return ops.some((op) => op.includes('mmap_huge'))
}

/** One change of a sequence that is known, or a new sequence. */
interface Change {
  readonly kind: 'new' | 'append' | 'insert' | 'replace' | 'join'
  readonly parent: number
  readonly other: number
  readonly at: number
  readonly isHuge: boolean
  readonly small: readonly string[]
  readonly huge: readonly string[]
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('new', 'append', 'append', 'append', 'insert', 'insert', 'replace', 'join'),
  parent: fc.nat(),
  other: fc.nat(),
  at: fc.nat(),
  isHuge: fc.nat(9).map((number) => number === 0),
  small: fc.array(operationOf('small'), { minLength: 1, maxLength: 4 }),
  huge: fc.array(operationOf('huge'), { minLength: 1, maxLength: 3 }),
})

function applied(parents: readonly (readonly string[])[], made: Change): string[] {
  const parent = parents[made.parent % Math.max(1, parents.length)] ?? []
  const other = parents[made.other % Math.max(1, parents.length)] ?? []
  const usesHuge = isHuge(parent)
  const fresh = made.kind === 'new' ? made.isHuge : usesHuge
  const added = fresh ? made.huge : made.small
  const at = made.at % (parent.length + 1)
  const changed = (): string[] => {
    switch (made.kind) {
      case 'new':
        return [fresh ? `mmap_huge ${HUGE_START}` : `mmap 0 ${PAGES} rw`, ...added]
      case 'append':
        return [...parent, ...added]
      case 'insert':
        return parent.toSpliced(at, 0, added[0])
      case 'replace':
        return parent.toSpliced(at, 1, added[0])
      case 'join':
        return [...parent, ...other]
    }
  }
  return changed().slice(0, LONGEST)
}

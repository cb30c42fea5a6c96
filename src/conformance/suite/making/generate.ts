/**
 * The generator of the suite: searches for sequences that exercise what no sequence so far does, and keeps the
 * shortest for each.
 *
 * @module
 */
import fc from 'fast-check'
import { Violation } from '../../../world/index.js'
import { unsupportedIn } from '../../conform.js'
import {
  ARGUMENTS,
  type ArgumentKind,
  HUGE_PAGES,
  LANGUAGE,
  type Operation,
  type OperationDefinition,
  parseOperation,
} from '../../operations.js'
import { orphanIn } from '../../recording.js'
import type { KernelVersion } from '../../result.js'
import { Exerciser, exercise } from '../coverage.js'

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
  readonly seed: number
  /** Milliseconds to change sequences at random (default none). */
  readonly searchMs?: number
  /** Milliseconds to go on from what is kept in every order of a few operations (default none). */
  readonly exploreMs?: number
  /** Beginnings to go on from, at most (default no limit). */
  readonly mostExplored?: number
  /** Sequences to make at random, at most (default no limit). */
  readonly most?: number
  /** Milliseconds to shorten what was found (default none). */
  readonly shortenMs?: number
  /** Called now and then. */
  readonly onProgress?: (what: string) => void
}

/** So many operations are put after the beginning of a sequence, in every order. */
const DEPTH = 2

/** Changes that are made of what is kept before what is kept then is looked at anew. */
const AT_ONCE = 200

/** The shortest sequence for each item that was found, of each release. */
export class Search {
  private readonly best = new Map<string, readonly string[]>()
  /** For how much of a release a sequence is the shortest, by release and sequence. */
  private readonly uses = new Map<string, number>()
  private readonly known = new Set<string>()
  tried = 0

  /** @param releases - those to perform sequences on, the quickest way to find something first */
  constructor(private readonly releases: readonly KernelVersion[]) {}

  /** What a release is known to exercise. */
  found(release: KernelVersion): Set<string> {
    const prefix = `${release} `
    const keys = [...this.best.keys()].filter((key) => key.startsWith(prefix))
    return new Set(keys.map((key) => key.slice(prefix.length)))
  }

  /**
   * Performs a sequence on a release, and keeps those of its beginnings that are the shortest for anything.
   *
   * @returns true if one was kept
   */
  consider(ops: readonly string[], release: KernelVersion): boolean {
    const key = keyOf(ops, release)
    if (this.known.has(key) || orphanIn(ops) >= 0) return false
    this.known.add(key)
    const operations = ops.map(parseOperation)
    if (unsupportedIn(operations).length > 0) return false
    this.tried++
    let isKept = false
    try {
      for (const [index, items] of exercise(operations as Operation[], release).items.entries())
        for (const item of items)
          if (this.offer(`${release} ${item}`, ops.slice(0, index + 1), release)) isKept = true
    } catch (error) {
      // The specification refuses what the driver does here: there is no answer to hold a peer against.
      if (!(error instanceof Violation)) throw error
    }
    return isKept
  }

  /** Performs a sequence on the releases from `first` on, as long as something of it is kept. */
  private considerFrom(ops: readonly string[], first: number): boolean {
    const { releases } = this
    if (!this.consider(ops, releases[first])) return false
    for (const release of releases) this.consider(ops, release)
    return true
  }

  /**
   * Begins with `corpus`, goes on from there at random, and shortens what was found. Of a sequence with a huge page, which takes a
   * hundred times as long as another, the other releases are looked at only if the first shows something new.
   */
  run(corpus: readonly (readonly string[])[], options: SearchOptions): void {
    const { seed, exploreMs = 0, searchMs = 0, most = Number.POSITIVE_INFINITY, shortenMs = 0 } = options
    const { onProgress } = options
    const { releases } = this
    for (const ops of corpus)
      if (isHuge(ops)) this.considerFrom(ops, 0)
      else for (const release of releases) this.consider(ops, release)
    onProgress?.(`${this.best.size} items, ${this.sequences().length} sequences known before`)
    this.shorten(performance.now() + shortenMs / 2, onProgress)
    this.explore(performance.now() + exploreMs, options)
    const end = performance.now() + searchMs
    for (let made = 0; made < most && performance.now() < end; made += AT_ONCE) {
      const parents = this.sequences()
      for (const [index, each] of fc.sample(change, { seed: seed + made, numRuns: AT_ONCE }).entries()) {
        if (performance.now() > end) break
        this.considerFrom(applied(parents, each), index % releases.length)
      }
      onProgress?.(`${this.best.size} items, ${this.tried} sequences tried`)
    }
    this.shorten(performance.now() + shortenMs / 2, onProgress)
  }

  /** Goes on from beginnings of what is kept, in every order of a few operations. */
  private explore(end: number, options: SearchOptions): void {
    const { seed, mostExplored = Number.POSITIVE_INFINITY, onProgress } = options
    for (let made = 0; made < mostExplored && performance.now() < end; made += AT_ONCE) {
      const parents = this.sequences()
      for (const [index, each] of fc
        .sample(continuation, { seed: seed + made, numRuns: AT_ONCE })
        .entries()) {
        if (performance.now() > end) break
        this.exploreFrom(...continued(parents, each), this.releases[index % this.releases.length])
      }
      onProgress?.(`${this.best.size} items, ${this.tried} sequences tried, ${made + AT_ONCE} explored`)
    }
  }

  /**
   * Performs `begin` once, and from there each of the operations `added`, each of them again after each, and so on
   * {@link DEPTH} deep. To make a world takes far longer than an operation: here it is made once for all of them.
   */
  private exploreFrom(begin: readonly string[], added: readonly string[], release: KernelVersion): void {
    const operations = [begin, ...Array(DEPTH).fill(added)].flat().map(parseOperation)
    if (orphanIn(begin) >= 0 || unsupportedIn(operations).length > 0) return
    const exerciser = new Exerciser(operations as Operation[], release)
    const isNew = (items: ReadonlySet<string>, length: number) =>
      [...items].some((item) => length < (this.best.get(`${release} ${item}`)?.length ?? length + 1))
    const goOn = (ops: readonly string[], depth: number): void => {
      const state = exerciser.save()
      for (const op of depth > 0 ? added : []) {
        const longer = [...ops, op]
        if (orphanIn(longer) >= 0) continue
        exerciser.restore(state)
        const items = itemsOf(() => exerciser.perform(parseOperation(op) as Operation).items)
        if (items === undefined) continue
        if (isNew(items, longer.length)) this.considerFrom(longer, this.releases.indexOf(release))
        goOn(longer, depth - 1)
      }
    }
    const begun = itemsOf(() => {
      for (const op of begin) exerciser.perform(parseOperation(op) as Operation)
      return new Set<string>()
    })
    if (begun !== undefined) goOn(begin, DEPTH)
  }

  /** Leaves operations out of the kept sequences until none can be; those of a few small pages, which are quick, first. */
  private shorten(end: number, onProgress?: (what: string) => void): void {
    const done = new Set<string>()
    for (;;) {
      const left = this.sequences().filter((ops) => !done.has(ops.join('; ')))
      onProgress?.(`${left.length} sequences to shorten, ${this.tried} tried`)
      if (left.length === 0) return
      for (const ops of left.sort((one, other) => Number(isHuge(one)) - Number(isHuge(other)))) {
        if (performance.now() > end) return
        done.add(ops.join('; '))
        this.shortenOne(ops)
      }
    }
  }

  /** Tries the sequence without half of it, without a quarter, and so on, as long as it is the shortest for anything. */
  private shortenOne(ops: readonly string[]): void {
    const uses = () => this.releases.filter((release) => (this.uses.get(keyOf(ops, release)) ?? 0) > 0)
    for (let size = ops.length >> 1; size > 0; size >>= 1)
      for (let at = 0; at < ops.length; at += size) {
        const [using] = uses()
        if (using === undefined) return
        this.considerFrom(ops.toSpliced(at, size), this.releases.indexOf(using))
      }
  }

  /** The kept sequences, each once. */
  sequences(): (readonly string[])[] {
    return [...new Map([...this.best.values()].map((ops) => [ops.join('; '), ops])).values()]
  }

  /** Keeps a sequence for an item if it is the shortest. */
  private offer(item: string, ops: readonly string[], release: KernelVersion): boolean {
    const kept = this.best.get(item)
    if (kept !== undefined && !isShorter(ops, kept)) return false
    if (kept !== undefined) this.use(kept, release, -1)
    this.use(ops, release, 1)
    this.best.set(item, ops)
    return true
  }

  private use(ops: readonly string[], release: KernelVersion, count: number): void {
    const key = keyOf(ops, release)
    this.uses.set(key, (this.uses.get(key) ?? 0) + count)
  }
}

/** What was exercised; `undefined` if the specification refuses it. */
function itemsOf(performed: () => ReadonlySet<string>): ReadonlySet<string> | undefined {
  try {
    return performed()
  } catch (error) {
    if (error instanceof Violation) return undefined
    throw error
  }
}

function keyOf(ops: readonly string[], release: KernelVersion): string {
  return `${release} ${ops.join('; ')}`
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
export function operationOf(window: Window, childWeight = 1): fc.Arbitrary<string> {
  const usual = Object.entries(LANGUAGE).filter(([name]) => window === 'huge' || name !== 'mmap_huge')
  return fc.oneof(
    ...usual.flatMap(([name, definition]) =>
      definition.answeredFor.map((who) => ({
        weight: who === 'parent' ? 4 : childWeight,
        arbitrary: textOf(name, definition, who === 'child', window),
      })),
    ),
  )
}

/** True if the window of a sequence has a huge page: it takes a hundred times as long as another. */
export function isHuge(ops: readonly string[]): boolean {
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

/** The beginning of a sequence that is known, and operations to put after it. */
interface Continuation {
  readonly parent: number
  /** Operations of it that are left out at its end; they may come later. */
  readonly less: number
  readonly withFork: boolean
  readonly small: readonly string[]
  readonly huge: readonly string[]
}

const continuation: fc.Arbitrary<Continuation> = fc.record({
  parent: fc.nat(),
  less: fc.constantFrom(0, 0, 1, 1, 2),
  withFork: fc.nat(5).map((number) => number === 0),
  small: fc.array(operationOf('small', 4), { minLength: 12, maxLength: 12 }),
  huge: fc.array(operationOf('huge', 4), { minLength: 12, maxLength: 12 }),
})

function continued(
  parents: readonly (readonly string[])[],
  { parent, less, withFork, small, huge }: Continuation,
): [begin: readonly string[], added: readonly string[]] {
  const ops = parents[parent % Math.max(1, parents.length)] ?? []
  const begin = ops.slice(0, Math.max(1, ops.length - less)).concat(withFork ? ['fork'] : [])
  return [begin, [...ops.slice(begin.length), ...(isHuge(ops) ? huge : small)]]
}

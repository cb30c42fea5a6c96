/**
 * Makes a sequence that shows a divergence as short as can be.
 *
 * @module
 */
import fc from 'fast-check'
import { type ArgumentKind, LANGUAGE, type Work } from '../operations.js'
import { orphanIn } from '../recording.js'

/** What came of shrinking. */
export interface Shrunk<T> {
  readonly operations: readonly string[]
  /** What is found of the shortest sequence. */
  readonly found: T
  /** True if every sequence that lacks some of its operations was tried, and shows nothing. */
  readonly shortest: boolean
  /** Sequences that were tried. */
  readonly trials: number
}

/** Up to so many operations every subsequence is tried. */
const MOST_TRIED = 7

/**
 * Shrinks `operations`: fast-check leaves out operations and makes numbers smaller, then pages are taken out of the
 * window, in turn and for as long as `find` still finds something.
 *
 * @param operations - a sequence of which something is found
 * @param first - what is found of it
 * @param find - what is found of another sequence, or `undefined`
 * @param budgetMs - milliseconds after which the shortest sequence so far must do
 */
export async function shrink<T>(
  operations: readonly string[],
  first: T,
  find: (operations: readonly string[]) => Promise<T | undefined>,
  budgetMs: number,
): Promise<Shrunk<T>> {
  const deadline = performance.now() + budgetMs
  let best: { operations: readonly string[]; found: T } = { operations, found: first }
  let trials = 0
  const shows = async (candidate: readonly string[]): Promise<boolean> => {
    if (candidate.length === 0 || orphanIn(candidate) >= 0 || performance.now() > deadline) return false
    trials++
    const found = await find(candidate)
    if (found !== undefined) best = { operations: [...candidate], found }
    return found !== undefined
  }
  for (let before: readonly string[] | undefined; before !== best.operations; ) {
    before = best.operations
    await leaveOutPages(() => best.operations, shows)
    await shrinkEach(best.operations, shows)
  }
  const shortest = await triedAll(() => best.operations, shows)
  return { ...best, shortest: shortest && performance.now() <= deadline, trials }
}

type Shows = (candidate: readonly string[]) => Promise<boolean>

/** Leaves out operations, and makes numbers smaller, as fast-check does of an array. */
async function shrinkEach(operations: readonly string[], shows: Shows): Promise<void> {
  let isFirst = true
  await fc.check(
    fc.asyncProperty(fc.array(new OperationTexts(), { maxLength: operations.length }), async (candidate) => {
      // That the whole sequence shows something is known, and need not be tried again.
      const isKnown = isFirst
      isFirst = false
      return !(isKnown || (await shows(candidate)))
    }),
    { numRuns: 1, examples: [[[...operations]]], endOnFailure: false },
  )
}

/** Takes pages out of the window: half of it at once, a quarter, and so on to single pages. */
async function leaveOutPages(best: () => readonly string[], shows: Shows): Promise<void> {
  for (let count = windowOf(best()) >> 1 || 1; count >= 1; count >>= 1)
    for (let page = 0; page < windowOf(best()); ) {
      const candidate = best().map((text) => withoutPages(text, page, count))
      const isSmaller = candidate.some((text, index) => text !== best()[index])
      if (!(isSmaller && (await shows(candidate)))) page += count
    }
}

/** The words of an operation that name pages: where a range begins, and the number of its pages. */
function rangesIn(text: string): {
  readonly words: string[]
  readonly ranges: [page: number, pages?: number][]
} {
  const words = text.split(' ')
  const kinds: readonly ArgumentKind[] = LANGUAGE[words[0].replace('c:', '') as Work['name']]?.arguments ?? []
  const length = kinds.indexOf('pages') + 1
  const pages = kinds.flatMap((kind, index) => (kind === 'page' ? [index + 1] : []))
  return { words, ranges: pages.map((index) => (length > 0 ? [index, length] : [index])) }
}

/** Pages up to the last that an operation names. */
function windowOf(operations: readonly string[]): number {
  return Math.max(
    0,
    ...operations.flatMap((text) => {
      const { words, ranges } = rangesIn(text)
      return ranges.map(
        ([page, pages]) => Number(words[page]) + (pages === undefined ? 1 : Number(words[pages])),
      )
    }),
  )
}

/**
 * The operation as if the window lacked `count` pages from `gone` on. What is done to these alone is done to the page
 * that follows.
 */
function withoutPages(text: string, gone: number, count: number): string {
  const { words, ranges } = rangesIn(text)
  const before = (page: number) => (page < gone ? page : Math.max(gone, page - count))
  for (const [index, [at, length]] of ranges.entries()) {
    const page = Number(words[at])
    words[at] = String(before(page))
    if (index > 0 || length === undefined) continue
    const pages = Number(words[length])
    words[length] = String(Math.max(Math.min(pages, 1), before(page + pages) - before(page)))
  }
  return words.join(' ')
}

/** Tries every shorter subsequence, the shortest first, until none shows anything. Returns false if they are too many. */
async function triedAll(best: () => readonly string[], shows: Shows): Promise<boolean> {
  const operations = best()
  if (operations.length > MOST_TRIED) return false
  const masks = Array.from({ length: 2 ** operations.length - 2 }, (_, index) => index + 1)
  const subsequences = masks
    .map((mask) => operations.filter((_operation, bit) => mask & (1 << bit)))
    .sort((one, other) => one.length - other.length)
  for (const candidate of subsequences) if (await shows(candidate)) return true
  return true
}

/** Texts of operations. None is generated: they are given, and made smaller. */
class OperationTexts extends fc.Arbitrary<string> {
  override generate(): fc.Value<string> {
    return new fc.Value('open', undefined)
  }

  override canShrinkWithoutContext(value: unknown): value is string {
    return typeof value === 'string'
  }

  override shrink(text: string): fc.Stream<fc.Value<string>> {
    return fc.stream(smaller(text)).map((value) => new fc.Value(value, undefined))
  }
}

/** The operation with one of its numbers made smaller: nought, one, by half, by a quarter, and so on, by one. */
function* smaller(text: string): Generator<string> {
  const words = text.split(' ')
  for (const [index, word] of words.entries()) {
    if (!/^\d+$/.test(word)) continue
    const number = BigInt(word)
    yield* [0n, 1n].filter((less) => less < number).map((less) => words.with(index, String(less)).join(' '))
    for (let by = number / 2n; by > 0n; by /= 2n) yield words.with(index, String(number - by)).join(' ')
  }
}

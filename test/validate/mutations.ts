/**
 * Changes to the text of a trace: kinds that no behaviour can have, and kinds that may be harmless.
 */

/** A number generator with a seed: the same mutations each time. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

export type Random = () => number

/** A changed trace, and the line that was changed. */
export interface Mutated {
  readonly lines: readonly string[]
  readonly line: number
}

export type Mutation = (lines: readonly string[], random: Random) => Mutated | undefined

const THREAD = /^\s*(\S+-\d+)\s/

function threadOf(line: string): string {
  return THREAD.exec(line)?.[1] ?? ''
}

/** One of the lines that `accept` finds, at random; -1 if there is none. */
function pick(
  lines: readonly string[],
  random: Random,
  accept: (line: string, at: number) => boolean,
): number {
  const found = lines.flatMap((line, at) => (accept(line, at) ? [at] : []))
  return found.length === 0 ? -1 : found[Math.floor(random() * found.length)]
}

function replaced(lines: readonly string[], at: number, line: string): Mutated {
  return { lines: lines.with(at, line), line: at + 1 }
}

function inserted(lines: readonly string[], at: number, ...added: string[]): Mutated {
  return { lines: lines.toSpliced(at, 0, ...added), line: at + 1 }
}

const isReadReturn = (line: string) => line.includes('<- mmu_interval_read_begin)')

/** A number that was returned before is returned again, after a newer one. */
const olderNumber: Mutation = (lines, random) => {
  const numbers = lines.map((line) => (isReadReturn(line) ? Number(/seq=(\d+)/.exec(line)?.[1]) : Number.NaN))
  const at = pick(lines, random, (line, index) => {
    return isReadReturn(line) && numbers.slice(0, index).some((number) => number < numbers[index])
  })
  if (at < 0) return undefined
  const older = numbers.slice(0, at).filter((number) => number < numbers[at])
  return replaced(
    lines,
    at,
    lines[at].replace(/seq=\d+/, `seq=${older[Math.floor(random() * older.length)]}`),
  )
}

/**
 * The entries are used under a number that has passed: another thread's invalidation, which came after the use, comes before the
 * walk has ended.
 */
const unchangedWithinInvalidation: Mutation = (lines, random) => {
  const isUse = (line: string) => line.includes(': (dmirror_do_fault+')
  const candidates = lines.flatMap((line, use) => {
    if (!isUse(line)) return []
    const thread = threadOf(line)
    const walked = lines.findLastIndex(
      (each, index) => index < use && threadOf(each) === thread && each.includes('<- hmm_range_fault)'),
    )
    // The next invalidation of another thread, all of it before this thread says anything of a number again.
    const start = lines.findIndex((each, index) => index > use && each.includes('(mn_itree_inv_start_range+'))
    if (walked < 0 || start < 0 || threadOf(lines[start]) === thread) return []
    const other = threadOf(lines[start])
    const end = lines.findIndex((each, index) => index > start && each.includes('(mn_itree_inv_end+'))
    if (end < 0 || threadOf(lines[end]) !== other) return []
    const before = lines.findLastIndex((each, index) => index < start && threadOf(each) === other)
    const first = lines[before]?.includes('invalidate_range_start+') ? before : start
    if (first <= use) return []
    // In between the other thread does nothing that is judged, and nobody says a number.
    const isMarked = lines
      .slice(walked, first)
      .filter((each) => !each.includes('handle_mm_fault'))
      .some((each) => threadOf(each) === other || (!isUse(each) && /seq=/.test(each)))
    if (isMarked) return []
    return [{ walked, block: range(first, end).filter((index) => threadOf(lines[index]) === other) }]
  })
  if (candidates.length === 0) return undefined
  const { walked, block } = candidates[Math.floor(random() * candidates.length)]
  const moved = new Set(block)
  const rest = lines.filter((_, index) => !moved.has(index))
  return { lines: rest.toSpliced(walked, 0, ...block.map((index) => lines[index])), line: walked + 1 }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** An invalidation ends twice. */
const endWithoutStart: Mutation = (lines, random) => {
  const at = pick(lines, random, (line) => line.includes('(mn_itree_inv_end+'))
  return at < 0 ? undefined : inserted(lines, at + 1, lines[at])
}

/** An invalidation ends that has not begun: its beginning is not in the trace. */
const startIsMissing: Mutation = (lines, random) => {
  const at = pick(lines, random, (line) => line.includes('(mn_itree_inv_start_range+'))
  if (at < 0) return undefined
  // Nor is what its callbacks say.
  const thread = threadOf(lines[at])
  const end = lines.findIndex(
    (line, index) => index > at && threadOf(line) === thread && line.includes('(mn_itree_inv_end+'),
  )
  if (end < 0) return undefined
  const without = lines.filter(
    (line, index) =>
      index < at || index >= end || threadOf(line) !== thread || /tracing_mark_write/.test(line),
  )
  return { lines: without, line: at + 1 }
}

/** Values that the function never returns. */
const RETURNS: readonly (readonly [probe: string, values: readonly number[]])[] = [
  ['<- hmm_range_fault)', [-5, -28, 1, 7]],
  ['<- dmirror_interval_invalidate)', [0, 3]],
  ['<- __mmu_notifier_invalidate_range_start)', [-11, -22, 1]],
  ['<- dmirror_do_fault)', [-2, -16, 1]],
  ['<- dmirror_do_read)', [-14, 2]],
  ['<- dmirror_do_write)', [-14, 2]],
  ['<- migrate_vma_setup)', [-12, 5]],
]

const impossibleReturn: Mutation = (lines, random) => {
  const at = pick(lines, random, (line) => RETURNS.some(([probe]) => line.includes(probe)))
  if (at < 0) return undefined
  const values = RETURNS.find(([probe]) => lines[at].includes(probe))?.[1] ?? []
  const value = values[Math.floor(random() * values.length)]
  return replaced(lines, at, lines[at].replace(/ret=\S+/, `ret=${value}`))
}

/** A thread returns from a function that it is not in: it has returned already. */
const leftTwice: Mutation = (lines, random) => {
  const at = pick(lines, random, (line) =>
    /<- (hmm_range_fault|dmirror_do_fault|mmu_interval_read_begin|dmirror_range_fault|migrate_vma_setup|migrate_vma_pages)\)/.test(
      line,
    ),
  )
  return at < 0 ? undefined : inserted(lines, at + 1, lines[at])
}

/** Another thread returns than the one that is in the function. */
const leftByAnother: Mutation = (lines, random) => {
  const threads = [...new Set(lines.map(threadOf))].filter((thread) => /^t/.test(thread))
  const at = pick(lines, random, (line) =>
    /<- (hmm_range_fault|dmirror_do_fault|mmu_interval_read_begin|migrate_vma_setup)\)/.test(line),
  )
  if (at < 0 || threads.length < 2) return undefined
  const own = threadOf(lines[at])
  const other = threads.find((thread) => thread !== own) as string
  return replaced(lines, at, lines[at].replace(own, other))
}

/** Kinds that no behaviour can have. */
export const IMPOSSIBLE: Readonly<Record<string, Mutation>> = {
  'a number older than one that was returned': olderNumber,
  'entries that count as unchanged within an open invalidation': unchangedWithinInvalidation,
  'an end without a start': endWithoutStart,
  'an invalidation of which only the end is there': startIsMissing,
  'a return value that the function never has': impossibleReturn,
  'a function that is left twice': leftTwice,
  'a function that is left by another thread': leftByAnother,
}

/** Two neighbours of different threads change places. */
const swapped: Mutation = (lines, random) => {
  const at = pick(
    lines,
    random,
    (line, index) =>
      index + 1 < lines.length && threadOf(line) !== '' && threadOf(line) !== threadOf(lines[index + 1]),
  )
  if (at < 0) return undefined
  return { lines: lines.with(at, lines[at + 1]).with(at + 1, lines[at]), line: at + 1 }
}

/** An event is not there. */
const dropped: Mutation = (lines, random) => {
  const at = pick(lines, random, (line) => threadOf(line) !== '' && !line.includes('mark_write'))
  return at < 0 ? undefined : { lines: lines.toSpliced(at, 1), line: at + 1 }
}

/** A thread is late: an event comes only after what others did until its next one, as if it had waited for a lock. */
const late: Mutation = (lines, random) => {
  const next = (at: number) =>
    lines.findIndex((line, index) => index > at && threadOf(line) === threadOf(lines[at]))
  const at = pick(
    lines,
    random,
    (line, index) => threadOf(line) !== '' && !line.includes('mark_write') && next(index) > index + 2,
  )
  if (at < 0) return undefined
  return { lines: lines.toSpliced(at, 1).toSpliced(next(at) - 1, 0, lines[at]), line: at + 1 }
}

/** Kinds that a behaviour may have or not. */
export const PERHAPS: Readonly<Record<string, Mutation>> = {
  'neighbours that have changed places': swapped,
  'an event that is missing': dropped,
  'a thread that is late': late,
}

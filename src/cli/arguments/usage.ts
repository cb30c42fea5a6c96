/**
 * What a user may have got wrong, and what was probably meant.
 *
 * @module
 */

/** Wrong usage or wrong input. The message says what is wrong and what to do; no stack is shown. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Anything that is found by name. */
export interface Kind<T> {
  /** What it is: `scenario`. */
  readonly noun: string
  readonly all: readonly T[]
  nameOf(item: T): string
  /** Other names that it goes by; several items may share one. */
  aliasesOf?(item: T): readonly string[]
  /** The command that lists all of them. */
  readonly list: string
}

/**
 * Finds the item called `name`, whatever the case of its letters.
 *
 * @throws UsageError that suggests the nearest names and tells how to list all
 */
export function findNamed<T>(kind: Kind<T>, name: string): T {
  return findAllNamed(kind, name)[0]
}

/**
 * Finds the item called `name`, or else all that go by it as another name of theirs.
 *
 * @returns one item at least
 * @throws UsageError that suggests the nearest names and tells how to list all
 */
export function findAllNamed<T>(kind: Kind<T>, name: string): readonly T[] {
  const exact = kind.all.find((item) => kind.nameOf(item) === name)
  const found = exact ?? kind.all.find((item) => kind.nameOf(item).toLowerCase() === name.toLowerCase())
  if (found !== undefined) return [found]
  const others = kind.all.filter((item) =>
    kind.aliasesOf?.(item).some((alias) => alias.toLowerCase() === name.toLowerCase()),
  )
  if (others.length > 0) return others
  throw new UsageError(
    `there is no ${kind.noun} "${name}"${didYouMean(name, kind.all.map(kind.nameOf))}; to list them: ${kind.list}`,
  )
}

/** `; did you mean …?` for the names nearest to `name`, or an empty text if none is near. */
export function didYouMean(name: string, names: readonly string[]): string {
  const near = nearest(name, names)
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`
}

/** Up to three of `names` that `name` may have been meant for, nearest first. */
export function nearest(name: string, names: readonly string[]): string[] {
  const typed = name.toLowerCase()
  return names
    .map((candidate) => ({ candidate, distance: distance(typed, candidate.toLowerCase()) }))
    .filter(
      ({ candidate, distance }) =>
        distance <= Math.max(1, Math.floor(Math.max(typed.length, candidate.length) * 0.4)) ||
        (typed.length >= 3 && candidate.toLowerCase().includes(typed)),
    )
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** How many letters must be put in, left out, changed or swapped with their neighbour to get from `a` to `b`. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1)
    }
  }
  return rows[a.length][b.length]
}

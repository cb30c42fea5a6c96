/**
 * Steps that are too large by the rule, and that somebody has argued may be one all the same.
 *
 * @module
 */
import type { Atomicity } from './atomicity.js'

/** A step that is listed, with all that it accesses. */
export interface ListedStep {
  readonly procedure: string
  readonly step: string
  /** As {@link LargeStep.accesses}; `*` stands for the name of a device or driver. */
  readonly accesses: readonly string[]
}

/** What is wrong: of the steps that were found, or of the list. */
export interface Discrepancy {
  /**
   * `unlisted`: a step is too large, and is not listed. `more`: it is listed, and accesses more than is said there. `stale`: it is
   * listed, and is not too large; with accesses, only those are not found.
   */
  readonly kind: 'unlisted' | 'more' | 'stale'
  readonly procedure: string
  readonly step: string
  readonly accesses: readonly string[]
  /** Scenarios that show it; none where nothing was found. */
  readonly scenarios: readonly string[]
}

interface Seen {
  readonly procedure: string
  readonly step: string
  /** By access: the scenarios that show it. */
  readonly accesses: Map<string, Set<string>>
}

function keyOf({ procedure, step }: Pick<ListedStep, 'procedure' | 'step'>): string {
  return `${procedure}: ${step}`
}

/**
 * Holds what was found against the list.
 *
 * @param complete - true if all scenarios were explored to their end, so that what was not found is not there
 */
export function againstList(
  found: readonly Atomicity[],
  list: readonly ListedStep[],
  complete: boolean,
): Discrepancy[] {
  const seen = new Map<string, Seen>()
  const discrepancies: Discrepancy[] = []
  const listed = new Map(list.map((entry) => [keyOf(entry), entry]))
  for (const { scenario, large } of found)
    for (const step of large) {
      const { procedure, step: name } = step
      const known = seen.get(keyOf(step)) ?? { procedure, step: name, accesses: new Map() }
      seen.set(keyOf(step), known)
      for (const access of step.accesses)
        known.accesses.set(access, (known.accesses.get(access) ?? new Set()).add(scenario))
    }
  for (const [key, { procedure, step, accesses }] of seen) {
    const entry = listed.get(key)
    const patterns = entry?.accesses.map(patternOf) ?? []
    const extra = [...accesses].filter(([access]) => !patterns.some((pattern) => pattern.test(access)))
    if (extra.length === 0) continue
    discrepancies.push({
      kind: entry === undefined ? 'unlisted' : 'more',
      procedure,
      step,
      accesses: extra.map(([access]) => access).sort(),
      scenarios: [...new Set(extra.flatMap(([, scenarios]) => [...scenarios]))],
    })
  }
  if (!complete) return discrepancies
  for (const { procedure, step, accesses } of list) {
    const shown = [...(seen.get(keyOf({ procedure, step }))?.accesses.keys() ?? [])]
    const unseen = accesses.filter((access) => !shown.some((name) => patternOf(access).test(name)))
    if (unseen.length > 0 || shown.length === 0)
      discrepancies.push({
        kind: 'stale',
        procedure,
        step,
        accesses: shown.length === 0 ? [] : unseen,
        scenarios: [],
      })
  }
  return discrepancies
}

/** What a name fits in which `*` stands for any text. */
export function patternOf(access: string): RegExp {
  const literal = access.replace(/[.[\]()]/g, '\\$&')
  return new RegExp(`^${literal.replaceAll('*', '.+')}$`)
}

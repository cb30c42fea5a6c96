/**
 * The list of large steps that are accepted with an argument.
 *
 * @module
 */
import type { Atomicity } from './atomicity.js'

/** A listed step, with all its accesses. */
export interface ListedStep {
  readonly procedure: string
  readonly step: string
  /** As {@link LargeStep.accesses}; `*` stands for the name of a device or driver. */
  readonly accesses: readonly string[]
}

/** A difference between the steps found and the list. */
export interface Discrepancy {
  /**
   * `unlisted`: a step is too large and not listed. `more`: a listed step has accesses that are not
   * listed. `stale`: a listed step is not too large; if accesses are given, only those were not
   * found.
   */
  readonly kind: 'unlisted' | 'more' | 'stale'
  readonly procedure: string
  readonly step: string
  readonly accesses: readonly string[]
  /** Scenarios that show it; empty if nothing was found. */
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
 * Compares the steps found with the list.
 *
 * @param complete - true if all scenarios were explored completely, so that a listed step that was
 * not found is stale
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

/** Matches a name in which `*` stands for any text. */
export function patternOf(access: string): RegExp {
  const literal = access.replace(/[.[\]()]/g, '\\$&')
  return new RegExp(`^${literal.replaceAll('*', '.+')}$`)
}

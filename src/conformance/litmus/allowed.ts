/**
 * What is allowed to a litmus test: of the outcomes that the model of a kernel with its test driver has, those that are coherent.
 * The others are breaches of C39, each with the finding of the driver that makes it possible.
 *
 * @module
 */
import { checkBeforeMapping, compareForExclusive, heedOwnMigrations } from '../../../spec/recorded/mends.js'
import type { Override } from '../../world/index.js'
import type { KernelVersion } from '../result.js'
import { incoherentPage } from './coherence.js'
import { type Explored, exploreTest, type LitmusLimits } from './explore.js'
import type { AllowedOutcomes, BreachingOutcome, ReadTest } from './test.js'

/** Findings that make data wrong, and what mends the driver of each. With the mend alone the outcome must be gone. */
export const FINDINGS: readonly { readonly finding: string; readonly mend: readonly Override[] }[] = [
  { finding: 'H17', mend: [heedOwnMigrations] },
  { finding: 'H26', mend: compareForExclusive },
]

/** Findings that let the driver use memory that is free. With the mend alone no run does. */
const FREE_MEMORY: typeof FINDINGS = [
  { finding: 'H10', mend: [checkBeforeMapping] },
  { finding: 'H26', mend: compareForExclusive },
]

/** A breach that no finding explains: either the model is wrong, or it has found something. */
export const UNEXPLAINED = 'unexplained'

/** What one release allows. */
export type ReleaseOutcomes = Omit<AllowedOutcomes, 'releases'> & { readonly explored: Explored }

/**
 * Explores a test on one release, and judges its outcomes.
 *
 * @returns what is allowed; all that was found so far, if the limit of states came first
 */
export function allowedOn(
  test: ReadTest,
  kernel: KernelVersion,
  limits: Pick<LitmusLimits, 'states'> = {},
): ReleaseOutcomes {
  const explored = exploreTest(test, { ...limits, kernel })
  const freeMemory = explored.usesOfFreeMemory > 0 ? freedBy(test, kernel, limits) : undefined
  const all = [...explored.outcomes.keys()]
  const breaking = new Set(all.filter((outcome) => incoherentPage(test, outcome) !== undefined))
  return {
    outcomes: all.filter((outcome) => !breaking.has(outcome)),
    breaches: breaking.size === 0 ? [] : explain(test, kernel, [...breaking], limits),
    usesFreeMemory: explored.usesOfFreeMemory > 0,
    ...(freeMemory === undefined ? {} : { freeMemory }),
    explored,
  }
}

function explain(
  test: ReadTest,
  kernel: KernelVersion,
  breaking: readonly string[],
  limits: Pick<LitmusLimits, 'states'>,
): BreachingOutcome[] {
  const findings = new Map<string, string>()
  for (const { finding, mend } of FINDINGS) {
    const open = breaking.filter((outcome) => !findings.has(outcome))
    if (open.length === 0) break
    const mended = exploreTest(test, { ...limits, kernel, overrides: mend })
    for (const outcome of open) if (!mended.outcomes.has(outcome)) findings.set(outcome, finding)
  }
  return breaking.map((outcome) => ({ outcome, finding: findings.get(outcome) ?? UNEXPLAINED }))
}

function freedBy(test: ReadTest, kernel: KernelVersion, limits: Pick<LitmusLimits, 'states'>) {
  return FREE_MEMORY.find(
    ({ mend }) => exploreTest(test, { ...limits, kernel, overrides: mend }).usesOfFreeMemory === 0,
  )?.finding
}

/** What each release allows, those together that allow the same. */
export function allowedOutcomes(test: ReadTest, releases: readonly KernelVersion[]): AllowedOutcomes[] {
  const bySet = new Map<string, { releases: KernelVersion[]; set: Omit<AllowedOutcomes, 'releases'> }>()
  for (const release of releases) {
    const { explored, ...set } = allowedOn(test, release)
    if (!explored.exhaustive) throw new Error(`${test.test.test}: more states than are explored`)
    const key = JSON.stringify(set)
    const same = bySet.get(key)
    if (same) same.releases.push(release)
    else bySet.set(key, { releases: [release], set })
  }
  return [...bySet.values()].map(({ releases: of, set }) => ({ releases: of, ...set }))
}

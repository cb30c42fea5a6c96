/**
 * Claims, transitions and steps that no scenario exercised. They prove nothing, so they fail a complete run.
 *
 * @module
 */
import type { Requirement } from '../../spec/requirement.js'
import type { CheckResult } from '../checker/result.js'
import type { DeclaredStep } from '../world/procedures/declared-steps.js'

/** A transition that a statechart has. */
export interface DeclaredTransition {
  readonly chart: string
  readonly state: string
  readonly event: string
  readonly target: string
}

/** Everything that can be exercised. */
export interface Universe {
  readonly transitions: readonly DeclaredTransition[]
  readonly steps: readonly DeclaredStep[]
  readonly requirements: readonly Requirement[]
}

/** The number of items of one kind, and those that were never exercised. */
export interface Unexercised<T> {
  readonly total: number
  readonly never: readonly T[]
}

/** What a complete run exercised, and what it did not. */
export interface Vacuity {
  readonly transitions: Unexercised<DeclaredTransition>
  /** As `procedure: step`. */
  readonly steps: Unexercised<string>
  /** Identifiers of requirements. */
  readonly requirements: Unexercised<string>
  /** Claims of a file's own that never had anything to say; absent for the specification's, which requirements name. */
  readonly claims?: Unexercised<string>
}

/** True if anything was never exercised. */
export function isVacuous(vacuity: Vacuity): boolean {
  const { transitions, steps, requirements, claims } = vacuity
  return [transitions, steps, requirements, claims].some(
    (part) => part !== undefined && part.never.length > 0,
  )
}

/**
 * Computes what `results` exercised of the `universe`.
 *
 * A requirement counts as exercised if a claim of its clause, or one that its `checks` name, applied at least once, if a
 * witness that they name was reached, or if a step that ran was held to its clause: assertions (`assert:`) and what the
 * checker holds itself (`checker:`) are counted as they are made. Checks that are no claims: `type:` and `test:` are held by
 * the compiler and the tests; `step:` is an assertion in the step it names (`step:procedure: step`) and counts if that step
 * was taken. What a scenario says that it is there for counts for nothing.
 */
export function vacuityOf(results: readonly CheckResult[], universe: Universe): Vacuity {
  const ran = {
    steps: results.flatMap(({ coverage }) => coverage.declared),
    transitions: results.flatMap(({ coverage }) => coverage.transitions),
  }
  return vacuityWithin(results, {
    ...universe,
    steps: [...universe.steps.map(named), ...ran.steps],
    transitions: [...universe.transitions, ...ran.transitions],
  })
}

/**
 * The same for the text of somebody's files: what is in the `universe`, the steps of `procedures` that were entered, and the
 * claims that no requirement of the specification names.
 *
 * @param known - names of the specification's own claims
 */
export function ownVacuityOf(
  results: readonly CheckResult[],
  universe: Universe,
  procedures: readonly string[],
  known: ReadonlySet<string>,
): Vacuity {
  const entered = results
    .flatMap(({ coverage }) => coverage.declared)
    .filter((step) => procedures.some((name) => step.startsWith(`${name}: `)))
  const own = results.flatMap(({ coverage }) => coverage.claims.filter(({ name }) => !known.has(name)))
  const claims = [...new Set(own.map(({ name }) => name))]
  const applied = new Set(own.flatMap(({ name, exercised }) => (exercised > 0 ? [name] : [])))
  return {
    ...vacuityWithin(results, { ...universe, steps: [...universe.steps.map(named), ...entered] }),
    claims: { total: claims.length, never: claims.filter((name) => !applied.has(name)) },
  }
}

function named({ procedure, step }: DeclaredStep): string {
  return `${procedure}: ${step}`
}

function vacuityWithin(
  results: readonly CheckResult[],
  universe: Omit<Universe, 'steps'> & { readonly steps: readonly string[] },
): Vacuity {
  const taken = new Set<string>()
  const steps = new Set<string>()
  const claims = new Set<string>()
  const clauses = new Set<string>()
  const declared = new Map(
    universe.transitions.map(({ chart, state, event, target }) => {
      const transition = { chart, state, event, target }
      return [keyOf(transition), transition]
    }),
  )
  for (const { coverage, witnesses } of results) {
    for (const witness of witnesses) if (witness.reached) claims.add(witness.name)
    for (const step of coverage.steps) steps.add(step)
    for (const transition of coverage.transitions) if (transition.taken > 0) taken.add(keyOf(transition))
    for (const [clause, times] of Object.entries(coverage.asserted)) if (times > 0) clauses.add(clause)
    for (const claim of coverage.claims)
      if (claim.exercised > 0) {
        claims.add(claim.name)
        clauses.add(claim.clause)
      }
  }
  const isExercised = ({ id, checks }: Requirement): boolean =>
    clauses.has(id) ||
    checks.some((check) => {
      if (/^(type|test):/.test(check)) return true
      if (/^(checker|assert):/.test(check)) return false
      if (check.startsWith('step:')) return steps.has(check.slice('step:'.length).trim())
      return claims.has(check)
    })
  const names = [...new Set(universe.steps)]
  return {
    transitions: {
      total: declared.size,
      never: [...declared].filter(([key]) => !taken.has(key)).map(([, transition]) => transition),
    },
    steps: { total: names.length, never: names.filter((name) => !steps.has(name)) },
    requirements: {
      total: universe.requirements.length,
      never: universe.requirements.filter((requirement) => !isExercised(requirement)).map(({ id }) => id),
    },
  }
}

function keyOf({ chart, state, event, target }: DeclaredTransition): string {
  return JSON.stringify([chart, state, event, target])
}

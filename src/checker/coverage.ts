/**
 * What an exploration exercised, and what there was to exercise.
 *
 * @module
 */
import type { AnyProcedure } from '../world/procedure.js'
import type { Exploration } from './explore.js'
import type { Coverage, TransitionCoverage } from './result.js'

/** What `exploration` has exercised so far. */
export function coverageOf(
  exploration: Pick<Exploration, 'model' | 'control' | 'taken' | 'exercised'> &
    Partial<Pick<Exploration, 'lasting'>>,
): Coverage {
  const steps = new Set<string>()
  exploration.control.forEachTaken((procedure, step) => steps.add(`${procedure.procedureName}: ${step.name}`))
  const transitions: TransitionCoverage[] = []
  for (const [chart, taken] of exploration.taken) {
    const table = exploration.model.charts?.[chart]
    if (table === undefined) continue
    table.targets.forEach((target, at) => {
      if (target < 0) return
      transitions.push({
        chart,
        state: table.states[Math.floor(at / table.events.length)],
        event: table.events[at % table.events.length],
        target: table.states[target],
        taken: taken[at],
      })
    })
  }
  const { invariants, stepClaims, progress } = exploration.model
  const judged = [...(invariants ?? []), ...(stepClaims ?? [])]
  const claims = [
    ...judged.map(({ name, clause }, i) => ({ name, clause, exercised: exploration.exercised[i] })),
    ...(progress ?? []).map(({ name, clause }, i) => ({
      name,
      clause,
      exercised: exploration.lasting?.[i] ?? 0,
    })),
  ]
  const procedures = exploration.control.entered.map((procedure) => procedure.procedureName).sort()
  const declared = declaredSteps(exploration.control.entered).map(
    ({ procedure, step }) => `${procedure}: ${step}`,
  )
  return {
    steps: [...steps].sort(),
    declared: [...new Set(declared)].sort(),
    procedures,
    transitions,
    claims,
  }
}

/** A step that a procedure's text names. */
export interface DeclaredStep {
  readonly procedure: string
  readonly step: string
}

/**
 * The steps that the texts of `procedures` name: what exploring should take at least once. Read off the text, since
 * a generator that was never run tells nothing of itself; steps of locks, whose names are made up as they run, are
 * not among them.
 */
export function declaredSteps(procedures: readonly AnyProcedure[]): DeclaredStep[] {
  const found: DeclaredStep[] = []
  for (const procedure of procedures) {
    const names = new Set<string>()
    for (const match of procedure.body
      .toString()
      .matchAll(/\b(?:step|choose|critical)\)?\(\s*(?:'([^'\\\n]*)'|"([^"\\\n]*)")/g))
      names.add(match[1] ?? match[2])
    for (const step of names) found.push({ procedure: procedure.procedureName, step })
  }
  return found
}

/**
 * Coverage: what an exploration exercised, of what the model declares.
 *
 * @module
 */
import { declaredSteps } from '../../world/procedures/declared-steps.js'
import type { Exploration } from '../explore/explore.js'
import { DEADLOCK } from '../explore/system.js'
import type { Coverage, TransitionCoverage } from '../result.js'

/** The coverage of `exploration` so far. */
export function coverageOf(
  exploration: Pick<Exploration, 'model' | 'control' | 'taken' | 'exercised'> &
    Partial<Pick<Exploration, 'lasting' | 'asserted' | 'transitions'>>,
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
    asserted: assertedIn(exploration, transitions),
  }
}

/** By clause, how often a step or a state had to keep it, including the checker's own clauses. */
function assertedIn(
  { asserted, transitions = 0 }: Partial<Pick<Exploration, 'asserted' | 'transitions'>>,
  signalled: readonly TransitionCoverage[],
): Record<string, number> {
  const counts = new Map(asserted?.byClause)
  const add = (clause: string, times: number): void => {
    if (times > 0) counts.set(clause, (counts.get(clause) ?? 0) + times)
  }
  add('lock-discipline', asserted?.guarded ?? 0)
  add(
    'refinement',
    signalled.reduce((sum, { taken }) => sum + taken, 0),
  )
  // A state from which a step was taken is not deadlocked.
  add(DEADLOCK, transitions)
  return Object.fromEntries([...counts].sort(([a], [b]) => a.localeCompare(b, 'en')))
}

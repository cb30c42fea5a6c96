/**
 * Verdicts on the cells of the recorded driver's matrix.
 *
 * @module
 */
import { check, survey } from '../../src/checker/index.js'
import type { Override } from '../../src/world/index.js'
import { nameOf, type RecordedCell, recordedScenario } from './cells.js'

/** The verdict on one cell. */
export interface CellVerdict {
  readonly cell: RecordedCell
  readonly states: number
  /**
   * Identifiers of the violated clauses, including those that others lead to; sorted. Empty if all
   * hold.
   */
  readonly broken: readonly string[]
}

/**
 * Explores a cell completely, past violations. Progress is checked only if no clause is violated.
 *
 * @param overrides - fixes of the recorded driver
 * @throws Error if there are more states than a cell may have
 */
export async function judgeCell(
  cell: RecordedCell,
  overrides: readonly Override[] = [],
): Promise<CellVerdict> {
  const scenario = recordedScenario(cell, overrides)
  const { verdict, states, violation } = await check(scenario, { limits: { states: MOST_STATES } })
  if (verdict === 'holds') return { cell, states, broken: [] }
  const surveyed = survey(scenario, { states: MOST_STATES })
  if (verdict === 'limit' || !surveyed.exhaustive)
    throw new Error(`${nameOf(cell)} has more than ${MOST_STATES} states`)
  const clauses = new Set([violation, ...surveyed.breaches].flatMap((found) => found?.clause ?? []))
  return {
    cell,
    states: surveyed.states,
    broken: [...clauses].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })),
  }
}

const MOST_STATES = 200_000

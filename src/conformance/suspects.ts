/**
 * Where to look for a disagreement: the steps that sequences take which do not match, and those that match do not.
 *
 * @module
 */
import { Violation } from '../world/index.js'
import type { Operation } from './operations.js'
import { Oracle, type OracleOptions } from './oracle.js'
import type { Recording } from './recording.js'
import type { Mismatch, Suspect } from './result.js'

/** Most steps that are named. */
const MOST = 12

/** A sequence that was compared, and its first mismatch. */
export interface Compared {
  readonly recording: Recording
  readonly mismatch: Mismatch | undefined
}

/**
 * Ranks the steps that the oracle takes. A sequence that does not match counts up to the operation in which it first differs; one that
 * matches counts whole.
 *
 * The rank is that of Ochiai: how many of the mismatched sequences take the step, against the root of how many there are, times how many
 * sequences take it in all. It is 1 if all that do not match take it, and no other. Steps that every sequence takes are left out.
 *
 * @param compared - what was compared
 * @param options - options of the oracle, such as the kernel
 * @returns the most suspicious of them, in that order; none if all sequences match, or if those that do not take no step of their own
 */
export function rankSteps(compared: readonly Compared[], options: OracleOptions): Suspect[] {
  const all = compared.filter(({ mismatch }) => mismatch !== undefined).length
  if (all === 0) return []
  const counts = new Map<string, { mismatched: number; matched: number }>()
  for (const each of compared)
    for (const step of stepsOf(each, options)) {
      const count = counts.get(step) ?? { mismatched: 0, matched: 0 }
      counts.set(step, count)
      count[each.mismatch === undefined ? 'matched' : 'mismatched'] += 1
    }
  return (
    [...counts]
      .map(([step, { mismatched, matched }]) => ({
        step,
        mismatched,
        matched,
        score: Number((mismatched / Math.sqrt(all * (mismatched + matched))).toFixed(3)),
      }))
      // What every sequence does says nothing.
      .filter(({ mismatched, matched }) => mismatched > 0 && mismatched + matched < compared.length)
      .sort((a, b) => b.score - a.score || a.step.localeCompare(b.step, 'en'))
      .slice(0, MOST)
  )
}

/** The steps of the sequence, each once: `procedure: step`. */
function stepsOf({ recording, mismatch }: Compared, options: OracleOptions): Set<string> {
  const taken = new Set<string>()
  const operations = recording.operations as readonly Operation[]
  const oracle = new Oracle(operations, {
    ...options,
    onStep: (procedure, step) => taken.add(`${procedure.procedureName}: ${step.name}`),
  })
  try {
    for (const operation of operations.slice(0, mismatch && mismatch.operation + 1)) oracle.perform(operation)
  } catch (error) {
    // A claim that the sequence breaks is its mismatch: what comes after is not looked at.
    if (!(error instanceof Violation)) throw error
  }
  return taken
}

/**
 * How a step may turn out, as far as people tell it apart: an error, nothing, something, one of the kinds of an answer.
 *
 * @module
 */
import { errnoName } from '../kernel/index.js'

/** The outcome of a step that breaks a claim in the middle of its work. */
export const BREAKS = 'breaks a claim'

/** A name of a step without the indices of what there are several of: `lock mm[].ptl`. */
export function kindOf(name: string): string {
  return name.replace(/\[\d+\]/g, '[]')
}

/** What a step returned, in a word. */
export function outcomeOf(result: unknown): string {
  if (typeof result === 'number') {
    if (result < 0) return errnoName(result) ?? String(result)
    return result > 1 ? 'more than 1' : String(result)
  }
  if (typeof result === 'boolean' || typeof result === 'string') return String(result)
  if (typeof result !== 'object' || result === null) return 'none'
  if (Array.isArray(result)) return result.length === 0 ? 'an empty list' : 'a list'
  return 'kind' in result && typeof result.kind === 'string' ? result.kind : 'a record'
}

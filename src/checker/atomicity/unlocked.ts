/**
 * Pairs of accesses that no common lock orders. Barriers decide in which order other threads see
 * them.
 *
 * @module
 */
import { Act, type Place } from './accesses.js'
import { patternOf } from './listed.js'
import type { Run } from './movers.js'

/**
 * Accesses of two threads to one field. At least one changes the field, and at least one is made
 * without the lock that guards it.
 */
export interface UnlockedPair {
  /** The field, without indices: `mm[].pte[].entry`. */
  readonly field: string
  /** The access without a lock: `procedure: step`. */
  readonly unlocked: string
  /** True if it changes the field. */
  readonly writes: boolean
  /** The other access, with or without the lock. */
  readonly other: string
  /** True if it changes the field. */
  readonly otherWrites: boolean
}

interface Accessing {
  readonly step: string
  readonly thread: number
  readonly writes: boolean
  readonly guarded: boolean
}

/** The distinct pairs of a scenario, sorted by field and name. The fields of locks are left out. */
export function unlockedPairs(runs: readonly Run[], places: readonly Place[]): UnlockedPair[] {
  const byPlace = places.map(() => new Map<string, Accessing>())
  for (const { procedure, step, thread, accesses } of runs)
    for (const { place, act } of accesses) {
      if (act >= Act.acquire || places[place].isLock) continue
      const writes = act >= Act.write
      const guarded = act === Act.guardedRead || act === Act.guardedWrite
      const name = `${procedure}: ${step}`
      byPlace[place].set(`${thread} ${act} ${name}`, { step: name, thread, writes, guarded })
    }
  const pairs = new Map<string, UnlockedPair>()
  for (const [place, accessing] of byPlace.entries()) {
    const all = [...accessing.values()]
    if (!all.some(({ writes }) => writes)) continue
    const field = places[place].name.replace(/\[\d+\]/g, '[]')
    for (const one of all)
      for (const other of one.guarded ? [] : all) {
        if (one.thread === other.thread || !(one.writes || other.writes)) continue
        const pair = {
          field,
          unlocked: one.step,
          writes: one.writes,
          other: other.step,
          otherWrites: other.writes,
        }
        pairs.set(Object.values(pair).join(' | '), pair)
      }
  }
  return [...pairs].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, pair]) => pair)
}

/** A field that threads access without a common lock, over several scenarios. */
export interface FieldAccesses {
  /** The row of the table that it belongs to; undefined if none does. */
  readonly row: string | undefined
  readonly field: string
  /** Accesses without a lock: `reads procedure: step`. */
  readonly unlocked: readonly string[]
  /** Concurrent accesses of other threads. In each pair at least one access changes the field. */
  readonly others: readonly string[]
  /** Number of pairs that were seen. */
  readonly pairs: number
}

/**
 * The pairs of all scenarios, by field.
 *
 * @param rows - names of fields, `*` for any text; a field belongs to the first row that matches
 */
export function fieldAccesses(
  found: readonly { readonly unlocked: readonly UnlockedPair[] }[],
  rows: readonly string[],
): FieldAccesses[] {
  const patterns = rows.map((row) => ({ row, pattern: patternOf(row) }))
  const fields = new Map<string, { unlocked: Set<string>; others: Set<string>; pairs: Set<string> }>()
  for (const { unlocked } of found)
    for (const pair of unlocked) {
      const known = fields.get(pair.field) ?? { unlocked: new Set(), others: new Set(), pairs: new Set() }
      fields.set(pair.field, known)
      const one = `${pair.writes ? 'writes' : 'reads'} ${pair.unlocked}`
      const other = `${pair.otherWrites ? 'writes' : 'reads'} ${pair.other}`
      known.unlocked.add(one)
      known.others.add(other)
      known.pairs.add(`${one} | ${other}`)
    }
  return [...fields]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([field, { unlocked, others, pairs }]) => ({
      row: patterns.find(({ pattern }) => pattern.test(field))?.row,
      field,
      unlocked: [...unlocked].sort(),
      others: [...others].sort(),
      pairs: pairs.size,
    }))
}

/** Fields without a row, and rows without a field. */
export function againstFields(
  fields: readonly FieldAccesses[],
  rows: readonly string[],
): { readonly missing: readonly string[]; readonly stale: readonly string[] } {
  const used = new Set(fields.map(({ row }) => row))
  return {
    missing: fields.filter(({ row }) => row === undefined).map(({ field }) => field),
    stale: rows.filter((row) => !used.has(row)),
  }
}

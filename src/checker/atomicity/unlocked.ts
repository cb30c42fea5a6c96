/**
 * Pairs of accesses that no lock keeps apart: where the order in which another thread sees them is a matter of barriers.
 *
 * @module
 */
import { Act, type Place } from './accesses.js'
import { patternOf } from './listed.js'
import type { Run } from './movers.js'

/** Accesses of two threads to one field, one of which at least changes it, and one without the lock that guards the field. */
export interface UnlockedPair {
  /** The field, as `mm[].pte[].entry`: which one of several of a kind is left out. */
  readonly field: string
  /** Who accesses it without a lock: `procedure: step`. */
  readonly unlocked: string
  /** True if that changes the field. */
  readonly writes: boolean
  /** The other, with a lock or without. */
  readonly other: string
  /** True if that changes the field. */
  readonly otherWrites: boolean
}

interface Accessing {
  readonly step: string
  readonly thread: number
  readonly writes: boolean
  readonly guarded: boolean
}

/** The pairs of a scenario, each once, in the order of their fields and names. Locks themselves are not fields. */
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

/** A field that threads access without a common lock, in any of several scenarios. */
export interface FieldAccesses {
  /** The row that it belongs to; undefined if none does. */
  readonly row: string | undefined
  readonly field: string
  /** Accesses without a lock: `reads procedure: step`. */
  readonly unlocked: readonly string[]
  /** What another thread may do at the same time, of which one at least changes the field. */
  readonly others: readonly string[]
  /** Pairs of one of the former and one of the latter that were seen. */
  readonly pairs: number
}

/**
 * The pairs of all scenarios, by field.
 *
 * @param rows - names of fields, `*` for any text; the first that fits is a field's
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

/** Fields without a row, and rows that no field has. */
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

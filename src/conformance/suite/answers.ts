/**
 * Sets of allowed answers, and how an answer is held against one.
 *
 * @module
 */
import type { Answer } from '../oracle.js'

/** Every answer that is allowed to an operation. */
export type AnswerSet = readonly Answer[]

/** A field of an answer that can be compared. */
export type ComparedField = Exclude<keyof Answer, 'minflt'>

/** An answer with the fields of `fields` alone. */
export function only(answer: Answer, fields: readonly ComparedField[]): Answer {
  const kept: Record<string, unknown> = { rc: answer.rc }
  for (const field of fields) if (answer[field] !== undefined) kept[field] = answer[field]
  return kept as unknown as Answer
}

/** One field in which an answer is not allowed. */
export interface Difference {
  readonly field: ComparedField
  /** What the field may be: one of these; `undefined` in it stands for a field that is absent. */
  readonly expected: readonly unknown[]
  /** What it was; `undefined` if it was absent. */
  readonly actual: unknown
}

/**
 * Where `actual` differs from the allowed answer that is nearest to it; nothing if it is allowed.
 *
 * @param allowed - one answer at least
 */
export function differencesFrom(
  allowed: AnswerSet,
  actual: Readonly<Record<string, unknown>>,
  fields: readonly ComparedField[],
): readonly Difference[] {
  let nearest: readonly ComparedField[] | undefined
  for (const answer of allowed) {
    const different = fields.filter((field) => !isSame(answer[field], actual[field]))
    if (different.length === 0) return []
    if (nearest === undefined || different.length < nearest.length) nearest = different
  }
  return (nearest ?? []).map((field) => ({
    field,
    expected: distinct(allowed.map((answer) => answer[field])),
    actual: actual[field],
  }))
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function distinct(values: readonly unknown[]): unknown[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()]
}

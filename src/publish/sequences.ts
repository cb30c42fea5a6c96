/**
 * Which steps and which transitions recorded sequences and those of the suite take.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Operation, parseOperation, type Unsupported } from '../conformance/operations.js'
import { parseLine } from '../conformance/recording.js'
import type { KernelVersion } from '../conformance/result.js'
import { exercise } from '../conformance/suite/coverage.js'
import { readSuite } from '../conformance/suite/data.js'
import { kindOf, outcomeOf } from '../explorer/outcome.js'

/** What takes a step, an outcome of one, or a transition. */
export interface Taken {
  /** How many sequences. */
  readonly count: number
  /** The name of the one with the fewest operations. */
  readonly shortest: string
}

/** What is taken by the sequences of a file, by its name: a step, a step with its outcome, a transition. */
export type TakenIn = ReadonlyMap<string, Taken>

/** What is taken, by the file of the sequences. */
export type TakenBy = Readonly<Record<string, TakenIn>>

/** The name that the suite's sequences have among files. */
export const SUITE = 'suite'

/** A sequence, by its name. */
export interface Example {
  readonly file: string
  readonly sequence: string
}

/** A sequence of operations, and what it takes. */
interface Sequence {
  readonly name: string
  readonly length: number
  readonly takes: ReadonlySet<string>
}

const CHART = 'chart '

/** The name of a transition, among the names of steps. */
export function transitionName(chart: string, state: string, event: string, target: string): string {
  return `${CHART}${chart}: ${state} ─ ${event} → ${target}`
}

/** The name of a step, among those of transitions; of one of its outcomes, if that is given. */
export function stepName(procedure: string, step: string, outcome?: string): string {
  // Which of several devices a step is of, and which open file of it, makes no other step of it.
  const name = kindOf(`${procedure}: ${step}`).replace(
    /\bdmirror\d*(?: \(\d+\))?(?: of mm\[\])?(?: \(\d+\))?(?=\.)/g,
    'dmirror',
  )
  return outcome === undefined ? name : `${name}${OUTCOME}${outcome}`
}

const OUTCOME = ' → '

/** The steps among what is taken, each with its outcomes. */
export function stepsIn(takenBy: TakenBy): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>()
  for (const taken of Object.values(takenBy))
    for (const name of taken.keys()) {
      const at = name.lastIndexOf(OUTCOME)
      if (name.startsWith(CHART) || at < 0) continue
      const step = name.slice(0, at)
      found.set(step, (found.get(step) ?? new Set()).add(name.slice(at + OUTCOME.length)))
    }
  return new Map([...found].map(([step, outcomes]) => [step, [...outcomes]]))
}

/** A sequence to look at that takes `name`: of the suite, or else of the first file that has one. */
export function exampleOf(takenBy: TakenBy, name: string): Example | undefined {
  for (const file of [SUITE, ...Object.keys(takenBy)]) {
    const taken = takenBy[file]?.get(name)
    if (taken !== undefined) return { file, sequence: taken.shortest }
  }
  return undefined
}

/** How many take `name`, by the file that has them. */
export function sequencesOf(takenBy: TakenBy, name: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(takenBy).flatMap(([file, counts]) => {
      const taken = counts.get(name)
      return taken === undefined ? [] : [[file, taken.count]]
    }),
  )
}

/** The steps and the transitions that a sequence takes: none if it has an operation that is not modelled. */
export function takenIn(
  operations: readonly (Operation | Unsupported)[],
  kernel: KernelVersion,
): ReadonlySet<string> {
  if (!operations.every((operation): operation is Operation => operation.name !== 'unsupported'))
    return new Set()
  const names = new Set<string>()
  const { items } = exercise(operations, kernel, {
    onStep: ({ procedureName }, { name }, result) => {
      names.add(stepName(procedureName, name))
      names.add(stepName(procedureName, name, outcomeOf(result)))
    },
  })
  for (const item of items.flatMap((one) => [...one])) if (item.startsWith(CHART)) names.add(item)
  return names
}

/** What several sequences take. */
export function takenByAll(sequences: readonly Sequence[]): TakenIn {
  const found = new Map<string, { count: number; shortest: string; length: number }>()
  for (const { name, length, takes } of sequences)
    for (const taken of takes) {
      const known = found.get(taken)
      if (known === undefined) found.set(taken, { count: 1, shortest: name, length })
      else {
        known.count++
        if (length < known.length) Object.assign(known, { shortest: name, length })
      }
    }
  return new Map([...found].map(([taken, { count, shortest }]) => [taken, { count, shortest }]))
}

/**
 * What the sequences of a file of recordings take.
 *
 * @param every - 1 if all are looked at; 5 if every fifth is
 */
export function takenByFile(root: string, file: string, kernel: KernelVersion, every = 1): TakenIn {
  const lines = gunzipSync(readFileSync(join(root, file)))
    .toString('utf8')
    .split('\n')
  return takenByAll(
    lines.flatMap((line, i) => {
      if (line === '' || i % every > 0) return []
      const { name, operations } = parseLine(file, i + 1, line)
      return [{ name, length: operations.length, takes: takenIn(operations, kernel) }]
    }),
  )
}

/** What the sequences of the suite take. */
export function takenBySuite(root: string): TakenIn {
  const { sequences } = readSuite(join(root, 'suite'))
  return takenByAll(
    sequences.map(({ seq, ops }) => ({
      name: seq,
      length: ops.length,
      takes: takenIn(ops.map(parseOperation), '6.1'),
    })),
  )
}

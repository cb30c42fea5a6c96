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
import { kindOf } from '../explorer/outcome.js'

/** How many sequences take each step and each transition, by the file that has them. */
export type TakenBy = Readonly<Record<string, ReadonlyMap<string, number>>>

/** The name of a transition, among the names of steps. */
export function transitionName(chart: string, state: string, event: string, target: string): string {
  return `chart ${chart}: ${state} ─ ${event} → ${target}`
}

/** How many take `name`, by the file that has them. */
export function sequencesOf(takenBy: TakenBy, name: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(takenBy).flatMap(([file, counts]) => {
      const count = counts.get(name)
      return count === undefined ? [] : [[file, count]]
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
  const items = exercise(operations, kernel).items.flatMap((one) => [...one])
  return new Set(
    items.flatMap((item) => {
      if (item.startsWith('chart ')) return [item]
      const [, step] = /^step [^|]* \| (.*) → [^→]*$/.exec(item) ?? []
      return step === undefined ? [] : [kindOf(step)]
    }),
  )
}

function counted(sequences: readonly ReadonlySet<string>[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const names of sequences) for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

/** What the sequences of a file of recordings take. */
export function takenByFile(root: string, file: string, kernel: KernelVersion): ReadonlyMap<string, number> {
  const lines = gunzipSync(readFileSync(join(root, file)))
    .toString('utf8')
    .split('\n')
  return counted(
    lines.flatMap((line, i) => (line === '' ? [] : takenIn(parseLine(file, i + 1, line).operations, kernel))),
  )
}

/** What the sequences of the suite take. */
export function takenBySuite(root: string): ReadonlyMap<string, number> {
  const { sequences } = readSuite(join(root, 'suite'))
  return counted(sequences.map(({ ops }) => takenIn(ops.map(parseOperation), '6.1')))
}

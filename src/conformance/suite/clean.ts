/**
 * What any driver may answer: the oracle goes every way that a driver may go.
 *
 * The device's page table may lack what the CPU's has, at any time and for any reason: a driver may drop more than an
 * invalidation names. So before each operation of a device, every subset of the entries in its range may be gone.
 *
 * @module
 */

import { isOwnMigration, type Mirror, unmapPages } from '../../driver/index.js'
import { dmirror_interval_invalidate } from '../../driver/recorded/index.js'
import { mmu_interval_set_seq } from '../../kernel/index.js'
import { override, procedure, READ_ONCE, SequentialRunner, step, use, Violation } from '../../world/index.js'
import type { Operation } from '../operations.js'
import { type Answer, Oracle, type OracleState } from '../oracle.js'
import type { KernelVersion } from '../result.js'
import { type AnswerSet, type ComparedField, only } from './answers.js'

/** Most worlds that are followed; a sequence with more is one of which this profile says nothing. */
const MOST_WORLDS = 100

/** Most entries of which every subset is tried. */
const MOST_ENTRIES = 4

const THREAD = 0

/**
 * The driver drops what an invalidation names and no more, and nothing for a migration of its own: what it drops besides
 * is chosen before each operation.
 */
const dropJustTheRange = override(
  dmirror_interval_invalidate,
  () =>
    function* (_current, mirror, range, curSeq) {
      if (isOwnMigration(mirror, range)) return 1
      yield* mirror.updateLock.critical('drop the range', () => {
        mmu_interval_set_seq(mirror.notifier, curSeq)
        unmapPages(mirror, range)
        return 0
      })
      return 1
    },
)

const dropEntries = procedure('drop entries', function* (mirror: Mirror, pages: readonly number[]) {
  yield* mirror.updateLock.lock()
  for (const page of pages)
    yield* step('drop an entry', () => {
      unmapPages(mirror, { start: page, end: page + 1 })
      return 0
    })
  yield* mirror.updateLock.unlock()
})

/**
 * Every answer that is allowed to each operation, or `undefined` if there are too many ways, or the sequence does what
 * drivers need not answer alike: a child that opens a device of its own, whose end may evict its parent's pages.
 */
export function cleanAnswers(
  operations: readonly Operation[],
  releases: readonly KernelVersion[],
  fields: readonly ComparedField[],
): readonly AnswerSet[] | undefined {
  if (operations.some(({ name, inChild }) => inChild && name === 'open')) return undefined
  const allowed = operations.map(() => new Map<string, Answer>())
  try {
    for (const kernel of releases) if (!follow(operations, kernel, fields, allowed)) return undefined
  } catch (error) {
    if (error instanceof Violation) return undefined
    throw error
  }
  return allowed.map((answers) => [...answers.values()])
}

/** Adds what one release answers. Returns false if there are too many ways. */
function follow(
  operations: readonly Operation[],
  kernel: KernelVersion,
  fields: readonly ComparedField[],
  allowed: readonly Map<string, Answer>[],
): boolean {
  const oracle = new Oracle(operations, { kernel, overrides: [dropJustTheRange] })
  const runner = new SequentialRunner()
  let states: OracleState[] = [oracle.save()]
  for (const [index, operation] of operations.entries()) {
    const next = new Map<string, OracleState>()
    for (const state of states) {
      oracle.restore(state)
      const subsets = mayBeGone(oracle, operation)
      if (subsets === undefined) return false
      for (const pages of subsets) {
        oracle.restore(state)
        const mirror = 'device' in operation ? oracle.mirrorOf(operation) : undefined
        use(oracle.world)
        if (mirror && pages.length > 0) runner.run(THREAD, dropEntries, mirror, pages)
        const answer = only(oracle.perform(operation), fields)
        allowed[index].set(JSON.stringify(answer), answer)
        const after = oracle.save()
        next.set(Buffer.from(after.world).toString('latin1'), after)
        if (next.size > MOST_WORLDS) return false
      }
    }
    states = [...next.values()]
  }
  return true
}

/** Every subset of the entries that the operation may use; `undefined` if there are too many. */
function mayBeGone(oracle: Oracle, operation: Operation): number[][] | undefined {
  if (!('device' in operation && 'start' in operation)) return [[]]
  const mirror = oracle.mirrorOf(operation)
  if (mirror === undefined) return [[]]
  use(oracle.world)
  const there = mirror.pageTable.flatMap((entry, page) =>
    page >= operation.start && page < operation.end && READ_ONCE(entry).frame !== undefined ? [page] : [],
  )
  if (there.length > MOST_ENTRIES) return undefined
  return Array.from({ length: 2 ** there.length }, (_, mask) =>
    there.filter((_page, bit) => mask & (1 << bit)),
  )
}

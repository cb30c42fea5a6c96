/**
 * Litmus tests from conflicts: two operations of which one writes what the other reads or writes. What an operation reads and
 * writes is taken from its footprint: it is run alone, and every field that it touches is recorded.
 *
 * @module
 */
import { footprintOf } from '../../world/records/footprint.js'
import type { Operation } from '../operations.js'
import { Oracle } from '../oracle.js'
import { directedTests } from './directed.js'
import { type LitmusTest, readTest } from './test.js'

/** How the page may be when the operations begin. */
const BEGINNINGS: Readonly<Record<string, readonly string[]>> = {
  untouched: ['mmap 0 1 rw'],
  system: ['mmap 0 1 rw', 'cpu_write 0 5'],
  mirrored: ['mmap 0 1 rw', 'dev_write 0 0 1 5'],
  device: ['mmap 0 1 rw', 'cpu_write 0 5', 'migrate_to_dev 0 0 1'],
  foreign: ['mmap 0 1 rw', 'cpu_write 0 5', 'migrate_to_dev 1 0 1'],
  exclusive: ['mmap 0 1 rw', 'cpu_write 0 5', 'exclusive 0 0 1'],
}

/** What threads may do to it. */
const OPERATIONS = [
  'dev_read 0 0 1',
  'dev_write 0 0 1 7',
  'migrate_to_dev 0 0 1',
  'migrate_to_sys 0 0 1',
  'exclusive 0 0 1',
  'dev_write 1 0 1 9',
  'cpu_read 0',
  'cpu_write 0 8',
  'munmap 0 1',
  'mprotect 0 1 ro',
  'madv_dontneed 0 1',
  'fork',
] as const

/** The fields that two operations conflict in, of one beginning. */
export interface Conflict {
  readonly beginning: string
  readonly one: string
  readonly other: string
  /** Kinds of fields: `mm[].pte[].kind`. */
  readonly fields: readonly string[]
}

/** Every conflict of two operations, for each way that the page may be at the beginning. */
export function conflicts(): Conflict[] {
  return Object.keys(BEGINNINGS).flatMap((beginning) => {
    const touched = new Map(OPERATIONS.map((op) => [op, touchedBy(BEGINNINGS[beginning], op)]))
    return OPERATIONS.flatMap((one, index) =>
      OPERATIONS.slice(index).flatMap((other) => {
        const [a, b] = [touched.get(one), touched.get(other)]
        // A test has one child at most.
        if (a === undefined || b === undefined || (one === 'fork' && other === 'fork')) return []
        const fields = [...new Set([...common(a, b), ...common(b, a)])].sort()
        return fields.length === 0 ? [] : [{ beginning, one, other, fields }]
      }),
    )
  })
}

/** Fields that `a` writes and `b` touches. */
function common(a: Touched, b: Touched): string[] {
  return [...a.writes].filter((name) => b.reads.has(name) || b.writes.has(name)).map(kindOf)
}

interface Touched {
  readonly reads: ReadonlySet<string>
  readonly writes: ReadonlySet<string>
}

/** What an operation touches that succeeds; `undefined` if it fails there. */
function touchedBy(setup: readonly string[], op: string): Touched | undefined {
  const test = { test: op, title: '', setup, threads: [[op], [op]], final: [] }
  const read = readTest(op === 'fork' ? { ...test, threads: [[op], ['cpu_read 0']] } : test)
  const operation: Operation = read.threads[0][0]
  const oracle = new Oracle([...read.setup, operation])
  for (const each of read.setup) oracle.perform(each)
  const touched = footprintOf(() => oracle.perform(operation))
  return touched.result?.rc === 0 ? touched : undefined
}

function kindOf(name: string): string {
  return name.replace(/\[\d+\]/g, '[]')
}

/**
 * A test for each two operations that conflict, with the beginning in which they conflict in the most fields that no test before
 * has for these two; directed tests are not made again.
 *
 * @param most - how many tests
 */
export function conflictTests(most: number): LitmusTest[] {
  const made = new Set(directedTests.map(contentsOf))
  const covered = new Set<string>()
  const tests: LitmusTest[] = []
  const left = conflicts()
  const isNew = ({ one, other, fields }: Conflict) =>
    fields.filter((field) => !covered.has(`${one} ${other} ${field}`)).length
  while (tests.length < most) {
    let best: Conflict | undefined
    for (const conflict of left) if (isNew(conflict) > (best ? isNew(best) : 0)) best = conflict
    if (best === undefined) break
    for (const field of best.fields) covered.add(`${best.one} ${best.other} ${field}`)
    const test = testOf(best)
    if (!made.has(contentsOf(test))) tests.push(test)
  }
  return tests
}

function testOf({ beginning, one, other, fields }: Conflict): LitmusTest {
  const short = (op: string) => op.split(' ')[0] + (op.startsWith('dev_write 1') ? '1' : '')
  const forks = one === 'fork' || other === 'fork'
  // Two writes of one value could not be told apart.
  const second =
    one === other
      ? other.replace('8', '9').replace('0 0 1 7', '0 0 1 8').replace('1 0 1 9', '1 0 1 6')
      : other
  return {
    test: `conflict/${beginning}/${short(one)}+${short(other)}`,
    title: `${one} against ${second}: both touch ${fields.filter((field) => !field.includes('lock')).length} kinds of fields`,
    setup: BEGINNINGS[beginning],
    threads: [[one], [second]],
    final: ['ptes 0 1', 'dev_read 0 0 1', 'cpu_read 0', ...(forks ? ['c:cpu_read 0'] : [])],
  }
}

function contentsOf({ setup, threads }: LitmusTest): string {
  return [...setup, ...threads.map((ops) => ops.join('; ')).sort()].join(' | ')
}

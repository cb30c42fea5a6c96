/**
 * Litmus tests: what a few threads do at the same time, and what may be seen afterwards.
 *
 * @module
 */
import { type Operation, OperationError, parseOperation, type Who } from '../operations.js'
import type { KernelVersion } from '../result.js'

/** A litmus test, in the operation language. */
export interface LitmusTest {
  /** Its name, by group: `directed/munmap+dev_read`. */
  readonly test: string
  /** What it is about. */
  readonly title: string
  /** Performed one after another before the threads begin. */
  readonly setup: readonly string[]
  /** What each thread performs, one after another. */
  readonly threads: readonly (readonly string[])[]
  /** Performed one after another once every thread has ended: what is seen is part of the outcome. */
  readonly final: readonly string[]
}

/** An outcome that the driver of the recordings has, and that the specification forbids. */
export interface BreachingOutcome {
  readonly outcome: string
  /** The finding that explains it: `H17`. */
  readonly finding: string
}

/** What a release allows. */
export interface AllowedOutcomes {
  readonly releases: readonly KernelVersion[]
  /** Every final outcome that the specification allows, sorted. */
  readonly outcomes: readonly string[]
  /** Outcomes that a finding of the driver makes possible. */
  readonly breaches: readonly BreachingOutcome[]
  /** True if a run uses memory that is free: whatever such a run shows says nothing. */
  readonly usesFreeMemory: boolean
  /** The finding without which none would: what lies outside the set is put down to it. Absent if there is none. */
  readonly freeMemory?: string
}

/** A test with what is allowed, as `suite/litmus` has it. */
export interface PinnedTest extends LitmusTest {
  readonly allowed: readonly AllowedOutcomes[]
}

/** A test whose operations were read. */
export interface ReadTest {
  readonly test: LitmusTest
  readonly setup: readonly Operation[]
  readonly threads: readonly (readonly Operation[])[]
  readonly final: readonly Operation[]
  /** Which process each thread is of. */
  readonly of: readonly Who[]
}

/** A litmus test that cannot be run. The message names the test, the operation and what would be right. */
export class LitmusError extends Error {
  override readonly name = 'LitmusError'
}

/** Most threads of a test, and most operations of one. */
export const LITMUS_SIZE = { threads: 3, operations: 4 } as const

/**
 * Operations that threads may perform at the same time. The others change which files a process has open, or look at the page
 * table without a lock: they are for the setup and for the end.
 */
export const CONCURRENT_OPERATIONS: ReadonlySet<Operation['name']> = new Set<Operation['name']>([
  'mmap',
  'munmap',
  'mprotect',
  'madv_dontneed',
  'mremap',
  'cpu_read',
  'cpu_write',
  'dev_read',
  'dev_write',
  'snapshot',
  'migrate_to_dev',
  'migrate_to_sys',
  'exclusive',
  'check_exclusive',
  'release',
  'fork',
])

/**
 * Reads the operations of a test.
 *
 * @throws LitmusError if it is none that can be run
 */
export function readTest(test: LitmusTest): ReadTest {
  const refuse = (what: string): never => {
    throw new LitmusError(`litmus test ${test.test}: ${what}`)
  }
  const read = (text: string): Operation => {
    try {
      const operation = parseOperation(text)
      return operation.name === 'unsupported' ? refuse(`there is no operation "${text}"`) : operation
    } catch (error) {
      if (error instanceof OperationError) return refuse(`"${text}": ${error.message}`)
      throw error
    }
  }
  const setup = test.setup.map(read)
  const threads = test.threads.map((ops) => ops.map(read))
  const final = test.final.map(read)
  if (threads.length < 2 || threads.length > LITMUS_SIZE.threads)
    refuse(`it has ${threads.length} threads; there are 2 to ${LITMUS_SIZE.threads}`)
  const forked = setup.some(({ name }) => name === 'fork')
  const forks = threads.flat().filter(({ name }) => name === 'fork').length
  if (forks + Number(forked) > 1) refuse('it forks more than once; a test has one child at most')
  const of = threads.map((operations, index): Who => {
    if (operations.length < 1 || operations.length > LITMUS_SIZE.operations)
      refuse(`thread ${index} has ${operations.length} operations; there are 1 to ${LITMUS_SIZE.operations}`)
    const inChild = operations.filter((operation) => operation.inChild).length
    if (inChild > 0 && inChild < operations.length)
      refuse(`thread ${index} has operations of the parent and of the child; a thread is of one process`)
    if (inChild > 0 && !forked) refuse(`thread ${index} is of the child, and the setup does not fork`)
    if (inChild > 0 && index === 0) refuse('thread 0 is of the child; it is of the parent')
    return inChild > 0 ? 'child' : 'parent'
  })
  if (threads.flat().filter(({ name }) => name === 'snapshot').length > 1)
    refuse('its threads take more than one snapshot')
  for (const [index, operations] of threads.entries())
    for (const { name } of operations) {
      if (!CONCURRENT_OPERATIONS.has(name))
        refuse(`thread ${index} performs ${name}, which is for the setup; a thread may perform ${names()}`)
      if (name === 'snapshot' && index > 0)
        refuse(`thread ${index} performs snapshot, which only thread 0 may`)
    }
  return { test, setup, threads, final, of }
}

function names(): string {
  return [...CONCURRENT_OPERATIONS].join(', ')
}

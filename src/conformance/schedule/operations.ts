/**
 * What the threads of a scenario of the recorded driver do, in the operation language: so that a program can do it on a kernel.
 *
 * @module
 */

/** What a thread of such a scenario does: by the name of its operation. */
interface Performed {
  readonly op: string
  /** The number of the device file through which it goes. */
  readonly file?: number
  /** What it writes. */
  readonly writes?: number
  /** True if it throws the page away. */
  readonly discards?: boolean
  /** What has to be done before the page can be written again. */
  readonly restore?: string
}

const AT_FIRST = 5
const BY_CPU = 6
const BY_DEVICE = 7
const AT_LAST = 9

const OPERATIONS: Readonly<Record<string, Performed>> = {
  dev_read: { op: 'dev_read 0 0 1', file: 0 },
  dev_write: { op: `dev_write 0 0 1 ${BY_DEVICE}`, file: 0, writes: BY_DEVICE },
  migrate_to_dev: { op: 'migrate_to_dev 0 0 1', file: 0 },
  migrate_to_sys: { op: 'migrate_to_sys 0 0 1', file: 0 },
  snapshot: { op: 'snapshot 0 0 1', file: 0 },
  exclusive: { op: 'exclusive 0 0 1', file: 0 },
  check_exclusive: { op: 'check_exclusive 0 0 1', file: 0 },
  release: { op: 'release 0', file: 0 },
  dev_read2: { op: 'dev_read 2 0 1', file: 2 },
  dev_write2: { op: `dev_write 2 0 1 ${BY_DEVICE}`, file: 2, writes: BY_DEVICE },
  migrate_to_dev2: { op: 'migrate_to_dev 2 0 1', file: 2 },
  migrate_to_sys2: { op: 'migrate_to_sys 2 0 1', file: 2 },
  cpu_read: { op: 'cpu_read 0' },
  cpu_write: { op: `cpu_write 0 ${BY_CPU}`, writes: BY_CPU },
  mprotect: { op: 'mprotect 0 1 ro', restore: 'mprotect 0 1 rw' },
  munmap: { op: 'munmap 0 1', discards: true, restore: 'mmap 0 1 rw' },
  madv_dontneed: { op: 'madv_dontneed 0 1', discards: true },
}

const TOUCHED = ['mmap 0 1 rw', `cpu_write 0 ${AT_FIRST}`]

/** How the page comes to be as it is at the beginning. */
const BEGINNINGS: Readonly<Record<string, readonly string[]>> = {
  untouched: ['mmap 0 1 rw'],
  system: TOUCHED,
  mirrored: [...TOUCHED, `dev_write 0 0 1 ${AT_FIRST}`],
  device: [...TOUCHED, 'migrate_to_dev 0 0 1'],
  // A change of the permissions makes the device drop its entry.
  dropped: [...TOUCHED, 'migrate_to_dev 0 0 1', 'mprotect 0 1 ro', 'mprotect 0 1 rw'],
  alone: [...TOUCHED, 'exclusive 0 0 1'],
  mirrored2: [...TOUCHED, `dev_write 2 0 1 ${AT_FIRST}`],
  device2: [...TOUCHED, 'migrate_to_dev 2 0 1'],
}

/** An operation after the run, and what it answers if no breach is seen. */
export interface FinalOperation {
  readonly op: string
  readonly expected: string
}

/** A scenario as operations. */
export interface PerformedScenario {
  readonly setup: readonly string[]
  /** By thread. */
  readonly threads: readonly string[]
  readonly final: readonly FinalOperation[]
}

/**
 * The scenario of that name as operations of one page.
 *
 * @returns why it cannot be performed, if it cannot
 */
export function performed(scenario: string): PerformedScenario | string {
  const [, beginning, names] = /^recorded\/(\w+)\/([\w+]+)/.exec(scenario) ?? []
  if (beginning === undefined)
    return 'only scenarios of the recorded driver can be performed on a kernel: recorded/PAGE/OPERATION+OPERATION'
  const setup = BEGINNINGS[beginning]
  if (setup === undefined)
    return `no operation brings about the page "${beginning}"; these can be had: ${Object.keys(BEGINNINGS).join(', ')}`
  const threads: Performed[] = []
  for (const name of names.split('+')) {
    const operation = OPERATIONS[name]
    if (operation === undefined)
      return `the operation "${name}" cannot be performed by a thread; these can: ${Object.keys(OPERATIONS).join(', ')}`
    threads.push(operation)
  }
  const files = new Set([0, ...threads.flatMap(({ file = 0 }) => file)])
  if (beginning.endsWith('2')) files.add(2)
  return {
    setup: [...(files.has(2) ? ['open2'] : []), ...setup],
    threads: threads.map(({ op }) => op),
    final: [...written(threads, [...files].sort()), ...fresh(threads, [...files].sort())],
  }
}

/** What was written must be there: for the devices first, since an access of the CPU may take their entries away. */
function written(threads: readonly Performed[], files: readonly number[]): FinalOperation[] {
  const values = threads.flatMap(({ writes }) => writes ?? [])
  if (
    threads.some(({ discards, restore }) => discards === true || restore !== undefined) ||
    values.length > 1
  )
    return []
  const expected = String(values[0] ?? AT_FIRST)
  const reads = files.map((file) => ({ op: `dev_read ${file} 0 1`, expected }))
  return [...reads, { op: 'cpu_read 0', expected }]
}

/** What the CPU writes from now on a device must read: its mirror is not stale. */
function fresh(threads: readonly Performed[], files: readonly number[]): FinalOperation[] {
  return [
    ...threads.flatMap(({ restore }) => (restore === undefined ? [] : { op: restore, expected: 'ok' })),
    { op: `cpu_write 0 ${AT_LAST}`, expected: 'ok' },
    ...files.map((file) => ({ op: `dev_read ${file} 0 1`, expected: String(AT_LAST) })),
  ]
}

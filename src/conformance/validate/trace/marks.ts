/**
 * The marks of a race: `D> dev_read 1 2` where a thread begins an operation, `D< rc=0 faults=1` where it ends it.
 *
 * @module
 */
import { type Operation, OperationError, parseOperation } from '../../operations.js'

/** An operation of a race: one of the language, or two of them in one mark. */
export interface RaceOperation {
  /** As the mark has it. */
  readonly text: string
  readonly operations: readonly Operation[]
  /** True if it goes through a file that its thread has opened itself: a second one of the device. */
  readonly ownFile: boolean
}

/** What a mark says. */
export type Mark =
  | { readonly kind: 'begin'; readonly text: string }
  | { readonly kind: 'end'; readonly answer: ReadonlyMap<string, number> }
  /** The child that the thread has forked is no more. */
  | { readonly kind: 'exited' }

const BEGIN = /^\w+> (.+)$/
const EXITED = 'child_exited'
const END = /^\w+< (.*)$/

/** Reads a mark; `undefined` if it is none of a race. */
export function parseMark(text: string): Mark | undefined {
  const begin = BEGIN.exec(text)
  if (begin?.[1].trim() === EXITED) return { kind: 'exited' }
  if (begin) return { kind: 'begin', text: begin[1].trim() }
  const end = END.exec(text)
  if (!end) return undefined
  const answer = new Map<string, number>()
  for (const [, name, value] of end[1].matchAll(/(\w+)=(-?\d+)/g)) answer.set(name, Number(value))
  return { kind: 'end', answer }
}

/** How marks write an operation of the language: they name neither the device nor the value, which are always the same. */
const WRITTEN: Readonly<Record<string, (words: readonly string[]) => readonly string[]>> = {
  dev_read: ([page, pages]) => [`dev_read 0 ${page} ${pages}`],
  dev_write: ([page, pages]) => [`dev_write 0 ${page} ${pages} 1`],
  migrate_to_dev: ([page, pages]) => [`migrate_to_dev 0 ${page} ${pages}`],
  migrate_to_sys: ([page, pages]) => [`migrate_to_sys 0 ${page} ${pages}`],
  exclusive: ([page, pages]) => [`exclusive 0 ${page} ${pages}`],
  check_exclusive: ([page, pages]) => [`check_exclusive 0 ${page} ${pages}`],
  mprotect_rw: ([page, pages]) => [`mprotect ${page} ${pages} rw`],
  mprotect_ro: ([page, pages]) => [`mprotect ${page} ${pages} ro`],
  'munmap+mmap': ([page, pages]) => [`munmap ${page} ${pages}`, `mmap ${page} ${pages} rw`],
  cpu_write: ([page]) => [`cpu_write ${page} 1`],
  open: () => ['open'],
  close: () => ['close 0'],
}

/** The operations that races are made of. */
const IN_RACES: ReadonlySet<Operation['name']> = new Set([
  'dev_read',
  'dev_write',
  'munmap',
  'mmap',
  'mprotect',
  'madv_dontneed',
  'migrate_to_dev',
  'migrate_to_sys',
  'exclusive',
  'check_exclusive',
  'cpu_read',
  'cpu_write',
  'open',
  'close',
  'fork',
])

/** `close2`: the same through the file that the thread has opened. */
const OWN_FILE = /^(\w+[a-z])2$/

/**
 * Reads the operation of a mark.
 *
 * @returns `undefined` for an operation that nobody here has a procedure for
 * @throws OperationError if its arguments are wrong
 */
export function parseRaceOperation(text: string): RaceOperation | undefined {
  const [word, ...words] = text.split(' ')
  const own = OWN_FILE.exec(word)
  const name = own ? own[1] : word
  const written = Object.hasOwn(WRITTEN, name) ? WRITTEN[name](words) : [[name, ...words].join(' ')]
  const operations: Operation[] = []
  for (const each of written) {
    const operation = parseOperation(each)
    if (operation.name === 'unsupported' || !IN_RACES.has(operation.name)) return undefined
    operations.push(operation)
  }
  return { text, operations, ownFile: own !== null || name === 'open' }
}

export { OperationError }

/**
 * The language of recorded operations: one operation a text, such as `dev_write 0 2 4 100`.
 *
 * @module
 */
import { VM_HUGEPAGE, VM_READ, VM_WRITE } from '../kernel/index.js'

/** Pages that a window may have: more than any recording needs, so that a slip of the pen is not a huge world. */
export const MOST_PAGES = 4095

/** Pages of a huge page. */
export const HUGE_PAGES = 512

/** Largest value of a page's first word. */
const LARGEST_VALUE = 2n ** 64n - 1n

/** The operations that the oracle answers, and in which process: the child is the latest that was forked. */
export type Operation = Work & { readonly inChild: boolean }

/** What is done. Ranges are in pages of the window; `end` is the page after the last. */
export type Work =
  | {
      readonly name: 'mmap' | 'mmap_huge' | 'mprotect'
      readonly start: number
      readonly end: number
      readonly flags: number
    }
  | { readonly name: 'mmap_shared'; readonly start: number; readonly end: number; readonly flags: number }
  | { readonly name: 'munmap' | 'madv_dontneed' | 'ptes'; readonly start: number; readonly end: number }
  | {
      readonly name: 'mmap_file'
      readonly start: number
      readonly end: number
      readonly flags: number
      /** False if it is mapped privately. */
      readonly shared: boolean
    }
  | {
      readonly name: 'mremap'
      readonly start: number
      readonly end: number
      /** Where the range is moved to. */
      readonly to: { readonly start: number; readonly end: number }
    }
  | { readonly name: 'cpu_read'; readonly page: number }
  | { readonly name: 'cpu_write'; readonly page: number; readonly value: bigint }
  | {
      readonly name:
        | 'dev_read'
        | 'snapshot'
        | 'migrate_to_dev'
        | 'migrate_to_sys'
        | 'exclusive'
        | 'check_exclusive'
      readonly device: number
      readonly start: number
      readonly end: number
    }
  | {
      readonly name: 'dev_write'
      readonly device: number
      readonly start: number
      readonly end: number
      readonly value: bigint
    }
  | { readonly name: 'close' | 'release'; readonly device: number }
  | { readonly name: 'fork' | 'open' | 'exit' }

/** An operation of the language that the oracle has no procedure for yet. */
export interface Unsupported {
  readonly name: 'unsupported'
  /** Which one: `migrate_to_dev`, `c:cpu_read`. */
  readonly operation: string
}

/** An operation that cannot be read. The message says what is wrong with it and what would be right. */
export class OperationError extends Error {
  override readonly name = 'OperationError'
}

/** What an operation's arguments may be. */
type Argument = 'page' | 'pages' | 'device' | 'value' | 'protection' | 'sharing'

const RANGE = ['page', 'pages'] as const
const DEVICE_RANGE = ['device', 'page', 'pages'] as const

/** Every operation of the language and its arguments. */
const LANGUAGE: Readonly<Record<string, readonly Argument[]>> = {
  mmap: [...RANGE, 'protection'],
  mmap_shared: [...RANGE, 'protection'],
  mmap_file: [...RANGE, 'protection', 'sharing'],
  mmap_huge: ['page'],
  munmap: RANGE,
  mprotect: [...RANGE, 'protection'],
  madv_dontneed: RANGE,
  mremap: [...RANGE, 'page'],
  cpu_read: ['page'],
  cpu_write: ['page', 'value'],
  dev_read: DEVICE_RANGE,
  dev_write: [...DEVICE_RANGE, 'value'],
  snapshot: DEVICE_RANGE,
  migrate_to_dev: DEVICE_RANGE,
  migrate_to_sys: DEVICE_RANGE,
  exclusive: DEVICE_RANGE,
  check_exclusive: DEVICE_RANGE,
  release: ['device'],
  close: ['device'],
  open: [],
  ptes: RANGE,
  fork: [],
  exit: [],
}

const PLACEHOLDER: Readonly<Record<Argument, string>> = {
  page: 'PAGE',
  pages: 'PAGES',
  device: 'DEVICE',
  value: 'VALUE',
  protection: 'rw|ro|wo|none',
  sharing: 'shared|priv',
}

const PROTECTION: Readonly<Record<string, number>> = {
  none: 0,
  ro: VM_READ,
  wo: VM_WRITE,
  rw: VM_READ | VM_WRITE,
}

const SHARING: Readonly<Record<string, number>> = { priv: 0, shared: 1 }

const IN_BOTH: readonly Work['name'][] = [
  'mmap',
  'mmap_shared',
  'mmap_file',
  'mmap_huge',
  'mprotect',
  'munmap',
  'mremap',
  'madv_dontneed',
  'ptes',
  'cpu_read',
  'cpu_write',
  'dev_read',
  'snapshot',
  'dev_write',
  'migrate_to_dev',
  'migrate_to_sys',
  'exclusive',
  'check_exclusive',
]

/** What the oracle answers, by who asks. A child opens devices of its own and ends; it has no children. */
const SUPPORTED: Readonly<Record<'parent' | 'child', ReadonlySet<string>>> = {
  parent: new Set<Work['name']>([...IN_BOTH, 'close', 'open', 'release', 'fork']),
  child: new Set<Work['name']>([...IN_BOTH, 'open', 'exit']),
}

/**
 * Reads one operation.
 *
 * @throws OperationError if it is not one of the language
 */
export function parseOperation(text: string): Operation | Unsupported {
  const inChild = text.startsWith('c:')
  const [name, ...words] = text.slice(inChild ? 2 : 0).split(' ')
  const wanted = Object.hasOwn(LANGUAGE, name) ? LANGUAGE[name] : undefined
  if (wanted === undefined || (name === 'exit' && !inChild))
    throw new OperationError(`there is no operation ${JSON.stringify(name)}; there are ${knownOperations()}`)
  if (words.length !== wanted.length)
    throw new OperationError(
      `${name} takes ${wanted.length} argument${wanted.length === 1 ? '' : 's'}, not ${words.length}: ${usage(name, wanted)}`,
    )
  const read = words.map((word, index) => readArgument(word, wanted[index], name, wanted, inChild))
  if (!SUPPORTED[inChild ? 'child' : 'parent'].has(name))
    return { name: 'unsupported', operation: inChild ? `c:${name}` : name }
  return { ...assemble(name as Work['name'], read), inChild }
}

/** Reads several operations' arguments into the shape of the operation. */
function assemble(name: Work['name'], read: readonly (number | bigint)[]): Work {
  const at = (index: number) => Number(read[index])
  switch (name) {
    case 'mmap':
    case 'mprotect':
      return { name, ...rangeOf(name, at(0), at(1)), flags: at(2) }
    case 'mmap_huge':
      return { name, ...rangeOf(name, at(0), HUGE_PAGES), flags: VM_READ | VM_WRITE | VM_HUGEPAGE }
    case 'mmap_shared':
      return { name, ...rangeOf(name, at(0), at(1)), flags: at(2) }
    case 'mmap_file':
      return { name, ...rangeOf(name, at(0), at(1)), flags: at(2), shared: at(3) === 1 }
    case 'mremap':
      return { name, ...rangeOf(name, at(0), at(1)), to: rangeOf(name, at(2), at(1)) }
    case 'munmap':
    case 'madv_dontneed':
    case 'ptes':
      return { name, ...rangeOf(name, at(0), at(1)) }
    case 'cpu_read':
      return { name, page: at(0) }
    case 'cpu_write':
      return { name, page: at(0), value: read[1] as bigint }
    case 'dev_read':
    case 'snapshot':
    case 'migrate_to_dev':
    case 'migrate_to_sys':
    case 'exclusive':
    case 'check_exclusive':
      return { name, device: at(0), ...rangeOf(name, at(1), at(2)) }
    case 'dev_write':
      return { name, device: at(0), ...rangeOf(name, at(1), at(2)), value: read[3] as bigint }
    case 'close':
    case 'release':
      return { name, device: at(0) }
    case 'fork':
    case 'open':
    case 'exit':
      return { name }
  }
}

function rangeOf(name: string, start: number, pages: number): { start: number; end: number } {
  if (start + pages > MOST_PAGES)
    throw new OperationError(
      `${name} reaches to page ${start + pages}; a window has at most ${MOST_PAGES} pages`,
    )
  return { start, end: start + pages }
}

function readArgument(
  word: string,
  kind: Argument,
  name: string,
  wanted: readonly Argument[],
  inChild: boolean,
): number | bigint {
  const expect = (what: string): never => {
    throw new OperationError(`${JSON.stringify(word)} is not ${what}: ${usage(name, wanted)}`)
  }
  switch (kind) {
    case 'page':
    case 'pages': {
      const pages = Number(word)
      return /^\d+$/.test(word) && pages < MOST_PAGES
        ? pages
        : expect(`a number of pages below ${MOST_PAGES}`)
    }
    case 'device': {
      // A child has its parent's devices too, as 10 and 11.
      const devices = inChild ? /^1?[01]$/ : /^[01]$/
      return devices.test(word)
        ? Number(word)
        : expect(inChild ? 'a device (0, 1, 10 or 11)' : 'a device (0 or 1)')
    }
    case 'value':
      return /^\d+$/.test(word) && BigInt(word) <= LARGEST_VALUE
        ? BigInt(word)
        : expect('a number of 64 bits')
    case 'protection':
      return Object.hasOwn(PROTECTION, word) ? PROTECTION[word] : expect('a protection (rw, ro, wo or none)')
    case 'sharing':
      return Object.hasOwn(SHARING, word) ? SHARING[word] : expect('shared or priv')
  }
}

function usage(name: string, wanted: readonly Argument[]): string {
  return [name, ...wanted.map((argument) => PLACEHOLDER[argument])].join(' ')
}

function knownOperations(): string {
  return `${Object.keys(LANGUAGE)
    .filter((name) => name !== 'exit')
    .join(', ')}, and in a child c:OPERATION and c:exit`
}

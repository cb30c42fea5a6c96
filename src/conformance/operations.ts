/**
 * The language of recorded operations: one operation a text, such as `dev_write 0 2 4 100`.
 *
 * One table is the source of parser, generator, help and documentation; that is why the file is long.
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
  | {
      readonly name: 'munmap' | 'madv_dontneed' | 'mlock' | 'munlock' | 'ptes'
      readonly start: number
      readonly end: number
    }
  | { readonly name: 'uffd'; readonly start: number; readonly end: number; readonly request: Userfault }
  | { readonly name: 'madv'; readonly start: number; readonly end: number; readonly advice: Advised }
  | {
      readonly name: 'mmap_file'
      readonly start: number
      readonly end: number
      readonly flags: number
      /** False if it is mapped privately. */
      readonly shared: boolean
    }
  | {
      readonly name: 'mremap' | 'mremap_keep'
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
        | 'dev_read_unlocked'
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
  | { readonly name: 'close' | 'release' | 'fail_alloc'; readonly device: number }
  | { readonly name: 'fork' | 'open' | 'open2' | 'exit' | 'ksm_scan' }

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

/** Who performs an operation: the process that a sequence begins with, or its child. */
export type Who = 'parent' | 'child'

/** What an operation's arguments may be. */
export type ArgumentKind =
  | 'page'
  | 'pages'
  | 'device'
  | 'value'
  | 'protection'
  | 'sharing'
  | 'advice'
  | 'userfault'

/** One kind of argument, as the documentation has it. */
export interface ArgumentDefinition {
  /** How usage names it. */
  readonly placeholder: string
  /** What it counts or names, with its unit. */
  readonly meaning: string
  /** Which values it may have. */
  readonly range: string
}

const PROTECTION: Readonly<Record<string, number>> = {
  rw: VM_READ | VM_WRITE,
  ro: VM_READ,
  wo: VM_WRITE,
  none: 0,
}

/** The advice of `madv`, in the order of its numbers. */
export const ADVICE = [
  'populate_r',
  'populate_w',
  'willneed',
  'locked',
  'dontfork',
  'wipefork',
  'merge',
  'unmerge',
  'free',
  'pageout',
] as const

/** What `uffd` requests, in the order of its numbers. */
export const USERFAULTS = ['wp', 'missing', 'protect', 'unprotect'] as const

/** What userfaultfd is requested to do. */
export type Userfault = (typeof USERFAULTS)[number]

/** What memory is advised to. */
export type Advised = (typeof ADVICE)[number]

/** Advice that recordings have, and the oracle no procedure for. */
const OTHER_ADVICE: ReadonlySet<string> = new Set(['collapse', 'huge', 'nohuge'])

const SHARING: Readonly<Record<string, number>> = { shared: 1, priv: 0 }

/** Every kind of argument. */
export const ARGUMENTS: Readonly<Record<ArgumentKind, ArgumentDefinition>> = {
  page: {
    placeholder: 'PAGE',
    meaning: 'a page of the window, counted from its first',
    range: `0 to ${MOST_PAGES - 1}`,
  },
  pages: {
    placeholder: 'PAGES',
    meaning: 'a number of pages',
    range: `0 to ${MOST_PAGES - 1}; the range ends inside the window of ${MOST_PAGES} pages`,
  },
  device: {
    placeholder: 'DEVICE',
    meaning:
      'a device; 2 is the second file of device 0, if `open2` has opened one; in a child 10 to 12 are the files 0 to 2 ' +
      'that its parent opened',
    range: '0 to 2; in a child also 10 to 12',
  },
  value: {
    placeholder: 'VALUE',
    meaning: 'the first 64-bit word of a page, in decimal digits',
    range: `0 to ${LARGEST_VALUE}`,
  },
  protection: {
    placeholder: Object.keys(PROTECTION).join('|'),
    meaning: 'the permissions of the mapping',
    range: Object.keys(PROTECTION).join(', '),
  },
  sharing: {
    placeholder: Object.keys(SHARING).join('|'),
    meaning: 'whether the file is mapped shared or private',
    range: Object.keys(SHARING).join(', '),
  },
  advice: {
    placeholder: ADVICE.join('|'),
    meaning: 'what the memory is advised to',
    range: ADVICE.join(', '),
  },
  userfault: {
    placeholder: USERFAULTS.join('|'),
    meaning: 'what userfaultfd is requested to do',
    range: USERFAULTS.join(', '),
  },
}

/** A field of an answer, besides `rc`. */
export type AnswerField = 'sig' | 'code' | 'val' | 'vals' | 'cpages' | 'faults' | 'prot' | 'ptes'

/** What each field of an answer means. `rc` is in every answer, `err` in each whose `rc` is an error number. */
export const ANSWER_FIELDS: Readonly<Record<'rc' | 'err' | AnswerField, string>> = {
  rc: '0, or a negative error number; -1 for an access of the CPU that got a signal',
  err: 'the name of the error: `EFAULT`',
  sig: 'the signal that an access of the CPU got: `SIGSEGV` or `SIGBUS`',
  code: 'its code: `MAPERR`, `ACCERR`, `BUS`',
  val: 'the value that the CPU read',
  vals: 'the values that the device read, one for each page of the range',
  cpages: 'pages that the driver processed',
  faults: 'how often the driver called its fault procedure to serve the operation',
  prot: 'one byte for each page of the range: see Snapshot bytes',
  ptes: 'one text for each page of the range: see Page table entries',
}

/** The arguments of one operation that was read. */
export interface ReadArguments {
  /** Argument `index` as a number. */
  number(index: number): number
  /** Argument `index` as a value of 64 bits. */
  value(index: number): bigint
  /** The pages from argument `start` on; their number is argument `pages`. */
  range(start: number, pages: number): PageRange
  /** So many pages from `page` on. */
  pages(page: number, count: number): PageRange
}

/** Pages of the window; `end` is the page after the last. */
export interface PageRange {
  readonly start: number
  readonly end: number
}

/** One operation of the language. */
export interface OperationDefinition {
  /** What it does. */
  readonly summary: string
  readonly arguments: readonly ArgumentKind[]
  /** Who may perform it. */
  readonly by: readonly Who[]
  /** For whom the oracle answers it; for others it is counted as unsupported. */
  readonly answeredFor: readonly Who[]
  /** What the answer has besides `rc`, unless there is an error. */
  readonly answers: readonly AnswerField[]
  /** Which errors it may answer, and when. */
  readonly errors: Readonly<Record<string, string>>
  /** Puts what was read into the shape of the operation. */
  readonly shape: (read: ReadArguments) => Work
}

const BOTH: readonly Who[] = ['parent', 'child']
const BY_BOTH = { by: BOTH, answeredFor: BOTH } as const
const DEVICE_RANGE = ['device', 'page', 'pages'] as const

/** Errors that every operation on an open device file may answer. */
const ON_A_FILE = { EBADF: 'the device file is closed' } as const

const SIGNALS = {
  'SIGSEGV MAPERR': 'nothing is mapped there',
  'SIGSEGV ACCERR': 'the mapping does not permit the access',
  'SIGBUS BUS': 'the page lies behind the end of the file',
} as const

/**
 * Every operation of the language. The parser, its messages, the generator of the suite and `docs/operations.md` are
 * made from this table.
 */
export const LANGUAGE: Readonly<Record<Work['name'], OperationDefinition>> = {
  mmap: {
    summary:
      'Maps private anonymous memory at a fixed place. What was mapped in the range is unmapped first.',
    arguments: ['page', 'pages', 'protection'],
    ...BY_BOTH,
    answers: [],
    errors: { EINVAL: 'the range is empty' },
    shape: (read) => ({ name: 'mmap', ...read.range(0, 1), flags: read.number(2) }),
  },
  mmap_shared: {
    summary: 'Maps shared anonymous memory at a fixed place. A fork shares it instead of copying it.',
    arguments: ['page', 'pages', 'protection'],
    ...BY_BOTH,
    answers: [],
    errors: { EINVAL: 'the range is empty' },
    shape: (read) => ({ name: 'mmap_shared', ...read.range(0, 1), flags: read.number(2) }),
  },
  mmap_file: {
    summary:
      'Maps the one memory file, of 64 pages, at a fixed place: page N of the window is page N of the file, which ' +
      'holds 61440 + N until it is written, and what was written from then on.',
    arguments: ['page', 'pages', 'protection', 'sharing'],
    ...BY_BOTH,
    answers: [],
    errors: { EINVAL: 'the range is empty' },
    shape: (read) => ({
      name: 'mmap_file',
      ...read.range(0, 1),
      flags: read.number(2),
      shared: read.number(3) === 1,
    }),
  },
  mmap_huge: {
    summary: `Maps ${HUGE_PAGES} pages (2 MiB) of private anonymous memory, \`rw\`, advised MADV_HUGEPAGE.`,
    arguments: ['page'],
    ...BY_BOTH,
    answers: [],
    errors: {},
    shape: (read) => ({
      name: 'mmap_huge',
      ...read.pages(read.number(0), HUGE_PAGES),
      flags: VM_READ | VM_WRITE | VM_HUGEPAGE,
    }),
  },
  munmap: {
    summary: 'Unmaps the range. Holes in it do not matter.',
    arguments: ['page', 'pages'],
    ...BY_BOTH,
    answers: [],
    errors: { EINVAL: 'the range is empty' },
    shape: (read) => ({ name: 'munmap', ...read.range(0, 1) }),
  },
  mprotect: {
    summary: 'Changes the permissions of the range. What lies before a hole is changed all the same.',
    arguments: ['page', 'pages', 'protection'],
    ...BY_BOTH,
    answers: [],
    errors: { ENOMEM: 'the range has a hole' },
    shape: (read) => ({ name: 'mprotect', ...read.range(0, 1), flags: read.number(2) }),
  },
  madv_dontneed: {
    summary:
      'Throws the page table entries of the range away. Private memory reads as zero afterwards, or as the ' +
      'file has it; shared memory keeps its contents. Holes are passed over and reported at the end.',
    arguments: ['page', 'pages'],
    ...BY_BOTH,
    answers: [],
    errors: { ENOMEM: 'the range has a hole' },
    shape: (read) => ({ name: 'madv_dontneed', ...read.range(0, 1) }),
  },
  madv: {
    summary:
      'Advises: populate_r and populate_w fault the pages in, to read or to write; locked throws the entries away as ' +
      'madv_dontneed does, of locked memory too; dontfork keeps the range from children, and wipefork what is in it; ' +
      'merge and unmerge let pages with equal contents be merged, or not; free lets pages be dropped until they are ' +
      'written again; pageout drops those, and writes others to swap, if one entry maps them; willneed changes nothing here.',
    arguments: ['advice', 'page', 'pages'],
    ...BY_BOTH,
    answers: [],
    errors: {
      EFAULT: 'populating: a page lies behind the end of its file',
      EINVAL:
        'populating: the mapping does not permit the access; wipefork: it is shared, or of a file; free, pageout: it is ' +
        'locked; free: it is not private anonymous memory',
      ENOMEM:
        'the range has a hole: from Linux 6.9 on populating ends there; other advice passes over it, and so did populating',
    },
    shape: (read) => ({ name: 'madv', ...read.range(1, 2), advice: ADVICE[read.number(0)] }),
  },
  uffd: {
    summary:
      'userfaultfd, with UFFD_FEATURE_SIGBUS: wp and missing open one and register the range, for writes to what is ' +
      'write-protected or for accesses to what is not there; protect write-protects pages that are there, and unprotect ends that. ' +
      'An access that is to be told of gets a signal.',
    arguments: ['userfault', 'page', 'pages'],
    by: BOTH,
    answeredFor: ['parent'],
    answers: [],
    errors: {
      EINVAL:
        'wp, missing: nothing is mapped in the range, or something that is not private anonymous memory',
      ENOENT:
        'protect, unprotect: a mapping is not registered for wp, or there is none; to Linux 6.2 also: the range is not all in one mapping',
    },
    shape: (read) => ({ name: 'uffd', ...read.range(1, 2), request: USERFAULTS[read.number(0)] }),
  },
  mlock: {
    summary:
      'Locks the range in memory: its pages are faulted in, to write where private memory may be written.',
    arguments: ['page', 'pages'],
    ...BY_BOTH,
    answers: [],
    errors: {
      ENOMEM: 'the range has a hole, or a mapping that permits no access; what is before a hole is locked',
    },
    shape: (read) => ({ name: 'mlock', ...read.range(0, 1) }),
  },
  munlock: {
    summary: 'Unlocks the range.',
    arguments: ['page', 'pages'],
    ...BY_BOTH,
    answers: [],
    errors: { ENOMEM: 'the range has a hole; what is before it is unlocked' },
    shape: (read) => ({ name: 'munlock', ...read.range(0, 1) }),
  },
  mremap_keep: {
    summary:
      'Moves what is in the range as mremap does, and leaves the mapping where it was, empty (MREMAP_DONTUNMAP).',
    arguments: ['page', 'pages', 'page'],
    ...BY_BOTH,
    answers: [],
    errors: {
      EFAULT: 'the range does not begin in a mapping, or is not all in one mapping',
      EINVAL: 'the range is empty, or overlaps with where it is moved to',
    },
    shape: (read) => ({
      name: 'mremap_keep',
      ...read.range(0, 1),
      to: read.pages(read.number(2), read.number(1)),
    }),
  },
  mremap: {
    summary:
      'Moves the range so that it begins at the last argument. What was mapped there is unmapped first, also ' +
      'if the move then fails.',
    arguments: ['page', 'pages', 'page'],
    ...BY_BOTH,
    answers: [],
    errors: {
      EFAULT: 'the range does not begin in a mapping, or is not all in one mapping',
      EINVAL: 'the range is empty, or overlaps with where it is moved to',
    },
    shape: (read) => ({
      name: 'mremap',
      ...read.range(0, 1),
      to: read.pages(read.number(2), read.number(1)),
    }),
  },
  cpu_read: {
    summary: 'The CPU reads the first 64-bit word of the page.',
    arguments: ['page'],
    ...BY_BOTH,
    answers: ['val'],
    errors: SIGNALS,
    shape: (read) => ({ name: 'cpu_read', page: read.number(0) }),
  },
  cpu_write: {
    summary: 'The CPU writes the first 64-bit word of the page.',
    arguments: ['page', 'value'],
    ...BY_BOTH,
    answers: [],
    errors: SIGNALS,
    shape: (read) => ({ name: 'cpu_write', page: read.number(0), value: read.value(1) }),
  },
  dev_read: {
    summary: 'The device reads every page of the range through its mirror, and faults in what it lacks.',
    arguments: DEVICE_RANGE,
    ...BY_BOTH,
    answers: ['cpages', 'faults', 'vals'],
    errors: {
      ...ON_A_FILE,
      EFAULT: 'a page has no mapping, none that permits reading, or lies behind the end of its file',
      EINVAL: 'the range is empty',
      ENOMEM: 'a page is in the memory of another device, which has no page to bring it back to',
    },
    shape: (read) => ({ name: 'dev_read', device: read.number(0), ...read.range(1, 2) }),
  },
  dev_read_unlocked: {
    summary:
      'The device reads as with dev_read, by the walk that drops the mmap lock for its faults. Kernels before 7.2 have ' +
      'none.',
    arguments: DEVICE_RANGE,
    ...BY_BOTH,
    answers: ['cpages', 'faults', 'vals'],
    errors: {
      ...ON_A_FILE,
      EFAULT: 'a page has no mapping, none that permits reading, or lies behind the end of its file',
      EINVAL: 'the range is empty, or the kernel has no such read',
      ENOMEM: 'a page is in the memory of another device, which has no page to bring it back to',
    },
    shape: (read) => ({ name: 'dev_read_unlocked', device: read.number(0), ...read.range(1, 2) }),
  },
  dev_write: {
    summary:
      'The device writes VALUE to the first page of the range, VALUE + 1 to the next and so on, modulo 2^64, ' +
      'and faults in what it lacks. Pages before one that cannot be mapped are written if the mirror had them.',
    arguments: [...DEVICE_RANGE, 'value'],
    ...BY_BOTH,
    answers: ['cpages', 'faults'],
    errors: {
      ...ON_A_FILE,
      EFAULT:
        'a page has no mapping, none that permits reading, or lies behind the end of its file; or the walk ' +
        "reports the device's own page as read-only",
      EINVAL: 'the range is empty',
      ENOMEM: 'a page is in the memory of another device, which has no page to bring it back to',
      EPERM: 'a page has a mapping that does not permit writing',
    },
    shape: (read) => ({
      name: 'dev_write',
      device: read.number(0),
      ...read.range(1, 2),
      value: read.value(3),
    }),
  },
  snapshot: {
    summary: 'The driver walks the page table with hmm_range_fault and requests nothing.',
    arguments: DEVICE_RANGE,
    ...BY_BOTH,
    answers: ['cpages', 'prot'],
    errors: { ...ON_A_FILE, EINVAL: 'the range is empty' },
    shape: (read) => ({ name: 'snapshot', device: read.number(0), ...read.range(1, 2) }),
  },
  migrate_to_dev: {
    summary:
      "Migrates what can be migrated of the range to the device's private memory, and then reads the range " +
      'through the mirror without a fault. Untouched pages migrate too.',
    arguments: DEVICE_RANGE,
    ...BY_BOTH,
    answers: ['cpages', 'vals'],
    errors: {
      ...ON_A_FILE,
      EINVAL:
        'the range is empty, or has a page without a mapping that permits reading; mappings before it have ' +
        'migrated',
      ENOENT: 'the mirror lacks a page of the range after the migration',
    },
    shape: (read) => ({ name: 'migrate_to_dev', device: read.number(0), ...read.range(1, 2) }),
  },
  migrate_to_sys: {
    summary: "Migrates the device's own pages of the range back to system memory.",
    arguments: DEVICE_RANGE,
    ...BY_BOTH,
    answers: ['cpages'],
    errors: {
      ...ON_A_FILE,
      EINVAL: 'the range is empty, or has a page without a mapping that permits reading',
    },
    shape: (read) => ({ name: 'migrate_to_sys', device: read.number(0), ...read.range(1, 2) }),
  },
  exclusive: {
    summary: 'The device takes exclusive access to every page of the range, and reads the range back.',
    arguments: DEVICE_RANGE,
    ...BY_BOTH,
    answers: ['cpages', 'vals'],
    errors: {
      ...ON_A_FILE,
      EBUSY: 'a page has no writable private mapping; pages before it may have become exclusive',
      EINVAL: 'the range is empty',
      ENOENT: 'the mirror lacks a page of the range afterwards',
    },
    shape: (read) => ({ name: 'exclusive', device: read.number(0), ...read.range(1, 2) }),
  },
  check_exclusive: {
    summary: 'Asks whether the device has exclusive access to a page of the range.',
    arguments: DEVICE_RANGE,
    ...BY_BOTH,
    answers: [],
    errors: { ...ON_A_FILE, EINVAL: 'the range is empty', EPERM: 'it has, to one page at least' },
    shape: (read) => ({ name: 'check_exclusive', device: read.number(0), ...read.range(1, 2) }),
  },
  release: {
    summary: "Migrates every page in the device's private memory back to system memory, whosever it is.",
    arguments: ['device'],
    ...BY_BOTH,
    answers: [],
    errors: ON_A_FILE,
    shape: (read) => ({ name: 'release', device: read.number(0) }),
  },
  close: {
    summary:
      'Closes the device file. Once parent and child have closed it, the mirror ends and every page in the device ' +
      'memory is evicted.',
    arguments: ['device'],
    ...BY_BOTH,
    answers: [],
    errors: ON_A_FILE,
    shape: (read) => ({ name: 'close', device: read.number(0) }),
  },
  open: {
    summary: 'Closes the device files that are open, and opens both. A child begins with none of its own.',
    arguments: [],
    ...BY_BOTH,
    answers: [],
    errors: {},
    shape: () => ({ name: 'open' }),
  },
  open2: {
    summary: 'Opens a second file of device 0, as number 2. One that is open already is closed first.',
    arguments: [],
    ...BY_BOTH,
    answers: [],
    errors: {},
    shape: () => ({ name: 'open2' }),
  },
  fail_alloc: {
    summary:
      'The next page that the driver allocates through this file, to migrate to it or back, is not to be had: a page then stays ' +
      'where it is, and a huge page migrates as pages. Kernels before 6.19 have no such request.',
    arguments: ['device'],
    ...BY_BOTH,
    answers: [],
    errors: { ...ON_A_FILE, EINVAL: 'the kernel has no such request' },
    shape: (read) => ({ name: 'fail_alloc', device: read.number(0) }),
  },
  ksm_scan: {
    summary:
      'ksmd scans all areas that may be merged (madv merge), as often as it takes to merge all pages with equal contents that it ' +
      'finds, and is stopped again. Not once a merged page has migrated to a device: kernels oops then (H29).',
    arguments: [],
    ...BY_BOTH,
    answers: [],
    errors: {},
    shape: () => ({ name: 'ksm_scan' }),
  },
  ptes: {
    summary: 'What the page table of the process holds, without touching a page.',
    arguments: ['page', 'pages'],
    ...BY_BOTH,
    answers: ['ptes'],
    errors: {},
    shape: (read) => ({ name: 'ptes', ...read.range(0, 1) }),
  },
  fork: {
    summary:
      'Forks. Operations with `c:` before them are then performed by the child. No operation reaches the child of a child, which ' +
      'has the memory and the files of its parent, and ends with it.',
    arguments: [],
    ...BY_BOTH,
    answers: [],
    errors: { EBUSY: 'a child lives' },
    shape: () => ({ name: 'fork' }),
  },
  exit: {
    summary: 'The child ends: its memory is released, and its device files are closed.',
    arguments: [],
    by: ['child'],
    answeredFor: ['child'],
    answers: [],
    errors: {},
    shape: () => ({ name: 'exit' }),
  },
}

function definitionOf(name: string): OperationDefinition | undefined {
  return Object.hasOwn(LANGUAGE, name) ? LANGUAGE[name as Work['name']] : undefined
}

/**
 * Reads one operation.
 *
 * @throws OperationError if it is not one of the language
 */
export function parseOperation(text: string): Operation | Unsupported {
  const inChild = text.startsWith('c:')
  const who: Who = inChild ? 'child' : 'parent'
  const [name, ...words] = text.slice(inChild ? 2 : 0).split(' ')
  const definition = definitionOf(name)
  // Recordings may hold what nobody here knows yet: that is not answered, and no mistake of the file.
  if (definition === undefined) return { name: 'unsupported', operation: inChild ? `c:${name}` : name }
  if (!definition.by.includes(who))
    throw new OperationError(`there is no operation ${JSON.stringify(name)}; there are ${knownOperations()}`)
  const wanted = definition.arguments
  if (words.length !== wanted.length)
    throw new OperationError(
      `${name} takes ${wanted.length} argument${wanted.length === 1 ? '' : 's'}, not ${words.length}: ${usage(name, wanted)}`,
    )
  if (words.some((word, index) => wanted[index] === 'advice' && OTHER_ADVICE.has(word)))
    return { name: 'unsupported', operation: `${inChild ? 'c:' : ''}${name} ${words[0]}` }
  const read = words.map((word, index) => readArgument(word, wanted[index], name, wanted, inChild))
  if (!definition.answeredFor.includes(who))
    return { name: 'unsupported', operation: inChild ? `c:${name}` : name }
  return { ...definition.shape(readOf(name, read)), inChild }
}

/** How an operation is written: `dev_read DEVICE PAGE PAGES`. */
export function usageOf(name: Work['name']): string {
  return usage(name, LANGUAGE[name].arguments)
}

function readOf(name: string, read: readonly (number | bigint)[]): ReadArguments {
  const number = (index: number) => Number(read[index])
  const pages = (page: number, count: number) => rangeOf(name, page, count)
  return {
    number,
    value: (index) => BigInt(read[index]),
    range: (start, count) => pages(number(start), number(count)),
    pages,
  }
}

function rangeOf(name: string, start: number, pages: number): PageRange {
  if (start + pages > MOST_PAGES)
    throw new OperationError(
      `${name} reaches to page ${start + pages}; a window has at most ${MOST_PAGES} pages`,
    )
  return { start, end: start + pages }
}

function readArgument(
  word: string,
  kind: ArgumentKind,
  name: string,
  wanted: readonly ArgumentKind[],
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
      // A child has its parent's files too, as 10 to 12.
      const devices = inChild ? /^1?[012]$/ : /^[012]$/
      return devices.test(word)
        ? Number(word)
        : expect(inChild ? 'a device (0 to 2, or 10 to 12)' : 'a device (0 to 2)')
    }
    case 'value':
      return /^\d+$/.test(word) && BigInt(word) <= LARGEST_VALUE
        ? BigInt(word)
        : expect('a number of 64 bits')
    case 'protection':
      return Object.hasOwn(PROTECTION, word) ? PROTECTION[word] : expect('a protection (rw, ro, wo or none)')
    case 'advice': {
      const advice: number = (ADVICE as readonly string[]).indexOf(word)
      return advice >= 0 ? advice : expect(`advice (${ADVICE.join(', ')})`)
    }
    case 'userfault': {
      const request: number = (USERFAULTS as readonly string[]).indexOf(word)
      return request >= 0 ? request : expect(`a request (${USERFAULTS.join(', ')})`)
    }
    case 'sharing':
      return Object.hasOwn(SHARING, word) ? SHARING[word] : expect('shared or priv')
  }
}

function usage(name: string, wanted: readonly ArgumentKind[]): string {
  return [name, ...wanted.map((argument) => ARGUMENTS[argument].placeholder)].join(' ')
}

function knownOperations(): string {
  return `${Object.keys(LANGUAGE)
    .filter((name) => name !== 'exit')
    .join(', ')}, and in a child c:OPERATION and c:exit`
}

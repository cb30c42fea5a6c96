/**
 * The size of the world of a sequence.
 *
 * @module
 */
import type { MachineSize, Rules } from '../kernel/index.js'
import { INHERITED } from './files.js'
import { HUGE_PAGES, type Operation, type Who, type Work } from './operations.js'

/** The devices of the recordings. */
export const DEVICES = [0, 1] as const

/** The contents of a file: this in its first page, one more in each following page. */
export const FILE_CONTENTS = 61440n

/** Pages of a file. Pages mapped beyond them cannot be accessed. */
const FILE_PAGES = 64

/** Operations that map a file, or shared memory. */
export type FileMapping = Extract<Work, { readonly name: 'mmap_file' | 'mmap_shared' }>

function isSharedMapping(
  operation: Operation,
): operation is Operation & { readonly name: 'mmap_shared' } & FileMapping {
  return operation.name === 'mmap_shared'
}

/** True if the sequence maps the memory file: it is the first of the machine's then. */
export function hasMemoryFile(operations: readonly Operation[]): boolean {
  return operations.some(({ name }) => name === 'mmap_file')
}

/** The number of the second file of device 0. */
export const SECOND_FILE = 2

/**
 * Files of one device that the address space number `mm` may mirror at once: one more with a second file, and twice as many for one
 * that opens again what its child has inherited. The parent has its files open from the beginning.
 */
export function filesAtOnce(operations: readonly Operation[], mm: number): number {
  const does = (name: Work['name']) =>
    operations.some((operation) => operation.name === name && operation.inChild === mm > 0)
  const opened = does('open2') ? 2 : 1
  const opens = operations.filter(
    ({ name, inChild }) => (name === 'open' || name === 'open2') && inChild === mm > 0,
  )
  const isInherited = does('fork') && opens.length > (mm === 0 ? 0 : 1)
  return isInherited ? 2 * opened : opened
}

/** The device of a file, by the number that operations have for it. */
export function deviceOf(file: number): number {
  return file % INHERITED === SECOND_FILE ? 0 : file % INHERITED
}

/** Operations that change what areas are for. */
const ADVISES: ReadonlySet<string> = new Set(['madv', 'mlock', 'munlock'])

/** The number of pages of a file that matter: none without a file, and none beyond the window. */
export function filePages(operations: readonly Operation[]): number {
  return operations.some(({ name }) => name === 'mmap_file') ? Math.min(FILE_PAGES, windowOf(operations)) : 0
}

/** Pages up to the last one that an operation names. */
function windowOf(operations: readonly Operation[]): number {
  return operations.reduce((most, operation) => {
    if ('page' in operation) return Math.max(most, operation.page + 1)
    if (!('end' in operation)) return most
    return Math.max(most, operation.end, 'to' in operation ? operation.to.end : 0)
  }, 1)
}

/**
 * Frames of a device's memory that are enough: what all migrations to it name together, as if none was ever given back. A huge
 * page takes frames that begin at a multiple of its size, so that one of them more is enough wherever small ones lie.
 */
function migratedTo(operations: readonly Operation[], device: number, isHuge: boolean): number {
  const named = operations.reduce(
    (sum, operation) =>
      operation.name === 'migrate_to_dev' && deviceOf(operation.device) === device
        ? sum + operation.end - operation.start
        : sum,
    0,
  )
  return isHuge ? Math.ceil(named / HUGE_PAGES + 1) * HUGE_PAGES : Math.max(1, named)
}

/**
 * Pages up to the last that any operation names; an address space for each fork; for each of their pages a frame, and
 * of each device as many as are migrated to it, and some to copy to; a file for each mapping of one, with a frame for each of its
 * pages; invalidations for all; a CPU for each address space, and one for each thread but the first.
 */
export function sizeOf(
  operations: readonly Operation[],
  values: { readonly largest: number },
  rules: Partial<Rules>,
  threads: readonly Who[],
): MachineSize {
  const pages = windowOf(operations)
  const shared = operations.filter(isSharedMapping).map(({ start, end }) => end - start)
  const files = hasMemoryFile(operations) ? [Math.min(FILE_PAGES, pages), ...shared] : shared
  const mms = 1 + operations.filter(({ name }) => name === 'fork').length
  const indices = Array.from({ length: mms }, (_, mm) => mm)
  const isHuge = pages >= HUGE_PAGES
  const migrates = operations.some(({ name }) => name.startsWith('migrate_'))
  const most = (isHuge ? 2 : 1) * pages * mms
  return {
    pages,
    // A huge page needs adjacent frames: there are some more, in case of fragmentation.
    frames: files.reduce((sum, length) => sum + length, (isHuge ? 2 : 1) * pages * mms + 2),
    mms,
    cpus: [...indices, ...threads.slice(1).map((who) => (who === 'child' ? 1 : 0))],
    values: values.largest,
    // No operation invalidates more than a few times for each of its pages, and for each VMA.
    invalidations: 1 + operations.length * (4 * pages + 2) * mms,
    intervals: indices.flatMap((mm) =>
      Array.from({ length: filesAtOnce(operations, mm) }, (_, copy) =>
        DEVICES.flatMap((device) =>
          ['sub', 'snapshot'].map((use) => ({
            name: `${use}${device}${copy > 0 ? `.${copy}` : ''}`,
            mm,
            start: 0,
            last: pages - 1,
          })),
        ),
      ).flat(),
    ),
    bits: true,
    // An operation splits at most two VMAs, each has at most one, and the one it was copied from may outlive it.
    anonVmas: 2 * mms * Math.min(pages, 2 * operations.length + 1),
    rules: { tracksSoftDirty: false, swapsAtOnce: true, ...rules },
    ...(files.length > 0 ? { files } : {}),
    ...(operations.some(({ name }) => name.startsWith('mremap')) ? { moves: true } : {}),
    ...(operations.some(({ name }) => ADVISES.has(name)) ? { advice: true } : {}),
    ...(operations.some(({ name }) => name === 'ksm_scan') ? { advice: true, ksm: true } : {}),
    ...(operations.some(({ name }) => name === 'uffd') ? { userfaults: true } : {}),
    ...(operations.some((operation) => operation.name === 'madv' && operation.advice === 'pageout')
      ? { swapSlots: pages * mms }
      : {}),
    ...(isHuge ? { hugePages: HUGE_PAGES } : {}),
    ...(migrates
      ? {
          deviceMemory: DEVICES.map((device) => Math.min(most, migratedTo(operations, device, isHuge))),
          evictsChunks: true,
        }
      : {}),
  }
}

/**
 * How large the world of a sequence must be.
 *
 * @module
 */
import type { MachineSize } from '../kernel/index.js'
import { HUGE_PAGES, type Operation, type Work } from './operations.js'

/** The devices of the recordings. */
export const DEVICES = [0, 1] as const

/** What a file holds: this in its first page, one more in each that follows. */
export const FILE_CONTENTS = 61440n

/** Pages of a file. What is mapped of it behind them cannot be accessed. */
const FILE_PAGES = 64

/** What maps a file, or memory that is shared like one. */
export type FileMapping = Extract<Work, { readonly name: 'mmap_file' | 'mmap_shared' }>

/** True for what maps a file, or memory that is shared like one. */
function isFileMapping(operation: Operation): operation is Operation & FileMapping {
  return operation.name === 'mmap_file' || operation.name === 'mmap_shared'
}

/** How many pages of a file matter: none if there is none, and none that lies behind the window. */
export function filePages(operations: readonly Operation[]): number {
  return operations.some(({ name }) => name === 'mmap_file') ? Math.min(FILE_PAGES, windowOf(operations)) : 0
}

/** Pages up to the last that any operation names. */
function windowOf(operations: readonly Operation[]): number {
  return operations.reduce((most, operation) => {
    if ('page' in operation) return Math.max(most, operation.page + 1)
    if (!('end' in operation)) return most
    return Math.max(most, operation.end, operation.name === 'mremap' ? operation.to.end : 0)
  }, 1)
}

/**
 * Pages up to the last that any operation names; an address space for each fork; for each of their pages a frame, and
 * one of each device if anything migrates, and some to copy to; a file for each mapping of one, with a frame for each of its
 * pages; invalidations for all.
 */
export function sizeOf(operations: readonly Operation[], values: { readonly largest: number }): MachineSize {
  const pages = windowOf(operations)
  const files = operations
    .filter(isFileMapping)
    .map((operation) =>
      operation.name === 'mmap_file' ? Math.min(FILE_PAGES, pages) : operation.end - operation.start,
    )
  const mms = 1 + operations.filter(({ name }) => name === 'fork').length
  const indices = Array.from({ length: mms }, (_, mm) => mm)
  const isHuge = operations.some(({ name }) => name === 'mmap_huge')
  const migrates = operations.some(({ name }) => name.startsWith('migrate_'))
  return {
    pages,
    // A huge page needs frames side by side: there are some more, so that what is between others does not matter.
    frames: files.reduce((sum, length) => sum + length, (isHuge ? 2 : 1) * pages * mms + 2),
    mms,
    cpus: indices,
    values: values.largest,
    // No operation invalidates more often than a few times for each of its pages, and each area that they lie in.
    invalidations: 1 + operations.length * (4 * pages + 2),
    intervals: indices.flatMap((mm) =>
      ['sub', 'snapshot'].flatMap((use) =>
        DEVICES.map((device) => ({ name: `${use}${device}`, mm, start: 0, last: pages - 1 })),
      ),
    ),
    ...(files.length > 0 ? { files } : {}),
    ...(operations.some(({ name }) => name === 'mremap') ? { moves: true } : {}),
    ...(isHuge ? { hugePages: HUGE_PAGES } : {}),
    ...(migrates ? { deviceMemory: DEVICES.map(() => pages * mms) } : {}),
  }
}

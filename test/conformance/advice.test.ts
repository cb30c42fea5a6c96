/**
 * Advice, locked memory and moved contents, by what the kernel's code says of them: sequences that no recording holds.
 */
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  type KernelVersion,
  type Operation,
  Oracle,
  parseOperation,
} from '../../src/conformance/index.js'

function answersOf(kernel: KernelVersion, ...texts: string[]): Answer[] {
  const operations = texts.map((text) => parseOperation(text) as Operation)
  const oracle = new Oracle(operations, { kernel })
  return operations.map((operation) => oracle.perform(operation))
}

/** What the last operation answers. */
function last(...texts: string[]): Answer | undefined {
  return answersOf('6.1', ...texts).at(-1)
}

/** The error that an operation answers, after others. */
function errorOf(...texts: string[]): string | undefined {
  return last(...texts)?.err
}

describe('populating', () => {
  it('maps the zero page to read, and pages to write', () => {
    expect(last('mmap 0 2 rw', 'madv populate_r 0 1', 'madv populate_w 1 1', 'ptes 0 2')?.ptes).toEqual([
      'present+zero',
      'present+excl',
    ])
  })

  it('ends at a hole from 6.9 on, with what is before it populated, and passes over it before', () => {
    const ops = ['mmap 0 1 rw', 'mmap 2 1 rw', 'madv populate_w 0 3']
    expect(errorOf(...ops)).toBe('ENOMEM')
    const ptes = (kernel: KernelVersion) => answersOf(kernel, ...ops, 'ptes 0 3').at(-1)?.ptes
    expect(ptes('6.1')).toEqual(['present+excl', 'none', 'present+excl'])
    expect(ptes('6.12')).toEqual(['present+excl', 'none', 'none'])
  })

  it('is refused by an area that forbids the access', () => {
    expect(errorOf('mmap 0 1 ro', 'madv populate_w 0 1')).toBe('EINVAL')
    expect(errorOf('mmap 0 1 ro', 'madv populate_r 0 1')).toBeUndefined()
    expect(errorOf('mmap 0 1 none', 'madv populate_r 0 1')).toBe('EINVAL')
  })

  it('fails behind the end of a file', () => {
    expect(errorOf('mmap_file 63 2 rw shared', 'madv populate_r 63 2')).toBe('EFAULT')
  })

  it('brings back what a device has', () => {
    const ops = [
      'mmap 0 2 rw',
      'cpu_write 0 7',
      'migrate_to_dev 0 0 1',
      'exclusive 1 1 1',
      'madv populate_r 0 2',
    ]
    expect(last(...ops, 'ptes 0 2')?.ptes).toEqual(['present+excl', 'present+excl'])
    expect(last(...ops, 'cpu_read 0')).toEqual({ rc: 0, val: 7, minflt: 0 })
  })
})

describe('locked memory', () => {
  it('has pages of its own at once where it may be written', () => {
    expect(last('mmap 0 1 rw', 'mmap 1 1 ro', 'mlock 0 2', 'ptes 0 2')?.ptes).toEqual([
      'present+excl',
      'present+zero',
    ])
  })

  it('is not populated if there is a hole', () => {
    const ops = ['mmap 0 1 rw', 'mmap 2 1 rw', 'mlock 0 3']
    expect(errorOf(...ops)).toBe('ENOMEM')
    expect(last(...ops, 'ptes 0 1')?.ptes).toEqual(['none'])
    // What is before the hole is locked all the same.
    expect(errorOf(...ops, 'madv_dontneed 0 1')).toBe('EINVAL')
    expect(errorOf(...ops, 'madv_dontneed 2 1')).toBeUndefined()
  })

  it('cannot be locked where nothing may be accessed', () => {
    expect(errorOf('mmap 0 1 none', 'mlock 0 1')).toBe('ENOMEM')
  })

  it('is thrown away only by who says so, or once it is unlocked', () => {
    const ops = ['mmap 0 2 rw', 'mlock 0 1']
    expect(errorOf(...ops, 'madv_dontneed 0 2')).toBe('EINVAL')
    expect(last(...ops, 'madv locked 0 2', 'ptes 0 2')?.ptes).toEqual(['none', 'none'])
    expect(errorOf(...ops, 'munlock 0 1', 'madv_dontneed 0 2')).toBeUndefined()
  })

  it('is not locked in a child', () => {
    expect(errorOf('mmap 0 1 rw', 'mlock 0 1', 'fork', 'c:madv_dontneed 0 1')).toBeUndefined()
  })

  it('migrates like any other', () => {
    expect(last('mmap 0 1 rw', 'mlock 0 1', 'migrate_to_dev 0 0 1', 'ptes 0 1')?.ptes).toEqual([
      'dpriv_w+excl',
    ])
  })

  it('is an area of its own, which mremap before 6.17 does not move with another', () => {
    expect(errorOf('mmap 0 2 rw', 'mlock 0 1', 'mremap 0 2 4')).toBe('EFAULT')
    const ops = ['mmap 0 2 rw', 'cpu_write 0 1', 'cpu_write 1 1', 'mlock 0 1', 'munlock 0 1']
    expect(errorOf(...ops, 'mremap 0 2 4')).toBeUndefined()
    // One has had a page, and the other has not: to 6.15 they are not merged.
    expect(errorOf('mmap 0 2 rw', 'mlock 0 1', 'munlock 0 1', 'mremap 0 2 4')).toBe('EFAULT')
  })
})

describe('areas that are advised', () => {
  it('stay behind, or are empty, in a child, and are not shared with it', () => {
    const ops = [
      'mmap 0 2 rw',
      'cpu_write 0 1',
      'cpu_write 1 2',
      'madv dontfork 0 1',
      'madv wipefork 1 1',
      'fork',
    ]
    expect(last(...ops, 'c:cpu_read 0')).toMatchObject({ sig: 'SIGSEGV', code: 'MAPERR' })
    expect(last(...ops, 'c:cpu_read 1')).toEqual({ rc: 0, val: 0, minflt: 1 })
    expect(last(...ops, 'cpu_write 1 3')).toEqual({ rc: 0, minflt: 0 })
    expect(last(...ops, 'ptes 0 2')?.ptes).toEqual(['present+excl', 'present+excl'])
  })

  it('cannot be wiped where they are shared, and cannot be merged there, which is no error', () => {
    expect(errorOf('mmap_shared 0 1 rw', 'madv wipefork 0 1')).toBe('EINVAL')
    expect(errorOf('mmap_shared 0 2 rw', 'madv merge 0 1', 'mremap 0 2 4')).toBeUndefined()
    expect(errorOf('mmap 0 2 rw', 'madv merge 0 1', 'mremap 0 2 4')).toBe('EFAULT')
    expect(errorOf('mmap 0 2 rw', 'madv merge 0 1', 'madv unmerge 0 1', 'mremap 0 2 4')).toBeUndefined()
  })

  it('have holes passed over', () => {
    const ops = ['mmap 0 1 rw', 'mmap 2 1 rw', 'madv dontfork 0 3']
    expect(errorOf(...ops)).toBe('ENOMEM')
    expect(last(...ops, 'fork', 'c:cpu_read 2')).toMatchObject({ sig: 'SIGSEGV', code: 'MAPERR' })
    expect(errorOf('mmap 0 1 rw', 'madv willneed 0 2')).toBe('ENOMEM')
  })
})

describe('memory that may be dropped', () => {
  const dropped = ['mmap 0 2 rw', 'cpu_write 0 7', 'madv free 0 2']

  it('is there until it is reclaimed, and reads as zero afterwards', () => {
    expect(last(...dropped, 'cpu_read 0')).toEqual({ rc: 0, val: 7, minflt: 0 })
    expect(last(...dropped, 'madv pageout 0 1', 'ptes 0 1')?.ptes).toEqual(['none'])
    expect(last(...dropped, 'madv pageout 0 1', 'cpu_read 0')).toEqual({ rc: 0, val: 0, minflt: 1 })
  })

  it('is kept once it is written, and goes to swap the next time', () => {
    const ops = [...dropped, 'cpu_write 0 8', 'madv pageout 0 1']
    expect(last(...ops, 'ptes 0 1')?.ptes).toEqual(['present+excl'])
    expect(last(...ops, 'madv pageout 0 1', 'ptes 0 1')?.ptes).toEqual(['swap:0'])
    expect(last(...ops, 'madv pageout 0 1', 'cpu_read 0')).toEqual({ rc: 0, val: 8, minflt: 0 })
  })

  it('loses what a device has written to it', () => {
    const ops = ['mmap 0 1 rw', 'cpu_write 0 7', 'dev_read 0 0 1', 'madv free 0 1', 'dev_write 0 0 1 9']
    expect(last(...ops, 'cpu_read 0')?.val).toBe(9)
    expect(last(...ops, 'madv pageout 0 1', 'cpu_read 0')?.val).toBe(0)
  })

  it('is not what is locked, shared or of a file; what is in swap goes at once', () => {
    expect(errorOf('mmap 0 1 rw', 'mlock 0 1', 'madv free 0 1')).toBe('EINVAL')
    expect(errorOf('mmap 0 1 rw', 'mlock 0 1', 'madv pageout 0 1')).toBe('EINVAL')
    expect(errorOf('mmap 0 1 rw', 'madv pageout 0 2')).toBe('ENOMEM')
    const ops = ['mmap 0 1 rw', 'cpu_write 0 7', 'madv pageout 0 1', 'madv free 0 1']
    expect(last(...ops, 'ptes 0 1')?.ptes).toEqual(['none'])
  })
})

describe('memory in swap', () => {
  const swapped = ['mmap 0 2 rw', 'cpu_write 0 7', 'madv pageout 0 2']

  it('is read back by a major fault, read-only in 6.1', () => {
    expect(last(...swapped, 'cpu_read 0')).toEqual({ rc: 0, val: 7, minflt: 0 })
    expect(last(...swapped, 'cpu_read 0', 'snapshot 0 0 1')?.prot).toEqual([1])
    expect(last(...swapped, 'cpu_write 0 8', 'snapshot 0 0 1')?.prot).toEqual([2])
    expect(answersOf('7.3', ...swapped, 'cpu_read 0', 'snapshot 0 0 1').at(-1)?.prot).toEqual([2])
  })

  it('does not migrate, and what is shared or on a device is not swapped', () => {
    expect(errorOf(...swapped, 'migrate_to_dev 0 0 1')).toBe('ENOENT')
    const shared = ['mmap 0 1 rw', 'cpu_write 0 7', 'fork', 'madv pageout 0 1', 'ptes 0 1']
    expect(last(...shared)?.ptes).toEqual(['present'])
    const away = ['mmap 0 1 rw', 'cpu_write 0 7', 'migrate_to_dev 0 0 1', 'madv pageout 0 1', 'ptes 0 1']
    expect(last(...away)?.ptes).toEqual(['dpriv_w+excl'])
  })
})

describe('moved contents', () => {
  it('leave the area where it was, empty', () => {
    const ops = ['mmap 0 2 rw', 'cpu_write 0 7', 'cpu_write 1 8', 'mremap_keep 0 1 4']
    expect(last(...ops, 'ptes 0 5')?.ptes).toEqual(['none', 'present+excl', 'none', 'none', 'present+excl'])
    expect(last(...ops, 'cpu_read 4')).toEqual({ rc: 0, val: 7, minflt: 0 })
    expect(last(...ops, 'cpu_read 0')).toEqual({ rc: 0, val: 0, minflt: 1 })
    // The bounds of the old area are what they were.
    expect(errorOf(...ops, 'mremap 0 2 6')).toBeUndefined()
  })

  it('leave it unlocked', () => {
    expect(errorOf('mmap 0 1 rw', 'mlock 0 1', 'mremap_keep 0 1 4', 'madv_dontneed 0 1')).toBeUndefined()
    expect(errorOf('mmap 0 1 rw', 'mlock 0 1', 'mremap_keep 0 1 4', 'madv_dontneed 4 1')).toBe('EINVAL')
  })

  it('are refused where mremap is', () => {
    expect(errorOf('mmap 0 2 rw', 'mremap_keep 0 2 1')).toBe('EINVAL')
    expect(errorOf('mmap 0 2 rw', 'mremap_keep 0 0 4')).toBe('EINVAL')
    expect(errorOf('mmap 1 1 rw', 'mremap_keep 0 1 4')).toBe('EFAULT')
  })

  it('are those of all areas of the range since 6.17', () => {
    const ops = ['mmap 0 1 rw', 'mmap 1 1 ro', 'cpu_write 0 3', 'mremap_keep 0 2 4']
    expect(errorOf(...ops)).toBe('EFAULT')
    expect(answersOf('7.3', ...ops, 'cpu_read 4').at(-1)).toEqual({ rc: 0, val: 3, minflt: 0 })
  })
})

describe('a second file of a device', () => {
  it('mirrors the same process, and does not hear of what is migrated through the first', () => {
    const ops = ['mmap 0 1 rw', 'cpu_write 0 1', 'open2', 'dev_read 2 0 1', 'migrate_to_dev 0 0 1']
    expect(last(...ops, 'dev_write 2 0 1 6')).toEqual({ rc: 0, cpages: 1, faults: 0 })
    expect(last(...ops, 'dev_write 2 0 1 6', 'cpu_read 0')).toEqual({ rc: 0, val: 1, minflt: 1 })
  })

  it('is inherited as 12, and is closed like any other', () => {
    const ops = ['mmap 0 1 rw', 'cpu_write 0 1', 'open2', 'fork']
    expect(last(...ops, 'c:dev_read 12 0 1')).toEqual({ rc: 0, cpages: 1, faults: 1, vals: [1] })
    expect(errorOf(...ops, 'close 2', 'dev_read 2 0 1')).toBe('EBADF')
    expect(errorOf(...ops, 'close 2', 'c:dev_read 12 0 1')).toBeUndefined()
    expect(errorOf('dev_read 2 0 1')).toBe('EBADF')
  })
})

describe('a read that drops the mmap lock', () => {
  it('answers as the other, from 7.2 on', () => {
    const ops = ['mmap 0 2 rw', 'cpu_write 0 1', 'migrate_to_dev 1 0 1']
    expect(answersOf('7.3', ...ops, 'dev_read_unlocked 0 0 2').at(-1)).toEqual(
      answersOf('7.3', ...ops, 'dev_read 0 0 2').at(-1),
    )
    expect(errorOf(...ops, 'dev_read_unlocked 0 0 2')).toBe('EINVAL')
    expect(answersOf('7.3', 'dev_read_unlocked 0 0 1').at(-1)?.err).toBe('EFAULT')
  })
})

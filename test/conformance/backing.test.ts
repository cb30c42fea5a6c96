/**
 * Answers of the oracle on files, shared memory and areas that move, to sequences that no recording holds: by what the
 * kernel's own code and documentation say.
 */
import { describe, expect, it } from 'vitest'
import { type Answer, type Operation, Oracle, parseOperation } from '../../src/conformance/index.js'

function answersTo(...texts: string[]): Answer[] {
  const operations = texts.map((text) => parseOperation(text) as Operation)
  const oracle = new Oracle(operations)
  return operations.map((operation) => oracle.perform(operation))
}

/** What the reads among `texts` saw, and the entries that were looked at. */
function seenBy(...texts: string[]): unknown[] {
  return answersTo(...texts)
    .map(({ val, vals, ptes, err, sig }) => val ?? vals ?? ptes ?? err ?? sig)
    .filter((seen) => seen !== undefined)
}

describe('shared memory', () => {
  it('is the same for a parent and its child, whoever touches it first, and a device', () => {
    expect(
      seenBy(
        'mmap_shared 0 2 rw',
        'cpu_write 0 5',
        'fork',
        'c:cpu_read 0',
        'c:cpu_write 1 6',
        'cpu_read 1',
        'c:open',
        'c:dev_write 0 0 2 8',
        'dev_read 0 0 2',
        'ptes 0 2',
        'c:exit',
        'ptes 0 2',
      ),
    ).toEqual([5, 6, [8, 9], ['present+file', 'present+file'], ['present+excl+file', 'present+excl+file']])
  })

  it('keeps its data when its entries are thrown away, and has new data where it is mapped anew', () => {
    expect(
      seenBy(
        'mmap_shared 0 1 rw',
        'cpu_write 0 5',
        'madv_dontneed 0 1',
        'cpu_read 0',
        'mmap_shared 0 1 rw',
        'cpu_read 0',
      ),
    ).toEqual([5, 0])
  })

  it('is writable at once when the right to write comes back', () => {
    expect(
      answersTo(
        'mmap_shared 0 1 rw',
        'dev_read 0 0 1',
        'mprotect 0 1 ro',
        'snapshot 0 0 1',
        'mprotect 0 1 rw',
        'snapshot 0 0 1',
      ).flatMap(({ prot }) => prot ?? []),
    ).toEqual([1, 2])
  })
})

describe('files', () => {
  it('are one for all mappings, and keep what was written when nobody maps them any more', () => {
    expect(
      seenBy(
        'mmap_file 0 2 rw shared',
        'cpu_write 0 5',
        'fork',
        'munmap 0 2',
        'c:cpu_read 0',
        'c:exit',
        'mmap_file 0 2 ro shared',
        'cpu_read 0',
        'cpu_read 1',
      ),
    ).toEqual([5, 5, 61441])
  })

  it('that are mapped privately are copied where they are written, also after a fork', () => {
    expect(
      seenBy(
        'mmap_file 0 3 rw priv',
        'cpu_write 0 5',
        'cpu_read 1',
        'fork',
        'c:ptes 0 3',
        'c:cpu_write 0 6',
        'cpu_write 1 7',
        'c:cpu_read 1',
        'cpu_read 0',
        'ptes 0 3',
      ),
    ).toEqual([
      61441,
      ['present', 'present+file', 'present+file'],
      61441,
      5,
      ['present+excl', 'present+excl', 'present+file'],
    ])
  })

  it('have 64 pages, and nothing behind them', () => {
    expect(
      answersTo('mmap_file 63 2 rw shared', 'cpu_read 64', 'dev_read 0 63 2', 'dev_read 0 63 1').slice(1),
    ).toEqual([
      { rc: -1, sig: 'SIGBUS', code: 'BUS' },
      { rc: -14, err: 'EFAULT' },
      { rc: 0, cpages: 1, faults: 1, vals: [61503] },
    ])
  })

  it('are mapped sixteen pages at a time by a read, and one by a write', () => {
    const entries = (...texts: string[]) => {
      const { ptes } = answersTo('mmap_file 3 30 rw shared', ...texts, 'ptes 0 40').at(-1) ?? {}
      return ptes?.flatMap((pte, page) => (pte === 'none' ? [] : page))
    }
    expect(entries('cpu_read 20')).toEqual(Array.from({ length: 16 }, (_, i) => 16 + i))
    expect(entries('cpu_read 5')).toEqual(Array.from({ length: 16 }, (_, i) => 3 + i))
    expect(entries('cpu_write 20 1')).toEqual([20])
  })

  it('stay in system memory, where a migration puts them back with their permissions', () => {
    expect(
      answersTo(
        'mmap_file 0 2 rw shared',
        'cpu_write 0 5',
        'migrate_to_dev 0 0 2',
        'ptes 0 2',
        'snapshot 1 0 2',
      ).slice(2),
    ).toEqual([
      { rc: -2, err: 'ENOENT' },
      { rc: 0, ptes: ['present+excl+file', 'none'] },
      { rc: 0, cpages: 2, prot: [2, 0] },
    ])
  })
})

describe('mremap', () => {
  it('refuses what is empty, overlaps, or is not one area', () => {
    const before = ['mmap 0 2 rw', 'mmap 2 2 ro', 'mmap 8 4 rw', 'cpu_write 8 5']
    const errorOf = (text: string) => answersTo(...before, text).at(-1)?.err
    expect(errorOf('mremap 0 0 8')).toBe('EINVAL')
    expect(errorOf('mremap 0 2 1')).toBe('EINVAL')
    expect(errorOf('mremap 5 2 6')).toBe('EFAULT')
    expect(errorOf('mremap 1 2 8')).toBe('EFAULT')
    expect(errorOf('mremap 3 2 8')).toBe('EFAULT')
    expect(errorOf('mremap 0 2 8')).toBe(undefined)
  })

  it('has unmapped the destination by the time that it finds more than one area', () => {
    const before = ['mmap 0 2 rw', 'mmap 2 2 ro', 'mmap 8 4 rw', 'cpu_write 8 5']
    expect(seenBy(...before, 'mremap 1 2 8', 'cpu_read 8', 'cpu_read 10')).toEqual(['EFAULT', 'SIGSEGV', 0])
    expect(seenBy(...before, 'mremap 5 2 8', 'cpu_read 8')).toEqual(['EFAULT', 5])
  })

  it('takes a page of a parent away from where its child has it: both find it when it comes back', () => {
    expect(
      seenBy(
        'mmap 0 2 rw',
        'cpu_write 0 5',
        'migrate_to_dev 0 0 1',
        'fork',
        'mremap 0 2 4',
        'ptes 0 6',
        'c:ptes 0 2',
        'c:cpu_read 0',
        'ptes 4 1',
        'c:ptes 0 1',
        'cpu_write 4 6',
        'c:cpu_read 0',
      ),
    ).toEqual([
      [5],
      ['none', 'none', 'none', 'none', 'dpriv_r', 'none'],
      ['dpriv_r', 'none'],
      5,
      ['present'],
      ['present'],
      5,
    ])
  })

  it('moves pages that lie elsewhere in a child to a device and back', () => {
    const before = ['mmap 0 1 rw', 'cpu_write 0 5', 'fork', 'c:mremap 0 1 3']
    expect(
      seenBy(...before, 'migrate_to_dev 0 0 1', 'c:ptes 3 1', 'release 0', 'c:ptes 3 1', 'c:cpu_read 3'),
    ).toEqual([[5], ['dpriv_r'], ['present'], 5])
  })

  it('keeps the page of the file that is behind each page', () => {
    expect(
      seenBy(
        'mmap_file 0 3 rw shared',
        'cpu_write 1 5',
        'mremap 1 2 6',
        'madv_dontneed 6 2',
        'dev_read 0 6 2',
      ),
    ).toEqual([[5, 61442]])
  })

  it('makes one area of what it puts beside untouched memory, and two of what had pages', () => {
    const pages = ['mmap 0 1 rw', 'mmap 5 1 rw']
    expect(seenBy(...pages, 'mremap 0 1 4', 'mremap 4 2 8')).toEqual([])
    expect(seenBy(...pages, 'cpu_write 0 1', 'mremap 0 1 4', 'mremap 4 2 8')).toEqual(['EFAULT'])
  })
})

describe('open', () => {
  it('closes what is open, and opens both with empty mirrors', () => {
    expect(
      answersTo(
        'mmap 0 1 rw',
        'cpu_write 0 5',
        'dev_read 0 0 1',
        'dev_read 1 0 1',
        'close 0',
        'dev_read 0 0 1',
        'open',
        'dev_read 0 0 1',
        'dev_read 1 0 1',
        'munmap 0 1',
        'dev_read 0 0 1',
      ).slice(4),
    ).toEqual([
      { rc: 0 },
      { rc: -9, err: 'EBADF' },
      { rc: 0 },
      { rc: 0, cpages: 1, faults: 1, vals: [5] },
      { rc: 0, cpages: 1, faults: 1, vals: [5] },
      { rc: 0 },
      { rc: -14, err: 'EFAULT' },
    ])
  })
})

describe('a file that a child has inherited', () => {
  const shared = ['mmap 0 1 rw', 'migrate_to_dev 0 0 1', 'fork', 'close 0']

  it('lives until the child has closed it too, and its pages stay on the device until then', () => {
    const answers = answersTo(...shared, 'ptes 0 1', 'c:close 10', 'ptes 0 1', 'c:close 10')
    expect(answers.slice(4)).toEqual([
      { rc: 0, ptes: ['dpriv_r'] },
      { rc: 0 },
      { rc: 0, ptes: ['present'] },
      { rc: -9, err: 'EBADF' },
    ])
  })

  it('is one through which the child evicts the device', () => {
    expect(answersTo(...shared, 'c:release 10', 'ptes 0 1').at(-1)?.ptes).toEqual(['present'])
  })

  it('keeps a second fork waiting for the end of the child', () => {
    expect(answersTo('fork', 'fork', 'c:exit', 'fork').map(({ rc }) => rc)).toEqual([0, -16, 0, 0])
  })
})

/**
 * Answers of the oracle to sequences that no recording holds, by what the kernel's own code and documentation say.
 */
import { describe, expect, it } from 'vitest'
import { type Answer, type Operation, Oracle, parseOperation } from '../../src/conformance/index.js'

/** Without the minor faults, which have tests of their own. */
function answersTo(...texts: string[]): Answer[] {
  return answersAndFaults(...texts).map(({ minflt: _, ...answer }) => answer)
}

function answersAndFaults(...texts: string[]): Answer[] {
  const operations = texts.map((text) => parseOperation(text) as Operation)
  const oracle = new Oracle(operations)
  return operations.map((operation) => oracle.perform(operation))
}

function lastAnswer(...texts: string[]): Answer | undefined {
  return answersTo(...texts).at(-1)
}

describe('areas', () => {
  it('unmaps a hole without complaint', () => {
    expect(answersTo('munmap 0 3', 'mmap 1 1 rw', 'munmap 0 3', 'cpu_read 1')).toEqual([
      { rc: 0 },
      { rc: 0 },
      { rc: 0 },
      { rc: -1, sig: 'SIGSEGV', code: 'MAPERR' },
    ])
  })

  it('refuses to map or unmap nothing, and protects or advises nothing at once', () => {
    expect(
      answersTo('mmap 0 0 rw', 'munmap 0 0', 'mprotect 0 0 ro', 'madv_dontneed 0 0', 'ptes 0 0'),
    ).toEqual([
      { rc: -22, err: 'EINVAL' },
      { rc: -22, err: 'EINVAL' },
      { rc: 0 },
      { rc: 0 },
      { rc: 0, ptes: [] },
    ])
  })

  it('changes nothing where mprotect starts in a hole', () => {
    expect(answersTo('mmap 1 2 rw', 'mprotect 0 3 none', 'cpu_write 1 5', 'cpu_read 1')).toEqual([
      { rc: 0 },
      { rc: -12, err: 'ENOMEM' },
      { rc: 0 },
      { rc: 0, val: 5 },
    ])
  })

  it('changes all areas before the hole that mprotect meets, and none behind it', () => {
    expect(
      answersTo(
        'mmap 0 1 rw',
        'mmap 1 1 ro',
        'mmap 3 1 rw',
        'mprotect 0 4 none',
        'cpu_read 0',
        'cpu_read 1',
        'cpu_write 3 1',
      ).slice(3),
    ).toEqual([
      { rc: -12, err: 'ENOMEM' },
      { rc: -1, sig: 'SIGSEGV', code: 'ACCERR' },
      { rc: -1, sig: 'SIGSEGV', code: 'ACCERR' },
      { rc: 0 },
    ])
  })

  it('throws away what lies behind a hole too', () => {
    expect(
      answersTo('mmap 1 1 rw', 'mmap 3 1 none', 'cpu_write 1 5', 'madv_dontneed 0 5', 'cpu_read 1').slice(3),
    ).toEqual([
      { rc: -12, err: 'ENOMEM' },
      { rc: 0, val: 0 },
    ])
  })

  it('keeps the data of pages that are made inaccessible, throws it away on advice', () => {
    expect(
      answersTo(
        'mmap 0 2 rw',
        'cpu_write 0 5',
        'cpu_write 1 6',
        'mprotect 0 2 none',
        'madv_dontneed 1 1',
        'mprotect 0 2 ro',
        'cpu_read 0',
        'cpu_read 1',
        'ptes 0 2',
      ).slice(6),
    ).toEqual([
      { rc: 0, val: 5 },
      { rc: 0, val: 0 },
      { rc: 0, ptes: ['present+excl', 'present+zero'] },
    ])
  })
})

describe('write-only areas', () => {
  it('can be read by the CPU and not by devices', () => {
    expect(
      answersTo(
        'mmap 0 1 wo',
        'cpu_write 0 5',
        'cpu_read 0',
        'dev_read 0 0 1',
        'dev_write 0 0 1 6',
        'snapshot 0 0 1',
      ),
    ).toEqual([
      { rc: 0 },
      { rc: 0 },
      { rc: 0, val: 5 },
      { rc: -14, err: 'EFAULT' },
      { rc: -14, err: 'EFAULT' },
      { rc: 0, cpages: 1, prot: [0xff] },
    ])
  })

  it('let devices in, for writing at once, when they become readable', () => {
    expect(lastAnswer('mmap 0 1 wo', 'cpu_write 0 5', 'mprotect 0 1 rw', 'snapshot 1 0 1')).toEqual({
      rc: 0,
      cpages: 1,
      prot: [2],
    })
  })
})

describe('devices', () => {
  it('fail by what the walk meets first: EPERM for a read-only area, EFAULT for a hole', () => {
    expect(answersTo('mmap 0 1 rw', 'mmap 1 1 ro', 'dev_write 0 0 3 1', 'dev_write 0 2 1 1')).toEqual([
      { rc: 0 },
      { rc: 0 },
      { rc: -1, err: 'EPERM' },
      { rc: -14, err: 'EFAULT' },
    ])
    expect(lastAnswer('mmap 0 1 none', 'mmap 1 1 ro', 'dev_write 0 0 2 1')).toEqual({
      rc: -14,
      err: 'EFAULT',
    })
  })

  it('have written the pages before the one that they cannot have', () => {
    expect(answersTo('mmap 0 1 rw', 'dev_write 0 0 1 1', 'dev_write 0 0 2 7', 'cpu_read 0').slice(2)).toEqual(
      [
        { rc: -14, err: 'EFAULT' },
        { rc: 0, val: 7 },
      ],
    )
  })

  it('refuse no page at all', () => {
    const refused = { rc: -22, err: 'EINVAL' }
    expect(
      answersTo('mmap 0 1 rw', 'dev_read 0 0 0', 'dev_write 1 0 0 5', 'snapshot 0 0 0').slice(1),
    ).toEqual([refused, refused, refused])
  })

  it('see what the other wrote, each through its own mirror', () => {
    expect(
      answersTo(
        'mmap 0 2 rw',
        'dev_write 0 0 2 5',
        'dev_read 1 0 2',
        'dev_write 1 1 1 9',
        'dev_read 0 0 2',
      ).slice(2),
    ).toEqual([
      { rc: 0, cpages: 2, faults: 1, vals: [5, 6] },
      { rc: 0, cpages: 1, faults: 0 },
      { rc: 0, cpages: 2, faults: 0, vals: [5, 9] },
    ])
  })

  it('lose the entry of the page after an invalidated range too', () => {
    expect(
      answersTo('mmap 0 4 rw', 'dev_read 0 0 4', 'munmap 0 1', 'dev_read 0 2 1', 'dev_read 0 1 1').slice(3),
    ).toEqual([
      { rc: 0, cpages: 1, faults: 0, vals: [0] },
      { rc: 0, cpages: 1, faults: 1, vals: [0] },
    ])
  })

  it('hear of an area without entries of its own if its page table has others', () => {
    expect(lastAnswer('mmap 0 3 rw', 'dev_read 0 2 1', 'mprotect 0 2 ro', 'dev_read 0 2 1')).toMatchObject({
      faults: 1,
    })
  })

  it('hear nothing where mprotect changes nothing, and nothing of a hole that is unmapped', () => {
    expect(
      answersTo('mmap 2 2 rw', 'dev_read 0 2 2', 'mprotect 2 1 rw', 'munmap 0 2', 'dev_read 0 2 2').at(-1),
    ).toMatchObject({ faults: 0 })
  })

  it('serve long ranges piece by piece, and keep the pieces before one that fails', () => {
    expect(
      answersTo('mmap 0 100 rw', 'dev_read 0 0 101', 'dev_read 0 0 64', 'dev_read 0 64 36')
        .slice(1)
        .map(({ rc, faults }) => ({
          rc,
          faults,
        })),
    ).toEqual([
      { rc: -14, faults: undefined },
      { rc: 0, faults: 0 },
      { rc: 0, faults: 1 },
    ])
  })
})

describe('device memory', () => {
  it('takes what can migrate, is read back through the mirror alone, and comes back to a CPU', () => {
    expect(
      answersTo(
        'mmap 0 2 rw',
        'mmap 2 1 ro',
        'cpu_write 0 5',
        'migrate_to_dev 1 0 3',
        'ptes 0 3',
        'snapshot 1 0 3',
        'snapshot 0 0 3',
        'cpu_read 0',
        'migrate_to_sys 1 0 3',
      ).slice(3),
    ).toEqual([
      { rc: 0, cpages: 3, vals: [5, 0, 0] },
      { rc: 0, ptes: ['dpriv_w+excl', 'dpriv_w+excl', 'dpriv_r+excl'] },
      { rc: 0, cpages: 3, prot: [0x22, 0x22, 0x21] },
      { rc: 0, cpages: 3, prot: [0, 0, 0] },
      { rc: 0, val: 5 },
      { rc: 0, cpages: 2 },
    ])
  })

  it('has taken the areas before one that cannot be read, and lacks the pages of another device', () => {
    expect(
      answersTo(
        'mmap 0 1 rw',
        'migrate_to_dev 0 0 2',
        'ptes 0 1',
        'migrate_to_dev 1 0 1',
        'migrate_to_dev 0 0 0',
      ).slice(1),
    ).toEqual([
      { rc: -22, err: 'EINVAL' },
      { rc: 0, ptes: ['dpriv_w+excl'] },
      { rc: -2, err: 'ENOENT' },
      { rc: -22, err: 'EINVAL' },
    ])
  })
})

describe('a child', () => {
  it("has its parent's pages until one of them writes, and its parent's devices", () => {
    expect(
      answersTo(
        'mmap 0 1 rw',
        'cpu_write 0 5',
        'fork',
        'c:cpu_write 0 6',
        'cpu_read 0',
        'c:dev_read 10 0 1',
        'c:cpu_read 0',
        'c:exit',
        'fork',
        'c:cpu_read 0',
      ).slice(3),
    ).toEqual([
      { rc: 0 },
      { rc: 0, val: 5 },
      { rc: 0, cpages: 1, faults: 1, vals: [5] },
      { rc: 0, val: 6 },
      { rc: 0 },
      { rc: 0 },
      { rc: 0, val: 5 },
    ])
  })

  it("that ends evicts its parent's pages from the devices that it has opened, and only then", () => {
    const before = ['mmap 0 1 rw', 'migrate_to_dev 0 0 1', 'fork']
    expect(lastAnswer(...before, 'c:exit', 'ptes 0 1')?.ptes).toEqual(['dpriv_r+excl'])
    expect(lastAnswer(...before, 'c:open', 'c:exit', 'ptes 0 1')?.ptes).toEqual(['present+excl'])
  })
})

describe('values', () => {
  it('are 64 bits wide and wrap', () => {
    expect(
      answersTo(
        'mmap 0 2 rw',
        'dev_write 0 0 2 18446744073709551615',
        'dev_read 0 0 2',
        'cpu_write 1 9007199254740993',
        'cpu_read 1',
      ),
    ).toMatchObject([{}, {}, { vals: ['18446744073709551615', 0] }, {}, { val: '9007199254740993' }])
  })
})

describe('minor faults', () => {
  const faults = (...texts: string[]) => answersAndFaults(...texts).map(({ minflt }) => minflt)

  it('are one for the zero page, one more for the copy, and none for what is mapped', () => {
    expect(faults('mmap 0 1 rw', 'cpu_read 0', 'cpu_write 0 5', 'cpu_read 0').slice(1)).toEqual([1, 1, 0])
  })

  it('are two for a write to a page that its device has: it comes back read-only after a fork', () => {
    expect(faults('mmap 0 1 rw', 'migrate_to_dev 0 0 1', 'fork', 'cpu_write 0 5').at(-1)).toBe(2)
  })

  it('are one for a write to the huge zero page, whose mapping is split on the way', () => {
    expect(faults('mmap_huge 0', 'cpu_read 0', 'cpu_write 1 5').slice(1)).toEqual([1, 1])
  })
})

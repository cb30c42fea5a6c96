/**
 * Huge pages on the oracle: what no recording holds, and that programs and devices cannot tell huge pages from small ones by
 * what they read and write.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  type KernelVersion,
  type Operation,
  Oracle,
  parseOperation,
} from '../../src/conformance/index.js'
import { ZERO_PAGE } from '../../src/kernel/index.js'
import { countsAreExact, mirrorsAgree, nothingIsOpen } from './exactness.js'

const HUGE = 512
const THP = 'present+excl+thp'

function parse(texts: readonly string[]): Operation[] {
  return texts.map((text) => parseOperation(text) as Operation)
}

/** The answers to `texts`, one by one. */
function answers(texts: readonly string[], kernel: KernelVersion = '6.1'): Answer[] {
  const operations = parse(texts)
  const oracle = new Oracle(operations, { kernel })
  return operations.map((operation) => oracle.perform(operation))
}

/** The answer to the last of `texts`. */
function last(texts: readonly string[], kernel?: KernelVersion): Answer | undefined {
  return answers(texts, kernel).at(-1)
}

describe('a huge page', () => {
  it('is not to be had where the area does not cover what it would be', () => {
    expect(last(['mmap_huge 100', 'cpu_write 512 1', 'ptes 512 1'])).toEqual({
      rc: 0,
      ptes: ['present+excl'],
    })
  })

  it('is not mapped any more where a page table has taken its place', () => {
    const split = ['mmap_huge 0', 'cpu_write 0 1', 'mprotect 1 1 ro', 'mprotect 1 1 rw']
    expect(last([...split, `madv_dontneed 0 ${HUGE}`, 'cpu_write 0 1', 'ptes 0 2'])).toEqual({
      rc: 0,
      ptes: ['present+excl', 'none'],
    })
  })

  it('is mapped anew where all of it was thrown away', () => {
    expect(
      last(['mmap_huge 0', 'cpu_write 0 1', `madv_dontneed 0 ${HUGE}`, 'cpu_write 1 1', 'ptes 0 1']),
    ).toEqual({
      rc: 0,
      ptes: [THP],
    })
  })

  it('is moved as it is to where another would fit, and split elsewhere', () => {
    const mapped = ['mmap_huge 0', 'cpu_write 0 7']
    const moved = [...mapped, `mremap 0 ${HUGE} ${HUGE}`]
    expect(last([...moved, `snapshot 0 ${HUGE} 1`])?.prot).toEqual([6])
    expect(last([...moved, `cpu_read ${HUGE}`])?.val).toBe(7)
    const aside = [...mapped, `mremap 0 ${HUGE} ${HUGE + 1}`]
    expect(last([...aside, `snapshot 0 ${HUGE + 1} 1`])?.prot).toEqual([2])
    expect(last([...aside, `cpu_read ${HUGE + 1}`])?.val).toBe(7)
    expect(last([...mapped, `mremap 0 1 ${HUGE}`, `snapshot 0 1 ${HUGE}`])?.prot?.at(-1)).toBe(2)
  })

  it('is shared with a child as a whole, and split by who writes to it', () => {
    const forked = ['mmap_huge 0', 'cpu_write 0 7', 'fork']
    expect(last([...forked, 'snapshot 0 0 1'])?.prot).toEqual([5])
    expect(last([...forked, 'c:ptes 0 1'])?.ptes).toEqual(['present+thp'])
    expect(last([...forked, 'c:cpu_write 0 8', 'c:ptes 0 2'])?.ptes).toEqual(['present+excl', 'present+thp'])
    expect(last([...forked, 'c:cpu_write 0 8', 'cpu_read 0'])?.val).toBe(7)
    expect(last([...forked, 'c:cpu_write 0 8', 'snapshot 0 0 2'])?.prot).toEqual([5, 5])
  })

  it('is exclusive from its first page on, and in no other', () => {
    const mapped = ['mmap_huge 0', 'cpu_write 0 7']
    expect(last([...mapped, 'exclusive 0 1 1'])).toMatchObject({ err: 'EBUSY' })
    expect(last([...mapped, 'exclusive 0 0 1'])).toMatchObject({ rc: 0, vals: [7] })
    expect(last([...mapped, 'exclusive 0 0 1', 'ptes 0 2'])?.ptes).toEqual(['dexcl_w', 'dexcl_w'])
    expect(last([...mapped, 'exclusive 0 0 1', 'cpu_read 0'])?.val).toBe(7)
  })

  it('whose mapping is split is not migrated', () => {
    const split = ['mmap_huge 0', 'cpu_write 0 7', 'mprotect 1 1 ro']
    expect(last([...split, 'migrate_to_dev 0 0 1'])).toMatchObject({ err: 'ENOENT' })
  })
})

describe('what kernels differ in', () => {
  const mapped = ['mmap_huge 0', 'cpu_write 0 7']

  it('a page is clean after a split on 6.1, until it is written to', () => {
    const split = [...mapped, 'mprotect 1 1 ro']
    const back = ['mprotect 0 1 ro', 'mprotect 0 1 rw', 'snapshot 0 0 1']
    expect(last([...split, ...back], '6.1')?.prot).toEqual([1])
    expect(last([...split, ...back], '6.12')?.prot).toEqual([2])
    expect(last([...split, 'cpu_read 0', 'cpu_write 0 8', ...back], '6.1')?.prot).toEqual([2])
  })

  it('a huge page becomes writable by a write only on 6.1', () => {
    const back = [...mapped, `mprotect 0 ${HUGE} ro`, `mprotect 0 ${HUGE} rw`]
    expect(last([...back, 'snapshot 0 0 1'], '6.1')?.prot).toEqual([5])
    expect(last([...back, 'snapshot 0 0 1'], '6.12')?.prot).toEqual([6])
    expect(last([...back, 'cpu_write 0 8', 'snapshot 0 0 1'], '6.1')?.prot).toEqual([6])
  })
})

const range = fc
  .tuple(fc.constantFrom(0, 1, 2, HUGE - 2, HUGE), fc.integer({ min: 1, max: 3 }))
  .map(([start, length]) => `${start} ${length}`)
const ranges = fc.oneof(range, fc.constant(`0 ${HUGE}`))
const device = fc.nat(1)
const value = fc.integer({ min: 1, max: 40 })
const page = fc.constantFrom(0, 1, 2, HUGE - 1, HUGE)
const protection = fc.constantFrom('rw', 'rw', 'ro', 'none')

function words(...parts: fc.Arbitrary<string | number>[]): fc.Arbitrary<string> {
  return fc.tuple(...parts).map((all) => all.join(' '))
}

const withoutMigration = fc.oneof(
  words(fc.constant('mmap_huge 0')),
  words(fc.constantFrom('mmap', 'mprotect'), ranges, protection),
  words(fc.constantFrom('munmap', 'madv_dontneed'), ranges),
  words(fc.constant('cpu_read'), page),
  words(fc.constant('cpu_write'), page, value),
  words(fc.constantFrom('dev_read', 'snapshot'), device, range),
  words(fc.constant('dev_write'), device, range, value),
)

const operation = fc.oneof(
  { weight: 3, arbitrary: withoutMigration },
  words(fc.constantFrom('migrate_to_dev', 'migrate_to_sys', 'exclusive', 'check_exclusive'), device, range),
  words(fc.constantFrom(`mremap 0 ${HUGE} ${HUGE}`, `mremap ${HUGE} ${HUGE} 0`, 'mremap 1 1 600')),
)

function sequenceOf(operations: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  return fc.array(operations, { minLength: 1, maxLength: 20 }).map((texts) => ['mmap_huge 0', ...texts])
}

describe('after every operation', () => {
  it.each(['6.1', '6.12'] as const)('mirrors agree, counts are exact, nothing is open (%s)', (kernel) => {
    fc.assert(
      fc.property(sequenceOf(operation), (texts) => {
        const operations = parse([...texts, 'munmap 0 1024'])
        const oracle = new Oracle(operations, { kernel })
        for (const each of operations) {
          oracle.perform(each)
          mirrorsAgree(oracle)
          countsAreExact(oracle)
          nothingIsOpen(oracle)
        }
        const { frames } = oracle.machine
        expect(frames.filter((frame) => frame.pfn !== ZERO_PAGE && frame.refcount > 0)).toEqual([])
        expect(frames.filter((frame) => frame.compound)).toEqual([])
      }),
      { numRuns: 15 },
    )
  })

  it('values and errors are those of small pages', () => {
    fc.assert(
      fc.property(sequenceOf(withoutMigration), (texts) => {
        const huge = answers(texts)
        const small = answers(texts.map((text) => (text === 'mmap_huge 0' ? `mmap 0 ${HUGE} rw` : text)))
        // A device write that fails leaves what it has written before, which depends on what the device had mapped.
        const failed = texts.findIndex((text, i) => text.startsWith('dev_write') && huge[i].rc !== 0)
        const compared = failed < 0 ? texts.length : failed + 1
        expect(huge.slice(0, compared).map(read)).toEqual(small.slice(0, compared).map(read))
      }),
      { numRuns: 25 },
    )
  })
})

/** What of an answer does not depend on how memory is mapped. */
function read({ rc, err, sig, code, val, vals }: Answer) {
  return { rc, err, sig, code, val, vals }
}

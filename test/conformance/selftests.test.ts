/**
 * What the kernel's own selftests assert about huge pages in device memory (tools/testing/selftests/mm/hmm-tests.c, since 6.19), in
 * the operation language. Where they look at every word of every page, these look at pages on either side of every border.
 */
import { describe, expect, it } from 'vitest'
import { type Answer, type Operation, Oracle, parseOperation } from '../../src/conformance/index.js'

/** The huge page of all of them, and what a page of it holds. */
const START = 512
const PAGES = 512
const MAPPED = `mmap_huge ${START}`
const TO_DEVICE = `migrate_to_dev 0 ${START} ${PAGES}`
const LOOKED_AT = [0, 1, 2, 127, 128, 255, 256, 383, 384, 511]
const contentsOf = (page: number) => 1000 + page
const WRITTEN = LOOKED_AT.map((page) => `cpu_write ${START + page} ${contentsOf(page)}`)

/** What the huge page holds, by page, after {@link WRITTEN}. */
const CONTENTS = Array.from({ length: PAGES }, (_, page) => (LOOKED_AT.includes(page) ? contentsOf(page) : 0))
const ZEROES: number[] = Array(PAGES).fill(0)
const migrated = (vals: readonly number[]) => ({ rc: 0, cpages: PAGES, vals })

/** Performs operations on 7.3, and answers each by its text; the last of several alike. */
function perform(...texts: string[]): Map<string, Answer> {
  const operations = texts.map((text) => parseOperation(text) as Operation)
  const oracle = new Oracle(operations, { kernel: '7.3' })
  return new Map(operations.map((operation, index) => [texts[index], oracle.perform(operation)]))
}

const reads = (pages: readonly number[], at = START) => pages.map((page) => `cpu_read ${at + page}`)

function expectRead(
  answers: Map<string, Answer>,
  pages: readonly number[],
  at = START,
  isZero = false,
): void {
  for (const page of pages)
    expect(answers.get(`cpu_read ${at + page}`)).toMatchObject({ rc: 0, val: isZero ? 0 : contentsOf(page) })
}

/** Moves of the huge page, or of as many pages: a few of all, as moving page by page is slow (HMM_SPEC_WHOLE=1 for all). */
const ALL_MOVES = [MAPPED, `mmap ${START} ${PAGES} rw`].flatMap((map) =>
  ['mremap', 'mremap_keep'].flatMap((move) => [0, 128, 256].map((offset) => [map, move, offset] as const)),
)
const MOVES = process.env.HMM_SPEC_WHOLE ? ALL_MOVES : ALL_MOVES.filter((_, index) => index % 5 === 1)

describe('hmm-tests.c', { timeout: 60_000 }, () => {
  it('migrate_anon_huge_empty: what was never touched migrates, and is zero', () => {
    const answers = perform(MAPPED, TO_DEVICE, ...reads(LOOKED_AT))
    expect(answers.get(TO_DEVICE)).toEqual(migrated(ZEROES))
    expectRead(answers, LOOKED_AT, START, true)
  })

  it('migrate_anon_huge_zero: so does the huge zero page', () => {
    const [first, ...others] = reads(LOOKED_AT)
    const answers = perform(MAPPED, `mprotect ${START} ${PAGES} ro`, first, TO_DEVICE, first, ...others)
    expect(answers.get(TO_DEVICE)).toEqual(migrated(ZEROES))
    expectRead(answers, LOOKED_AT, START, true)
  })

  it('migrate_anon_huge_free: what is in device memory may be given up', () => {
    const free = `madv free ${START} ${PAGES}`
    const answers = perform(MAPPED, ...WRITTEN, TO_DEVICE, free)
    expect(answers.get(TO_DEVICE)).toEqual(migrated(CONTENTS))
    expect(answers.get(free)).toEqual({ rc: 0 })
  })

  it('migrate_anon_huge_fault: the CPU finds all of it again', () => {
    const answers = perform(MAPPED, ...WRITTEN, TO_DEVICE, ...reads(LOOKED_AT))
    expect(answers.get(TO_DEVICE)).toEqual(migrated(CONTENTS))
    expectRead(answers, LOOKED_AT)
  })

  for (const map of [MAPPED, `mmap ${START} ${PAGES} rw`])
    for (const offset of [0, 128, 256])
      it(`migrate_partial_unmap_fault: ${map}, 256 pages from ${offset} on are unmapped`, () => {
        const left = LOOKED_AT.filter((page) => page < offset || page >= offset + 256)
        const answers = perform(map, ...WRITTEN, TO_DEVICE, `munmap ${START + offset} 256`, ...reads(left))
        expect(answers.get(TO_DEVICE)).toEqual(migrated(CONTENTS))
        expectRead(answers, left)
      })

  for (const [map, move, offset] of MOVES)
    it(`migrate_remap_fault: ${map}, ${move} to ${offset} pages behind its end`, { timeout: 300_000 }, () => {
      const at = START + PAGES + offset
      const moves = `${move} ${START} ${PAGES} ${at}`
      const after = perform(map, ...WRITTEN, TO_DEVICE, moves, ...reads(LOOKED_AT, at))
      expect(after.get(TO_DEVICE)).toEqual(migrated(CONTENTS))
      expect(after.get(moves)).toEqual({ rc: 0 })
      expectRead(after, LOOKED_AT, at)

      const toDevice = `migrate_to_dev 0 ${at} ${PAGES}`
      const before = perform(map, ...WRITTEN, moves, toDevice, ...reads(LOOKED_AT, at))
      expect(before.get(toDevice)).toEqual(migrated(CONTENTS))
      expectRead(before, LOOKED_AT, at)
    })

  it('migrate_anon_huge_err: without a huge page on the device it migrates as pages, and comes back as pages without one here', () => {
    const there = perform(MAPPED, ...WRITTEN, 'fail_alloc 0', TO_DEVICE, ...reads([2]))
    expect(there.get(TO_DEVICE)).toEqual(migrated(CONTENTS))
    expectRead(there, [2])

    const toSystem = `migrate_to_sys 0 ${START} ${PAGES}`
    const back = perform(MAPPED, ...WRITTEN, TO_DEVICE, 'fail_alloc 0', toSystem, ...reads(LOOKED_AT))
    expect(back.get(TO_DEVICE)).toEqual(migrated(CONTENTS))
    expect(back.get(toSystem)).toMatchObject({ rc: 0 })
    expectRead(back, LOOKED_AT)
  })

  it('migrate_anon_huge_zero_err: nor is a huge page needed for zeroes', () => {
    const readOnly = [MAPPED, `mprotect ${START} ${PAGES} ro`]
    const empty = perform(...readOnly, 'fail_alloc 0', TO_DEVICE, ...reads([2]))
    expect(empty.get(TO_DEVICE)).toEqual(migrated(ZEROES))
    expectRead(empty, [2], START, true)

    const [first, ...others] = reads(LOOKED_AT)
    const zero = perform(...readOnly, first, 'fail_alloc 0', TO_DEVICE, first, ...others)
    expect(zero.get(TO_DEVICE)).toEqual(migrated(ZEROES))
    expectRead(zero, LOOKED_AT, START, true)
  })
})

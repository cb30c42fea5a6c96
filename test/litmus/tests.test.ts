/** The litmus tests of the package: what is pinned is what the checker finds. */
import { describe, expect, it } from 'vitest'
import { allowedOn, allowedOutcomes } from '../../src/conformance/litmus/allowed.js'
import { incoherentPage } from '../../src/conformance/litmus/coherence.js'
import { conflicts, conflictTests } from '../../src/conformance/litmus/conflicts.js'
import { pinnedFor, readLitmusTests } from '../../src/conformance/litmus/data.js'
import { directedTests } from '../../src/conformance/litmus/directed.js'
import { exploreTest } from '../../src/conformance/litmus/explore.js'
import { type LitmusTest, readTest } from '../../src/conformance/litmus/test.js'
import { RECORDED_KERNELS } from '../../src/conformance/result.js'
import { dmirror_interval_invalidate } from '../../src/driver/recorded/index.js'
import { override } from '../../src/world/index.js'

const pinned = readLitmusTests()
const whole = process.env.HMM_SPEC_WHOLE === '1'
/** One in so many, and none that takes more than a second or so. */
const SAMPLE = 6
const LONG = new Set(['directed/CoRR+cpu+to_dev'])
const sample = pinned.filter(({ test }, index) => index % SAMPLE === 0 && !LONG.has(test))

const directed = (name: string): LitmusTest => {
  const found = directedTests.find(({ test }) => test === `directed/${name}`)
  if (found === undefined) throw new Error(name)
  return found
}

describe('the data', () => {
  it('is the directed tests and those from conflicts, each with a name of its own', () => {
    const plain = pinned.map(({ allowed: _, ...test }) => test)
    const generated = pinned.filter(({ test }) => test.startsWith('conflict/'))
    expect(plain).toEqual([...directedTests, ...conflictTests(generated.length)])
    expect(new Set(pinned.map(({ test }) => test)).size).toBe(pinned.length)
    expect(pinned.length).toBeGreaterThanOrEqual(100)
  })

  it('names the finding that lets the driver use free memory', () => {
    const unsafe = pinned.filter((test) => pinnedFor(test, '6.1').usesFreeMemory)
    expect(unsafe.map((test) => [test.test, pinnedFor(test, '6.1').freeMemory])).toEqual([
      ['directed/H10', 'H10'],
      ['directed/H26', 'H26'],
      ['conflict/system/migrate_to_dev+madv_dontneed', 'H10'],
      ['conflict/system/exclusive+madv_dontneed', 'H26'],
    ])
    for (const test of unsafe) {
      const { explored: _, ...found } = allowedOn(readTest(test), '6.1')
      expect(pinnedFor(test, '6.1')).toMatchObject(found)
    }
  })

  it('says something of every release, and explains every breach', () => {
    for (const test of pinned)
      for (const release of RECORDED_KERNELS) {
        const { outcomes, breaches } = pinnedFor(test, release)
        expect(outcomes.length, test.test).toBeGreaterThan(0)
        for (const { finding } of breaches) expect(finding, test.test).toMatch(/^H\d+$/)
      }
  })

  it.each(sample)('$test is what the checker finds on Linux 6.1', (test) => {
    const { explored, ...found } = allowedOn(readTest(test), '6.1')
    const { releases: _, ...is } = pinnedFor(test, '6.1')
    expect(found).toEqual(is)
    expect(explored.exhaustive).toBe(true)
    expect(explored.deadlock).toBeUndefined()
  })

  it.runIf(whole).each(pinned)(
    '$test is what the checker finds on every release',
    (test) => {
      expect(allowedOutcomes(readTest(test), RECORDED_KERNELS)).toEqual(test.allowed)
    },
    1_200_000,
  )
})

describe('conflicts', () => {
  it('are of fields that one operation writes and the other touches', () => {
    const found = conflicts()
    const both = (beginning: string, one: string, other: string) =>
      found.find((each) => each.beginning === beginning && each.one === one && each.other === other)
    expect(both('system', 'cpu_read 0', 'cpu_read 0')).toBeUndefined()
    expect(both('system', 'cpu_write 0 8', 'munmap 0 1')?.fields).toContain('mm[].pte[].kind')
    expect(both('device', 'migrate_to_sys 0 0 1', 'cpu_write 0 8')?.fields).toContain('mm[].pte[].kind')
  })
})

describe('exploring', () => {
  it('finds the lost write of H17 forbidden', () => {
    const { outcomes, breaches } = allowedOn(readTest(directed('H17')), '6.1')
    expect(outcomes).toEqual([
      '0:r0=ok; 1:r0=5; [ptes 0 1]=dpriv_w+excl; [cpu_read 0]=7;',
      '0:r0=ok; 1:r0=7; [ptes 0 1]=dpriv_w+excl; [cpu_read 0]=7;',
    ])
    expect(breaches).toEqual([
      { outcome: '0:r0=ok; 1:r0=5; [ptes 0 1]=dpriv_w+excl; [cpu_read 0]=5;', finding: 'H17' },
    ])
  })

  it('says that a limit came first', () => {
    const found = exploreTest(readTest(directed('migrate+cpu+dev')), { states: 100 })
    expect(found.exhaustive).toBe(false)
  })

  it('finds what a driver that ignores invalidations does', () => {
    const ignoring = override(
      dmirror_interval_invalidate,
      () =>
        function* () {
          return 1
        },
    )
    const test = readTest(directed('fork+cpu_write'))
    const of = (overrides: readonly (typeof ignoring)[]) => exploreTest(test, { overrides })
    expect([...of([]).outcomes.keys()].filter((o) => incoherentPage(test, o) !== undefined)).toEqual([])
    const zap = readTest(directed('dev_write+remap'))
    expect(exploreTest(zap).usesOfFreeMemory).toBe(0)
    expect(exploreTest(zap, { overrides: [ignoring] }).usesOfFreeMemory).toBeGreaterThan(0)
  })
})

describe('a test that cannot be run', () => {
  const test = (threads: string[][], setup: string[] = ['mmap 0 1 rw']): LitmusTest => ({
    test: 'mine',
    title: '',
    setup,
    threads,
    final: [],
  })
  it.each([
    [test([['cpu_read 0']]), 'litmus test mine: it has 1 threads; there are 2 to 3'],
    [test([['cpu_read 0'], ['close 0']]), 'thread 1 performs close, which is for the setup'],
    [test([['cpu_read 0'], ['snapshot 0 0 1']]), 'thread 1 performs snapshot, which only thread 0 may'],
    [test([['cpu_read 0'], ['c:cpu_read 0']]), 'thread 1 is of the child, and the setup does not fork'],
    [test([['cpu_read 0'], ['cpu_reed 0']]), 'there is no operation "cpu_reed 0"'],
    [test([['cpu_read 0'], ['cpu_read x']]), '"cpu_read x": "x" is not a number of pages below 4095'],
    [test([['fork'], ['fork']]), 'it forks more than once'],
    [test([[], ['fork']]), 'thread 0 has 0 operations; there are 1 to 4'],
  ])('is refused, and said why: %#', (refused, why) => {
    expect(() => readTest(refused)).toThrow(why)
  })

  it('names the operation of the setup that fails', () => {
    expect(() => exploreTest(readTest(test([['cpu_read 0'], ['cpu_read 0']], ['dev_read 0 0 1'])))).toThrow(
      'litmus test mine: "dev_read 0 0 1" of the setup answers EFAULT',
    )
  })
})

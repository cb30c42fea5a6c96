/** Coherence, judged from an outcome alone. */
import { describe, expect, it } from 'vitest'
import { incoherentPage, isJudged } from '../../src/conformance/litmus/coherence.js'
import { type LitmusTest, readTest } from '../../src/conformance/litmus/test.js'

const test = (
  threads: readonly (readonly string[])[],
  setup: readonly string[] = ['mmap 0 2 rw', 'cpu_write 0 5'],
  final: readonly string[] = ['cpu_read 0'],
): LitmusTest => ({ test: 'mine', title: '', setup, threads, final })

const page = (of: LitmusTest, outcome: string) => incoherentPage(readTest(of), outcome)

describe('one page', () => {
  const reads = test([['cpu_write 0 7'], ['dev_read 0 0 1', 'dev_read 0 0 1']])
  it.each([
    ['0:r0=ok; 1:r0=5; 1:r1=7; [cpu_read 0]=7;', undefined],
    ['0:r0=ok; 1:r0=7; 1:r1=5; [cpu_read 0]=7;', 0],
    ['0:r0=ok; 1:r0=5; 1:r1=5; [cpu_read 0]=5;', 0],
    ['0:r0=ok; 1:r0=0; 1:r1=7; [cpu_read 0]=7;', 0],
    ['0:r0=SIGSEGV_ACCERR; 1:r0=5; 1:r1=5; [cpu_read 0]=5;', undefined],
  ])('%s', (outcome, expected) => expect(page(reads, outcome)).toBe(expected))

  it('a write that fails may have been done, or not', () => {
    const writes = test([['dev_write 0 0 2 7'], ['munmap 1 1']])
    expect(page(writes, '0:r0=EFAULT; 1:r0=ok; [cpu_read 0]=7;')).toBeUndefined()
    expect(page(writes, '0:r0=EFAULT; 1:r0=ok; [cpu_read 0]=5;')).toBeUndefined()
    expect(page(writes, '0:r0=EFAULT; 1:r0=ok; [cpu_read 0]=8;')).toBe(0)
  })

  it('nothing of a mapping is seen in the one after it', () => {
    const remaps = test([['dev_write 0 0 1 7'], ['munmap 0 1', 'mmap 0 1 rw']])
    expect(page(remaps, '0:r0=ok; 1:r0=ok; 1:r1=ok; [cpu_read 0]=0;')).toBeUndefined()
    expect(page(remaps, '0:r0=ok; 1:r0=ok; 1:r1=ok; [cpu_read 0]=7;')).toBeUndefined()
    expect(page(remaps, '0:r0=ok; 1:r0=ok; 1:r1=ok; [cpu_read 0]=5;')).toBe(0)
  })

  it('MADV_DONTNEED makes it zero at one moment', () => {
    const zaps = test([['cpu_write 0 7'], ['madv_dontneed 0 1', 'cpu_read 0']])
    expect(page(zaps, '0:r0=ok; 1:r0=ok; 1:r1=0; [cpu_read 0]=0;')).toBeUndefined()
    expect(page(zaps, '0:r0=ok; 1:r0=ok; 1:r1=5; [cpu_read 0]=7;')).toBe(0)
  })
})

it('pages are judged by themselves', () => {
  const two = test([['dev_write 0 0 2 7'], ['cpu_read 1']], ['mmap 0 2 rw'], ['cpu_read 0', 'cpu_read 1'])
  expect(page(two, '0:r0=ok; 1:r0=8; [cpu_read 0]=7; [cpu_read 1]=8;')).toBeUndefined()
  expect(page(two, '0:r0=ok; 1:r0=8; [cpu_read 0]=7; [cpu_read 1]=7;')).toBe(1)
})

it('a child has what its parent had at one moment of the fork', () => {
  const forks = test([['dev_write 0 0 1 7'], ['fork']], undefined, ['cpu_read 0', 'c:cpu_read 0'])
  expect(page(forks, '0:r0=ok; 1:r0=ok; [cpu_read 0]=7; [c:cpu_read 0]=5;')).toBeUndefined()
  expect(page(forks, '0:r0=ok; 1:r0=ok; [cpu_read 0]=7; [c:cpu_read 0]=7;')).toBeUndefined()
  expect(page(forks, '0:r0=ok; 1:r0=ok; [cpu_read 0]=5; [c:cpu_read 0]=7;')).toBe(0)
  expect(page(forks, '0:r0=ok; 1:r0=EBUSY; [cpu_read 0]=7; [c:cpu_read 0]=no child;')).toBeUndefined()
})

it('says nothing of pages that move, and refuses what is no outcome', () => {
  const moves = test([['mremap 0 1 1'], ['cpu_read 0']])
  expect(isJudged(readTest(moves))).toBe(false)
  expect(page(moves, '0:r0=ok; 1:r0=99; [cpu_read 0]=98;')).toBeUndefined()
  expect(() => page(test([['cpu_read 0'], ['cpu_read 0']]), 'nonsense;')).toThrow('is no outcome')
})

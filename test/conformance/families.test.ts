/**
 * Operations of a child's child, and allocations that are made to fail: rules that no recording shows alone.
 */
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  type KernelVersion,
  type Operation,
  Oracle,
  parseOperation,
} from '../../src/conformance/index.js'

function answers(kernel: KernelVersion, text: string): Answer[] {
  const operations = text.split('; ').map((op) => parseOperation(op) as Operation)
  const oracle = new Oracle(operations, { kernel })
  return operations.map((operation) => oracle.perform(operation))
}

const last = (kernel: KernelVersion, text: string) => answers(kernel, text).at(-1)

describe("a child's child", () => {
  it('maps what its parent does', () => {
    const forked = 'mmap 0 1 rw; cpu_write 0 1; fork; c:fork; c:munmap 0 1'
    expect(last('6.1', `${forked}; ptes 0 1`)).toEqual({ rc: 0, ptes: ['present'] })
    expect(last('6.1', `${forked}; c:exit; ptes 0 1`)).toEqual({ rc: 0, ptes: ['present+excl'] })
  })

  it('is one at a time, and ends with its parent', () => {
    expect(last('6.1', 'fork; c:fork; c:fork')).toMatchObject({ err: 'EBUSY' })
    expect(last('6.1', 'fork; c:fork; fork')).toMatchObject({ err: 'EBUSY' })
    expect(last('6.1', 'fork; c:fork; c:exit; fork; c:fork')).toEqual({ rc: 0 })
  })

  it('keeps the files of its parent open', () => {
    const text = 'mmap 0 1 rw; migrate_to_dev 0 0 1; fork; c:fork; close 0; c:close 10; ptes 0 1'
    expect(last('6.1', text)).toEqual({ rc: 0, ptes: ['dpriv_r'] })
    expect(last('6.1', text.replace('; ptes', '; c:exit; ptes'))).toEqual({ rc: 0, ptes: ['present+excl'] })
  })
})

describe('an allocation that fails', () => {
  const written = 'mmap 0 3 rw; cpu_write 0 1; cpu_write 1 2; cpu_write 2 3'

  it('is of no kernel before 6.19', () => {
    expect(last('6.12', 'fail_alloc 0')).toMatchObject({ err: 'EINVAL' })
    expect(last('7.3', 'fail_alloc 0')).toEqual({ rc: 0 })
  })

  it('leaves one page out on the way to the device', () => {
    expect(answers('7.3', `${written}; fail_alloc 0; migrate_to_dev 0 0 3; ptes 0 3`).slice(-2)).toEqual([
      { rc: -2, err: 'ENOENT' },
      { rc: 0, ptes: ['present+excl', 'dpriv_w', 'dpriv_w'] },
    ])
  })

  it('leaves all that are behind it out on the way back', () => {
    const text = `${written}; migrate_to_dev 0 0 3; fail_alloc 0; migrate_to_sys 0 0 3; ptes 0 3`
    expect(answers('7.3', text).slice(-2)).toEqual([
      { rc: 0, cpages: 0 },
      { rc: 0, ptes: ['dpriv_w', 'dpriv_w', 'dpriv_w'] },
    ])
  })

  it('has the CPU take its fault again', () => {
    const text = `${written}; migrate_to_dev 0 0 3; fail_alloc 0; cpu_read 1; ptes 0 3`
    expect(answers('7.3', text).slice(-2)).toEqual([
      { rc: 0, val: 2, minflt: 1 },
      { rc: 0, ptes: ['dpriv_w', 'present+excl', 'dpriv_w'] },
    ])
  })

  it('is of the file that was asked, while that is open', () => {
    const other = `${written}; fail_alloc 1; migrate_to_dev 0 0 3`
    expect(last('7.3', other)).toMatchObject({ rc: 0 })
    expect(last('7.3', `${written}; fail_alloc 0; close 0; open; migrate_to_dev 0 0 3`)).toMatchObject({
      rc: 0,
    })
  })
})

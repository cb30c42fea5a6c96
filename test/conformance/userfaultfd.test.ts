/**
 * userfaultfd, by what the kernel's code says of it: sequences that no recording holds.
 */
import { describe, expect, it } from 'vitest'
import {
  type Answer,
  conformSequence,
  type KernelVersion,
  type Operation,
  Oracle,
  parseOperation,
} from '../../src/conformance/index.js'

function last(kernel: KernelVersion, ...texts: string[]): Answer | undefined {
  const operations = texts.map((text) => parseOperation(text) as Operation)
  const oracle = new Oracle(operations, { kernel })
  return operations.map((operation) => oracle.perform(operation)).at(-1)
}

const SIGNAL = { rc: -1, sig: 'SIGBUS', code: 'BUS' }

describe('write-protection', () => {
  const ops = ['mmap 0 2 rw', 'cpu_write 0 7', 'uffd wp 0 2', 'uffd protect 0 1']

  it('is told of by a signal, to a CPU and to a device', () => {
    expect(last('6.1', ...ops, 'cpu_write 0 8')).toEqual(SIGNAL)
    expect(last('6.1', ...ops, 'dev_write 0 0 1 8')).toEqual({ rc: -14, err: 'EFAULT' })
    expect(last('6.1', ...ops, 'cpu_read 0')).toMatchObject({ rc: 0, val: 7 })
  })

  it('does not concern pages that come later', () => {
    expect(last('6.1', ...ops, 'uffd protect 0 2', 'cpu_write 1 8')).toMatchObject({ rc: 0 })
  })

  it('goes with the page to a device and back', () => {
    const away = [...ops, 'migrate_to_dev 0 0 1']
    expect(last('6.1', ...away, 'ptes 0 1')?.ptes).toEqual(['dpriv_r+excl'])
    expect(last('6.1', ...away, 'cpu_write 0 8')).toEqual(SIGNAL)
  })

  it('ends as its area is moved', () => {
    const moved = [...ops, 'mremap 0 1 4', 'cpu_write 4 8']
    expect(last('6.1', ...moved)).toMatchObject({ rc: 0 })
    expect(last('6.1', ...moved.slice(0, -1), 'uffd protect 4 1')).toEqual({ rc: -2, err: 'ENOENT' })
  })

  it('is not the child’s', () => {
    expect(last('6.1', ...ops, 'fork', 'c:cpu_write 0 8')).toMatchObject({ rc: 0 })
    expect(last('6.1', ...ops, 'fork', 'cpu_write 0 8')).toEqual(SIGNAL)
  })

  it('reaches over areas from 6.3 on, and as far as they are registered', () => {
    const two = ['mmap 0 2 rw', 'uffd wp 0 2', 'mprotect 1 1 ro', 'uffd protect 0 2']
    expect(last('6.1', ...two)).toEqual({ rc: -2, err: 'ENOENT' })
    expect(last('6.12', ...two)).toEqual({ rc: 0 })
    expect(last('6.12', 'mmap 0 2 rw', 'uffd wp 0 1', 'uffd protect 0 2')).toEqual({ rc: -2, err: 'ENOENT' })
  })

  it('ends with the right to write, or with a fault that gives it, by release', () => {
    const ended = [...ops, 'uffd unprotect 0 1', 'snapshot 0 0 1']
    expect(last('6.1', ...ended)?.prot).toEqual([1])
    expect(last('6.12', ...ended)?.prot).toEqual([2])
  })
})

describe('missing pages', () => {
  const ops = ['mmap 0 2 rw', 'cpu_write 0 7', 'uffd missing 0 2']

  it('get a signal, and no page comes', () => {
    expect(last('6.1', ...ops, 'cpu_read 1')).toEqual(SIGNAL)
    expect(last('6.1', ...ops, 'cpu_write 1 8')).toEqual(SIGNAL)
    expect(last('6.1', ...ops, 'madv populate_r 0 2')).toEqual({ rc: -14, err: 'EFAULT' })
    expect(last('6.1', ...ops, 'cpu_read 1', 'ptes 0 2')?.ptes).toEqual(['present+excl', 'none'])
  })

  it('are not brought by a migration', () => {
    const migrated = [...ops, 'migrate_to_dev 0 0 2']
    expect(last('6.1', ...migrated)).toEqual({ rc: -2, err: 'ENOENT' })
    expect(last('6.1', ...migrated, 'ptes 0 2')?.ptes).toEqual(['dpriv_w+excl', 'none'])
  })
})

describe('registration', () => {
  it('wants memory that is mapped, and private', () => {
    expect(last('6.1', 'mmap 4 1 rw', 'uffd wp 0 2')).toEqual({ rc: -22, err: 'EINVAL' })
  })

  it('splits the area', () => {
    expect(last('6.1', 'mmap 0 2 rw', 'uffd wp 0 1', 'mremap 0 2 4')).toEqual({ rc: -14, err: 'EFAULT' })
  })

  it('counts as unsupported a second time, and where other memory is mapped', () => {
    const unsupported = (...texts: string[]) =>
      conformSequence({
        name: 's',
        line: 1,
        texts,
        operations: texts.map((text) => parseOperation(text)),
        results: texts.map(() => ({ rc: 0 })),
      } as never).unsupported
    expect(unsupported('mmap 0 2 rw', 'uffd wp 0 1', 'uffd missing 1 1')).toEqual(['uffd registered twice'])
    expect(unsupported('mmap_shared 0 2 rw', 'uffd wp 0 1')).toEqual(['uffd of a file or huge page'])
  })
})

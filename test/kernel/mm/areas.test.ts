/** mmap, munmap, mprotect, madvise: what they do to areas, entries and data. */
import { describe, expect, it } from 'vitest'
import {
  cpuRead,
  cpuWrite,
  Errno,
  madvise_dontneed,
  mmap,
  mprotect,
  munmap,
  SEGV_ACCERR,
  SEGV_MAPERR,
  VM_READ,
} from '../../../src/kernel/index.js'
import { Process, RW } from './process.js'

function written(): Process {
  const process = new Process()
  for (const page of [0, 1, 2]) process.call(cpuWrite, page, page + 1)
  return process
}

function read(process: Process): number[] {
  return [0, 1, 2].map((page) => process.call(cpuRead, page))
}

describe('munmap', () => {
  it('takes areas and pages away, and no others', () => {
    const process = written()
    expect(process.call(munmap, 1, 1)).toBe(0)
    expect(read(process)).toEqual([1, SEGV_MAPERR, 3])
    expect(process.inUse).toBe(2)
  })

  it('refuses an empty range, and takes a hole for done', () => {
    const process = written()
    expect(process.call(munmap, 1, 0)).toBe(-Errno.EINVAL)
    process.call(munmap, 0, 3)
    expect(process.call(munmap, 0, 3)).toBe(0)
  })
})

describe('mmap', () => {
  it('replaces what was there by memory that reads as zero', () => {
    const process = written()
    expect(process.call(mmap, 0, 2, RW)).toBe(0)
    expect(read(process)).toEqual([0, 0, 3])
    expect(process.inUse).toBe(1)
  })

  it('refuses an empty range', () => {
    expect(written().call(mmap, 0, 0, RW)).toBe(-Errno.EINVAL)
  })
})

describe('mprotect', () => {
  it('keeps pages that nobody may access, and gives them back', () => {
    const process = written()
    process.call(mprotect, 0, 2, 0)
    expect(process.entries()).toEqual(['ro!', 'ro!', 'rw'])
    expect(read(process)).toEqual([SEGV_ACCERR, SEGV_ACCERR, 3])
    process.call(mprotect, 0, 2, RW)
    expect(process.entries()).toEqual(['rw', 'rw', 'rw'])
    expect(read(process)).toEqual([1, 2, 3])
  })

  it('makes the zero page writable by no means', () => {
    const process = new Process()
    process.call(cpuRead, 0)
    process.call(mprotect, 0, 1, VM_READ)
    process.call(mprotect, 0, 1, RW)
    expect(process.entries()).toEqual(['zero', 'none', 'none'])
  })

  it('stops at a hole, having changed what comes before', () => {
    const process = written()
    process.call(munmap, 1, 1)
    expect(process.call(mprotect, 0, 3, VM_READ)).toBe(-Errno.ENOMEM)
    expect(process.entries()).toEqual(['ro', 'none', 'rw'])
    expect(process.call(mprotect, 1, 2, VM_READ)).toBe(-Errno.ENOMEM)
    expect(process.entries()).toEqual(['ro', 'none', 'rw'])
    expect(process.call(mprotect, 1, 0, VM_READ)).toBe(0)
  })
})

describe('MADV_DONTNEED', () => {
  it('throws data away and leaves the area', () => {
    const process = written()
    expect(process.call(madvise_dontneed, 0, 2)).toBe(0)
    expect(process.entries()).toEqual(['none', 'none', 'rw'])
    expect(read(process)).toEqual([0, 0, 3])
  })

  it('passes over holes, at the start, between and at the end, and tells of them', () => {
    const process = written()
    process.call(munmap, 1, 1)
    expect(process.call(madvise_dontneed, 0, 3)).toBe(-Errno.ENOMEM)
    expect(process.entries()).toEqual(['none', 'none', 'none'])
    expect(process.call(madvise_dontneed, 1, 2)).toBe(-Errno.ENOMEM)
    expect(process.call(madvise_dontneed, 0, 2)).toBe(-Errno.ENOMEM)
    expect(process.call(madvise_dontneed, 2, 1)).toBe(0)
    expect(process.call(madvise_dontneed, 0, 0)).toBe(0)
    expect(process.inUse).toBe(0)
  })
})

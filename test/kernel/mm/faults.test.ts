/** Faults: what an access maps, what it copies, what it is refused. */
import { describe, expect, it } from 'vitest'
import {
  BUS_ADRERR,
  cpuRead,
  cpuWrite,
  fork,
  mmap,
  mmput,
  mprotect,
  munmap,
  OUT_OF_MEMORY,
  oom_reap_task_mm,
  SEGV_ACCERR,
  SEGV_MAPERR,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../src/kernel/index.js'
import { acting } from '../../../src/world/acting.js'
import { NOBODY } from '../../../src/world/index.js'
import { Process } from './process.js'

describe('reading untouched memory', () => {
  it('gives 0 and takes no page', () => {
    const process = new Process()
    expect(process.call(cpuRead, 1)).toBe(0)
    expect(process.entries()).toEqual(['none', 'zero', 'none'])
    expect(process.inUse).toBe(0)
  })
})

describe('writing', () => {
  it('takes a page, which is read back', () => {
    const process = new Process()
    expect(process.call(cpuWrite, 1, 7)).toBe(0)
    expect(process.call(cpuRead, 1)).toBe(7)
    expect(process.entries()).toEqual(['none', 'rw', 'none'])
    expect([process.inUse, process.references(1)]).toEqual([1, 1])
  })

  it('replaces the zero page by a page of its own, and leaves the zero page alone', () => {
    const process = new Process()
    process.call(cpuRead, 0)
    process.call(cpuRead, 1)
    process.call(cpuWrite, 0, 7)
    expect(process.entries()).toEqual(['rw', 'zero', 'none'])
    expect(process.call(cpuRead, 1)).toBe(0)
  })

  it('reuses a page that nobody else has, without a copy', () => {
    const process = new Process({ frames: 1 })
    process.call(cpuWrite, 0, 7)
    process.call(fork, process.child.mm)
    process.callInChild(mmput, process.child.mm)
    expect(process.entries()).toEqual(['ro', 'none', 'none'])
    expect(process.call(cpuWrite, 0, 8)).toBe(0)
    expect(process.entries()).toEqual(['rw', 'none', 'none'])
    expect(process.inUse).toBe(1)
  })

  it('fails and leaves nothing behind where no page is free', () => {
    const process = new Process({ frames: 1 })
    process.call(cpuWrite, 0, 7)
    expect(process.call(cpuWrite, 1, 7)).toBe(OUT_OF_MEMORY)
    process.call(fork, process.child.mm)
    expect(process.call(cpuWrite, 0, 8)).toBe(OUT_OF_MEMORY)
    expect(process.references(0)).toBe(2)
    expect(process.callInChild(cpuRead, 0)).toBe(7)
  })
})

describe('an access', () => {
  it('without an area is a SIGSEGV of one kind, against its permissions of another', () => {
    const process = new Process()
    process.call(munmap, 0, 1)
    process.call(mmap, 1, 1, VM_READ)
    process.call(mmap, 2, 1, 0)
    expect([0, 1, 2].map((page) => process.call(cpuRead, page))).toEqual([SEGV_MAPERR, 0, SEGV_ACCERR])
    expect([0, 1, 2].map((page) => process.call(cpuWrite, page, 1))).toEqual([
      SEGV_MAPERR,
      SEGV_ACCERR,
      SEGV_ACCERR,
    ])
  })

  it('may read what may only be written', () => {
    const process = new Process()
    process.call(mmap, 0, 1, VM_WRITE)
    expect(process.call(cpuRead, 0)).toBe(0)
    expect(process.call(cpuWrite, 0, 5)).toBe(0)
    expect(process.call(cpuRead, 0)).toBe(5)
  })

  it('does not get a zeroed page where the OOM reaper took one', () => {
    const process = new Process()
    process.call(cpuWrite, 0, 7)
    process.call(oom_reap_task_mm, process.mm)
    expect(process.call(cpuRead, 0)).toBe(BUS_ADRERR)
    expect(process.call(cpuWrite, 0, 1)).toBe(BUS_ADRERR)
    expect(process.inUse).toBe(0)
  })

  it('forgets a translation that permits too little', () => {
    const process = new Process()
    process.call(cpuWrite, 0, 7)
    process.call(mprotect, 0, 1, VM_READ)
    expect(process.call(cpuRead, 0)).toBe(7)
    process.call(mprotect, 0, 1, VM_READ | VM_WRITE)
    expect(process.call(cpuWrite, 0, 8)).toBe(0)
    expect(process.call(cpuRead, 0)).toBe(8)
  })
})

describe('areas that cannot be served', () => {
  it.each([
    ['sharedAnonymous', 'page 0 of mm[0] is sharedAnonymous, and has no file'],
    ['file', 'page 0 of mm[0] is file, and has no file'],
    ['pfnmap', 'faults in an area of kind pfnmap have no procedure yet'],
  ] as const)('%s: say so', (kind, message) => {
    const process = new Process()
    acting.thread = NOBODY
    process.mm.vma[0].kind = VmaKind[kind]
    expect(() => process.call(cpuRead, 0)).toThrow(message)
  })
})

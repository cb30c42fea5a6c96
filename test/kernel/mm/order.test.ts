/** The order of notifier window, page-table entries, TLB flush and freeing, operation by operation (reference B.2). */
import { describe, expect, it } from 'vitest'
import {
  cpuRead,
  cpuWrite,
  Errno,
  fork,
  madvise_dontneed,
  mmap,
  mmput,
  mprotect,
  munmap,
  oom_reap_task_mm,
  VM_READ,
} from '../../../src/kernel/index.js'
import { Process, RW } from './process.js'

/** A process all of whose two pages are written and watched. */
function watched(options: ConstructorParameters<typeof Process>[0] = {}): Process {
  const process = new Process({ pages: 2, watched: [0, 1], ...options })
  process.call(cpuWrite, 0, 1)
  process.call(cpuWrite, 1, 2)
  process.takeLog()
  return process
}

describe('watchers hear before the first entry changes; flush and freeing come after they have heard the end', () => {
  it('munmap', () => {
    const process = watched()
    process.call(munmap, 0, 2)
    expect(process.takeLog()).toEqual([
      'take the areas out',
      'UNMAP 0..2',
      'clear an entry',
      'clear an entry',
      'end',
      'flush every CPU',
      'put the pages',
    ])
  })

  it('mmap over', () => {
    const process = watched()
    process.call(mmap, 1, 1, RW)
    expect(process.takeLog()).toEqual([
      'take the areas out',
      'UNMAP 1..2',
      'clear an entry',
      'end',
      'flush every CPU',
      'put the pages',
    ])
  })

  it('MADV_DONTNEED', () => {
    const process = watched()
    process.call(madvise_dontneed, 0, 1)
    expect(process.takeLog()).toEqual([
      'CLEAR 0..1',
      'clear an entry',
      'end',
      'flush every CPU',
      'put the pages',
    ])
  })

  it('the OOM reaper', () => {
    const process = watched()
    expect(process.call(oom_reap_task_mm, process.mm)).toBe(0)
    expect(process.takeLog()).toEqual([
      'UNMAP 0..2',
      'clear an entry',
      'clear an entry',
      'end',
      'flush every CPU',
      'put the pages',
    ])
  })

  it('mprotect, which frees nothing', () => {
    const process = watched()
    process.call(mprotect, 0, 2, VM_READ)
    expect(process.takeLog()).toEqual([
      'PROTECTION_VMA 0..2',
      'change an entry',
      'change an entry',
      'end',
      'flush every CPU',
    ])
  })

  it('fork: the parent is flushed when all areas are copied', () => {
    const process = watched()
    process.call(mprotect, 1, 1, VM_READ)
    process.takeLog()
    process.call(fork, process.child.mm)
    expect(process.takeLog()).toEqual([
      'PROTECTION_PAGE 0..1',
      'write-protect and copy an entry',
      'end',
      'PROTECTION_PAGE 1..2',
      'write-protect and copy an entry',
      'end',
      'flush every CPU',
    ])
  })

  it('exit: watchers drop everything before the pages go', () => {
    const process = watched()
    process.call(mmput, process.mm)
    expect(process.takeLog()).toEqual([
      'RELEASE 0..2',
      'end',
      'UNMAP 0..2',
      'clear an entry',
      'clear an entry',
      'end',
      'take the areas out',
      'flush every CPU',
      'put the pages',
    ])
  })
})

describe('copy-on-write', () => {
  it('copies before anybody is told, and flushes before the new entry is there', () => {
    const process = watched()
    process.call(fork, process.child.mm)
    process.takeLog()
    process.call(cpuWrite, 0, 5)
    expect(process.takeLog()).toEqual([
      'reuse the page, or hold it',
      'copy the page',
      'CLEAR 0..1',
      'clear, flush and replace',
      'end',
      'put the pages',
    ])
  })

  it('tells of the zero page too, and copies nothing', () => {
    const process = new Process({ watched: [0, 2] })
    process.call(cpuRead, 0)
    process.call(cpuWrite, 0, 5)
    expect(process.takeLog()).toEqual([
      'reuse the page, or hold it',
      'CLEAR 0..1',
      'clear, flush and replace',
      'end',
    ])
  })
})

describe('nobody is told', () => {
  it('when access gets wider: a first fault, a page that is reused', () => {
    const process = watched()
    expect(process.takeLog()).toEqual([])
    process.call(fork, process.child.mm)
    process.callInChild(mmput, process.child.mm)
    process.takeLog()
    process.call(cpuWrite, 0, 5)
    expect(process.takeLog()).toEqual(['reuse the page, or hold it'])
  })

  it('by mprotect, when it changes no flag or there is no page table', () => {
    const process = new Process({ watched: [0, 2] })
    process.call(mprotect, 0, 2, VM_READ)
    process.call(mprotect, 0, 2, VM_READ)
    expect(process.takeLog()).toEqual([])
    // One entry makes a page table, and of that every change is told.
    process.call(cpuRead, 2)
    process.call(mprotect, 0, 2, RW)
    expect(process.takeLog()).toEqual(['PROTECTION_VMA 0..2', 'change an entry', 'change an entry', 'end'])
  })

  it('by fork, of areas that nobody has written to', () => {
    const process = new Process({ watched: [0, 2] })
    process.call(mprotect, 0, 1, VM_READ)
    process.call(cpuRead, 0)
    process.call(cpuRead, 1)
    process.call(cpuWrite, 1, 1)
    process.call(mprotect, 2, 1, VM_READ)
    process.call(madvise_dontneed, 1, 1)
    process.takeLog()
    process.call(fork, process.child.mm)
    // Page 2 was of the same area as page 1 when that was written to.
    expect(process.takeLog()).toEqual([
      'PROTECTION_PAGE 1..2',
      'write-protect and copy an entry',
      'end',
      'PROTECTION_PAGE 2..3',
      'write-protect and copy an entry',
      'end',
      'flush every CPU',
    ])
    expect(process.entries(process.child.mm)).toEqual(['none', 'none', 'none'])
  })

  it('by munmap of a hole', () => {
    const process = new Process({ watched: [0, 2] })
    process.call(munmap, 0, 3)
    process.takeLog()
    process.call(munmap, 0, 3)
    expect(process.takeLog()).toEqual(['take the areas out'])
  })
})

describe('a watcher that cannot give up now', () => {
  it('keeps the OOM reaper out of the area, and hears no end of its own', () => {
    const process = watched({ answer: 0 })
    expect(process.call(oom_reap_task_mm, process.mm)).toBe(-Errno.EAGAIN)
    expect(process.takeLog()).toEqual(['UNMAP 0..2', 'end'])
    expect(process.mm.subscriptions.active).toBe(0)
    expect(process.entries()).toEqual(['rw', 'rw'])
  })

  it('does not keep it out of others', () => {
    const process = watched({ watched: [0, 0], answer: 0 })
    process.call(mprotect, 1, 1, VM_READ)
    expect(process.call(oom_reap_task_mm, process.mm)).toBe(-Errno.EAGAIN)
    expect(process.entries()).toEqual(['rw', 'none'])
  })
})

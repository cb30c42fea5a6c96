/**
 * Device-exclusive access: what takes a page away from the CPUs, and what gives it back.
 */
import { describe, expect, it } from 'vitest'
import {
  cpuRead,
  cpuWrite,
  Errno,
  fork,
  madvise_dontneed,
  make_device_exclusive_range,
  mmap,
  mprotect,
  munmap,
  SEGV_ACCERR,
  type Task,
  unlockPage,
  VM_READ,
  VM_WRITE,
} from '../../../src/kernel/index.js'
import { procedure, step } from '../../../src/world/index.js'
import { Process, RW } from './process.js'

const OWNER = 0

/** Takes pages as a driver does, and lets go of them when its device would have been programmed. */
const takeExclusive = procedure('take exclusive', function* (task: Task, start: number, end: number) {
  const { mm, machine } = task
  yield* mm.mmapLock.lockRead()
  const pages = yield* make_device_exclusive_range(task, mm, start, end, OWNER)
  yield* mm.mmapLock.unlockRead()
  for (const pfn of pages)
    if (pfn > 0)
      yield* step('let go', () => {
        unlockPage(machine.frames[pfn])
        return --machine.frames[pfn].refcount
      })
  return pages
})

/** Holds the folio lock of the page behind `page`, and of all that come to be there: as a driver that is busy. */
function lockPageOf(process: Process, page: number): void {
  process.machine.frames[process.mm.pte[page].frame].locked = 2
}

function exclusive(): Process {
  const process = new Process({ watched: [0, 2] })
  process.call(cpuWrite, 0, 1)
  process.call(cpuWrite, 1, 2)
  process.call(takeExclusive, 0, 2)
  process.takeLog()
  return process
}

describe('taking', () => {
  it('leaves pages where they are, out of the reach of CPUs, held by their entries and mapped by none', () => {
    const process = exclusive()
    expect(process.entries()).toEqual(['rw*', 'rw*', 'none'])
    const frames = [0, 1].map((page) => process.machine.frames[process.mm.pte[page].frame])
    expect(frames.map((frame) => frame.contents)).toEqual([1, 2])
    expect(frames.map((frame) => frame.refcount)).toEqual([1, 1])
    expect(frames.map((frame) => frame.mapcount)).toEqual([0, 0])
    expect(process.task.cpu.tlb.map((cached) => cached.frame)).toEqual([undefined, undefined, undefined])
  })

  it('tells of each page by itself, before its entry changes', () => {
    const process = new Process({ watched: [0, 2] })
    process.call(cpuWrite, 0, 1)
    process.call(cpuWrite, 1, 2)
    process.takeLog()
    process.call(takeExclusive, 0, 2)
    const page = (start: number) => [
      `EXCLUSIVE ${start}..${start + 1}`,
      'clear, flush and make exclusive',
      'end',
    ]
    expect(process.takeLog()).toEqual([...page(0), ...page(1)])
  })

  it('faults in what is not there, and copies what is shared', () => {
    const process = new Process()
    process.call(cpuRead, 0)
    process.call(cpuWrite, 1, 2)
    process.call(fork, process.child.mm)
    expect(process.call(takeExclusive, 0, 3)).toHaveLength(3)
    expect(process.entries()).toEqual(['rw*', 'rw*', 'rw*'])
    process.call(cpuWrite, 1, 3)
    expect([process.call(cpuRead, 1), process.callInChild(cpuRead, 1)]).toEqual([3, 2])
  })

  it('stops at a page that may not be written; what comes before it is exclusive', () => {
    const process = new Process()
    process.call(mprotect, 1, 1, VM_READ)
    expect(process.call(takeExclusive, 0, 3)).toEqual([1])
    expect(process.entries()).toEqual(['rw*', 'none', 'none'])
    process.call(munmap, 0, 1)
    expect(process.call(takeExclusive, 0, 3)).toEqual([])
    expect(process.inUse).toBe(0)
  })

  it('stops where there is no memory', () => {
    const process = new Process({ frames: 1 })
    expect(process.call(takeExclusive, 0, 2)).toEqual([1])
  })

  it('passes over a page that somebody has locked, and holds nothing of it', () => {
    const process = new Process()
    process.call(cpuWrite, 0, 1)
    lockPageOf(process, 0)
    expect(process.call(takeExclusive, 0, 1)).toEqual([0])
    expect(process.entries()).toEqual(['rw', 'none', 'none'])
    expect(process.references(0)).toBe(1)
  })

  it('what is exclusive already is given back first', () => {
    const process = exclusive()
    expect(process.call(takeExclusive, 0, 1)).toHaveLength(1)
    expect(process.takeLog()).toEqual([
      'EXCLUSIVE 0..1',
      'restore the entry',
      'end',
      'EXCLUSIVE 0..1',
      'clear, flush and make exclusive',
      'end',
    ])
    expect(process.references(0)).toBe(1)
  })
})

describe('giving back', () => {
  it('is what any touch does, of that page alone', () => {
    const process = exclusive()
    expect(process.call(cpuRead, 0)).toBe(1)
    expect(process.takeLog()).toEqual(['EXCLUSIVE 0..1', 'restore the entry', 'end'])
    expect(process.entries()).toEqual(['rw', 'rw*', 'none'])
    expect(process.call(cpuWrite, 1, 5)).toBe(0)
    expect(process.entries()).toEqual(['rw', 'rw', 'none'])
    expect([process.references(0), process.references(1), process.inUse]).toEqual([1, 1, 2])
  })

  it('is not needed where the page is thrown away, or unmapped: it is freed', () => {
    const process = exclusive()
    process.call(madvise_dontneed, 0, 1)
    process.call(munmap, 1, 1)
    expect(process.entries()).toEqual(['none', 'none', 'none'])
    expect(process.inUse).toBe(0)
    expect(process.call(cpuRead, 0)).toBe(0)
  })
})

describe('mprotect', () => {
  it('takes the right to write from the entry, for good', () => {
    const process = exclusive()
    process.call(mprotect, 0, 1, VM_READ)
    expect(process.entries()).toEqual(['ro*', 'rw*', 'none'])
    process.call(mprotect, 0, 1, RW)
    expect(process.entries()).toEqual(['ro*', 'rw*', 'none'])
    expect(process.call(cpuRead, 0)).toBe(1)
    expect(process.entries()).toEqual(['ro', 'rw*', 'none'])
    expect(process.call(cpuWrite, 0, 7)).toBe(0)
  })

  it('takes it also where it would give it', () => {
    const process = new Process()
    process.call(mmap, 0, 1, VM_WRITE)
    process.call(takeExclusive, 0, 1)
    process.call(mprotect, 0, 1, RW)
    expect(process.entries()).toEqual(['ro*', 'none', 'none'])
  })

  it('leaves nothing to touch: what fork gives back there is not for the CPU', () => {
    const process = exclusive()
    process.call(mprotect, 0, 1, 0)
    expect(process.call(cpuRead, 0)).toBe(SEGV_ACCERR)
    process.call(fork, process.child.mm)
    expect(process.entries()).toEqual(['ro!', 'ro', 'none'])
  })
})

describe('fork', () => {
  it('gives pages back before it copies them', () => {
    const process = exclusive()
    expect(process.call(fork, process.child.mm)).toBe(0)
    expect(process.entries()).toEqual(['ro', 'ro', 'none'])
    expect(process.entries(process.child.mm)).toEqual(['ro', 'ro', 'none'])
    expect([process.references(0), process.references(1)]).toEqual([2, 2])
    expect(process.takeLog()).not.toContain('restore the entry')
  })

  it('fails if one is locked, and leaves no child behind', () => {
    const process = exclusive()
    lockPageOf(process, 1)
    expect(process.call(fork, process.child.mm)).toBe(-Errno.ENOMEM)
    expect(process.child.mm.users).toBe(0)
    expect(process.entries(process.child.mm)).toEqual(['none', 'none', 'none'])
    expect(process.entries()).toEqual(['ro', 'rw*', 'none'])
    expect([process.references(0), process.references(1), process.inUse]).toEqual([1, 1, 2])
    expect(process.call(cpuWrite, 0, 3)).toBe(0)
  })
})

/**
 * Swapping, one call after another: what goes out comes back as it was, what need not be written out is not, and slots
 * and pages are given back.
 */
import { describe, expect, it } from 'vitest'
import {
  cpuRead,
  cpuWrite,
  type Frame,
  fork,
  handle_mm_fault,
  madvise_dontneed,
  mprotect,
  munmap,
  OUT_OF_MEMORY,
  PteKind,
  shrink_folio_list,
  type Task,
  VM_READ,
} from '../../../src/kernel/index.js'
import { procedure } from '../../../src/world/index.js'
import { Process, RW } from './process.js'

/** A fault as `do_user_addr_fault` has it. */
const faultToWrite = procedure('fault to write', function* (current: Task, page: number) {
  yield* current.mm.mmapLock.lockRead()
  yield* handle_mm_fault(current, current.mm, page, true)
  yield* current.mm.mmapLock.unlockRead()
})

function written(options: ConstructorParameters<typeof Process>[0] = {}): Process {
  const process = new Process({ pages: 2, swapSlots: 2, ...options })
  process.call(cpuWrite, 0, 7)
  process.takeLog()
  return process
}

/** The page behind the entry of `page`. */
function frameOf(process: Process, page: number, mm = process.mm): Frame {
  return process.machine.frames[mm.pte[page].frame]
}

/** Takes the page behind `page` away. Returns 1 if it is freed. */
function reclaim(process: Process, page: number): number {
  return process.call(shrink_folio_list, frameOf(process, page))
}

function slots(process: Process): { count: number; contents: number }[] {
  return process.machine.swap.map((swapSlot) => ({
    count: swapSlot.count,
    contents: swapSlot.contents,
  }))
}

const FREE = { count: 0, contents: 0 }

describe('a page that goes to swap', () => {
  it('is freed, and comes back with what was in it', () => {
    const process = written()
    expect(reclaim(process, 0)).toBe(1)
    expect(process.entries()).toEqual(['swap', 'none'])
    expect(process.inUse).toBe(0)
    expect(slots(process)).toEqual([{ count: 1, contents: 7 }, FREE])
    expect(process.call(cpuRead, 0)).toBe(7)
    expect(process.entries()).toEqual(['rw', 'none'])
  })

  it('keeps its slot when it was read, and is dropped without being written out again', () => {
    const process = written()
    reclaim(process, 0)
    process.call(cpuRead, 0)
    const frame = frameOf(process, 0)
    expect([frame.swapCache, frame.dirty]).toEqual([1, false])
    expect(slots(process)).toEqual([{ count: 0, contents: 7 }, FREE])
    // What would be written out would be this: nothing is.
    process.machine.swap[0].contents = 8
    expect(reclaim(process, 0)).toBe(1)
    expect(slots(process)[0]).toEqual({ count: 1, contents: 8 })
  })

  it('is written out again when a CPU has written to it', () => {
    const process = written()
    reclaim(process, 0)
    process.call(cpuRead, 0)
    process.call(cpuWrite, 0, 9)
    expect(reclaim(process, 0)).toBe(1)
    expect(slots(process)[0]).toEqual({ count: 1, contents: 9 })
    expect(process.call(cpuRead, 0)).toBe(9)
  })

  it('gives its slot up when it comes back to be written', () => {
    const process = written()
    reclaim(process, 0)
    process.call(cpuWrite, 0, 9)
    expect(slots(process)).toEqual([FREE, FREE])
    expect(frameOf(process, 0).dirty).toBe(true)
    expect(process.references(0)).toBe(1)
  })

  it('keeps what its entry says, and may not be written in an area that forbids it', () => {
    const process = written()
    process.mm.pte[0].softDirty = false
    process.call(mprotect, 0, 1, VM_READ)
    reclaim(process, 0)
    expect(process.call(cpuRead, 0)).toBe(7)
    expect(process.entries()[0]).toBe('ro')
    expect(process.mm.pte[0].softDirty).toBe(false)
    process.call(mprotect, 0, 1, RW)
    expect(process.call(cpuWrite, 0, 1)).toBe(0)
    expect(process.mm.pte[0].softDirty).toBe(true)
  })

  it('is refused where there is no slot, and stays', () => {
    const process = written({ swapSlots: 1 })
    process.call(cpuWrite, 1, 3)
    expect([reclaim(process, 0), reclaim(process, 1)]).toEqual([1, 0])
    expect(process.entries()).toEqual(['swap', 'rw'])
    expect(process.references(1)).toBe(1)
  })

  it('stays if somebody holds it, in the swap cache and mapped by nobody, until it is wanted', () => {
    const process = written()
    const frame = frameOf(process, 0)
    frame.refcount += 1
    expect(reclaim(process, 0)).toBe(0)
    expect(process.entries()[0]).toBe('swap')
    frame.refcount -= 1
    expect(process.call(cpuRead, 0)).toBe(7)
    expect(frameOf(process, 0)).toBe(frame)
  })

  it('cannot come back where there is no memory', () => {
    const process = written({ frames: 2 })
    reclaim(process, 0)
    for (const frame of process.machine.frames.slice(1)) frame.refcount = 1
    expect(process.call(cpuRead, 0)).toBe(OUT_OF_MEMORY)
    expect(process.entries()[0]).toBe('swap')
  })
})

describe('watchers of a page that goes to swap', () => {
  it('hear before its entry changes; it is written out and freed after they have heard the end', () => {
    const process = written({ watched: [0, 1] })
    reclaim(process, 0)
    expect(process.takeLog()).toEqual([
      'CLEAR 0..1',
      'replace the entry',
      'end',
      'write the page to its slot',
      'let go of the page',
    ])
  })

  it('hear nothing when it comes back', () => {
    const process = written({ watched: [0, 1] })
    reclaim(process, 0)
    process.takeLog()
    process.call(cpuRead, 0)
    expect(process.takeLog()).toEqual([])
  })
})

describe('slots and pages are given back', () => {
  it.each([
    ['MADV_DONTNEED', madvise_dontneed],
    ['munmap', munmap],
  ] as const)('by %s: of a page in swap, and of one in the swap cache', (_, remove) => {
    const process = written()
    reclaim(process, 0)
    process.call(remove, 0, 1)
    expect(slots(process)).toEqual([FREE, FREE])
    process.call(cpuWrite, 1, 3)
    reclaim(process, 1)
    process.call(cpuRead, 1)
    process.call(remove, 1, 1)
    expect(slots(process)).toEqual([FREE, FREE])
    expect(process.inUse).toBe(0)
  })
})

describe('a page in swap that two processes have', () => {
  function forked(): Process {
    const process = written()
    reclaim(process, 0)
    process.call(fork, process.child.mm)
    return process
  }

  it('has its slot counted twice, and is shared when it comes back', () => {
    const process = forked()
    expect(slots(process)[0]).toEqual({ count: 2, contents: 7 })
    expect(process.call(cpuRead, 0)).toBe(7)
    expect(process.callInChild(cpuRead, 0)).toBe(7)
    expect(process.entries()[0]).toBe('ro')
    expect(frameOf(process, 0)).toBe(frameOf(process, 0, process.child.mm))
    expect(slots(process)[0].count).toBe(0)
  })

  it('is copied when one of them writes, and the other has it to itself when it writes too', () => {
    const process = forked()
    process.callInChild(cpuWrite, 0, 9)
    expect(process.call(cpuRead, 0)).toBe(7)
    process.call(cpuWrite, 0, 8)
    expect([process.call(cpuRead, 0), process.callInChild(cpuRead, 0)]).toEqual([8, 9])
    expect(slots(process)).toEqual([FREE, FREE])
    expect(process.inUse).toBe(2)
  })
})

describe('a fault to write on an entry that may be written', () => {
  it('says that the page is dirty', () => {
    const process = written()
    reclaim(process, 0)
    process.call(cpuRead, 0)
    const pte = process.mm.pte[0]
    expect([pte.kind, pte.dirty]).toEqual([PteKind.present, false])
    process.call(faultToWrite, 0)
    expect(pte.dirty).toBe(true)
  })
})

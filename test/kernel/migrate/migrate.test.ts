/**
 * Migrations one after another: what moves, what stays, what comes back, and what is left of it.
 */
import { describe, expect, it } from 'vitest'
import { migrateToDevice, migrateToSystem } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  Errno,
  fork,
  mprotect,
  munmap,
  OUT_OF_MEMORY,
  VM_READ,
} from '../../../src/kernel/index.js'
import { Board } from './board.js'

function touched(options?: ConstructorParameters<typeof Board>[0]): Board {
  const board = new Board(options)
  for (const page of [0, 1, 2]) expect(board.call(cpuWrite, page, page + 1)).toBe(0)
  return board
}

describe('there and back', () => {
  it('keeps contents and permissions', () => {
    const board = touched()
    board.call(mprotect, 1, 1, VM_READ)
    expect(board.call(migrateToDevice, board.gpu, 0, 1)).toBe(0)
    expect(board.call(migrateToDevice, board.gpu, 1, 2)).toBe(0)
    expect(board.entries()).toEqual(['gpu rw', 'gpu ro', 'system rw'])
    expect(board.inUse()).toEqual({ system: 1, gpu: 2, npu: 0 })
    expect(board.call(migrateToSystem, board.gpu, 0, 1)).toBe(0)
    expect(board.call(migrateToSystem, board.gpu, 1, 2)).toBe(0)
    expect(board.entries()).toEqual(['system rw', 'system ro', 'system rw'])
    expect(board.inUse()).toEqual({ system: 3, gpu: 0, npu: 0 })
    expect([0, 1, 2].map((page) => board.call(cpuRead, page))).toEqual([1, 2, 3])
  })

  it('moves what it can: the rest stays as it was', () => {
    const board = touched({ memory: 2 })
    expect(board.call(migrateToDevice, board.gpu, 0, 3)).toBe(0)
    expect(board.entries()).toEqual(['gpu rw', 'gpu rw', 'system rw'])
    expect(board.inUse()).toEqual({ system: 1, gpu: 2, npu: 0 })
  })

  it("does not move what is in another device's memory", () => {
    const board = touched()
    board.call(migrateToDevice, board.gpu, 0, 1)
    expect(board.call(migrateToDevice, board.npu, 0, 1)).toBe(0)
    expect(board.call(migrateToSystem, board.npu, 0, 1)).toBe(0)
    expect(board.entries()[0]).toBe('gpu rw')
    expect(board.inUse()).toEqual({ system: 2, gpu: 1, npu: 0 })
  })

  it('moves to the device a second time, into a page that was free', () => {
    const board = touched({ memory: 1 })
    board.call(migrateToDevice, board.gpu, 0, 1)
    board.call(cpuWrite, 0, 7)
    expect(board.call(migrateToDevice, board.gpu, 0, 1)).toBe(0)
    expect(board.entries()[0]).toBe('gpu rw')
    expect(board.call(cpuRead, 0)).toBe(7)
  })
})

describe('where there is nothing', () => {
  it('a hole becomes a device page that holds zeroes', () => {
    const board = new Board()
    expect(board.call(migrateToDevice, board.gpu, 0, 2)).toBe(0)
    expect(board.entries()).toEqual(['gpu rw', 'gpu rw', 'none'])
    expect(board.call(cpuRead, 0)).toBe(0)
    expect(board.entries()).toEqual(['system rw', 'gpu rw', 'none'])
  })

  it('so does the zero page', () => {
    const board = new Board()
    board.call(cpuRead, 0)
    expect(board.entries()[0]).toBe('zero')
    expect(board.call(migrateToDevice, board.gpu, 0, 1)).toBe(0)
    expect(board.entries()[0]).toBe('gpu rw')
    expect(board.call(cpuRead, 0)).toBe(0)
  })

  it('nothing comes back from where nothing is', () => {
    const board = new Board()
    expect(board.call(migrateToSystem, board.gpu, 0, 1)).toBe(0)
    expect(board.entries()).toEqual(['none', 'none', 'none'])
  })
})

describe('a range that is not in one area is -EINVAL, and nothing happens', () => {
  it.each([
    ['empty', () => {}, 1, 1],
    ['with a hole in it', (board: Board) => board.call(munmap, 1, 1), 0, 3],
    ['that begins where nothing is mapped', (board: Board) => board.call(munmap, 0, 1), 0, 1],
    ['of two areas', (board: Board) => board.call(mprotect, 1, 1, VM_READ), 0, 2],
    ['with an area without access in it', (board: Board) => board.call(mprotect, 1, 1, 0), 0, 2],
    ['past the end', () => {}, 2, 4],
  ])('%s', (_, arrange, start, end) => {
    const board = touched()
    arrange(board)
    const before = board.entries()
    expect(board.call(migrateToDevice, board.gpu, start, end)).toBe(-Errno.EINVAL)
    expect(board.entries()).toEqual(before)
    expect(board.inUse().gpu).toBe(0)
  })
})

describe('a fault', () => {
  it.each([
    ['read', (board: Board) => board.call(cpuRead, 0), 1],
    ['write', (board: Board) => board.call(cpuWrite, 0, 9), 9],
  ])('of a CPU that wants to %s brings the page back, and only that', (_, access, contents) => {
    const board = touched()
    board.call(migrateToDevice, board.gpu, 0, 2)
    access(board)
    expect(board.entries()).toEqual(['system rw', 'gpu rw', 'system rw'])
    expect(board.call(cpuRead, 0)).toBe(contents)
    expect(board.inUse()).toEqual({ system: 2, gpu: 1, npu: 0 })
  })

  it('finds no memory, and leaves the page where it is', () => {
    const board = touched({ frames: 3 })
    board.call(migrateToDevice, board.gpu, 0, 1)
    // The frame that the page left is taken by the child's first write.
    board.call(fork, board.child.mm)
    expect(board.callInChild(cpuWrite, 1, 5)).toBe(0)
    expect(board.call(cpuRead, 0)).toBe(OUT_OF_MEMORY)
    expect(board.entries()[0]).toBe('gpu ro')
    expect(board.inUse().gpu).toBe(1)
  })

  it('is not needed where the page is unmapped: it is freed', () => {
    const board = touched()
    board.call(migrateToDevice, board.gpu, 0, 3)
    board.call(munmap, 0, 3)
    expect(board.inUse()).toEqual({ system: 0, gpu: 0, npu: 0 })
  })
})

describe('fork', () => {
  it('shares a device page, read-only for both', () => {
    const board = touched()
    board.call(migrateToDevice, board.gpu, 0, 1)
    board.call(fork, board.child.mm)
    expect([board.entries()[0], board.entries(board.child)[0]]).toEqual(['gpu ro', 'gpu ro'])
    expect(board.inUse().gpu).toBe(1)
  })

  it('a fault of either brings the page back for both', () => {
    const board = touched()
    board.call(migrateToDevice, board.gpu, 0, 1)
    board.call(fork, board.child.mm)
    expect(board.callInChild(cpuRead, 0)).toBe(1)
    expect([board.entries()[0], board.entries(board.child)[0]]).toEqual(['system ro', 'system ro'])
    expect(board.inUse()).toEqual({ system: 3, gpu: 0, npu: 0 })
  })

  it('a write of one is not seen by the other', () => {
    const board = touched()
    board.call(migrateToDevice, board.gpu, 0, 1)
    board.call(fork, board.child.mm)
    board.callInChild(cpuWrite, 0, 8)
    expect([board.call(cpuRead, 0), board.callInChild(cpuRead, 0)]).toEqual([1, 8])
    expect(board.inUse().gpu).toBe(0)
  })

  it('a page of both migrates for both', () => {
    const board = touched()
    board.call(fork, board.child.mm)
    expect(board.call(migrateToDevice, board.gpu, 0, 1)).toBe(0)
    expect([board.entries()[0], board.entries(board.child)[0]]).toEqual(['gpu ro', 'gpu ro'])
  })
})

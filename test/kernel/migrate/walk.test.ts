/**
 * The rows of the walk's truth table that are of device memory and of migration.
 *
 * @see reference B.3.1
 */
import { describe, expect, it } from 'vitest'
import { migrateToDevice } from '../../../src/driver/index.js'
import {
  cpuWrite,
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  mprotect,
  PteKind,
  VM_READ,
} from '../../../src/kernel/index.js'
import { Board } from './board.js'

const R0 = 0
const RF = HMM_PFN_REQ_FAULT
const RW = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE
const V = HMM_PFN_VALID
const VW = HMM_PFN_VALID | HMM_PFN_WRITE

/** A page with 1 in it, in the gpu's memory. */
function onGpu(flags?: number): Board {
  const board = new Board()
  board.call(cpuWrite, 0, 1)
  if (flags !== undefined) board.call(mprotect, 0, 3, flags)
  board.call(migrateToDevice, board.gpu, 0, 1)
  return board
}

describe("one's own device page is told as it is", () => {
  it.each([
    ['writable', undefined, R0, VW],
    ['writable', undefined, RF, VW],
    ['writable', undefined, RW, VW],
    ['read-only', VM_READ, R0, V],
    ['read-only', VM_READ, RF, V],
    // The gap: the caller asked to write, and is told that it may not only by a missing bit.
    ['read-only', VM_READ, RW, V],
  ])('%s', (_, area, request, flags) => {
    const board = onGpu(area)
    const before = board.entries()
    expect(board.walk(board.gpu, 0, request)).toEqual({ error: 0, flags })
    expect(board.entries()).toEqual(before)
  })
})

describe("another's device page", () => {
  it.each([
    ['is not told', undefined, R0, 0, 0, 'gpu rw'],
    ['is brought back to be read', undefined, RF, 0, VW, 'system rw'],
    ['is brought back to be written', undefined, RW, 0, VW, 'system rw'],
    ['that is read-only is not told', VM_READ, R0, 0, 0, 'gpu ro'],
    ['that is read-only is brought back to be read', VM_READ, RF, 0, V, 'system ro'],
  ])('%s', (_, area, request, error, flags, entry) => {
    const board = onGpu(area)
    expect(board.walk(board.npu, 0, request)).toEqual({ error, flags })
    expect(board.entries()[0]).toBe(entry)
  })

  it('that may not be written is -EPERM, and stays', () => {
    const board = onGpu(VM_READ)
    expect(board.walk(board.npu, 0, RW).error).toBe(-Errno.EPERM)
    expect(board.entries()[0]).toBe('gpu ro')
  })
})

describe('a page that is being migrated', () => {
  function migrating(): Board {
    const board = onGpu()
    board.parent.mm.pte[0].kind = PteKind.migration
    return board
  }

  it('is not told', () => {
    const board = migrating()
    expect(board.walk(board.gpu, 0, R0)).toEqual({ error: 0, flags: 0 })
  })

  it.each([RF, RW])('is waited for', (request) => {
    const board = migrating()
    expect(() => board.walk(board.gpu, 0, request)).toThrow(/wait for the end of the migration/)
  })
})

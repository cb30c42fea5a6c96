/** fork and exit: who has which page, and when it is free. */
import { describe, expect, it } from 'vitest'
import {
  cpuRead,
  cpuWrite,
  fork,
  mmget_not_zero,
  mmput,
  mprotect,
  munmap,
  SEGV_MAPERR,
  VM_READ,
} from '../../../src/kernel/index.js'
import { procedure } from '../../../src/world/index.js'
import { Process } from './process.js'

function forked(): Process {
  const process = new Process()
  process.call(cpuWrite, 0, 1)
  process.call(cpuWrite, 1, 2)
  process.call(mprotect, 1, 1, VM_READ)
  process.call(munmap, 2, 1)
  process.call(fork, process.child.mm)
  return process
}

const pin = procedure(function* pin(process: Process['task']) {
  return yield* mmget_not_zero(process.mm)
})

describe('after fork', () => {
  it('both have every page, read-only, with the same areas', () => {
    const process = forked()
    expect(process.entries()).toEqual(['ro', 'ro', 'none'])
    expect(process.entries(process.child.mm)).toEqual(['ro', 'ro', 'none'])
    expect([process.references(0), process.references(1), process.inUse]).toEqual([2, 2, 2])
    expect([0, 1, 2].map((page) => process.callInChild(cpuRead, page))).toEqual([1, 2, SEGV_MAPERR])
  })

  it('a write of either side is seen by that side only', () => {
    const process = forked()
    process.callInChild(cpuWrite, 0, 5)
    expect([process.call(cpuRead, 0), process.callInChild(cpuRead, 0)]).toEqual([1, 5])
    process.call(cpuWrite, 0, 6)
    expect([process.call(cpuRead, 0), process.callInChild(cpuRead, 0)]).toEqual([6, 5])
    expect(process.inUse).toBe(3)
  })

  it('a page that is shared does not become writable by mprotect', () => {
    const process = forked()
    process.call(mprotect, 1, 1, VM_READ | 2)
    expect(process.entries()).toEqual(['ro', 'ro', 'none'])
    process.call(cpuWrite, 1, 7)
    expect([process.call(cpuRead, 1), process.callInChild(cpuRead, 1)]).toEqual([7, 2])
  })
})

describe('exit', () => {
  it('frees what nobody else has', () => {
    const process = forked()
    process.call(mmput, process.mm)
    expect(process.inUse).toBe(2)
    expect([0, 1].map((page) => process.callInChild(cpuRead, page))).toEqual([1, 2])
    process.callInChild(mmput, process.child.mm)
    expect(process.inUse).toBe(0)
  })

  it('waits for the last user', () => {
    const process = forked()
    expect(process.call(pin)).toBe(1)
    process.call(mmput, process.mm)
    expect(process.entries()).toEqual(['ro', 'ro', 'none'])
    process.call(mmput, process.mm)
    expect(process.entries()).toEqual(['none', 'none', 'none'])
    expect(process.call(pin)).toBe(0)
  })
})

/**
 * A region of device memory, one call after another: what is refused, what a page in use keeps there, what is lost with it.
 */
import { describe, expect, it } from 'vitest'
import { attachDeviceChunk, migrateToMemory, unplugDevice } from '../../src/driver/index.js'
import {
  BUS_ADRERR,
  cpuRead,
  cpuWrite,
  declareMachine,
  Errno,
  lookAtPage,
  memremapPages,
  memunmapPages,
  mmap,
  munmap,
  OUT_OF_MEMORY,
  PagemapState,
  PteKind,
  plugPages,
  type Task,
  VM_READ,
  VM_WRITE,
  zoneDevicePageInit,
} from '../../src/kernel/index.js'
import { Layout, SequentialRunner } from '../../src/world/index.js'

function bench({ poisons = false, memoryLimit }: { poisons?: boolean; memoryLimit?: number } = {}) {
  const layout = new Layout({ threads: 1 })
  const machine = declareMachine(layout, {
    pages: 2,
    frames: 4,
    mms: 1,
    cpus: [0],
    values: 9,
    invalidations: 0,
    intervals: [],
    deviceMemory: [1],
    hotplug: true,
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
  })
  const [memory] = machine.deviceMemory
  const chunk = attachDeviceChunk(layout, memory, { poisons })
  const [mm] = machine.mms
  const task: Task = { thread: 0, machine, mm, cpu: machine.cpus[0] }
  const w = layout.initial()
  const runner = new SequentialRunner()
  runner.run(w, 0, mmap, task, 0, 2, VM_READ | VM_WRITE)
  const plug = () => {
    const error = runner.run(w, 0, memremapPages, memory, { owner: 0, ops: memory.ops })
    chunk.allocated.set(w, 1)
    for (const { onFreeList } of memory.frames) onFreeList?.set(w, 1)
    return error
  }
  return { w, runner, task, memory, chunk, mm, plug, frame: memory.frames[0] }
}

describe('memremap_pages', () => {
  it('wants an owner and both callbacks', () => {
    const { w, runner, memory } = bench()
    const { migrateToRam, pageFree } = memory.ops
    const call = (owner: number, ops: object) => runner.run(w, 0, memremapPages, memory, { owner, ops })
    expect(call(-1, memory.ops)).toBe(-Errno.EINVAL)
    expect(call(0, { migrateToRam })).toBe(-Errno.EINVAL)
    expect(call(0, { pageFree })).toBe(-Errno.EINVAL)
    expect(memory.pagemap?.state.get(w)).toBe(PagemapState.absent)
    expect(call(0, { migrateToRam, pageFree })).toBe(0)
  })

  it('refuses a second region at the same place, and takes one after the first is gone', () => {
    const { w, runner, memory } = bench()
    const plug = () => runner.run(w, 0, memremapPages, memory, { owner: 0, ops: memory.ops })
    expect(plug()).toBe(0)
    expect(plug()).toBe(-Errno.ENOMEM)
    runner.run(w, 0, memunmapPages, memory)
    expect(memory.pagemap?.ref.get(w)).toBe(0)
    expect(plug()).toBe(0)
  })
})

describe('a page of the region', () => {
  it('keeps a reference of it for as long as it is in use, and is on the free list before and after', () => {
    const { w, runner, task, memory, plug, frame } = bench()
    plug()
    runner.run(w, 0, cpuWrite, task, 0, 7)
    runner.run(w, 0, migrateToMemory, task, memory, 0, 1)
    expect([memory.pagemap?.ref.get(w), frame.onFreeList?.get(w), frame.refcount.get(w)]).toEqual([2, 0, 1])
    expect(runner.run(w, 0, cpuRead, task, 0)).toBe(7)
    expect([memory.pagemap?.ref.get(w), frame.onFreeList?.get(w), frame.refcount.get(w)]).toEqual([1, 1, 0])
  })

  it('is not taken into use after the kill', () => {
    const { w, memory, frame } = bench()
    plugPages(w, memory)
    memory.pagemap?.state.set(w, PagemapState.dying)
    expect(() => zoneDevicePageInit(w, frame)).toThrow('is allocated, and its region is dying')
  })

  it('cannot be had by its number while it is free', () => {
    const { w, runner, task, memory, plug, frame } = bench()
    plug()
    runner.run(w, 0, lookAtPage, task, frame.pfn)
    expect(frame.refcount.get(w)).toBe(0)
    runner.run(w, 0, cpuWrite, task, 0, 7)
    runner.run(w, 0, migrateToMemory, task, memory, 0, 1)
    runner.run(w, 0, lookAtPage, task, frame.pfn)
    expect(frame.refcount.get(w)).toBe(1)
  })
})

describe('what is lost with the device', () => {
  it('is poisoned where the driver keeps that promise: SIGBUS for good, until it is unmapped', () => {
    const { w, runner, task, memory, chunk, mm, plug, frame } = bench({ poisons: true })
    plug()
    runner.run(w, 0, cpuWrite, task, 0, 7)
    runner.run(w, 0, migrateToMemory, task, memory, 0, 1)
    expect(runner.run(w, 0, unplugDevice, task, chunk)).toBe(0)
    expect(mm.pte[0].kind.readOnce(w)).toBe(PteKind.poison)
    expect([frame.refcount.get(w), chunk.allocated.get(w)]).toEqual([0, 0])
    expect(runner.run(w, 0, cpuRead, task, 0)).toBe(BUS_ADRERR)
    expect(runner.run(w, 0, cpuWrite, task, 0, 1)).toBe(BUS_ADRERR)
    runner.run(w, 0, munmap, task, 0, 1)
    expect(mm.pte[0].kind.readOnce(w)).toBe(PteKind.none)
  })

  it('stays where it is otherwise: SIGBUS each time, and the region waits for the process', () => {
    const { w, runner, task, memory, chunk, mm, plug, frame } = bench()
    plug()
    runner.run(w, 0, cpuWrite, task, 0, 7)
    runner.run(w, 0, migrateToMemory, task, memory, 0, 1)
    chunk.removing.set(w, 1)
    chunk.lost.set(w, 1)
    for (let i = 0; i < 2; i++) expect(runner.run(w, 0, cpuRead, task, 0)).toBe(BUS_ADRERR)
    expect(mm.pte[0].kind.readOnce(w)).toBe(PteKind.devicePrivate)
    runner.run(w, 0, munmap, task, 0, 1)
    expect([frame.refcount.get(w), frame.onFreeList?.get(w), memory.pagemap?.ref.get(w)]).toEqual([0, 0, 1])
  })

  it('cannot be unplugged twice', () => {
    const { w, runner, task, chunk, plug } = bench()
    plug()
    expect(runner.run(w, 0, unplugDevice, task, chunk)).toBe(0)
    expect(runner.run(w, 0, unplugDevice, task, chunk)).toBe(-Errno.EINVAL)
  })
})

describe('a limit of memory', () => {
  it('counts a page once, wherever it is, and lets it come back', () => {
    const { w, runner, task, memory, plug } = bench({ memoryLimit: 1 })
    plug()
    expect(runner.run(w, 0, cpuWrite, task, 0, 7)).toBe(0)
    expect(runner.run(w, 0, cpuWrite, task, 1, 8)).toBe(OUT_OF_MEMORY)
    runner.run(w, 0, migrateToMemory, task, memory, 0, 1)
    expect(runner.run(w, 0, cpuWrite, task, 1, 8)).toBe(OUT_OF_MEMORY)
    expect(runner.run(w, 0, cpuRead, task, 0)).toBe(7)
    runner.run(w, 0, munmap, task, 0, 1)
    expect(runner.run(w, 0, cpuWrite, task, 1, 8)).toBe(0)
  })
})

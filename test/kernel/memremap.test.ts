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
  get_any_page,
  memremap_pages,
  memunmap_pages,
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
  runner.run(0, mmap, task, 0, 2, VM_READ | VM_WRITE)
  const plug = () => {
    const error = runner.run(0, memremap_pages, memory, { owner: 0, ops: memory.ops })
    chunk.allocated = true
    for (const frame of memory.frames) frame.onFreeList = true
    return error
  }
  return { w, runner, task, memory, chunk, mm, plug, frame: memory.frames[0] }
}

describe('memremap_pages', () => {
  it('wants an owner and both callbacks', () => {
    const { runner, memory } = bench()
    const { migrateToRam, pageFree } = memory.ops
    const call = (owner: number, ops: object) => runner.run(0, memremap_pages, memory, { owner, ops })
    expect(call(-1, memory.ops)).toBe(-Errno.EINVAL)
    expect(call(0, { migrateToRam })).toBe(-Errno.EINVAL)
    expect(call(0, { pageFree })).toBe(-Errno.EINVAL)
    expect(memory.pagemap?.state).toBe(PagemapState.absent)
    expect(call(0, { migrateToRam, pageFree })).toBe(0)
  })

  it('refuses a second region at the same place, and takes one after the first is gone', () => {
    const { runner, memory } = bench()
    const plug = () => runner.run(0, memremap_pages, memory, { owner: 0, ops: memory.ops })
    expect(plug()).toBe(0)
    expect(plug()).toBe(-Errno.ENOMEM)
    runner.run(0, memunmap_pages, memory)
    expect(memory.pagemap?.ref).toBe(0)
    expect(plug()).toBe(0)
  })
})

describe('a page of the region', () => {
  it('keeps a reference of it for as long as it is in use, and is on the free list before and after', () => {
    const { runner, task, memory, plug, frame } = bench()
    plug()
    runner.run(0, cpuWrite, task, 0, 7)
    runner.run(0, migrateToMemory, task, memory, 0, 1)
    expect([memory.pagemap?.ref, frame.onFreeList, frame.refcount]).toEqual([2, false, 1])
    expect(runner.run(0, cpuRead, task, 0)).toBe(7)
    expect([memory.pagemap?.ref, frame.onFreeList, frame.refcount]).toEqual([1, true, 0])
  })

  it('is not taken into use after the kill', () => {
    const { memory, frame } = bench()
    plugPages(memory)
    const pagemap = memory.pagemap
    if (pagemap) pagemap.state = PagemapState.dying
    expect(() => zoneDevicePageInit(frame)).toThrow('is allocated, and its region is dying')
  })

  it('cannot be had by its number while it is free', () => {
    const { runner, task, memory, plug, frame } = bench()
    plug()
    runner.run(0, get_any_page, task, frame.pfn)
    expect(frame.refcount).toBe(0)
    runner.run(0, cpuWrite, task, 0, 7)
    runner.run(0, migrateToMemory, task, memory, 0, 1)
    runner.run(0, get_any_page, task, frame.pfn)
    expect(frame.refcount).toBe(1)
  })
})

describe('what is lost with the device', () => {
  it('is poisoned where the driver keeps that promise: SIGBUS for good, until it is unmapped', () => {
    const { runner, task, memory, chunk, mm, plug, frame } = bench({ poisons: true })
    plug()
    runner.run(0, cpuWrite, task, 0, 7)
    runner.run(0, migrateToMemory, task, memory, 0, 1)
    expect(runner.run(0, unplugDevice, task, chunk)).toBe(0)
    expect(mm.pte[0].kind).toBe(PteKind.poison)
    expect([frame.refcount, chunk.allocated]).toEqual([0, false])
    expect(runner.run(0, cpuRead, task, 0)).toBe(BUS_ADRERR)
    expect(runner.run(0, cpuWrite, task, 0, 1)).toBe(BUS_ADRERR)
    runner.run(0, munmap, task, 0, 1)
    expect(mm.pte[0].kind).toBe(PteKind.none)
  })

  it('stays where it is otherwise: SIGBUS each time, and the region waits for the process', () => {
    const { runner, task, memory, chunk, mm, plug, frame } = bench()
    plug()
    runner.run(0, cpuWrite, task, 0, 7)
    runner.run(0, migrateToMemory, task, memory, 0, 1)
    chunk.removing = true
    chunk.lost = true
    for (let i = 0; i < 2; i++) expect(runner.run(0, cpuRead, task, 0)).toBe(BUS_ADRERR)
    expect(mm.pte[0].kind).toBe(PteKind.devicePrivate)
    runner.run(0, munmap, task, 0, 1)
    expect([frame.refcount, frame.onFreeList, memory.pagemap?.ref]).toEqual([0, false, 1])
  })

  it('cannot be unplugged twice', () => {
    const { runner, task, chunk, plug } = bench()
    plug()
    expect(runner.run(0, unplugDevice, task, chunk)).toBe(0)
    expect(runner.run(0, unplugDevice, task, chunk)).toBe(-Errno.EINVAL)
  })
})

describe('a limit of memory', () => {
  it('counts a page once, wherever it is, and lets it come back', () => {
    const { runner, task, memory, plug } = bench({ memoryLimit: 1 })
    plug()
    expect(runner.run(0, cpuWrite, task, 0, 7)).toBe(0)
    expect(runner.run(0, cpuWrite, task, 1, 8)).toBe(OUT_OF_MEMORY)
    runner.run(0, migrateToMemory, task, memory, 0, 1)
    expect(runner.run(0, cpuWrite, task, 1, 8)).toBe(OUT_OF_MEMORY)
    expect(runner.run(0, cpuRead, task, 0)).toBe(7)
    runner.run(0, munmap, task, 0, 1)
    expect(runner.run(0, cpuWrite, task, 1, 8)).toBe(0)
  })
})

/**
 * Device memory by way of `hmm_devmem`, one call after another: what is made and given back, how adding fails, and that the same driver does the
 * same as with callbacks of its own.
 */
import { describe, expect, it } from 'vitest'
import { scenarios } from '../../spec/index.js'
import { survey } from '../../src/checker/explore/survey.js'
import {
  addDeviceMemory,
  attachDeviceChunk,
  migrateToMemory,
  removeDeviceMemory,
  unplugDevice,
} from '../../src/driver/index.js'
import {
  attachHmmDevmem,
  byWayOfHmmDevmem,
  CounterState,
  hmmDevmemFree,
} from '../../src/generations/index.js'
import { faultWithoutReference } from '../../src/generations/profiles.js'
import {
  BUS_ADRERR,
  cpuRead,
  cpuWrite,
  declareMachine,
  Errno,
  mmap,
  PagemapState,
  PteKind,
  type Task,
  VM_READ,
  VM_WRITE,
} from '../../src/kernel/index.js'
import { Layout, SequentialRunner } from '../../src/world/index.js'

/** A process with one page, and memory of a device that poisons what is lost; `failing` names the step of adding that fails. */
function bench({ helpers, failing }: { helpers: boolean; failing?: string }) {
  const layout = new Layout({ threads: 1 })
  const machine = declareMachine(layout, {
    pages: 1,
    frames: 2,
    mms: 1,
    cpus: [0],
    values: 9,
    invalidations: 0,
    intervals: [],
    deviceMemory: [2],
    hotplug: true,
  })
  const [memory] = machine.deviceMemory
  const [mm] = machine.mms
  const chunk = attachDeviceChunk(layout, memory, { poisons: true })
  const devmem = helpers ? attachHmmDevmem(layout, chunk) : undefined
  const task: Task = { thread: 0, machine, mm, cpu: machine.cpus[0] }
  const w = layout.initial()
  const steps: string[] = []
  const runner = new SequentialRunner({
    overrides: devmem ? byWayOfHmmDevmem(devmem) : [],
    choose: ({ name }) => (name === failing ? 1 : 0),
    onStep: (_, { name }) => steps.push(name),
  })
  runner.run(0, mmap, task, 0, 1, VM_READ | VM_WRITE)
  const add = () => runner.run(0, addDeviceMemory, task, chunk)
  const remove = () => runner.run(0, removeDeviceMemory, task, chunk)
  return { w, runner, task, memory, mm, chunk, devmem, steps, add, remove }
}

function withHelpers(failing?: string) {
  const made = bench({ helpers: true, ...(failing ? { failing } : {}) })
  const { devmem } = made
  if (devmem === undefined) throw new Error('there is no hmm_devmem')
  const state = () => ({
    allocated: devmem.cells.allocated,
    counter: devmem.cells.allocated ? devmem.cells.counter : CounterState.none,
    pages: devmem.pagemap.state,
    references: devmem.pagemap.ref,
  })
  return { ...made, devmem, state }
}

const NOTHING = { allocated: false, counter: CounterState.none, pages: PagemapState.absent, references: 0 }

describe('hmm_devmem_add', () => {
  it('makes the record, the counter, the addresses and the pages, in this order', () => {
    const { devmem, memory, steps, add, state } = withHelpers()
    const [first] = memory.frames
    steps.length = 0
    expect(add()).toBe(0)
    expect(steps).toEqual([
      'devm_kzalloc',
      'percpu_ref_init',
      'devm_request_free_mem_region',
      'devm_memremap_pages',
      'make the region known',
      'fill the free list',
    ])
    expect(state()).toEqual({
      allocated: true,
      counter: CounterState.live,
      pages: PagemapState.live,
      references: 1,
    })
    expect([devmem.pfnFirst(), devmem.pfnLast()]).toEqual([first.pfn, first.pfn + 2])
  })

  it.each([
    ['devm_kzalloc', Errno.ENOMEM],
    ['percpu_ref_init', Errno.ENOMEM],
    ['devm_request_free_mem_region', Errno.ERANGE],
    ['devm_memremap_pages', Errno.ENOMEM],
  ])('leaves nothing where %s fails', (failing, error) => {
    const { devmem, chunk, add, remove, state } = withHelpers(failing)
    expect(add()).toBe(-error)
    expect(state()).toEqual(NOTHING)
    expect([devmem.pfnFirst(), devmem.pfnLast()]).toEqual([-1, -1])
    expect(chunk.allocated).toBe(false)
    expect(remove()).toBe(-Errno.EINVAL)
  })

  it('kills the counter and waits for it where the pages cannot be had', () => {
    const { steps, add } = withHelpers('devm_memremap_pages')
    steps.length = 0
    add()
    expect(steps.slice(4)).toEqual([
      'percpu_ref_kill',
      'wait_for_completion',
      'percpu_ref_exit',
      'devm_release_mem_region',
      'devm_kfree',
    ])
  })
})

describe('hmm_devmem_remove', () => {
  it('leaves nothing, and the memory can be added again', () => {
    const { runner, task, memory, add, remove, state } = withHelpers()
    add()
    runner.run(0, cpuWrite, task, 0, 7)
    runner.run(0, migrateToMemory, task, memory, 0, 1)
    expect(state().references).toBe(2)
    expect(remove()).toBe(0)
    expect(state()).toEqual(NOTHING)
    expect(runner.run(0, cpuRead, task, 0)).toBe(7)
    expect(add()).toBe(0)
  })
})

describe('the callbacks', () => {
  it('free: has the page to itself', () => {
    const { runner, task, memory, devmem, add } = withHelpers()
    add()
    runner.run(0, cpuWrite, task, 0, 7)
    runner.run(0, migrateToMemory, task, memory, 0, 1)
    const [frame] = memory.frames
    expect(() => hmmDevmemFree(devmem, frame)).toThrow('and somebody has a reference to it')
    runner.run(0, cpuRead, task, 0)
    expect([frame.refcount, frame.onFreeList]).toEqual([0, true])
  })

  it('fault: what is lost is answered with SIGBUS, and poisoned', () => {
    const { runner, task, mm, memory, chunk, add } = withHelpers()
    add()
    runner.run(0, cpuWrite, task, 0, 7)
    runner.run(0, migrateToMemory, task, memory, 0, 1)
    chunk.lost = true
    expect(runner.run(0, cpuRead, task, 0)).toBe(BUS_ADRERR)
    expect(mm.pte[0].kind).toBe(PteKind.poison)
  })
})

describe('the same driver', () => {
  it.each([removeDeviceMemory, unplugDevice])('is told the same by hmm_devmem and by its pagemap', (end) => {
    const [older, newer] = [true, false].map((helpers) => {
      const { runner, task, mm, memory, chunk, add } = bench({ helpers })
      const answers = [
        add(),
        runner.run(0, cpuWrite, task, 0, 7),
        runner.run(0, migrateToMemory, task, memory, 0, 1),
        runner.run(0, end, task, chunk),
        runner.run(0, cpuRead, task, 0),
      ]
      return { answers, entry: mm.pte[0].kind, region: memory.pagemap?.state }
    })
    expect(older).toEqual(newer)
  })
})

describe('a fault as it was before Linux 6.1', () => {
  const breaches = (name: string) => {
    const scenario = scenarios.find((other) => other.name === name)
    if (scenario === undefined) throw new Error(`no scenario ${name}`)
    const defects = [{ name: '4.14', overrides: [faultWithoutReference] }]
    return survey(scenario, { bounds: 'smoke', defects }).breaches
  }

  it('finds the record by way of a page that nobody holds, when it is free', () => {
    const found = breaches('devmem-hotplug')
    expect(found.map(({ clause }) => clause)).toEqual(['C31', 'use-after-free'])
    expect(found[1].detail).toBe('devmem[0].resource is read, and what it is part of is not allocated')
  })

  it('names a page that another fault has taken: a driver that poisons it by the hint misses the entry', () => {
    expect(breaches('devmem-unplug').map(({ clause }) => clause)).toEqual([
      'C31',
      'use-after-free',
      'poisoned',
    ])
  })
})

/**
 * A process, one that it can fork, and two devices with memory of their own, to migrate on, one call after another.
 */
import { devicePrivatePageStatechart } from '../../../models/index.js'
import { compileStatechart } from '../../../src/checker/claims/statechart.js'
import { attachDeviceMemory, declareMirror, type Mirror, referenceDriver } from '../../../src/driver/index.js'
import {
  declareMachine,
  Errno,
  hmm_range_fault,
  isDevicePrivate,
  type Machine,
  mmap,
  mmu_interval_notifier_insert,
  mmu_interval_read_begin,
  PteKind,
  type Task,
  VM_READ,
  VM_WRITE,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import { Layout, type Procedure, procedure, SequentialRunner, type World } from '../../../src/world/index.js'

export const RW = VM_READ | VM_WRITE
const PAGES = 3

/** What a walk of one page came to. */
export interface Walked {
  readonly error: number
  readonly flags: number
}

const walkOne = procedure(
  'walk one page',
  function* (task: Task, { mm, notifier, owner, ranges }: Mirror, page: number, request: number) {
    const range = ranges.get(task.thread)
    if (range === undefined) throw new Error('the thread has no range')
    yield* mmu_interval_read_begin(notifier, range.notifierSeq)
    yield* mm.mmapLock.lockRead()
    const error = yield* hmm_range_fault(task, range, {
      start: page,
      end: page + 1,
      defaultFlags: request,
      pfnFlagsMask: 0,
      owner,
    })
    yield* mm.mmapLock.unlockRead()
    return error
  },
)

export class Board {
  readonly machine: Machine
  readonly world: World
  readonly parent: Task
  readonly child: Task
  readonly gpu: Mirror
  readonly npu: Mirror
  private readonly runner = new SequentialRunner()

  constructor({
    frames = 8,
    memory = PAGES,
    coherent = [],
  }: { frames?: number; memory?: number; coherent?: readonly number[] } = {}) {
    const layout = new Layout({ threads: 2 })
    const size = {
      pages: PAGES,
      frames,
      mms: 2,
      cpus: [0, 1],
      values: 9,
      invalidations: 60,
      intervals: ['gpu', 'npu'].map((name) => ({
        name: `${name}.notifier`,
        mm: 0,
        start: 0,
        last: PAGES - 1,
      })),
      deviceMemory: [memory, memory],
      coherentMemory: coherent,
    }
    this.machine = declareMachine(layout, size)
    const { mms, cpus, deviceMemory } = this.machine
    const { intervals } = mms[0].subscriptions
    const mirrors = intervals.map((notifier, owner) =>
      declareMirror(
        layout,
        { name: ['gpu', 'npu'][owner], owner, notifier, size, frames: this.machine.frames, threads: [0] },
        referenceDriver,
      ),
    )
    ;[this.gpu, this.npu] = mirrors
    deviceMemory.forEach(attachDeviceMemory)
    const tasks = mms.map((mm, thread) => ({ thread, machine: this.machine, mm, cpu: cpus[thread] }))
    ;[this.parent, this.child] = tasks
    const chart = compileStatechart(devicePrivatePageStatechart)
    for (const { lifecycle } of this.machine.frames)
      lifecycle?.bind(chart, new Uint32Array(chart.targets.length))
    this.world = layout.initial()
    for (const notifier of intervals) this.runner.run(0, mmu_interval_notifier_insert, notifier)
    this.call(mmap, 0, PAGES, RW)
  }

  /** Runs a call of the parent. */
  call<A extends unknown[], R>(target: Procedure<[Task, ...A], R>, ...args: A): R {
    return this.runner.run(0, target, this.parent, ...args)
  }

  /** Runs a call of the child. */
  callInChild<A extends unknown[], R>(target: Procedure<[Task, ...A], R>, ...args: A): R {
    return this.runner.run(1, target, this.child, ...args)
  }

  /** Walks `page` for a device of the parent. */
  walk(mirror: Mirror, page: number, request: number): Walked {
    let error = -Errno.EBUSY
    // What the walk faults in may be brought from another device, of which this one is told: then it is done again.
    for (let tries = 0; error === -Errno.EBUSY && tries < 3; tries++)
      error = this.call(walkOne, mirror, page, request)
    const flags = mirror.ranges.get(0)?.pfns[page].flags ?? 0
    return { error, flags }
  }

  /** What the page table holds: `none`, `zero`, or where the page is and whether it may be written: `gpu rw`. */
  entries({ mm } = this.parent): string[] {
    return mm.pte.map((pte) => {
      const kind = pte.kind
      if (kind === PteKind.none) return 'none'
      const pfn = pte.frame
      if (pfn === ZERO_PAGE) return 'zero'
      const where = ['system', 'gpu', 'npu'][this.machine.frames[pfn].owner + 1]
      const expected = isDevicePrivate(this.machine.frames[pfn]) ? PteKind.devicePrivate : PteKind.present
      const what = kind === expected ? where : `${where} (${pte.kind})`
      return `${what} ${pte.write ? 'rw' : 'ro'}`
    })
  }

  /** Frames in use, by where they are. Each must have the references of its mappings, and no more. */
  inUse(): { system: number; gpu: number; npu: number } {
    const count = { system: 0, gpu: 0, npu: 0 }
    for (const frame of this.machine.frames) {
      if (frame.pfn === ZERO_PAGE || frame.refcount === 0) continue
      if (frame.refcount !== frame.mapcount) throw new Error(`frame ${frame.pfn} is still held`)
      if (frame.locked) throw new Error(`frame ${frame.pfn} is still locked`)
      count[(['system', 'gpu', 'npu'] as const)[frame.owner + 1]]++
    }
    return count
  }
}

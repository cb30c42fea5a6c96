/**
 * A process to run memory management on, one call after another: two CPUs, and a watcher that records what it hears.
 */
import {
  declareMachine,
  type IntervalNotifier,
  type Machine,
  type MmStruct,
  mmap,
  mmu_interval_notifier_insert,
  mmu_interval_set_seq,
  type NotifierRange,
  NotifyEvent,
  PteKind,
  type Task,
  VM_READ,
  VM_WRITE,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import {
  Layout,
  type Procedure,
  procedure,
  SequentialRunner,
  Spinlock,
  type World,
} from '../../../src/world/index.js'

export const RW = VM_READ | VM_WRITE

export interface ProcessOptions {
  readonly pages?: number
  readonly frames?: number
  /** Slots of swap (default none). */
  readonly swapSlots?: number
  /** Pages that are watched, inclusive; without it nobody watches. */
  readonly watched?: readonly [start: number, last: number]
  /** What the watcher answers to a range that is not blockable: 1 done, 0 cannot now. */
  readonly answer?: 0 | 1
}

/** A process of its own and one that it can fork, each with a CPU. */
export class Process {
  readonly machine: Machine
  readonly world: World
  readonly task: Task
  readonly child: Task
  /** What happened, in order: `UNMAP 0..2`, and the steps that change entries, flush, free. */
  readonly log: string[] = []
  private readonly runner = new SequentialRunner({
    onStep: (target, { name }) => {
      if (NOTED.has(name)) this.log.push(name)
      if (target.procedureName === 'mn_itree_inv_end' && name === 'uncount the invalidation')
        this.log.push('end')
    },
  })

  constructor({ pages = 3, frames = 5, watched, answer = 1, swapSlots }: ProcessOptions = {}) {
    const layout = new Layout({ threads: 2 })
    this.machine = declareMachine(layout, {
      pages,
      frames,
      mms: 2,
      cpus: [0, 1],
      values: 9,
      invalidations: 40,
      ...(swapSlots ? { swapSlots } : {}),
      intervals: watched ? [{ name: 'sub', mm: 0, start: watched[0], last: watched[1] }] : [],
    })
    const [task, child] = this.machine.mms.map((mm, index) =>
      layout.scope(`task${index}`, () => ({
        thread: index,
        machine: this.machine,
        mm,
        cpu: this.machine.cpus[index],
      })),
    )
    this.task = task
    this.child = child
    const lock = new Spinlock(layout, 'watcher')
    this.world = layout.initial()
    const [sub] = this.mm.subscriptions.intervals
    if (sub) {
      sub.ops = { invalidate: this.watcher(answer, lock), setUnder: lock }
      this.run(mmu_interval_notifier_insert, sub)
    }
    this.call(mmap, 0, pages, RW)
    this.log.length = 0
  }

  get mm(): MmStruct {
    return this.task.mm
  }

  private watcher(answer: 0 | 1, lock: Spinlock) {
    return procedure(function* watcher(
      _current: Task,
      sub: IntervalNotifier,
      range: NotifierRange,
      seq: number,
    ) {
      yield* lock.critical(`${range.event} ${range.start}..${range.end}`, () => {
        mmu_interval_set_seq(sub, seq)
        return 0
      })
      return range.blockable ? 1 : answer
    })
  }

  /** Runs a call of the parent. */
  call<A extends unknown[], R>(target: Procedure<[Task, ...A], R>, ...args: A): R {
    return this.run(target, this.task, ...args)
  }

  /** Runs a call of the child. */
  callInChild<A extends unknown[], R>(target: Procedure<[Task, ...A], R>, ...args: A): R {
    return this.runner.run(this.child.thread, target, this.child, ...args)
  }

  private run<A extends unknown[], R>(target: Procedure<A, R>, ...args: A): R {
    return this.runner.run(this.task.thread, target, ...args)
  }

  /** What the page table holds: `none`, `zero`, `ro`, `rw`, with `!` where the CPU may not use it and `*` where a device has it alone. */
  entries(mm = this.mm): string[] {
    return mm.pte.map((pte) => {
      const kind = pte.kind
      if (kind === PteKind.none) return 'none'
      if (kind === PteKind.swap) return 'swap'
      const page = pte.frame === ZERO_PAGE ? 'zero' : pte.write ? 'rw' : 'ro'
      if (kind === PteKind.deviceExclusive) return `${page}*`
      return kind === PteKind.protnone ? `${page}!` : page
    })
  }

  /** References to the frame behind `page`. */
  references(page: number): number {
    return this.machine.frames[this.mm.pte[page].frame].refcount
  }

  /** Frames in use. */
  get inUse(): number {
    return this.machine.frames.filter((frame) => frame.pfn !== ZERO_PAGE && frame.refcount > 0).length
  }

  /** What has happened since the last look. */
  takeLog(): string[] {
    return this.log.splice(0)
  }
}

const NOTED = new Set([
  'map a new page',
  'reuse the page, or hold it',
  'copy the page',
  'clear, flush and replace',
  'clear, flush and make exclusive',
  'restore the entry',
  'replace the entry',
  'write the page to its slot',
  'let go of the page',
  'clear an entry',
  'change an entry',
  'write-protect and copy an entry',
  'flush every CPU',
  'put the pages',
  'take the areas out',
  ...Object.keys(NotifyEvent).flatMap((event) =>
    [0, 1, 2].flatMap((start) => [1, 2, 3].map((end) => `${event} ${start}..${end}`)),
  ),
])

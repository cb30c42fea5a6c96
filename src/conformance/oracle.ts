/**
 * The oracle: answers recorded operations by running the same procedures that the checker explores, each to its end
 * and one after another, with the recorded driver on two devices.
 *
 * One method for each operation, all over one state; that is why the file is long.
 *
 * @module
 */

import type { Mirror } from '../driver/index.js'
import {
  attachDmirrorDevice,
  type DmirrorAnswer,
  type DmirrorDevice,
  dmirror_check_atomic,
  dmirror_device_evict_chunk,
  dmirror_exclusive,
  dmirror_fail_alloc,
  dmirror_fops_open,
  dmirror_fops_release,
  dmirror_migrate_to_device,
  dmirror_migrate_to_system,
  dmirror_read,
  dmirror_read_unlocked,
  dmirror_snapshot,
  dmirror_write,
} from '../driver/recorded/index.js'
import { CountsMappings, releases } from '../generations/releases.js'
import {
  type AddressSpace,
  Advice,
  type Backing,
  BUS_ADRERR,
  cpuRead,
  cpuWrite,
  declareMachine,
  Errno,
  errnoName,
  fork,
  handle_mm_fault,
  hugePmdAt,
  type IntervalNotifier,
  isPageCache,
  ksm_do_scan,
  type Machine,
  type MmStruct,
  madvise_dontneed,
  madvise_dontneed_locked,
  madvise_free,
  madvise_pageout,
  madvise_populate,
  madvise_vma_behavior,
  madvise_willneed,
  memfd_create,
  mlock,
  mmap,
  mmput,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mprotect,
  mremap,
  mremapDontUnmap,
  munlock,
  munmap,
  type NotifyEvent,
  OUT_OF_MEMORY,
  PteKind,
  SEGV_ACCERR,
  SEGV_MAPERR,
  swapin_folio,
  type Task,
  userfaultfd_register,
  userfaultfd_writeprotect,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  VmaKind,
  ZERO_PAGE,
} from '../kernel/index.js'
import {
  Layout,
  type Procedure,
  READ_ONCE,
  type SequentialOptions,
  SequentialRunner,
  SpecificationError,
  type TransitionTable,
  use,
  type World,
  withConstants,
} from '../world/index.js'
import { type DeviceFile, declareFiles, OpenFiles, unusedFile } from './files.js'
import type { Operation, Who } from './operations.js'
import type { KernelVersion } from './result.js'
import {
  DEVICES,
  deviceOf,
  FILE_CONTENTS,
  type FileMapping,
  filesAtOnce,
  hasMemoryFile,
  SECOND_FILE,
  sizeOf,
} from './size.js'
import { type Value, Values, valuesWritten } from './values.js'

/** The answer to an operation, as recordings have it. */
export interface Answer {
  /** 0, or a negative error number; -1 for an access that faulted. */
  readonly rc: number
  /** Name of the error: `EFAULT`. */
  readonly err?: string
  /** The signal of an access that faulted: `SIGSEGV`. */
  readonly sig?: string
  /** Its code: `MAPERR`, `ACCERR`. */
  readonly code?: string
  /** The value that a CPU read. */
  readonly val?: Value
  /** The values that a device read, by page. */
  readonly vals?: readonly Value[]
  /** Pages that the driver processed. */
  readonly cpages?: number
  /** Faults that the driver took. */
  readonly faults?: number
  /** One byte for each page of a snapshot. */
  readonly prot?: readonly number[]
  /** The CPU page table, by page. */
  readonly ptes?: readonly string[]
  /** Minor faults that an access of the CPU took. */
  readonly minflt?: number
}

/** Threads of a sequence that is performed one operation after another. */
const ONE_THREAD: readonly Who[] = ['parent']
/** A process, and its open files. */
interface Process {
  readonly task: Task
  /** The records declared for each device; an open file uses one. */
  readonly files: readonly (readonly DeviceFile[])[]
  readonly open: OpenFiles
}

/** The first step of every fault: its count is the number of minor faults. */
const FAULT_STEP = 'look at the entry'
const SWAP_IN_STEP = 'read the slot'

/**
 * What the recorded driver breaks with two files of one device, a second one or that which a child has inherited: what is migrated
 * through one the other does not hear of, as both have the same owner, and its device goes on using the page (H18).
 */
const BROKEN_BY_SECOND_FILES: ReadonlySet<string> = new Set(['use-after-free', 'data'])

/**
 * What it breaks where memory is given up: it tells nobody of what its device writes, and the page is dropped (H23). Recordings of 6.1
 * and of 7.3 show it.
 */
const BROKEN_BY_GIVING_UP: ReadonlySet<string> = new Set(['C39'])

/** What the recorded driver is known to break in some operations. */
function brokenBy(operations: readonly Operation[]): ReadonlySet<string> {
  const has = (is: (operation: Operation) => boolean) => operations.some(is)
  return new Set([
    ...([0, 1].some((mm) => filesAtOnce(operations, mm) > 1) ? BROKEN_BY_SECOND_FILES : []),
    ...(has((operation) => operation.name === 'madv' && operation.advice === 'free')
      ? BROKEN_BY_GIVING_UP
      : []),
  ])
}

/** Runs procedures to completion. */
export type Runner = Pick<SequentialRunner, 'run'>

/** Options of an oracle: the kernel, the overrides of an implementation under test, and observers. */
export interface OracleOptions extends Pick<SequentialOptions, 'onStep' | 'overrides'> {
  /** The kernel that it follows, where recorded kernels differ (default 6.1). */
  readonly kernel?: KernelVersion
  /** How its procedures are run (default one after another, with the first outcome of each step). */
  readonly runner?: Runner
  /** The process of each thread that may perform operations (default one thread, of the parent). */
  readonly threads?: readonly Who[]
  /** The statecharts that its steps are held against, by name (default none). */
  readonly charts?: Readonly<Record<string, BoundChart>>
  /** Sees what its world is made of, before anything happens in it. */
  readonly onLayout?: (layout: Layout) => void
}

/** A statechart, and where its transitions are counted. */
export interface BoundChart {
  readonly table: TransitionTable
  /** How often each transition was taken, by index of the table's targets. */
  readonly taken: Uint32Array
}

/** The processes that live beside the first, by index of their address spaces; 0 where there is none. */
export interface Family {
  /** Address spaces that are in use or have been, less the first. */
  readonly forks: number
  /** The child that was forked last. */
  readonly child: number
  /** The child of that, if it has one. */
  readonly grandchild: number
}

/** Where an oracle is in its sequence: what {@link Oracle.save} answers. */
export interface OracleState {
  readonly world: World
  readonly family: Family
  readonly childIsAlive: boolean
  readonly filesMapped: number
  /** What each process has open, by number. */
  readonly open: readonly (readonly (readonly [number, DeviceFile | undefined])[])[]
}

/** A fresh process with both devices open and nothing mapped, sized for one sequence. */
export class Oracle {
  /** The machine, for inspection. */
  readonly machine: Machine
  /** The mirrors of the first process's devices, for inspection. */
  readonly mirrors: readonly Mirror[]
  /** The world after the operations so far. */
  readonly world: World
  private readonly runner: Runner
  private readonly processes: readonly Process[]
  private readonly devices: readonly DmirrorDevice[]
  private readonly values: Values
  private readonly kernel: KernelVersion
  /** Index of the first file that is shared memory. */
  private readonly sharedFrom: number
  /** Whether an allocation may be made to fail. */
  private readonly mayFail: boolean
  private family: Family = { forks: 0, child: 0, grandchild: 0 }
  private childIsAlive = false
  private filesMapped = 0
  private faults = 0
  /** Who performs the operation. */
  private thread = 0

  /**
   * @param operations - the whole sequence, which determines the size of the world and its values
   * @param options - the kernel, observers of steps, overrides
   */
  constructor(operations: readonly Operation[], options: OracleOptions = {}) {
    this.kernel = options.kernel ?? '6.1'
    const { overrides, rules } = releases[this.kernel]
    this.runner =
      options.runner ??
      new SequentialRunner({
        ...options,
        overrides: [...overrides, ...(options.overrides ?? [])],
        unclaimed: brokenBy(operations),
        onStep: (procedure, step, result) => {
          if (procedure === handle_mm_fault && step.name === FAULT_STEP) this.faults++
          // A fault that reads is a major one.
          if (procedure === swapin_folio && step.name === SWAP_IN_STEP) this.faults--
          options.onStep?.(procedure, step, result)
        },
      })
    this.sharedFrom = hasMemoryFile(operations) ? 1 : 0
    this.values = new Values(operations)
    const threads = options.threads ?? ONE_THREAD
    const layout = new Layout({ threads: threads.length })
    const size = sizeOf(operations, this.values, rules, threads)
    const mayFail = operations.some(({ name }) => name === 'fail_alloc')
    this.mayFail = mayFail
    const isExclusive = operations.some(({ name }) => name === 'exclusive')
    this.machine = declareMachine(layout, size)
    this.processes = this.machine.mms.map((mm) => ({
      task: { thread: 0, machine: this.machine, mm, cpu: this.machine.cpus[mm.index] },
      files: declareFiles(layout, mm, DEVICES, size, {
        atOnce: filesAtOnce(operations, mm.index),
        frames: this.machine.frames,
        isExclusive,
        mayFail,
        threads: [...threads.keys()],
      }),
      open: new OpenFiles(),
    }))
    this.devices = this.machine.deviceMemory.map((memory, device) =>
      attachDmirrorDevice(
        layout,
        memory,
        this.processes.flatMap(({ files }) => files[device].map(({ mirror }) => mirror)),
      ),
    )
    this.mirrors = this.processes[0].files.map(([{ mirror }]) => mirror)
    for (const lifecycle of layout.lifecycles) {
      const chart = options.charts?.[lifecycle.kind]
      if (chart) lifecycle.bind(chart.table, chart.taken)
    }
    this.world = layout.initial()
    options.onLayout?.(layout)
    for (const device of DEVICES) this.open(this.processes[0], device)
  }

  /**
   * Performs one operation and returns its result.
   *
   * @param operation - one of those that it was made for
   * @param thread - index of the thread that performs it (default the first)
   */
  perform(operation: Operation, thread = 0): Answer {
    this.thread = thread
    const task = this.taskOf(operation)
    if ('device' in operation && this.openFile(operation) === undefined) return status(-Errno.EBADF)
    switch (operation.name) {
      case 'mmap':
      case 'mmap_huge':
        return status(this.run(mmap, task, operation.start, length(operation), operation.flags))
      case 'mmap_shared':
      case 'mmap_file':
        return status(this.mapFile(task, operation))
      case 'mremap':
        return status(this.run(mremap, task, operation.start, length(operation), operation.to.start))
      case 'mremap_keep':
        return status(this.run(mremapDontUnmap, task, operation.start, length(operation), operation.to.start))
      case 'madv':
        return status(this.advise(task, operation))
      case 'uffd':
        return status(this.userfault(task, operation))
      case 'mlock':
        return status(this.run(mlock, task, operation.start, length(operation)))
      case 'munlock':
        return status(this.run(munlock, task, operation.start, length(operation)))
      case 'munmap':
        return status(this.run(munmap, task, operation.start, length(operation)))
      case 'mprotect':
        return status(this.run(mprotect, task, operation.start, length(operation), operation.flags))
      case 'madv_dontneed':
        return status(this.run(madvise_dontneed, task, operation.start, length(operation)))
      case 'cpu_read': {
        const before = this.faults
        const seen = this.access(() => this.run(cpuRead, task, operation.page))
        const minflt = this.faults - before
        return seen < 0 ? signal(seen) : { rc: 0, val: this.values.valueOf(seen), minflt }
      }
      case 'cpu_write': {
        const before = this.faults
        const id = this.values.idOf(operation.value)
        const done = this.access(() => this.run(cpuWrite, task, operation.page, id))
        return done < 0 ? signal(done) : { rc: 0, minflt: this.faults - before }
      }
      case 'dev_read':
      case 'dev_read_unlocked': {
        const { mirror } = this.fileOf(operation)
        const isUnlocked = operation.name === 'dev_read_unlocked'
        if (isUnlocked && !releases[this.kernel].readsUnlocked) return status(-Errno.EINVAL)
        const read = isUnlocked ? dmirror_read_unlocked : dmirror_read
        const answer = this.run(read, task, mirror, operation.start, operation.end)
        if (answer.error) return status(answer.error)
        return { ...counts(operation, answer), vals: answer.values.map((id) => this.values.valueOf(id)) }
      }
      case 'dev_write': {
        const { mirror } = this.fileOf(operation)
        const ids = valuesWritten(operation).map((value) => this.values.idOf(value))
        const answer = this.run(dmirror_write, task, mirror, operation.start, ids)
        return answer.error ? status(answer.error) : counts(operation, answer)
      }
      case 'snapshot':
        return this.snapshot(task, this.fileOf(operation), operation.start, operation.end)
      case 'migrate_to_dev': {
        const { mirror } = this.fileOf(operation)
        const device = this.devices[mirror.owner]
        const answer = this.run(
          dmirror_migrate_to_device,
          task,
          device,
          mirror,
          operation.start,
          operation.end,
        )
        if (answer.error) return status(answer.error)
        return { rc: 0, cpages: answer.pages, vals: answer.values.map((id) => this.values.valueOf(id)) }
      }
      case 'migrate_to_sys': {
        const { mirror } = this.fileOf(operation)
        const answer = this.run(dmirror_migrate_to_system, task, mirror, operation.start, operation.end)
        return answer.error ? status(answer.error) : { rc: 0, cpages: answer.pages }
      }
      case 'exclusive': {
        const { mirror } = this.fileOf(operation)
        const answer = this.run(dmirror_exclusive, task, mirror, operation.start, operation.end)
        if (answer.error) return status(answer.error)
        return { rc: 0, cpages: answer.pages, vals: answer.values.map((id) => this.values.valueOf(id)) }
      }
      case 'check_exclusive': {
        const { mirror } = this.fileOf(operation)
        return status(this.run(dmirror_check_atomic, mirror, operation.start, operation.end))
      }
      case 'fail_alloc': {
        if (!releases[this.kernel].failsAllocations) return status(-Errno.EINVAL)
        return status(this.run(dmirror_fail_alloc, this.fileOf(operation).mirror))
      }
      case 'ksm_scan':
        this.run(ksm_do_scan, task, 0)
        return { rc: 0 }
      case 'ptes':
        return { rc: 0, ptes: this.ptes(task, operation.start, operation.end) }
      case 'close':
        return status(this.close(this.processOf(operation), operation.device))
      case 'release': {
        const device = this.devices[this.fileOf(operation).mirror.owner]
        if (device) this.run(dmirror_device_evict_chunk, task, device)
        return { rc: 0 }
      }
      case 'fork':
        return status(this.fork(task, operation.inChild))
      case 'open': {
        const process = this.processOf(operation)
        for (const number of [...DEVICES, SECOND_FILE]) this.close(process, number)
        for (const device of DEVICES) {
          const error = this.open(process, device)
          if (error) return status(error)
        }
        return { rc: 0 }
      }
      case 'open2': {
        const process = this.processOf(operation)
        this.close(process, SECOND_FILE)
        return status(this.open(process, SECOND_FILE))
      }
      case 'exit': {
        const { grandchild } = this.family
        this.end(task, this.latest)
        if (grandchild > 0) this.end(this.processes[grandchild].task, this.processes[grandchild])
        this.family = { ...this.family, grandchild: 0 }
        this.childIsAlive = false
        return { rc: 0 }
      }
    }
  }

  /**
   * An invalidation that no operation makes: of what a program has besides the window.
   *
   * @param page - a page of the window that nothing is mapped at
   */
  invalidate(page: number, event: NotifyEvent, inChild: boolean): void {
    const { task } = inChild ? this.latest : this.processes[0]
    const range = { start: page, end: page + 1, event, blockable: true, owner: -1 }
    this.run(mmu_notifier_invalidate_range_start, task, task.mm, range)
    this.run(mmu_notifier_invalidate_range_end, task, task.mm, range)
  }

  /** The mirror that an operation on a device uses, or undefined if its file is closed. */
  mirrorOf(operation: Operation & { readonly device: number }): Mirror | undefined {
    return this.openFile(operation)?.mirror
  }

  /** Where it is, to {@link restore} it later. */
  save(): OracleState {
    const { family, childIsAlive, filesMapped } = this
    const open = this.processes.map((process) =>
      process.open.numbers.map((number) => [number, process.open.get(number)] as const),
    )
    return { world: this.world.slice(), family, childIsAlive, filesMapped, open }
  }

  /** Goes back to where it was. */
  restore(state: OracleState): void {
    this.world.set(state.world)
    this.family = state.family
    this.childIsAlive = state.childIsAlive
    this.filesMapped = state.filesMapped
    for (const [index, { open }] of this.processes.entries()) {
      for (const number of open.numbers) open.remove(number)
      for (const [number, file] of state.open[index]) if (file) open.add(number, file)
    }
  }

  /** The child of a process is one more address space. */
  private fork(task: Task, inChild: boolean): number {
    const { forks, child, grandchild } = this.family
    if (inChild ? grandchild > 0 : this.childIsAlive) return -Errno.EBUSY
    const parent = this.processes[inChild ? child : 0]
    const born = forks + 1
    const error = this.run(fork, task, this.processes[born].task.mm)
    if (error) return error
    parent.open.inheritedBy(this.processes[born].open)
    this.family = inChild
      ? { forks: born, child, grandchild: born }
      : { forks: born, child: born, grandchild }
    this.childIsAlive = true
    return 0
  }

  /** A process ends: its memory goes first, and then its files. */
  private end(task: Task, process: Process): void {
    this.run(mmput, task, task.mm)
    for (const number of process.open.numbers) this.close(process, number)
  }

  /**
   * An access of the CPU. Where a fault is out of memory it is taken again, and the first is not counted: here only an allocation
   * that was made to fail is short, and the next is not.
   *
   * @kernel pagefault_out_of_memory, mm_account_fault
   */
  private access(run: () => number): number {
    const answer = run()
    if (answer !== OUT_OF_MEMORY || !this.mayFail) return answer
    this.faults--
    return run()
  }

  private userfault(task: Task, operation: Operation & { readonly name: 'uffd' }): number {
    const { start } = operation
    switch (operation.request) {
      case 'wp':
        return this.run(userfaultfd_register, task, start, length(operation), VM_UFFD_WP)
      case 'missing':
        return this.run(userfaultfd_register, task, start, length(operation), VM_UFFD_MISSING)
      case 'protect':
      case 'unprotect':
        return this.run(
          userfaultfd_writeprotect,
          task,
          start,
          length(operation),
          operation.request === 'protect',
        )
    }
  }

  /** Memory is advised. */
  private advise(task: Task, operation: Operation & { readonly name: 'madv' }): number {
    const { start, advice } = operation
    const pages = length(operation)
    switch (advice) {
      case 'populate_r':
      case 'populate_w':
        return this.run(madvise_populate, task, start, pages, advice === 'populate_w')
      case 'free':
        return this.run(madvise_free, task, start, pages)
      case 'pageout':
        return this.run(madvise_pageout, task, start, pages)
      case 'willneed':
        return this.run(madvise_willneed, task, start, pages)
      case 'locked':
        return this.run(madvise_dontneed_locked, task, start, pages)
      case 'dontfork':
        return this.run(madvise_vma_behavior, task, start, pages, Advice.DONTFORK, Advice.DONTFORK)
      case 'wipefork':
        return this.run(madvise_vma_behavior, task, start, pages, Advice.WIPEONFORK, Advice.WIPEONFORK)
      case 'merge':
        return this.run(madvise_vma_behavior, task, start, pages, Advice.MERGEABLE, Advice.MERGEABLE)
      case 'unmerge':
        return this.run(madvise_vma_behavior, task, start, pages, Advice.MERGEABLE, 0)
    }
  }

  /** The process opens a file, by the number that operations have for it. */
  private open(process: Process, device: number): number {
    const file = unusedFile(process.files[deviceOf(device)])
    if (file === undefined)
      throw new SpecificationError('scenario', 'there are more files open than the oracle was made for')
    const error = this.run(dmirror_fops_open, file.mirror)
    if (error === 0) process.open.add(device, file)
    return error
  }

  /** The process closes a file, which is released if no other process has it open. */
  private close({ task, open }: Process, number: number): number {
    const file = open.remove(number)
    return file === undefined
      ? 0
      : this.run(dmirror_fops_release, task, file.mirror, this.devices[file.mirror.owner])
  }

  private run<A extends unknown[], R>(procedure: Procedure<A, R>, ...args: A): R {
    use(this.world)
    return this.runner.run(this.thread, procedure, ...args)
  }

  /** The program has one memory file, which it keeps open: its contents outlive every mapping. */
  private mapFile(task: Task, operation: Operation & FileMapping): number {
    const { start, flags } = operation
    if (operation.name === 'mmap_shared') {
      const backing: Backing = { kind: VmaKind.sharedAnonymous, file: this.nextFile(), pgoff: 0 }
      return this.run(mmap, task, start, length(operation), flags, backing)
    }
    const [file] = this.machine.files
    if (!file.open) this.makeFile(task, file)
    const kind = operation.shared ? VmaKind.file : VmaKind.privateFile
    return this.run(mmap, task, start, length(operation), flags, { kind, file, pgoff: start })
  }

  private makeFile(task: Task, file: AddressSpace): void {
    const ids = file.pages.map((_, page) => this.values.idOf(FILE_CONTENTS + BigInt(page)))
    this.run(memfd_create, task, file, ids)
  }

  /** Each shared mapping has a file of its own. The memory file, if there is one, comes before them. */
  private nextFile(): AddressSpace {
    const { files } = this.machine
    const file = files[this.sharedFrom + this.filesMapped++]
    if (file === undefined)
      throw new SpecificationError('scenario', 'there is no such file: give the oracle the whole sequence')
    return file
  }

  /** Each thread but the first has a CPU of its own; the first has one for each process. */
  private taskOf(operation: Operation): Task {
    const { task } = this.processOf(operation)
    if (this.thread === 0) return task
    const cpu = this.machine.cpus[this.machine.mms.length + this.thread - 1]
    return { ...task, thread: this.thread, cpu }
  }

  private processOf({ inChild }: Operation): Process {
    return inChild ? this.latest : this.processes[0]
  }

  /** The child that was forked last. Each fork has an address space of its own: none is used twice. */
  private get latest(): Process {
    const child = this.processes[this.family.child]
    if (this.family.child === 0 || child === undefined)
      throw new SpecificationError('scenario', 'there is no child: give the oracle the whole sequence')
    return child
  }

  /** The file through which an operation uses its device, the process's own or its parent's; undefined if it is closed. */
  private openFile(operation: Operation & { readonly device: number }): DeviceFile | undefined {
    return this.processOf(operation).open.get(operation.device)
  }

  private fileOf(operation: Operation & { readonly device: number }): DeviceFile {
    const file = this.openFile(operation)
    if (file === undefined) throw new SpecificationError('scenario', `device ${operation.device} is closed`)
    return file
  }

  /** A snapshot's notifier is made for the call and covers just the piece; only its cells were declared before. */
  private snapshot(task: Task, file: DeviceFile, start: number, end: number): Answer {
    const { mirror, slot, snapshotRange } = file
    const { intervals } = mirror.mm.subscriptions
    const prot: number[] = []
    const atOnce = this.machine.rules.dmirrorPages
    for (let at = start; at < end || at === start; at += atOnce) {
      const last = Math.min(at + atOnce, end) - 1
      const known = intervals[slot]
      const notifier: IntervalNotifier =
        known.start === at && known.last === last ? known : withConstants(known, { start: at, last })
      intervals[slot] = notifier
      const ranges = last < at ? [] : [withConstants(snapshotRange, { notifier })]
      const answer = this.run(dmirror_snapshot, task, mirror, ranges)
      if (answer.error) return status(answer.error)
      prot.push(...answer.prot)
    }
    return { rc: 0, cpages: prot.length, prot }
  }

  /** The page table as `/proc/pid/pagemap` shows it: from outside, without any lock. */
  private ptes({ mm }: Task, start: number, end: number): string[] {
    return mm.pte.slice(start, end).map((pte, index) => {
      const isHuge = hugePmdAt(mm, start + index) !== undefined
      const kind = READ_ONCE(pte).kind
      if (kind === PteKind.none) return 'none'
      if (kind === PteKind.swap) return 'swap:0'
      const pfn = READ_ONCE(pte).frame
      const file = releases[this.kernel].showsHugeZeroAsFile ? '+file' : ''
      if (pfn === ZERO_PAGE) return isHuge ? `present+zero${file}+thp` : 'present+zero'
      const mappedOnce = this.isMappedOnce(pfn, mm, start + index)
      switch (kind) {
        // A PROT_NONE entry is present all the same.
        case PteKind.present:
        case PteKind.protnone: {
          const file = isPageCache(this.machine.frames[pfn]) ? '+file' : ''
          const part = this.machine.frames[pfn].compound ? '+thp' : ''
          return `present${mappedOnce ? '+excl' : ''}${file}${part}`
        }
        case PteKind.devicePrivate: {
          const name = READ_ONCE(pte).write ? 'dpriv_w' : 'dpriv_r'
          return mappedOnce && releases[this.kernel].marksDevicePages ? `${name}+excl` : name
        }
        case PteKind.deviceExclusive:
          if (this.machine.rules.exclusiveByPage) return 'dexcl'
          return READ_ONCE(pte).write ? 'dexcl_w' : 'dexcl_r'
        default:
          throw new SpecificationError(
            'scenario',
            `an entry is ${String(READ_ONCE(pte).kind)}, which has no name here`,
          )
      }
    })
  }

  /** Whether the page is shown as mapped once; releases count differently for what one entry maps whole. */
  private isMappedOnce(pfn: number, mm: MmStruct, page: number): boolean {
    const pmd = hugePmdAt(mm, page)
    const isOfHead = pmd !== undefined && releases[this.kernel].countsMappings === CountsMappings.ofHead
    const counted = isOfHead ? pfn - (page - pmd.start) : pfn
    return this.machine.frames[counted].mapcount === 1
  }
}

function length({ start, end }: { readonly start: number; readonly end: number }): number {
  return end - start
}

function status(rc: number): Answer {
  return rc === 0 ? { rc } : { rc, err: errnoName(rc) }
}

function counts(range: { readonly start: number; readonly end: number }, answer: DmirrorAnswer): Answer {
  return { rc: 0, cpages: length(range), faults: answer.faults }
}

function signal(result: number): Answer {
  switch (result) {
    case SEGV_MAPERR:
      return { rc: -1, sig: 'SIGSEGV', code: 'MAPERR' }
    case SEGV_ACCERR:
      return { rc: -1, sig: 'SIGSEGV', code: 'ACCERR' }
    case BUS_ADRERR:
      return { rc: -1, sig: 'SIGBUS', code: 'BUS' }
    default:
      throw new SpecificationError(
        'scenario',
        'the oracle has run out of frames, of which there are enough for every page',
      )
  }
}

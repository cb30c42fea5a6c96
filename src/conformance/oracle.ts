/**
 * The oracle: answers recorded operations by running the same procedures that the checker explores, each to its end
 * and one after another, with the recorded driver on two devices.
 *
 * @module
 */

import { declareMirror, type Mirror } from '../driver/index.js'
import {
  attachDmirrorDevice,
  attachSnapshot,
  type DmirrorAnswer,
  type DmirrorDevice,
  dmirrorCheckAtomic,
  dmirrorClose,
  dmirrorDeviceEvict,
  dmirrorExclusive,
  dmirrorMigrateToDevice,
  dmirrorMigrateToSystem,
  dmirrorOpen,
  dmirrorRead,
  dmirrorSnapshot,
  dmirrorWrite,
  PAGES_AT_A_TIME,
  recordedDriver,
} from '../driver/recorded/index.js'
import { hugePagesOf61 } from '../generations/huge-pages.js'
import {
  BUS_ADRERR,
  closeFile,
  cpuRead,
  cpuWrite,
  declareMachine,
  declareRange,
  Errno,
  errnoName,
  fork,
  type HmmRange,
  hugePmdAt,
  type IntervalNotifier,
  isPageCache,
  type Machine,
  type MachineSize,
  type MmStruct,
  madviseDontneed,
  memfdCreate,
  mmap,
  mmput,
  mprotect,
  mremap,
  munmap,
  PteKind,
  SEGV_ACCERR,
  SEGV_MAPERR,
  type Task,
  VmaKind,
  ZERO_PAGE,
} from '../kernel/index.js'
import {
  Layout,
  type Procedure,
  type SequentialOptions,
  SequentialRunner,
  SpecificationError,
  type World,
} from '../world/index.js'
import type { Operation } from './operations.js'
import type { KernelVersion } from './result.js'
import { DEVICES, FILE_CONTENTS, type FileMapping, sizeOf } from './size.js'
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
  /** What a CPU read. */
  readonly val?: Value
  /** What a device read, by page. */
  readonly vals?: readonly Value[]
  /** Pages that the driver processed. */
  readonly cpages?: number
  /** Faults that the driver took. */
  readonly faults?: number
  /** A byte a page of a snapshot. */
  readonly prot?: readonly number[]
  /** What the CPU page table holds, by page. */
  readonly ptes?: readonly string[]
}

const THREAD = 0
/** The recorded driver names nobody when it takes exclusive access. */
const NOBODY = -1
/** In a child, what is added to a device's number to name its parent's file of the device. */
const INHERITED = 10

/** What has been set up for one device file. */
interface DeviceFile {
  readonly mirror: Mirror
  /** Index, among the notifiers of the address space, of the one that snapshots use while they run. */
  readonly slot: number
  readonly snapshotRange: HmmRange
}

/** A process, and what it can open. */
interface Process {
  readonly task: Task
  readonly files: readonly DeviceFile[]
}

/** Runs procedures, each to its end. */
export type Runner = Pick<SequentialRunner, 'run'>

/** How an oracle may differ from the reference: what an implementation under test overrides, and who looks on. */
export interface OracleOptions extends Pick<SequentialOptions, 'onStep' | 'overrides'> {
  /** Which kernel it answers like, where recorded kernels differ (default 6.1). */
  readonly kernel?: KernelVersion
  /** Who runs its procedures (default one after another, with the first outcome of each step). */
  readonly runner?: Runner
}

/** A fresh process with both devices open and nothing mapped, sized for one sequence. */
export class Oracle {
  /** The machine, to look at. */
  readonly machine: Machine
  /** The mirrors of the first process's devices, to look at. */
  readonly mirrors: readonly Mirror[]
  /** The world as it is after the operations so far. */
  readonly world: World
  private readonly runner: Runner
  private readonly processes: readonly Process[]
  private readonly devices: readonly DmirrorDevice[]
  private readonly values: Values
  private readonly kernel: KernelVersion
  private forks = 0
  private filesMapped = 0

  /**
   * @param operations - the whole sequence: it says how large the world must be, and which values there are
   * @param options - which kernel; who sees the steps as they are taken; other texts for procedures
   */
  constructor(operations: readonly Operation[], options: OracleOptions = {}) {
    this.kernel = options.kernel ?? '6.1'
    const overrides = [...(this.kernel === '6.1' ? hugePagesOf61 : []), ...(options.overrides ?? [])]
    this.runner = options.runner ?? new SequentialRunner({ ...options, overrides })
    this.values = new Values(operations)
    const layout = new Layout({ threads: 1 })
    const size = sizeOf(operations, this.values)
    const isExclusive = operations.some(({ name }) => name === 'exclusive')
    this.machine = declareMachine(layout, size)
    this.processes = this.machine.mms.map((mm) => ({
      task: { thread: THREAD, machine: this.machine, mm, cpu: this.machine.cpus[mm.index] },
      files: DEVICES.map((device) => declareFile(layout, mm, device, size, isExclusive)),
    }))
    this.devices = this.machine.deviceMemory.map((memory, device) =>
      attachDmirrorDevice(
        layout,
        memory,
        this.processes.map(({ files }) => files[device].mirror),
      ),
    )
    this.mirrors = this.processes[0].files.map(({ mirror }) => mirror)
    this.world = layout.initial()
    for (const mirror of this.mirrors) this.run(dmirrorOpen, mirror)
  }

  /** Performs one operation and answers it. */
  perform(operation: Operation): Answer {
    const { task } = this.processOf(operation)
    if ('device' in operation && !isOpen(this.world)(this.fileOf(operation))) return status(-Errno.EBADF)
    switch (operation.name) {
      case 'mmap':
      case 'mmap_huge':
        return status(this.run(mmap, task, operation.start, length(operation), operation.flags))
      case 'mmap_shared':
      case 'mmap_file':
        return status(this.mapFile(task, operation))
      case 'mremap':
        return status(this.run(mremap, task, operation.start, length(operation), operation.to.start))
      case 'munmap':
        return status(this.run(munmap, task, operation.start, length(operation)))
      case 'mprotect':
        return status(this.run(mprotect, task, operation.start, length(operation), operation.flags))
      case 'madv_dontneed':
        return status(this.run(madviseDontneed, task, operation.start, length(operation)))
      case 'cpu_read': {
        const seen = this.run(cpuRead, task, operation.page)
        return seen < 0 ? signal(seen) : { rc: 0, val: this.values.valueOf(seen) }
      }
      case 'cpu_write': {
        const done = this.run(cpuWrite, task, operation.page, this.values.idOf(operation.value))
        return done < 0 ? signal(done) : { rc: 0 }
      }
      case 'dev_read': {
        const { mirror } = this.fileOf(operation)
        const answer = this.run(dmirrorRead, task, mirror, operation.start, operation.end)
        if (answer.error) return status(answer.error)
        return { ...counts(operation, answer), vals: answer.values.map((id) => this.values.valueOf(id)) }
      }
      case 'dev_write': {
        const { mirror } = this.fileOf(operation)
        const ids = valuesWritten(operation).map((value) => this.values.idOf(value))
        const answer = this.run(dmirrorWrite, task, mirror, operation.start, ids)
        return answer.error ? status(answer.error) : counts(operation, answer)
      }
      case 'snapshot':
        return this.snapshot(task, this.fileOf(operation), operation.start, operation.end)
      case 'migrate_to_dev': {
        const { mirror } = this.fileOf(operation)
        const device = this.devices[mirror.owner]
        const answer = this.run(dmirrorMigrateToDevice, task, device, mirror, operation.start, operation.end)
        if (answer.error) return status(answer.error)
        return { rc: 0, cpages: answer.pages, vals: answer.values.map((id) => this.values.valueOf(id)) }
      }
      case 'migrate_to_sys': {
        const { mirror } = this.fileOf(operation)
        const answer = this.run(dmirrorMigrateToSystem, task, mirror, operation.start, operation.end)
        return answer.error ? status(answer.error) : { rc: 0, cpages: answer.pages }
      }
      case 'exclusive': {
        const { mirror } = this.fileOf(operation)
        const answer = this.run(dmirrorExclusive, task, mirror, operation.start, operation.end)
        if (answer.error) return status(answer.error)
        return { rc: 0, cpages: answer.pages, vals: answer.values.map((id) => this.values.valueOf(id)) }
      }
      case 'check_exclusive': {
        const { mirror } = this.fileOf(operation)
        return status(this.run(dmirrorCheckAtomic, mirror, operation.start, operation.end))
      }
      case 'ptes':
        return { rc: 0, ptes: this.ptes(task, operation.start, operation.end) }
      case 'close': {
        const { mirror } = this.fileOf(operation)
        return status(this.run(dmirrorClose, task, mirror, this.devices[mirror.owner]))
      }
      case 'release': {
        const device = this.devices[operation.device]
        if (device) this.run(dmirrorDeviceEvict, task, device)
        return { rc: 0 }
      }
      case 'fork':
        this.forks++
        return status(this.run(fork, task, this.latest.task.mm))
      case 'open': {
        for (const { mirror } of this.processOf(operation).files.filter(
          (file) => !isOpen(this.world)(file),
        )) {
          const error = this.run(dmirrorOpen, mirror)
          if (error) return status(error)
        }
        return { rc: 0 }
      }
      case 'exit':
        this.run(mmput, task, task.mm)
        for (const { mirror } of this.latest.files.filter(isOpen(this.world)))
          this.run(dmirrorClose, task, mirror, this.devices[mirror.owner])
        return { rc: 0 }
    }
  }

  private run<A extends unknown[], R>(procedure: Procedure<A, R>, ...args: A): R {
    return this.runner.run(this.world, THREAD, procedure, ...args)
  }

  /** Each file is one of its own: what was written to an earlier one is not in it. Once it is mapped it is closed. */
  private mapFile(task: Task, operation: Operation & FileMapping): number {
    const file = this.machine.files[this.filesMapped++]
    if (file === undefined)
      throw new SpecificationError('scenario', 'there is no such file: give the oracle the whole sequence')
    const { start, flags } = operation
    if (operation.name === 'mmap_shared') {
      const backing = { kind: VmaKind.sharedAnonymous, file, pgoff: 0 }
      return this.run(mmap, task, start, length(operation), flags, backing)
    }
    const kind = operation.shared ? VmaKind.file : VmaKind.privateFile
    this.run(
      memfdCreate,
      task,
      file,
      file.pages.map((_, page) => this.values.idOf(FILE_CONTENTS + BigInt(page))),
    )
    const error = this.run(mmap, task, start, length(operation), flags, { kind, file, pgoff: start })
    this.run(closeFile, task, file)
    return error
  }

  private processOf({ inChild }: Operation): Process {
    return inChild ? this.latest : this.processes[0]
  }

  /** The child that was forked last. Each fork has an address space of its own: none is used twice. */
  private get latest(): Process {
    const child = this.processes[this.forks]
    if (this.forks === 0 || child === undefined)
      throw new SpecificationError('scenario', 'there is no child: give the oracle the whole sequence')
    return child
  }

  /** The file through which an operation uses its device: the process's own, or its parent's. */
  private fileOf(operation: Operation & { readonly device: number }): DeviceFile {
    const { device } = operation
    return device < INHERITED
      ? this.processOf(operation).files[device]
      : this.processes[0].files[device - INHERITED]
  }

  /** A snapshot's notifier is made for the call and covers just the piece; only its cells were declared before. */
  private snapshot(task: Task, file: DeviceFile, start: number, end: number): Answer {
    const { mirror, slot, snapshotRange } = file
    const { intervals } = mirror.mm.subscriptions
    const prot: number[] = []
    for (let at = start; at < end || at === start; at += PAGES_AT_A_TIME) {
      const last = Math.min(at + PAGES_AT_A_TIME, end) - 1
      const notifier: IntervalNotifier = { ...intervals[slot], start: at, last }
      intervals[slot] = notifier
      const ranges = last < at ? [] : [{ ...snapshotRange, notifier }]
      const answer = this.run(dmirrorSnapshot, task, mirror, ranges)
      if (answer.error) return status(answer.error)
      prot.push(...answer.prot)
    }
    return { rc: 0, cpages: prot.length, prot }
  }

  /** What the page table holds, looked at as `/proc/pid/pagemap` shows it: from outside, without any lock. */
  private ptes({ mm }: Task, start: number, end: number): string[] {
    return mm.pte.slice(start, end).map((pte, index) => {
      const isHuge = hugePmdAt(this.world, mm, start + index) !== undefined
      const kind = pte.kind.readOnce(this.world)
      if (kind === PteKind.none) return 'none'
      const pfn = pte.frame.readOnce(this.world)
      // The huge zero page is a page like others, which is not anonymous.
      if (pfn === ZERO_PAGE) return isHuge ? 'present+zero+file+thp' : 'present+zero'
      const mappedOnce = this.machine.frames[pfn].mapcount.get(this.world) === 1
      switch (kind) {
        // Mapped without permission is present all the same.
        case PteKind.present:
        case PteKind.protnone: {
          const file = isPageCache(this.world, this.machine.frames[pfn]) ? '+file' : ''
          const part = this.machine.frames[pfn].compound?.get(this.world) ? '+thp' : ''
          return `present${mappedOnce ? '+excl' : ''}${file}${part}`
        }
        case PteKind.devicePrivate: {
          const name = pte.write.readOnce(this.world) ? 'dpriv_w' : 'dpriv_r'
          return mappedOnce && this.kernel === '6.1' ? `${name}+excl` : name
        }
        case PteKind.deviceExclusive:
          return pte.write.readOnce(this.world) ? 'dexcl_w' : 'dexcl_r'
        default:
          throw new SpecificationError(
            'scenario',
            `${pte.kind.name} is ${pte.kind.show(this.world)}, which has no name here`,
          )
      }
    })
  }
}

/** True of files that are open. */
function isOpen(w: World) {
  return ({ mirror }: DeviceFile) => mirror.notifier.allocated.get(w) === 1
}

/** What a process needs to open one device: nothing of it is in use until it does. */
function declareFile(
  layout: Layout,
  mm: MmStruct,
  device: (typeof DEVICES)[number],
  size: MachineSize,
  isExclusive: boolean,
): DeviceFile {
  const { intervals } = mm.subscriptions
  const slot = device + DEVICES.length
  const [watching, snapshot] = [intervals[device], intervals[slot]]
  const name = `dmirror${device}${mm.index > 0 ? ` of ${mm.name}` : ''}`
  const mirror = declareMirror(
    layout,
    {
      name,
      owner: device,
      ...(isExclusive ? { exclusiveOwner: NOBODY } : {}),
      notifier: watching,
      threads: [THREAD],
      size,
    },
    recordedDriver,
  )
  attachSnapshot(mirror, snapshot)
  return {
    mirror,
    slot,
    snapshotRange: declareRange(layout, `${name}: snapshot_range`, THREAD, snapshot, size),
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

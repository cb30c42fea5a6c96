/**
 * Device files: the open files of each process, and their lifetime. A file that a child inherits belongs to both processes,
 * mirrors the address space of the one that opened it, and is released when both have closed it.
 *
 * @module
 */
import { declareMirror, type Mirror } from '../driver/index.js'
import { attachSnapshot, recordedDriver, recordedDriverWithFailures } from '../driver/recorded/index.js'
import {
  declareRange,
  type Frame,
  type HmmRange,
  type IntervalNotifier,
  type MachineSize,
  type MmStruct,
} from '../kernel/index.js'
import type { Layout } from '../world/index.js'

/** In a child, the offset from a device's number to the number of the parent's file of the device. */
export const INHERITED = 10
/** The recorded driver passes no owner when it makes pages exclusive. */
const NOBODY = -1

/** The records of one device file, in use while the file is open. */
export interface DeviceFile {
  readonly mirror: Mirror
  /** Index, among the notifiers of the address space, of the one that snapshots use while they run. */
  readonly slot: number
  readonly snapshotRange: HmmRange
  /** Number of processes that have it open. */
  holders: number
}

/** Declares the files that an address space may have open at once, by device. */
export function declareFiles(
  layout: Layout,
  mm: MmStruct,
  devices: readonly number[],
  size: MachineSize,
  of: {
    readonly atOnce: number
    readonly frames: readonly Frame[]
    readonly isExclusive: boolean
    readonly mayFail: boolean
    readonly threads: readonly number[]
  },
): DeviceFile[][] {
  const { intervals } = mm.subscriptions
  return devices.map((device, place) =>
    Array.from({ length: of.atOnce }, (_, copy) => {
      const watching = (copy * devices.length + place) * 2
      const slot = watching + 1
      return declareFile(layout, mm, { device, copy, watching: intervals[watching], slot }, size, of)
    }),
  )
}

function declareFile(
  layout: Layout,
  mm: MmStruct,
  at: {
    readonly device: number
    readonly copy: number
    readonly watching: IntervalNotifier
    readonly slot: number
  },
  size: MachineSize,
  {
    frames,
    isExclusive,
    mayFail,
    threads,
  }: {
    readonly frames: readonly Frame[]
    readonly isExclusive: boolean
    /** Whether an allocation may be made to fail. */
    readonly mayFail: boolean
    readonly threads: readonly number[]
  },
): DeviceFile {
  const snapshot = mm.subscriptions.intervals[at.slot]
  const name = `dmirror${at.device}${at.copy > 0 ? ` (${at.copy})` : ''}${mm.index > 0 ? ` of ${mm.name}` : ''}`
  const mirror = declareMirror(
    layout,
    {
      name,
      owner: at.device,
      ...(isExclusive ? { exclusiveOwner: NOBODY } : {}),
      notifier: at.watching,
      threads,
      size,
      frames,
    },
    mayFail ? recordedDriverWithFailures : recordedDriver,
  )
  attachSnapshot(mirror, snapshot)
  return {
    mirror,
    slot: at.slot,
    snapshotRange: declareRange(
      layout,
      `${name}: snapshot_range`,
      0,
      snapshot,
      size,
      mirror.protection.program,
    ),
    holders: 0,
  }
}

/** The open files of a process, by the number that operations use. */
export class OpenFiles {
  private readonly files = new Map<number, DeviceFile>()

  /** The file, or undefined if it is closed. */
  get(number: number): DeviceFile | undefined {
    return this.files.get(number)
  }

  /** The numbers of all open files. */
  get numbers(): number[] {
    return [...this.files.keys()]
  }

  /** Opens `file` as `number`. */
  add(number: number, file: DeviceFile): void {
    file.holders++
    this.files.set(number, file)
  }

  /**
   * Closes it in this process.
   *
   * @returns the file, if no process has it open any more
   */
  remove(number: number): DeviceFile | undefined {
    const file = this.files.get(number)
    this.files.delete(number)
    if (file === undefined) return undefined
    file.holders--
    return file.holders === 0 ? file : undefined
  }

  /**
   * A child inherits the open files of its parent, under other numbers: those that the parent opened itself first. What that has
   * inherited in its turn stays open too, although no operation can name it.
   */
  inheritedBy(child: OpenFiles): void {
    for (const [number, file] of this.files) child.add(number + INHERITED, file)
  }
}

/** A file of the device that is not in use. */
export function unusedFile(files: readonly DeviceFile[]): DeviceFile | undefined {
  return files.find(({ mirror }) => !mirror.notifier.allocated)
}

/**
 * The recorded driver in a mirroring world: its devices, the files open on them, and the notifiers
 * of its snapshots.
 *
 * @module
 */
import type { Mirror } from '../../src/driver/index.js'
import { attachDmirrorDevice, attachSnapshot, type DmirrorDevice } from '../../src/driver/recorded/index.js'
import { declareRange, type HmmRange, type Machine, type MachineSize } from '../../src/kernel/index.js'
import type { Layout } from '../../src/world/index.js'

/** Options of a scenario with the recorded driver. */
export interface RecordedOptions {
  /** Threads that take snapshots through the first file. */
  readonly snapshots?: readonly number[]
  /**
   * Index of the mirror through which pages were migrated that are on a device initially (default
   * 0).
   */
  readonly filledBy?: number
}

/** The devices of the recorded driver in a world. */
export interface RecordedDevices {
  /** Devices, by owner. */
  readonly devices: readonly DmirrorDevice[]
  /** The ranges for snapshots, by thread. */
  readonly snapshots: ReadonlyMap<number, HmmRange>
  readonly options: RecordedOptions
}

/**
 * The notifiers for snapshots, one for each thread that takes any. Declared after those of the
 * mirrors.
 */
export function snapshotNotifiers(
  { snapshots = [] }: RecordedOptions,
  pages: number,
): MachineSize['intervals'] {
  return snapshots.map((thread) => ({ name: `snapshot[${thread}]`, mm: 0, start: 0, last: pages - 1 }))
}

/**
 * Makes the recorded driver manage the device memory of `machine`. The mirrors are the files open
 * on it.
 */
export function attachRecordedDevices(
  layout: Layout,
  machine: Machine,
  mirrors: readonly Mirror[],
  size: MachineSize,
  options: RecordedOptions,
): RecordedDevices {
  const { snapshots = [] } = options
  const intervals = machine.mms[0].subscriptions.intervals.slice(-snapshots.length)
  return {
    options,
    devices: machine.deviceMemory.map((memory) => attachDmirrorDevice(layout, memory, mirrors)),
    snapshots: new Map(
      snapshots.map((thread, i) => {
        const notifier = intervals[i]
        attachSnapshot(mirrors[0], notifier)
        const { program } = mirrors[0].protection
        return [thread, declareRange(layout, `snapshot_range[${thread}]`, thread, notifier, size, program)]
      }),
    ),
  }
}

/** Records through which file each page was migrated that is on a device initially. */
export function rememberFiles({ devices, options }: RecordedDevices): void {
  for (const { memory, filledBy } of devices)
    memory.frames.forEach((frame, i) => {
      if (frame.refcount > 0) filledBy[i].file = (options.filledBy ?? 0) + 1
    })
}

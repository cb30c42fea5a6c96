/**
 * The recorded driver's side of a mirroring world: its devices, with the files that are open on them, and the
 * notifiers of its snapshots.
 *
 * @module
 */
import type { Mirror } from '../../src/driver/index.js'
import { attachDmirrorDevice, attachSnapshot, type DmirrorDevice } from '../../src/driver/recorded/index.js'
import { declareRange, type HmmRange, type Machine, type MachineSize } from '../../src/kernel/index.js'
import type { Layout } from '../../src/world/index.js'

/** What a scenario asks for beside the mirrors, if the recorded driver is to look after them. */
export interface RecordedOptions {
  /** Threads that take snapshots through the first file. */
  readonly snapshots?: readonly number[]
  /** Index of the mirror through which the pages were filled that are on a device at the beginning (default 0). */
  readonly filledBy?: number
}

/** The recorded driver's devices in a world. */
export interface RecordedDevices {
  /** By owner. */
  readonly devices: readonly DmirrorDevice[]
  /** By thread: what it takes snapshots with. */
  readonly snapshots: ReadonlyMap<number, HmmRange>
  readonly options: RecordedOptions
}

/** The notifiers that snapshots need, to be declared after those of the mirrors: one for each thread that takes any. */
export function snapshotNotifiers(
  { snapshots = [] }: RecordedOptions,
  pages: number,
): MachineSize['intervals'] {
  return snapshots.map((thread) => ({ name: `snapshot[${thread}]`, mm: 0, start: 0, last: pages - 1 }))
}

/** Puts the recorded driver in charge of the memory of `machine`, whose mirrors are the files open on it. */
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

/** Notes of the pages that are on a device at the beginning through which file they were filled. */
export function rememberFiles({ devices, options }: RecordedDevices): void {
  for (const { memory, filledBy } of devices)
    memory.frames.forEach((frame, i) => {
      if (frame.refcount > 0) filledBy[i].file = (options.filledBy ?? 0) + 1
    })
}

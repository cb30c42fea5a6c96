/**
 * The operations of the recordings, as calls of a thread in a mirroring world with the recorded
 * driver.
 *
 * @module
 */
import type { Mirror } from '../../src/driver/index.js'
import {
  dmirror_check_atomic,
  dmirror_device_evict_chunk,
  dmirror_exclusive,
  dmirror_fops_release,
  dmirror_migrate_to_device,
  dmirror_migrate_to_system,
  dmirror_read,
  dmirror_snapshot,
  dmirror_write,
} from '../../src/driver/recorded/index.js'
import {
  cpuRead,
  cpuWrite,
  exit_mm,
  fork,
  madvise_dontneed,
  mprotect,
  munmap,
  type Task,
  VM_READ,
} from '../../src/kernel/index.js'
import { procedure } from '../../src/world/index.js'
import type { Call, MirrorWorld } from '../mirror/scenarios/mirror-world.js'
import { call } from '../mirror/scenarios/mirror-world.js'
import type { RecordedDevices } from './devices.js'

/** The thread that performs an operation, and the page. */
export interface Performer {
  readonly world: MirrorWorld
  /** Index of the thread. */
  readonly thread: number
  readonly page: number
}

/** An operation of a recording on one page. */
export interface Operation {
  /** The calls that it makes. */
  readonly calls: (by: Performer) => readonly Call[]
  /** Index of the file of the device that it uses; absent for an operation of the process. */
  readonly file?: number
  /** True if it evicts the memory of the whole device. It uses no file. */
  readonly evicts?: boolean
  /** True if it makes a page exclusive, or checks for one. */
  readonly exclusive?: boolean
  /**
   * True if a child performs it, which shares the page with its parent. A file of it is the child's
   * own.
   */
  readonly child?: boolean
  /** Number of processes that the scenario needs (default 1). */
  readonly processes?: number
}

const CPU_VALUE = 2
const DEVICE_VALUE = 3

const checkExclusive = procedure(function* check_exclusive(
  _current: Task,
  mirror: Mirror,
  start: number,
  end: number,
) {
  yield* dmirror_check_atomic(mirror, start, end)
})

function recorded({ recorded: devices }: MirrorWorld): RecordedDevices {
  if (devices === undefined) throw new Error('the recorded driver is not in this world')
  return devices
}

/** The device reads the page through `file`. */
function read(file: number): Operation {
  return { file, calls: ({ world, page }) => [call(dmirror_read, world.mirrors[file], page, page + 1)] }
}

function write(file: number): Operation {
  return {
    file,
    calls: ({ world, page }) => [call(dmirror_write, world.mirrors[file], page, [DEVICE_VALUE])],
  }
}

function migrateToDevice(file: number): Operation {
  return {
    file,
    calls: ({ world, page }) => [
      call(dmirror_migrate_to_device, recorded(world).devices[0], world.mirrors[file], page, page + 1),
    ],
  }
}

/** The last user of `file` closes it. */
function close(file: number): Operation {
  return {
    file,
    calls: ({ world }) => [call(dmirror_fops_release, world.mirrors[file], recorded(world).devices[0])],
  }
}

function migrateToSystem(file: number): Operation {
  return {
    file,
    calls: ({ world, page }) => [call(dmirror_migrate_to_system, world.mirrors[file], page, page + 1)],
  }
}

function ofTheChild(operation: Operation): Operation {
  return { ...operation, child: true, processes: 2 }
}

/**
 * The operations, by their names in recordings. Those that use a second file of the device end in
 * `2`.
 */
export const operations = {
  dev_read: read(0),
  dev_write: write(0),
  migrate_to_dev: migrateToDevice(0),
  migrate_to_sys: migrateToSystem(0),
  snapshot: {
    file: 0,
    calls: ({ world, thread }) => {
      const range = recorded(world).snapshots.get(thread)
      return range ? [call(dmirror_snapshot, world.mirrors[0], [range])] : []
    },
  },
  exclusive: {
    file: 0,
    exclusive: true,
    calls: ({ world, page }) => [call(dmirror_exclusive, world.mirrors[0], page, page + 1)],
  },
  check_exclusive: {
    file: 0,
    exclusive: true,
    calls: ({ world, page }) => [call(checkExclusive, world.mirrors[0], page, page + 1)],
  },
  release: {
    evicts: true,
    calls: ({ world }) => [call(dmirror_device_evict_chunk, recorded(world).devices[0])],
  },
  dev_read2: read(1),
  dev_write2: write(1),
  migrate_to_dev2: migrateToDevice(1),
  migrate_to_sys2: migrateToSystem(1),
  /** Closes the second file: no other operation may be using it. */
  close2: close(1),
  cpu_read: { calls: ({ page }) => [call(cpuRead, page)] },
  cpu_write: { calls: ({ page }) => [call(cpuWrite, page, CPU_VALUE)] },
  mprotect: { calls: ({ page }) => [call(mprotect, page, 1, VM_READ)] },
  munmap: { calls: ({ page }) => [call(munmap, page, 1)] },
  madv_dontneed: { calls: ({ page }) => [call(madvise_dontneed, page, 1)] },
  fork: { processes: 2, calls: ({ world }) => [call(fork, world.machine.mms[1])] },
  child_dev_read: ofTheChild(read(1)),
  child_dev_write: ofTheChild(write(1)),
  child_migrate_to_dev: ofTheChild(migrateToDevice(1)),
  child_migrate_to_sys: ofTheChild(migrateToSystem(1)),
  child_close: ofTheChild(close(1)),
  child_read: ofTheChild({ calls: ({ page }) => [call(cpuRead, page)] }),
  child_write: ofTheChild({ calls: ({ page }) => [call(cpuWrite, page, CPU_VALUE)] }),
  child_dontneed: ofTheChild({ calls: ({ page }) => [call(madvise_dontneed, page, 1)] }),
  child_exit: ofTheChild({ calls: () => [call(exit_mm)] }),
  /** The process exits. Another process has inherited its files and still uses them. */
  exit: { calls: () => [call(exit_mm)] },
} satisfies Readonly<Record<string, Operation>>

/** Name of an operation. */
export type OperationName = keyof typeof operations

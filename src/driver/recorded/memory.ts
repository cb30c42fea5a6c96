/**
 * The recorded driver's memory: pages migrate there and back on an ioctl, and back on a CPU fault.
 * Unlike the reference driver it maps pages at the end of their migration, and drops its entries
 * itself, since it ignores invalidations by its own migrations.
 *
 * @see reference E.1
 * @module
 */
import {
  type DeviceFault,
  type DeviceMemory,
  Errno,
  find_vma,
  hasSource,
  isCompound,
  isMigrating,
  type MigrateVma,
  type MmStruct,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  migrateDeviceChunk,
  mmget_not_zero,
  mmput,
  pagesOf,
  partsOf,
  SELECT_COMPOUND,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  type Task,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_READ,
} from '../../kernel/index.js'
import { become, claim, type Layout, procedure, type Running, step } from '../../world/index.js'
import type { Driver } from '../driver.js'
import {
  allocateAndCopy,
  allocateAndCopyPage,
  faultArgs,
  mayWriteMigrated,
  systemFrames,
} from '../memory/device-memory.js'
import type { Mirror } from '../mirror.js'
import { unmapPages } from '../page-table.js'
import { dmirror_do_read } from './access.js'
import { PAGES_AT_A_TIME, recordedDriver } from './fault.js'

/** A device with memory, and the files that are open on it. */
export interface DmirrorDevice {
  readonly memory: DeviceMemory
  readonly mirrors: readonly Mirror[]
  /**
   * For each page of the memory: 0, or the index of the file whose migration last filled it plus 1.
   */
  readonly filledBy: readonly { file: number }[]
}

/** Attaches the recorded driver to `memory`. */
export function attachDmirrorDevice(
  layout: Layout,
  memory: DeviceMemory,
  mirrors: readonly Mirror[],
): DmirrorDevice {
  const filledBy = layout.array(`dmirror_device${memory.owner}`, memory.frames.length, (l) => ({
    file: l.counter('filled_by', mirrors.length),
  }))
  const device: DmirrorDevice = { memory, mirrors, filledBy }
  memory.ops = {
    migrateToRam: procedure(
      `dmirror${memory.owner}: migrate_to_ram`,
      function* (current: Task, mm: MmStruct, page: number, fault: DeviceFault) {
        return yield* dmirror_devmem_fault(current, device, mm, page, fault)
      },
    ),
  }
  return device
}

/** The state of a file whose next allocation can be made to fail. */
interface Failing {
  /** The next allocation fails. */
  failsNext: boolean
}

/** The recorded driver with the state that makes an allocation fail. */
export const recordedDriverWithFailures: Driver = {
  ...recordedDriver,
  state: (layout): Failing => layout.record({ failsNext: layout.flag('fails_next') }),
}

/**
 * The state that makes allocations of the file of `mirror` fail; `undefined` if it was declared
 * without.
 */
export function failingOf(mirror: Mirror): Failing | undefined {
  return mirror.state as Failing | undefined
}

/**
 * Makes the next allocation of this file fail.
 *
 * @kernel HMM_DMIRROR_FLAGS lib/test_hmm.c
 */
export const dmirror_fail_alloc = procedure(function* dmirror_fail_alloc(mirror: Mirror): Running<number> {
  return yield* step('have the next allocation fail', () => {
    const failing = failingOf(mirror)
    if (failing) failing.failsNext = true
    return 0
  })
})

/** The result of a migration. */
export interface MigrationAnswer {
  /** 0, or a negative error number: then user space gets no other field. */
  readonly error: number
  /**
   * The number of pages migrated to system memory, or read back after a migration to the device.
   */
  readonly pages: number
  /** The values read back, by page; empty for a migration to system memory. */
  readonly values: readonly number[]
}

function failed(error: number): MigrationAnswer {
  return { error, pages: 0, values: [] }
}

/**
 * Migrates one chunk, which lies in one VMA. Returns the number of migrated pages, or a negative
 * error number.
 */
type MigratePiece = (current: Task, args: MigrateVma) => Running<number>

/**
 * Migrates the pages from `start` to `end` into the device's memory, as far as possible, and reads
 * all of them back through the device page table, without faults.
 *
 * @returns the values read; -EINVAL for an empty range, or at a VMA without VM_READ, with all pages
 * before it migrated; -ENOENT if the device page table lacks one of the pages
 */
export const dmirror_migrate_to_device = procedure(function* dmirror_migrate_to_device(
  current: Task,
  device: DmirrorDevice,
  mirror: Mirror,
  start: number,
  end: number,
): Running<MigrationAnswer> {
  const piece: MigratePiece = (task, args) => dmirrorMigratePieceToDevice(task, device, mirror, args)
  const moved = yield* migrateAll(current, mirror, start, end, SELECT_SYSTEM, piece)
  if (moved < 0) return failed(moved)
  const values = yield* dmirror_do_read(current, mirror, start, end)
  if (values.length < end - start) return failed(-Errno.ENOENT)
  return { error: 0, pages: values.length, values }
})

/**
 * Migrates the device's own pages from `start` to `end` back to system memory.
 *
 * @returns the number of migrated pages; -EINVAL for an empty range, or at a VMA without VM_READ
 */
export const dmirror_migrate_to_system = procedure(function* dmirror_migrate_to_system(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
): Running<MigrationAnswer> {
  const piece: MigratePiece = (task, args) => migratePieceToSystem(task, mirror, args)
  const moved = yield* migrateAll(current, mirror, start, end, SELECT_DEVICE_PRIVATE, piece)
  return moved < 0 ? failed(moved) : { error: 0, pages: moved, values: [] }
})

/**
 * Migrates all chunks, with a reference to the address space and its mmap lock held for reading
 * throughout.
 */
function* migrateAll(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
  select: number,
  piece: MigratePiece,
): Running<number> {
  const { mm, owner } = mirror
  if (start >= end || !(yield* mmget_not_zero(mm))) return -Errno.EINVAL
  yield* mm.mmapLock.lockRead()
  const { rules, hugePages } = current.machine
  const most = rules.dmirrorLargeFolios ? Math.max(hugePages, PAGES_AT_A_TIME) : PAGES_AT_A_TIME
  const selected = rules.dmirrorLargeFolios ? select | SELECT_COMPOUND : select
  let moved = 0
  for (let at = start; at < end && moved >= 0; ) {
    const next = yield* vma_lookup(mm, at, Math.min(at + most, end))
    const more =
      next < 0 ? next : yield* piece(current, { mm, start: at, end: next, owner, select: selected })
    moved = more < 0 ? more : moved + more
    at = next
  }
  yield* mm.mmapLock.unlockRead()
  yield* mmput(current, mm)
  return moved
}

/**
 * The end of the chunk that starts at `page`: `limit`, or the end of the VMA; -EINVAL without
 * VM_READ.
 */
const vma_lookup = procedure(function* vma_lookup(
  mm: MmStruct,
  page: number,
  limit: number,
): Running<number> {
  const area = yield* find_vma(mm, page, limit)
  const isReadable = yield* step('check VM_READ', () =>
    area.start === page && mm.vma[page].flags & VM_READ ? 1 : 0,
  )
  return isReadable ? area.end : -Errno.EINVAL
})

/**
 * Migrates one chunk in one VMA: collects and copies its pages, and maps them for the device, then
 * for the CPUs.
 */
export const dmirrorMigratePieceToDevice = procedure(
  'dmirror_migrate_to_device (piece)',
  function* (current: Task, device: DmirrorDevice, mirror: Mirror, args: MigrateVma): Running<number> {
    const error = yield* migrate_vma_setup(current, args)
    if (error) return error
    yield* dmirror_migrate_alloc_and_copy(current, device, mirror, args)
    yield* migrate_vma_pages(current, args)
    yield* dmirror_migrate_finalize_and_map(current, mirror, args)
    yield* migrate_vma_finalize(current, args)
    return 0
  },
)

const migratePieceToSystem = procedure(
  'dmirror_migrate_to_system (piece)',
  function* (current: Task, mirror: Mirror, args: MigrateVma): Running<number> {
    const error = yield* migrate_vma_setup(current, args)
    if (error) return error
    yield* dmirror_devmem_fault_alloc_and_copy(current, mirror, args)
    yield* migrate_vma_pages(current, args)
    const moved = yield* step('count what was migrated', () => {
      const entries = pagesOf(current).slice(args.start, args.end)
      return entries.filter((entry) => hasSource(entry) && isMigrating(entry)).length
    })
    yield* migrate_vma_finalize(current, args)
    return moved
  },
)

/** Allocates a device page for each page that migrates, copies the page, and records the file. */
export const dmirror_migrate_alloc_and_copy = procedure(function* dmirror_migrate_alloc_and_copy(
  current: Task,
  device: DmirrorDevice,
  mirror: Mirror,
  args: MigrateVma,
) {
  const { frames } = device.memory
  const failing = failingOf(mirror)
  if (failing) {
    for (let page = args.start; page < args.end; page++)
      yield* allocateAndCopyPage(current, args, page, frames, failing)
  } else yield* allocateAndCopy(current, args, frames)
  const file = device.mirrors.indexOf(mirror) + 1
  yield* step('note the file', () => {
    for (const entry of pagesOf(current).slice(args.start, args.end)) {
      for (const { pfn } of entry.dst ? partsOf(current.machine, entry.dst) : [])
        device.filledBy[pfn - frames[0].pfn].file = file
    }
    return 0
  })
})

/**
 * Maps the migrated pages, under the update lock and without checking the sequence number: writable
 * if the page was mapped writable, or was a hole in a writable VMA.
 */
export const dmirror_migrate_finalize_and_map = procedure(function* dmirror_migrate_finalize_and_map(
  current: Task,
  mirror: Mirror,
  args: MigrateVma,
) {
  yield* mirror.updateLock.lock()
  yield* dmirrorMapMigrated(current, mirror, args)
  yield* mirror.updateLock.unlock()
})

/** The same with the update lock held: one entry in each step. */
export const dmirrorMapMigrated = procedure(
  'dmirror_migrate_finalize_and_map (locked)',
  function* (current: Task, mirror: Mirror, args: MigrateVma) {
    for (let page = args.start; page < args.end; page++)
      yield* step('map a migrated page', () => {
        const entry = pagesOf(current)[page]
        if (!isMigrating(entry) || entry.dst === undefined) return 0
        for (const [index, part] of partsOf(current.machine, entry.dst).entries()) {
          const translation = mirror.pageTable[page + index]
          translation.frame = part
          translation.write = mayWrite(current, args, page)
          translation.atomic = false
          // Here the driver stores the memory behind the device page, to which it has just copied.
          translation.unbacked = false
        }
        return 0
      })
  },
)

/** A hole may be written if its VMA is writable. Newer drivers let the device fault instead. */
function mayWrite(current: Task, args: MigrateVma, page: number): boolean {
  const isNew = !hasSource(pagesOf(current)[page])
  if (isNew && !current.machine.rules.dmirrorWritesNewPages) return false
  return mayWriteMigrated(current, args, page)
}

/**
 * Migration back: drops the mirror's entry of each page that migrates, then copies it to system
 * memory.
 *
 * @returns 0, or VM_FAULT_OOM if no page of system memory was free for one of them, nor for those
 * after it
 */
export const dmirror_devmem_fault_alloc_and_copy = procedure(function* dmirror_devmem_fault_alloc_and_copy(
  current: Task,
  mirror: Mirror,
  args: MigrateVma,
): Running<number> {
  const failing = failingOf(mirror)
  if (failing) return yield* bringBackUntilShort(current, mirror, args, failing)
  // The driver's table has a lock of its own for this. Here it is the lock by which the entries are
  // declared to be guarded.
  yield* mirror.updateLock.critical('drop the entries', () => {
    for (let page = args.start; page < args.end; page++) {
      const entry = pagesOf(current)[page]
      const pages = isCompound(entry) ? current.machine.hugePages : 1
      if (hasSource(entry) && isMigrating(entry)) unmapPages(mirror, { start: page, end: page + pages })
    }
    return 0
  })
  yield* allocateAndCopy(current, args, systemFrames(current))
  return 0
})

/**
 * The same, page by page, for a file whose allocations may fail: the mirror keeps the entry of a
 * page without a destination.
 */
const bringBackUntilShort = procedure(
  'dmirror_devmem_fault_alloc_and_copy (may fail)',
  function* (current: Task, mirror: Mirror, args: MigrateVma, failing: Failing): Running<number> {
    for (let page = args.start; page < args.end; page++) {
      const short = yield* allocateAndCopyPage(current, args, page, systemFrames(current), failing)
      if (short) return VM_FAULT_OOM
      yield* mirror.updateLock.critical('drop the entries', () => {
        const entry = pagesOf(current)[page]
        const pages = isCompound(entry) ? current.machine.hugePages : 1
        if (hasSource(entry) && isMigrating(entry)) unmapPages(mirror, { start: page, end: page + pages })
        return 0
      })
    }
    return 0
  },
)

/**
 * A CPU fault on a device page: migrates this one page back. The entry is dropped from the mirror
 * of the file that last filled the page.
 *
 * @returns 0; VM_FAULT_SIGBUS; VM_FAULT_OOM if no page of system memory was free
 */
export const dmirror_devmem_fault = procedure(function* dmirror_devmem_fault(
  current: Task,
  device: DmirrorDevice,
  mm: MmStruct,
  page: number,
  fault: DeviceFault,
): Running<number> {
  const { frames } = device.memory
  const args = faultArgs(current, mm, page, fault)
  const file = yield* step('look up the file', () => {
    const found = device.filledBy[fault.pfn - frames[0].pfn].file
    const { name, notifier } = device.mirrors[found - 1]
    claim(
      'use-after-free',
      notifier.allocated,
      `frame ${fault.pfn} was filled through the file of ${name}, which is closed and freed`,
    )
    return found
  })
  return yield* become(bringBackOne, current, device.mirrors[file - 1], args)
})

const bringBackOne = procedure(
  'dmirror_devmem_fault (migrate)',
  function* (current: Task, mirror: Mirror, args: MigrateVma): Running<number> {
    if (yield* migrate_vma_setup(current, args)) return VM_FAULT_SIGBUS
    const fault = yield* dmirror_devmem_fault_alloc_and_copy(current, mirror, args)
    yield* migrate_vma_pages(current, args)
    yield* migrate_vma_finalize(current, args)
    return fault
  },
)

/**
 * Evicts every page of the device, of all processes: collects all, then copies all, then maps all.
 * A page that cannot be collected now stays. Mirrors get ordinary invalidations.
 */
export const dmirror_device_evict_chunk = procedure(function* dmirror_device_evict_chunk(
  current: Task,
  device: DmirrorDevice,
): Running<void> {
  const args = yield* migrateDeviceChunk(current, device.memory.frames)
  yield* allocateAndCopy(current, args, systemFrames(current))
  yield* migrate_vma_pages(current, args)
  yield* migrate_vma_finalize(current, args)
})

/**
 * Defects by which a migration collects too many pages, or does not use the pages that migrated.
 *
 * @module
 */
import {
  allocateAndCopy,
  areAllThere,
  evict,
  mapMigrated,
  migrateAllOrNone,
  migrateOneAtATime,
} from '../../../src/driver/index.js'
import {
  Errno,
  migrate_device_coherent_folio,
  migrate_device_unmap,
  migrate_vma_collect,
  migrate_vma_setup,
  SELECT_SYSTEM,
} from '../../../src/kernel/index.js'
import { override } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The mmap lock of the process is held throughout. */
const evictsUnderMmapLock = override(
  evict,
  (original) =>
    function* (current, memory) {
      const { mmapLock } = current.machine.mms[0]
      yield* mmapLock.lockRead()
      yield* original(current, memory)
      yield* mmapLock.unlockRead()
    },
)

/** The pages of any range are collected. */
const setupChecksNothing = override(
  migrate_vma_setup,
  () =>
    function* (current, args) {
      yield* migrate_vma_collect(current, args)
      yield* migrate_device_unmap(current, args)
      return 0
    },
)

/** Every entry that migrates gets a destination. */
const fillsHoles = override(
  allocateAndCopy,
  (original) =>
    function* (current, args, from) {
      return yield* original(current, { ...args, select: args.select | SELECT_SYSTEM }, from)
    },
)

/** The update lock is taken and dropped. */
const mapsNothing = override(
  mapMigrated,
  () =>
    function* (_current, mirror) {
      yield* mirror.updateLock.lock()
      yield* mirror.updateLock.unlock()
    },
)

/** A migrated page is reported as busy, and a page that stayed as migrated. */
const resultIsInverted = override(
  migrate_device_coherent_folio,
  (original) =>
    function* (current, frame) {
      const error = yield* original(current, frame)
      return error ? 0 : -Errno.EBUSY
    },
)

/** The faults of two queues migrate at the same time. */
const migratesWithoutLock = override(
  migrateOneAtATime,
  () =>
    function* (current, mirror, start, end) {
      return yield* migrateAllOrNone(current, mirror, start, end)
    },
)

/** The fault does not check whether the pages are in device memory already. */
const migratesAgain = override(
  areAllThere,
  () =>
    function* () {
      return 0
    },
)

/** Defects of the extent of a migration, and of its result. */
export const migrationExtentDefects: readonly Defect[] = [
  {
    name: 'X370',
    kind: 'mutation',
    title: 'a range of two VMAs is migrated',
    text:
      'migrate_vma_setup() does not check that its range lies in one VMA. Pages of another VMA migrate ' +
      'to the device.',
    source: ['our own', 'reference B.5 step 1', 'mm/migrate_device.c: migrate_vma_setup'],
    requirement: 'migrate-range',
    scenario: 'migrate-across-areas',
    overrides: [setupChecksNothing],
    steps: 2,
  },
  {
    name: 'X371',
    kind: 'mutation',
    title: 'a driver populates holes when it migrates pages back',
    text:
      'The driver allocates a page for each entry that has MIGRATE set, although it selects only its own memory: ' +
      'what the process has discarded takes memory again.',
    source: ['our own', 'reference B.5 step 4', 'lib/test_hmm.c: dmirror_devmem_fault_alloc_and_copy'],
    requirement: 'migrate-range',
    scenario: 'migrate-and-dontneed',
    overrides: [fillsHoles],
    steps: 61,
  },
  {
    name: 'X372',
    kind: 'mutation',
    title: 'what a driver migrates to map it is not mapped',
    text:
      'The driver migrates a page in order to map it for its device, and maps nothing: the device faults again, ' +
      'on a page that is in its memory already.',
    source: ['our own', 'reference B.5 step 6'],
    requirement: 'C36',
    scenario: 'migrate-and-map',
    overrides: [mapsNothing],
    steps: 22,
  },
  {
    name: 'X373',
    kind: 'mutation',
    title: 'the result of migrating a coherent page is inverted',
    text:
      'migrate_device_coherent_folio() returns -EBUSY for a page that has moved, so that a long-term pin fails ' +
      'for nothing, and 0 for one that has not.',
    source: ['our own', 'reference B.5', 'mm/migrate_device.c: migrate_device_coherent_folio'],
    requirement: 'coherent',
    scenario: 'coherent-held',
    overrides: [resultIsInverted],
    steps: 22,
  },
  {
    name: 'X538',
    kind: 'mutation',
    title: 'an eviction goes by the address space of a process',
    text:
      'A driver that wants its memory back takes the mmap lock of the process that had its pages moved there, to look at its areas. A child ' +
      'may have the pages, and whoever wants the memory may hold what is taken under the mmap lock.',
    source: ['our own', 'Documentation/gpu/rfc/gpusvm.rst', 'reference B.8'],
    requirement: 'eviction',
    scenario: 'evict',
    overrides: [evictsUnderMmapLock],
    steps: 1,
  },
  {
    name: 'X338',
    kind: 'history',
    title: 'two faults migrate one range, and neither gets all of it',
    text:
      'A driver maps pages only from the memory of its device, and gives a fault up for now if it did not collect all of ' +
      'them. Without a lock two faults collect one page each, put it back, and try again: the device waits for ever. Fixed by ' +
      'a lock that is held over the migration.',
    source: ['drivers/gpu/drm/xe, commit 0620837490e0', 'mm/migrate_device.c: migrate_vma_collect_pmd'],
    requirement: 'C49',
    scenario: 'migrate-on-fault',
    overrides: [migratesWithoutLock],
    steps: 55,
  },
  {
    name: 'X339',
    kind: 'mutation',
    title: 'a fault migrates again what another fault has brought',
    text:
      'A driver has a lock over its migrations, and does not look whether the pages are there. To collect a page invalidates ' +
      'it: two faults take from each other, in turn, what each has just mapped.',
    source: ['our own', 'drivers/gpu/drm/xe, commit 0620837490e0'],
    requirement: 'C49',
    scenario: 'migrate-on-fault',
    overrides: [migratesAgain],
    steps: 205,
  },
]

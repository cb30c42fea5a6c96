/**
 * Defects and hazards of migration and of faults on device memory.
 *
 * One table, in the order of the reference; that is why it is long.
 *
 * @module
 */
import {
  allocateAndCopy,
  bringBack,
  flushDevice,
  invalidate,
  isOwnMigration,
  lacksWrite,
  migrateToDevice,
  recordAndUnmap,
  unmapPages,
} from '../../../src/driver/index.js'
import { faultWithoutLock, faultWithoutReference } from '../../../src/generations/profiles.js'
import {
  clearMigrationEntry,
  copy_page_range,
  Errno,
  getPage,
  hasSource,
  hmm_vma_walk_pmd,
  isMigrating,
  migrate_device_unmap,
  migrate_vma_collect_pmd,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  PteKind,
  pagesOf,
  RangeResult,
  remove_migration_ptes,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  setPte,
  unlockPage,
  VM_FAULT_SIGBUS,
  type Walked,
} from '../../../src/kernel/index.js'
import { onStep, override, READ_ONCE, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The TLBs are not flushed before the page-table lock is dropped; nor after. */
const noFlush = onStep(migrate_vma_collect_pmd, 'flush every CPU', () => () => 0)

/** The driver ignores the invalidations that it causes itself. */
export const ignoreOwnMigrations = override(
  invalidate,
  (original) =>
    function* (current, mirror, range, curSeq) {
      return isOwnMigration(mirror, range) ? 1 : yield* original(current, mirror, range, curSeq)
    },
)

/**
 * For its own invalidations the driver removes the device's entries, and does not set the sequence
 * number.
 */
const unmapOwnMigrations = override(
  recordAndUnmap,
  (original) =>
    function* (current, mirror, range, curSeq) {
      if (!isOwnMigration(mirror, range)) return yield* original(current, mirror, range, curSeq)
      yield* step('unmap', () => {
        unmapPages(mirror, range)
        return 0
      })
    },
)

/** It empties its device itself, as it must then. */
const unmapAsItMigrates = override(
  migrateToDevice,
  () =>
    function* (current, mirror, start, end) {
      const { mm } = mirror
      const args = { mm, start, end, owner: mirror.owner, select: SELECT_SYSTEM }
      yield* mm.mmapLock.lockRead()
      yield* migrate_vma_setup(current, args)
      yield* mirror.updateLock.lock()
      yield* step('unmap', () => {
        unmapPages(mirror, args)
        return 0
      })
      yield* flushDevice(mirror, args)
      yield* mirror.updateLock.unlock()
      yield* allocateAndCopy(current, args, current.machine.deviceMemory[mirror.owner].frames)
      yield* migrate_vma_pages(current, args)
      yield* migrate_vma_finalize(current, args)
      yield* mm.mmapLock.unlockRead()
      return 0
    },
)

/** Migrated pages are mapped at once, without comparing the sequence number. */
const mapAsItMigrates = override(
  migrateToDevice,
  () =>
    function* (current, mirror, start, end) {
      const { mm } = mirror
      const args = { mm, start, end, owner: mirror.owner, select: SELECT_SYSTEM }
      yield* mm.mmapLock.lockRead()
      yield* migrate_vma_setup(current, args)
      yield* allocateAndCopy(current, args, current.machine.deviceMemory[mirror.owner].frames)
      yield* migrate_vma_pages(current, args)
      yield* mirror.updateLock.lock()
      yield* step('map what was migrated', () => {
        for (let page = start; page < end; page++) {
          const entry = pagesOf(current)[page]
          if (!isMigrating(entry)) continue
          mirror.pageTable[page].frame = entry.dst
          mirror.pageTable[page].write = false
        }
        return 0
      })
      yield* mirror.updateLock.unlock()
      yield* migrate_vma_finalize(current, args)
      yield* mm.mmapLock.unlockRead()
      return 0
    },
)

/** After a failed copy the driver calls migrate_vma_finalize with the destination still in dst. */
const finalizeAfterFailedCopy = override(
  bringBack,
  () =>
    function* (current, mm, page, fault) {
      const { owner } = current.machine.frames[fault.pfn]
      const args = { mm, start: page, end: page + 1, owner, select: SELECT_DEVICE_PRIVATE, fault }
      yield* migrate_vma_setup(current, args)
      const system = current.machine.frames.filter((frame) => frame.owner < 0 && frame.pfn > 0)
      yield* allocateAndCopy(current, args, system)
      yield* migrate_vma_finalize(current, args)
      return VM_FAULT_SIGBUS
    },
)

/** A page that migrated to a device gets a present entry. */
const mapDeviceMemory = override(
  remove_migration_ptes,
  (original) =>
    function* (current, from, to) {
      const { mm, machine } = current
      yield* mm.ptl.critical('make the entry present', () => {
        const pte = mm.pte.find((pte) => pte.kind === PteKind.migration && pte.frame === from.pfn)
        if (pte === undefined) return 0
        clearMigrationEntry(pte)
        setPte(machine, pte, to.pfn, true)
        pte.kind = PteKind.present
        getPage(to)
        return 0
      })
      yield* original(current, from, to)
    },
)

/** migrate_to_ram always returns 0. */
const alwaysBack = override(
  bringBack,
  (original) =>
    function* (current, mm, page, fault) {
      yield* original(current, mm, page, fault)
      return 0
    },
)

/** The driver does not wait for the copy. */
const copyNotAwaited = override(
  allocateAndCopy,
  (original) =>
    function* (current, args, from) {
      const short = yield* original(current, args, from)
      yield* step('nothing has arrived yet', () => {
        for (const entry of pagesOf(current).slice(args.start, args.end))
          if (entry.dst) entry.dst.contents = 0
        return 0
      })
      return short
    },
)

/** A device-private entry stays writable where it is copied. */
const forkKeepsWrite = override(
  copy_page_range,
  (original) =>
    function* (current, child, start, end) {
      const { mm } = current
      const error = yield* original(current, child, start, end)
      for (let page = start; page < end; page++)
        yield* mm.ptl.critical('leave the entry writable', () => {
          if (mm.pte[page].kind === PteKind.devicePrivate) mm.pte[page].write = true
          return 0
        })
      return error
    },
)

/** The folio locks are dropped once the entries are replaced. */
const unlockBeforeCopy = override(
  migrate_device_unmap,
  (original) =>
    function* (current, args) {
      yield* original(current, args)
      yield* step('unlock the pages', () => {
        for (const entry of pagesOf(current).slice(args.start, args.end))
          if (isMigrating(entry) && hasSource(entry)) unlockPage(current.machine.frames[entry.source])
        return 0
      })
    },
)

/** The owner of a device page is not compared. */
const anyOwner = override(
  hmm_vma_walk_pmd,
  (original) =>
    function* (range, request, page) {
      const owner = yield* step('decode the entry', () => {
        const pte = range.notifier.mm.pte[page]
        return READ_ONCE(pte).kind === PteKind.devicePrivate
          ? range.ownerOf(READ_ONCE(pte).frame)
          : request.owner
      })
      return yield* original(range, { ...request, owner }, page)
    },
)

/** A device page of another owner is an error, as before Linux 5.19. */
export const foreignIsError = override(
  hmm_vma_walk_pmd,
  (original) =>
    function* (range, request, page): Running<Walked> {
      const foreign = yield* step('decode the entry', () => {
        const pte = range.notifier.mm.pte[page]
        if (READ_ONCE(pte).kind !== PteKind.devicePrivate) return 0
        if (range.ownerOf(READ_ONCE(pte).frame) === request.owner) return 0
        range.result = RangeResult.failed
        range.lifecycle.signal('FAILED')
        return 1
      })
      return foreign ? { kind: 'error', errno: Errno.EFAULT } : yield* original(range, request, page)
    },
)

/** The driver does not check whether a page with a write request is writable. */
const trustTheWalk = override(
  lacksWrite,
  () =>
    function* () {
      return 0
    },
)

/** Defects and hazards of migration. */
export const migrationDefects: readonly Defect[] = [
  {
    name: 'D4',
    aliases: ['M12'],
    kind: 'history',
    title: 'entries are replaced, and the TLBs are not flushed before the lock is dropped',
    text:
      'A CPU writes, and has its translation, just before the entry is replaced under the page-table lock. ' +
      'The lock is dropped, the page is copied and freed, and the CPU still has the old translation: its ' +
      "write goes to the old page and is lost, or reaches the page's next user. Fixed in 6.0.",
    source: ['reference D4, G.3 M12', 'mm/migrate_device.c, commit 60bae7370896'],
    requirement: 'C47',
    scenario: 'migrate',
    overrides: [noFlush],
    steps: 12,
  },
  {
    name: 'D1',
    aliases: ['M9'],
    kind: 'history',
    title: 'a fault on a device page holds neither a reference nor the lock',
    text:
      'Two CPUs fault on the same device page, and both take it from the entry as they first read it. One ' +
      'migrates it back, and the page is free. The other then asks its owner to migrate a page that is ' +
      'free, or has a new user. Fixed in 6.1.',
    source: ['reference D1, G.3 M9', 'mm/memory.c, commit 16ce101db85d'],
    requirement: 'C31',
    scenario: 'migrate',
    overrides: [faultWithoutReference],
    steps: 51,
  },
  {
    name: 'D6',
    aliases: ['M10'],
    kind: 'history',
    title: 'faults that hold references prevent each other from migrating the page',
    text:
      "Each fault takes a reference, and the migration of each sees the other's as a pin: it restores the " +
      'page, and faults again. While there always is another fault in progress no migration succeeds: a ' +
      'livelock. Fixed in 6.15 by trying the folio lock first. The run is one of an address space without ' +
      'notifiers.',
    source: ['reference D6, G.3 M10', 'mm/memory.c, commit 1afaeb8293c9'],
    requirement: 'C48',
    scenario: 'device-page-faults',
    set: { unmap: 0 },
    overrides: [faultWithoutLock],
    steps: 35,
  },
  {
    name: 'H10',
    aliases: ['M15'],
    kind: 'hazard',
    title: 'a migrated page is mapped without comparing the sequence',
    text:
      'Confirmed on Linux 6.1.192 and 6.12.95. A driver maps the device pages during the migration, relying ' +
      'on the mmap lock to exclude other threads. MADV_DONTNEED needs it for reading only: it calls the ' +
      'driver, whose device maps nothing yet, then the driver maps, then the migration entry is removed ' +
      'without waiting. The device is left with a page that the end of the migration frees. Fixed by not ' +
      'mapping there, and faulting afterwards: the reference does, and holds.',
    source: ['reference B.11 H10, G.3 M15', 'lib/test_hmm.c, drivers/gpu/drm/nouveau'],
    requirement: 'C1',
    scenario: 'migrate-and-dontneed',
    overrides: [mapAsItMigrates],
    steps: 27,
  },
  {
    name: 'H15',
    aliases: ['M31'],
    kind: 'hazard',
    title: 'a migration whose copy failed is finalized as if it had succeeded',
    text:
      'Read off nouveau in Linux 6.12.117. The copy has failed, and the driver calls finalize with the ' +
      'destination in its array, without migrate_vma_pages. The page counts as migrated: the rmap walk ' +
      'starts from the destination, which has no mapping, and replaces no entry; source and destination are ' +
      'released. The migration entry stays, and refers to a free page.',
    source: ['reference B.11 H15, G.3 M31', 'drivers/gpu/drm/nouveau/nouveau_dmem.c'],
    requirement: 'C52',
    scenario: 'migrate',
    overrides: [finalizeAfterFailedCopy],
    steps: 42,
  },
  {
    name: 'D28',
    aliases: ['M19'],
    kind: 'history',
    title: 'the owner of a device page is not compared',
    text:
      "One device has migrated a page into its memory. The walk of the other's driver finds the entry, and " +
      'reports the page as valid. Fixed in 5.7.',
    source: ['reference D28, G.3 M19', 'mm/hmm.c, commit 08ddddda667b'],
    requirement: 'C27',
    scenario: 'two-owners',
    generation: '5.6',
    overrides: [anyOwner],
    steps: 53,
  },
  {
    name: 'D3',
    aliases: ['M19'],
    kind: 'history',
    title: "a page in another device's memory is not faulted in",
    text:
      'The walk returned -EFAULT for a page that its owner would have migrated back on any fault: memory ' +
      'that the process could access, and the device could not. Fixed in 5.19.',
    source: ['reference D3, G.3 M19', 'mm/hmm.c, commit 8a295dbbaf72'],
    requirement: 'C29',
    scenario: 'two-owners',
    overrides: [foreignIsError],
    steps: 52,
  },
  {
    name: 'H1',
    kind: 'hazard',
    title: 'a driver that ignores its own migrations leaves readers with stale pages',
    text:
      'Confirmed on Linux 6.1.192 and 6.12.95. The driver does not set the sequence for the invalidations ' +
      'that it causes itself. A device fault has walked before its driver migrates the page, and maps it ' +
      'afterwards: the sequence is unchanged, and the device maps a page whose data has moved. Fixed by ' +
      'setting the sequence on its own events too: the reference does, and holds.',
    source: ['reference B.11 H1, C41', 'lib/test_hmm.c'],
    requirement: 'C1',
    scenario: 'migrate-while-faulting',
    overrides: [unmapOwnMigrations],
    steps: 21,
  },
  {
    name: 'X36',
    kind: 'mutation',
    title: 'a driver that ignores its own migrations leaves its device mappings in place',
    text:
      "The callback ignores the driver's own events, and the driver empties its device after " +
      'migrate_vma_setup. In between the page is collected, and the device still writes to it.',
    source: ['our own', 'reference C41, B.11 H1', 'lib/test_hmm.c: dmirror_interval_invalidate'],
    requirement: 'C41',
    scenario: 'migrate-while-faulting',
    overrides: [ignoreOwnMigrations, unmapAsItMigrates],
    steps: 15,
  },
  {
    name: 'X31',
    kind: 'mutation',
    title: 'a device page is mapped by a present entry',
    text:
      'When a page has migrated to a device its entry is made present: CPUs would access memory that they ' +
      'cannot reach.',
    source: ['our own', 'reference C28, B.5 step 7'],
    requirement: 'C28',
    scenario: 'migrate',
    overrides: [mapDeviceMemory],
    steps: 20,
  },
  {
    name: 'X32',
    kind: 'mutation',
    title: 'migrate_to_ram reports success for a page that it could not migrate',
    text:
      'No memory is free for it, and the callback returns 0. The CPU accesses the page again, faults ' +
      'again, and so on until memory is available.',
    source: ['our own', 'reference C30, B.6'],
    requirement: 'C30',
    scenario: 'short-of-memory',
    overrides: [alwaysBack],
    steps: 24,
  },
  {
    name: 'X33',
    kind: 'mutation',
    title: 'the migration ends before the copy is complete',
    text: 'The copy is started and not waited for: the entry already refers to a page without data.',
    source: ['our own', 'reference C38, C39'],
    requirement: 'C38',
    scenario: 'migrate',
    overrides: [copyNotAwaited],
    steps: 20,
  },
  {
    name: 'X34',
    kind: 'mutation',
    title: 'fork leaves a device page writable',
    text:
      'The entry of the parent is copied and stays writable: its device would write to a page shared with ' +
      'the child.',
    source: ['our own', 'reference C42'],
    requirement: 'C42',
    scenario: 'migrate-and-fork',
    overrides: [forkKeepsWrite],
    steps: 36,
  },
  {
    name: 'X35',
    kind: 'mutation',
    title: 'pages are unlocked during their migration',
    text:
      'The folio lock is dropped once the entries are replaced: threads that wait for the end of the ' +
      'migration are released too early.',
    source: ['our own', 'reference C51, B.5'],
    requirement: 'C51',
    scenario: 'migrate',
    overrides: [unlockBeforeCopy],
    steps: 16,
  },
  {
    name: 'H4',
    kind: 'hazard',
    title: "a read-only page of the driver's own memory satisfies a write request",
    text:
      "The walk reports a driver's own page as is: VALID, without WRITE although that was requested. A " +
      'driver that does not check maps it, the device faults again at once, and so on for ever: the ' +
      'trace ends in that loop. Fixed by checking, and migrating the page back so that a write fault ' +
      'can be taken: the reference does, and holds.',
    source: ['reference B.11 H4, B.3.1 note (b)', 'mm/hmm.c'],
    requirement: 'C49',
    scenario: 'migrate-holes',
    overrides: [trustTheWalk],
    steps: 67,
  },
]

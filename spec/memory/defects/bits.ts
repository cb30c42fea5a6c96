/**
 * Defects of the bits of entries and pages: bits that are lost or read at the wrong position, and
 * dirty pages taken for clean.
 *
 * One table; that is why it is long.
 *
 * @module
 */
import {
  flushDevice,
  pageAddress,
  program,
  rangeOf,
  recordAndUnmap,
  unmapPages,
} from '../../../src/driver/index.js'
import {
  addToSwapCache,
  change_prot_numa,
  collectEntry,
  type EntryState,
  encodeEntry,
  entryState,
  folio_lock,
  folio_migrate_mapping,
  folioFreeSwap,
  HMM_PFN_WRITE,
  hasSource,
  invalidateRangeEnd,
  invalidateRangeStart,
  isMigrating,
  MIGRATE_PFN_MOVED,
  migrateEntry,
  migrateVmaCollectPte,
  mmu_interval_set_seq,
  NotifyEvent,
  ownReferences,
  type Pte,
  PteKind,
  pagesOf,
  pteDirty,
  ptePfn,
  pteSoftDirty,
  pteUffdWp,
  pteWrite,
  remove_migration_ptes,
  stopMigrating,
  swapCacheReferences,
  try_to_migrate_one,
  try_to_unmap,
  try_to_unmap_one,
  Unmapped,
  unlockPage,
  unmapEntry,
} from '../../../src/kernel/index.js'
import { onStep, override, READ_ONCE, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'
import { emptyMirror } from '../../mirror/scenarios/notifiers.js'

type Read = (pte: Pte) => EntryState

/** Collecting reads the entry with `read`. */
function collectReading(read: Read) {
  return onStep(
    migrateVmaCollectPte,
    'collect an entry',
    (_original, current, args, page) => () => collectEntry(current, args, page, read),
  )
}

/** The rmap walk reads the entry with `read`. */
function migrateReading(read: Read) {
  return onStep(
    try_to_migrate_one,
    'replace the entry',
    (_original, current, mm, page, frame) => () => migrateEntry(current, mm, page, frame, read),
  )
}

/** The dirty bit is not read. */
const withoutDirty: Read = (pte) => ({ ...entryState(pte), dirty: false })

/** The dirty bit is read as in a present entry. */
const dirtyOfPresent: Read = (pte) => ({ ...entryState(pte), dirty: pteDirty(encodeEntry(pte)) })

/** The write bit is read as in a present entry. */
const writeOfPresent: Read = (pte) => ({ ...entryState(pte), write: pteWrite(encodeEntry(pte)) })

/** The marks are read as in a present entry. */
const marksOfPresent: Read = (pte) => {
  const entry = encodeEntry(pte)
  return { ...entryState(pte), softDirty: pteSoftDirty(entry), uffdWp: pteUffdWp(entry) }
}

/** The page is computed from the frame number as in a present entry. */
const pageOfPresent = onStep(
  try_to_migrate_one,
  'replace the entry',
  (_original, current, mm, page, frame) => () => {
    const pfn = ptePfn(encodeEntry(mm.pte[page]))
    const replaced = migrateEntry(current, mm, page, frame)
    if (replaced) mm.pte[page].frame = pfn
    return replaced
  },
)

/** The entry that a migration restores is clean. */
const comesBackClean = onStep(
  remove_migration_ptes,
  'replace a migration entry',
  (original, { machine }, _from, to) =>
    (choice) => {
      const answer = original(choice)
      for (const { pte } of machine.mms)
        for (const entry of pte)
          if (entry.frame === to.pfn && entry.kind === PteKind.present) entry.dirty = false
      return answer
    },
)

/** The page leaves the swap cache, and its references are counted, and its place filled, as if it were there. */
const staleMapping = override(
  folio_migrate_mapping,
  (original) =>
    function* (current, args, page) {
      const entry = pagesOf(current)[page]
      const done = yield* step('move what is known, with the mapping of before', () => {
        const { frames } = current.machine
        if (entry.dst === undefined || !isMigrating(entry) || !hasSource(entry)) return 0
        const source = frames[entry.source]
        const destination = entry.dst
        if (swapCacheReferences(source) === 0) return 0
        const slot = source.swapCache ?? 0
        if (!folioFreeSwap(current.machine, source) || source.refcount !== ownReferences(args, source) + 1) {
          stopMigrating(entry)
          return 1
        }
        source.refcount -= 1
        addToSwapCache(destination, slot)
        entry.flags = entry.flags | MIGRATE_PFN_MOVED
        return 1
      })
      return done ? 0 : yield* original(current, args, page)
    },
)

/** The driver unmaps pages without marking them dirty. */
export const writesUntold = onStep(
  recordAndUnmap,
  'set_seq and unmap',
  (_original, _current, mirror, range, curSeq) => () => {
    mmu_interval_set_seq(mirror.notifier, curSeq)
    unmapPages(mirror, range)
    return 0
  },
)

/** The driver closes its mirror without marking pages dirty. */
const closeUntold = override(
  emptyMirror,
  () =>
    function* (_current, mirror) {
      const everything = { start: mirror.notifier.start, end: mirror.notifier.last + 1 }
      yield* mirror.updateLock.lock()
      yield* step('unmap everything', () => {
        unmapPages(mirror, everything)
        return 0
      })
      yield* flushDevice(mirror, everything)
      yield* mirror.updateLock.unlock()
    },
)

/** Each page that is mapped for writing is locked, marked and unlocked before. */
const dirtyWithFolioLock = override(
  program,
  (original) =>
    function* (current, mirror, start, end) {
      const { frames } = current.machine
      const range = rangeOf(mirror, current)
      for (let page = start; page < end; page++) {
        const pfn = yield* step('look at the struct page', () =>
          range.pfns[page].flags & HMM_PFN_WRITE ? pageAddress(mirror, range, page) : 0,
        )
        if (pfn === 0) continue
        yield* folio_lock(frames[pfn])
        yield* step('mark and unlock the page', () => {
          frames[pfn].dirty = true
          unlockPage(frames[pfn])
          return 0
        })
      }
      return yield* original(current, mirror, start, end)
    },
)

/** Reclaim ignores the dirty bit of the entry that it replaces. */
const unmapWithoutDirty = onStep(
  try_to_unmap_one,
  'replace the entry',
  (_original, current, mm, page, frame) => () => unmapEntry(current, mm, page, frame, withoutDirty),
)

/** Reclaim replaces the entry without an invalidation. */
const unmapUntold = override(
  try_to_unmap,
  () =>
    function* (current, mm, frame) {
      const page = yield* step('walk the mappings', () =>
        mm.pte.findIndex(
          (pte) => READ_ONCE(pte).kind === PteKind.present && READ_ONCE(pte).frame === frame.pfn,
        ),
      )
      return page >= 0 && (yield* try_to_unmap_one(current, mm, page, frame)) === Unmapped.kept
    },
)

/** The swap entry has no marks. */
const swapWithoutMarks = onStep(
  try_to_unmap_one,
  'replace the entry',
  (_original, current, mm, page, frame) => () => {
    const replaced = unmapEntry(current, mm, page, frame)
    if (replaced) {
      mm.pte[page].softDirty = false
      mm.pte[page].uffdWp = false
    }
    return replaced
  },
)

/** NUMA hinting invalidates, and changes no entry. */
const hintNothing = override(
  change_prot_numa,
  () =>
    function* (current, page, pages) {
      const { mm } = current
      yield* mm.mmapLock.lockRead()
      yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_VMA, page, page + pages)
      yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_VMA, page, page + pages)
      yield* mm.mmapLock.unlockRead()
    },
)

/** Defects of bits and of swap. */
export const bitDefects: readonly Defect[] = [
  {
    name: 'D5',
    aliases: ['M13'],
    kind: 'history',
    title: 'collecting a page drops the dirty bit of its entry',
    text:
      'A page has come back from swap by a read: its slot has the same contents, and the page is clean. A ' +
      'CPU writes to it, which only the dirty bit of the entry records. The migration replaces the entry ' +
      'and drops the bit. If the page then stays, for whatever reason, reclaim drops it as clean, and the ' +
      'old copy comes back. Fixed in 6.0: the bit is transferred to the page.',
    source: ['reference D5, G.3 M13', 'mm/migrate_device.c, commit fd35ca3d12cc'],
    requirement: 'C39',
    scenario: 'swap-and-migrate',
    overrides: [collectReading(withoutDirty)],
    steps: 10,
  },
  {
    name: 'D11',
    kind: 'history',
    title: 'the dirty bit of a device-private entry is read as if the page were present',
    text:
      'In an entry that is not present one of the two dirty bits is part of the offset, which is stored ' +
      'inverted: it is always set. Every page that comes from a device counts as dirty. Fixed by testing ' +
      'whether the entry is present.',
    source: ['reference D11', 'mm/migrate_device.c, commit 63867c82d0c0'],
    requirement: 'C39',
    scenario: 'keep-the-entry',
    overrides: [collectReading(dirtyOfPresent)],
    steps: 9,
  },
  {
    name: 'D12',
    kind: 'history',
    title: 'a page that has left the swap cache is migrated as if it were there',
    text:
      'migrate_vma_pages reads the mapping of the page, removes the page from the swap cache, and continues ' +
      'with the stale mapping. It expects one reference too many. Without another reference the page does ' +
      'not migrate. With one, such as that of a CPU that found the page in the swap cache and waits for its ' +
      'lock, the page migrates although it is referenced, and the slot, which may have been reused by now, ' +
      'refers to device memory. Fixed by reading the mapping again.',
    source: ['reference D12', 'mm/migrate_device.c: __migrate_device_pages'],
    requirement: 'C39',
    scenario: 'migrate-from-swap',
    overrides: [staleMapping],
    steps: 34,
  },
  {
    name: 'D18',
    kind: 'history',
    title: 'the page of a device-private entry is computed from an invalid frame number',
    text:
      'The rmap walk computes from the frame number of the entry which part of a large page it maps. In an ' +
      'entry that is not present that number is something else, and the migration entry refers to a page ' +
      'that is not locked. Fixed in 5.3: a device page is used as it is.',
    source: ['reference D18', 'mm/rmap.c, commit 1de13ee59225'],
    requirement: 'C39',
    scenario: 'keep-the-entry',
    overrides: [pageOfPresent],
    steps: 9,
  },
  {
    name: 'D23',
    aliases: ['M23'],
    kind: 'history',
    title: 'the write bit of a device-private entry is read as if the page were present',
    text:
      'The write bit of a present entry is the soft-dirty bit of an entry that is not present. A writable ' +
      'page comes back read-only, and costs a needless fault; a read-only one that is soft-dirty would come ' +
      'back writable. Fixed in 4.17: the migration entry follows what was collected.',
    source: ['reference D23, G.3 M23', 'mm/migrate.c, commit 07707125aec6'],
    requirement: 'C39',
    scenario: 'keep-the-entry',
    generation: '4.17',
    overrides: [collectReading(writeOfPresent)],
    steps: 5,
  },
  {
    name: 'D44',
    kind: 'history',
    title: 'soft-dirty and uffd-wp of a device-private entry are read as if the page were present',
    text:
      'The soft-dirty and uffd-wp bits of a present entry are bits of the offset in an entry that is not ' +
      'present: whether a page is soft-dirty, or write-protected by userfaultfd, depends on its position in ' +
      'the device. Fixed in 5.9: the accessor is chosen by presence.',
    source: ['reference D44', 'mm/rmap.c, commit ad7df764b7e1'],
    requirement: 'C39',
    scenario: 'keep-the-entry',
    overrides: [migrateReading(marksOfPresent)],
    steps: 9,
  },
  {
    name: 'H23',
    kind: 'hazard',
    title: 'a walk with a write request accepts a clean page',
    text:
      'A page that came back from swap by a read is writable and clean. A walk with a write request finds ' +
      'it writable and takes no fault, so no dirty bit is set, and the device writes past all of them. A ' +
      'driver that relies on the walk unmaps the page for reclaim without marking it dirty; reclaim drops ' +
      'it as clean, and the old copy comes back. Fixed by set_page_dirty for every page that the device ' +
      'could write, before the callback returns: the reference does, and holds.',
    source: ['our own', 'reference B.4 X4', 'mm/hmm.c: hmm_pte_need_fault', 'mm/memory.c: do_swap_page'],
    requirement: 'C39',
    scenario: 'swap',
    overrides: [writesUntold],
    steps: 22,
  },
  {
    name: 'X337',
    kind: 'hazard',
    title: 'the write of a device to lazily freed memory is dropped',
    text:
      'After madvise(MADV_FREE) reclaim may drop a page until it is written again. The device writes ' +
      'to it through an existing entry, and its driver unmaps it for reclaim without marking it dirty: ' +
      'reclaim takes the page for clean, and the write is lost. Fix: as for H23.',
    source: ['our own', 'reference B.2, B.4 X4', 'mm/rmap.c: try_to_unmap_one'],
    requirement: 'C39',
    scenario: 'advise',
    overrides: [writesUntold],
    steps: 41,
  },
  {
    name: 'X317',
    kind: 'mutation',
    title: 'the entry that a migration restores is clean',
    text:
      'remove_migration_pte() ignores the dirty bit of the migration entry: the page is dirty and its ' +
      'entry is not, so the next CPU write sets the bit again.',
    source: ['our own', 'reference B.5 step 7', 'mm/migrate.c: remove_migration_pte'],
    requirement: 'C39',
    scenario: 'swap-and-migrate',
    overrides: [comesBackClean],
    steps: 37,
  },
  {
    name: 'X51',
    kind: 'mutation',
    title: 'reclaim drops the dirty bit of the entry that it replaces',
    text:
      'The page is in the swap cache, and a CPU has written to it since. Reclaim takes it for clean, and ' +
      'the old copy comes back.',
    source: ['our own', 'reference B.2', 'mm/rmap.c: try_to_unmap_one'],
    requirement: 'C39',
    scenario: 'swap',
    overrides: [unmapWithoutDirty],
    steps: 11,
  },
  {
    name: 'X52',
    kind: 'mutation',
    title: 'reclaim sends no notification',
    text: 'The entry of a page is replaced by a swap entry, and a device still maps the page.',
    source: ['our own', 'reference B.2', 'mm/rmap.c: try_to_unmap_one'],
    requirement: 'C2',
    scenario: 'swap',
    overrides: [unmapUntold],
    steps: 4,
  },
  {
    name: 'D34',
    kind: 'history',
    title: 'a driver waits for the folio lock under its update lock, to mark a page dirty',
    text:
      'The driver has validated its walk and marks the pages that it maps with set_page_dirty_lock, while ' +
      'it holds the lock that its callback takes. Reclaim has locked the page and waits in that callback: a ' +
      'deadlock. Fixed by not taking the folio lock: the page cannot be freed there, and set_page_dirty ' +
      'needs nothing else; or by marking the page before the update lock is taken. The actual fix was to ' +
      'mark nothing (H23).',
    source: [
      'reference D34, B.0',
      'drivers/gpu/drm/xe/xe_hmm.c, commit 2577b202458c (drm/xe/userptr: fix notifier vs folio deadlock)',
    ],
    requirement: 'C18',
    scenario: 'swap',
    overrides: [dirtyWithFolioLock],
    steps: 12,
  },
  {
    name: 'X54',
    kind: 'mutation',
    title: 'a driver that closes its mirror does not mark the pages dirty that its device has written',
    text:
      'No callback comes after the removal, so the driver must mark the pages dirty when it empties the ' +
      'device. Without that the page counts as clean, reclaim drops it, and the old copy comes back.',
    source: ['our own', 'reference B.4 X4'],
    requirement: 'C39',
    scenario: 'swap-and-close',
    overrides: [closeUntold],
    steps: 18,
  },
  {
    name: 'X404',
    kind: 'mutation',
    title: 'reclaim drops soft-dirty and uffd-wp of the entry that it replaces',
    text:
      'The swap entry has no marks. When the page comes back, userfaultfd does not learn of the next write, and ' +
      'the page counts as not written.',
    source: ['our own', 'mm/rmap.c: try_to_unmap_one'],
    requirement: 'write-tracking',
    scenario: 'swap-tracked',
    overrides: [swapWithoutMarks],
    steps: 4,
  },
  {
    name: 'X405',
    kind: 'mutation',
    title: 'NUMA hinting changes no entry',
    text:
      'change_prot_numa notifies and makes no entry PROT_NONE: no CPU faults, and the kernel does not learn ' +
      'where the page is used. The mirror has been invalidated in vain.',
    source: ['our own', 'mm/mempolicy.c: change_prot_numa'],
    requirement: 'system-calls',
    scenario: 'numa-hinting',
    overrides: [hintNothing],
    steps: 0,
  },
]

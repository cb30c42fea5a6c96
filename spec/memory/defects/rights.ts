/**
 * Defects by which entries grant more than VMAs, or TLBs more than entries.
 *
 * @module
 */
import {
  change_protection,
  clearPte,
  cpuWrite,
  flush_tlb_range,
  invalidateRangeEnd,
  invalidateRangeStart,
  isExclusive,
  mapsPage,
  markMoved,
  migrate_vma_insert_page,
  mprotect,
  NotifyEvent,
  PteKind,
  pagesOf,
  removeRmap,
  stopMigrating,
  VM_WRITE,
  ZERO_PAGE,
  zap_pte_range,
} from '../../../src/kernel/index.js'
import { onStep, override } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** mprotect invalidates, and changes no entry. */
const changeNoEntry = override(
  change_protection,
  () =>
    function* (current, mm, start, end) {
      yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
      yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
    },
)

/** The TLBs are not flushed. */
const flushNothing = override(flush_tlb_range, () => function* () {})

/** A migration replaces the zero page without a TLB flush. */
const replaceZeroPageUnflushed = override(
  migrate_vma_insert_page,
  (original) =>
    function* (current, args, page) {
      const pte = args.mm.pte[page]
      yield* args.mm.ptl.critical('clear the entry of the zero page', () => {
        if (pte.kind === PteKind.present && pte.frame === ZERO_PAGE) clearPte(current.machine, pte)
        return 0
      })
      yield* original(current, args, page)
    },
)

/** The CPU reads the page table before each write. */
const looksUpEachWrite = onStep(cpuWrite, 'write', (original, { cpu }, page) => (choice) => {
  const entry = cpu.tlb[page]
  entry.frame = undefined
  entry.write = false
  entry.dirty = false
  return original(choice)
})

/** mprotect makes entries writable whose writes are tracked. */
const writableWithoutFault = override(
  change_protection,
  (original) =>
    function* (current, mm, start, end, flags) {
      yield* original(current, mm, start, end, flags)
      if (!(flags & VM_WRITE)) return
      for (let page = start; page < end; page++)
        yield* mm.ptl.critical('make the entry writable', () => {
          if (isExclusive(current, mm, page)) mm.pte[page].write = true
          return 0
        })
    },
)

/** mprotect returns without an effect. */
const protectNothing = override(
  mprotect,
  () =>
    function* ({ mm }, _page, _pages, _flags) {
      yield* mm.mmapLock.lockWrite()
      yield* mm.mmapLock.unlockWrite()
      return 0
    },
)

/** A hole counts as migrated without a mapping. */
const countWithoutMapping = override(
  migrate_vma_insert_page,
  () =>
    function* (current, { mm }, page) {
      const entry = pagesOf(current)[page]
      yield* mm.ptl.critical('map nothing', () => {
        if (entry.dst === undefined) stopMigrating(entry)
        else markMoved(entry)
        return 0
      })
    },
)

/** The mapping of a page is dropped twice. */
const dropMappingTwice = override(
  zap_pte_range,
  (original) =>
    function* (current, mm, start, end) {
      const pte = mm.pte[start]
      const pfn = yield* mm.ptl.critical('clear an entry, and drop its mapping again', () => {
        if (!mapsPage(pte)) return -1
        const cleared = clearPte(current.machine, pte)
        removeRmap(current.machine.frames[cleared])
        return cleared
      })
      const gathered = yield* original(current, mm, start, end)
      return pfn < 0 ? gathered : [pfn, ...gathered]
    },
)

/** Defects of rights. */
export const rightsDefects: readonly Defect[] = [
  {
    name: 'X300',
    kind: 'mutation',
    title: 'mprotect changes the VMA and not its entries',
    text:
      'change_protection() notifies and changes no entry: CPUs and, after the next fault, devices write to ' +
      'pages that the VMA makes read-only.',
    source: ['our own', 'reference B.2 (mprotect)'],
    requirement: 'area-rights',
    scenario: 'mprotect',
    overrides: [changeNoEntry],
    steps: 10,
  },
  {
    name: 'X301',
    kind: 'mutation',
    title: 'mprotect does not flush',
    text: 'mprotect returns, and a CPU still writes to a read-only page through its TLB.',
    source: ['our own', 'reference B.2 (mprotect)'],
    requirement: 'C47',
    scenario: 'mprotect',
    overrides: [flushNothing],
    steps: 12,
  },
  {
    name: 'X316',
    kind: 'mutation',
    title: 'a CPU reads the page table before each write',
    text:
      'A CPU that reads the page table although its TLB permits the access never writes through a ' +
      'stale translation: the model would hide every missing flush.',
    source: ['our own', 'Documentation/core-api/cachetlb.rst'],
    requirement: 'C47',
    scenario: 'fork-and-write',
    overrides: [looksUpEachWrite],
    steps: 12,
  },
  {
    name: 'X302',
    kind: 'mutation',
    title: 'fork does not flush',
    text:
      'fork write-protects the entries of the parent, and a CPU of the parent still writes through its TLB: to ' +
      'pages that the child has as well.',
    source: ['our own', 'reference B.2 (fork)'],
    requirement: 'C47',
    scenario: 'fork-and-write',
    overrides: [flushNothing],
    steps: 16,
  },
  {
    name: 'X303',
    kind: 'mutation',
    title: 'NUMA hinting does not flush',
    text: 'An entry is made PROT_NONE, and a CPU that has it in its TLB does not fault: the hint is lost.',
    source: ['our own', 'reference B.2 (NUMA hinting)'],
    requirement: 'C47',
    scenario: 'numa-hinting',
    overrides: [flushNothing],
    steps: 11,
  },
  {
    name: 'X304',
    kind: 'mutation',
    title: 'a migration replaces the zero page without a flush',
    text:
      'migrate_vma_insert_page() maps the new page in the place of the zero page and does not flush: a CPU ' +
      'continues to read zeroes.',
    source: ['our own', 'reference B.5 step 5', 'mm/migrate_device.c: migrate_vma_insert_page'],
    requirement: 'C47',
    scenario: 'migrate-holes',
    overrides: [replaceZeroPageUnflushed],
    steps: 29,
  },
  {
    name: 'X309',
    kind: 'mutation',
    title: 'a mapping is dropped twice',
    text:
      'A zap drops the mapping of a page that has no other twice: _mapcount is below zero. D58 is the same for a huge page in ' +
      'device memory.',
    source: ['our own', 'mm/rmap.c: folio_remove_rmap_ptes'],
    requirement: 'use-after-free',
    scenario: 'munmap',
    overrides: [dropMappingTwice],
    steps: 9,
  },
  {
    name: 'X305',
    kind: 'mutation',
    title: 'mprotect changes nothing',
    text: 'mprotect takes the mmap lock, drops it, and returns 0: neither the VMA nor an entry has changed.',
    source: ['our own', 'reference B.2 (mprotect)'],
    requirement: 'system-calls',
    scenario: 'mprotect',
    overrides: [protectNothing],
    steps: 2,
  },
  {
    name: 'X379',
    kind: 'mutation',
    title: 'mprotect does not check whether writes are tracked',
    text:
      'mprotect makes an entry writable again although it is not soft-dirty, or userfaultfd has ' +
      'write-protected it: the next write does not fault, and is not tracked.',
    source: ['our own', 'reference B.2 (mprotect)', 'mm/mprotect.c: can_change_pte_writable'],
    requirement: 'write-tracking',
    scenario: 'mprotect-tracked',
    overrides: [writableWithoutFault],
    steps: 28,
  },
  {
    name: 'X306',
    kind: 'mutation',
    title: 'a migration counts a hole as migrated and does not map it',
    text:
      'migrate_vma_insert_page() leaves MIGRATE set and maps no page: the driver takes the page for ' +
      'migrated, and no page table maps it.',
    source: ['our own', 'reference B.5 step 5', 'mm/migrate_device.c: migrate_vma_insert_page'],
    requirement: 'C52',
    scenario: 'migrate-holes',
    overrides: [countWithoutMapping],
    steps: 22,
  },
]

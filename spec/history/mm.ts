/**
 * Bugs of mm/.
 *
 * @module
 */
import type { HistoricBug } from './bug.js'

const HUGETLB = 'pages of hugetlb are not made exclusive in the model'
const HUGE_ENTRIES = 'a PMD that maps device memory is no entry of the model'

/** Bugs of mm/hmm.c, mm/migrate_device.c, and of what calls them. */
export const mmBugs: readonly HistoricBug[] = [
  {
    subsystem: 'mm/hmm and its callers',
    year: 2023,
    source: { commit: '7c7b962938dd' },
    what: "A fault on a device-exclusive entry locks a page to which it holds no reference, and which may be another's by then.",
    kind: 'protocol',
    defects: ['D9'],
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2025,
    source: { commit: '1afaeb8293c9' },
    what: 'Several faults on one device page each hold a reference, and each takes those of the others for pins: none migrates it.',
    kind: 'protocol',
    defects: ['D6'],
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2025,
    source: { commit: '8977752c8056', cve: 'CVE-2025-22034' },
    what: 'Making a page exclusive splits huge pages on its way, and does so with pages of hugetlb, which cannot be split.',
    kind: 'other',
    notSaid: HUGETLB,
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2025,
    source: { commit: 'bc3fe6805cf0' },
    what: 'A folio of hugetlb that gets as far is made exclusive, by code that is not prepared for it.',
    kind: 'other',
    notSaid: HUGETLB,
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2025,
    source: { commit: '7b2e497a42cd' },
    what: 'A walk that looks for migration entries takes entries of exclusive pages for such.',
    kind: 'arithmetic',
    notSaid: 'entries have one kind each in the model, and no encoding in which two look alike',
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2025,
    source: { commit: '65529295607f' },
    what: 'Reclaim reads the page and the bits of an entry of an exclusive page as if the page were present.',
    kind: 'arithmetic',
    alike: ['D11', 'D18'],
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2025,
    source: { commit: '789cfc66992e' },
    what: 'KSM does the same as it makes a page read-only.',
    kind: 'arithmetic',
    notSaid: 'pages are not merged in the model',
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2025,
    source: { commit: '096cbb80ab3f' },
    what: 'Setting a probe does the same as it replaces a page.',
    kind: 'arithmetic',
    notSaid: 'probes are not modelled',
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2026,
    source: { commit: 'b570f37a2ce4', cve: 'CVE-2026-43404' },
    what: 'A fault that does not get the folio lock tries again at once, and keeps the CPU that the holder of the lock waits for.',
    kind: 'protocol',
    defects: ['D7'],
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2026,
    source: { commit: 'd4b76d0b03cb', cve: 'CVE-2026-93217' },
    what: 'MADV_COLD meets a PMD that a migration has just turned into an entry for device memory, and takes that to be impossible.',
    kind: 'other',
    notSaid: HUGE_ENTRIES,
  },
  {
    subsystem: 'mm/hmm and its callers',
    year: 2026,
    source: { commit: '2858b4027f49', cve: 'CVE-2026-89758' },
    what: 'The call mbind() takes a PMD entry for device memory for a present one, and queues a page that is not there.',
    kind: 'other',
    notSaid: HUGE_ENTRIES,
  },
  {
    subsystem: 'mm/migrate_device and device pages',
    year: 2025,
    source: { commit: '41cddf83d8b0', cve: 'CVE-2025-21861' },
    what: 'The end of a migration puts a page on an LRU list whose last reference is about to be dropped.',
    kind: 'lifetime',
    defects: ['D13'],
  },
  {
    subsystem: 'mm/migrate_device and device pages',
    year: 2026,
    source: { stable: '88cd7a8a84a6' },
    what: 'Collecting reads the dirty bit and the frame of an entry for device memory as if its page were present.',
    kind: 'arithmetic',
    defects: ['D11'],
  },
  {
    subsystem: 'mm/migrate_device and device pages',
    year: 2026,
    source: { stable: 'e3c43b17a9ae' },
    what: 'A page is taken out of the swap cache, and then migrated by the mapping that was read before.',
    kind: 'other',
    defects: ['D12'],
  },
  {
    subsystem: 'mm/migrate_device and device pages',
    year: 2026,
    source: { commit: '63451de16e0a' },
    what: 'Inserting a huge page of device memory fails, and the page-table lock stays held.',
    kind: 'error path',
    notSaid: 'the page-table lock is held within one step, which cannot end with it',
  },
  {
    subsystem: 'mm/migrate_device and device pages',
    year: 2026,
    source: { commit: '24861d04f197' },
    what: 'Inserting a huge page of device memory fails, and the page table that was allocated for it is not freed.',
    kind: 'error path',
    notSaid: 'page tables are not counted in the model',
  },
  {
    subsystem: 'mm/migrate_device and device pages',
    year: 2026,
    source: { cve: 'CVE-2026-46277' },
    what: 'The driver has been told that a folio is free, and may have given it away, when its region and order are read from it.',
    kind: 'lifetime',
    defects: ['D56'],
  },
  {
    subsystem: 'lib/test_hmm',
    year: 2026,
    source: { commit: '744dd97752ef' },
    what: 'A file of the test driver is freed while its pages are mapped, and the next fault on one calls into what was freed.',
    kind: 'lifetime',
    alike: ['D16'],
  },
]

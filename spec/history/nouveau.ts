/**
 * Bugs of nouveau.
 *
 * @module
 */
import type { HistoricBug } from './bug.js'

/** Bugs of nouveau's shared virtual memory and its device memory. */
export const nouveauBugs: readonly HistoricBug[] = [
  {
    subsystem: 'nouveau svm and dmem',
    year: 2024,
    source: { commit: '835745a377a4', cve: 'CVE-2024-50096' },
    what: 'A copy back may fail silently, and the process gets the destination page without the data.',
    kind: 'error path',
    alike: ['D15'],
  },
  {
    subsystem: 'nouveau svm and dmem',
    year: 2024,
    source: { commit: '04e0481526e3' },
    what: 'The channel that copies pages lacks the privilege to do so.',
    kind: 'other',
    notSaid: 'a copy of the model fails or does not, whatever the reason',
  },
  {
    subsystem: 'nouveau svm and dmem',
    year: 2024,
    source: { stable: '9acfd8b083a0' },
    what: 'Eviction does not check whether its arrays were allocated.',
    kind: 'error path',
    notSaid: 'arrays of a driver are there from the start in the model',
  },
  {
    subsystem: 'nouveau svm and dmem',
    year: 2024,
    source: { commit: '2c80a2b715df' },
    what: 'An allocation names the size of an element where its number belongs, and its number where the size belongs.',
    kind: 'other',
    notSaid: 'nothing behaves differently',
  },
  {
    subsystem: 'nouveau svm and dmem',
    year: 2025,
    source: { commit: 'b3fefbb30a16' },
    what: 'An atomic fault that collides starts over, and the folio of the first try stays locked.',
    kind: 'error path',
    defects: ['T96'],
    alike: ['D14'],
  },
  {
    subsystem: 'nouveau svm and dmem',
    year: 2026,
    source: { commit: 'b46ddaf08234' },
    what: 'An address space of the GPU is freed while the handler of its faults still uses it.',
    kind: 'lifetime',
    defects: ['T93'],
  },
  {
    subsystem: 'nouveau svm and dmem',
    year: 2026,
    source: { commit: 'caa1bc2a0a6c' },
    what: 'A large folio is unmapped for DMA with the size of another.',
    kind: 'arithmetic',
    notSaid: 'DMA mappings have no size in the model',
  },
  {
    subsystem: 'nouveau svm and dmem',
    year: 2026,
    source: { commit: 'c2256c044a1d' },
    what: 'The pages in use are counted once for a large folio, and once for each of its parts when these are freed.',
    kind: 'arithmetic',
    notSaid: 'the statistics of a driver are not modelled',
  },
  {
    subsystem: 'nouveau svm and dmem',
    year: 2026,
    source: { commit: '64ca4cdd1031' },
    what: 'Less device memory is pinned than is registered as device pages.',
    kind: 'lifetime',
    notSaid: 'device memory is not moved by others in the model',
  },
]

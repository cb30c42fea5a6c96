/**
 * Defects of merging pages with equal contents.
 *
 * @module
 */
import {
  flushTlb,
  get_ksm_page,
  getPage,
  lockAndUnlock,
  mapsPage,
  memcmp_pages,
  write_protect_page,
} from '../../../src/kernel/index.js'
import { onStep, override } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** No mend of H29: a merged page is compared wherever it is. */
const compareAnywhere = onStep(
  get_ksm_page,
  'take a reference, if it is merged',
  (_original, kpage) => () => {
    if (!kpage.ksm) return 0
    getPage(kpage)
    return 1
  },
)

/** The merged page may be on its way to another frame. */
const mapMigrating = onStep(lockAndUnlock, 'trylock, and unlock', () => () => 1)

/** The entry is write-protected, and what TLBs have of it stays. */
const protectUnflushed = onStep(
  write_protect_page,
  'flush, and write-protect',
  (_original, _current, mm, page, frame) => () => {
    const pte = mm.pte[page]
    if (!mapsPage(pte) || pte.frame !== frame.pfn) return 0
    if (frame.mapcount + 1 !== frame.refcount) return 0
    frame.anonExclusive = false
    frame.dirty = true
    pte.write = false
    pte.dirty = false
    return 1
  },
)

/** Nobody is told that the page is not to be written. */
const mergeUntold = [
  override(
    write_protect_page,
    () =>
      function* ({ machine }, mm, page, frame) {
        return yield* mm.ptl.critical('flush, and write-protect', () => {
          const pte = mm.pte[page]
          if (!mapsPage(pte) || pte.frame !== frame.pfn) return 0
          flushTlb(machine, mm, page, page + 1)
          if (frame.mapcount + 1 !== frame.refcount) return 0
          frame.anonExclusive = false
          frame.dirty = true
          pte.write = false
          pte.dirty = false
          return 1
        })
      },
  ),
]

/** Pages are taken for equal, whatever they hold. */
const compareNothing = onStep(memcmp_pages, 'compare', () => () => 1)

/** Defects of KSM. */
export const ksmDefects: readonly Defect[] = [
  {
    name: 'H29',
    kind: 'hazard',
    title: 'ksmd reads a merged page that has migrated to a device',
    text:
      'A page that KSM has merged is anonymous, and migrates to device-private memory as any other. The node of the stable ' +
      'tree goes with it, and ksmd compares the next page with a page that has no memory behind it: the kernel oopses. ' +
      'The reference passes such a node over, which no kernel does.',
    source: ['our own', 'reference B.13', 'mm/ksm.c: stable_tree_search', 'mm/util.c: memcmp_pages'],
    requirement: 'backed-access',
    scenario: 'merge-and-migrate',
    overrides: [compareAnywhere],
    steps: 99,
  },
  {
    name: 'X540',
    kind: 'mutation',
    title: 'ksmd maps a merged page that is being migrated',
    text:
      'A migration has unmapped the merged page everywhere, and counted its references. ksmd has found the page meanwhile and ' +
      'maps it once more: the page goes on to be migrated, and one of its mappings stays behind. The kernel locks the page ' +
      'once, with a reference held, and gives up where somebody else has the lock.',
    source: ['our own', 'reference B.13', 'mm/ksm.c: stable_tree_search'],
    requirement: 'refinement',
    scenario: 'merge-and-migrate',
    overrides: [mapMigrating],
    steps: 112,
  },
  {
    name: 'X541',
    kind: 'mutation',
    title: 'an entry is write-protected for a merge without a flush',
    text:
      'ksmd makes the entry read-only, and a CPU goes on writing through its TLB, to a page that is being compared, and that ' +
      'others read soon.',
    source: ['our own', 'reference B.13, C47', 'mm/ksm.c: write_protect_page'],
    requirement: 'C47',
    scenario: 'merge',
    overrides: [protectUnflushed],
    steps: 28,
  },
  {
    name: 'X542',
    kind: 'mutation',
    title: 'no watcher is told of a merge',
    text: 'ksmd merges two pages, and tells no notifier: a device goes on using the page that it has mapped.',
    source: ['our own', 'reference B.2, B.13', 'mm/ksm.c: write_protect_page'],
    requirement: 'C2',
    scenario: 'merge',
    overrides: mergeUntold,
    steps: 22,
  },
  {
    name: 'X543',
    kind: 'mutation',
    title: 'pages are merged that do not hold the same',
    text: 'ksmd takes pages for equal without looking: who maps the one finds the contents of the other.',
    source: ['our own', 'reference B.13', 'mm/util.c: memcmp_pages'],
    requirement: 'data',
    scenario: 'merge',
    overrides: [compareNothing],
    steps: 52,
  },
]

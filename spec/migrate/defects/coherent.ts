/**
 * Defects of coherent device memory, and of the collection of PROT_NONE entries.
 *
 * @module
 */
import {
  type Collected,
  change_prot_numa,
  flush_tlb_range,
  getPage,
  handle_mm_fault,
  invalidateRangeEnd,
  invalidateRangeStart,
  isDeviceCoherent,
  migrate_device_coherent_folio,
  migrate_longterm_unpinnable_folios,
  migrateVmaCollectPte,
  NotifyEvent,
  PteKind,
  SELECT_DEVICE_COHERENT,
} from '../../../src/kernel/index.js'
import { override, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** A long-term pin is taken without migrating the page. */
const pinAnywhere = override(
  migrate_longterm_unpinnable_folios,
  () =>
    function* () {
      return 0
    },
)

/** A fault migrates coherent memory back as well. */
const bringCoherentBack = override(
  handle_mm_fault,
  (original) =>
    function* (current, mm, page, write) {
      const { frames } = current.machine
      const pfn = yield* mm.ptl.critical('hold what is on the device', () => {
        const frame = frames[mm.pte[page].frame]
        if (mm.pte[page].kind !== PteKind.present || !isDeviceCoherent(frame)) return 0
        getPage(frame)
        return frame.pfn
      })
      if (pfn === 0) return yield* original(current, mm, page, write)
      yield* migrate_device_coherent_folio(current, frames[pfn])
      return 0
    },
)

/** NUMA hinting makes entries of coherent memory PROT_NONE. */
const hintEverything = override(
  change_prot_numa,
  () =>
    function* (current, page, pages) {
      const { mm } = current
      const end = page + pages
      yield* mm.mmapLock.lockRead()
      yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_VMA, page, end)
      for (let at = page; at < end; at++)
        yield* mm.ptl.critical('forbid an entry', () => {
          const pte = mm.pte[at]
          if (pte.kind !== PteKind.present) return 0
          pte.kind = PteKind.protnone
          pte.write = false
          return 0
        })
      yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_VMA, page, end)
      yield* flush_tlb_range(current.machine, mm, page, end)
      yield* mm.mmapLock.unlockRead()
    },
)

/** The owner of coherent memory is not compared. */
const anybodysMemory = override(
  migrateVmaCollectPte,
  (original) =>
    function* (current, args, page) {
      const owner = yield* step('look whose page it is', () => {
        const frame = current.machine.frames[args.mm.pte[page].frame]
        return isDeviceCoherent(frame) ? frame.owner + 1 : 0
      })
      if (owner === 0) return yield* original(current, args, page)
      return yield* original(current, { ...args, owner: owner - 1, select: SELECT_DEVICE_COHERENT }, page)
    },
)

/** A PROT_NONE entry counts as empty. */
const passOverHints = override(
  migrateVmaCollectPte,
  (original) =>
    function* (current, args, page): Running<Collected> {
      const isHint = yield* step('look at the entry', () =>
        args.mm.pte[page].kind === PteKind.protnone ? 1 : 0,
      )
      if (isHint) return { kind: 'untouched' }
      return yield* original(current, args, page)
    },
)

/** Defects of coherent device memory and of the collection. */
export const coherentDefects: readonly Defect[] = [
  {
    name: 'X220',
    kind: 'mutation',
    title: 'a page of device memory is pinned long-term',
    text:
      'A long-term pin is taken on a page of coherent device memory: its driver can neither migrate the ' +
      'page nor remove the region until it is unpinned. The page must be migrated to system memory first, ' +
      'and looked up again.',
    source: ['reference E.2 (hmm.hmm_gup_test), A.4 (6.0)', 'mm/gup.c: check_and_migrate_movable_pages'],
    requirement: 'coherent',
    scenario: 'coherent-held',
    overrides: [pinAnywhere],
    steps: 4,
  },
  {
    name: 'X221',
    kind: 'mutation',
    title: 'a fault migrates coherent memory back',
    text:
      'A fault treats coherent memory like device-private memory, and migrates the page to system memory: ' +
      'the device loses its local page, though the CPU could use it in place. A fault may change the ' +
      'permissions of an entry, but not where the page is.',
    source: ['reference A.4 (6.0)', 'mm/memory.c: handle_pte_fault'],
    requirement: 'coherent',
    scenario: 'coherent-memory',
    overrides: [bringCoherentBack],
    steps: 34,
  },
  {
    name: 'X222',
    aliases: ['M19'],
    kind: 'mutation',
    title: "one driver collects another's coherent memory",
    text:
      'An entry of coherent memory is present like any other, so the owner must be looked up in the page. ' +
      'Without that a driver migrates to its own device a page that belongs to another.',
    source: ['reference B.5 step 2, G.3 M19', 'mm/migrate_device.c: migrate_vma_collect_pmd'],
    requirement: 'coherent',
    scenario: 'coherent-shared',
    overrides: [anybodysMemory],
    steps: 30,
  },
  {
    name: 'X503',
    kind: 'mutation',
    title: 'NUMA hinting makes coherent memory fault',
    text:
      'change_pte_range() takes every page that an entry maps for one of system memory, and makes the ' +
      "entry PROT_NONE. A CPU that uses the device's memory in place faults for nothing: the driver " +
      'decides where such a page is used. Fix: skip is_zone_device_page().',
    source: ['our own', 'mm/mprotect.c: change_pte_range (is_zone_device_page)'],
    requirement: 'coherent',
    scenario: 'coherent-hinted',
    overrides: [hintEverything],
    steps: 26,
  },
  {
    name: 'X223',
    kind: 'mutation',
    title: 'a PROT_NONE page is not migrated',
    text:
      'For NUMA hinting, or in a VMA without permissions, an entry keeps its page but is PROT_NONE. ' +
      'The collection must treat it as present. If it counts as empty, the page is not migrated.',
    source: ['reference B.5 step 2, B.2', 'mm/migrate_device.c: migrate_vma_collect_pmd'],
    requirement: 'C39',
    scenario: 'migrate-hinted',
    overrides: [passOverHints],
    steps: 16,
  },
]

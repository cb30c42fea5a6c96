/**
 * Defects of make_device_exclusive (Linux 6.15 on).
 *
 * @module
 */
import {
  clearPte,
  Errno,
  flushTlb,
  folio_lock,
  get_user_pages_remote,
  invalidateRangeEnd,
  invalidateRangeStart,
  isPageCache,
  type MmStruct,
  make_device_exclusive,
  NotifyEvent,
  PteKind,
  page_make_device_exclusive_one,
  putPage,
  remove_device_exclusive_entry,
  setExclusiveEntry,
  setPte,
  type Task,
  tryGetPage,
  unlockPage,
} from '../../../src/kernel/index.js'
import { become, override, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The walk over the entries of a VMA accesses one entry too many. */
const oneTooFar = override(
  page_make_device_exclusive_one,
  (original) =>
    function* (current, mm, page, frame) {
      const replaced = yield* original(current, mm, page, frame)
      yield* original(current, mm, page + 1, frame)
      return replaced
    },
)

/** What is different about the section of the page-table lock, and about what follows if the page has gone. */
interface Form {
  /** True if the page that is mapped now must be the one that was looked up. */
  readonly compares: boolean
  /** True if a page that is not taken is put: one that is not anonymous, or that has gone. */
  readonly puts: boolean
}

/** The kernel's text, but for `form`. */
function* makeExclusive(
  current: Task,
  mm: MmStruct,
  page: number,
  owner: number,
  form: Form,
): Running<number> {
  const { machine } = current
  const [pfn] = yield* get_user_pages_remote(current, mm, page, page + 1)
  if (pfn === undefined) return -Errno.EFAULT
  const frame = machine.frames[pfn]
  const refused = yield* step('put the page, unless it is anonymous', () => {
    if (!isPageCache(frame)) return 0
    if (form.puts) putPage(frame)
    return -Errno.EOPNOTSUPP
  })
  if (refused) return refused
  yield* folio_lock(frame)
  yield* invalidateRangeStart(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1, owner)
  const done = yield* mm.ptl.critical('make exclusive', () => {
    const pte = mm.pte[page]
    if (pte.kind !== PteKind.present || (form.compares && pte.frame !== pfn)) return 0
    clearPte(machine, pte)
    flushTlb(machine, mm, page, page + 1)
    setExclusiveEntry(pte, pfn, false)
    frame.mapcount += 1
    return 1
  })
  yield* invalidateRangeEnd(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1, owner)
  if (done) return pfn
  yield* step('unlock the page', () => {
    unlockPage(frame)
    if (form.puts) putPage(frame)
    return 0
  })
  return yield* become(make_device_exclusive, current, mm, page, owner)
}

/** The page that is mapped now is taken for the one that is referenced and locked. */
const takeWithoutComparing = override(
  make_device_exclusive,
  () =>
    function* (current, mm, page, owner) {
      return yield* makeExclusive(current, mm, page, owner, { compares: false, puts: true })
    },
)

/** A page that was replaced meanwhile, or is refused, is not put. */
const keepThePage = override(
  make_device_exclusive,
  () =>
    function* (current, mm, page, owner) {
      return yield* makeExclusive(current, mm, page, owner, { compares: true, puts: false })
    },
)

/** The entry is restored, and the mapping that the device-exclusive entry kept stays counted. */
const restoreAsIfUnmapped = override(
  remove_device_exclusive_entry,
  () =>
    function* (current, mm, page, pfn) {
      const { machine } = current
      const frame = machine.frames[pfn]
      if (!(yield* tryGetPage(frame))) return 0
      yield* folio_lock(frame)
      yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, page + 1)
      yield* mm.ptl.critical('restore the entry', () => {
        const pte = mm.pte[page]
        if (pte.kind === PteKind.deviceExclusive && pte.frame === pfn) setPte(machine, pte, pfn, true)
        return 0
      })
      yield* step('unlock and put the page', () => {
        unlockPage(frame)
        putPage(frame)
        return 0
      })
      yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, page + 1)
      return 0
    },
)

/** The PMD of a huge page is not split before its part is looked up. */
const lookUpWithoutSplit = override(
  get_user_pages_remote,
  (original) =>
    function* (current, mm, start, end): Running<number[]> {
      const pfn = yield* mm.ptl.critical('hold the page', () => {
        const pte = mm.pte[start]
        if (pte.kind !== PteKind.present || !pte.write) return 0
        current.machine.frames[pte.frame].refcount += 1
        return pte.frame
      })
      return pfn > 0 ? [pfn] : yield* original(current, mm, start, end)
    },
)

/** The entry is replaced, and its dirty bit is lost. */
const dropDirtyBit = override(
  make_device_exclusive,
  (original) =>
    function* (current, mm, page, owner) {
      const pfn = yield* original(current, mm, page, owner)
      if (pfn > 0)
        yield* step('drop the dirty bit', () => {
          current.machine.frames[pfn].dirty = false
          return 0
        })
      return pfn
    },
)

/** Defects of make_device_exclusive. */
export const exclusiveByPageDefects: readonly Defect[] = [
  {
    name: 'X480',
    kind: 'mutation',
    title: 'make_device_exclusive does not compare the page again',
    text:
      'Between the lookup and the folio lock MADV_DONTNEED zaps the page, and a CPU faults in a new ' +
      'one. The kernel checks the entry again under the page-table lock, and restarts if it maps ' +
      'another page. Without that the device-exclusive entry refers to the wrong page.',
    source: ['our own', 'reference B.10', 'mm/rmap.c: make_device_exclusive'],
    requirement: 'use-after-free',
    scenario: 'exclusive-by-page',
    overrides: [takeWithoutComparing],
    steps: 38,
  },
  {
    name: 'X481',
    kind: 'mutation',
    title: 'make_device_exclusive restarts and leaks the old page',
    text: 'The page that was looked up first is unlocked, but its reference is not dropped: it is never freed.',
    source: ['our own', 'reference B.10', 'mm/rmap.c: make_device_exclusive'],
    requirement: 'C6',
    scenario: 'exclusive-by-page',
    overrides: [keepThePage],
    steps: 79,
  },
  {
    name: 'X482',
    kind: 'mutation',
    title: 'make_device_exclusive refuses a page of shared memory and keeps it',
    text:
      'A page that is not anonymous is refused, since other mappings could write to it. The reference ' +
      'of the lookup is not dropped, and the page is never freed.',
    source: ['our own', 'reference B.10', 'mm/rmap.c: make_device_exclusive'],
    requirement: 'C6',
    scenario: 'exclusive-by-page-shared',
    overrides: [keepThePage],
    steps: 31,
  },
  {
    name: 'X483',
    kind: 'mutation',
    title: 'a restored entry is counted as a second mapping',
    text:
      'Since 6.15 an exclusive entry keeps the mapping of its page. Restoring it as before, with a mapping of its own, leaves ' +
      'the page mapped for ever.',
    source: ['our own', 'reference B.10', 'mm/memory.c: restore_exclusive_pte'],
    requirement: 'C6',
    scenario: 'exclusive-by-page-huge',
    overrides: [restoreAsIfUnmapped],
    steps: 42,
  },
  {
    name: 'X484',
    kind: 'mutation',
    title: 'make_device_exclusive looks a part of a huge page up without FOLL_SPLIT_PMD',
    text:
      'The second check finds the PMD of the huge page, which it cannot replace, and restarts: for ' +
      'ever, since no thread else splits it.',
    source: ['our own', 'reference B.10', 'mm/rmap.c: make_device_exclusive'],
    requirement: 'C49',
    scenario: 'exclusive-by-page-huge',
    overrides: [lookUpWithoutSplit],
    steps: 23,
  },
  {
    name: 'X408',
    kind: 'mutation',
    title: 'the walk for exclusive access goes one entry beyond the VMA',
    text: 'The VMA ends at the end of the address space, and the walk reads beyond the page table.',
    source: ['our own', 'reference B.10', 'mm/rmap.c: page_make_device_exclusive_one'],
    requirement: 'use-after-free',
    scenario: 'exclusive',
    overrides: [oneTooFar],
    steps: 13,
  },
  {
    name: 'X336',
    kind: 'mutation',
    title: 'make_device_exclusive drops the dirty bit',
    text:
      'The dirty bit of the replaced entry is not transferred to the page. Reclaim takes the page for ' +
      'clean, and the write of the CPU is lost.',
    source: ['our own', 'reference B.10', 'mm/rmap.c: make_device_exclusive'],
    requirement: 'C39',
    scenario: 'exclusive-by-page-swapped',
    overrides: [dropDirtyBit],
    steps: 17,
  },
]

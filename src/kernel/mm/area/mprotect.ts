/**
 * Changing what an area permits.
 *
 * @module
 */
import { become, procedure, type Running, step, type World } from '../../../world/index.js'
import { isShared } from '../../address-space.js'
import { Errno } from '../../errno.js'
import { type Pmd, PmdKind, pmdAt } from '../../huge.js'
import {
  type Machine,
  type MmStruct,
  NotifyEvent,
  PteKind,
  type Task,
  VM_ACCOUNT,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../machine.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { flushTlbRange } from '../fault/cpu.js'
import { isExclusive } from '../fault/fault.js'
import { isPmdNone } from '../huge/page.js'
import { splitAtEnds } from '../huge/split.js'
import { mapsPage, mayWriteUntold } from '../page.js'
import { areaEnd, Merge, mergeVma, splitVma } from './vma.js'

/**
 * Changes the permissions of `pages` pages from `page` on, area by area, under the mmap lock for writing.
 *
 * @param flags - {@link VM_READ}, {@link VM_WRITE}, or 0 for no access
 * @returns 0; -ENOMEM where it meets a hole: what comes before that is changed by then
 * @kernel mprotect
 * @see reference B.2
 */
export const mprotect = procedure(
  'mprotect',
  function* (current: Task, page: number, pages: number, flags: number): Running<number> {
    if (pages === 0) return 0
    const { mm } = current
    yield* mm.mmapLock.lockWrite()
    const error = yield* protectAreas(current, mm, page, page + pages, flags)
    yield* mm.mmapLock.unlockWrite()
    return error
  },
)

/** One area after another, until the end or a hole. @kernel do_mprotect_pkey */
const protectAreas = procedure(
  'do_mprotect_pkey',
  function* (current: Task, mm: MmStruct, page: number, end: number, flags: number): Running<number> {
    if (page === end) return 0
    if (mm.pmd) yield* splitForFlags(current, mm, page, end, flags)
    const changed = yield* setFlags(current, mm, page, end, flags)
    if (changed.end === page) return -Errno.ENOMEM
    if (changed.pageTable) yield* changeProtection(current, mm, page, changed.end, flags)
    return yield* become(protectAreas, current, mm, changed.end, end, flags)
  },
)

/**
 * Changes the flags of the area that starts at `page`. An area that has these flags already is left alone, and its
 * entries too. One step: everybody who looks at an area holds the mmap lock, and the caller has it for writing; so
 * nobody faults, and whether there is a page table at all cannot change before the caller goes through it.
 *
 * @returns the page after the area (`page` itself in a hole), and whether there are entries that may have to change
 * @kernel mprotect_fixup
 */
const setFlags = procedure(
  'mprotect_fixup',
  function* ({ machine }: Task, mm: MmStruct, page: number, limit: number, flags: number) {
    const result = yield* step('change vm_flags', (w) => {
      if (mm.vma[page].kind.get(w) === VmaKind.none) return page << 1
      const end = areaEnd(w, mm, page, limit)
      if (!changesFlags(w, mm, page, flags)) return end << 1
      const newFlags = accountedFlags(w, machine, mm, page, flags)
      splitVma(w, mm, page)
      splitVma(w, mm, end)
      for (let at = page; at < end; at++) mm.vma[at].flags.set(w, newFlags)
      mergeVma(w, machine, mm, page, end, Merge.either)
      return (end << 1) | (isPopulated(w, mm, page, end) ? 1 : 0)
    })
    return { end: result >> 1, pageTable: (result & 1) === 1 }
  },
)

/**
 * The flags of the area of `page` once it permits `flags`. What becomes writable is charged for from then on; the charge is
 * kept when it is not writable any more, but by an area that has no page to lose.
 */
function accountedFlags(w: World, { rules }: Machine, mm: MmStruct, page: number, flags: number): number {
  const { kind, flags: old, anonymous, starts } = mm.vma[page]
  const kept = old.get(w) & ~(VM_READ | VM_WRITE)
  if (starts === undefined || isShared(kind.get(w))) return flags | kept
  if (flags & VM_WRITE) return flags | kept | VM_ACCOUNT
  const isUnfaulted = kind.get(w) === VmaKind.anonymous && anonymous?.get(w) === 0
  return flags | (rules.unaccountsUnfaulted && isUnfaulted ? kept & ~VM_ACCOUNT : kept)
}

/** True if the area of `page` permits something else than `flags`. Under the mmap lock. */
function changesFlags(w: World, mm: MmStruct, page: number, flags: number): boolean {
  return (mm.vma[page].flags.get(w) & (VM_READ | VM_WRITE)) !== flags
}

/** Where the area is about to end in the middle of a huge page, that is split first. */
const splitForFlags = procedure(
  'mprotect_fixup (split)',
  function* (current: Task, mm: MmStruct, page: number, limit: number, flags: number): Running<void> {
    const end = yield* step('find the end of the area', (w) =>
      mm.vma[page].kind.get(w) === VmaKind.none || !changesFlags(w, mm, page, flags)
        ? page
        : areaEnd(w, mm, page, limit),
    )
    if (end > page) yield* splitAtEnds(current, mm, page, end)
  },
)

/**
 * True if the address space has a page table: one that was never needed does not exist, and of changes to what does
 * not exist nobody is told. A table with a single entry makes the whole range that it covers known to watchers.
 */
function isPopulated(w: World, mm: MmStruct, start: number, end: number): boolean {
  if (mm.pmd?.length)
    return mm.pmd.some((pmd) => start < pmd.end && pmd.start < end && !isPmdNone(w, mm, pmd))
  return mm.pte.some((pte) => pte.kind.readOnce(w) !== PteKind.none)
}

/**
 * Brings the entries from `start` to `end` in line with the area's new flags: a page-table lock section an entry, as
 * the table's lock may be dropped between any two. TLBs are flushed after the end of the window, and before the mmap
 * lock is released, so that nothing that relies on the new permissions can come before.
 *
 * @kernel change_protection
 * @see reference B.2
 */
export const changeProtection = procedure(
  'change_protection',
  function* (current: Task, mm: MmStruct, start: number, end: number, flags: number) {
    yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
    const changed = yield* changePteRange(current, mm, start, end, flags)
    yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
    if (changed) yield* flushTlbRange(current.machine, mm, start, end)
  },
)

/** Changes the entries. Returns 1 if any changed. @kernel change_pte_range */
const changePteRange = procedure(
  'change_pte_range',
  function* (current: Task, mm: MmStruct, start: number, end: number, flags: number) {
    let changed = 0
    for (let page = start; page < end; page++) {
      const pmd = pmdAt(mm, page)
      if (pmd !== undefined && page === pmd.start && pmd.end <= end) {
        const done = yield* changeHugePmd(current, mm, pmd, flags)
        if (done !== Changed.table) {
          changed |= done
          page = pmd.end - 1
          continue
        }
      }
      changed |= yield* mm.ptl.critical('change an entry', (w) => changePte(w, current, mm, page, flags))
    }
    return changed
  },
)

/** What came of the entry of a huge page: as it was, changed, or it is none. */
const Changed = { no: 0, yes: 1, table: 2 } as const

/**
 * Changes the entry of a huge page, all of whose pages get the same flags. One step: there is but one entry.
 *
 * @kernel change_huge_pmd
 */
export const changeHugePmd = procedure(
  'change_huge_pmd',
  function* (current: Task, mm: MmStruct, pmd: Pmd, flags: number): Running<number> {
    return yield* mm.ptl.critical('change the huge entry', (w) => changePmd(w, current, mm, pmd, flags))
  },
)

/** Changes the entry if it is a huge page's. Part of a step, under the page-table lock. */
export function changePmd(w: World, current: Task, mm: MmStruct, pmd: Pmd, flags: number): number {
  if (pmd.kind.get(w) !== PmdKind.huge) return Changed.table
  let changed: number = Changed.no
  for (let page = pmd.start; page < pmd.end; page++) changed |= changePte(w, current, mm, page, flags)
  return changed
}

/**
 * What the flags make of one entry: without any permission it stays mapped and the CPU may not use it. It becomes
 * writable again only where a write fault would make it so without asking anybody; shared memory at once.
 */
function changePte(w: World, current: Task, mm: MmStruct, page: number, flags: number): number {
  const pte = mm.pte[page]
  if (!mapsPage(w, pte)) {
    // These lose the right to write, also where the new flags give it: they get it back by a fault.
    pte.write.set(w, 0)
    return 0
  }
  const kind = flags & (VM_READ | VM_WRITE) ? PteKind.present : PteKind.protnone
  const write = flags & VM_WRITE && canChangePteWritable(w, current, mm, page) ? 1 : 0
  if (pte.kind.get(w) === kind && pte.write.get(w) === write) return 0
  pte.kind.set(w, kind)
  pte.write.set(w, write)
  return 1
}

/**
 * True if a write would make the entry writable without a look at anything else: nobody waits to be told of one, and the
 * page is shared memory's, or this mapping's alone. Up to Linux 6.2 it must be dirty too, as what is written through it
 * would not be known of otherwise.
 *
 * @kernel can_change_pte_writable
 */
function canChangePteWritable(w: World, current: Task, mm: MmStruct, page: number): boolean {
  const pte = mm.pte[page]
  if (!mayWriteUntold(w, current.machine, pte)) return false
  if (isShared(mm.vma[page].kind.get(w))) return true
  if (current.machine.rules.upgradesDirtyOnly && pte.bits?.dirty.get(w) === 0) return false
  return isExclusive(w, current, mm, page)
}

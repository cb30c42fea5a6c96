/**
 * Device-exclusive access: the page stays in system memory, and a CPU access faults and restores
 * the mapping first.
 *
 * @see reference B.10
 * @module
 */

import {
  Errno,
  type Frame,
  hugePmdAt,
  isPageCache,
  isShared,
  type Machine,
  type MmStruct,
  NotifyEvent,
  type Pte,
  PteKind,
  type Task,
} from '../../../machine/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { entryState } from '../encoding.js'
import { get_user_pages_remote } from '../fault/gup.js'
import {
  clearPte,
  folio_lock,
  folio_put,
  folio_unlock,
  handOnMarks,
  mapsPage,
  pteAt,
  tryLockPage,
} from '../page.js'
import { areaAt, type MappedArea, partsOf } from '../rmap.js'
import { flushTlb } from '../tlb.js'

/**
 * Gives the pages from `start` to `end` to a device exclusively: each gets a device-exclusive entry. A CPU access restores
 * the mapping, but not before the caller has unlocked the page. The caller holds the mmap lock; it unlocks and puts each
 * page when its device is programmed.
 *
 * @param owner - passed to the notifiers, so that a driver can skip its own invalidations; -1 for none
 * @returns the frames, 0 for a page that is not exclusive; as many as could be faulted in, which may be none. Pages that
 * are not 0 are locked and referenced
 * @kernel make_device_exclusive_range mm/rmap.c
 * @see reference B.10
 */
export const make_device_exclusive_range = procedure(function* make_device_exclusive_range(
  current: Task,
  mm: MmStruct,
  start: number,
  end: number,
  owner: number,
): Running<number[]> {
  const pages = yield* get_user_pages_remote(current, mm, start, end)
  const exclusive: number[] = []
  for (const [i, pfn] of pages.entries())
    exclusive.push(yield* makePageExclusive(current, mm, start + i, pfn, owner))
  return exclusive
})

/**
 * The same for one page (Linux 6.15 on). It waits for the folio lock, and retries if the entry has changed meanwhile. The
 * entry keeps the mapping of the page: a reverse map walk finds it.
 *
 * @returns the frame, locked and referenced; -EFAULT if it cannot be faulted in for writing; -EOPNOTSUPP if it is not
 * anonymous
 * @kernel make_device_exclusive mm/rmap.c
 * @see reference B.10
 */
export const make_device_exclusive = procedure(function* make_device_exclusive(
  current: Task,
  mm: MmStruct,
  page: number,
  owner: number,
): Running<number> {
  const [pfn] = yield* get_user_pages_remote(current, mm, page, page + 1)
  if (pfn === undefined) return -Errno.EFAULT
  const frame = current.machine.frames[pfn]
  const mayTake = yield* step('look whether the page is anonymous', () => isAnonymous(mm, page, frame))
  if (!mayTake) {
    yield* folio_put(frame)
    return -Errno.EOPNOTSUPP
  }
  yield* folio_lock(frame)
  yield* invalidateRangeStart(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1, owner)
  const done = yield* mm.ptl.critical('clear, flush and make exclusive', () => {
    const pte = mm.pte[page]
    if (!mapsPage(pte) || pte.frame !== pfn || !pte.write || hugePmdAt(mm, page)) return 0
    const state = entryState(pte)
    clearPte(current.machine, pte)
    flushTlb(current.machine, mm, page, page + 1)
    setExclusiveEntry(pte, pfn, false)
    frame.mapcount += 1
    handOnMarks(pte, state)
    if (state.dirty) frame.dirty = true
    return 1
  })
  yield* invalidateRangeEnd(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1, owner)
  if (done) return pfn
  yield* folio_unlock(frame)
  yield* folio_put(frame)
  return yield* become(make_device_exclusive, current, mm, page, owner)
})

/** What the reverse map walk does next. */
type Next =
  /** Replaces the entries of one VMA. */
  | { readonly kind: 'area'; readonly area: MappedArea }
  /** Ends: there is no further VMA, and mappings are left. */
  | { readonly kind: 'end' }
  /** Ends: no mapping is left. */
  | { readonly kind: 'unmapped' }

/**
 * One page, to which the caller has a reference: the body of the loop in
 * make_device_exclusive_range. It is a procedure of its own so that only its result is part of the
 * control state afterwards.
 *
 * @returns the frame, locked; or 0, and the reference is dropped
 * @kernel make_device_exclusive_range mm/rmap.c
 * @see reference B.10
 */
const makePageExclusive = procedure(
  'make_device_exclusive_range (page)',
  function* (current: Task, mm: MmStruct, page: number, pfn: number, owner: number): Running<number> {
    const { machine } = current
    const frame = machine.frames[pfn]
    const begin = yield* step('trylock the page', (): Next | { readonly kind: 'refused' } => {
      if (isTail(frame) || !tryLockPage(frame)) return { kind: 'refused' }
      return isAnonymous(mm, page, frame) ? nextArea(machine, frame, 0) : { kind: 'end' }
    })
    if (begin.kind === 'refused') {
      yield* folio_put(frame)
      return 0
    }
    if (begin.kind === 'area') {
      const target = { mm, page, frame, owner }
      if (yield* folio_make_device_exclusive(current, target, begin.area, 0, 0)) return pfn
    }
    yield* folio_unlock(frame)
    yield* folio_put(frame)
    return 0
  },
)

/** The page for which exclusive access is requested, and the address at which it was looked up. */
interface Target {
  readonly mm: MmStruct
  readonly page: number
  readonly frame: Frame
  readonly owner: number
}

/** The VMA with number `index` of those that may map the page. */
function nextArea(machine: Machine, frame: Frame, index: number): Next {
  const area = areaAt(machine, frame, index)
  return area === undefined ? { kind: 'end' } : { kind: 'area', area }
}

/**
 * Replaces all mappings of an anonymous page, or of all parts of a huge page, VMA by VMA: the
 * invalidation first, then the entries one after another. A device-exclusive entry ends the walk,
 * and so does the last mapping.
 *
 * @param area - the VMA to continue with
 * @param index - its number in the order of the walk
 * @param isValid - 1 if the requested entry has been replaced and was writable
 * @returns 1 if the page is exclusive
 * @kernel folio_make_device_exclusive mm/rmap.c
 * @see reference B.10
 */
const folio_make_device_exclusive = procedure(function* folio_make_device_exclusive(
  current: Task,
  target: Target,
  area: MappedArea,
  index: number,
  isValid: number,
): Running<number> {
  const { machine } = current
  const { frame, owner } = target
  const { mm, start, end } = area
  yield* invalidateRangeStart(current, mm, NotifyEvent.EXCLUSIVE, start, end, owner)
  let valid = isValid
  let stopped = false
  for (let page = start; page < end && !stopped; page++) {
    const replaced = yield* page_make_device_exclusive_one(current, mm, page, frame)
    if (mm === target.mm && page === target.page && replaced === Replaced.writable) valid = 1
    stopped = replaced === Replaced.already
  }
  yield* invalidateRangeEnd(current, mm, NotifyEvent.EXCLUSIVE, start, end, owner)
  // On a machine without anon_vmas, a page that was faulted in for writing has one mapping only.
  if (machine.anonVmas.length === 0) return valid
  const next = yield* step('go on with the next area', (): Next => {
    if (partsOf(machine, frame).every((frame) => frame.mapcount === 0)) return { kind: 'unmapped' }
    return stopped ? { kind: 'end' } : nextArea(machine, frame, index + 1)
  })
  switch (next.kind) {
    case 'unmapped':
      return valid
    case 'end':
      return 0
    case 'area':
      return yield* become(folio_make_device_exclusive, current, target, next.area, index + 1, valid)
  }
})

/** True for a part of a huge page other than its head page: these are refused. @kernel PageTail */
function isTail(frame: Frame): boolean {
  return frame.compound > 1
}

/**
 * The result for one entry: it does not map the page; it was replaced, and was writable or
 * read-only; it was a device-exclusive entry of the page already.
 */
export const Replaced = { not: 0, writable: 1, readOnly: 2, already: 3 } as const

/**
 * Replaces the entry if it maps the page or another part of the same huge page. The TLBs are
 * flushed before the page-table lock is dropped: no CPU can access the page once the
 * device-exclusive entry is visible.
 *
 * @returns one of {@link Replaced}
 * @kernel page_make_device_exclusive_one mm/rmap.c
 * @see reference B.10
 */
export const page_make_device_exclusive_one = procedure(function* page_make_device_exclusive_one(
  { machine }: Task,
  mm: MmStruct,
  page: number,
  frame: Frame,
): Running<number> {
  return yield* mm.ptl.critical('clear, flush and make exclusive', () => {
    const pte = pteAt(mm, page)
    const mapped = machine.frames[pte.frame]
    if (!partsOf(machine, frame).includes(mapped)) return Replaced.not
    if (pte.kind === PteKind.deviceExclusive) return Replaced.already
    if (!mapsPage(pte)) return Replaced.not
    const state = entryState(pte)
    clearPte(machine, pte)
    flushTlb(machine, mm, page, page + 1)
    setExclusiveEntry(pte, mapped.pfn, state.write)
    handOnMarks(pte, state)
    if (state.dirty) mapped.dirty = true
    return state.write ? Replaced.writable : Replaced.readOnly
  })
})

/**
 * File pages and shared memory can be written back through other mappings: they are never
 * exclusive.
 *
 * @kernel folio_test_anon
 */
function isAnonymous(mm: MmStruct, page: number, frame: Frame): boolean {
  return !isShared(mm.vma[page].kind) && !isPageCache(frame)
}

/**
 * Makes a device-exclusive entry, which keeps the reference of the mapping that it replaces. Called
 * inside an atomic step, under the page-table lock.
 */
export function setExclusiveEntry(pte: Pte, pfn: number, write: boolean): void {
  pte.kind = PteKind.deviceExclusive
  pte.frame = pfn
  pte.write = write
}

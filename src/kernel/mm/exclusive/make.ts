/**
 * Device-exclusive access: a page stays where it is, and no CPU can use it until it has been taken back.
 *
 * @see reference B.10
 * @module
 */
import { procedure, type Running, step, type World } from '../../../world/index.js'
import { isPageCache, isShared } from '../../address-space.js'
import { type Frame, type MmStruct, NotifyEvent, type Pte, PteKind, type Task } from '../../machine.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { areaEnd } from '../area/mmap.js'
import { entryState } from '../encoding.js'
import { flushTlb } from '../fault/cpu.js'
import { getUserPagesRemote } from '../fault/gup.js'
import { clearPte, handOnMarks, mapsPage, putPage, tryLockPage, unlockPage } from '../page.js'

/**
 * Takes the pages from `start` to `end` away from the CPUs, for a device that must have them to itself: each gets a
 * device-exclusive entry. Whoever touches one afterwards gets it back, but not before the caller has unlocked it.
 * The caller holds the mmap lock; it unlocks and puts each page when its device has been programmed.
 *
 * @param owner - whom the notifiers are told of, so that its driver knows its own doing; -1 for nobody
 * @returns the frames, 0 for one that is not exclusive; as many as could be faulted in, which may be none. Those that are
 * not 0 are locked and referenced
 * @kernel make_device_exclusive_range
 */
export const makeDeviceExclusiveRange = procedure(
  'make_device_exclusive_range',
  function* (current: Task, mm: MmStruct, start: number, end: number, owner: number): Running<number[]> {
    const pages = yield* getUserPagesRemote(current, mm, start, end)
    const exclusive: number[] = []
    for (const [i, pfn] of pages.entries())
      exclusive.push(yield* makePageExclusive(current, mm, start + i, pfn, owner))
    return exclusive
  },
)

/**
 * One page, which the caller holds by a reference. What has changed since it was looked up is found by the walk over
 * its mappings: there is but one, as it was faulted in to be written, and the mmap lock keeps fork out.
 *
 * @returns the frame, locked; or 0, and the reference is given back
 */
const makePageExclusive = procedure(
  'make_device_exclusive_range (page)',
  function* (current: Task, mm: MmStruct, page: number, pfn: number, owner: number): Running<number> {
    const frame = current.machine.frames[pfn]
    const parts = yield* step('trylock the page, or put it', (w) => {
      if (!isTail(w, frame) && tryLockPage(w, frame)) return partsAt(w, current, mm, page, frame)
      putPage(w, frame)
      return 0
    })
    if (!parts) return 0
    yield* invalidateRangeStart(current, mm, NotifyEvent.EXCLUSIVE, page, page + parts, owner)
    const isExclusive = yield* replaceByExclusive(current, mm, page, frame)
    // The walk is over all that the folio maps in the area, though only the first page of it was asked for.
    for (let part = 1; part < parts; part++)
      yield* replaceByExclusive(current, mm, page + part, current.machine.frames[pfn + part])
    yield* invalidateRangeEnd(current, mm, NotifyEvent.EXCLUSIVE, page, page + parts, owner)
    if (isExclusive) return pfn
    yield* step('unlock and put the page', (w) => {
      unlockPage(w, frame)
      putPage(w, frame)
      return 0
    })
    return 0
  },
)

/** How many pages of the area lie in what begins with `frame`: 1, or those of a huge page. Under the mmap lock. */
function partsAt(w: World, { machine }: Task, mm: MmStruct, page: number, { compound }: Frame): number {
  if (!compound?.get(w)) return 1
  return areaEnd(w, mm, page, Math.min(page + machine.hugePages, machine.pages)) - page
}

/** True if it is a part of a huge page, and not the first: such are not taken. @kernel PageTail */
function isTail(w: World, { compound }: Frame): boolean {
  return (compound?.get(w) ?? 0) > 1
}

/**
 * Replaces the entry. The TLBs are flushed in the same section of the page-table lock: there is no device-exclusive
 * entry while a CPU can still reach the page.
 *
 * @returns 1 if the page was there and could be written, 0 if it is not exclusive
 * @kernel page_make_device_exclusive_one
 */
export const replaceByExclusive = procedure(
  'page_make_device_exclusive_one',
  function* ({ machine }: Task, mm: MmStruct, page: number, frame: Frame): Running<number> {
    return yield* mm.ptl.critical('clear, flush and make exclusive', (w) => {
      const pte = mm.pte[page]
      if (!isAnonymous(w, mm, page, frame) || !mapsPage(w, pte) || pte.frame.get(w) !== frame.pfn) return 0
      const state = entryState(w, pte)
      clearPte(w, machine, pte)
      flushTlb(w, machine, mm, page, page + 1)
      setExclusiveEntry(w, pte, frame.pfn, state.write)
      handOnMarks(w, pte, state)
      if (state.dirty) frame.flags?.dirty.set(w, 1)
      return state.write
    })
  },
)

/** Of file and shared memory other mappings could write the page back: it is never exclusive. @kernel folio_test_anon */
function isAnonymous(w: World, mm: MmStruct, page: number, frame: Frame): boolean {
  return !isShared(mm.vma[page].kind.get(w)) && !isPageCache(w, frame)
}

/** The entry keeps the reference of the mapping that it replaces. Part of a step, under the page-table lock. */
export function setExclusiveEntry(w: World, pte: Pte, pfn: number, write: number): void {
  pte.kind.set(w, PteKind.deviceExclusive)
  pte.frame.set(w, pfn)
  pte.write.set(w, write)
}

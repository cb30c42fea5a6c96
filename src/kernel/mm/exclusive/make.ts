/**
 * Device-exclusive access: a page stays where it is, and no CPU can use it until it has been taken back.
 *
 * @see reference B.10
 * @module
 */
import { become, procedure, type Running, step } from '../../../world/index.js'
import { isPageCache, isShared } from '../../address-space.js'
import { Errno } from '../../errno.js'
import {
  type Frame,
  type Machine,
  type MmStruct,
  NotifyEvent,
  type Pte,
  PteKind,
  type Task,
} from '../../machine.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { entryState } from '../encoding.js'
import { flushTlb } from '../fault/cpu.js'
import { get_user_pages_remote } from '../fault/gup.js'
import { clearPte, folio_lock, handOnMarks, mapsPage, putPage, tryLockPage, unlockPage } from '../page.js'
import { areasOf, partsOf } from '../rmap.js'

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
 * Takes one page away from the CPUs, as above, but waits for its folio lock, and tries again if the entry has changed meanwhile. The
 * entry keeps the mapping of the page: whoever looks for those that map it finds it.
 *
 * @returns the frame, locked and held; -EFAULT if it cannot be faulted in to be written; -EOPNOTSUPP if it is not anonymous
 * @kernel make_device_exclusive
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
  const refused = yield* step('put the page, unless it is anonymous', () => {
    if (isAnonymous(mm, page, frame)) return 0
    putPage(frame)
    return -Errno.EOPNOTSUPP
  })
  if (refused) return refused
  yield* folio_lock(frame)
  yield* invalidateRangeStart(current, mm, NotifyEvent.EXCLUSIVE, page, page + 1, owner)
  const done = yield* mm.ptl.critical('clear, flush and make exclusive', () => {
    const pte = mm.pte[page]
    if (!mapsPage(pte) || pte.frame !== pfn || !pte.write) return 0
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
  yield* step('unlock and put the page', () => {
    unlockPage(frame)
    putPage(frame)
    return 0
  })
  return yield* become(make_device_exclusive, current, mm, page, owner)
})

/** What becomes of a page before the walk over its mappings; above are the mappings to begin with. */
const Begin = { refused: 0, notAnonymous: 1 } as const

/**
 * One page, which the caller holds by a reference. All its mappings are replaced, in every area, and of a huge page, of which
 * the first part stands for all, those of all its parts: only if none is left it is exclusive.
 *
 * @returns the frame, locked; or 0, and the reference is given back
 * @kernel folio_make_device_exclusive
 */
const makePageExclusive = procedure(
  'make_device_exclusive_range (page)',
  function* (current: Task, mm: MmStruct, page: number, pfn: number, owner: number): Running<number> {
    const { machine } = current
    const frame = machine.frames[pfn]
    const begin = yield* step('trylock the page, or put it', () => {
      if (isTail(frame) || !tryLockPage(frame)) {
        putPage(frame)
        return Begin.refused
      }
      return isAnonymous(mm, page, frame) ? areaCode(machine, frame, 0) : Begin.notAnonymous
    })
    if (begin === Begin.refused) return 0
    const isExclusive =
      begin === Begin.notAnonymous
        ? 0
        : yield* folio_make_device_exclusive(current, { mm, page, frame, owner }, begin, 0, 0)
    if (isExclusive) return pfn
    yield* step('unlock and put the page', () => {
      unlockPage(frame)
      putPage(frame)
      return 0
    })
    return 0
  },
)

/** Whose page is to be exclusive, and where it was looked up. */
interface Target {
  readonly mm: MmStruct
  readonly page: number
  readonly frame: Frame
  readonly owner: number
}

/** The area with number `index` of those that may map the page, as a code of at least 2; 1 if there is none. */
function areaCode(machine: Machine, frame: Frame, index: number): number {
  const area = areasOf(machine, frame)[index]
  const size = machine.pages + 1
  return area === undefined ? 1 : ((area.mm.index * size + area.start) * size + area.end) * 2 + 2
}

/**
 * Goes on with one area: its watchers are told, then the entries are replaced one after another. One that a device has to itself
 * already ends the walk: so does the last mapping.
 *
 * @param code - the area
 * @param index - its number in the order of the walk
 * @param isValid - 1 if the entry that was asked for has been replaced and could be written
 * @returns 1 if the page is exclusive
 * @kernel rmap_walk, page_make_device_exclusive_one
 */
const folio_make_device_exclusive = procedure(function* folio_make_device_exclusive(
  current: Task,
  target: Target,
  code: number,
  index: number,
  isValid: number,
): Running<number> {
  const { machine } = current
  const { frame, owner } = target
  if (code === 1) return 0
  const size = machine.pages + 1
  const packed = (code - 2) / 2
  const [end, start] = [packed % size, Math.floor(packed / size) % size]
  const mm = machine.mms[Math.floor(packed / size / size)]
  yield* invalidateRangeStart(current, mm, NotifyEvent.EXCLUSIVE, start, end, owner)
  let valid = isValid
  let stopped = false
  for (let page = start; page < end && !stopped; page++) {
    const replaced = yield* page_make_device_exclusive_one(current, mm, page, frame)
    if (mm === target.mm && page === target.page && replaced === Replaced.writable) valid = 1
    stopped = replaced === Replaced.already
  }
  yield* invalidateRangeEnd(current, mm, NotifyEvent.EXCLUSIVE, start, end, owner)
  // Where areas do not know what links them, one that was faulted in to be written has but one mapping.
  if (machine.anonVmas.length === 0) return valid
  const next = yield* step('go on with the next area', () => {
    if (partsOf(machine, frame).every((frame) => frame.mapcount === 0)) return 0
    return stopped ? 1 : areaCode(machine, frame, index + 1)
  })
  if (next === 0) return valid
  return yield* become(folio_make_device_exclusive, current, target, next, index + 1, valid)
})

/** True if it is a part of a huge page, and not the first: such are not taken. @kernel PageTail */
function isTail(frame: Frame): boolean {
  return frame.compound > 1
}

/** What came of an entry: it maps another page or none, was replaced, or was a device-exclusive one of the page before. */
export const Replaced = { not: 0, writable: 1, readOnly: 2, already: 3 } as const

/**
 * Replaces the entry, if it maps the page or another part of the same huge page. The TLBs are flushed in the same section of the
 * page-table lock: there is no device-exclusive entry while a CPU can still reach the page.
 *
 * @returns {@link Replaced}
 * @kernel page_make_device_exclusive_one
 */
export const page_make_device_exclusive_one = procedure(function* page_make_device_exclusive_one(
  { machine }: Task,
  mm: MmStruct,
  page: number,
  frame: Frame,
): Running<number> {
  return yield* mm.ptl.critical('clear, flush and make exclusive', () => {
    const pte = mm.pte[page]
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

/** Of file and shared memory other mappings could write the page back: it is never exclusive. @kernel folio_test_anon */
function isAnonymous(mm: MmStruct, page: number, frame: Frame): boolean {
  return !isShared(mm.vma[page].kind) && !isPageCache(frame)
}

/** The entry keeps the reference of the mapping that it replaces. Part of a step, under the page-table lock. */
export function setExclusiveEntry(pte: Pte, pfn: number, write: boolean): void {
  pte.kind = PteKind.deviceExclusive
  pte.frame = pfn
  pte.write = write
}

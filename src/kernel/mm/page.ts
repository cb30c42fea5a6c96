/**
 * Page frames and page-table entries: taking and giving back the one, writing the other.
 *
 * @module
 */
import {
  acting,
  BLOCKED,
  claim,
  mightSleep,
  procedure,
  SpecificationError,
  step,
  type World,
} from '../../world/index.js'
import type { FrameFlags } from '../bits.js'
import {
  type Frame,
  isDevicePrivate,
  type Machine,
  type MmStruct,
  type Pte,
  PteKind,
  ZERO_PAGE,
} from '../machine.js'
import { freeZoneDeviceFolio } from '../memremap/device-page.js'
import { setAnonRmap } from './area/vma.js'
import { type EntryState, entryState } from './encoding.js'
import { freeSwapCache } from './swap/slots.js'

/** Takes one more reference. The zero page's are not counted. Part of a step. @kernel get_page */
export function getPage(w: World, frame: Frame): void {
  if (frame.pfn !== ZERO_PAGE) frame.refcount.add(w, 1)
}

/** Gives one reference back; with the last one the frame is free, and holds nothing. Part of a step. @kernel put_page */
export function putPage(w: World, frame: Frame): void {
  if (frame.pfn === ZERO_PAGE) return
  claim('use-after-free', frame.refcount.get(w) > 0, `frame ${frame.pfn} is given back and is free already`)
  if (frame.refcount.add(w, -1) > 0) return
  claim(
    'use-after-free',
    frame.mapcount.get(w) === 0,
    `frame ${frame.pfn} is freed and a page table still maps it`,
  )
  claim('C51', frame.locked.get(w) === 0, `frame ${frame.pfn} is freed and its folio lock is held`)
  frame.contents.set(w, 0)
  frame.flags?.dirty.set(w, 0)
  frame.flags?.anonExclusive.set(w, 0)
  frame.lru?.set(w, 0)
  frame.compound?.set(w, 0)
  frame.anonVma?.set(w, 0)
  frame.index?.set(w, 0)
  frame.charged?.set(w, 0)
  frame.lifecycle?.signal(w, 'FREED')
  freeZoneDeviceFolio(w, frame)
}

/**
 * Charges a page to the memory cgroup, if that is not at its limit. Part of a step.
 *
 * @kernel mem_cgroup_charge
 */
export function chargePage(w: World, machine: Machine, frame: Frame): boolean {
  if (machine.memoryLimit === undefined) return true
  const charged = machine.frames.filter((other) => other.charged?.get(w) === 1).length
  if (charged >= machine.memoryLimit) return false
  frame.charged?.set(w, 1)
  return true
}

/** Takes the folio lock if nobody holds it. Part of a step. @kernel folio_trylock */
export function tryLockPage(w: World, frame: Frame): boolean {
  if (frame.locked.get(w) !== 0) return false
  frame.locked.set(w, acting.thread + 1)
  return true
}

/**
 * Waits for the folio lock and takes it. The caller holds the page by a reference: of a free page there is nothing to lock.
 *
 * @kernel folio_lock
 */
export const lockPage = procedure('folio_lock', function* (frame: Frame) {
  yield* step('lock the page', (w) => {
    if (!tryLockPage(w, frame)) return BLOCKED
    claim('use-after-free', frame.refcount.get(w) > 0, `frame ${frame.pfn} is locked, and is free`)
    return 0
  })
})

/** Releases the folio lock. Part of a step. @kernel folio_unlock */
export function unlockPage(w: World, frame: Frame): void {
  claim(
    'lock-discipline',
    frame.locked.get(w) === acting.thread + 1,
    `the folio lock of frame ${frame.pfn} is released by a thread that does not hold it`,
  )
  frame.locked.set(w, 0)
}

/**
 * Allocates a zeroed page with one reference. One step: until it is mapped nobody else can reach it, so when it is
 * zeroed makes no difference. The lowest free frame is taken, so that states do not differ by where pages lie.
 *
 * @returns its frame, or 0 if there is none, or if the process may not have one more
 * @kernel alloc_zeroed_user_highpage_movable
 */
export const allocPage = procedure('alloc_page', function* (machine: Machine) {
  return yield* step('take a free frame', (w) => {
    mightSleep(machine.layout.locks, w, 'an allocation')
    const frame = machine.frames.find(
      ({ pfn, owner, refcount }) => pfn !== ZERO_PAGE && owner < 0 && refcount.get(w) === 0,
    )
    if (frame === undefined || !chargePage(w, machine, frame)) return 0
    frame.refcount.set(w, 1)
    frame.contents.set(w, 0)
    return frame.pfn
  })
})

/**
 * Gives back a batch of references, one for each time that a frame is named. One step: the frames are out of every
 * page table and TLB by then, and each count is changed atomically. What nobody maps any more leaves the swap cache.
 *
 * @param pfns - frames; the zero page may be among them
 * @kernel free_pages_and_swap_cache
 * @see reference G.2
 */
export const releasePages = procedure('release_pages', function* (machine: Machine, pfns: readonly number[]) {
  if (!pfns.some((pfn) => pfn !== ZERO_PAGE)) return
  yield* step('put the pages', (w) => {
    for (const pfn of pfns) {
      freeSwapCache(w, machine, machine.frames[pfn])
      putPage(w, machine.frames[pfn])
    }
    return 0
  })
})

/** True if the entry maps a page that CPUs can use, whether or not the CPU may use it. Under the page-table lock. */
export function mapsPage(w: World, pte: Pte): boolean {
  switch (pte.kind.get(w)) {
    case PteKind.none:
      return false
    case PteKind.present:
    case PteKind.protnone:
      return true
    case PteKind.swap:
    case PteKind.devicePrivate:
    case PteKind.migration:
    case PteKind.deviceExclusive:
    case PteKind.poison:
      return false
    default:
      throw new SpecificationError(
        'scenario',
        `${pte.kind.name} is ${pte.kind.show(w)}, which has no procedure yet`,
      )
  }
}

/** Maps `pfn`: the entry takes over the caller's reference. Part of a step, under the page-table lock. @kernel set_pte_at */
export function setPte(w: World, machine: Machine, pte: Pte, pfn: number, write: boolean): void {
  pte.kind.set(w, isDevicePrivate(machine.frames[pfn]) ? PteKind.devicePrivate : PteKind.present)
  pte.frame.set(w, pfn)
  pte.write.set(w, write ? 1 : 0)
  if (pfn !== ZERO_PAGE) machine.frames[pfn].mapcount.add(w, 1)
}

/**
 * The entry was made by a write, or for one. Part of a step, under the page-table lock.
 *
 * @kernel pte_mkdirty
 */
export function dirtyPte(w: World, { bits }: Pte): void {
  bits?.dirty.set(w, 1)
  bits?.softDirty.set(w, 1)
}

/**
 * True if nobody waits to be told of a write through the entry, by soft-dirty or by userfaultfd. Part of a step, under the
 * page-table lock.
 *
 * @kernel pte_needs_soft_dirty_wp, userfaultfd_pte_wp
 */
export function mayWriteUntold(w: World, { rules }: Machine, { bits }: Pte): boolean {
  if (bits === undefined) return true
  return (!rules.tracksSoftDirty || bits.softDirty.get(w) === 1) && bits.uffdWp.get(w) === 0
}

/**
 * The page that the entry maps is new, and this mapping's alone; where it may be written, it is about to be. Part of a
 * step, under the page-table lock.
 *
 * @kernel folio_add_new_anon_rmap
 */
export function addNewAnonRmap(w: World, machine: Machine, mm: MmStruct, page: number): void {
  const pte = mm.pte[page]
  const frame = machine.frames[pte.frame.get(w)]
  frame.flags?.anonExclusive.set(w, 1)
  setAnonRmap(w, frame, mm, page)
  if (pte.kind.get(w) === PteKind.present && pte.write.get(w)) dirtyPte(w, pte)
}

/**
 * Makes the entry empty. Its reference passes to the caller. Part of a step, under the page-table lock.
 *
 * @returns the frame that it mapped
 * @kernel ptep_get_and_clear, page_remove_rmap
 */
export function clearPte(w: World, machine: Machine, pte: Pte): number {
  const pfn = pte.frame.get(w)
  clearEntry(w, pte)
  if (pfn !== ZERO_PAGE) machine.frames[pfn].mapcount.add(w, -1)
  return pfn
}

/**
 * Replaces the entry, which maps a page, by a migration entry; its reference passes to the caller. What the entry said
 * is handed on: that the page was written to also to the page, since whoever finds the migration given up, or the
 * page elsewhere, must know that swap holds an older copy (D5). Part of a step, under the page-table lock.
 *
 * @param state - what the entry says
 */
export function setMigrationEntry(
  w: World,
  machine: Machine,
  pte: Pte,
  state: EntryState = entryState(w, pte),
): void {
  const pfn = clearPte(w, machine, pte)
  const { flags } = machine.frames[pfn]
  pte.kind.set(w, PteKind.migration)
  pte.frame.set(w, pfn)
  pte.write.set(w, state.write)
  if (pte.bits === undefined || flags === undefined) return
  if (state.dirty) flags.dirty.set(w, 1)
  pte.bits.dirty.set(w, state.dirty)
  handOnMarks(w, pte, state)
  takeExclusive(w, pte, flags)
}

/** Marks of an entry outlive what it says about the page. Part of a step, under the page-table lock. */
export function handOnMarks(w: World, { bits }: Pte, state: Pick<EntryState, 'softDirty' | 'uffdWp'>): void {
  bits?.softDirty.set(w, state.softDirty)
  bits?.uffdWp.set(w, state.uffdWp)
}

/** The entry, which is not present any more, keeps what the page knew: that it was this mapping's alone. @kernel folio_try_share_anon_rmap_pte */
export function takeExclusive(w: World, { bits }: Pte, { anonExclusive }: FrameFlags): void {
  bits?.exclusive.set(w, anonExclusive.get(w))
  anonExclusive.set(w, 0)
}

/** Makes an entry empty that holds neither a reference nor a mapping. Part of a step, under the page-table lock. @kernel pte_clear */
export function clearEntry(w: World, pte: Pte): void {
  pte.kind.set(w, PteKind.none)
  pte.frame.set(w, 0)
  pte.write.set(w, 0)
  if (pte.bits === undefined) return
  pte.bits.dirty.set(w, 0)
  pte.bits.softDirty.set(w, 0)
  pte.bits.uffdWp.set(w, 0)
  pte.bits.exclusive.set(w, 0)
  pte.bits.slot.set(w, 0)
}

/** Makes an entry empty that is a migration's or poisoned: it held neither a reference nor a mapping. Part of a step, under the page-table lock. */
export function clearMigrationEntry(w: World, pte: Pte): void {
  clearEntry(w, pte)
}

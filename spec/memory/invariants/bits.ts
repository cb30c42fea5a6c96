/**
 * The bits of entries and pages, and the contents of swap.
 *
 * @module
 */
import {
  change_protection,
  entryContents,
  ownExpected,
  type Pte,
  PteKind,
  slotOf,
  VM_WRITE,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import { type Invariant, old, type StepClaim } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** C39: a swap slot, or its page in the swap cache, holds the data written last. */
export function swapHoldsTheData({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C39',
    name: 'a swap entry names the slot that holds the data',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.users === 0) continue
        for (const [page, pte] of mm.pte.entries()) {
          if (pte.kind !== PteKind.swap) continue
          said = true
          const holds = entryContents(machine, pte)
          const expected = ownExpected(mm, page).value
          // A page that is being read from its slot is locked, and no thread accesses it.
          const isRead = machine.frames.some((frame) => frame.swapCache === pte.slot && frame.locked > 0)
          if (holds !== expected && !isRead)
            return `page ${page} of ${mm.name} is in slot ${pte.slot}, which holds ${holds}; last written was ${expected}`
        }
      }
      return said
    },
  }
}

/**
 * C39: a page that differs from its copy in swap is dirty, so that it is written out before it is
 * dropped.
 */
export function cleanPagesAreInSwap({ machine, mirrors }: MirrorWorld): Invariant {
  const entries = machine.mms.flatMap(({ pte }) => pte)
  return {
    clause: 'C39',
    name: 'a page that differs from its copy in swap is dirty',
    judge() {
      let said: true | undefined
      for (const frame of machine.frames) {
        const slot = frame.swapCache
        if (slot === 0) continue
        said = true
        // The page is unused: it is freed when its lock is free, or by reclaim.
        if (frame.mapcount === 0 && slotOf(machine, slot).count === 0) continue
        if (frame.contents === slotOf(machine, slot).contents || frame.dirty) continue
        // The page is being read from swap.
        if (frame.locked && frame.mapcount === 0 && frame.contents === 0) continue
        if (entries.some((pte) => pte.frame === frame.pfn && pte.dirty)) continue
        const isDevices = mirrors.some(
          ({ pageTable, accesses }) =>
            pageTable.some((entry) => entry.frame === frame && entry.write) ||
            [...accesses.values()].some((access) => access.frame === frame && access.write),
        )
        if (!isDevices)
          return `frame ${frame.pfn} holds ${frame.contents}, its slot ${slotOf(machine, slot).contents}, and no dirty bit is set`
      }
      return said
    },
  }
}

/** C39: a slot counts the entries that refer to it, and has at most one page in the swap cache. */
export function swapIsCounted({ machine }: MirrorWorld): Invariant {
  const entries = machine.mms.flatMap(({ pte }) => pte)
  return {
    clause: 'C39',
    name: 'a slot has its entries and one page',
    judge() {
      let said: true | undefined
      for (const swapSlot of machine.swap) {
        const named = entries.filter((pte) => pte.slot === swapSlot.slot).length
        if (named !== swapSlot.count)
          return `${named} entries refer to slot ${swapSlot.slot}, and its count is ${swapSlot.count}`
        const cached = machine.frames.filter((frame) => frame.swapCache === swapSlot.slot)
        if (named + cached.length > 0) said = true
        if (cached.length > 1) return `${cached.length} pages are in the swap cache for slot ${swapSlot.slot}`
        for (const frame of cached) {
          if (frame.owner >= 0)
            return `slot ${swapSlot.slot} leads to frame ${frame.pfn}, which is device memory`
          if (frame.refcount === 0) return `slot ${swapSlot.slot} leads to frame ${frame.pfn}, which is free`
        }
      }
      return said
    },
  }
}

/** C39: a migration keeps the bits of the entry that it replaces. */
export function migrationKeepsTheEntry({ machine }: MirrorWorld): StepClaim {
  /** True if the entry or its page is dirty. */
  function isDirty(pte: Pte): boolean {
    return pte.dirty || machine.frames[pte.frame].dirty
  }
  /**
   * True if the new entry must be dirty. A migration entry has a dirty bit, a device-private entry
   * has none. If the page was written out meanwhile, the restored entry is clean.
   */
  function staysDirty(pte: Pte): boolean {
    if (pte.kind === PteKind.devicePrivate || !old(pte).dirty) return false
    return pte.kind === PteKind.migration || machine.frames[pte.frame].dirty
  }
  return {
    clause: 'C39',
    name: 'a migration keeps what the entry says',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          const from = old(pte).kind
          const to = pte.kind
          const isReplaced = from === PteKind.migration || to === PteKind.migration
          if (from === to || !isReplaced || from === PteKind.none || to === PteKind.none) continue
          if (old(pte).frame === ZERO_PAGE) continue
          said = true
          const where = `page ${page} of ${mm.name}: its entry was ${old(pte).kind} and is ${pte.kind}`
          const mayWrite = old(pte).write && (mm.vma[page].flags & VM_WRITE) !== 0
          const stays = to === PteKind.migration ? old(pte).write : mayWrite
          if (pte.write !== stays)
            return `${where}, and may ${stays ? 'not be written any more' : 'be written now'}`
          if (!pte.tracksBits) continue
          if (old(pte).softDirty !== pte.softDirty)
            return `${where}, and soft-dirty is ${pte.softDirty ? 1 : 0}`
          if (old(pte).uffdWp !== pte.uffdWp) return `${where}, and uffd-wp is ${pte.uffdWp ? 1 : 0}`
          if (old(() => isDirty(pte)) !== isDirty(pte))
            return `${where}, and the page is ${isDirty(pte) ? 'dirty' : 'clean'} now`
          if (pte.dirty !== staysDirty(pte))
            return `${where}, and the entry is ${pte.dirty ? 'dirty' : 'clean'} now`
        }
      return said
    },
  }
}

/** `write-tracking`: an entry that userfaultfd has write-protected is not writable. */
export function protectedIsNotWritable({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'write-tracking',
    name: 'an entry with uffd-wp is not writable',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (!pte.uffdWp) continue
          said = true
          if (pte.write)
            return `page ${page} of ${mm.name} is write-protected by userfaultfd, and its entry is writable`
        }
      return said
    },
  }
}

/** `write-tracking`: an entry keeps its marks when its page is swapped out and in. */
export function swapKeepsTheMarks({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'write-tracking',
    name: 'an entry keeps its marks in swap',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          const from = old(pte).kind
          const to = pte.kind
          const isMoved = from === PteKind.swap || to === PteKind.swap
          if (from === to || !isMoved || from === PteKind.none || to === PteKind.none) continue
          said = true
          const where = `page ${page} of ${mm.name}: its entry was ${from} and is ${to}`
          if (old(pte).uffdWp !== pte.uffdWp) return `${where}, and uffd-wp is ${pte.uffdWp ? 1 : 0}`
          if (from === PteKind.swap && pte.dirty && !pte.write)
            return `${where}, and it is dirty although it is read-only`
          // A write fault makes the page soft-dirty.
          if (old(pte).softDirty && !pte.softDirty) return `${where}, and it is not soft-dirty any more`
          if (to === PteKind.swap && !old(pte).softDirty && pte.softDirty)
            return `${where}, and it is soft-dirty now`
        }
      return said
    },
  }
}

/** `write-tracking`: mprotect makes no entry writable whose next write must fault for tracking. */
export function trackedWritesFault({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'write-tracking',
    name: 'mprotect makes no entry writable whose writes are tracked',
    judge(thread, from) {
      if (!from.inside(thread, change_protection)) return undefined
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (!pte.write || old(pte).write) continue
          said = true
          if (pte.uffdWp) return `mprotect makes page ${page} writable, which userfaultfd has write-protected`
          if (machine.rules.tracksSoftDirty && !pte.softDirty)
            return `mprotect makes page ${page} writable, which is not soft-dirty`
        }
      return said
    },
  }
}

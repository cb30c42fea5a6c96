/**
 * What entries and pages carry beside where the page is, and what is in swap.
 *
 * @module
 */
import { entryContents, type Pte, PteKind, slotOf, VM_WRITE, ZERO_PAGE } from '../../src/kernel/index.js'
import type { Invariant, StepClaim, World } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** C39: what is in swap, or in the swap cache for it, is what was last written. */
export function swapHoldsTheData({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C39',
    name: 'a swap entry names the slot that holds the data',
    judge(w) {
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.users.get(w) === 0) continue
        for (const [page, pte] of mm.pte.entries()) {
          if (pte.kind.readOnce(w) !== PteKind.swap) continue
          said = true
          const holds = entryContents(w, machine, pte)
          const expected = mm.expected[page].get(w)
          // A page that is being read from its slot is locked, and nobody looks at it.
          const isRead = machine.frames.some(
            ({ flags, locked }) =>
              flags?.swapCache.get(w) === pte.bits?.slot.readOnce(w) && locked.get(w) > 0,
          )
          if (holds !== expected && !isRead)
            return `page ${page} of ${mm.name} is in slot ${pte.bits?.slot.readOnce(w)}, which holds ${holds}; last written was ${expected}`
        }
      }
      return said
    },
  }
}

/** C39: a page that differs from its copy in swap is known to, so that it is written out before it is dropped. */
export function cleanPagesAreInSwap({ machine, mirrors }: MirrorWorld): Invariant {
  const entries = machine.mms.flatMap(({ pte }) => pte)
  return {
    clause: 'C39',
    name: 'a page that differs from its copy in swap is dirty',
    judge(w) {
      let said: true | undefined
      for (const { pfn, flags, contents, locked, mapcount } of machine.frames) {
        const slot = flags?.swapCache.get(w) ?? 0
        if (flags === undefined || slot === 0) continue
        said = true
        // Nobody wants it any more: it is given back when its lock is free, or by reclaim.
        if (mapcount.get(w) === 0 && slotOf(machine, slot).count.get(w) === 0) continue
        if (contents.get(w) === slotOf(machine, slot).contents.get(w) || flags.dirty.get(w)) continue
        // It is being read.
        if (locked.get(w) && mapcount.get(w) === 0 && contents.get(w) === 0) continue
        if (entries.some((pte) => pte.frame.readOnce(w) === pfn && pte.bits?.dirty.get(w))) continue
        const isDevices = mirrors.some(
          ({ pageTable, accesses }) =>
            pageTable.some(({ frame, write }) => frame.readOnce(w) === pfn + 1 && write.readOnce(w)) ||
            [...accesses.values()].some(({ frame, write }) => frame.get(w) === pfn + 1 && write.get(w)),
        )
        if (!isDevices)
          return `frame ${pfn} holds ${contents.get(w)}, its slot ${slotOf(machine, slot).contents.get(w)}, and nothing says that it is dirty`
      }
      return said
    },
  }
}

/** C39: a slot counts the entries that name it, and one page of system memory at most stands for it. */
export function swapIsCounted({ machine }: MirrorWorld): Invariant {
  const entries = machine.mms.flatMap(({ pte }) => pte)
  return {
    clause: 'C39',
    name: 'a slot has its entries and one page',
    judge(w) {
      let said: true | undefined
      for (const { slot, count } of machine.swap) {
        const named = entries.filter(({ bits }) => bits?.slot.readOnce(w) === slot).length
        if (named !== count.get(w))
          return `slot ${slot} is named by ${named} entries, and counts ${count.get(w)}`
        const cached = machine.frames.filter(({ flags }) => flags?.swapCache.get(w) === slot)
        if (named + cached.length > 0) said = true
        if (cached.length > 1) return `${cached.length} pages stand for slot ${slot}`
        for (const { pfn, owner, refcount } of cached) {
          if (owner >= 0) return `slot ${slot} leads to frame ${pfn}, which is device memory`
          if (refcount.get(w) === 0) return `slot ${slot} leads to frame ${pfn}, which is free`
        }
      }
      return said
    },
  }
}

/** C39: an entry that a migration replaces, and the one that it puts back, say the same. */
export function migrationKeepsTheEntry({ machine }: MirrorWorld): StepClaim {
  /** Whether anything says that the page of the entry is dirty. */
  function isDirty(w: World, { frame, bits }: Pte): number {
    return (bits?.dirty.get(w) ?? 0) | (machine.frames[frame.readOnce(w)].flags?.dirty.get(w) ?? 0)
  }
  return {
    clause: 'C39',
    name: 'a migration keeps what the entry says',
    judge(before, after) {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          const from = pte.kind.readOnce(before)
          const to = pte.kind.readOnce(after)
          const isReplaced = from === PteKind.migration || to === PteKind.migration
          if (from === to || !isReplaced || from === PteKind.none || to === PteKind.none) continue
          if (pte.frame.readOnce(before) === ZERO_PAGE) continue
          said = true
          const where = `page ${page} of ${mm.name}: its entry was ${pte.kind.show(before)} and is ${pte.kind.show(after)}`
          const mayWrite = pte.write.readOnce(before) && mm.vma[page].flags.readOnce(after) & VM_WRITE
          const stays = to === PteKind.migration ? pte.write.readOnce(before) : mayWrite ? 1 : 0
          if (pte.write.readOnce(after) !== stays)
            return `${where}, and may ${stays ? 'not be written any more' : 'be written now'}`
          if (pte.bits === undefined) continue
          if (pte.bits.softDirty.readOnce(before) !== pte.bits.softDirty.readOnce(after))
            return `${where}, and soft-dirty is ${pte.bits.softDirty.show(after)}`
          if (pte.bits.uffdWp.readOnce(before) !== pte.bits.uffdWp.readOnce(after))
            return `${where}, and uffd-wp is ${pte.bits.uffdWp.show(after)}`
          if (isDirty(before, pte) !== isDirty(after, pte))
            return `${where}, and the page is ${isDirty(after, pte) ? 'dirty' : 'clean'} now`
        }
      return said
    },
  }
}

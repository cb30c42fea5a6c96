/**
 * Frames: counted exactly, freed only when nothing can reach them.
 *
 * @module
 */
import {
  alloc_page,
  change_prot_numa,
  cpuRead,
  cpuWrite,
  exit_mmap,
  folio_lock,
  isFileBacked,
  isInserted,
  isPageCache,
  ownExpected,
  PteKind,
  reapArea,
  uffd_wp_range,
  VM_READ,
  VM_WRITE,
  VmaKind,
  ZERO_PAGE,
  zap_page_range,
} from '../../../src/kernel/index.js'
import { type Invariant, old, type StepClaim } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/**
 * Entries that map the frame, and those that hold it without mapping it: a device has it alone. An exclusive entry that was
 * had page by page keeps the mapping.
 */
function entriesOf({ machine }: MirrorWorld, pfn: number): { mapped: number; held: number } {
  let mapped = 0
  let held = 0
  for (const mm of machine.mms)
    for (const pte of mm.pte) {
      const kind = pte.kind
      if (kind === PteKind.none || kind === PteKind.migration || pte.frame !== pfn) continue
      if (kind === PteKind.deviceExclusive && !machine.rules.exclusiveByPage) held++
      else mapped++
    }
  return { mapped, held }
}

/** C6: a mirrored page is not pinned: its references are those of its mappings and of who copies it, no device's. */
export function framesAreCounted(world: MirrorWorld): Invariant {
  const { machine, tasks } = world
  return {
    clause: 'C6',
    name: 'references are those of the mappings',
    judge(view) {
      let said: true | undefined
      const ended = tasks.every(({ thread }) => view.finished(thread))
      for (const frame of machine.frames) {
        const { pfn } = frame
        if (pfn === ZERO_PAGE) continue
        const { mapped, held } = entriesOf(world, pfn)
        if (frame.mapcount !== mapped)
          return `frame ${pfn} is mapped ${mapped} times and counts ${frame.mapcount}`
        if (frame.refcount < mapped + held)
          return `frame ${pfn} is in ${mapped + held} entries and has ${frame.refcount} references`
        if (frame.refcount > 0) said = true
        const isCached = isPageCache(frame) || frame.swapCache > 0
        const known = mapped + held + (isCached ? 1 : 0)
        if (ended && frame.refcount !== known)
          return `at the end frame ${pfn} is in ${mapped + held} entries and has ${frame.refcount} references: a leak`
      }
      return said
    },
  }
}

/**
 * `area-rights`: an entry of the CPU's page table permits nothing that its area forbids. Whoever changes an area holds the mmap
 * lock for writing until the entries agree again.
 */
export function entriesWithinAreas({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'area-rights',
    name: 'an entry grants no more than its area',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.mmapLock.writer.value !== 0) continue
        for (let page = 0; page < machine.pages; page++) {
          const pte = mm.pte[page]
          const { kind, write } = pte
          if (kind !== PteKind.present && !write) continue
          const area = mm.vma[page]
          // The area has been taken out, and its entries are zapped next.
          if (area.kind === VmaKind.none) continue
          said = true
          if (write && !(area.flags & VM_WRITE))
            return `${mm.name} may write page ${page} by its entry, and the area permits no writing`
          if (kind === PteKind.present && !(area.flags & (VM_READ | VM_WRITE)))
            return `${mm.name} maps page ${page}, and the area permits no access`
        }
      }
      return said
    },
  }
}

/** data: what was written to private memory is behind an entry, unless it has been zapped. */
export function writtenPagesAreThere({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'data',
    name: 'a page that was written to has an entry',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.users === 0 || mm.mmapLock.writer.value !== 0) continue
        for (let page = 0; page < machine.pages; page++) {
          if (mm.pte[page].kind !== PteKind.none) continue
          const { kind } = mm.vma[page]
          if (kind === VmaKind.none || isFileBacked(kind)) continue
          said = true
          const { value } = ownExpected(mm, page)
          if (value !== 0) return `page ${page} of ${mm.name} has no entry; last written was ${value}`
        }
      }
      return said
    },
  }
}

/** Who has changed entries and flushes the TLBs later, with no more than the mmap lock for reading until then. */
const FLUSH_LATER = [zap_page_range, reapArea, exit_mmap, change_prot_numa, uffd_wp_range] as const

/**
 * C47: a TLB of a CPU grants no more than the page table, but while an entry is being changed and the flush is still to
 * come. Every other change flushes before the page-table lock is dropped, or the mmap lock that was held for writing.
 */
export function tlbsWithinEntries({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C47',
    name: 'a TLB grants no more than the page table',
    judge(view) {
      let said: true | undefined
      for (const { mm, tlb } of machine.cpus)
        for (let page = 0; page < machine.pages; page++) {
          const { frame, write, dirty } = tlb[page]
          if (frame === undefined) {
            if (write || (dirty && mm.pte[page].tracksBits))
              return `a CPU's TLB of ${mm.name} has forgotten page ${page}, and keeps its rights`
            continue
          }
          said = true
          const pte = mm.pte[page]
          const isMapped = pte.kind === PteKind.present && pte.frame === frame.pfn
          if (isMapped && (!write || (pte.write && (!dirty || pte.dirty)))) continue
          if (mm.ptl.isHeld() || mm.mmapLock.writer.value !== 0) continue
          if (tasks.some(({ thread }) => FLUSH_LATER.some((change) => view.inside(thread, change)))) continue
          const wrong = !isMapped
            ? `maps page ${page} to frame ${frame.pfn}, and the page table does not`
            : pte.write
              ? `writes page ${page} without a look at its entry, which is not dirty`
              : `may write page ${page}, and the page table forbids it`
          return `a CPU's TLB of ${mm.name} ${wrong}`
        }
      return said
    },
  }
}

/**
 * C47: what a TLB permits a CPU does without a look at the page table, as long as nobody has flushed. That is why flushes
 * are needed at all: a CPU that looked every time would hide that one is missing.
 */
export function cpusTrustTheirTlb({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C47',
    name: 'a CPU does not look up what its TLB permits',
    judge(thread, from) {
      const writes = from.inside(thread, cpuWrite) && from.step(thread) === 'write'
      const reads = from.inside(thread, cpuRead) && from.step(thread) === 'read'
      if (!writes && !reads) return undefined
      let said: true | undefined
      const { mm, tlb } = machine.cpus[thread]
      for (const [page, entry] of tlb.entries()) {
        const { frame, write, dirty } = old(entry)
        if (frame === undefined || (writes && !(write && dirty))) continue
        said = true
        if (entry.frame !== frame || entry.write !== write || entry.dirty !== dirty)
          return `a CPU looks up page ${page} of ${mm.name}, and its TLB permits the access`
      }
      return said
    },
  }
}

/** C47: no CPU can reach a frame that is free. */
export function cpusForget({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C47',
    name: 'no TLB maps a free frame',
    judge() {
      let said: true | undefined
      for (const cpu of machine.cpus)
        for (const [page, entry] of cpu.tlb.entries()) {
          const { frame } = entry
          if (frame === undefined || frame.pfn === ZERO_PAGE) continue
          said = true
          if (frame.refcount === 0)
            return `a CPU's TLB maps page ${page} to frame ${frame.pfn}, which is free`
        }
      return said
    },
  }
}

/**
 * C18: whoever holds an update lock waits neither for a folio lock nor for an mmap lock. That it is taken says that it might have
 * been waited for; a trylock waits for nothing.
 */
export function noEarlierLockUnderUpdateLock({ machine, mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'C18',
    name: 'no lock that comes before the update lock is taken under it',
    judge(thread, from) {
      const isFolio = from.inside(thread, folio_lock)
      const taken = isFolio
        ? 'a folio lock'
        : machine.mms.find(({ mmapLock }) => mmapLock.heldBy(thread) && !old(() => mmapLock.heldBy(thread)))
            ?.mmapLock.name
      if (taken === undefined) return undefined
      for (const { updateLock } of mirrors)
        if (old(() => updateLock.heldBy(thread))) return `${taken} is taken while ${updateLock.name} is held`
      return true
    },
  }
}

/** C19: no notifier is inserted into an address space that has no users left: nobody would tell it of the end. */
export function insertedIntoUsedOnly({ machine }: MirrorWorld): StepClaim {
  const intervals = machine.mms.flatMap(({ subscriptions }) => subscriptions.intervals)
  return {
    clause: 'C19',
    name: 'a notifier is inserted only into an address space with users',
    judge() {
      let said: true | undefined
      for (const interval of intervals) {
        if (!isInserted(interval) || old(() => isInserted(interval))) continue
        said = true
        if (old(interval.mm).users === 0)
          return `${interval.name} is inserted into ${interval.mm.name}, which has no users left`
      }
      return said
    },
  }
}

/** `callback-users`: the last user of an address space is not dropped from within a callback. */
export function callbacksKeepTheUsers({ machine, mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'callback-users',
    name: 'a callback does not drop the last user of the address space',
    judge(thread, from) {
      const within = mirrors.find(
        ({ notifier: { ops } }) =>
          from.inside(thread, ops.invalidate) || (ops.finish && from.inside(thread, ops.finish)),
      )
      if (within === undefined) return undefined
      const ended = machine.mms.find((mm) => mm.users === 0 && old(mm).users !== 0)
      return ended === undefined
        ? true
        : `the callback of ${within.name} drops the last user of ${ended.name}, which is taken down within it`
    },
  }
}

/** C18: nothing is allocated under an update lock, since that can wait for reclaim, which waits for the lock. */
export function noAllocationUnderUpdateLock({ mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'C18',
    name: 'nothing is allocated under an update lock',
    judge(thread, from) {
      if (!from.inside(thread, alloc_page)) return undefined
      for (const mirror of mirrors)
        for (const lock of [mirror.protection.program, mirror.protection.remove])
          if (old(() => lock.heldBy(thread))) return `a page is allocated while ${lock.name} is held`
      return true
    },
  }
}

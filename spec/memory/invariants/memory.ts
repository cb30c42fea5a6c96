/**
 * Frames: their reference counts are exact, and a frame is freed only when it cannot be reached.
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
 * The number of entries that map the frame, and of device-exclusive entries that hold a reference
 * without a mapping. Since Linux 6.15 a device-exclusive entry counts as a mapping.
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

/**
 * C6: a mirrored page is not pinned: it has references of its mappings and of threads that copy it,
 * none of a device.
 */
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
 * `area-rights`: an entry permits no access that its VMA forbids. A thread that changes a VMA holds
 * the mmap lock for writing until the entries are changed too.
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
          // The VMA has been removed, and its entries will be zapped.
          if (area.kind === VmaKind.none) continue
          said = true
          if (write && !(area.flags & VM_WRITE))
            return `the entry of page ${page} of ${mm.name} is writable, and its VMA is not`
          if (kind === PteKind.present && !(area.flags & (VM_READ | VM_WRITE)))
            return `the entry of page ${page} of ${mm.name} is present, and its VMA permits no access`
        }
      }
      return said
    },
  }
}

/** data: a page of private memory that was written has an entry unless it was zapped. */
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

/** Procedures that change entries and flush the TLBs later, under the mmap lock for reading. */
const FLUSH_LATER = [zap_page_range, reapArea, exit_mmap, change_prot_numa, uffd_wp_range] as const

/**
 * C47: the TLB of a CPU grants no more than the page table, except between the change of an entry
 * and its flush. Every other change flushes before the page-table lock, or the mmap lock held for
 * writing, is dropped.
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
              return `a CPU's TLB of ${mm.name} has no translation of page ${page}, and still has permission bits for it`
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
              ? `writes page ${page} without setting the dirty bit of its entry`
              : `may write page ${page}, and the page table forbids it`
          return `a CPU's TLB of ${mm.name} ${wrong}`
        }
      return said
    },
  }
}

/**
 * C47: a CPU uses a translation of its TLB without reading the page table until the flush. A model
 * in which it read the entry each time would hide a missing flush.
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
          return `a CPU reads the entry of page ${page} of ${mm.name}, and its TLB permits the access`
      }
      return said
    },
  }
}

/** C47: no CPU can access a free frame. */
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
 * C18: the holder of an update lock waits neither for a folio lock nor for an mmap lock. A lock
 * that it takes is one for which it could have waited; a trylock does not wait.
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

/**
 * C19: no notifier is inserted into an address space without users: it would never get a release.
 */
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
        : `the callback of ${within.name} drops the last user of ${ended.name}, which is torn down inside the callback`
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

/**
 * Device-exclusive access: who is kept out, since when, and until when.
 *
 * @module
 */
import { deviceAccess } from '../../../src/driver/index.js'
import {
  copy_page_range,
  folioOf,
  mmu_notifier_invalidate_range_start,
  PteKind,
} from '../../../src/kernel/index.js'
import { type Invariant, old, type StepClaim } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** C43: no CPU can reach a page as long as its entry is device-exclusive. */
export function cpusAreKeptOut({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C43',
    name: 'no CPU reaches a page that a device has alone',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (pte.kind !== PteKind.deviceExclusive) continue
          said = true
          for (const cpu of machine.cpus)
            if (cpu.mm === mm && cpu.tlb[page].frame !== undefined)
              return `page ${page} of ${mm.name} is exclusive, and a CPU's TLB maps it`
          // Where access is had page by page, the entry itself counts as a mapping.
          if (machine.frames[pte.frame].mapcount > (machine.rules.exclusiveByPage ? 1 : 0))
            return `page ${page} of ${mm.name} is exclusive, and frame ${pte.frame} is mapped`
        }
      return said
    },
  }
}

/** C43: what lets a device make atomic accesses is backed by a device-exclusive entry, of the same frame. */
export function aloneBehindExclusiveEntry({ mirrors }: MirrorWorld): Invariant {
  const all = mirrors.flatMap((mirror) =>
    [mirror.pageTable, mirror.tlb].flatMap((entries) =>
      entries.map((translation, page) => ({ mirror, page, translation })),
    ),
  )
  return {
    clause: 'C43',
    name: 'a device has a page alone only behind an exclusive entry',
    judge() {
      let said: true | undefined
      for (const { mirror, page, translation } of all) {
        if (!translation.atomic) continue
        said = true
        if (
          mirror.mm.pte[page].kind !== PteKind.deviceExclusive ||
          mirror.mm.pte[page].frame !== translation.frame?.pfn
        )
          return `${mirror.name} may access page ${page} atomically, and the CPU's entry is ${mirror.mm.pte[page].kind}`
      }
      return said
    },
  }
}

/** C43: of several devices one at a time has an exclusive page; the others have nothing of it. */
export function oneDeviceAlone({ machine, mirrors }: MirrorWorld): Invariant {
  return {
    clause: 'C43',
    name: 'one device at a time has an exclusive page',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (pte.kind !== PteKind.deviceExclusive) continue
          const having = mirrors.filter(
            (mirror) => mirror.mm === mm && mirror.pageTable[page].frame !== undefined,
          )
          if (having.length > 0) said = true
          if (having.length > 1)
            return `page ${page} is exclusive, and ${having.map(({ name }) => name).join(' and ')} map it`
        }
      return said
    },
  }
}

/**
 * C43: CPUs get the page back only when devices have been told, and nobody else has the page locked: whoever takes it
 * for a device holds the lock until the device is programmed.
 */
export function endsUnderFolioLock({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C43',
    name: 'exclusive access ends under the folio lock, and devices were told',
    judge(thread, from) {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (old(pte).kind !== PteKind.deviceExclusive) continue
          if (pte.kind === PteKind.deviceExclusive || pte.kind === PteKind.none) continue
          said = true
          const pfn = old(pte).frame
          const holder = old(() => folioOf(machine.frames[pfn]).locked) - 1
          // fork takes the lock, restores and drops the lock in one go, under the page-table lock.
          const isHeld = holder === thread || (holder < 0 && from.inside(thread, copy_page_range))
          if (!isHeld) return `CPUs get page ${page} back, and frame ${pfn} is not locked by who gives it`
          if (mm.subscriptions.intervals.length === 0) continue
          const open = machine.openRanges[thread]
          const isTold =
            old(open).mm === mm.index + 1 &&
            old(open).start <= page &&
            page < old(open).end &&
            !from.inside(thread, mmu_notifier_invalidate_range_start)
          if (!isTold) return `CPUs get page ${page} back, and devices were not told`
        }
      return said
    },
  }
}

/** A device's own access, atomic or not, does not take a page from it that it has alone. */
export function keptByOwnAccess({ mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'exclusive-kept',
    name: 'a device keeps an exclusive page through its own accesses',
    judge(thread, from) {
      let said: true | undefined
      for (const mirror of mirrors)
        for (const [page, entry] of mirror.pageTable.entries()) {
          if (!old(entry).atomic || !from.inside(thread, deviceAccess)) continue
          said = true
          if (!entry.atomic)
            return `${mirror.name} has page ${page} alone, and loses it by an access of its own`
        }
      return said
    },
  }
}

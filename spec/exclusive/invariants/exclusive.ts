/**
 * Device-exclusive access: no CPU and no other device accesses the page, until it ends under the
 * folio lock.
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

/** C43: no CPU can access a page while its entry is device-exclusive. */
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
          // Since Linux 6.15 the device-exclusive entry itself counts as a mapping.
          if (machine.frames[pte.frame].mapcount > (machine.rules.exclusiveByPage ? 1 : 0))
            return `page ${page} of ${mm.name} is exclusive, and frame ${pte.frame} is mapped`
        }
      return said
    },
  }
}

/** C43: for an atomic entry of a device there is a device-exclusive entry of the same frame. */
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

/** C43: one device at a time has exclusive access to a page; no other device maps it. */
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
 * C43: CPUs regain access only inside an invalidation, and only under the folio lock: the driver
 * holds that lock until its device is programmed.
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
          // fork takes the folio lock, restores the entry and drops the lock, all under the
          // page-table lock.
          const isHeld = holder === thread || (holder < 0 && from.inside(thread, copy_page_range))
          if (!isHeld)
            return `exclusive access to page ${page} ends, and the thread that ends it does not hold the folio lock of frame ${pfn}`
          if (mm.subscriptions.intervals.length === 0) continue
          const open = machine.openRanges[thread]
          const isTold =
            old(open).mm === mm.index + 1 &&
            old(open).start <= page &&
            page < old(open).end &&
            !from.inside(thread, mmu_notifier_invalidate_range_start)
          if (!isTold) return `exclusive access to page ${page} ends outside an invalidation of the page`
        }
      return said
    },
  }
}

/** A device's own access, atomic or not, does not end its exclusive access. */
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
            return `${mirror.name} has exclusive access to page ${page}, and loses it by its own access`
        }
      return said
    },
  }
}

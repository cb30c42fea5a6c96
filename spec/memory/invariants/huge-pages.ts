/**
 * Claims about PMDs that map huge pages.
 *
 * @module
 */
import {
  HMM_PFN_VALID,
  hugePmdAt,
  innermostRange,
  PmdKind,
  PteKind,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import { type Invariant, old, type StepClaim } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** The claims about every state of a world with huge pages. */
export function hugePageInvariants(world: MirrorWorld): Invariant[] {
  return [mappedAsAWhole, entriesHaveATable].map((make) => make(world))
}

/** The claims about every step of a world with huge pages. */
export function hugePageStepClaims(world: MirrorWorld): StepClaim[] {
  return [ordersAreTheMappings, splitInsideInvalidation].map((make) => make(world))
}

/**
 * C26: a PMD maps contiguous frames with the same permissions; the huge zero page is one frame for
 * all of them.
 */
export function mappedAsAWhole({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C26',
    name: 'a huge page is mapped as a whole',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const { start, end } of mm.pmd ?? []) {
          if (!hugePmdAt(mm, start)) continue
          said = true
          const first = mm.pte[start]
          const head = first.frame
          for (let page = start; page < end; page++) {
            const isPart =
              mm.pte[page].kind === first.kind &&
              mm.pte[page].write === first.write &&
              mm.pte[page].frame === (head === ZERO_PAGE ? head : head + page - start)
            if (!isPart) return `page ${page} is part of a huge page, and its entry differs from the others`
          }
        }
      return said
    },
  }
}

/** C26: an entry is in a page table: without one, a huge page could be mapped over it. */
export function entriesHaveATable({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C26',
    name: 'an entry is in a page table, or part of a huge page',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const { start, end, kind } of mm.pmd ?? []) {
          if (kind !== PmdKind.none) continue
          said = true
          for (let page = start; page < end; page++)
            if (mm.pte[page].kind !== PteKind.none)
              return `page ${page} of ${mm.name} has an entry, and there is no page table for it`
        }
      return said
    },
  }
}

/** C26: the order that the walk reports is the order of the mapping at that time. */
export function ordersAreTheMappings({ machine, mirrors }: MirrorWorld): StepClaim {
  const ranges = mirrors.flatMap((mirror) => [...mirror.ranges.values()])
  const hugeOrder = Math.log2(machine.hugePages)
  return {
    clause: 'C26',
    name: 'an order is that of the mapping that was read',
    judge() {
      let said: true | undefined
      for (const { pfns, notifier } of ranges)
        for (const [page, entry] of pfns.entries()) {
          const is = entry.order
          // A request has the same bit: an entry that is being requested has no report yet.
          const isRequest = entry.asked !== old(entry).asked
          const isNew = !isRequest && (entry.flags & ~old(entry).flags & HMM_PFN_VALID) !== 0
          if (isNew && is === 0 && hugePmdAt(notifier.mm, page) !== undefined)
            return `page ${page} is reported with order 0, and is part of a huge page`
          if (is === 0 || is === old(entry).order) continue
          said = true
          if (is > hugeOrder || hugePmdAt(notifier.mm, page) === undefined)
            return `page ${page} is reported with order ${is}, and ${hugeOrder > 0 && is > hugeOrder ? `a huge page has ${machine.hugePages}` : 'it has an entry of its own'}`
        }
      return said
    },
  }
}

/**
 * C2: a device may have one translation for a huge page, which must be removed before the page is
 * mapped by PTEs.
 */
export function splitInsideInvalidation({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C2',
    name: 'a huge page is split inside an invalidation',
    judge(thread) {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const { start, end } of mm.pmd ?? []) {
          if (!old(() => hugePmdAt(mm, start)) || hugePmdAt(mm, start)) continue
          if (mm.subscriptions.intervals.length === 0) continue
          said = true
          const open = old(() => innermostRange(machine, thread))
          const isTold = old(open).mm === mm.index + 1 && old(open).start <= start && end <= old(open).end
          if (!isTold) return `the huge page at ${start} is split outside an invalidation of all its pages`
        }
      return said
    },
  }
}

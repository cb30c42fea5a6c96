/**
 * What must hold where one entry maps many pages.
 *
 * @module
 */
import { hugePmdAt, innermostRange, ZERO_PAGE } from '../../src/kernel/index.js'
import type { Invariant, StepClaim } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** The claims about every state of a world with huge pages. */
export function hugePageInvariants(world: MirrorWorld): Invariant[] {
  return [mappedAsAWhole(world)]
}

/** The claims about every step of a world with huge pages. */
export function hugePageStepClaims(world: MirrorWorld): StepClaim[] {
  return [ordersAreTheMappings, splitInsideInvalidation].map((make) => make(world))
}

/** C26: behind one entry lie pages side by side, with the same rights; the huge zero page stands for all of them. */
export function mappedAsAWhole({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C26',
    name: 'a huge page is mapped as a whole',
    judge(w) {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const { start, end } of mm.pmd ?? []) {
          if (!hugePmdAt(w, mm, start)) continue
          said = true
          const first = mm.pte[start]
          const head = first.frame.readOnce(w)
          for (let page = start; page < end; page++) {
            const { kind, frame, write } = mm.pte[page]
            const isPart =
              kind.readOnce(w) === first.kind.readOnce(w) &&
              write.readOnce(w) === first.write.readOnce(w) &&
              frame.readOnce(w) === (head === ZERO_PAGE ? head : head + page - start)
            if (!isPart) return `page ${page} is mapped with others as one, and differs from them`
          }
        }
      return said
    },
  }
}

/** C26: what the walk says of how much is mapped as one is so when it says it. */
export function ordersAreTheMappings({ machine, mirrors }: MirrorWorld): StepClaim {
  const ranges = mirrors.flatMap((mirror) => [...mirror.ranges.values()])
  return {
    clause: 'C26',
    name: 'an order is that of the mapping that was read',
    judge(before, after) {
      let said: true | undefined
      for (const { pfns, notifier, hugeOrder } of ranges)
        for (const [page, { order }] of pfns.entries()) {
          const is = order?.get(after) ?? 0
          if (is === 0 || is === order?.get(before)) continue
          said = true
          if (is > hugeOrder || hugePmdAt(after, notifier.mm, page) === undefined)
            return `page ${page} is told as one of ${2 ** is} that are mapped as one, and ${hugeOrder > 0 && is > hugeOrder ? `a huge page has ${machine.hugePages}` : 'it has an entry of its own'}`
        }
      return said
    },
  }
}

/** C2: a device may have one translation for a huge page, which must go before the page is mapped in pieces. */
export function splitInsideInvalidation({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C2',
    name: 'a huge page is split inside an invalidation',
    judge(before, after, thread) {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const { start, end } of mm.pmd ?? []) {
          if (!hugePmdAt(before, mm, start) || hugePmdAt(after, mm, start)) continue
          if (mm.subscriptions.intervals.length === 0) continue
          said = true
          const open = innermostRange(machine, thread, before)
          const isTold =
            open.mm.get(before) === mm.index + 1 &&
            open.start.get(before) <= start &&
            end <= open.end.get(before)
          if (!isTold) return `the huge page at ${start} is split, and devices were not told of all of it`
        }
      return said
    },
  }
}

/**
 * The LRU lists: which pages are on them, and when batches are drained.
 *
 * @module
 */
import {
  hasSource,
  isolateLru,
  Lru,
  lookAtInactive,
  lru_add_drain_all,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import type { Invariant, StepClaim } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** The claims about every state of a world with LRU lists. */
export function lruInvariants(world: MirrorWorld): Invariant[] {
  return [mappedPagesAreListed(world)]
}

/** The claims about every step of such a world. */
export function lruStepClaims(world: MirrorWorld): StepClaim[] {
  return [drainsForMissingPages(world)]
}

/**
 * `lru`: a mapped page is on a list or in the batch of a CPU, so that reclaim finds it, unless a
 * thread has isolated it.
 */
export function mappedPagesAreListed({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'lru',
    name: 'a page that is mapped is on an LRU list',
    judge(view) {
      let said: true | undefined
      if (tasks.some(({ thread }) => view.inside(thread, lookAtInactive))) return undefined
      for (const frame of machine.frames) {
        if (frame.pfn === ZERO_PAGE || frame.owner >= 0 || frame.mapcount === 0) continue
        const migrates = machine.migrations.some((pages) =>
          pages.some((entry) => entry.dst === frame || (hasSource(entry) && entry.source === frame.pfn)),
        )
        if (migrates) continue
        said = true
        if (frame.lru === Lru.off) return `frame ${frame.pfn} is mapped, and neither on a list nor in a batch`
      }
      return said
    },
  }
}

/**
 * `lru`: draining the batches of all CPUs is slow: a migration does it only for a page that is on
 * no list.
 */
export function drainsForMissingPages({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'lru',
    name: 'a migration drains the batches only for a page that is on no list',
    judge(thread, from, to) {
      if (from.inside(thread, lru_add_drain_all) || !to.inside(thread, lru_add_drain_all)) return undefined
      if (!to.inside(thread, isolateLru)) return undefined
      const sources = machine.migrations[thread].filter(hasSource).map(({ source }) => machine.frames[source])
      return sources.some(({ owner, lru }) => owner < 0 && lru !== Lru.listed)
        ? true
        : 'the batches of all CPUs are drained, and every page to migrate is on a list'
    },
  }
}

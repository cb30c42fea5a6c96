/**
 * Mirrors before Linux 5.5, and mirrors that map for DMA.
 *
 * @module
 */
import {
  endWithTelling,
  hmm_range_dma_map,
  hmmMirrorOf,
  MirrorStanding,
  startWithTelling,
  tellMirrors,
  trackedOf,
} from '../../../src/generations/mirror/index.js'
import { HMM_PFN_VALID, innermostRange, PteKind } from '../../../src/kernel/index.js'
import { type Invariant, old, type StepClaim } from '../../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/**
 * C17: a callback runs only for a registered mirror: the driver may free it after it has
 * unregistered it.
 */
export function callbacksOfTheRegistered({ mirrors, tasks }: MirrorWorld): Invariant {
  const entries = mirrors.map(hmmMirrorOf)
  return {
    clause: 'C17',
    name: 'no callback runs for a mirror that is not registered',
    judge(view) {
      let said: true | undefined
      for (const hmmMirror of entries) {
        if (hmmMirror.standing !== MirrorStanding.unregistered) continue
        said = true
        if (tasks.some(({ thread }) => view.inside(thread, hmmMirror.mirror.notifier.ops.invalidate)))
          return `${hmmMirror.mirror.name} is not registered any more, and its callback runs`
      }
      return said
    },
  }
}

/** The procedures by which `struct hmm` passes an invalidation on, until Linux 5.0. */
const PASSED_ON = [startWithTelling, endWithTelling] as const

/** C32: `struct hmm` passes each invalidation on to its mirrors: at the start, until Linux 4.19 at the end. Later ones keep C3. */
export function invalidationsArePassedOn(_world: MirrorWorld): StepClaim {
  return {
    clause: 'C32',
    name: 'struct hmm passes an invalidation on to its mirrors',
    judge(thread, from, to) {
      const left = PASSED_ON.find(
        (procedure) => from.inside(thread, procedure) && !to.inside(thread, procedure),
      )
      if (left === undefined) return undefined
      return from.inside(thread, tellMirrors)
        ? true
        : 'struct hmm is done with an invalidation, and has not called its mirrors'
    },
  }
}

/** C32: a mirror that an invalidation is passed on to has removed its range when it returns. */
export function mirrorsRemoveTheRange({ machine, mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'C32',
    name: 'a mirror of struct hmm removes the range from its page table',
    judge(thread, from, to) {
      let said: true | undefined
      for (const { name, notifier, pageTable, protection } of mirrors) {
        const { invalidate } = notifier.ops
        if (!from.inside(thread, invalidate) || to.inside(thread, invalidate)) continue
        // A callback that must not sleep has refused the range, and did not get the lock.
        if (!old(() => protection.remove.heldBy(thread))) continue
        said = true
        const { start, end } = old(() => innermostRange(machine, thread))
        for (let page = start; page < end; page++)
          if (pageTable[page].frame)
            return `${name}'s callback returned, and its page table still maps page ${page}`
      }
      return said
    },
  }
}

/**
 * `dma-mapping`: when hmm_range_dma_map returns, all reported pages are mapped for DMA, or none.
 */
export function rangesAreMappedWhole({ mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'dma-mapping',
    name: 'a range is mapped for DMA whole, or not at all',
    judge(thread, from, to) {
      if (!from.inside(thread, hmm_range_dma_map) || to.inside(thread, hmm_range_dma_map)) return undefined
      for (const { name, ranges } of mirrors) {
        const range = ranges.get(thread)
        if (range === undefined) continue
        const mapped = trackedOf(range).daddrs.map((daddr) => daddr.frame > 0)
        if (!mapped.includes(true)) continue
        const start = range.start
        const left = mapped.findIndex(
          (isMapped, page) =>
            page >= start && page < range.end && !isMapped && (range.pfns[page].flags & HMM_PFN_VALID) !== 0,
        )
        if (left >= 0) return `${name} has mapped some pages for DMA, and page ${left} is not among them`
      }
      return true
    },
  }
}

/**
 * `dma-mapping`: the IOMMU maps no page that the process has lost: the callback unmaps it before
 * the entry changes.
 */
export function nothingLeftMappedForDma({ dma }: MirrorWorld): Invariant {
  return {
    clause: 'dma-mapping',
    name: 'no page stays mapped for DMA that the process has lost',
    judge() {
      let said: true | undefined
      for (const { mirror, entries } of dma)
        for (const [page, { iommu }] of entries.entries()) {
          if (iommu === 0) continue
          said = true
          const pte = mirror.mm.pte[page]
          if (pte.kind === PteKind.none || pte.frame !== iommu - 1)
            return `page ${page} of ${mirror.name} is mapped for DMA to frame ${iommu - 1}, which is not its page any more`
        }
      return said
    },
  }
}

/**
 * `dma-mapping`: a page that the device uses is mapped for DMA: the callback unmaps it only after
 * the device's flush.
 */
export function nothingUsedWithoutDma({ dma }: MirrorWorld): Invariant {
  return {
    clause: 'dma-mapping',
    name: 'a device uses no page that is not mapped for DMA',
    judge() {
      let said: true | undefined
      for (const { mirror, entries } of dma)
        for (const [page, { iommu }] of entries.entries()) {
          const accesses = [...mirror.accesses.values()].filter((access) => access.page === page + 1)
          const uses = [mirror.tlb[page], ...accesses].find(({ frame }) => frame !== undefined)
          if (uses === undefined) continue
          said = true
          if (iommu === 0)
            return `${mirror.name} may still use page ${page}, which is not mapped for DMA any more`
        }
      return said
    },
  }
}

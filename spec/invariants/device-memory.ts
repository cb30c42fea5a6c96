/**
 * The life of device memory itself: regions that come and go, and what they owe their pages.
 *
 * @module
 */
import { removeDeviceMemory, unplugDevice } from '../../src/driver/index.js'
import {
  type Frame,
  type Machine,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  PagemapState,
  PteKind,
  ZERO_PAGE,
} from '../../src/kernel/index.js'
import type { Abstraction, Invariant, ProgressClaim, StepClaim, World } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** The claims about every state of a world in which device memory comes and goes, or memory is charged for. */
export function deviceMemoryInvariants(world: MirrorWorld): Invariant[] {
  const hasRegions = world.chunks.length > 0
  const isLimited = world.machine.memoryLimit !== undefined
  return [
    ...(hasRegions
      ? [endedProcessesHoldNothing(world), freePagesHaveNoReference(world), regionsAreCounted(world)]
      : []),
    ...(isLimited ? [dataIsCharged(world)] : []),
  ]
}

/** The claims about every step. */
export function deviceMemoryStepClaims(world: MirrorWorld): StepClaim[] {
  return world.machine.memoryLimit === undefined ? [] : [limitsKeepNothingAway(world)]
}

/** C44: a removal comes to an end. */
export function deviceMemoryProgress({ chunks, tasks }: MirrorWorld): ProgressClaim[] {
  if (chunks.length === 0) return []
  return [
    {
      clause: 'C44',
      name: 'memory that is removed goes',
      pending: (_w, view) =>
        tasks.some(
          ({ thread }) => view.inside(thread, removeDeviceMemory) || view.inside(thread, unplugDevice),
        ),
    },
  ]
}

/** C44: the region has a reference for each page in use, and one more while it is live: it cannot go before its pages. */
export function regionsAreCounted({ chunks }: MirrorWorld): Invariant {
  return {
    clause: 'C44',
    name: 'a region is referenced by its pages in use',
    judge(w) {
      let said: true | undefined
      for (const { memory } of chunks) {
        const { state, ref } = memory.pagemap ?? {}
        if (!state || !ref) continue
        const used = memory.frames.filter(({ refcount }) => refcount.get(w) > 0).length
        if (used > 0) said = true
        if (ref.get(w) !== used + (state.get(w) === PagemapState.live ? 1 : 0))
          return `the region of owner ${memory.owner} is ${state.show(w)}, ${used} of its pages are in use, and it has ${ref.get(w)} references`
      }
      return said
    },
  }
}

/** C45: what a process had in device memory, or had brought back from there, is given back when it ends. */
export function endedProcessesHoldNothing({ machine, chunks, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C45',
    name: 'a process that has ended holds no device memory',
    judge(w, view) {
      if (!tasks.every(({ thread }) => view.finished(thread))) return undefined
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.users.get(w) > 0) continue
        said = true
        for (const [page, pte] of mm.pte.entries())
          if (pte.kind.readOnce(w) !== PteKind.none)
            return `${mm.name} has ended, and page ${page} of it still has an entry (${pte.kind.show(w)})`
      }
      if (machine.mms.some((mm) => mm.users.get(w) > 0)) return said
      for (const { memory } of chunks)
        for (const { pfn, refcount } of memory.frames)
          if (refcount.get(w) > 0) return `every process has ended, and frame ${pfn} is in use: a leak`
      return said
    },
  }
}

/** C46: a page on the free list has no reference that somebody could add to. */
export function freePagesHaveNoReference({ chunks }: MirrorWorld): Invariant {
  return {
    clause: 'C46',
    name: 'a page on the free list has no reference',
    judge(w) {
      let said: true | undefined
      for (const { memory } of chunks)
        for (const { pfn, onFreeList, refcount } of memory.frames) {
          if (!onFreeList?.get(w)) continue
          said = true
          if (refcount.get(w) > 0)
            return `frame ${pfn} is on the free list, and somebody has got a reference to it`
        }
      return said
    },
  }
}

/** C33: a page that holds data is charged once, wherever it is, and no more pages are charged than may be. */
export function dataIsCharged({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C33',
    name: 'the charge is where the data is',
    judge(w) {
      let said: true | undefined
      let charged = 0
      for (const frame of machine.frames) {
        if (frame.pfn === ZERO_PAGE) continue
        charged += frame.charged?.get(w) ?? 0
        if (frame.mapcount.get(w) === 0) continue
        said = true
        if (!frame.charged?.get(w)) return `frame ${frame.pfn} is mapped, and nobody is charged for it`
      }
      const limit = machine.memoryLimit ?? 0
      return charged > limit ? `${charged} pages are charged, and ${limit} may be` : said
    },
  }
}

/** C33: where a page is brought back, only want of memory is a reason not to find a place for it, and no limit is. */
export function limitsKeepNothingAway({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C33',
    name: 'no limit keeps a page from coming back',
    judge(before, after, thread, from) {
      if (from.step(thread) !== 'allocate a destination') return undefined
      const wanted = machine.migrations[thread].filter((entry) => comesBack(machine, entry, before))
      // Of several it is not known here whose turn it was.
      if (wanted.length !== 1) return undefined
      if (wanted[0].destination.get(after) > 0) return true
      return machine.frames.some((frame) => isFreeSystemPage(frame, before))
        ? 'a page is not brought back, and there is memory that nobody has'
        : undefined
    },
  }
}

function comesBack(machine: Machine, entry: Machine['migrations'][number][number], w: World): boolean {
  const wanted = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE
  return (entry.flags.get(w) & wanted) === wanted && machine.frames[entry.source.get(w)].owner >= 0
}

function isFreeSystemPage({ pfn, owner, refcount }: Frame, w: World): boolean {
  return pfn !== ZERO_PAGE && owner < 0 && refcount.get(w) === 0
}

/** Every region that comes and goes, with its statechart. */
export function deviceMemoryAbstractions({ chunks }: MirrorWorld): Abstraction[] {
  return chunks.flatMap(({ memory, allocated, removing }): Abstraction[] => {
    const { pagemap } = memory
    if (pagemap === undefined) return []
    const { lifecycle, state, ref } = pagemap
    return [
      {
        lifecycle,
        state(w) {
          const references = ref.get(w)
          switch (state.get(w)) {
            case PagemapState.absent:
              return 'absent'
            case PagemapState.dying:
              return references > 0 ? 'dying' : 'dead'
            default: {
              const isRemoved = allocated.get(w) && removing.get(w)
              if (isRemoved) return references > 1 ? 'evicting' : 'drained'
              return references > 1 ? 'inUse' : 'plugged'
            }
          }
        },
      },
    ]
  })
}

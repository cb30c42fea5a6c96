/**
 * Regions of device memory that are added and removed, and their pages.
 *
 * @module
 */
import type { DeviceMemoryState } from '../../../models/index.js'
import { evict, removeDeviceMemory, unplugDevice } from '../../../src/driver/index.js'
import {
  type Frame,
  free_zone_device_folio,
  type Machine,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  PagemapState,
  PteKind,
  ZERO_PAGE,
} from '../../../src/kernel/index.js'
import {
  type Abstraction,
  type Invariant,
  old,
  type ProgressClaim,
  type StepClaim,
} from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/**
 * The claims about every state of a world in which device memory is added and removed, or memory is
 * charged for.
 */
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
  const { memoryLimit, deviceMemory } = world.machine
  return [
    ...(memoryLimit === undefined ? [] : [limitsKeepNothingAway(world)]),
    ...(deviceMemory.length > 0 ? [evictionsNeedNoProcess(world)] : []),
  ]
}

/** `eviction`: who evicts device memory holds no mmap lock, and so looks at no area either. */
function evictionsNeedNoProcess({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'eviction',
    name: 'an eviction holds no mmap lock',
    judge(thread, from) {
      if (!from.inside(thread, evict)) return undefined
      const held = machine.mms.find(({ mmapLock }) => mmapLock.heldBy(thread))
      return held === undefined || `device memory is evicted by a thread that holds ${held.mmapLock.name}`
    },
  }
}

/** C44: a removal comes to an end. */
export function deviceMemoryProgress({ chunks, tasks }: MirrorWorld): ProgressClaim[] {
  if (chunks.length === 0) return []
  return [
    {
      clause: 'C44',
      name: 'memory that is removed goes',
      pending: (view) =>
        tasks.some(
          ({ thread }) => view.inside(thread, removeDeviceMemory) || view.inside(thread, unplugDevice),
        ),
    },
  ]
}

/**
 * C44: the region has one reference for each page in use, and one more while it is live, so it
 * cannot be removed before its pages are free. The reference of a page that is being freed is kept
 * until page_free has returned.
 */
export function regionsAreCounted({ chunks, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C44',
    name: 'a region is referenced by its pages in use',
    judge(view) {
      let said: true | undefined
      const areFreed = tasks.some(({ thread }) => view.inside(thread, free_zone_device_folio))
      for (const { memory } of chunks) {
        const record = memory.pagemap
        if (record === undefined) continue
        const used = memory.frames.filter((frame) => frame.refcount > 0).length
        if (used > 0) said = true
        const owed = used + (record.state === PagemapState.live ? 1 : 0)
        if (areFreed ? record.ref < owed : record.ref !== owed)
          return `the region of owner ${memory.owner} is ${record.state}, ${used} of its pages are in use, and it has ${record.ref} references`
      }
      return said
    },
  }
}

/**
 * C45: when a process exits, its pages in device memory, and those migrated back from there, are
 * freed.
 */
export function endedProcessesHoldNothing({ machine, chunks, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C45',
    name: 'a process that has ended holds no device memory',
    judge(view) {
      if (!tasks.every(({ thread }) => view.finished(thread))) return undefined
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.users > 0) continue
        said = true
        for (const [page, pte] of mm.pte.entries())
          if (pte.kind !== PteKind.none)
            return `${mm.name} has ended, and page ${page} of it still has an entry (${pte.kind})`
      }
      if (machine.mms.some((mm) => mm.users > 0)) return said
      for (const { memory } of chunks)
        for (const frame of memory.frames)
          if (frame.refcount > 0) return `every process has ended, and frame ${frame.pfn} is in use: a leak`
      return said
    },
  }
}

/**
 * C46: a page on the free list has a reference count of 0, so that no thread can take a speculative
 * reference.
 */
export function freePagesHaveNoReference({ chunks }: MirrorWorld): Invariant {
  return {
    clause: 'C46',
    name: 'a page on the free list has no reference',
    judge() {
      let said: true | undefined
      for (const { memory } of chunks)
        for (const frame of memory.frames) {
          if (!frame.onFreeList) continue
          said = true
          if (frame.refcount > 0) return `frame ${frame.pfn} is on the free list, and has a reference`
        }
      return said
    },
  }
}

/**
 * C33: a page that holds data is charged once, in system or device memory, and the number of
 * charged pages does not exceed the limit.
 */
export function dataIsCharged({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C33',
    name: 'the charge is where the data is',
    judge() {
      let said: true | undefined
      let charged = 0
      for (const frame of machine.frames) {
        if (frame.pfn === ZERO_PAGE) continue
        if (frame.charged) charged++
        if (frame.mapcount === 0) continue
        said = true
        if (!frame.charged) return `frame ${frame.pfn} is mapped, and not charged`
      }
      const limit = machine.memoryLimit ?? 0
      return charged > limit ? `${charged} pages are charged, and the limit is ${limit}` : said
    },
  }
}

/**
 * C33: a migration back to system memory fails only if no frame is free, never because of the
 * limit.
 */
export function limitsKeepNothingAway({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C33',
    name: 'no limit keeps a page from coming back',
    judge(thread, from) {
      if (from.step(thread) !== 'allocate a destination') return undefined
      const wanted = machine.migrations[thread].filter((entry) => old(() => comesBack(machine, entry)))
      // With several pages this cannot tell which one the step was about.
      if (wanted.length !== 1) return undefined
      if (wanted[0].dst !== undefined) return true
      return machine.frames.some((frame) => old(() => isFreeSystemPage(frame)))
        ? 'a page is not migrated back, although a frame is free'
        : undefined
    },
  }
}

function comesBack(machine: Machine, entry: Machine['migrations'][number][number]): boolean {
  const wanted = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE
  return (entry.flags & wanted) === wanted && machine.frames[entry.source].owner >= 0
}

function isFreeSystemPage(frame: Frame): boolean {
  return frame.pfn !== ZERO_PAGE && frame.owner < 0 && frame.refcount === 0
}

/** Every region that is added and removed, with its statechart. */
export function deviceMemoryAbstractions({ chunks }: MirrorWorld): Abstraction[] {
  return chunks.flatMap((deviceChunk): Abstraction[] => {
    const { pagemap } = deviceChunk.memory
    if (pagemap === undefined) return []
    const { lifecycle } = pagemap
    return [
      {
        lifecycle,
        state(): DeviceMemoryState {
          const references = pagemap.ref
          switch (pagemap.state) {
            case PagemapState.absent:
              return 'absent'
            case PagemapState.dying:
              return references > 0 ? 'dying' : 'dead'
            default: {
              const isRemoved = deviceChunk.allocated && deviceChunk.removing
              if (isRemoved) return references > 1 ? 'evicting' : 'drained'
              return references > 1 ? 'inUse' : 'plugged'
            }
          }
        },
      },
    ]
  })
}

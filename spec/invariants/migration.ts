/**
 * Device-private memory and migration.
 *
 * @module
 */
import {
  cpuRead,
  cpuWrite,
  expectedAt,
  HMM_PFN_VALID,
  isDeviceCoherent,
  isDevicePrivate,
  isPageCache,
  lruAddDrainAll,
  type Machine,
  MIGRATE_PFN_MOVED,
  MIGRATE_PFN_VALID,
  type Pte,
  PteKind,
  RangeResult,
  VM_READ,
  VmaKind,
  walkEntry,
} from '../../src/kernel/index.js'
import type { Abstraction, Invariant, ProgressClaim, StepClaim, World } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** C28: no CPU maps device memory. */
export function cpusNeverMapDeviceMemory({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C28',
    name: 'no CPU maps device memory',
    judge(w) {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          const kind = pte.kind.readOnce(w)
          if (kind !== PteKind.present && kind !== PteKind.devicePrivate) continue
          const frame = machine.frames[pte.frame.readOnce(w)]
          const { pfn } = frame
          if (isDevicePrivate(frame)) said = true
          if (kind === PteKind.present && isDevicePrivate(frame))
            return `${mm.name} maps page ${page} to frame ${pfn}, which is device memory`
          if (kind === PteKind.devicePrivate && !isDevicePrivate(frame))
            return `${mm.name} has a device-private entry at page ${page} for frame ${pfn}, which is system memory`
        }
      for (const cpu of machine.cpus)
        for (const [page, entry] of cpu.tlb.entries()) {
          const frame = entry.frame.get(w) - 1
          if (frame >= 0 && isDevicePrivate(machine.frames[frame]))
            return `a CPU's TLB maps page ${page} to device memory`
        }
      return said
    },
  }
}

/** C31: a free page is reached by nobody: no entry, no migration, no lock, and no device, by whatever way. */
export function freePagesAreUnreachable({ machine, mirrors }: MirrorWorld): Invariant {
  return {
    clause: 'C31',
    name: 'nobody reaches a free page',
    judge(w) {
      let said: true | undefined
      for (const frame of machine.frames) {
        if (frame.owner < 0 || frame.refcount.get(w) !== 0) continue
        said = true
        for (const mm of machine.mms)
          for (const [page, pte] of mm.pte.entries())
            if (
              pte.kind.readOnce(w) !== PteKind.none &&
              pte.kind.readOnce(w) !== PteKind.present &&
              pte.frame.readOnce(w) === frame.pfn
            )
              return `frame ${frame.pfn} is free, and ${mm.name} has a ${pte.kind.show(w)} entry for it at page ${page}`
        if (frame.locked.get(w)) return `frame ${frame.pfn} is free, and its folio lock is held`
        for (const pages of machine.migrations)
          for (const { flags, source, destination } of pages)
            if (
              destination.get(w) === frame.pfn + 1 ||
              (flags.get(w) & MIGRATE_PFN_VALID && source.get(w) === frame.pfn)
            )
              return `frame ${frame.pfn} is free, and a migration still has it`
        for (const { name, pageTable, tlb, accesses } of mirrors) {
          for (const [what, entries] of [
            ['page table', pageTable],
            ['TLB', tlb],
          ] as const)
            for (const [page, entry] of entries.entries())
              if (entry.frame.readOnce(w) === frame.pfn + 1)
                return `frame ${frame.pfn} is free, and ${name}'s ${what} maps page ${page} to it`
          for (const access of accesses.values())
            if (access.frame.get(w) === frame.pfn + 1)
              return `frame ${frame.pfn} is free, and an access of ${name} to it is under way`
        }
      }
      return said
    },
  }
}

/** C51: whoever migrates a page holds its lock for as long as there is a migration entry. */
export function migratingPagesAreLocked({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C51',
    name: 'a page behind a migration entry is locked',
    judge(w) {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (pte.kind.readOnce(w) !== PteKind.migration) continue
          said = true
          const frame = machine.frames[pte.frame.readOnce(w)]
          if (frame.locked.get(w) === 0)
            return `${mm.name} has a migration entry at page ${page}, and frame ${frame.pfn} is not locked`
          if (frame.refcount.get(w) === 0)
            return `${mm.name} has a migration entry at page ${page}, and frame ${frame.pfn} is free`
        }
      return said
    },
  }
}

/** C39: where a page of data is, it is in one place, and its contents are what was last written. */
export function dataIsInOnePlace({ machine, chunks }: MirrorWorld): Invariant {
  // What was in the memory of a device that is gone is nowhere.
  const isLost = (w: World, owner: number) =>
    chunks.some(({ memory, allocated, lost }) => memory.owner === owner && allocated.get(w) && lost.get(w))
  return {
    clause: 'C39',
    name: 'the entry names the page that holds the data',
    judge(w) {
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.users.get(w) === 0) continue
        for (const [page, pte] of mm.pte.entries()) {
          const kind = pte.kind.readOnce(w)
          // What is in swap is looked at beside the other claims about swap.
          if (kind === PteKind.none || kind === PteKind.swap || kind === PteKind.poison) continue
          const frame = machine.frames[pte.frame.readOnce(w)]
          if (isLost(w, frame.owner)) continue
          said = true
          const holds = frame.contents.get(w)
          const expected = expectedAt(w, machine, mm, page).get(w)
          if (holds === expected) continue
          // Once its destination is the page a device may use that already, and write to it.
          const moved = movedTo(machine, pte, w)
          if (moved === undefined || machine.frames[moved].contents.get(w) !== expected)
            return `page ${page} of ${mm.name} is in frame ${pte.frame.readOnce(w)}, which holds ${holds}; last written was ${expected}`
        }
      }
      return said
    },
  }
}

/** The frame to which what the migration entry names has moved, before finalize. */
function movedTo({ migrations }: Machine, { kind, frame }: Pte, w: World): number | undefined {
  if (kind.readOnce(w) !== PteKind.migration) return undefined
  const entry = migrations
    .flat()
    .find(({ flags, source }) => flags.get(w) & MIGRATE_PFN_MOVED && source.get(w) === frame.readOnce(w))
  return entry === undefined ? undefined : entry.destination.get(w) - 1
}

/** C39: a migration that is over has left no migration entry, and a page that stayed has the permissions it had. */
export function nothingLeftBehind({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C39',
    name: 'no migration entry is left behind',
    judge(w, view) {
      if (!tasks.every(({ thread }) => view.finished(thread))) return undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries())
          if (pte.kind.readOnce(w) === PteKind.migration)
            return `at the end ${mm.name} has a migration entry at page ${page}`
      for (const frame of machine.frames)
        if (frame.locked.get(w)) return `at the end frame ${frame.pfn} is still locked`
      return true
    },
  }
}

/** C42: as long as two processes map a device page, neither may write through its entry. */
export function sharedPagesAreReadOnly({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C42',
    name: 'shared device pages are read-only',
    judge(w) {
      let said: true | undefined
      for (const frame of machine.frames) {
        if (frame.owner < 0 || frame.mapcount.get(w) < 2) continue
        said = true
        for (const mm of machine.mms)
          for (const [page, pte] of mm.pte.entries())
            if (
              (pte.kind.readOnce(w) === PteKind.devicePrivate || pte.kind.readOnce(w) === PteKind.present) &&
              pte.frame.readOnce(w) === frame.pfn &&
              pte.write.readOnce(w)
            )
              return `frame ${frame.pfn} is shared, and ${mm.name} has a writable entry for it at page ${page}`
      }
      return said
    },
  }
}

/** True if the entry names a page of device memory, where the data is. */
function isOnDevice(w: World, { frames }: Machine, { kind, frame }: Pte): boolean {
  const holds = kind.readOnce(w)
  return (
    holds === PteKind.devicePrivate ||
    (holds === PteKind.present && isDeviceCoherent(frames[frame.readOnce(w)]))
  )
}

/** C40: only private anonymous memory goes to a device. */
export function onlyAnonymousMemory({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C40',
    name: 'only anonymous memory goes to a device',
    judge(before, after) {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (!isOnDevice(after, machine, pte) || isOnDevice(before, machine, pte)) continue
          const kind = mm.vma[page].kind.readOnce(after)
          // The area has been taken out, and its entries go next: another process, which shares the page, has migrated it.
          if (kind === VmaKind.none) continue
          said = true
          const isPrivate = kind === VmaKind.anonymous || kind === VmaKind.privateFile
          // What the entry named before is where the data was.
          const isFile = isPageCache(before, machine.frames[pte.frame.readOnce(before)])
          if (!isPrivate || isFile) return `page ${page} goes to a device, and is not anonymous memory`
        }
      return said
    },
  }
}

/** C27: a walk never tells of another's device page as one that may be used. */
export function foreignPagesAreNotTold({ machine, mirrors }: MirrorWorld): StepClaim {
  const ranges = mirrors.flatMap((mirror) =>
    [...mirror.ranges].map(([thread, range]) => ({ mirror, thread, range })),
  )
  return {
    clause: 'C27',
    name: 'a foreign device page is never valid',
    judge(before, after, thread) {
      let said: true | undefined
      for (const { mirror, range, thread: owner } of ranges) {
        if (owner !== thread) continue
        for (const [page, { flags, frame }] of range.pfns.entries()) {
          if (!(flags.get(after) & HMM_PFN_VALID) || flags.get(after) === flags.get(before)) continue
          if (!isDevicePrivate(machine.frames[frame.get(after)])) continue
          const memory = machine.frames[frame.get(after)].owner
          said = true
          if (memory !== mirror.owner)
            return `${mirror.name} is told that page ${page} is in the memory of owner ${memory}`
        }
      }
      return said
    },
  }
}

/** C29: the walk refuses only what the area forbids: whatever else is there, a fault can bring it. */
export function reachableIsNotRefused({ mirrors }: MirrorWorld): StepClaim {
  const ranges = mirrors.flatMap(({ ranges: all }) => [...all])
  return {
    clause: 'C29',
    name: 'the walk refuses only what the area forbids',
    judge(before, after, thread, from) {
      if (!from.inside(thread, walkEntry)) return undefined
      let said: true | undefined
      for (const [owner, range] of ranges) {
        if (owner !== thread || range.result.get(after) !== RangeResult.failed) continue
        said = true
        const forbidden = range.notifier.mm.vma.some(
          ({ kind, flags }, page) =>
            page >= range.start.get(before) &&
            page < range.end.get(before) &&
            (range.notifier.mm.pte[page].kind.readOnce(before) === PteKind.poison ||
              kind.readOnce(before) === VmaKind.none ||
              kind.readOnce(before) === VmaKind.pfnmap ||
              !(flags.readOnce(before) & VM_READ)),
        )
        if (!forbidden) return 'a walk fails, and every page that it was to read lies where it may be read'
      }
      return said
    },
  }
}

/** C48: whoever migrates and waits for every CPU is not kept waiting by who waits for the page. */
export function drainProgress({ tasks }: MirrorWorld): ProgressClaim[] {
  return [
    {
      clause: 'C48',
      name: 'a migration that waits for every CPU gets on',
      pending: (_w, view) => tasks.some(({ thread }) => view.inside(thread, lruAddDrainAll)),
    },
  ]
}

/** C48: whoever touches a page gets on, wherever the page is. */
export function migrationProgress({ tasks }: MirrorWorld): ProgressClaim[] {
  return [
    {
      clause: 'C48',
      name: 'an access of a CPU ends',
      pending: (_w, view) =>
        tasks.some(({ thread }) => view.inside(thread, cpuRead) || view.inside(thread, cpuWrite)),
    },
  ]
}

/** Every page of device memory, with its statechart. */
export function migrationAbstractions({ machine }: MirrorWorld): Abstraction[] {
  return machine.frames.flatMap((frame): Abstraction[] => {
    const { lifecycle } = frame
    if (lifecycle === undefined) return []
    return [
      {
        lifecycle,
        state(w) {
          if (frame.refcount.get(w) === 0) return 'free'
          for (const pages of machine.migrations)
            for (const { flags, source, destination } of pages) {
              if (destination.get(w) === frame.pfn + 1) return 'allocated'
              if (flags.get(w) & MIGRATE_PFN_VALID && source.get(w) === frame.pfn) return 'migratingToRam'
            }
          return frame.mapcount.get(w) > 0 ? 'mapped' : 'migratingToRam'
        },
      },
    ]
  })
}

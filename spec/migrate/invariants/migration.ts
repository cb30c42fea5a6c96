/**
 * Device-private memory and migration.
 *
 * @module
 */
import type { DevicePrivatePageState } from '../../../models/index.js'
import {
  cpuRead,
  cpuWrite,
  destinationOf,
  expectedAt,
  type Frame,
  folioOf,
  HMM_PFN_VALID,
  hmm_vma_walk_pmd,
  isDeviceCoherent,
  isDevicePrivate,
  isPageCache,
  lru_add_drain_all,
  type Machine,
  MIGRATE_PFN_MOVED,
  MIGRATE_PFN_VALID,
  type MigratingPage,
  type Pte,
  PteKind,
  RangeResult,
  VM_READ,
  VmaKind,
} from '../../../src/kernel/index.js'
import {
  type Abstraction,
  type Invariant,
  old,
  type ProgressClaim,
  type StepClaim,
} from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** C28: no CPU maps device memory. */
export function cpusNeverMapDeviceMemory({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C28',
    name: 'no CPU maps device memory',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          const kind = pte.kind
          if (kind !== PteKind.present && kind !== PteKind.devicePrivate) continue
          const frame = machine.frames[pte.frame]
          const { pfn } = frame
          if (isDevicePrivate(frame)) said = true
          if (kind === PteKind.present && isDevicePrivate(frame))
            return `${mm.name} maps page ${page} to frame ${pfn}, which is device memory`
          if (kind === PteKind.devicePrivate && !isDevicePrivate(frame))
            return `${mm.name} has a device-private entry at page ${page} for frame ${pfn}, which is system memory`
        }
      for (const cpu of machine.cpus)
        for (const [page, entry] of cpu.tlb.entries()) {
          if (entry.frame && isDevicePrivate(entry.frame))
            return `a CPU's TLB maps page ${page} to device memory`
        }
      return said
    },
  }
}

/** C31: a free page has no entry, no migration, no lock, and no translation of a device. */
export function freePagesAreUnreachable({ machine, mirrors }: MirrorWorld): Invariant {
  return {
    clause: 'C31',
    name: 'nobody reaches a free page',
    judge() {
      let said: true | undefined
      for (const frame of machine.frames) {
        if (frame.owner < 0 || frame.refcount !== 0) continue
        said = true
        for (const mm of machine.mms)
          for (const [page, pte] of mm.pte.entries())
            if (pte.kind !== PteKind.none && pte.kind !== PteKind.present && pte.frame === frame.pfn)
              return `frame ${frame.pfn} is free, and ${mm.name} has a ${pte.kind} entry for it at page ${page}`
        if (frame.locked) return `frame ${frame.pfn} is free, and its folio lock is held`
        for (const pages of machine.migrations)
          for (const entryRecord of pages)
            if (
              entryRecord.dst === frame ||
              (entryRecord.flags & MIGRATE_PFN_VALID && entryRecord.source === frame.pfn)
            )
              return `frame ${frame.pfn} is free, and a migration still refers to it`
        for (const { name, pageTable, tlb, accesses } of mirrors) {
          for (const [what, entries] of [
            ['page table', pageTable],
            ['TLB', tlb],
          ] as const)
            for (const [page, entry] of entries.entries())
              if (entry.frame === frame)
                return `frame ${frame.pfn} is free, and ${name}'s ${what} maps page ${page} to it`
          for (const access of accesses.values())
            if (access.frame === frame)
              return `frame ${frame.pfn} is free, and an access of ${name} to it is under way`
        }
      }
      return said
    },
  }
}

/** C51: the migrating thread holds the folio lock as long as a migration entry exists. */
export function migratingPagesAreLocked({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C51',
    name: 'a page behind a migration entry is locked',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (pte.kind !== PteKind.migration) continue
          said = true
          const frame = machine.frames[pte.frame]
          if (folioOf(frame).locked === 0)
            return `${mm.name} has a migration entry at page ${page}, and frame ${frame.pfn} is not locked`
          if (frame.refcount === 0)
            return `${mm.name} has a migration entry at page ${page}, and frame ${frame.pfn} is free`
        }
      return said
    },
  }
}

/** C39: the frame that an entry refers to holds the data written last. */
export function dataIsInOnePlace({ machine, chunks }: MirrorWorld): Invariant {
  // The data in the memory of an unplugged device is lost.
  const isLost = (owner: number) =>
    chunks.some(
      (deviceChunk) => deviceChunk.memory.owner === owner && deviceChunk.allocated && deviceChunk.lost,
    )
  return {
    clause: 'C39',
    name: 'the entry names the page that holds the data',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms) {
        if (mm.users === 0) continue
        for (const [page, pte] of mm.pte.entries()) {
          const kind = pte.kind
          // Swap entries are covered by the claims about swap.
          if (kind === PteKind.none || kind === PteKind.swap || kind === PteKind.poison) continue
          const frame = machine.frames[pte.frame]
          if (isLost(frame.owner)) continue
          said = true
          const holds = frame.contents
          const expected = expectedAt(machine, mm, page).value
          if (holds === expected) continue
          // A device may already use the destination, and write to it.
          const moved = movedTo(machine, pte)
          if (moved === undefined || machine.frames[moved].contents !== expected)
            return `page ${page} of ${mm.name} is in frame ${pte.frame}, which holds ${holds}; last written was ${expected}`
        }
      }
      return said
    },
  }
}

/** The frame to which the page of the migration entry has moved, before finalize. */
function movedTo({ frames, migrations }: Machine, pte: Pte): number | undefined {
  if (pte.kind !== PteKind.migration) return undefined
  const source = frames[pte.frame]
  const entry = migrations
    .flat()
    .find((entry) => entry.flags & MIGRATE_PFN_MOVED && isMigratedBy(entry, source))
  return entry?.dst && destinationOf(source, entry.dst).pfn
}

/** True if the frame is the source of the entry, or a part of it. */
function isMigratedBy({ flags, source }: MigratingPage, frame: Frame): boolean {
  return (flags & MIGRATE_PFN_VALID) !== 0 && (source === frame.pfn || source === folioOf(frame).pfn)
}

/** C39: when all threads have ended, no migration entry and no folio lock is left. */
export function nothingLeftBehind({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C39',
    name: 'no migration entry is left behind',
    judge(view) {
      if (!tasks.every(({ thread }) => view.finished(thread))) return undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries())
          if (pte.kind === PteKind.migration)
            return `at the end ${mm.name} has a migration entry at page ${page}`
      for (const frame of machine.frames)
        if (frame.locked) return `at the end frame ${frame.pfn} is still locked`
      return true
    },
  }
}

/** C42: as long as two processes map a device page, neither may write through its entry. */
export function sharedPagesAreReadOnly({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'C42',
    name: 'shared device pages are read-only',
    judge() {
      let said: true | undefined
      for (const frame of machine.frames) {
        if (frame.owner < 0 || frame.mapcount < 2) continue
        said = true
        for (const mm of machine.mms)
          for (const [page, pte] of mm.pte.entries())
            if (
              (pte.kind === PteKind.devicePrivate || pte.kind === PteKind.present) &&
              pte.frame === frame.pfn &&
              pte.write
            )
              return `frame ${frame.pfn} is shared, and ${mm.name} has a writable entry for it at page ${page}`
      }
      return said
    },
  }
}

/** True if the entry refers to a page of device memory. */
function isOnDevice({ frames }: Machine, pte: Pte): boolean {
  const holds = pte.kind
  return holds === PteKind.devicePrivate || (holds === PteKind.present && isDeviceCoherent(frames[pte.frame]))
}

/** C40: only private anonymous memory migrates to a device. */
export function onlyAnonymousMemory({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C40',
    name: 'only anonymous memory goes to a device',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (!isOnDevice(machine, pte) || old(() => isOnDevice(machine, pte))) continue
          const kind = mm.vma[page].kind
          // The VMA has been removed, and its entries will be zapped: another process that shares
          // the page has migrated it.
          if (kind === VmaKind.none) continue
          said = true
          const isPrivate = kind === VmaKind.anonymous || kind === VmaKind.privateFile
          // The old entry refers to the source.
          const isFile = old(() => isPageCache(machine.frames[old(pte).frame]))
          if (!isPrivate || isFile) return `page ${page} migrates to a device, and is not anonymous memory`
        }
      return said
    },
  }
}

/** C52: a page that counts as migrated to a hole, or to the zero page, is mapped. */
export function holesAreFilled({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C52',
    name: 'what has migrated to a hole is mapped',
    judge(thread) {
      let said: true | undefined
      const pages = machine.migrations[thread]
      for (let page = 0; page < pages.length; page++) {
        const { flags, dst } = pages[page]
        if (!(flags & MIGRATE_PFN_MOVED) || flags & MIGRATE_PFN_VALID) continue
        if (old(pages[page]).flags & MIGRATE_PFN_MOVED) continue
        said = true
        if (dst === undefined || !machine.mms.some(({ pte }) => pte[page].frame === dst.pfn))
          return `page ${page} counts as migrated, and no entry maps it`
      }
      return said
    },
  }
}

/** C27: a walk never reports a device-private page of another owner as valid. */
export function foreignPagesAreNotTold({ machine, mirrors }: MirrorWorld): StepClaim {
  const ranges = mirrors.flatMap((mirror) =>
    [...mirror.ranges].map(([thread, range]) => ({ mirror, thread, range })),
  )
  return {
    clause: 'C27',
    name: 'a foreign device page is never valid',
    judge(thread) {
      let said: true | undefined
      for (const { mirror, range, thread: owner } of ranges) {
        if (owner !== thread) continue
        for (const [page, entry] of range.pfns.entries()) {
          if (!(entry.flags & HMM_PFN_VALID) || entry.flags === old(entry).flags) continue
          if (!isDevicePrivate(machine.frames[entry.frame])) continue
          const memory = machine.frames[entry.frame].owner
          said = true
          if (memory !== mirror.owner)
            return `the walk of ${mirror.name} reports page ${page}, which is in the private memory of owner ${memory}`
        }
      }
      return said
    },
  }
}

/**
 * C29: the walk fails only for an access that the VMA forbids: any other page can be faulted in.
 */
export function reachableIsNotRefused({ mirrors }: MirrorWorld): StepClaim {
  const ranges = mirrors.flatMap(({ ranges: all }) => [...all])
  return {
    clause: 'C29',
    name: 'the walk refuses only what the area forbids',
    judge(thread, from) {
      if (!from.inside(thread, hmm_vma_walk_pmd)) return undefined
      let said: true | undefined
      for (const [owner, range] of ranges) {
        if (owner !== thread || range.result !== RangeResult.failed) continue
        said = true
        const forbidden = range.notifier.mm.vma.some(
          (vma, page) =>
            page >= old(range).start &&
            page < old(range).end &&
            (old(range.notifier.mm.pte[page]).kind === PteKind.poison ||
              old(vma).kind === VmaKind.none ||
              old(vma).kind === VmaKind.pfnmap ||
              !(old(vma).flags & VM_READ)),
        )
        if (!forbidden)
          return 'a walk fails, although every page of its range lies in a VMA that can be mirrored'
      }
      return said
    },
  }
}

/** C48: a migration that waits for every CPU is not blocked by a thread that waits for its page. */
export function drainProgress({ tasks }: MirrorWorld): ProgressClaim[] {
  return [
    {
      clause: 'C48',
      name: 'a migration that waits for every CPU gets on',
      pending: (view) => tasks.some(({ thread }) => view.inside(thread, lru_add_drain_all)),
    },
  ]
}

/** C48: a CPU access completes, wherever the page is. */
export function migrationProgress({ tasks }: MirrorWorld): ProgressClaim[] {
  return [
    {
      clause: 'C48',
      name: 'an access of a CPU ends',
      pending: (view) =>
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
        state(): DevicePrivatePageState {
          if (frame.refcount === 0) return 'free'
          for (const pages of machine.migrations)
            for (const entry of pages) {
              if (entry.dst === frame || entry.dst === folioOf(frame)) return 'allocated'
              if (isMigratedBy(entry, frame)) return 'migratingToRam'
            }
          return frame.mapcount > 0 ? 'mapped' : 'held'
        },
      },
    ]
  })
}

/**
 * The contract of driver and kernel between the stages of a migration.
 *
 * @module
 */
import type { MigrationState } from '../../../models/index.js'
import {
  innermostRange,
  isMigrating,
  type Machine,
  MIGRATE_PFN_HELD,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_MOVED,
  MIGRATE_PFN_UNMAPPED,
  MIGRATE_PFN_VALID,
  type MigratingPage,
  migrate_device_coherent_folio,
  migrate_device_range,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  migrateDeviceChunk,
  mmu_notifier_invalidate_range_start,
  NotifyEvent,
  type Pte,
  PteKind,
  sourcesOf,
} from '../../../src/kernel/index.js'
import { type Abstraction, fieldOf, old, type StepClaim, type Witness } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

const COLLECTING = [
  migrate_vma_setup,
  migrate_device_range,
  migrateDeviceChunk,
  migrate_device_coherent_folio,
]
const FINISHING = [migrate_vma_pages, migrate_vma_finalize]

/**
 * The stage of the migration of a page, from src, dst and the ghost bits that record the progress
 * of migrate_device_unmap and migrate_vma_pages.
 */
function stageOf(entry: MigratingPage): MigrationState {
  const bits = entry.flags & ~MIGRATE_PFN_HELD
  if (!(bits & MIGRATE_PFN_MIGRATE)) return bits === 0 && entry.dst === undefined ? 'idle' : 'aborted'
  if (bits & MIGRATE_PFN_MOVED) return 'installed'
  if (entry.dst) return 'copied'
  return bits & MIGRATE_PFN_UNMAPPED ? 'unmapped' : 'collected'
}

/**
 * The same from the page tables: a page that an entry still maps is not unmapped, whatever the bits
 * are.
 *
 * @param isEnding - migrate_vma_finalize may have restored entries already
 */
function stateOf(machine: Machine, entry: MigratingPage, isEnding: boolean): MigrationState {
  const stage = stageOf(entry)
  if (stage === 'idle' || stage === 'aborted' || isEnding) return stage
  return sourcesOf(machine, entry).some(({ mapcount }) => mapcount > 0) ? 'collected' : stage
}

/** Every page of every migration, with its statechart. */
export function migrationStageAbstractions({ machine }: MirrorWorld): Abstraction[] {
  return machine.migrations.flatMap((pages, thread) =>
    pages.map(
      (entry): Abstraction => ({
        lifecycle: entry.lifecycle,
        state: (view) => stateOf(machine, entry, view.inside(thread, migrate_vma_finalize)),
      }),
    ),
  )
}

/**
 * C34: the arrays belong to the kernel, except dst between migrate_vma_setup and migrate_vma_pages.
 */
export function arraysAreTheKernels({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C34',
    name: 'the driver changes of the arrays only dst, and only before pages',
    judge(thread, from) {
      let said: true | undefined
      for (const [owner, pages] of machine.migrations.entries())
        for (const [page, entry] of pages.entries()) {
          const named = old(entry).dst !== entry.dst
          const same = (old(entry).flags & ~MIGRATE_PFN_HELD) === (entry.flags & ~MIGRATE_PFN_HELD)
          if (!named && same && old(entry).source === entry.source) continue
          said = true
          if (owner === thread && [...COLLECTING, ...FINISHING].some((target) => from.inside(thread, target)))
            continue
          if (!named) return `src of page ${page} is changed, and not by the kernel`
          const stage = old(() => stageOf(entry))
          if (stage !== 'unmapped' && stage !== 'copied')
            return `dst of page ${page} is changed while its migration is ${stage}`
        }
      return said
    },
  }
}

/** C36: a driver that maps pages during their migration maps only pages that have migrated. */
export function onlyMigratedPagesAreMapped({ machine, mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'C36',
    name: 'what is mapped at the end of a migration has migrated',
    judge(thread) {
      const pages = machine.migrations[thread]
      let said: true | undefined
      for (const mirror of mirrors)
        for (const [page, entryRecord] of mirror.pageTable.entries()) {
          const now = entryRecord.frame
          if (now === undefined || now === old(entryRecord).frame) continue
          const entry = pages[page]
          if (old(entry).dst !== now) continue
          said = true
          if (old(() => stageOf(entry)) !== 'installed')
            return `${mirror.name} maps page ${page} to frame ${now.pfn}, to which it has not migrated`
        }
      return said
    },
  }
}

function names(pte: Pte, pfn: number): boolean {
  return pte.frame === pfn && pte.kind !== PteKind.none
}

/**
 * An eviction holds no mmap lock: fork may copy an entry of its pages, which the rmap walk finds as
 * well.
 */
function mayBeCopied({ mms }: MirrorWorld['machine'], owner: number): boolean {
  return !mms.some(({ mmapLock }) => mmapLock.heldBy(owner))
}

/**
 * C37: between migrate_vma_pages and migrate_vma_finalize entries may be zapped or moved, but no
 * new entry refers to source or destination.
 */
export function bothPagesAreKept({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C37',
    name: 'between pages and finalize nobody else gets at either page',
    judge(thread) {
      let said: true | undefined
      for (const [owner, pages] of machine.migrations.entries()) {
        if (owner === thread) continue
        for (const [page, entry] of pages.entries()) {
          if (old(() => stageOf(entry)) !== 'installed') continue
          said = true
          const { dst, flags, source } = old(entry)
          const held = [...(dst ? [dst.pfn] : []), ...(flags & MIGRATE_PFN_VALID ? [source] : [])]
          for (const pfn of held) {
            if (machine.frames[pfn].locked !== owner + 1)
              return `frame ${pfn} is between pages and finalize, and not locked by the migrating thread`
            for (const mm of machine.mms) {
              const come = mm.pte.find((pte) => names(pte, pfn) && !old(() => names(pte, pfn)))
              const gone = mm.pte.some((pte) => old(() => names(pte, pfn)) && !names(pte, pfn))
              // Another address space may move its entry (mremap), and the rmap walk finds it
              // again.
              if (come !== undefined && !gone && !mayBeCopied(machine, owner))
                return `${fieldOf(come, 'frame').name} now refers to frame ${pfn}, which is between pages and finalize`
            }
          }
          for (const mm of machine.mms)
            if (
              old(() => mm.mmapLock.heldBy(owner)) &&
              (old(mm.vma[page]).kind !== mm.vma[page].kind || old(mm.vma[page]).flags !== mm.vma[page].flags)
            )
              return `the area of page ${page} changes while the page is between pages and finalize`
        }
      }
      return said
    },
  }
}

/**
 * C41: a driver may ignore its own migrations for entries of its own memory; entries of system
 * memory must be removed.
 */
export function ownFilterIsForOwnMemory({ machine, mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'C41',
    name: 'a driver ignores its own migrations only for its own memory',
    judge(thread, from, to) {
      if (!from.inside(thread, mmu_notifier_invalidate_range_start)) return undefined
      if (to.inside(thread, mmu_notifier_invalidate_range_start)) return undefined
      const range = innermostRange(machine, thread)
      if (range.event !== NotifyEvent.MIGRATE) return undefined
      let said: true | undefined
      for (const mirror of mirrors) {
        if (mirror.owner < 0 || range.owner !== mirror.owner + 1) continue
        // The mirrors of another process are invalidated when the rmap walk reaches the entries of
        // that process.
        if (range.mm !== mirror.mm.index + 1) continue
        said = true
        for (let page = range.start; page < range.end; page++) {
          const frames = [mirror.pageTable[page], mirror.tlb[page]].map((entry) => entry.frame)
          const foreign = frames.find((frame) => frame !== undefined && frame.owner !== mirror.owner)
          if (foreign !== undefined)
            return `${mirror.name}'s callback ignores its own migration, and its device still maps page ${page} to frame ${foreign.pfn}`
        }
      }
      return said
    },
  }
}

/**
 * C41: a driver that ignores its own migrations removes the device's entries itself, before it
 * copies.
 */
export function ownDeviceIsEmptied({ mirrors, machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C41',
    name: 'what a driver copies its device no longer maps',
    judge(thread) {
      let said: true | undefined
      for (const [page, entry] of machine.migrations[thread].entries()) {
        if (old(entry).dst !== undefined || entry.dst === undefined) continue
        if (!(entry.flags & MIGRATE_PFN_VALID) || !isMigrating(entry)) continue
        const source = entry.source
        for (const mirror of mirrors) {
          if (mirror.owner < 0) continue
          said = true
          const ways = [mirror.pageTable[page], mirror.tlb[page], ...mirror.accesses.values()]
          if (ways.some((entry) => entry.frame?.pfn === source))
            return `page ${page} is copied, and ${mirror.name} can still access its source, frame ${source}`
        }
      }
      return said
    },
  }
}

/** C37: the case that a comment in the kernel excludes. */
export function zappedBetween({ machine, tasks }: MirrorWorld): Witness {
  return {
    clause: 'C37',
    name: 'an entry is zapped between pages and finalize',
    holds: (view) =>
      tasks.some(
        ({ thread, mm }) =>
          view.step(thread) === 'look at the page' &&
          view.inside(thread, migrate_vma_finalize) &&
          machine.migrations[thread].some(
            (entry, page) => stageOf(entry) === 'installed' && mm.pte[page].kind === PteKind.none,
          ),
      ),
  }
}

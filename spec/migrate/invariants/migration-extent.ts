/**
 * Which pages a migration collects and skips, and which migrated pages are mapped.
 *
 * @module
 */
import { mapMigrated, migrateToDevice } from '../../../src/driver/index.js'
import {
  areaEnd,
  innermostRange,
  isMigrating,
  MIGRATE_PFN_MOVED,
  MIGRATE_PFN_VALID,
  migrate_vma_collect,
  NotifyEvent,
  VmaKind,
} from '../../../src/kernel/index.js'
import { old, type StepClaim, type Witness } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** `migrate-range`: pages are collected only where the whole range lies in one VMA. */
export function oneAreaIsCollected({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'migrate-range',
    name: 'pages are collected from one area',
    judge(thread, from) {
      if (!from.inside(thread, migrate_vma_collect)) return undefined
      const { mm, event, start, end } = innermostRange(machine, thread)
      if (mm === 0 || event !== NotifyEvent.MIGRATE) return undefined
      const space = machine.mms[mm - 1]
      return space.vma[start].kind !== VmaKind.none && areaEnd(space, start, end) === end
        ? true
        : `pages ${start} to ${end} are collected, and are not in one VMA`
    },
  }
}

/**
 * `migrate-range`: a hole is populated only with device memory: a migration back to system memory
 * leaves holes.
 */
export function holesGoToDevices({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'migrate-range',
    name: 'a hole migrates only to a device',
    judge(thread) {
      let said: true | undefined
      for (const [page, entry] of machine.migrations[thread].entries()) {
        const { flags, dst } = entry
        if (!(flags & MIGRATE_PFN_MOVED) || flags & MIGRATE_PFN_VALID) continue
        if (old(entry).flags & MIGRATE_PFN_MOVED) continue
        said = true
        if (dst !== undefined && dst.owner < 0)
          return `page ${page} is a hole, and a migration to system memory populates it with frame ${dst.pfn}`
      }
      return said
    },
  }
}

/**
 * C36: a driver that maps the pages of its migration maps all of them, unless another invalidation
 * came meanwhile.
 */
export function migratedPagesAreMapped({ machine, mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'C36',
    name: 'what has migrated is mapped at the end of the migration',
    judge(thread, from, to) {
      // The step that drops the update lock: until then no entry of the device is removed.
      if (!from.inside(thread, mapMigrated) || to.inside(thread, mapMigrated)) return undefined
      let said: true | undefined
      for (const { name, owner, pageTable, undisturbed } of mirrors) {
        if (undisturbed?.get(thread)?.value !== true) continue
        for (const [page, entry] of machine.migrations[thread].entries()) {
          if (!isMigrating(entry) || entry.dst?.owner !== owner) continue
          said = true
          if (pageTable[page].frame !== entry.dst)
            return `page ${page} has migrated to the memory of ${name}, which does not map it`
        }
      }
      return said
    },
  }
}

/** `thread` requests pages of two VMAs, and none is collected. */
export function refusedAcrossAreas({ machine: { mms, migrations } }: MirrorWorld, thread: number): Witness {
  const [mm] = mms
  return {
    clause: 'migrate-range',
    name: 'a range of two areas is refused',
    holds: (view) =>
      view.inside(thread, migrateToDevice) &&
      view.step(thread) === `up_read ${mm.mmapLock.name}` &&
      areaEnd(mm, 0, mm.vma.length) < mm.vma.length &&
      migrations[thread].every(({ flags }) => flags === 0),
  }
}

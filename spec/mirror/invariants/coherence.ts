/**
 * Mirror coherence: the device maps what the CPU's page table maps.
 *
 * @module
 */
import { type Mirror, notifiersOf, type Translation } from '../../../src/driver/index.js'
import {
  __mmu_notifier_release,
  exit_mmap,
  type Frame,
  hasNotifiers,
  innermostRange,
  MIGRATE_PFN_MIGRATE,
  mmu_notifier_invalidate_range_start,
  type Pte,
  PteKind,
} from '../../../src/kernel/index.js'
import { type AnyProcedure, type Invariant, old, type StepClaim } from '../../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

interface Named {
  readonly what: string
  readonly page: number
  readonly mirror: MirrorWorld['mirrors'][number]
  readonly translation: Translation
}

/** All translations by which a device can access memory, with their pages. */
function translations({ mirrors }: MirrorWorld): Named[] {
  return mirrors.flatMap((mirror) => [
    ...mirror.pageTable.map((translation, page) => ({ what: 'page table', page, mirror, translation })),
    ...mirror.tlb.map((translation, page) => ({ what: 'TLB', page, mirror, translation })),
  ])
}

/**
 * True for an entry that refers to the page with the data: present, PROT_NONE, device-private or
 * device-exclusive.
 */
function holdsData(kind: PteKind): boolean {
  return kind === PteKind.present || kind === PteKind.devicePrivate || kind === PteKind.deviceExclusive
}

/**
 * True if the entry permits writes. Since Linux 6.15 a device-exclusive entry always does, and has
 * no bit for it.
 */
function letsWrite({ machine }: MirrorWorld, { kind, write }: Pte): boolean {
  return write || (machine.rules.exclusiveByPage && kind === PteKind.deviceExclusive)
}

/**
 * True if the device already maps the destination of a migration, as its driver may do at the end
 * (C36).
 */
function isOnItsWay({ machine }: MirrorWorld, page: number, mapped: Frame | undefined): boolean {
  return machine.migrations.some((pages) => {
    if (!(pages[page].flags & MIGRATE_PFN_MIGRATE) || pages[page].dst !== mapped) return false
    return machine.mms.some(
      ({ pte }) => pte[page].kind === PteKind.migration && pte[page].frame === pages[page].source,
    )
  })
}

/**
 * True if the CPU has a migration entry for a page of the driver's own memory that the device maps:
 * the device may use it until the driver copies it (C41), since no CPU can write to it.
 */
function isOwnAndLeaving(mirror: Mirror, page: number, mapped: Frame | undefined): boolean {
  return (
    mirror.mm.pte[page].kind === PteKind.migration &&
    mapped !== undefined &&
    mirror.mm.pte[page].frame === mapped.pfn &&
    mirror.owner >= 0 &&
    mapped.owner === mirror.owner
  )
}

/** C1: device and CPU map the same page, or at least one of them maps nothing. */
export function samePage(world: MirrorWorld): Invariant {
  const all = translations(world)
  return {
    clause: 'C1',
    name: 'same page on both sides',
    judge() {
      let said: true | undefined
      for (const { what, page, mirror, translation } of all) {
        const frame = translation.frame
        if (frame === undefined) continue
        said = true
        const pte = mirror.mm.pte[page]
        if (isOnItsWay(world, page, frame) || isOwnAndLeaving(mirror, page, frame)) continue
        if (!holdsData(pte.kind))
          return `${mirror.name}'s ${what} maps page ${page} to frame ${frame.pfn}, the CPU's page table ${pte.kind}`
        if (pte.frame !== frame.pfn)
          return `${mirror.name}'s ${what} maps page ${page} to frame ${frame.pfn}, the CPU's page table to frame ${pte.frame}`
      }
      return said
    },
  }
}

/** C3: an access in progress uses a current translation. */
export function accessesEnded(world: MirrorWorld): Invariant {
  const { mirrors } = world
  const all = mirrors.flatMap((mirror) => [...mirror.accesses.values()].map((access) => ({ mirror, access })))
  return {
    clause: 'C3',
    name: 'accesses under way use current translations',
    judge() {
      let said: true | undefined
      for (const { mirror, access } of all) {
        const page = access.page - 1
        if (page < 0) continue
        said = true
        const pte = mirror.mm.pte[page]
        const { frame } = access
        if (isOwnAndLeaving(mirror, page, frame) || isOnItsWay(world, page, frame)) continue
        if (!holdsData(pte.kind) || pte.frame !== frame?.pfn)
          return `${mirror.name} still accesses page ${page} through frame ${frame?.pfn}, which the CPU's page table no longer maps`
        if (access.write && !letsWrite(world, pte))
          return `${mirror.name} still accesses page ${page} for writing, which the CPU's page table no longer permits`
      }
      return said
    },
  }
}

/** C4: the device may write only where the CPU's page table allows it. */
export function writeOnlyIfCpuMay(world: MirrorWorld): Invariant {
  const all = translations(world)
  return {
    clause: 'C4',
    name: 'device writes only where the CPU may',
    judge() {
      let said: true | undefined
      for (const { what, page, mirror, translation } of all) {
        if (!translation.write) continue
        said = true
        if (!letsWrite(world, mirror.mm.pte[page]))
          return `${mirror.name}'s ${what} lets it write page ${page}, which the CPU's page table maps read-only`
      }
      return said
    },
  }
}

/**
 * C2: an entry of the CPU's page table loses access only inside an invalidation for which all
 * callbacks have returned.
 */
export function changeInsideInvalidation({ machine }: MirrorWorld): StepClaim {
  return {
    clause: 'C2',
    name: 'page table changes inside an invalidation',
    judge(thread, from) {
      let said: true | undefined
      for (const mm of machine.mms) {
        if (!hasNotifiers(mm)) continue
        for (let page = 0; page < machine.pages; page++) {
          const pte = mm.pte[page]
          if (!holdsData(old(pte).kind)) continue
          const lost =
            (pte.kind !== old(pte).kind && !isGivenBack(pte)) ||
            pte.frame !== old(pte).frame ||
            pte.write < old(pte).write
          if (!lost) continue
          said = true
          const inside = machine.openRanges.some(
            (open, index) =>
              index % machine.layout.threads === thread &&
              old(open).mm === mm.index + 1 &&
              old(open).start <= page &&
              page < old(open).end,
          )
          if (!inside || from.inside(thread, mmu_notifier_invalidate_range_start))
            return `the entry of page ${page} is changed outside an invalidation of it`
        }
      }
      return said
    },
  }
}

/** True if exclusive access to a page ends: C43 claims the conditions. */
function isGivenBack(pte: Pte): boolean {
  return old(pte).kind === PteKind.deviceExclusive && pte.kind === PteKind.present
}

/** C3: when the callbacks have returned, no device can access the range any more. */
export function quietAfterStart(world: MirrorWorld): StepClaim {
  const { machine, mirrors } = world
  return {
    clause: 'C3',
    name: 'nothing left in the device when its callback returns',
    judge(thread, from, to) {
      let said: true | undefined
      for (const mirror of mirrors)
        for (const { callback, watched } of lastCallbacksOf(mirror)) {
          if (!from.inside(thread, callback) || to.inside(thread, callback)) continue
          const { start, end } = innermostRange(machine, thread)
          if (old(() => gaveUp(world, mirror, thread)) || old(() => isOwn(world, mirror, thread))) continue
          said = true
          const { start: first, last } = watched
          const left = reachable(mirror, Math.max(start, first), Math.min(end, last + 1))
          if (left !== undefined) return `${mirror.name}'s callback returned, and ${left}`
        }
      return said
    },
  }
}

/** The callbacks of the driver after which the device must not reach the pages, and the pages that each watches. */
function lastCallbacksOf(mirror: Mirror): {
  readonly callback: AnyProcedure
  readonly watched: { readonly start: number; readonly last: number }
}[] {
  const { classic, notifier: whole, pageTable } = mirror
  const everything = { start: 0, last: pageTable.length - 1 }
  // The classic notifier is called after the others.
  if (classic) return [{ callback: classic.ops.start, watched: everything }]
  return notifiersOf(mirror).map((notifier) => ({
    callback: notifier.ops.finish ?? notifier.ops.invalidate,
    watched: notifier === whole ? everything : notifier,
  }))
}

/**
 * True if the callback that `thread` leaves with this step has refused the range: it must not
 * sleep, and does not hold its lock.
 */
export function gaveUp({ machine }: MirrorWorld, mirror: Mirror, thread: number): boolean {
  return !innermostRange(machine, thread).blockable && !mirror.protection.remove.heldBy(thread)
}

/**
 * True if the invalidation of `thread` comes from a migration or from exclusive access by the
 * driver of `mirror` itself. The driver may ignore it (C41), and must then remove the device's
 * entries itself: the other claims check that.
 */
export function isOwn({ machine }: MirrorWorld, mirror: Mirror, thread: number): boolean {
  const owner = innermostRange(machine, thread).owner - 1
  return owner >= 0 && (owner === mirror.owner || owner === mirror.exclusiveOwner)
}

/** C7: when the address space is released no device can access it, now or later. */
export function goneAfterRelease({ mirrors, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C7',
    name: 'no device access after release',
    judge(view) {
      if (tasks.some(({ thread }) => view.inside(thread, __mmu_notifier_release))) return undefined
      let said: true | undefined
      for (const mirror of mirrors) {
        if (mirror.mm.users !== 0) continue
        // A classic notifier without `release` is told once the pages are unmapped.
        if (mirror.classic && tasks.some(({ thread }) => view.inside(thread, exit_mmap))) continue
        said = true
        const left = reachable(mirror, 0, mirror.pageTable.length)
        if (left !== undefined) return `the address space is released, and ${left}`
      }
      return said
    },
  }
}

/**
 * A description of a translation by which `mirror` can still access a page from `start` to `end`;
 * undefined if there is none.
 */
function reachable(mirror: MirrorWorld['mirrors'][number], start: number, end: number): string | undefined {
  for (let page = start; page < end; page++) {
    if (mirror.pageTable[page].frame) return `its page table still maps page ${page}`
    if (mirror.tlb[page].frame) return `its TLB still maps page ${page}`
  }
  for (const access of mirror.accesses.values()) {
    const page = access.page - 1
    if (page >= start && page < end) return `an access to page ${page} is still in progress`
  }
  return undefined
}

/**
 * Where areas begin and end, how they are split and merged, and what links those that may map a page.
 *
 * @see reference E.3.1
 * @module
 */

import {
  type Frame,
  type Machine,
  type MmStruct,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../machine/index.js'
import { READ_ONCE, SpecificationError } from '../../../world/index.js'

/**
 * The page after the last of the area that `page` lies in, at most `limit`. Called under the mmap
 * lock.
 */
export function areaEnd(mm: MmStruct, page: number, limit: number): number {
  let end = page + 1
  while (end < limit && isSameArea(mm, end)) end++
  return end
}

/** The first page of the area that `page` lies in. Called under the mmap lock. */
export function areaStart(mm: MmStruct, page: number): number {
  let start = page
  while (start > 0 && isSameArea(mm, start)) start--
  return start
}

/** True if `page` continues the area of the page before it. */
function isSameArea(mm: MmStruct, page: number): boolean {
  if (!mm.tracksAreas) return hasEqualAttributes(mm, page)
  // Also from the walk over a page's mappings, which has the lock of what links the areas.
  const isHole = READ_ONCE(mm.vma[page - 1]).kind === VmaKind.none
  return !READ_ONCE(mm.vma[page]).starts && isHole === (READ_ONCE(mm.vma[page]).kind === VmaKind.none)
}

/** True if nothing but their `anon_vma`s may keep the pages on both sides of the beginning of `page` apart. @kernel is_mergeable_vma */
function hasEqualAttributes(mm: MmStruct, page: number): boolean {
  const [before, area] = [mm.vma[page - 1], mm.vma[page]]
  if (area.kind !== before.kind || area.flags !== before.flags) return false
  return area.kind === VmaKind.none || isContinued(mm, page)
}

/** True if what is behind `page` is what follows the page before it. */
function isContinued(mm: MmStruct, page: number): boolean {
  const [before, area] = [mm.vma[page - 1], mm.vma[page]]
  if (!mm.tracksOffsets) return true
  return area.file === before.file && area.pgoff === before.pgoff + 1
}

/**
 * From here on an area begins at `page`, if there is one. Both parts of one that is split are put
 * into the trees again. Called inside an atomic step, under the mmap lock for writing.
 *
 * @kernel __split_vma
 */
export function splitVma(machine: Machine, mm: MmStruct, page: number): void {
  if (page >= mm.vma.length || mm.vma[page].kind === VmaKind.none || mm.vma[page].starts) return
  mm.vma[page].starts = true
  if (page > 0) linkArea(machine, mm, page - 1)
  linkArea(machine, mm, page)
}

/**
 * A new area begins at `page`. Called inside an atomic step, under the mmap lock for writing.
 *
 * @kernel vma_link
 */
export function beginVma(machine: Machine, mm: MmStruct, page: number): void {
  mm.vma[page].starts = true
  linkArea(machine, mm, page)
}

/**
 * The area of `page`, whose bounds or `anon_vma` have changed, is taken out of the trees of its
 * `anon_vma`s, and put in behind all that begin at the same offset. Called inside an atomic step,
 * under the mmap lock for writing, or for reading if it gets its first page.
 *
 * @kernel anon_vma_interval_tree_pre_update_vma, anon_vma_interval_tree_post_update_vma,
 * anon_vma_chain_link
 */
export function linkArea(machine: Machine, mm: MmStruct, page: number): void {
  if (!mm.tracksAreas) return
  const end = areaEnd(mm, page, mm.vma.length)
  const start = areaStart(mm, page)
  for (let at = start; at < end; at++) unlinkPage(machine, mm, at)
  if (mm.vma[page].anonymous === 0) return
  const linked = machine.mms.flatMap(({ vma }) => vma.map((area) => READ_ONCE(area).linked))
  mm.vma[start].linked = 1 + Math.max(...linked)
}

/**
 * No area with an `anon_vma` begins at `page` any more. Called inside an atomic step.
 *
 * @kernel unlink_anon_vmas
 */
export function unlinkPage({ mms }: Machine, mm: MmStruct, page: number): void {
  const left = mm.vma[page].linked
  if (left === 0) return
  mm.vma[page].linked = 0
  for (const { vma } of mms) for (const area of vma) if (READ_ONCE(area).linked > left) area.linked -= 1
}

/** How areas beside a new one are chosen. */
export const Merge = { either: 0, preferNext: 1 } as const

/**
 * The pages from `start` to `end`, which have their new attributes, become part of the areas beside
 * them that have the same. Called inside an atomic step, under the mmap lock for writing.
 *
 * Equal attributes are not enough: of two areas with different `anon_vma`s neither can find the
 * other's pages; and an area that fork has copied is linked to its parent's too, which those that
 * never had a page are kept out of.
 *
 * @kernel vma_merge
 */
export function mergeVma(machine: Machine, mm: MmStruct, start: number, end: number, how: number): void {
  if (!mm.tracksAreas) return
  const area = mm.vma[start].anonymous
  const [before, after] = [start > 0 && mm.vma[start - 1], end < mm.vma.length && mm.vma[end]]
  const [previous, next] = [anonVmaOf(before), anonVmaOf(after)]
  const fitsPrevious = before !== false && hasEqualAttributes(mm, start) && canMerge(machine, area, previous)
  const fitsNext = after !== false && hasEqualAttributes(mm, end) && canMerge(machine, area, next)
  const fitEachOther =
    how === Merge.preferNext ? canMerge(machine, next, previous) : !previous || !next || previous === next
  const isConflict = fitsPrevious && fitsNext && !fitEachOther
  const toPrevious = fitsPrevious && !(isConflict && how === Merge.preferNext)
  const toNext = fitsNext && !(isConflict && how !== Merge.preferNext)
  const anonVma = area || (toPrevious ? previous : 0) || (toNext ? next : 0)
  if (!toPrevious && !toNext) return
  if (toPrevious) mm.vma[start].starts = false
  if (toNext) mm.vma[end].starts = false
  if (anonVma > 0) linkAnonVma(machine, mm, start, anonVma)
}

function anonVmaOf(area: MmStruct['vma'][number] | false): number {
  return area === false ? 0 : area.anonymous
}

/** True if an area with `anonVma` may become part of one with `target`; 0 is none. @kernel is_mergeable_anon_vma */
function canMerge(machine: Machine, anonVma: number, target: number): boolean {
  if (anonVma === target) return true
  if (target === 0) return machine.rules.mergesIntoUnfaulted && !isFromFork(machine, anonVma)
  return anonVma === 0 && !isFromFork(machine, target)
}

/** True if fork has made it: the areas that have it are linked to another as well. @kernel list_is_singular */
function isFromFork({ anonVmas }: Machine, anonVma: number): boolean {
  return anonVmas[anonVma - 1].parent !== 0
}

/** The whole area that `page` lies in gets the `anon_vma`. */
function linkAnonVma(machine: Machine, mm: MmStruct, page: number, anonVma: number): void {
  const end = areaEnd(mm, page, mm.vma.length)
  for (let at = areaStart(mm, page); at < end; at++) mm.vma[at].anonymous = anonVma
  linkArea(machine, mm, page)
}

/**
 * The area that `page` lies in gets a page of its own. Called inside an atomic step, under the mmap
 * lock.
 *
 * @kernel anon_vma_prepare
 */
export function anonVmaPrepare(machine: Machine, mm: MmStruct, page: number): void {
  if (mm.vma[page].anonymous !== 0) return
  linkAnonVma(machine, mm, page, machine.anonVmas.length > 0 ? findOrAllocate(machine, mm, page) : 1)
}

/** That of the next area or the previous, if they could be one but for what they permit; otherwise a new one. @kernel find_mergeable_anon_vma */
function findOrAllocate(machine: Machine, mm: MmStruct, page: number): number {
  const [start, end] = [areaStart(mm, page), areaEnd(mm, page, mm.vma.length)]
  for (const [beside, edge] of [
    [end, end],
    [start - 1, start],
  ]) {
    const anonVma = mm.vma[beside]?.anonymous ?? 0
    if (anonVma > 0 && isCompatible(mm, edge) && !isFromFork(machine, anonVma)) return anonVma
  }
  return allocAnonVma(machine, 0)
}

/** @kernel anon_vma_compatible */
function isCompatible(mm: MmStruct, page: number): boolean {
  const [before, area] = [mm.vma[page - 1], mm.vma[page]]
  const isSimilar = ((before.flags ^ area.flags) & ~(VM_READ | VM_WRITE)) === 0
  return isSimilar && before.kind === area.kind && isContinued(mm, page)
}

/** One that no area, no page and no other refers to. @kernel anon_vma_alloc */
function allocAnonVma(machine: Machine, parent: number): number {
  const { anonVmas, mms, frames } = machine
  const used = new Set<number>([parent])
  for (const { vma } of mms) for (const area of vma) used.add(READ_ONCE(area).anonymous)
  for (const frame of frames) used.add(frame.anonVma)
  for (const of of [...used]) for (const linked of linksOf(machine, of)) used.add(linked)
  const free = anonVmas.findIndex((_, index) => !used.has(index + 1))
  if (free < 0)
    throw new SpecificationError('scenario', 'there are more anon_vmas than the machine was declared with')
  anonVmas[free].parent = parent
  return free + 1
}

/** All that an area with `anonVma` is linked to: it, and those from which fork has copied it. @kernel anon_vma_chain */
export function linksOf({ anonVmas }: Machine, anonVma: number): number[] {
  const links: number[] = []
  for (let at = anonVma; at > 0; at = anonVmas[at - 1]?.parent ?? 0) links.push(at)
  return links
}

/**
 * Gives the child's area an `anon_vma` of its own, linked to all that the parent's is. Called
 * inside an atomic step of fork.
 *
 * @kernel anon_vma_fork
 */
export function anonVmaFork(
  machine: Machine,
  child: MmStruct,
  start: number,
  end: number,
  from: number,
): void {
  const anonVma = from > 0 && machine.anonVmas.length > 0 ? allocAnonVma(machine, from) : from
  for (let page = start; page < end; page++) child.vma[page].anonymous = anonVma
  linkArea(machine, child, start)
}

/**
 * Where the page is found again by those who look for its mappings: by the area of `page`, and
 * where in it. Called inside an atomic step, under the page-table lock.
 *
 * @kernel __page_set_anon_rmap, folio_move_anon_rmap
 */
export function setAnonRmap(frame: Frame, mm: MmStruct, page: number): void {
  frame.anonVma = READ_ONCE(mm.vma[page]).anonymous
  frame.index = READ_ONCE(mm.vma[page]).pgoff
}

/**
 * The same for a page that comes from swap. One that others may map too is found by the `anon_vma`
 * that all of them are linked to. Called inside an atomic step, under the page-table lock.
 *
 * @kernel __page_set_anon_rmap
 */
export function setSwappedAnonRmap(
  machine: Machine,
  frame: Frame,
  mm: MmStruct,
  page: number,
  isExclusive: boolean,
): void {
  setAnonRmap(frame, mm, page)
  if (!isExclusive) frame.anonVma = linksOf(machine, frame.anonVma).at(-1) ?? 0
}

/**
 * Where areas begin and end, how they are split and merged, and what links those that may map a page.
 *
 * @see docs/reference/kernel-behaviour.md
 * @module
 */
import { SpecificationError, type World } from '../../../world/index.js'
import { type Frame, type Machine, type MmStruct, VM_READ, VM_WRITE, VmaKind } from '../../machine.js'

/** The page after the last of the area that `page` lies in, at most `limit`. Under the mmap lock. */
export function areaEnd(w: World, mm: MmStruct, page: number, limit: number): number {
  let end = page + 1
  while (end < limit && isSameArea(w, mm, end)) end++
  return end
}

/** The first page of the area that `page` lies in. Under the mmap lock. */
export function areaStart(w: World, mm: MmStruct, page: number): number {
  let start = page
  while (start > 0 && isSameArea(w, mm, start)) start--
  return start
}

/** True if `page` continues the area of the page before it. */
function isSameArea(w: World, mm: MmStruct, page: number): boolean {
  const { starts } = mm.vma[page]
  if (starts === undefined) return hasEqualAttributes(w, mm, page)
  // Also from the walk over a page's mappings, which has the lock of what links the areas.
  const isHole = mm.vma[page - 1].kind.readOnce(w) === VmaKind.none
  return starts.readOnce(w) === 0 && isHole === (mm.vma[page].kind.readOnce(w) === VmaKind.none)
}

/** True if nothing but their `anon_vma`s may keep the pages on both sides of the beginning of `page` apart. @kernel is_mergeable_vma */
function hasEqualAttributes(w: World, mm: MmStruct, page: number): boolean {
  const [before, area] = [mm.vma[page - 1], mm.vma[page]]
  if (area.kind.get(w) !== before.kind.get(w) || area.flags.get(w) !== before.flags.get(w)) return false
  return area.kind.get(w) === VmaKind.none || isContinued(w, mm, page)
}

/** True if what is behind `page` is what follows the page before it. */
function isContinued(w: World, mm: MmStruct, page: number): boolean {
  const [before, area] = [mm.vma[page - 1], mm.vma[page]]
  if (area.pgoff === undefined || before.pgoff === undefined) return true
  return area.file?.get(w) === before.file?.get(w) && area.pgoff.get(w) === before.pgoff.get(w) + 1
}

/** From here on an area begins at `page`, if there is one. Part of a step, under the mmap lock for writing. @kernel __split_vma */
export function splitVma(w: World, mm: MmStruct, page: number): void {
  if (page < mm.vma.length && mm.vma[page].kind.get(w) !== VmaKind.none) mm.vma[page].starts?.set(w, 1)
}

/** How areas beside a new one are chosen. */
export const Merge = { either: 0, preferNext: 1 } as const

/**
 * The pages from `start` to `end`, which have their new attributes, become part of the areas beside them that have the
 * same. Part of a step, under the mmap lock for writing.
 *
 * Equal attributes are not enough: of two areas with different `anon_vma`s neither can find the other's pages; and an area
 * that fork has copied is linked to its parent's too, which those that never had a page are kept out of.
 *
 * @kernel vma_merge
 */
export function mergeVma(
  w: World,
  machine: Machine,
  mm: MmStruct,
  start: number,
  end: number,
  how: number,
): void {
  if (mm.vma[start].starts === undefined) return
  const area = mm.vma[start].anonymous?.get(w) ?? 0
  const [before, after] = [start > 0 && mm.vma[start - 1], end < mm.vma.length && mm.vma[end]]
  const [previous, next] = [anonVmaOf(w, before), anonVmaOf(w, after)]
  const fitsPrevious =
    before !== false && hasEqualAttributes(w, mm, start) && canMerge(w, machine, area, previous)
  const fitsNext = after !== false && hasEqualAttributes(w, mm, end) && canMerge(w, machine, area, next)
  const fitEachOther =
    how === Merge.preferNext ? canMerge(w, machine, next, previous) : !previous || !next || previous === next
  const isConflict = fitsPrevious && fitsNext && !fitEachOther
  const toPrevious = fitsPrevious && !(isConflict && how === Merge.preferNext)
  const toNext = fitsNext && !(isConflict && how !== Merge.preferNext)
  const anonVma = area || (toPrevious ? previous : 0) || (toNext ? next : 0)
  if (toPrevious) mm.vma[start].starts?.set(w, 0)
  if (toNext && end < mm.vma.length) mm.vma[end].starts?.set(w, 0)
  if (anonVma > 0) linkAnonVma(w, mm, start, anonVma)
}

function anonVmaOf(w: World, area: MmStruct['vma'][number] | false): number {
  return area === false ? 0 : (area.anonymous?.get(w) ?? 0)
}

/** True if an area with `anonVma` may become part of one with `target`; 0 is none. @kernel is_mergeable_anon_vma */
function canMerge(w: World, machine: Machine, anonVma: number, target: number): boolean {
  if (anonVma === target) return true
  if (target === 0) return machine.rules.mergesIntoUnfaulted && !isFromFork(w, machine, anonVma)
  return anonVma === 0 && !isFromFork(w, machine, target)
}

/** True if fork has made it: the areas that have it are linked to another as well. @kernel list_is_singular */
function isFromFork(w: World, { anonVmas }: Machine, anonVma: number): boolean {
  return anonVmas[anonVma - 1].parent.get(w) !== 0
}

/** The whole area that `page` lies in gets the `anon_vma`. */
function linkAnonVma(w: World, mm: MmStruct, page: number, anonVma: number): void {
  const end = areaEnd(w, mm, page, mm.vma.length)
  for (let at = areaStart(w, mm, page); at < end; at++) mm.vma[at].anonymous?.set(w, anonVma)
}

/**
 * The area that `page` lies in gets a page of its own. Part of a step, under the mmap lock.
 *
 * @kernel anon_vma_prepare
 */
export function anonVmaPrepare(w: World, machine: Machine, mm: MmStruct, page: number): void {
  if (mm.vma[page].anonymous?.get(w) !== 0) return
  linkAnonVma(w, mm, page, machine.anonVmas.length > 0 ? findOrAllocate(w, machine, mm, page) : 1)
}

/** That of the next area or the previous, if they could be one but for what they permit; otherwise a new one. @kernel find_mergeable_anon_vma */
function findOrAllocate(w: World, machine: Machine, mm: MmStruct, page: number): number {
  const [start, end] = [areaStart(w, mm, page), areaEnd(w, mm, page, mm.vma.length)]
  for (const [beside, edge] of [
    [end, end],
    [start - 1, start],
  ]) {
    const anonVma = mm.vma[beside]?.anonymous?.get(w) ?? 0
    if (anonVma > 0 && isCompatible(w, mm, edge) && !isFromFork(w, machine, anonVma)) return anonVma
  }
  return allocAnonVma(w, machine, 0)
}

/** @kernel anon_vma_compatible */
function isCompatible(w: World, mm: MmStruct, page: number): boolean {
  const [before, area] = [mm.vma[page - 1], mm.vma[page]]
  const isSimilar = ((before.flags.get(w) ^ area.flags.get(w)) & ~(VM_READ | VM_WRITE)) === 0
  return isSimilar && before.kind.get(w) === area.kind.get(w) && isContinued(w, mm, page)
}

/** One that no area, no page and no other refers to. @kernel anon_vma_alloc */
function allocAnonVma(w: World, machine: Machine, parent: number): number {
  const { anonVmas, mms, frames } = machine
  const used = new Set<number>([parent])
  for (const { vma } of mms) for (const { anonymous } of vma) used.add(anonymous?.readOnce(w) ?? 0)
  for (const { anonVma } of frames) used.add(anonVma?.get(w) ?? 0)
  for (const of of [...used]) for (const linked of linksOf(w, machine, of)) used.add(linked)
  const free = anonVmas.findIndex((_, index) => !used.has(index + 1))
  if (free < 0)
    throw new SpecificationError('scenario', 'there are more anon_vmas than the machine was declared with')
  anonVmas[free].parent.set(w, parent)
  return free + 1
}

/** All that an area with `anonVma` is linked to: it, and those from which fork has copied it. @kernel anon_vma_chain */
export function linksOf(w: World, { anonVmas }: Machine, anonVma: number): number[] {
  const links: number[] = []
  for (let at = anonVma; at > 0; at = anonVmas[at - 1]?.parent.get(w) ?? 0) links.push(at)
  return links
}

/**
 * Gives the child's area an `anon_vma` of its own, linked to all that the parent's is. Part of a step of fork.
 *
 * @kernel anon_vma_fork
 */
export function anonVmaFork(
  w: World,
  machine: Machine,
  child: MmStruct,
  start: number,
  end: number,
  from: number,
): void {
  const anonVma = from > 0 && machine.anonVmas.length > 0 ? allocAnonVma(w, machine, from) : from
  for (let page = start; page < end; page++) child.vma[page].anonymous?.set(w, anonVma)
}

/**
 * Where the page is found again by those who look for its mappings: by the area of `page`, and where in it. Part of a step,
 * under the page-table lock.
 *
 * @kernel __page_set_anon_rmap, folio_move_anon_rmap
 */
export function setAnonRmap(w: World, frame: Frame, mm: MmStruct, page: number): void {
  frame.anonVma?.set(w, mm.vma[page].anonymous?.readOnce(w) ?? 0)
  frame.index?.set(w, mm.vma[page].pgoff?.readOnce(w) ?? 0)
}

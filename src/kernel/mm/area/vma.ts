/**
 * VMAs: their bounds, splitting and merging, and the anon_vmas that link VMAs which may map the
 * same page.
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
 * The page after the last of the VMA that contains `page`, at most `limit`. Called under the mmap
 * lock.
 */
export function areaEnd(mm: MmStruct, page: number, limit: number): number {
  let end = page + 1
  while (end < limit && isSameArea(mm, end)) end++
  return end
}

/** The first page of the VMA that contains `page`. Called under the mmap lock. */
export function areaStart(mm: MmStruct, page: number): number {
  let start = page
  while (start > 0 && isSameArea(mm, start)) start--
  return start
}

/** True if `page` lies in the same VMA as the page before it. */
function isSameArea(mm: MmStruct, page: number): boolean {
  if (!mm.tracksAreas) return hasEqualAttributes(mm, page)
  // The rmap walk reads this too, under the lock of the anon_vma or of the file.
  const isHole = READ_ONCE(mm.vma[page - 1]).kind === VmaKind.none
  return !READ_ONCE(mm.vma[page]).starts && isHole === (READ_ONCE(mm.vma[page]).kind === VmaKind.none)
}

/**
 * True if the VMAs on both sides of the start of `page` are compatible, apart from their
 * `anon_vma`s.
 *
 * @kernel is_mergeable_vma
 */
function hasEqualAttributes(mm: MmStruct, page: number): boolean {
  const [before, area] = [mm.vma[page - 1], mm.vma[page]]
  if (area.kind !== before.kind || area.flags !== before.flags) return false
  return area.kind === VmaKind.none || isContinued(mm, page)
}

/** True if the offset of `page` continues that of the page before it. */
function isContinued(mm: MmStruct, page: number): boolean {
  const [before, area] = [mm.vma[page - 1], mm.vma[page]]
  if (!mm.tracksOffsets) return true
  return area.file === before.file && area.pgoff === before.pgoff + 1
}

/**
 * Splits the VMA that contains `page` at `page`. Both parts are inserted into the interval trees
 * again. Called inside an atomic step, under the mmap lock for writing.
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
 * Inserts a new VMA that starts at `page`. Called inside an atomic step, under the mmap lock for
 * writing.
 *
 * @kernel vma_link
 */
export function beginVma(machine: Machine, mm: MmStruct, page: number): void {
  mm.vma[page].starts = true
  linkArea(machine, mm, page)
}

/**
 * Removes the VMA of `page`, whose bounds or `anon_vma` have changed, from the interval trees of
 * its `anon_vma`s, and inserts it after all VMAs with the same offset. Called inside an atomic
 * step, under the mmap lock for writing, or for reading if the VMA gets its first page.
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
 * Removes the VMA that starts at `page` from the interval trees. Called inside an atomic step.
 *
 * @kernel unlink_anon_vmas
 */
export function unlinkPage({ mms }: Machine, mm: MmStruct, page: number): void {
  const left = mm.vma[page].linked
  if (left === 0) return
  mm.vma[page].linked = 0
  for (const { vma } of mms) for (const area of vma) if (READ_ONCE(area).linked > left) area.linked -= 1
}

/** Which neighbour a new VMA is merged with. */
export const Merge = { either: 0, preferNext: 1 } as const

/**
 * Merges the pages from `start` to `end`, which have their new attributes, with the compatible VMAs
 * beside them. Called inside an atomic step, under the mmap lock for writing.
 *
 * Equal attributes are not enough. Two VMAs with different `anon_vma`s cannot be merged: the rmap
 * walk of one would not find pages of the other. And a VMA copied by fork is linked to its parent's
 * `anon_vma` too, so a VMA that has never had a page is not merged with it.
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

/**
 * True if a VMA with `anonVma` can be merged with one that has `target`; 0 means no anon_vma.
 *
 * @kernel is_mergeable_anon_vma
 */
function canMerge(machine: Machine, anonVma: number, target: number): boolean {
  if (anonVma === target) return true
  if (target === 0) return machine.rules.mergesIntoUnfaulted && !isFromFork(machine, anonVma)
  return anonVma === 0 && !isFromFork(machine, target)
}

/**
 * True if fork created the anon_vma: its VMAs are linked to the parent's anon_vma too.
 *
 * @kernel list_is_singular
 */
function isFromFork({ anonVmas }: Machine, anonVma: number): boolean {
  return anonVmas[anonVma - 1].parent !== 0
}

/** Sets the `anon_vma` of the VMA that contains `page`. */
function linkAnonVma(machine: Machine, mm: MmStruct, page: number, anonVma: number): void {
  const end = areaEnd(mm, page, mm.vma.length)
  for (let at = areaStart(mm, page); at < end; at++) mm.vma[at].anonymous = anonVma
  linkArea(machine, mm, page)
}

/**
 * Gives the VMA of `page` an anon_vma before it gets its first page. Called inside an atomic step,
 * under the mmap lock.
 *
 * @kernel anon_vma_prepare
 */
export function anonVmaPrepare(machine: Machine, mm: MmStruct, page: number): void {
  if (mm.vma[page].anonymous !== 0) return
  linkAnonVma(machine, mm, page, machine.anonVmas.length > 0 ? findOrAllocate(machine, mm, page) : 1)
}

/**
 * The anon_vma of the next or previous VMA if the two differ in permissions at most; otherwise a
 * new one.
 *
 * @kernel find_mergeable_anon_vma
 */
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

/**
 * Allocates an anon_vma: one to which no VMA, page or other anon_vma refers.
 *
 * @kernel anon_vma_alloc
 */
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

/**
 * The anon_vmas to which a VMA with `anonVma` is linked: itself, and those of the parents from
 * which fork copied it.
 *
 * @kernel anon_vma_chain
 */
export function linksOf({ anonVmas }: Machine, anonVma: number): number[] {
  const links: number[] = []
  for (let at = anonVma; at > 0; at = anonVmas[at - 1]?.parent ?? 0) links.push(at)
  return links
}

/**
 * Gives the child's VMA an `anon_vma` of its own, linked to the same anon_vmas as the parent's.
 * Called inside an atomic step of fork.
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
 * Sets the mapping and index of the page, by which the rmap walk finds it: the anon_vma and the
 * offset of `page`. Called inside an atomic step, under the page-table lock.
 *
 * @kernel __page_set_anon_rmap, folio_move_anon_rmap
 */
export function setAnonRmap(frame: Frame, mm: MmStruct, page: number): void {
  frame.anonVma = READ_ONCE(mm.vma[page]).anonymous
  frame.index = READ_ONCE(mm.vma[page]).pgoff
}

/**
 * The same for a page that is swapped in. A page that is not exclusive gets the root `anon_vma`, to
 * which every VMA that may map it is linked. Called inside an atomic step, under the page-table
 * lock.
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

import { type Frame, type Machine, type MmStruct, type Pte, PteKind } from '../../machine/index.js'
import { READ_ONCE } from '../../world/index.js'
import { areaStart, linksOf } from './area/vma.js'

/** True if the entry maps the frame, whether or not the CPU may use it. Part of a step. */
export function maps(pte: Pte, frame: Frame): boolean {
  return isMapping(pte) && READ_ONCE(pte).frame === frame.pfn
}

/** True if the entry maps a page at all. */
function isMapping(pte: Pte): boolean {
  switch (READ_ONCE(pte).kind) {
    case PteKind.present:
    case PteKind.protnone:
    case PteKind.devicePrivate:
      return true
    default:
      return false
  }
}

/** True if the entry maps a page, or keeps the mapping of one that a device has to itself. Part of a step. */
export function isMappedBy(pte: Pte): boolean {
  return isMapping(pte) || READ_ONCE(pte).kind === PteKind.deviceExclusive
}

/** A page of an address space at which a page may be mapped. */
export interface Place {
  readonly mm: MmStruct
  readonly page: number
}

/**
 * Where the page may be mapped, in the order in which a walk over its mappings comes by: that of the offsets at which areas
 * begin, and of equal ones that in which they were put into the tree. An area that has copied the page for itself since is among them, and so is that of who
 * migrates the page. Part of a step: the walk holds the lock of the `anon_vma` or of the file.
 *
 * @kernel rmap_walk
 */
export function rmapOf(machine: Machine, frame: Frame): Place[] {
  const places: (Place & Position)[] = []
  const isLinked = areaTest(machine, frame)
  for (const mm of machine.mms)
    for (let page = 0; page < mm.pte.length; page++)
      if (isLinked(mm, page)) places.push({ mm, page, ...positionOf(mm, page) })
  return places.sort(inOrder)
}

/** Pages of one area at which a page, or the parts of a huge page, may be mapped. */
export interface MappedArea {
  readonly mm: MmStruct
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
}

/**
 * The areas that may map the huge page that `frame` is the first part of, in the order of {@link rmapOf}; for a page by
 * itself, those that may map that.
 */
export function areasOf(machine: Machine, frame: Frame): MappedArea[] {
  const areas: (MappedArea & Position)[] = []
  const isLinked = folioTest(machine, partsOf(machine, frame))
  for (const mm of machine.mms)
    for (let page = 0; page < mm.pte.length; page++) {
      if (!isLinked(mm, page)) continue
      const last = areas.at(-1)
      const isSameArea = () => !mm.tracksAreas || areaStart(mm, page) <= (last?.start ?? page)
      const continues = last?.mm === mm && last.end === page && isSameArea()
      if (continues) areas[areas.length - 1] = { ...last, end: page + 1 }
      else areas.push({ mm, start: page, end: page + 1, ...positionOf(mm, page) })
    }
  return areas.sort(inOrder)
}

/** The area with number `index` among {@link areasOf}, if there is one. Part of a step. */
export function areaAt(machine: Machine, frame: Frame, index: number): MappedArea | undefined {
  const found = areasOf(machine, frame)[index]
  return found && { mm: found.mm, start: found.start, end: found.end }
}

/**
 * The parts of the huge page that the frame is one of, as far as they are in use; itself alone if it is none. Part of a step.
 *
 * @kernel page_folio
 */
export function partsOf({ frames, hugePages }: Machine, frame: Frame): Frame[] {
  const part = frame.compound
  const head = frame.pfn - part + 1
  if (part === 0) return [frame]
  return frames.slice(head, head + hugePages).filter((frame, index) => frame.compound === index + 1)
}

/** Where areas do not know what links them, those with an entry for the page are the ones. */
function areaTest(machine: Machine, frame: Frame): (mm: MmStruct, page: number) => boolean {
  const file = frame.mapping
  if (machine.anonVmas.length === 0)
    return ({ pte }, page) => {
      const isAwaited = READ_ONCE(pte[page]).kind === PteKind.migration
      return maps(pte[page], frame) || (isAwaited && READ_ONCE(pte[page]).frame === frame.pfn)
    }
  if (file > 0) {
    const offset = machine.files[file - 1].pages.findIndex((cached) => cached.frame === frame.pfn)
    return ({ vma }, page) => READ_ONCE(vma[page]).file === file && READ_ONCE(vma[page]).pgoff === offset
  }
  const [anonVma, index] = [frame.anonVma, frame.index]
  return ({ vma }, page) =>
    READ_ONCE(vma[page]).pgoff === index && linksOf(machine, READ_ONCE(vma[page]).anonymous).includes(anonVma)
}

/** Whether any of the parts of one folio may be mapped at a page. */
function folioTest(machine: Machine, parts: readonly Frame[]): (mm: MmStruct, page: number) => boolean {
  const [first] = parts
  if (parts.length === 1) return areaTest(machine, first)
  const pfns = new Set(parts.map(({ pfn }) => pfn))
  if (machine.anonVmas.length === 0)
    return ({ pte }, page) => {
      const isAwaited = READ_ONCE(pte[page]).kind === PteKind.migration
      return (isAwaited || isMapping(pte[page])) && pfns.has(READ_ONCE(pte[page]).frame)
    }
  // An area may map all that the folio covers, whether or not a part of it is still in use.
  const start = first.index - first.compound + 1
  const end = start + machine.hugePages
  const anonVmas = new Set(parts.map(({ anonVma }) => anonVma))
  return ({ vma }, page) => {
    const offset = READ_ONCE(vma[page]).pgoff
    if (offset < start || offset >= end) return false
    return linksOf(machine, READ_ONCE(vma[page]).anonymous).some((anonVma) => anonVmas.has(anonVma))
  }
}

/** Where an area is in the tree that is walked. */
interface Position {
  /** `vm_pgoff`: the key of the tree. */
  readonly offset: number
  /** Among equal keys the one that was put in last is the last. @kernel INTERVAL_TREE_DEFINE */
  readonly linked: number
}

function positionOf(mm: MmStruct, page: number): Position {
  if (!mm.tracksAreas) return { offset: 0, linked: 0 }
  const start = areaStart(mm, page)
  return { offset: READ_ONCE(mm.vma[page]).pgoff - (page - start), linked: READ_ONCE(mm.vma[start]).linked }
}

function inOrder(one: Position, other: Position): number {
  return one.offset - other.offset || one.linked - other.linked
}

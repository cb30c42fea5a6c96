import { type Frame, type Machine, type MmStruct, type Pte, PteKind } from '../../machine/index.js'
import { READ_ONCE } from '../../world/index.js'
import { areaStart, linksOf } from './area/vma.js'

/**
 * True if the entry maps the frame, including PROT_NONE and device-private entries. Called inside
 * an atomic step.
 */
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

/**
 * True if the entry counts as a mapping of a page: it maps one, or is a device-exclusive entry that
 * keeps the mapping. Called inside an atomic step.
 */
export function isMappedBy(pte: Pte): boolean {
  return isMapping(pte) || READ_ONCE(pte).kind === PteKind.deviceExclusive
}

/** A page of an address space at which a page may be mapped. */
export interface Place {
  readonly mm: MmStruct
  readonly page: number
}

/**
 * The places at which the page may be mapped, in the order of the rmap walk: by the offset at which
 * each VMA starts, then by the order of insertion into the interval tree. This includes a VMA that
 * has copied the page since, and the VMA that is being migrated. Called inside an atomic step: the
 * walk holds the lock of the `anon_vma` or of the file.
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

/** The pages of one VMA at which a page, or the parts of a huge page, may be mapped. */
export interface MappedArea {
  readonly mm: MmStruct
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
}

/**
 * The VMAs that may map the folio of which `frame` is the head page, in the order of {@link
 * rmapOf}.
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

/**
 * The VMA with number `index` among {@link areasOf}, if there is one. Called inside an atomic step.
 */
export function areaAt(machine: Machine, frame: Frame, index: number): MappedArea | undefined {
  const found = areasOf(machine, frame)[index]
  return found && { mm: found.mm, start: found.start, end: found.end }
}

/**
 * The parts of the frame's folio that are in use; the frame alone if its folio is small. Called
 * inside an atomic step.
 *
 * @kernel page_folio
 */
export function partsOf({ frames, hugePages }: Machine, frame: Frame): Frame[] {
  const part = frame.compound
  const head = frame.pfn - part + 1
  if (part === 0) return [frame]
  return frames.slice(head, head + hugePages).filter((frame, index) => frame.compound === index + 1)
}

/** On a machine without anon_vmas, the VMAs whose page table has an entry for the page. */
function areaTest(machine: Machine, frame: Frame): (mm: MmStruct, page: number) => boolean {
  const file = frame.mapping
  // A merged page is mapped wherever it was merged.
  if (machine.anonVmas.length === 0 || frame.ksm)
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

/** Tests whether any part of one folio may be mapped at a page. */
function folioTest(machine: Machine, parts: readonly Frame[]): (mm: MmStruct, page: number) => boolean {
  const [first] = parts
  if (parts.length === 1) return areaTest(machine, first)
  const pfns = new Set(parts.map(({ pfn }) => pfn))
  if (machine.anonVmas.length === 0)
    return ({ pte }, page) => {
      const isAwaited = READ_ONCE(pte[page]).kind === PteKind.migration
      return (isAwaited || isMapping(pte[page])) && pfns.has(READ_ONCE(pte[page]).frame)
    }
  // A VMA may map all pages of the folio, whether or not each part is still in use.
  const start = first.index - first.compound + 1
  const end = start + machine.hugePages
  const anonVmas = new Set(parts.map(({ anonVma }) => anonVma))
  return ({ vma }, page) => {
    const offset = READ_ONCE(vma[page]).pgoff
    if (offset < start || offset >= end) return false
    return linksOf(machine, READ_ONCE(vma[page]).anonymous).some((anonVma) => anonVmas.has(anonVma))
  }
}

/** The position of a VMA in the interval tree. */
interface Position {
  /** `vm_pgoff`: the key of the tree. */
  readonly offset: number
  /** Among equal keys the one inserted last comes last. @kernel INTERVAL_TREE_DEFINE */
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

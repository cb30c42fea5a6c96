/**
 * The initial states of mirroring scenarios.
 *
 * @module
 */
import { beginWatching, type Mirror, openWithoutNotifier, pluggedIn } from '../../../src/driver/index.js'
import { hmmDevmemIsThere } from '../../../src/generations/index.js'
import {
  isDevicePrivate,
  Lru,
  type Machine,
  type MmStruct,
  ownExpected,
  PmdKind,
  type Pte,
  PteKind,
  setAnonRmap,
  slotOf,
  VM_HUGEPAGE,
  VM_READ,
  VM_WRITE,
  VmaKind,
  zoneDevicePageInit,
} from '../../../src/kernel/index.js'
import { fillFiles, mapFilePage } from '../../memory/scenarios/files.js'
import { forkedAlready } from '../../memory/scenarios/forked.js'
import { rememberFiles } from '../../recorded/devices.js'
import type { InitialPage, MirrorScenario, MirrorWorld } from './mirror-world.js'

/**
 * Sets up the pages, the mirrors and their initial entries.
 *
 * @param attachMirror - how a mirror is put where its notifier is called
 */
export function initialise(
  { machine, mirrors, chunks, devmems, recorded }: MirrorWorld,
  options: MirrorScenario,
  attachMirror: (mirror: Mirror) => void,
): void {
  const mm = machine.mms[0]
  if (options.hotplug?.plugged) {
    for (const chunk of chunks) pluggedIn(chunk)
    for (const devmem of devmems) hmmDevmemIsThere(devmem)
  }
  let frame = 0
  let slot = 0
  let deviceFrame = machine.frames.findIndex(({ owner }) => owner === 0) - 1
  options.pages.forEach((page, index) => {
    mm.vma[index].kind = page.kind ?? VmaKind.anonymous
    mm.vma[index].flags = page.flags ?? VM_READ | VM_WRITE
    mm.vma[index].pgoff = page.file === undefined ? index : (page.pgoff ?? 0)
    mm.vma[index].file = page.file === undefined ? 0 : page.file + 1
    if (page.swappedOut) swapPageOut(machine, mm, index, ++slot)
    else if (page.touched && page.file === undefined)
      touchPage(machine, mm, index, page.onDevice ? ++deviceFrame : ++frame, !page.readOnly)
    setBits(machine, mm.pte[index], page, page.swapCached ? ++slot : 0)
    machine.frames[mm.pte[index].frame].lru =
      page.inBatchOf === undefined ? Lru.listed : Lru.listed + 1 + page.inBatchOf
    if (page.exclusive) takePage(machine, mm, index)
  })
  if (!options.emptyFiles) fillFiles(machine, frame)
  options.pages.forEach((page, index) => {
    if (page.touched && page.file !== undefined) mapFilePage(machine, mm, index)
  })
  mapHugePages(machine, mm)
  if (options.forked) forkedAlready(machine)
  options.mirrors.forEach(({ detached }, index) => {
    if (detached) return
    if (mirrors[index].driver.ownNotifiers) openWithoutNotifier(mirrors[index])
    else attachMirror(mirrors[index])
  })
  options.pages.forEach((page, index) => {
    for (const m of page.mirroredBy ?? []) {
      mirrors[m].pageTable[index].frame = machine.frames[mm.pte[index].frame]
      mirrors[m].pageTable[index].write = mm.pte[index].write
      mirrors[m].pageTable[index].atomic = page.exclusive !== undefined
      mirrors[m].driver.adopt?.(mirrors[m], index)
    }
  })
  if (recorded) rememberFiles(recorded)
}

/**
 * VMAs have huge pages enabled; a block whose pages are all touched is a huge page with contiguous
 * frames.
 */
function mapHugePages({ frames }: Machine, { vma, pte, pmd }: MmStruct): void {
  for (const pmdRecord of pmd ?? []) {
    for (const area of vma.slice(pmdRecord.start, pmdRecord.end)) area.flags = area.flags | VM_HUGEPAGE
    const entries = pte.slice(pmdRecord.start, pmdRecord.end)
    if (entries.some((entry) => entry.kind !== PteKind.none)) pmdRecord.kind = PmdKind.table
    if (!pmdRecord.isWhole || entries.some((entry) => entry.kind !== PteKind.present)) continue
    pmdRecord.kind = PmdKind.huge
    for (const [part, pteRecord] of entries.entries()) frames[pteRecord.frame].compound = part + 1
  }
}

function touchPage(machine: Machine, mm: MmStruct, page: number, pfn: number, write: boolean): void {
  const frame = machine.frames[pfn]
  if (frame.owner < 0) frame.refcount = 1
  else zoneDevicePageInit(frame)
  frame.charged = true
  frame.mapcount = 1
  frame.contents = 1
  ownExpected(mm, page).value = 1
  if (mm.tracksOffsets) mm.vma[page].anonymous = 1
  if (mm.tracksAreas) setAnonRmap(frame, mm, page)
  mm.pte[page].kind = isDevicePrivate(frame) ? PteKind.devicePrivate : PteKind.present
  mm.pte[page].frame = pfn
  mm.pte[page].write = write
  frame.lifecycle?.signal('MAPPED')
}

/** The state after reclaim. */
function swapPageOut(machine: Machine, mm: MmStruct, page: number, slot: number): void {
  const pte = mm.pte[page]
  slotOf(machine, slot).count = 1
  slotOf(machine, slot).contents = 1
  ownExpected(mm, page).value = 1
  pte.kind = PteKind.swap
  pte.slot = slot
  pte.exclusive = true
}

/** What the entry and its page carry, on a machine with swap. */
function setBits(machine: Machine, pte: Pte, page: InitialPage, slot: number): void {
  if (!pte.tracksBits || !page.touched) return
  pte.softDirty = page.softDirty ?? true
  pte.uffdWp = page.uffdWp !== undefined
  if (page.swappedOut) return
  const frame = machine.frames[pte.frame]
  // An entry is write-protected to track writes, too, and then nobody shares the page.
  frame.anonExclusive = pte.write || page.softDirty === false || page.uffdWp === true
  if (pte.kind === PteKind.present && !slot) pte.dirty = true
  if (!slot) return
  frame.swapCache = slot
  frame.refcount += 1
  slotOf(machine, slot).contents = frame.contents
}

/** As make_device_exclusive_range leaves it; or make_device_exclusive, whose entry keeps the mapping and is not writable. */
function takePage(machine: Machine, mm: MmStruct, page: number): void {
  mm.pte[page].kind = PteKind.deviceExclusive
  if (machine.rules.exclusiveByPage) mm.pte[page].write = false
  else machine.frames[mm.pte[page].frame].mapcount = 0
}

/** As mmu_interval_notifier_insert leaves it where nothing is being invalidated. */
export function attach({ notifier }: Mirror): void {
  beginWatching(notifier)
}

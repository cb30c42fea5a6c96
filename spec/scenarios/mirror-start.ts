/**
 * How the worlds of mirroring begin.
 *
 * @module
 */
import { type Mirror, pluggedIn } from '../../src/driver/index.js'
import { hmmDevmemIsThere } from '../../src/generations/index.js'
import {
  isDevicePrivate,
  Lru,
  type Machine,
  type MmStruct,
  PmdKind,
  type Pte,
  PteKind,
  slotOf,
  VM_HUGEPAGE,
  VM_READ,
  VM_WRITE,
  VmaKind,
  zoneDevicePageInit,
} from '../../src/kernel/index.js'
import type { World } from '../../src/world/index.js'
import { rememberFiles } from '../recorded/devices.js'
import { fillFiles, mapFilePage } from './files.js'
import { forkedAlready } from './forked.js'
import type { InitialPage, MirrorScenario, MirrorWorld } from './mirror-world.js'

/**
 * Sets the pages, the mirrors and what these map already.
 *
 * @param attachMirror - how a mirror is put where its notifier is called
 */
export function initialise(
  w: World,
  { machine, mirrors, chunks, devmems, recorded }: MirrorWorld,
  options: MirrorScenario,
  attachMirror: (w: World, mirror: Mirror) => void,
): void {
  const mm = machine.mms[0]
  if (options.hotplug?.plugged) {
    for (const chunk of chunks) pluggedIn(w, chunk)
    for (const devmem of devmems) hmmDevmemIsThere(w, devmem)
  }
  let frame = 0
  let slot = 0
  let deviceFrame = machine.frames.findIndex(({ owner }) => owner === 0) - 1
  options.pages.forEach((page, index) => {
    mm.vma[index].kind.set(w, page.kind ?? VmaKind.anonymous)
    mm.vma[index].flags.set(w, page.flags ?? VM_READ | VM_WRITE)
    mm.vma[index].pgoff?.set(w, page.file === undefined ? index : (page.pgoff ?? 0))
    mm.vma[index].file?.set(w, page.file === undefined ? 0 : page.file + 1)
    if (page.swappedOut) swapPageOut(w, machine, mm, index, ++slot)
    else if (page.touched && page.file === undefined)
      touchPage(w, machine, mm, index, page.onDevice ? ++deviceFrame : ++frame, !page.readOnly)
    setBits(w, machine, mm.pte[index], page, page.swapCached ? ++slot : 0)
    machine.frames[mm.pte[index].frame.get(w)].lru?.set(
      w,
      page.inBatchOf === undefined ? Lru.listed : Lru.listed + 1 + page.inBatchOf,
    )
    if (page.exclusive) takePage(w, machine, mm, index)
  })
  if (!options.emptyFiles) fillFiles(w, machine, frame)
  options.pages.forEach((page, index) => {
    if (page.touched && page.file !== undefined) mapFilePage(w, machine, mm, index)
  })
  mapHugePages(w, machine, mm)
  if (options.forked) forkedAlready(w, machine)
  options.mirrors.forEach(({ detached }, index) => {
    if (!detached) attachMirror(w, mirrors[index])
  })
  options.pages.forEach((page, index) => {
    for (const m of page.mirroredBy ?? []) {
      mirrors[m].pageTable[index].frame.set(w, mm.pte[index].frame.get(w) + 1)
      mirrors[m].pageTable[index].write.set(w, mm.pte[index].write.get(w))
      mirrors[m].pageTable[index].atomic?.set(w, page.exclusive ? 1 : 0)
    }
  })
  if (recorded) rememberFiles(w, recorded)
}

/** Areas want huge pages, and what is touched as a whole is one, whose frames lie side by side. */
function mapHugePages(w: World, { frames }: Machine, { vma, pte, pmd }: MmStruct): void {
  for (const { kind, isWhole, start, end } of pmd ?? []) {
    for (const { flags } of vma.slice(start, end)) flags.set(w, flags.get(w) | VM_HUGEPAGE)
    const entries = pte.slice(start, end)
    if (!isWhole || entries.some((entry) => entry.kind.get(w) !== PteKind.present)) continue
    kind.set(w, PmdKind.huge)
    for (const [part, { frame }] of entries.entries()) frames[frame.get(w)].compound?.set(w, part + 1)
  }
}

function touchPage(
  w: World,
  machine: Machine,
  mm: MmStruct,
  page: number,
  pfn: number,
  write: boolean,
): void {
  const frame = machine.frames[pfn]
  if (frame.owner < 0) frame.refcount.set(w, 1)
  else zoneDevicePageInit(w, frame)
  frame.charged?.set(w, 1)
  frame.mapcount.set(w, 1)
  frame.contents.set(w, 1)
  mm.expected[page].set(w, 1)
  if (mm.vma[page].pgoff !== undefined) mm.vma[page].anonymous?.set(w, 1)
  mm.pte[page].kind.set(w, isDevicePrivate(frame) ? PteKind.devicePrivate : PteKind.present)
  mm.pte[page].frame.set(w, pfn)
  mm.pte[page].write.set(w, write ? 1 : 0)
  frame.lifecycle?.signal(w, 'MAPPED')
}

/** As reclaim leaves it. */
function swapPageOut(w: World, machine: Machine, mm: MmStruct, page: number, slot: number): void {
  const { kind, bits } = mm.pte[page]
  slotOf(machine, slot).count.set(w, 1)
  slotOf(machine, slot).contents.set(w, 1)
  mm.expected[page].set(w, 1)
  kind.set(w, PteKind.swap)
  bits?.slot.set(w, slot)
  bits?.exclusive.set(w, 1)
}

/** What the entry and its page carry, on a machine with swap. */
function setBits(w: World, machine: Machine, pte: Pte, page: InitialPage, slot: number): void {
  const { bits, frame, kind, write } = pte
  if (bits === undefined || !page.touched) return
  bits.softDirty.set(w, (page.softDirty ?? true) ? 1 : 0)
  bits.uffdWp.set(w, page.uffdWp ? 1 : 0)
  if (page.swappedOut) return
  const { flags, refcount, contents } = machine.frames[frame.get(w)]
  flags?.anonExclusive.set(w, write.get(w))
  if (kind.get(w) === PteKind.present && !slot) bits.dirty.set(w, 1)
  if (!slot) return
  flags?.swapCache.set(w, slot)
  refcount.add(w, 1)
  slotOf(machine, slot).contents.set(w, contents.get(w))
}

/** As make_device_exclusive_range leaves it. */
function takePage(w: World, machine: Machine, mm: MmStruct, page: number): void {
  mm.pte[page].kind.set(w, PteKind.deviceExclusive)
  machine.frames[mm.pte[page].frame.get(w)].mapcount.set(w, 0)
}

/** As mmu_interval_notifier_insert leaves it where nothing is being invalidated. */
export function attach(w: World, { notifier }: Mirror): void {
  notifier.allocated.set(w, 1)
  notifier.seq.set(w, notifier.mm.subscriptions.seq.get(w) - 1)
  notifier.inTree.set(w, 1)
  notifier.lifecycle.signal(w, 'INSERTED')
}

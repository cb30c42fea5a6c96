/**
 * Page faults: the entry is read without a lock and selects the handler. Each handler checks the
 * entry again under the page-table lock before it changes it.
 *
 * @module
 */

import {
  hugePmdAt,
  isFileBacked,
  isShared,
  type MmStruct,
  PteKind,
  type Task,
  VmaKind,
  ZERO_PAGE,
} from '../../../machine/index.js'
import { become, procedure, READ_ONCE, type Running, SpecificationError, step } from '../../../world/index.js'
import { anonVmaPrepare } from '../area/vma.js'
import { remove_device_exclusive_entry } from '../exclusive/restore.js'
import { do_huge_pmd_device_private } from '../huge/device-private.js'
import { do_huge_pmd_anonymous_page, do_huge_pmd_wp_page } from '../huge/fault.js'
import { pteAlloc, wantsHugePage } from '../huge/page.js'
import { folioAddLru } from '../lru.js'
import { addNewAnonRmap, alloc_page, dirtyPte, release_pages, setPte, userfaultfdMissing } from '../page.js'
import { doSwapSlot } from '../swap/swap-in.js'
import { mayWritePage, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_SIGSEGV } from './answers.js'
import { do_wp_page } from './cow.js'
import { do_cow_fault, do_read_fault, do_shared_fault } from './file.js'
import { do_numa_page } from './numa.js'
import { do_swap_page, migration_entry_wait } from './swap.js'

/**
 * The handler that the entry selects. The last two carry the slot or the frame that the entry
 * referred to.
 */
type Found =
  | { readonly kind: 'deviceExclusive'; readonly pfn: number }
  | { readonly kind: 'swap'; readonly slot: number }
  | { readonly kind: 'error'; readonly error: number }
  | {
      readonly kind:
        | 'none'
        | 'hugeNone'
        | 'fileRead'
        | 'fileCopied'
        | 'fileShared'
        | 'protnone'
        | 'devicePrivate'
        | 'hugeDevicePrivate'
        | 'migration'
        | 'writeProtected'
        | 'hugeWriteProtected'
        | 'clean'
        | 'spurious'
    }

/**
 * Makes `page` present, and writable if `write` and the VMA permits it. The caller holds the mmap
 * lock for reading and has checked that the VMA permits the access; the entry may have changed
 * again when it returns.
 *
 * @returns 0, or {@link VM_FAULT_OOM}, {@link VM_FAULT_SIGBUS}, {@link VM_FAULT_SIGSEGV}
 * @kernel handle_mm_fault mm/memory.c
 * @see reference B.2
 */
export const handle_mm_fault = procedure(function* handle_mm_fault(
  current: Task,
  mm: MmStruct,
  page: number,
  write: boolean,
): Running<number> {
  // One step: the VMA cannot change under the mmap lock, and the entry is read once.
  const found = yield* step('look at the entry', () => readEntry(mm, page, write))
  return yield* become(dealWith, current, mm, page, write, found)
})

/**
 * The same within a fault that tried to map a huge page: there is a page table now.
 *
 * @kernel handle_pte_fault mm/memory.c
 * @see reference B.2
 */
export const handle_pte_fault = procedure(function* handle_pte_fault(
  current: Task,
  mm: MmStruct,
  page: number,
  write: boolean,
): Running<number> {
  const found = yield* step('look at the entry', () => readEntry(mm, page, write))
  return yield* become(dealWith, current, mm, page, write, found)
})

/**
 * Calls the handler that the entry selects.
 *
 * @kernel handle_pte_fault mm/memory.c
 * @see reference B.2
 */
const dealWith = procedure(
  'handle_pte_fault (found)',
  function* (current: Task, mm: MmStruct, page: number, write: boolean, found: Found): Running<number> {
    switch (found.kind) {
      case 'none':
        return yield* become(do_anonymous_page, current, mm, page, write)
      case 'hugeNone':
        return yield* become(do_huge_pmd_anonymous_page, current, mm, page, write)
      case 'fileRead':
        return yield* become(do_read_fault, current, mm, page)
      case 'fileCopied':
        return yield* become(do_cow_fault, current, mm, page)
      case 'fileShared':
        return yield* become(do_shared_fault, current, mm, page)
      case 'swap':
        return yield* become(doSwapSlot, current, mm, page, write, found.slot)
      case 'migration':
        return yield* become(migration_entry_wait, current, mm, page)
      case 'deviceExclusive':
        return yield* become(remove_device_exclusive_entry, current, mm, page, found.pfn)
      case 'devicePrivate':
        return yield* become(do_swap_page, current, mm, page)
      case 'protnone':
        return yield* become(do_numa_page, current, mm, page)
      case 'hugeDevicePrivate':
        return yield* become(do_huge_pmd_device_private, current, mm, page)
      case 'hugeWriteProtected':
        return yield* become(do_huge_pmd_wp_page, current, mm, page)
      case 'writeProtected':
        return yield* become(do_wp_page, current, mm, page)
      case 'clean':
        return yield* become(ptep_set_access_flags, mm, page)
      case 'spurious':
        return 0
      case 'error':
        return found.error
    }
  },
)

/**
 * A write fault on an entry that may be made writable: sets its write and dirty bits.
 *
 * @kernel ptep_set_access_flags mm/pgtable-generic.c
 * @see reference B.2
 */
const ptep_set_access_flags = procedure(function* ptep_set_access_flags(mm: MmStruct, page: number) {
  return yield* mm.ptl.critical('set the dirty bit', () => {
    const pte = mm.pte[page]
    if (pte.kind === PteKind.present && pte.write) dirtyPte(pte)
    return 0
  })
})

/** Reads the entry. Called inside an atomic step. */
function readEntry(mm: MmStruct, page: number, write: boolean): Found {
  const { kind: backing } = mm.vma[page]
  if (backing === VmaKind.none) return { kind: 'error', error: VM_FAULT_SIGSEGV }
  if (backing === VmaKind.pfnmap || backing === VmaKind.mixedmap || backing === VmaKind.hugetlb)
    throw new SpecificationError('scenario', `faults in an area of kind ${backing} have no procedure yet`)
  const pte = READ_ONCE(mm.pte[page])
  switch (pte.kind) {
    case PteKind.none:
      if (wantsHugePage(mm, page)) return { kind: 'hugeNone' }
      return { kind: isFileBacked(backing) ? do_fault(backing, write) : 'none' }
    case PteKind.swap:
      return { kind: 'swap', slot: pte.slot }
    case PteKind.deviceExclusive:
      return { kind: 'deviceExclusive', pfn: pte.frame }
    case PteKind.poison:
      return { kind: 'error', error: VM_FAULT_SIGBUS }
    case PteKind.devicePrivate:
      return { kind: hugePmdAt(mm, page) ? 'hugeDevicePrivate' : 'devicePrivate' }
    case PteKind.migration:
    case PteKind.protnone:
      return { kind: pte.kind }
    case PteKind.present:
      if (!write) return { kind: 'spurious' }
      if (!pte.write) return { kind: hugePmdAt(mm, page) ? 'hugeWriteProtected' : 'writeProtected' }
      return { kind: pte.dirty ? 'spurious' : 'clean' }
  }
}

/** @kernel do_fault mm/memory.c */
function do_fault(backing: VmaKind, write: boolean): 'fileRead' | 'fileCopied' | 'fileShared' {
  if (!write) return 'fileRead'
  return isShared(backing) ? 'fileShared' : 'fileCopied'
}

/**
 * First access to a page of anonymous memory: a read maps the zero page, a write maps a new page.
 * There is no invalidation, since access is only widened. If userfaultfd handles missing pages of
 * the VMA, the access gets a signal.
 *
 * @kernel do_anonymous_page mm/memory.c
 * @see reference B.2
 */
export const do_anonymous_page = procedure(function* do_anonymous_page(
  current: Task,
  mm: MmStruct,
  page: number,
  write: boolean,
): Running<number> {
  const pte = mm.pte[page]
  if (!write)
    return yield* mm.ptl.critical('map the zero page', () => {
      if (pte.kind !== PteKind.none) return 0
      // After the OOM reaper a lost page must not be replaced by a zeroed one.
      if (mm.unstable || userfaultfdMissing(mm, page)) return VM_FAULT_SIGBUS
      pteAlloc(mm, page)
      setPte(current.machine, pte, ZERO_PAGE, false)
      return 0
    })
  const pfn = yield* alloc_page(current.machine)
  if (pfn === 0) return VM_FAULT_OOM
  const installed = yield* mm.ptl.critical('map a new page', () => {
    anonVmaPrepare(current.machine, mm, page)
    if (pte.kind !== PteKind.none) return Installed.notNeeded
    if (mm.unstable || userfaultfdMissing(mm, page)) return VM_FAULT_SIGBUS
    pteAlloc(mm, page)
    setPte(current.machine, pte, pfn, mayWritePage(mm, page))
    addNewAnonRmap(current.machine, mm, page)
    folioAddLru(current, current.machine.frames[pfn])
    return Installed.yes
  })
  if (installed === Installed.yes) return 0
  yield* release_pages(current.machine, [pfn])
  return installed === Installed.notNeeded ? 0 : installed
})

/** Whether the new page was mapped. An error is negative. */
const Installed = { yes: 0, notNeeded: 1 } as const

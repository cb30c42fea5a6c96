/**
 * Accesses by a CPU, through its TLB.
 *
 * @module
 */

import {
  expectedAt,
  type Machine,
  type MmStruct,
  PteKind,
  type Task,
  VM_READ,
  VM_WRITE,
  VmaKind,
  ZERO_PAGE,
} from '../../../machine/index.js'
import { become, claim, procedure, READ_ONCE, type Running, step, unobserved } from '../../../world/index.js'
import { VM_FAULT_OOM, VM_FAULT_SIGBUS } from './answers.js'
import { handle_mm_fault } from './fault.js'

/** SIGSEGV, `SEGV_MAPERR`: no VMA contains the address. */
export const SEGV_MAPERR = -1
/** SIGSEGV, `SEGV_ACCERR`: the VMA does not permit the access. */
export const SEGV_ACCERR = -2
/** SIGBUS, `BUS_ADRERR`: the page is lost. */
export const BUS_ADRERR = -3
/** The fault found no free page. The kernel would reclaim or kill; here the access fails. */
export const OUT_OF_MEMORY = -4

/** The access faulted without reading or writing. */
const FAULT = -5

/**
 * One read by the current thread.
 *
 * @returns the value read (at least 0), or {@link SEGV_MAPERR}, {@link SEGV_ACCERR}, {@link
 * BUS_ADRERR}, {@link OUT_OF_MEMORY}
 */
export const cpuRead = procedure(function* cpu_read(current: Task, page: number): Running<number> {
  const seen = yield* step('read', () => {
    const pfn = translate(current, page, false)
    return pfn < 0 ? FAULT : readThrough(current, page, pfn)
  })
  if (seen !== FAULT) return seen
  const signal = yield* do_user_addr_fault(current, page, false)
  return signal ? signal : yield* become(cpuRead, current, page)
})

/**
 * One write by the current thread.
 *
 * @returns 0, or an error as for {@link cpuRead}
 */
export const cpuWrite = procedure(function* cpu_write(
  current: Task,
  page: number,
  value: number,
): Running<number> {
  const done = yield* step('write', () => {
    const pfn = translate(current, page, true)
    return pfn < 0 ? FAULT : writeThrough(current, page, pfn, value)
  })
  if (done !== FAULT) return done
  const signal = yield* do_user_addr_fault(current, page, true)
  return signal ? signal : yield* become(cpuWrite, current, page, value)
})

/**
 * Translates `page` by the TLB of the CPU, or by the page table, which the CPU reads without a lock
 * and caches in its TLB. If the cached translation does not permit the access, the CPU walks the
 * page table again, and drops the translation if the entry does not permit the access either.
 * Before its first write through a translation the CPU sets the dirty bit of the entry, which it
 * must find present. Translation and access are one step: a TLB flush interrupts the CPUs and
 * waits, and an interrupt comes between two instructions.
 *
 * @returns the frame, or -1 for a fault
 */
function translate({ machine, cpu, mm }: Task, page: number, write: boolean): number {
  const cached = cpu.tlb[page]
  const isEnough = !write || (cached.write && cached.dirty)
  if (cached.frame !== undefined && isEnough) return cached.frame.pfn
  const pte = mm.pte[page]
  const permitted = READ_ONCE(pte).kind === PteKind.present && (!write || READ_ONCE(pte).write)
  cached.frame = permitted ? machine.frames[READ_ONCE(pte).frame] : undefined
  cached.write = permitted ? READ_ONCE(pte).write : false
  if (permitted && write) pte.dirty = true
  cached.dirty = permitted ? READ_ONCE(pte).dirty : false
  return permitted ? READ_ONCE(pte).frame : -1
}

/**
 * True if the page table maps `pfn` at `page`, with any permission: a write to the frame is not
 * lost. Between a change of the entry and the flush a TLB may still hold another translation.
 */
function isCurrent(mm: MmStruct, page: number, pfn: number): boolean {
  const pte = mm.pte[page]
  const kind = READ_ONCE(pte).kind
  // The source of a migration holds the data until it is copied.
  const here = kind === PteKind.present || kind === PteKind.protnone || kind === PteKind.migration
  return here && READ_ONCE(pte).frame === pfn
}

function readThrough({ machine, cpu, mm }: Task, page: number, pfn: number): number {
  mustBeAllocated(machine, mm, page, pfn)
  const seen = machine.frames[pfn].contents
  const expected = expectedAt(machine, mm, page).value
  // Until the flush a CPU may read old data: the operation that changed the entry has not
  // completed.
  if (unobserved(() => isCurrent(mm, page, pfn)))
    claim(
      'data',
      seen === expected,
      `${cpu.mm.name}: a CPU reads ${seen} from page ${page}, last written was ${expected}`,
    )
  return seen
}

function writeThrough({ machine, mm }: Task, page: number, pfn: number, value: number): number {
  mustBeAllocated(machine, mm, page, pfn)
  claim('data', pfn !== ZERO_PAGE, `${mm.name}: a CPU writes to the zero page through page ${page}`)
  machine.frames[pfn].contents = value
  // A write to a page that the address space no longer maps is lost, as it should be.
  if (unobserved(() => isCurrent(mm, page, pfn))) expectedAt(machine, mm, page).value = value
  return 0
}

function mustBeAllocated(machine: Machine, mm: MmStruct, page: number, pfn: number): void {
  if (pfn !== ZERO_PAGE)
    claim(
      'use-after-free',
      () => machine.frames[pfn].refcount > 0,
      `${mm.name}: a CPU accesses frame ${pfn} through page ${page}, and the frame is free`,
    )
}

/**
 * A fault of the current thread: under the mmap lock for reading, checks that a VMA permits the
 * access, and calls handle_mm_fault.
 *
 * @returns 0: retry the access; or the signal
 * @kernel do_user_addr_fault arch/x86/mm/fault.c
 * @see reference B.2
 */
export const do_user_addr_fault = procedure(function* do_user_addr_fault(
  current: Task,
  page: number,
  write: boolean,
): Running<number> {
  const { mm } = current
  yield* mm.mmapLock.lockRead()
  const bad = yield* step('check the area', () => accessError(mm, page, write))
  const fault = bad ? 0 : yield* handle_mm_fault(current, mm, page, write)
  yield* mm.mmapLock.unlockRead()
  return bad ? bad : signalOf(fault)
})

/**
 * The signal if the VMA does not permit the access. A writable page is also readable: the page
 * table cannot express write-only.
 */
function accessError(mm: MmStruct, page: number, write: boolean): number {
  if (mm.vma[page].kind === VmaKind.none) return SEGV_MAPERR
  return mm.vma[page].flags & (write ? VM_WRITE : VM_READ | VM_WRITE) ? 0 : SEGV_ACCERR
}

function signalOf(fault: number): number {
  switch (fault) {
    case 0:
      return 0
    case VM_FAULT_OOM:
      return OUT_OF_MEMORY
    case VM_FAULT_SIGBUS:
      return BUS_ADRERR
    default:
      return SEGV_MAPERR
  }
}

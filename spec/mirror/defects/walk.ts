/**
 * Defects of the walk and of memory management.
 *
 * @module
 */
import {
  do_numa_page,
  flush_tlb_range,
  HMM_NEED_FAULT,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRequest,
  handle_mm_fault,
  hmm_vma_fault,
  hmm_vma_walk_pmd,
  mmu_interval_check_retry,
  RangeResult,
  readEntry,
  release_pages,
  tlb_finish_mmu,
  wp_page_copy,
} from '../../../src/kernel/index.js'
import { onStep, override, READ_ONCE, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** Faults in valid pages, and not missing ones. */
function invertedNeedFault(request: HmmRequest, asked: number, present: number): number {
  const wanted = (asked & request.pfnFlagsMask) | request.defaultFlags
  if (!(wanted & HMM_PFN_REQ_FAULT)) return 0
  if (wanted & HMM_PFN_REQ_WRITE && !(present & HMM_PFN_WRITE)) return 0
  return present & HMM_PFN_VALID ? HMM_NEED_FAULT : 0
}

const inverted = onStep(
  hmm_vma_walk_pmd,
  'read an entry',
  (_, range, request, page) => () => readEntry(range, request, page, invertedNeedFault),
)

/** The entry is cleared before its request is read. */
const overwriteFirst = onStep(
  hmm_vma_walk_pmd,
  'read an entry',
  (original, range, _request, page) => (choice) => {
    range.pfns[page].flags = 0
    return original(choice)
  },
)

/** The entries after the faulting page are overwritten, although the walk restarts there. */
const overwriteRest = override(
  hmm_vma_fault,
  (original) =>
    function* (current, range, page, end, need) {
      const error = yield* original(current, range, page, end, need)
      yield* step('overwrite the rest', () => {
        for (let at = page; at < range.end; at++) range.pfns[at].flags = 0
        return 0
      })
      return error
    },
)

/** VM_WRITE is not checked. */
const anyAreaMayBeWritten = onStep(hmm_vma_fault, 'check VM_WRITE', () => () => true)

/** The fault is handled with the page-table lock held. */
const faultUnderLock = override(
  hmm_vma_fault,
  (original) =>
    function* (current, range, page, end, need) {
      const { ptl } = range.notifier.mm
      yield* ptl.lock()
      const error = yield* original(current, range, page, end, need)
      yield* ptl.unlock()
      return error
    },
)

/** A collision is reported if any invalidation is open. */
const collideWithAnything = override(
  mmu_interval_check_retry,
  (original) =>
    function* (range, last) {
      const busy = yield* step('look for invalidations', () => {
        if (READ_ONCE(range.notifier.mm.subscriptions).active === 0) return 0
        range.result = RangeResult.collided
        range.lifecycle.signal('COLLIDED')
        return 1
      })
      return busy ? 1 : yield* original(range, last)
    },
)

/** Pages are freed before the TLBs are flushed. */
const freeBeforeFlush = override(
  tlb_finish_mmu,
  () =>
    function* (current, mm, start, end, gathered) {
      if (gathered.length === 0) return
      yield* release_pages(current.machine, gathered)
      yield* flush_tlb_range(current.machine, mm, start, end)
    },
)

/** Pages are freed twice. */
const freeTwice = override(
  tlb_finish_mmu,
  (original) =>
    function* (current, mm, start, end, gathered) {
      yield* original(current, mm, start, end, gathered)
      yield* release_pages(current.machine, gathered)
    },
)

/** The copy is not made. */
const copyNothing = override(
  wp_page_copy,
  (original) =>
    function* (current, mm, page, old) {
      const error = yield* original(current, mm, page, old)
      yield* step('lose the copy', () => {
        const pte = mm.pte[page]
        const frame = current.machine.frames[READ_ONCE(pte).frame]
        if (READ_ONCE(pte).write && frame.pfn !== old) frame.contents = 0
        return 0
      })
      return error
    },
)

/** The NUMA hinting fault does not restore the entry. */
const hintForEver = override(
  do_numa_page,
  () =>
    function* () {
      return yield* step('give nothing back', () => 0)
    },
)

/** A fault returns success without being handled. */
const handleNothing = override(
  handle_mm_fault,
  () =>
    function* () {
      return yield* step('handle nothing', () => 0)
    },
)

/** Defects of the walk and of memory management. */
export const walkDefects: readonly Defect[] = [
  {
    name: 'M20',
    kind: 'mutation',
    title: 'the need for a fault is inverted',
    text: 'Valid entries are faulted and missing ones are not.',
    source: ['reference G.3 M20'],
    requirement: 'C21',
    scenario: 'zero-page',
    generation: '4.17',
    overrides: [inverted],
    steps: 7,
  },
  {
    name: 'D22b',
    kind: 'history',
    title: 'need_fault faults valid entries',
    text:
      'A patch that was to clarify the logic computed the need from VALID the wrong way round, and if a ' +
      'write fault was needed it reported none. Found here by the first page that is requested and missing. ' +
      '4.17.',
    source: ['reference D22b', 'seed 002'],
    requirement: 'C21',
    scenario: 'hmm-vma-requests',
    generation: '4.17',
    overrides: [inverted],
    steps: 7,
  },
  {
    name: 'M21',
    kind: 'mutation',
    title: 'the request is overwritten before it is read',
    text: 'The entry is input and output; storing the output first loses the request.',
    source: ['reference C24, G.3 M21'],
    requirement: 'C21',
    scenario: 'hmm-vma-requests',
    generation: '4.17',
    overrides: [overwriteFirst],
    steps: 7,
  },
  {
    name: 'D22a',
    kind: 'history',
    title: 'hmm_vma_fault ignores requests page by page',
    text:
      'Entries were set to NONE before need_fault read them: a walk with requests page by page returned ' +
      'success with nothing faulted in. Found here with the first of two pages requested in the array. ' +
      '4.17.',
    source: ['reference D22a', 'seed 002'],
    requirement: 'C21',
    scenario: 'hmm-vma-requests',
    generation: '4.17',
    overrides: [overwriteFirst],
    steps: 7,
  },
  {
    name: 'X23',
    kind: 'mutation',
    title: 'requests after the faulted page are lost',
    text:
      'The walk restarts after a fault, and finds outputs where it left requests. One of several bugs fixed ' +
      'in 5.7.',
    source: ['reference C24, D27'],
    requirement: 'C24',
    scenario: 'requests-by-page',
    overrides: [overwriteRest],
    steps: 16,
  },
  {
    name: 'D27',
    kind: 'history',
    title: 'a snapshot of an unusable VMA fails',
    text:
      'Holes and VMAs that cannot be mirrored returned -EFAULT although nothing was requested. Nothing need ' +
      'be injected: that is the text of 5.6. Fixed in 5.7.',
    source: ['reference D27', 'mm/hmm.c, commit 2288a9a68175'],
    requirement: 'C23',
    scenario: 'snapshot',
    generation: '5.6',
    overrides: [],
    steps: 8,
  },
  {
    name: 'D19',
    kind: 'history',
    title: 'a write to a read-only VMA is faulted for ever',
    text:
      'The walk did not check whether the VMA is writable. The fault succeeded, the entry stayed read-only, ' +
      'and the walk restarted. Fixed in 5.4 by -EPERM.',
    source: ['reference D19', 'mm/hmm.c, commit c18ce674d548'],
    requirement: 'C49',
    scenario: 'refused-requests',
    overrides: [anyAreaMayBeWritten],
    steps: 19,
  },
  {
    name: 'M22',
    kind: 'mutation',
    title: 'the check of VM_WRITE is missing, and a VMA becomes read-only',
    text:
      'The same defect as D19, where mprotect has made the VMA read-only between the device fault and the ' +
      'walk.',
    source: ['reference G.3 M22'],
    requirement: 'C49',
    scenario: 'mprotect',
    generation: '5.4',
    overrides: [anyAreaMayBeWritten],
    steps: 31,
  },
  {
    name: 'D26',
    kind: 'history',
    title: 'the walk faults while it holds a page-table lock',
    text:
      'One path of the walk held a page-table lock and called the handler of holes, which faults: that ' +
      'sleeps, and wants the same lock. Fixed in 5.7.',
    source: ['reference D26', 'mm/hmm.c, commit 05fc1df95e1d'],
    requirement: 'deadlock',
    scenario: 'zero-page',
    generation: '5.6',
    overrides: [faultUnderLock],
    steps: 10,
  },
  {
    name: 'X24',
    kind: 'mutation',
    title: 'a collision is reported although there was none',
    text: 'Any invalidation of the address space counts, even one that does not overlap the range.',
    source: ['reference C13'],
    requirement: 'C13',
    scenario: 'partial-mirror',
    overrides: [collideWithAnything],
    steps: 10,
  },
  {
    name: 'X25',
    kind: 'mutation',
    title: 'pages are freed before the TLBs are flushed',
    text: 'A CPU still accesses a page that may have a new user by now.',
    source: ['reference C47, B.2'],
    requirement: 'C47',
    scenario: 'munmap',
    overrides: [freeBeforeFlush],
    steps: 13,
  },
  {
    name: 'X26',
    kind: 'mutation',
    title: 'pages are freed twice',
    text: 'The second time they may belong to a new user.',
    source: ['reference C31'],
    requirement: 'use-after-free',
    scenario: 'munmap',
    overrides: [freeTwice],
    steps: 14,
  },
  {
    name: 'X27',
    kind: 'mutation',
    title: 'copy-on-write does not copy',
    text: 'The new page is mapped empty, and the data of the old one is lost to this process.',
    source: ['reference B.2'],
    requirement: 'data',
    scenario: 'fork',
    overrides: [copyNothing],
    steps: 39,
  },
  {
    name: 'X28',
    kind: 'mutation',
    title: 'a NUMA hint is never cleared',
    text: 'An access to the entry faults for ever: that of the device through the walk, and that of the CPU.',
    source: ['reference B.3.1'],
    requirement: 'C49',
    scenario: 'numa-hinting',
    overrides: [hintForEver],
    steps: 36,
  },
  {
    name: 'X29',
    kind: 'mutation',
    title: 'a CPU fault is not handled',
    text: 'The instruction is retried and faults again, for ever.',
    source: ['reference B.2'],
    requirement: 'progress',
    scenario: 'classic-only',
    overrides: [handleNothing],
    steps: 17,
  },
  {
    name: 'H5',
    kind: 'hazard',
    title: 'a walk fails because of a page that was not requested',
    text:
      'hmm_vma_fault faults to the end of the VMA from the first page that needs a fault. An error of ' +
      'a page that was not requested (here: no memory is left for it) makes the whole walk -EFAULT, ' +
      'although every requested page is present. The recordings show the over-fault itself. Faulting ' +
      'only requested pages would fix it, and then the claim holds.',
    source: ['reference B.11 H5, B.3'],
    requirement: 'asked-only',
    scenario: 'over-fault',
    set: { strict: 1 },
    overrides: [],
    steps: 13,
  },
]

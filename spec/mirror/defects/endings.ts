/**
 * Defects that leave state behind at the end of a thread, an invalidation, a walk or a VMA.
 *
 * @module
 */
import { allocateAndCopy, endOfRange, migrateToDevice, rangeOf } from '../../../src/driver/index.js'
import {
  detachVmas,
  hmm_range_fault,
  hmm_vma_fault,
  memfd_create,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  mmu_notifier_invalidate_range_end,
  SELECT_SYSTEM,
  VM_WRITE,
} from '../../../src/kernel/index.js'
import { onStep, override } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** If migrate_vma_setup fails, the driver returns without unlocking. */
const returnsWithLock = override(
  migrateToDevice,
  () =>
    function* (current, mirror, start, end) {
      const { mm, owner } = mirror
      const args = { mm, start, end, owner, select: SELECT_SYSTEM }
      yield* mm.mmapLock.lockRead()
      const error = yield* migrate_vma_setup(current, args)
      if (error) return error
      yield* allocateAndCopy(current, args, current.machine.deviceMemory[owner].frames)
      yield* migrate_vma_pages(current, args)
      yield* migrate_vma_finalize(current, args)
      yield* mm.mmapLock.unlockRead()
      return 0
    },
)

/** invalidate_range_end is called without the last page. */
const endsAnotherRange = override(
  mmu_notifier_invalidate_range_end,
  (original) =>
    function* (current, mm, range) {
      yield* original(current, mm, { ...range, end: range.end - 1 })
    },
)

/** -EPERM is returned, and the state of the range is not changed. */
const refusalIsNotNoted = onStep(
  hmm_vma_fault,
  'check VM_WRITE',
  (_, _current, range, page) => () => (range.notifier.mm.vma[page].flags & VM_WRITE) !== 0,
)

/** The array is set up again without clearing the orders. */
const ordersStay = onStep(hmm_range_fault, 'begin', (original, _current, range) => (choice) => {
  const orders = range.pfns.map(({ order }) => order)
  const begun = original(choice)
  orders.forEach((order, page) => {
    range.pfns[page].order = order
  })
  return begun
})

/** The range becomes idle without clearing its array. */
const arrayStays = onStep(endOfRange, 'free the range', (original, current, mirror) => (choice) => {
  const { pfns } = rangeOf(mirror, current)
  const frames = pfns.map(({ frame }) => frame)
  const freed = original(choice)
  frames.forEach((frame, page) => {
    pfns[page].frame = frame
  })
  return freed
})

/** The VMA is removed, and the page still refers to its file. */
const holeKeepsFile = onStep(
  detachVmas,
  'take the areas out',
  (original, _machine, mm, start, end) => (choice) => {
    const files = mm.vma.map(({ file }) => file)
    const detached = original(choice)
    for (let page = start; page < end; page++) mm.vma[page].file = files[page]
    return detached
  },
)

/** The file is written and not open. */
const fileIsNotOpen = onStep(memfd_create, 'write the file', (original, _current, file) => (choice) => {
  const error = original(choice)
  file.open = false
  return error
})

/** Defects that leave state behind. */
export const endingDefects: readonly Defect[] = [
  {
    name: 'X360',
    kind: 'mutation',
    title: 'a driver returns with the mmap lock held',
    text:
      'migrate_vma_setup() refuses the range, and the driver returns its error without releasing the mmap lock. ' +
      'The next writer waits for ever.',
    source: ['our own', 'reference B.5 step 1'],
    requirement: 'lock-discipline',
    scenario: 'migrate-across-areas',
    overrides: [returnsWithLock],
    steps: 2,
  },
  {
    name: 'X361',
    kind: 'mutation',
    title: 'the end of an invalidation names another range than its start',
    text:
      'mmu_notifier_invalidate_range_end() is called with `end - 1`. A classic notifier that counts by pages ' +
      'is left with one that never ends.',
    source: [
      'our own',
      'reference C32, B.1 E1',
      'include/linux/mmu_notifier.h: mmu_notifier_invalidate_range_end',
    ],
    requirement: 'C32',
    scenario: 'munmap',
    overrides: [endsAnotherRange],
    steps: 10,
  },
  {
    name: 'X362',
    kind: 'mutation',
    title: 'a walk fails, and its range stays in progress',
    text:
      'hmm_vma_fault() returns -EPERM, and the range still counts as being walked: a reader takes its ' +
      'entries for requests.',
    source: ['our own', 'reference B.3 V0', 'mm/hmm.c: hmm_vma_fault'],
    requirement: 'refinement',
    scenario: 'mprotect',
    overrides: [refusalIsNotNoted],
    steps: 20,
  },
  {
    name: 'X363',
    kind: 'mutation',
    title: 'a walk starts with the orders of the previous one',
    text:
      'The array is set up for another walk, and each entry keeps its order. A page that is not reached then has ' +
      'the order of a mapping that is gone.',
    source: ['our own', 'reference C24, A.4', 'include/linux/hmm.h: hmm_pfn_to_map_order'],
    requirement: 'C24',
    scenario: 'huge-page',
    overrides: [ordersStay],
    steps: 30,
  },
  {
    name: 'X364',
    kind: 'mutation',
    title: 'a range becomes idle with its array filled',
    text:
      'A fault is complete and the array keeps its pages. The next fault that returns before its walk would find ' +
      'them there.',
    source: ['our own', 'reference B.4 D8'],
    requirement: 'refinement',
    scenario: 'munmap',
    overrides: [arrayStays],
    steps: 14,
  },
  {
    name: 'X365',
    kind: 'mutation',
    title: 'an unmapped page keeps its file',
    text: 'munmap removes the VMA and not its reference to the file, which is never freed.',
    source: ['our own', 'reference C6, B.2', 'mm/vma.c: remove_vma'],
    requirement: 'C6',
    scenario: 'memory-file',
    overrides: [holeKeepsFile],
    steps: 21,
  },
  {
    name: 'X366',
    kind: 'mutation',
    title: 'a memory file is created and not open',
    text:
      'memfd_create() writes the file and leaves it closed: a thread that drops the last mapping of ' +
      'any file evicts it before its creator has mapped it.',
    source: ['our own', 'reference B.2', 'mm/memfd.c'],
    requirement: 'system-calls',
    scenario: 'memory-file',
    overrides: [fileIsNotOpen],
    steps: 1,
  },
]

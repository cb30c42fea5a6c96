/**
 * Defects of the documents that this specification starts from: a driver, or a walk, that follows
 * their text literally.
 *
 * @see docs/findings/seeds.md
 * @module
 */
import { populateAgain, populateOnce, populatePinned, rangeOf } from '../../../src/driver/index.js'
import {
  Errno,
  HMM_PFN_VALID,
  hmm_range_fault,
  hmm_vma_walk_pmd,
  mmget_not_zero,
  mmu_interval_read_begin,
  PteKind,
} from '../../../src/kernel/index.js'
import { become, onStep, override, READ_ONCE } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The user of the address space is never dropped. */
const neverPut = override(
  populatePinned,
  () =>
    function* (current, mirror, start, end, wanted) {
      if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
      return yield* populateOnce(current, mirror, start, end, wanted)
    },
)

/**
 * The number of reported pages is taken for an error, and returned to a caller that takes it for
 * success.
 */
const countIsAnError = override(
  populateOnce,
  () =>
    function* (current, mirror, start, end, wanted) {
      const range = rangeOf(mirror, current)
      yield* mmu_interval_read_begin(mirror.notifier, range.notifierSeq)
      yield* mirror.mm.mmapLock.lockRead()
      const request = { start, end, owner: mirror.owner, ...wanted }
      const error = yield* hmm_range_fault(current, range, request)
      yield* mirror.mm.mmapLock.unlockRead()
      return error === -Errno.EBUSY
        ? yield* become(populateAgain, current, mirror, start, end, wanted)
        : error
    },
)

/** A page counts as valid even if its entry is PROT_NONE. */
const hintIsValid = onStep(
  hmm_vma_walk_pmd,
  'read an entry',
  (original, range, _request, page) => (choice) => {
    const hinted = READ_ONCE(range.notifier.mm.pte[page]).kind === PteKind.protnone
    const walked = original(choice)
    if (hinted && range.pfns[page].frame !== 0) range.pfns[page].flags = HMM_PFN_VALID
    return walked
  },
)

/** Defects of the documents. */
export const seedDefects: readonly Defect[] = [
  {
    name: 'X213',
    kind: 'mutation',
    title: 'the address space is pinned and never unpinned',
    text:
      'The pattern of 5.5 begins with mmget_not_zero and has no mmput on any return path: the process ' +
      'exits, and its address space stays.',
    source: ['seed 003', 'Documentation/vm/hmm.rst, Linux 5.5'],
    requirement: 'deadlock',
    scenario: 'exit',
    overrides: [neverPut],
    steps: 19,
  },
  {
    name: 'X214',
    kind: 'mutation',
    title: 'the number of pages is mistaken for an error',
    text:
      'The pattern of 5.5 gives up if hmm_range_fault returns anything but 0, and until 5.7 that returns a ' +
      'number of pages. Every walk that succeeds is discarded, and the caller gets a number that is no ' +
      'error.',
    source: ['seed 003', 'reference A.0, A.3'],
    requirement: 'refinement',
    scenario: 'munmap',
    overrides: [countIsAnError],
    steps: 10,
  },
  {
    name: 'X215',
    kind: 'mutation',
    title: 'a PROT_NONE page is reported as valid',
    text:
      'In the patch of 4.17 the helper that makes an entry sets VALID itself, so that a PROT_NONE entry ' +
      'with flags 0 (a hint for NUMA balancing) is reported as valid all the same, and the device uses a ' +
      'page that the CPU may not use. Linux 5.8 reports the frame without flags.',
    source: ['seed 002', 'mm/hmm.c: hmm_vma_handle_pmd'],
    requirement: 'C1',
    scenario: 'numa-hinting',
    overrides: [hintIsValid],
    steps: 18,
  },
]

/**
 * Defects of hmm_range_fault_unlocked_timeout.
 *
 * @module
 */
import { hmm_range_fault_unlocked_timeout, mmu_interval_read_begin } from '../../../src/kernel/index.js'
import { override, type Running } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The sequence number is sampled after the walk. */
const numberOfTheEnd = override(
  hmm_range_fault_unlocked_timeout,
  (original) =>
    function* (current, range, request): Running<number> {
      const error = yield* original(current, range, request)
      if (!error) yield* mmu_interval_read_begin(range.notifier, range.notifierSeq)
      return error
    },
)

/** Defects of hmm_range_fault_unlocked_timeout. */
export const unlockedDefects: readonly Defect[] = [
  {
    name: 'X277',
    kind: 'mutation',
    title: 'the sequence is sampled after the walk',
    text:
      'hmm_range_fault_unlocked_timeout returns the sequence at its end. An invalidation between the read ' +
      'of an entry and that sample is missed, and the driver maps a page that was zapped.',
    source: ['our own', 'reference A.5, C8'],
    requirement: 'C8',
    scenario: 'unlocked-walk',
    overrides: [numberOfTheEnd],
    steps: 27,
  },
]

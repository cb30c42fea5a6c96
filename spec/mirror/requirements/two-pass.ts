/**
 * Callbacks in two passes.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** The requirements of notifiers that start the device in a first pass and wait for it in a second. */
export const twoPass: readonly Requirement[] = [
  {
    id: 'two-pass',
    title: 'what the first pass starts, the second finishes',
    text:
      'In the first pass a callback removes the mappings and sets the sequence; in the second it waits ' +
      'for its device. The second pass comes after the first pass of every notifier. It comes in any ' +
      'case, even if a later notifier refused the range and the invalidation is abandoned. A token ' +
      'stands for one invalidation: a callback that finds it in use does everything in the first pass.',
    source: ['reference B.1.1', 'include/linux/mmu_notifier.h: struct mmu_interval_notifier_finish'],
    checks: [
      'what is started is finished before the change, or before it is given up',
      'two start while there is one token',
      'step:invalidate_finish: give the token back',
    ],
  },
]

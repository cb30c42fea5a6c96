/**
 * Callbacks in two passes.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** What must hold of notifiers that tell first, and wait afterwards. */
export const twoPass: readonly Requirement[] = [
  {
    id: 'two-pass',
    title: 'what is started is finished',
    text:
      'A callback in two passes takes the pages away, and records the sequence, in the first; what it then has to wait for it waits for in ' +
      'the second, which comes when everybody has been told. It comes in any case, also if somebody told later could not wait and the ' +
      'invalidation is given up. A token stands for one invalidation: who finds it in use does everything in the first pass.',
    source: ['reference B.1.1', 'include/linux/mmu_notifier.h: struct mmu_interval_notifier_finish'],
    checks: [
      'what is started is finished before the change, or before it is given up',
      'two start while there is one token',
      'step:invalidate_finish: give the token back',
    ],
  },
]

/**
 * Notifiers: who may refuse, who is told of the end, how intervals come and go.
 *
 * @module
 */
import { type Requirement, WITH_SEQUENCE } from '../requirement.js'

/** The rules of interval and classic notifiers. */
export const notifiers: readonly Requirement[] = [
  {
    id: 'C11',
    title: 'only a range that is not blockable may be refused',
    text:
      'A callback may say that it could not do its work only for a range that may not block. For any other range its ' +
      'caller goes on as if the work were done.',
    source: ['reference C11, B.1 S5, O2', 'mm/mmu_notifier.c: mn_itree_invalidate'],
    checks: ['assert:mmu_interval_notifier_ops.invalidate', 'assert:mmu_notifier_ops.invalidate_range_start'],
  },
  {
    id: 'C12',
    title: 'the end of a start that failed is not said',
    text:
      'A start that fails leaves nothing open. Its caller must not say the end: that would uncount an invalidation of ' +
      'somebody else.',
    source: [
      'reference C12',
      'mm/mmu_notifier.c: __mmu_notifier_invalidate_range_start',
      'mm/oom_kill.c: __oom_reap_task_mm',
    ],
    checks: ['assert:closeRange'],
  },
  {
    id: 'C15',
    title: 'parity of the sequence numbers',
    text:
      'The number of an interval is odd as long as it exists, and never ahead of the number of its address space. That ' +
      'one is odd only while an invalidation runs, and it is odd while an interval in the tree is invalidated. The ' +
      'deferred list is empty while nothing runs.',
    source: ['reference C15, B.1 I1, I2, I4 to I6', 'mm/mmu_notifier.c'],
    checks: ['parity of the sequence numbers'],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C16',
    title: 'the tree changes only while the sequence is even',
    text:
      'While the number is odd the tree of intervals is walked without a lock. Who comes or goes then is put on the ' +
      'deferred list, and is let in or out when the number has become even. An insertion may return before its interval ' +
      'is in the tree: read_begin keeps readers waiting until it is.',
    source: ['reference C16, B.1 I3, N2, M1, E4', 'mm/mmu_notifier.c: __mmu_interval_notifier_insert'],
    checks: [
      'the tree is frozen while the sequence is odd',
      'an insertion is deferred',
      'a notifier is inserted while an invalidation runs that touches none',
    ],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C17',
    title: 'what is removed is never called again',
    text:
      'When mmu_interval_notifier_remove returns, no callback of the interval runs or will run, no list holds it, and its ' +
      "memory is the driver's. It returns once the invalidations that it waits for have ended. " +
      'The same is true of hmm_mirror_unregister, before Linux 5.5.',
    source: ['reference C17, B.1 M1 to M3, D2', 'mm/mmu_notifier.c: mmu_interval_notifier_remove'],
    checks: [
      'nothing refers to a freed interval notifier',
      'remove returns',
      'a removal is deferred',
      'the driver waits for who handles a fault',
      'no callback runs for a mirror that is not registered',
      'assert:mmu_interval_notifier_remove',
    ],
  },
  {
    id: 'C32',
    title: 'every start has its end, once, for all who saw it',
    text:
      'Invalidations are counted exactly: as many as there are threads that have begun one and not ended it. A start that ' +
      'fails part of the way closes what it has opened, on the interval side and with every classic notifier that ' +
      'accepted. A classic notifier that may fail has no end callback. No invalidation stays open.',
    source: [
      'reference C32, B.1 E1, O3, D8, D21, B.11 H3',
      'mm/mmu_notifier.c: mn_itree_inv_end, mn_hlist_invalidate_range_start',
    ],
    checks: [
      'every start has its end',
      'every classic notifier sees the end of each start',
      'no invalidation stays open',
      'assert:openRange',
      'assert:mmu_notifier_ops.invalidate_range_start',
    ],
  },
]

/**
 * Notifiers: refusing a range, pairing start and end, inserting and removing intervals.
 *
 * @module
 */
import { type Requirement, WITH_BLOCKABLE, WITH_SEQUENCE } from '../../requirement.js'

/** The rules of interval and classic notifiers. */
export const notifiers: readonly Requirement[] = [
  {
    id: 'C11',
    title: 'only a range that is not blockable may be refused',
    text:
      'A callback may refuse a range only if the range is not blockable. For any other range the ' +
      'caller continues as if the callback had succeeded. A caller whose range was refused gives up ' +
      'the range: it closes what it has opened, and changes no entry of the range.',
    source: ['reference C11, B.1 S5, O2', 'mm/mmu_notifier.c: mn_itree_invalidate'],
    checks: [
      'a range that was refused is given up',
      'assert:mmu_interval_notifier_ops.invalidate',
      'assert:mmu_notifier_ops.invalidate_range_start',
    ],
  },
  {
    id: 'C12',
    title: 'a start that failed has no end',
    text:
      'A start that fails leaves nothing open. Its caller must not call ' +
      'mmu_notifier_invalidate_range_end: that would uncount the invalidation of another thread.',
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
      'The sequence of an interval is odd for as long as the interval exists, and never ahead of the ' +
      'sequence of its address space. The latter is odd only while an invalidation runs, and always ' +
      'while an interval in the tree is being invalidated. The deferred list is empty while no ' +
      'invalidation runs.',
    source: ['reference C15, B.1 I1, I2, I4 to I6', 'mm/mmu_notifier.c'],
    checks: ['parity of the sequence numbers'],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C16',
    title: 'the tree changes only while the sequence is even',
    text:
      'While the sequence is odd the interval tree is read without a lock. Insertions and removals ' +
      'are then put on the deferred list, and take effect when the sequence has become even. An ' +
      'insertion may return before its interval is in the tree: mmu_interval_read_begin makes readers ' +
      'wait until it is.',
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
    title: 'a removed notifier is never called again',
    text:
      'When mmu_interval_notifier_remove returns, no callback of the interval runs or will run, no ' +
      'list refers to it, and the driver may free it. It returns once the invalidations that it waits ' +
      'for have ended. The same holds for hmm_mirror_unregister before Linux 5.5.',
    source: ['reference C17, B.1 M1 to M3, D2', 'mm/mmu_notifier.c: mmu_interval_notifier_remove'],
    checks: [
      'nothing refers to a freed interval notifier',
      'remove returns',
      'a removal is deferred',
      'the driver waits for who handles a fault',
      'no callback runs for a mirror that is not registered',
      'assert:mmu_interval_notifier_remove',
      'assert:watchPages',
      'assert:declareAnother',
    ],
  },
  {
    id: 'non-blocking',
    title: 'a callback does not sleep for a range that is not blockable',
    text:
      'While a range that is not blockable is open its thread does nothing that may sleep, least of ' +
      'all in a callback: it takes no mutex or semaphore except by a trylock, waits on no wait queue ' +
      'and for no work item, and allocates nothing. If the callback would have to sleep, it refuses ' +
      'the range (C11). Spinning until the device has flushed its TLB is not sleeping.',
    source: [
      'the reverse of reference C11; B.4 X2, B.11 H14',
      'include/linux/mmu_notifier.h: invalidate_range_start, invalidate',
      'mm/mmu_notifier.c: non_block_start, non_block_end',
    ],
    checks: ['assert:mightSleep'],
    generations: WITH_BLOCKABLE,
  },
  {
    id: 'callback-users',
    title: 'a callback does not drop the last user of the address space',
    text:
      'A driver that holds a user of the address space (mmget) does not give it up (mmput) from its ' +
      'own callback: if it is the last, exit_mmap runs there. exit_mmap calls every notifier, ' +
      'including this one, from within a callback, and takes the mmap lock, which the caller of the ' +
      'callback may hold. The driver drops the user from a worker (mmput_async), or before.',
    source: [
      'our own',
      'commit a29e067bd389 (drm/amdkfd)',
      'include/linux/sched/mm.h: mmput_async',
      'mm/mmap.c: exit_mmap',
    ],
    checks: ['a callback does not drop the last user of the address space'],
  },
  {
    id: 'C32',
    title: 'every start is paired with one end, for each notifier that saw it',
    text:
      'Invalidations are counted exactly: the count is the number of threads that have started one and ' +
      'not ended it. A start that fails part of the way closes what it has opened, on the interval ' +
      'side and for every classic notifier that accepted. An end names the range, the event and the ' +
      'owner of its start. Invalidations are counted only in an address space with interval notifiers. ' +
      'A classic notifier whose start may fail has no end callback. No invalidation stays open. Until ' +
      'Linux 5.0 struct hmm is such a notifier: it passes each invalidation on to its mirrors, until ' +
      '4.19 at the end, and each removes the range from its device page table.',
    source: [
      'reference C32, B.1 E1, O3, D8, D21, B.11 H3',
      'mm/mmu_notifier.c: mn_itree_inv_end, mn_hlist_invalidate_range_start',
    ],
    checks: [
      'every start has its end',
      'every classic notifier sees the end of each start',
      'no invalidation stays open',
      'struct hmm passes an invalidation on to its mirrors',
      'a mirror of struct hmm removes the range from its page table',
      'assert:openRange',
      'assert:closeRange',
      'assert:mmu_notifier_ops.invalidate_range_start',
      'assert:mn_itree_inv_end',
      'assert:mn_itree_inv_start_range',
      'assert:counting notifier: end',
    ],
  },
]

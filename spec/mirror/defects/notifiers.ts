/**
 * Defects of the notifiers.
 *
 * One table, in the order of the reference; that is why it is long.
 *
 * @module
 */
import {
  __mmu_notifier_release,
  type ClassicNotifier,
  change_protection,
  closeRange,
  detachVmas,
  type IntervalNotifier,
  invalidateInterval,
  makeEven,
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_seq_released,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mn_hlist_invalidate_range_start,
  mn_itree_inv_end,
  mn_itree_inv_start_range,
  mn_itree_invalidate,
  NotifyEvent,
  openRange,
  reapArea,
  sampleSequence,
  sequenceHasMoved,
  startClassic,
  tlb_finish_mmu,
  zap_page_range,
  zap_pte_range,
} from '../../../src/kernel/index.js'
import { onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'
import { closeMirror, emptyMirror, freeMirror } from '../scenarios/notifiers.js'

/** mmu_interval_read_begin never waits. */
const readBeginWithoutWait = override(
  mmu_interval_read_begin,
  () =>
    function* (sub, place) {
      const subs = sub.mm.subscriptions
      yield* subs.lock.critical('sample the sequence', () => sampleSequence(sub, place))
    },
)

/** The first end makes the sequence number even, although other invalidations are still open. */
const firstEndWakes = override(
  mn_itree_inv_end,
  () =>
    function* (current, mm, range) {
      const subs = mm.subscriptions
      yield* subs.lock.critical('uncount the invalidation', () => {
        closeRange(current, mm, range)
        subs.active -= 1
        if (subs.seq & 1) makeEven(subs)
        return 0
      })
      yield* step('wake', () => {
        subs.wq.wakeAll()
        return 0
      })
    },
)

/** The condition is read without the lock that covers the deferred list. */
const waitWithoutLock = override(
  mmu_interval_seq_released,
  () =>
    function* (sub) {
      yield* sub.mm.subscriptions.wq.wait(sequenceHasMoved, sub, sub.removalSeq)
    },
)

/** An interval is inserted into the frozen tree. */
const insertAtOnce = onStep(mmu_interval_notifier_insert, 'insert', (_original, sub) => {
  const subs = sub.mm.subscriptions
  return () => {
    sub.allocated = true
    sub.seq = subs.seq & 1 ? subs.seq : subs.seq - 1
    sub.inTree = true
    sub.lifecycle.signal('INSERTED')
    return 0
  }
})

/** -EAGAIN is returned, and the invalidation stays open. */
const failWithoutEnd = override(
  mn_itree_invalidate,
  () =>
    function* (current, mm, range) {
      const { curSeq, touched } = yield* mn_itree_inv_start_range(current, mm, range)
      for (const [i, sub] of mm.subscriptions.intervals.entries()) {
        if (((touched >> i) & 1) === 0) continue
        const done = yield* invalidateInterval(current, sub, range, curSeq)
        if (!done && !range.blockable) return -EAGAIN
      }
      return 0
    },
)

/** The count is decremented, and waiters are not woken. */
const failWithoutWaking = override(
  mn_itree_invalidate,
  () =>
    function* (current, mm, range) {
      const subs = mm.subscriptions
      const { curSeq, touched } = yield* mn_itree_inv_start_range(current, mm, range)
      for (const [i, sub] of subs.intervals.entries()) {
        if (((touched >> i) & 1) === 0) continue
        const done = yield* invalidateInterval(current, sub, range, curSeq)
        if (done || range.blockable) continue
        yield* subs.lock.critical('undo the count', () => {
          closeRange(current, mm, range)
          if (--subs.active === 0 && subs.seq & 1) makeEven(subs)
          return 0
        })
        return -EAGAIN
      }
      return 0
    },
)

const EAGAIN = 11

/** The error of a callback is ignored. */
const errorIsLost = override(
  mn_itree_invalidate,
  () =>
    function* (current, mm, range) {
      const { curSeq, touched } = yield* mn_itree_inv_start_range(current, mm, range)
      for (const [i, sub] of mm.subscriptions.intervals.entries())
        if ((touched >> i) & 1) yield* invalidateInterval(current, sub, range, curSeq)
      return 0
    },
)

/** Notifiers that accepted the start get no end. */
const classicsNotUndone = override(
  mn_hlist_invalidate_range_start,
  () =>
    function* (current, mm, range) {
      let failed = 0
      for (const classic of mm.subscriptions.classics) {
        const error = yield* startClassic(current, classic, range)
        if (error) failed = error
      }
      return failed
    },
)

/** The error of classic notifiers is not returned. */
const refusalIsLost = override(
  mn_hlist_invalidate_range_start,
  (original) =>
    function* (current, mm, range) {
      yield* original(current, mm, range)
      return 0
    },
)

/** As in all kernels to date: the interval side is not closed when a classic notifier fails. */
const intervalSideStaysOpen = override(
  mmu_notifier_invalidate_range_start,
  () =>
    function* (current, mm, range) {
      const { classics, intervals } = mm.subscriptions
      if (intervals.length > 0) {
        const refused = yield* mn_itree_invalidate(current, mm, range)
        if (refused) return refused
      }
      if (classics.length === 0) return 0
      if (intervals.length === 0) yield* step('enter the range', () => openRange(current, mm, range))
      return yield* mn_hlist_invalidate_range_start(current, mm, range)
    },
)

/** The sequence number becomes odd for every invalidation, even if it overlaps no interval. */
const alwaysOdd = override(
  mn_itree_inv_start_range,
  (original) =>
    function* (current, mm, range) {
      yield* mm.subscriptions.lock.critical('make it odd', () => {
        mm.subscriptions.seq = mm.subscriptions.seq | 1
        return 0
      })
      return yield* original(current, mm, range)
    },
)

/** A new interval gets the even sequence number of the address space. */
const insertEven = onStep(mmu_interval_notifier_insert, 'insert', (_original, sub) => {
  const subs = sub.mm.subscriptions
  return () => {
    sub.allocated = true
    sub.seq = subs.seq
    sub.inTree = true
    sub.lifecycle.signal('INSERTED')
    return 0
  }
})

/** The removal is deferred, and the driver does not wait for it. */
const removeWithoutWait = override(mmu_interval_seq_released, () => function* () {})

/** The driver frees its object first. */
const freeBeforeRemoval = override(
  closeMirror,
  () =>
    function* (current, mirror) {
      yield* emptyMirror(current, mirror)
      yield* freeMirror(mirror)
      yield* mmu_interval_notifier_remove(mirror.notifier)
    },
)

/** The driver removes the notifier before it clears the device page table. */
const removeBeforeEmptying = override(
  closeMirror,
  () =>
    function* (current, mirror) {
      yield* mmu_interval_notifier_remove(mirror.notifier)
      yield* emptyMirror(current, mirror)
      yield* freeMirror(mirror)
    },
)

/** The page table is changed before the invalidation. */
const zapBeforeNotifying = override(
  zap_page_range,
  (original) =>
    function* (current, mm, event, start, end) {
      const gathered = yield* zap_pte_range(current, mm, start, end)
      yield* original(current, mm, event, start, end)
      yield* tlb_finish_mmu(current, mm, start, end, gathered)
    },
)

/** mprotect changes entries without an invalidation. */
const protectWithoutNotifying = override(
  change_protection,
  (original) =>
    function* (current, mm, start, end, flags) {
      const unwatched = { ...mm, subscriptions: { ...mm.subscriptions, intervals: [], classics: [] } }
      yield* original({ ...current, mm: unwatched }, unwatched, start, end, flags)
    },
)

/** The process exits without releasing its notifiers. */
const exitWithoutRelease = override(__mmu_notifier_release, () => function* () {})

/** The OOM reaper calls the end after a failed start. */
const endAfterFailure = override(
  reapArea,
  (original) =>
    function* (current, mm, start, end) {
      const error = yield* original(current, mm, start, end)
      const range = { start, end, event: NotifyEvent.UNMAP, blockable: false, owner: -1 }
      if (error) yield* mmu_notifier_invalidate_range_end(current, mm, range)
      return error
    },
)

/** Callbacks run with the subscriptions' lock held. */
const callbackUnderSpinlock = override(
  invalidateInterval,
  (original) =>
    function* (current, sub: IntervalNotifier, range, curSeq) {
      yield* sub.mm.subscriptions.lock.lock()
      const done = yield* original(current, sub, range, curSeq)
      yield* sub.mm.subscriptions.lock.unlock()
      return done
    },
)

/** munmap removes VMAs with the mmap lock held for reading. */
const detachAsReader = override(
  detachVmas,
  (original) =>
    function* (machine, mm, start, end) {
      yield* mm.mmapLock.downgrade()
      return yield* original(machine, mm, start, end)
    },
)

/** A classic notifier whose start may fail has an end callback. */
const failingWithEnd = override(
  mn_hlist_invalidate_range_start,
  (original) =>
    function* (current, mm, range) {
      const end = mm.subscriptions.classics.find(({ ops }) => ops.end)?.ops.end
      const impatient = mm.subscriptions.classics.find(({ ops }) => !ops.end) as ClassicNotifier
      const both = { ...impatient, ops: { ...impatient.ops, end: end as NonNullable<typeof end> } }
      const classics = [both]
      return yield* original(current, { ...mm, subscriptions: { ...mm.subscriptions, classics } }, range)
    },
)

/** Defects of the notifiers. */
export const notifierDefects: readonly Defect[] = [
  {
    name: 'M1',
    kind: 'mutation',
    title: 'read_begin does not wait',
    text:
      'A reader that begins between the callback and the change of the page table reads the old entry, and ' +
      'the sequence does not change any more: its retry check passes. The wait in read_begin is not only an ' +
      'optimisation.',
    source: ['reference B.1 R2, G.3 M1'],
    requirement: 'C1',
    scenario: 'madvise',
    overrides: [readBeginWithoutWait],
    steps: 19,
  },
  {
    name: 'M5',
    kind: 'mutation',
    title: 'the first end wakes readers, though other invalidations run',
    text:
      'Readers wait for the sequence to become even. If the first of two ends makes it even, a reader walks ' +
      'a table that the other still changes.',
    source: ['reference B.1 E2, G.3 M5'],
    requirement: 'C15',
    scenario: 'overlapping-invalidations',
    overrides: [firstEndWakes],
    steps: 12,
  },
  {
    name: 'D2',
    kind: 'history',
    title: 'mmu_interval_notifier_remove reads the sequence without the lock',
    text:
      'The end of an invalidation changes the sequence before it has processed the deferred list. A waiter ' +
      'that reads it without the lock returns too early, frees the notifier, and the list is walked over ' +
      'freed memory. Fixed in 5.18.',
    source: ['reference D2', 'mm/mmu_notifier.c, commit 319561669a59'],
    requirement: 'C17',
    scenario: 'insert-and-remove',
    overrides: [waitWithoutLock],
    steps: 31,
  },
  {
    name: 'M6',
    kind: 'mutation',
    title: 'the condition of remove is read without the lock, in a mirror that is never used',
    text: 'The same defect as D2, found where only insertion and removal happen.',
    source: ['reference G.3 M6'],
    requirement: 'C17',
    scenario: 'close-at-once',
    overrides: [waitWithoutLock],
    steps: 21,
  },
  {
    name: 'M7',
    kind: 'mutation',
    title: 'an interval is inserted into the frozen tree',
    text: 'While the sequence is odd the tree is read without a lock. An insertion then changes it during that.',
    source: ['reference B.1 I3, G.3 M7'],
    requirement: 'C16',
    scenario: 'insert-and-remove',
    overrides: [insertAtOnce],
    steps: 4,
  },
  {
    name: 'M8',
    kind: 'mutation',
    title: 'an invalidation that failed stays open',
    text:
      'The caller of a failed start must not call end, so the start must undo itself. Otherwise every ' +
      'reader waits for ever.',
    source: ['reference B.1 S5, G.3 M8'],
    requirement: 'C32',
    scenario: 'oom-reaper',
    overrides: [failWithoutEnd],
    steps: 11,
  },
  {
    name: 'X267',
    kind: 'mutation',
    title: 'an invalidation is undone without waking waiters',
    text:
      'When a callback refuses the range the count of invalidations is decremented again, and the reader ' +
      'that waits for the end is not woken. D21b is the same for the mirrors before Linux 5.5; the other ' +
      'half is M8.',
    source: ['reference D21(b)', 'mm/hmm.c, commit 5a136b4ae327'],
    requirement: 'deadlock',
    scenario: 'oom-reaper',
    overrides: [failWithoutWaking],
    steps: 32,
  },
  {
    name: 'X266',
    kind: 'mutation',
    title: 'the error of a callback is lost',
    text:
      'A callback refused the range, an inner variable of the same name took the error, and the caller ' +
      'changed a page table that the device still used. D21a is the same for the mirrors before Linux 5.5.',
    source: ['reference D21(a)', 'mm/hmm.c, commit 5a136b4ae327'],
    requirement: 'C1',
    scenario: 'oom-reaper',
    overrides: [errorIsLost],
    steps: 17,
  },
  {
    name: 'D8',
    kind: 'history',
    title: 'notifiers that accepted a start never get its end',
    text:
      'The OOM reaper calls all notifiers; one accepts and counts, another refuses; the reaper must not ' +
      'call end, and nothing else does. Fixed in 5.12 by calling end of those that have it.',
    source: ['reference D8', 'mm/mmu_notifier.c, commit c2655835fd8c'],
    requirement: 'C32',
    scenario: 'classic-only',
    overrides: [classicsNotUndone],
    steps: 7,
  },
  {
    name: 'X315',
    kind: 'mutation',
    title: 'the refusal of a classic notifier is lost',
    text:
      'A classic notifier cannot wait and refuses the range of the OOM reaper, which zaps it all the same. X266 is the ' +
      'same for interval notifiers.',
    source: ['reference B.1 S5, O2'],
    requirement: 'C11',
    scenario: 'classic-only',
    overrides: [refusalIsLost],
    steps: 7,
  },
  {
    name: 'H3',
    aliases: ['M32'],
    kind: 'hazard',
    title: 'the interval side stays open when a classic notifier fails',
    text:
      'Present in Linux 6.12.117. An address space has an interval notifier and a classic one that refuses ' +
      'ranges that are not blockable (nouveau registers such a pair). The OOM reaper opens the interval ' +
      'side, the classic notifier refuses, and the interval side is never closed: the count stays raised, ' +
      'and read_begin and remove may wait for ever. The reference closes it where the failure occurs, and ' +
      'then holds.',
    source: ['reference B.11 H3, G.3 M32', 'mm/mmu_notifier.c'],
    requirement: 'C32',
    scenario: 'classic-notifiers',
    overrides: [intervalSideStaysOpen],
    steps: 12,
  },
  {
    name: 'H7',
    kind: 'hazard',
    title: 'overlapping invalidations starve a reader',
    text:
      'read_begin waits for the sequence to change, which happens only when no invalidation is running. A ' +
      'stream of invalidations, each started before the last has ended, keeps it unchanged; the wait has no ' +
      "timeout, so the caller's own is not honoured. The trace ends in a loop.",
    source: ['reference B.11 H7', 'mm/mmu_notifier.c'],
    requirement: 'C49',
    scenario: 'starvation',
    set: { endless: 1 },
    overrides: [],
    steps: 28,
  },
  {
    name: 'M25',
    kind: 'mutation',
    title: 'the notifier is freed without waiting for the running invalidation',
    text:
      'The removal is deferred; the driver does not wait for it, and frees what the invalidation still ' +
      'uses.',
    source: ['reference G.3 M25', 'the same class as D16 and D17'],
    requirement: 'C17',
    scenario: 'close-at-once',
    overrides: [removeWithoutWait],
    steps: 10,
  },
  {
    name: 'X278',
    kind: 'mutation',
    title: 'the mirror is freed while callbacks may still run',
    text:
      'The same as D20 for struct hmm, in a driver of today: it frees first and removes afterwards. The ' +
      'trace ends with the freed notifier still in the tree, where the next invalidation would call it.',
    source: ['our own', 'the same class as D20'],
    requirement: 'C17',
    scenario: 'close-at-once',
    overrides: [freeBeforeRemoval],
    steps: 6,
  },
  {
    name: 'X1',
    kind: 'mutation',
    title: 'the notifier is removed before the device is emptied',
    text: 'After the removal the driver is not notified any more. Its device mappings become stale.',
    source: ['reference C17'],
    requirement: 'C1',
    scenario: 'insert-and-remove',
    overrides: [removeBeforeEmptying],
    steps: 26,
  },
  {
    name: 'X2',
    kind: 'mutation',
    title: 'entries are zapped before the notification',
    text: 'The notification comes after the change: the device uses a page that the CPU no longer maps.',
    source: ['reference C2'],
    requirement: 'C2',
    scenario: 'munmap',
    overrides: [zapBeforeNotifying],
    steps: 4,
  },
  {
    name: 'X3',
    kind: 'mutation',
    title: 'mprotect sends no notification',
    text: 'The CPU loses write permission, the device keeps it.',
    source: ['reference C4, B.2'],
    requirement: 'C2',
    scenario: 'mprotect',
    overrides: [protectWithoutNotifying],
    steps: 3,
  },
  {
    name: 'X4',
    kind: 'mutation',
    title: 'exit sends no release',
    text: 'The device is not notified that the address space is torn down.',
    source: ['reference C7'],
    requirement: 'C7',
    scenario: 'exit',
    overrides: [exitWithoutRelease],
    steps: 15,
  },
  {
    name: 'X5',
    kind: 'mutation',
    title: 'end is called for a start that failed',
    text:
      'A start that failed has closed what it opened. Calling end all the same uncounts the invalidation of ' +
      'another thread.',
    source: ['reference C12'],
    requirement: 'C12',
    scenario: 'oom-reaper',
    overrides: [endAfterFailure],
    steps: 12,
  },
  {
    name: 'X6',
    kind: 'mutation',
    title: 'the sequence becomes odd for every invalidation',
    text: 'Readers wait for invalidations that do not concern them.',
    source: ['reference B.1 S3'],
    requirement: 'C14',
    scenario: 'partial-mirror',
    overrides: [alwaysOdd],
    steps: 3,
  },
  {
    name: 'X7',
    kind: 'mutation',
    title: 'a new interval has an even sequence',
    text: "The sequences of intervals are odd so that they can equal the address space's only while it is odd.",
    source: ['reference C15, B.1 N2'],
    requirement: 'C15',
    scenario: 'partial-mirror',
    overrides: [insertEven],
    steps: 1,
  },
  {
    name: 'X8',
    kind: 'mutation',
    title: 'callbacks run under a spinlock',
    text: 'The tree is frozen by the sequence so that callbacks, which sleep, can run without a lock.',
    source: ['reference B.0, B.1 S4'],
    requirement: 'atomic-sleep',
    scenario: 'munmap',
    overrides: [callbackUnderSpinlock],
    steps: 6,
  },
  {
    name: 'X9',
    kind: 'mutation',
    title: 'a classic notifier that can fail has an end callback',
    text: 'It would get an end without a start; the kernel forbids the pair.',
    source: ['reference B.1 O3'],
    requirement: 'C32',
    scenario: 'classic-only',
    overrides: [failingWithEnd],
    steps: 5,
  },
  {
    name: 'X30',
    kind: 'mutation',
    title: 'VMAs are removed with the mmap lock held for reading',
    text: 'Other threads read the VMAs at the same time: the lock must be held for writing.',
    source: ['reference B.0, B.2'],
    requirement: 'lock-discipline',
    scenario: 'munmap',
    overrides: [detachAsReader],
    steps: 3,
  },
]

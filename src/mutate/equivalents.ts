/**
 * Mutants that survive and yet make no difference, each with the reason. One that is noticed, or whose graph is the same, or
 * that is no longer there is an error of this list.
 *
 * @module
 */

/** Reasons, by the identifier of the mutant. */
export const equivalents: Readonly<Record<string, string>> = {
  'kernel/mmu_notifier/index | invalidateRangeStart | delete | if (!hasNotifiers(mm)) return → nothing':
    'without watchers the call takes no step and answers 0: the look saves the call, as mm_has_notifiers does',
  'driver/reference/atomic | atomic fault (try) | swap | yield* updateLock.unlock(); yield* letGoOfPage(frame) → yield* letGoOfPage(frame); yield* updateLock.unlock()':
    'who waits for the folio lock, and then for the update lock, gets the second as late either way; the entry keeps a ' +
    'reference to the page, so that dropping this one frees nothing',
  'driver/recorded/snapshot | dmirror_range_snapshot (try) | swap | yield* mmu_interval_read_begin(notifier, range.notifierS… 792de5 → yield* mm.mmapLock.lockRead(); yield* mmu_interval_read_… 899731':
    'an invalidation that is open ends without the mmap lock, or has it already: waiting for it with the lock held for ' +
    'reading ends too, and the number is still sampled before the walk',
  'driver/variants/pages-valid | forgetPages | delete | kept.flags = 0 → nothing':
    'the flags are read only of a page that is valid, and are set with that: svm_bind looks at the one before the other',
  'kernel/mm/swap/reclaim | try_to_unmap | zero | yield* try_to_unmap_one(current, mm, page, frame) → 0':
    'the walk looks once more and finds no other entry: an anonymous page is mapped once in an address space, and nobody ' +
    'maps it again while its folio lock is held',
  'driver/variants/pages-valid | svm_get_pages | invert | collided → !(collided)':
    'the pages are kept before, if there was no collision, and svm_bind decides by what is kept: the fault asks for another ' +
    'try in both cases, one more than needed',
  'kernel/mm/area/mremap | move_huge_pmd | move the huge entry, and flush | zero | pmd.end - pmd.start → 0':
    'the huge page is at its new place already: the split and the entries of the old place find nothing',
  "driver/recorded/file | dmirror_fops_release | swap | if (device) yield* dmirror_device_evict_chunk(current, d… 55aec1 → yield* step('free the mirror', () => { … }); if (device)… fa7569":
    'the eviction works on the device, and uses nothing of the mirror: its notifier is removed and its entries are dropped before',
}

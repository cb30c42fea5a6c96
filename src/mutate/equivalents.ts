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
  'driver/memory/bringing-back | areaAround | delete | while (alike(start - 1)) start-- → nothing':
    'what lies before the page is brought back when it is touched: how much comes at once is up to the driver',
  "driver/tree/amdkfd/kfd-migrate | svm_migrate_vma_to_ram | delete | if (prange !== 'none') yield* countDepartures(current, p… 9d4632 → nothing":
    'vram_pages is kept for the defects that go by it; the mended driver looks at the pages, and counts them anew ' +
    'when it maps',
  "driver/tree/amdkfd/svm-restore | svm_range_best_restore_location | best_restore_loc | zero | yield* step('best_restore_loc', () => { … }) → false":
    'a range that is not taken to VRAM is mapped where it is: where it should be is up to the driver',
  'driver/tree/amdgpu-userptr | amdgpu_cs_ioctl | condition | error === -Errno.EBUSY || error === -Errno.EAGAIN → error === -Errno.EAGAIN':
    'the ioctl answers EBUSY to a collision in place of submitting again: that is up to the process',
  'driver/tree/xe/drm-gpusvm | drm_gpusvm_get_pages | zero | -Errno.EFAULT → 0':
    'a range without pages is not bound, and the next try finds no user of the process either, where it looks for the ' +
    'range',
  'driver/tree/xe/xe-svm | xe_svm_range_notifier_event_begin | xe_pt_zap_ptes_range | zero | start → 0':
    'more is flushed than must be: the device looks the translations up again',
  'driver/variants/lock-out | migrate to device (readers locked out) | staleRead | yield* lock.lock(); const error = yield* migrateToDevice… 36e54e → const error = yield* migrateToDevice(current, mirror, st… 7e0f78':
    'the callback passes over a migration only if the lock is held: one that is made without it is recorded like any ' +
    'other',
  'driver/variants/migrate-mixed | alloc_and_copy (unless there) | look where the page is | owner | frames[entry.source].owner → another owner':
    'a page that moves within the memory of the device is where it was to be, and its entry is replaced as any other',
  'generations/mirror/driver | populate (try, while valid) | delete | if (!(yield* hmm_range_wait_until_valid(range))) return … 6cc4e9 → nothing':
    'a range that is not valid is found so before anything is mapped, and is read again: to wait saves the reading',
  "generations/mirror/notifier | hmm_invalidate_range_start (mirrors) | look at the list of mirrors | delete | hmmMirror.lifecycle.signal('TOLD') → nothing":
    'a transition from a state to itself: the signal claims that the mirror is listed, and that is looked at in the ' +
    'same step',
  'kernel/mm/area/mremap | move_huge_pmd | zero | moved → 0':
    'the huge page is at its new place already: the split and the entries of the old place find nothing',
  'kernel/mm/process/exit | exit_mmap | swap | yield* invalidateRangeEnd(current, mm, NotifyEvent.UNMAP… 0286d2 → yield* mm.mmapLock.unlockRead(); yield* invalidateRangeE… 039563':
    'nobody uses the address space any more: the OOM reaper, which may hold the lock for reading too, is kept out by ' +
    'it from nothing that the end of the invalidation changes',
}

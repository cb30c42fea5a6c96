/**
 * Fields of devices, drivers, older interfaces and work queues that threads access without a common lock.
 *
 * @module
 */
import { row, type UnlockedField } from './orders.js'

/** Fields of devices, drivers, older interfaces and work queues. */
export const driverFields: readonly UnlockedField[] = [
  row(
    'chunk[].allocated',
    'unmodelled',
    'dmirror_allocate_chunk, dmirror_device_remove_chunks: mdevice->devmem_lock, mdevice->lock',
    'X70 shows what happens if the first lock is dropped before the second is taken.',
  ),
  row(
    'chunk[].removing',
    'unmodelled',
    'dmirror_device_remove_chunks, dmirror_devmem_free: mdevice->lock',
    'A page that is freed before the flag is set is on the list, and is removed with all others.',
  ),
  row(
    'chunk[].lost',
    'hardware',
    'a device that has been unplugged',
    'Every later access may fail; the hardware completes the accesses made just before.',
  ),
  row(
    'devmem[].*',
    'unlock',
    'percpu_ref_kill, percpu_ref_put, wait_for_completion (hmm_devmem_ref_exit, to 5.2); devm_kfree',
    'Addition and removal of one region are ordered by its completion and by the device’s list of resources (devres_lock).',
  ),
  row('counting.open', 'model', 'a notifier that counts', 'An atomic counter, in drivers that have one.'),
  row(
    '*.deferredList.*',
    'atomic',
    'queue_work: test_and_set_bit(PENDING), pool->lock; set_work_pool_and_clear_pending: smp_wmb, smp_mb',
    'The work item sees all stores before queue_work, even if it was already pending.',
  ),
  row('*.garbageCollector.*', 'atomic', 'queue_work, disable_work_sync: as above', 'The same.'),
  row('*.restore.*', 'atomic', 'queue_work, cancel_work_sync, flush_work: as above', 'The same.'),
  row('*.odpDestroy.*', 'atomic', 'queue_work: as above', 'The same.'),
  row(
    '*.driver.odp_destroy[].item',
    'unlock',
    'queue_work: as above',
    'Set before the work item is queued, and read by the work item.',
  ),
  row(
    '*.driver.child[].*',
    'atomic',
    'refcount_inc_not_zero, refcount_dec_and_test (mlx5r_deref_odp_mkey); xa_lock',
    'The child is found under RCU or the lock of the xarray, and used only with a reference.',
  ),
  row(
    '*.driver.usecount',
    'atomic',
    'refcount_inc_not_zero (find_odp_mkey); mlx5r_deref_wait_odp_mkey: wait_for_completion',
    'The region is freed after the completion.',
  ),
  row(
    '*.driver.drain_pagefaults',
    'atomic',
    'svm_range_drain_retry_fault: atomic_set, atomic_read',
    'A fault that does not see the count is in the ring, and the drain waits for it.',
  ),
  row(
    '*.driver.retry_faults',
    'unmodelled',
    'the ring of retry faults: its own lock',
    'The hardware adds faults; the interrupt handler removes them.',
  ),
  row(
    '*.driver.fences',
    'unmodelled',
    'dma_fence_signal: the lock of the fence; dma_resv_wait_timeout: waits',
    'Each fence has its own lock and wait queue.',
  ),
  row(
    '*.driver.job[].fence.*',
    'unmodelled',
    'dma_fence_signal: the lock of the fence; dma_fence_wait: sets its state, then tests again',
    'Each fence has its own lock and list of waiters.',
  ),
  row(
    '*.driver.job[].refcount',
    'atomic',
    'dma_fence_get_rcu, dma_fence_put: kref',
    'A thread that waits for a fence of the reservation object holds a reference to it.',
  ),
  row(
    '*.driver.closing',
    'recheck',
    'cancel_work_sync after the flag is set',
    'A callback that has not seen the flag queues an item, and cancel_work_sync waits for it.',
  ),
  row(
    '*.driver.kfd_process.gone',
    'unlock',
    'kfd_process_notifier_release_internal: hash_del_rcu; kfd_lookup_process_by_mm: SRCU',
    'A thread that has found the process holds a reference to it.',
  ),
  row('*.driver.kfd_process.ref', 'atomic', 'kref_get_unless_zero, kref_put', 'As for any reference.'),
  row(
    '*.driver.prange[].last',
    'none',
    'svm_range_unmap_split changes it under svms->lock; svm_migrate_to_ram reads it under the mmap lock alone',
    'The reader clips the pages that it migrates back to this bound. It may migrate too many or too few; a fault migrates the rest.',
  ),
  row(
    '*.driver.prange[].vram_pages',
    'none',
    'svm_migrate_vram_to_ram and svm_migrate_ram_to_vram hold migrate_mutex; the code that maps reads it under prange->lock',
    'It is only a hint where the pages of a range are; the walk decides what is mapped.',
  ),
  row(
    '*.driver.devmem.timeslice',
    'none',
    'timeslice_expiration: a time, stored by a migration and compared with the clock by a fault (drm_pagemap_migrate_to_ram)',
    'A CPU that reads an old time faults once more, or migrates the page back a little early.',
  ),
  row(
    '*.driver.gpusvm.range[].flags',
    'recheck',
    'xe_svm_range_is_valid: READ_ONCE without the notifier lock; drm_gpusvm_get_pages: WRITE_ONCE under it; checked again under it before anything is bound',
    'A hint: the decisive check is made under the notifier lock.',
  ),
  row(
    '*.driver.gpusvm.range[].refcount',
    'atomic',
    'drm_gpusvm_range_get, drm_gpusvm_range_put: kref',
    'As for any reference.',
  ),
  row(
    '*.driver.gpusvm.range[].tile_invalidated',
    'recheck',
    'xe_svm_range_is_valid: READ_ONCE; the callback: WRITE_ONCE under the notifier lock',
    'A hint: a fault on a range that has just been invalidated is repeated.',
  ),
  row(
    '*.finish.*',
    'unlock',
    'mmu_interval_notifier_finish (two passes, 7.1): one thread calls both passes of one range',
    'Ranges take tokens from the driver’s pool under the driver’s lock; a token then belongs to one range.',
  ),
  row(
    '*.handlers',
    'atomic',
    'the driver’s counter of fault handlers',
    'Incremented before the mirror is looked up, so that the thread which unlinks it waits for all that have found it.',
  ),
  row(
    'hmm.linked',
    'recheck',
    'mmu_notifier list: hlist_add_head_rcu, srcu_read_lock',
    'A walk of the list finds the mirror or not; its removal waits for walks that have.',
  ),
  row(
    '*.linked',
    'recheck',
    'rcu_dereference of the driver’s table of mirrors, or its lock',
    'A thread that has found the mirror has incremented the counter of handlers before.',
  ),
  row(
    '*.revoked',
    'hardware',
    'the page table is given back to the hardware, and its flush',
    'Nothing is programmed afterwards, and a callback finds no entry to remove.',
  ),
  row(
    '*.notifier.allocated',
    'unlock',
    'mmu_interval_notifier_remove: waits for the sequence to be even; synchronize_srcu',
    'Freed when no callback can use it. H19 is a fault on a page that was migrated through a closed file.',
  ),
  row(
    '*.range[].end',
    'unlock',
    'hmm_range_register, hmm_range_unregister: hmm->lock (to 5.4: a mutex, then ranges_lock)',
    'A range is on the list, or only one thread uses it.',
  ),
  row('*.range[].start', 'unlock', 'as for the end', 'The same.'),
  row(
    'hmm.range[].touched',
    'model',
    'a driver that records whether its callback was called',
    'In the modelled drivers for Linux 5.3 and 5.4.',
  ),
  row(
    'hmm.range[].valid',
    'waiting',
    'hmm_range_wait_until_valid: wait_event_timeout; notifiers_decrement: WRITE under ranges_lock, wake_up_all',
    'hmm_range_valid reads it without a lock; the driver checks it again under its own lock.',
  ),
  row('hmm.wq', 'waiting', 'wait_event_timeout, wake_up_all', 'The queue has its own lock.'),
  row('hmm.kref', 'atomic', 'kref_get_unless_zero, kref_put', 'As for any reference.'),
  row(
    'hmm.allocated',
    'unlock',
    'hmm_free: call_srcu',
    'Freed after the SRCU grace period, when no reader of the list is left.',
  ),
  row(
    'hmm.deferred',
    'unlock',
    'call_srcu: the lock of the SRCU structure',
    'The callback is called after the readers have left.',
  ),
  row(
    'hmm.srcu',
    'atomic',
    'srcu_read_lock, srcu_read_unlock: this_cpu_inc, smp_mb',
    'Both have a full barrier, which pairs with that of the grace period.',
  ),
  row('hmm.mirror[].standing', 'unmodelled', 'hmm->mirrors_sem', 'A read-write semaphore (4.14 to 5.4).'),
  row(
    '*.dma.pfn_list[].entry',
    'unlock',
    'hmm_dma_map_pfn, hmm_dma_unmap_pfn: the driver’s lock (umem_mutex)',
    'H20 shows what happens if a walk runs at the same time.',
  ),
  row('protocol.*', 'model', 'the protocol of sequence numbers alone', 'A scenario without a kernel.'),
]

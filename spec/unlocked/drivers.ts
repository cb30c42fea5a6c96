/**
 * Fields of devices and drivers, of the older interfaces and of work queues that threads access without a common lock.
 *
 * @module
 */
import { row, type UnlockedField } from './orders.js'

/** Fields of devices and drivers, of the older interfaces and of work queues. */
export const driverFields: readonly UnlockedField[] = [
  row(
    'chunk[].allocated',
    'unmodelled',
    'dmirror_allocate_chunk, dmirror_device_remove_chunks: mdevice->devmem_lock, mdevice->lock',
    'X70 is what happens where the one lock is dropped before the other is taken.',
  ),
  row(
    'chunk[].removing',
    'unmodelled',
    'dmirror_device_remove_chunks, dmirror_devmem_free: mdevice->lock',
    'A page that is freed before the flag is set is on the list, and is taken off with all others.',
  ),
  row(
    'chunk[].lost',
    'hardware',
    'a device that has been unplugged',
    'Every access to it may fail from then on; who asked a moment before is answered by the hardware.',
  ),
  row(
    'devmem[].*',
    'unlock',
    'percpu_ref_kill, percpu_ref_put, wait_for_completion (hmm_devmem_ref_exit, to 5.2); devm_kfree',
    'Addition and removal of one region are ordered by its completion and by the device’s list of resources (devres_lock).',
  ),
  row('counting.open', 'model', 'a notifier that counts', 'An atomic counter in drivers that have one.'),
  row(
    '*.deferredList.*',
    'atomic',
    'queue_work: test_and_set_bit(PENDING), pool->lock; set_work_pool_and_clear_pending: smp_wmb, smp_mb',
    'What was stored before queue_work is seen by the work item, whether or not it was pending already.',
  ),
  row('*.garbageCollector.*', 'atomic', 'queue_work, disable_work_sync: as above', 'The same.'),
  row('*.restore.*', 'atomic', 'queue_work, cancel_work_sync, flush_work: as above', 'The same.'),
  row('*.odpDestroy.*', 'atomic', 'queue_work: as above', 'The same.'),
  row(
    '*.driver.odp_destroy[].item',
    'unlock',
    'queue_work: as above',
    'Set before the work item is queued, read by it.',
  ),
  row(
    '*.driver.child[].*',
    'atomic',
    'refcount_inc_not_zero, refcount_dec_and_test (mlx5r_deref_odp_mkey); xa_lock',
    'The child is found under RCU or the lock of the xarray, and used only with a count.',
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
    'A fault that does not see the count is one of those that are waited for in the ring.',
  ),
  row(
    '*.driver.retry_faults',
    'unmodelled',
    'the ring of retry faults: its own lock',
    'What the hardware has put there is taken by its interrupt handler.',
  ),
  row(
    '*.driver.fences',
    'unmodelled',
    'dma_fence_signal: the lock of the fence; dma_resv_wait_timeout: waits',
    'A fence has a lock and a queue of its own.',
  ),
  row(
    '*.driver.job[].fence.*',
    'unmodelled',
    'dma_fence_signal: the lock of the fence; dma_fence_wait: sets its state, and looks again',
    'A fence has a lock and a list of those who wait of its own.',
  ),
  row(
    '*.driver.job[].refcount',
    'atomic',
    'dma_fence_get_rcu, dma_fence_put: kref',
    'Who waits for a fence of the reservation object has a reference to it.',
  ),
  row(
    '*.driver.closing',
    'recheck',
    'cancel_work_sync after the flag is set',
    'A callback that has not seen it queues an item that the cancelling waits for.',
  ),
  row(
    '*.driver.kfd_process.gone',
    'unlock',
    'kfd_process_notifier_release_internal: hash_del_rcu; kfd_lookup_process_by_mm: SRCU',
    'Who has found the process holds a reference to it.',
  ),
  row('*.driver.kfd_process.ref', 'atomic', 'kref_get_unless_zero, kref_put', 'As for any reference.'),
  row(
    '*.driver.prange[].last',
    'none',
    'svm_range_unmap_split changes it under svms->lock; svm_migrate_to_ram reads it under the mmap lock alone',
    'The reader rounds what it brings back to it: too much or too little of it comes back, and a fault brings the rest.',
  ),
  row(
    '*.driver.prange[].vram_pages',
    'none',
    'svm_migrate_vram_to_ram and svm_migrate_ram_to_vram hold migrate_mutex; who maps reads it under prange->lock',
    'It says which memory a range is thought to be in; what is mapped comes from the walk.',
  ),
  row(
    '*.driver.devmem.timeslice',
    'none',
    'timeslice_expiration: a time, stored by who migrates, compared with the clock by who faults (drm_pagemap_migrate_to_ram)',
    'A CPU that sees an old time faults once more, or brings the page back a little early.',
  ),
  row(
    '*.driver.gpusvm.range[].flags',
    'recheck',
    'xe_svm_range_is_valid: READ_ONCE without the notifier lock; drm_gpusvm_get_pages: WRITE_ONCE under it; looked at again under it before anything is bound',
    'A hint.',
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
    'A hint: a fault on a range that has just been invalidated is taken again.',
  ),
  row(
    '*.finish.*',
    'unlock',
    'mmu_interval_notifier_finish (two passes, 7.1): one thread calls both passes of one range',
    'What two ranges of one notifier take from the driver’s pool is under the driver’s lock; the token itself is the range’s own.',
  ),
  row(
    '*.handlers',
    'atomic',
    'the driver’s counter of fault handlers',
    'Taken before the mirror is looked up, so that who unlinks it waits for who has found it.',
  ),
  row(
    'hmm.linked',
    'recheck',
    'mmu_notifier list: hlist_add_head_rcu, srcu_read_lock',
    'Who walks the list sees the mirror or not; who is removed is waited for.',
  ),
  row(
    '*.linked',
    'recheck',
    'rcu_dereference of the driver’s table of mirrors, or its lock',
    'Who has found the mirror has counted itself first.',
  ),
  row(
    '*.revoked',
    'hardware',
    'the page table is given back to the hardware, and its flush',
    'Nothing is programmed afterwards; a callback finds nothing to drop.',
  ),
  row(
    '*.notifier.allocated',
    'unlock',
    'mmu_interval_notifier_remove: waits for the sequence to be even; synchronize_srcu',
    'Freed when no callback can have it; a fault on a page that a closed file has filled is H19.',
  ),
  row(
    '*.range[].end',
    'unlock',
    'hmm_range_register, hmm_range_unregister: hmm->lock (to 5.4: a mutex, then ranges_lock)',
    'A range is on the list or is its thread’s own.',
  ),
  row('*.range[].start', 'unlock', 'as for the end', 'The same.'),
  row(
    'hmm.range[].touched',
    'model',
    'a device that notes whether it was told',
    'Of the drivers to 4.17 that are modelled here.',
  ),
  row(
    'hmm.range[].valid',
    'waiting',
    'hmm_range_wait_until_valid: wait_event_timeout; notifiers_decrement: WRITE under ranges_lock, wake_up_all',
    'hmm_range_valid reads it without a lock; the driver looks again under its own.',
  ),
  row('hmm.wq', 'waiting', 'wait_event_timeout, wake_up_all', 'The queue has a lock of its own.'),
  row('hmm.kref', 'atomic', 'kref_get_unless_zero, kref_put', 'As for any reference.'),
  row('hmm.allocated', 'unlock', 'hmm_free: call_srcu', 'Freed when nobody walks the list any more.'),
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
    'Both have a full barrier, which the grace period pairs with.',
  ),
  row('hmm.mirror[].standing', 'unmodelled', 'hmm->mirrors_sem', 'A read-write semaphore (4.14 to 5.4).'),
  row(
    '*.dma.pfn_list[].entry',
    'unlock',
    'hmm_dma_map_pfn, hmm_dma_unmap_pfn: the driver’s lock (umem_mutex)',
    'H20 is what happens where a walk runs at the same time.',
  ),
  row('protocol.*', 'model', 'the protocol of sequence numbers by itself', 'A scenario without a kernel.'),
]

/**
 * Fields of pages, page tables, areas and notifiers that threads access without a common lock.
 *
 * @module
 */
import { row, type UnlockedField } from './orders.js'

/** Fields of pages, page tables, areas and notifiers. */
export const kernelFields: readonly UnlockedField[] = [
  row(
    '*.notifier.invalidate_seq',
    'recheck',
    'mmu_interval_set_seq: WRITE_ONCE; mmu_interval_check_retry: READ_ONCE; mmu_interval_read_begin: subscriptions->lock; mmu_interval_read_retry: the driver lock',
    'mmu_interval_read_retry decides, with the lock that the callback held as it set the number. What mmu_interval_check_retry reads ' +
      'before that without a lock may be old, and then a walk goes on in vain. mmu_interval_read_begin reads under the spinlock that ' +
      'mn_itree_inv_start_range takes before any callback: an odd number that it has not seen is set after it.',
  ),
  row(
    'mm[].subscriptions.invalidate_seq',
    'waiting',
    'mn_itree_inv_end: subscriptions->lock, then wake_up_all; mmu_interval_read_begin: wait_event, READ_ONCE',
    'Who waits looks at the number after it is on the queue; the number is changed before the queue is woken.',
  ),
  row(
    'mm[].subscriptions.wq',
    'waiting',
    'mmu_interval_read_begin: wait_event; mn_itree_inv_end: wake_up_all',
    'The queue has a lock of its own, which is not modelled.',
  ),
  row(
    'mm[].pte[].entry',
    'recheck',
    'hmm_vma_walk_pmd, handle_pte_fault: ptep_get (READ_ONCE); set_pte_at, ptep_get_and_clear: under the page-table lock',
    'A fault compares the entry again under the lock (pte_same). A walk for a device may report what has just gone: the callback of who ' +
      'changed it has set the sequence before the entry changed, and the driver is told to repeat. What the page held is written before ' +
      'the entry that maps it: __folio_mark_uptodate has a smp_wmb, and a reader depends on the entry. Steps that walk the mappings ' +
      'look for who has one; those without the declared lock hold that of the other table of a moved area, or of the huge entry.',
  ),
  row(
    'mm[].pmd[].kind',
    'recheck',
    'pmd_install: smp_wmb before the table is visible; pmd_read_atomic, pmdp_get: READ_ONCE; pmd_trans_unstable, pte_offset_map_lock: look again',
    'A table that is seen is zeroed, since its address depends on the entry. A huge entry that was split meanwhile is found out under ' +
      'the lock.',
  ),
  row(
    'cpu[].tlb[].entry',
    'hardware',
    'flush_tlb_mm_range: on_each_cpu_mask waits for the interrupts; before it the entry is changed, with a full barrier (inc_mm_tlb_gen)',
    'A CPU that still has the translation uses it until it answers the interrupt.',
  ),
  row(
    '*.tlb[].entry',
    'hardware',
    'the driver’s flush of the device, which waits for its answer',
    'A device that still has the translation uses it until it answers.',
  ),
  row(
    '*.access[].entry',
    'hardware',
    'the driver’s flush of the device, which waits for its answer',
    'What the device has under way is its own; the flush waits for it.',
  ),
  row(
    '*.pte[].entry',
    'hardware',
    'the driver’s write of an entry and the flush of its device',
    'The device reads its page table without a lock: it gets the old entry or the new one, and the flush comes after the change.',
  ),
  row(
    'frame[].contents',
    'hardware',
    'the entry that maps the page; copy_page before set_pte_at',
    'Programs and devices order their own accesses. A page is copied when nobody can write to it: the entries have gone, and TLBs are ' +
      'flushed (migration, copy-on-write under a read-only entry, pageout).',
  ),
  row(
    'frame[].refcount',
    'atomic',
    'folio_try_get: atomic_add_unless; folio_put_testzero: atomic_dec_and_test; folio_ref_freeze: atomic_cmpxchg',
    'All three are full barriers: what a holder did to the page comes before it is freed, and who freezes the count sees all flags that ' +
      'were set by holders. get_page alone orders nothing, and needs a reference that is there already.',
  ),
  row(
    'frame[].mapcount',
    'atomic',
    'page_add_anon_rmap: atomic_inc; page_remove_rmap: atomic_add_negative',
    'Changed under the page-table lock of each mapping, which differ. Who compares it with the references has taken the entries away ' +
      'under those locks, or holds the folio lock.',
  ),
  row(
    'frame[].dirty',
    'atomic',
    'folio_mark_dirty: test_and_set_bit; __remove_mapping: folio_ref_freeze before folio_test_dirty',
    'Set before the reference is put, tested after the count was frozen: the atomic operation on the count is the barrier ' +
      '(a comment in __remove_mapping says so).',
  ),
  row(
    'frame[].anon_exclusive',
    'unlock',
    'page_try_share_anon_rmap: the entry is cleared and flushed first; with GUP-fast smp_mb__after_atomic and smp_mb (from 6.1)',
    'Changed under the page-table lock of the one mapping that the page has; a page that is moved has none then.',
  ),
  row(
    'frame[].ksm',
    'atomic',
    'get_ksm_page: get_page_unless_zero between two reads of the mapping; folio_migrate_ksm: smp_wmb',
    'Set under the page lock and cleared with the last reference; who takes a reference looks at it again once it has one.',
  ),
  row(
    'frame[].lru',
    'atomic',
    'folio_test_clear_lru: test_and_clear_bit; folio_add_lru: batches of a CPU, local_lock',
    'Who clears the bit has isolated the page. A page in a batch has a reference too many, which lru_add_drain_all is there for.',
  ),
  row(
    'frame[].mapping',
    'unlock',
    '__do_fault, filemap_map_pages: the folio lock; shmem_get_folio: the folio lock and the lock of the xarray',
    'Looked at again with the folio locked: a page that has been truncated has none.',
  ),
  row(
    'frame[].compound',
    'unlock',
    'page_folio: READ_ONCE of compound_head; split_huge_page: the frozen count, smp_wmb before it is unfrozen (__split_huge_page_tail)',
    'It changes while nobody can get a reference. Who reads it without one tries to get one, and looks again.',
  ),
  row(
    'frame[].swap_cache',
    'atomic',
    'add_to_swap_cache, delete_from_swap_cache: the lock of the xarray; PG_swapcache: set_bit, clear_bit under the folio lock',
    'do_swap_page looks again with the folio locked (folio_test_swapcache, and the slot).',
  ),
  row(
    'frame[].on_free_list',
    'unmodelled',
    'mdevice->lock (dmirror_devmem_alloc_page, dmirror_devmem_free), or whatever lock the driver’s allocator has',
    'The driver’s own list.',
  ),
  row(
    'file[].i_pages[].frame',
    'recheck',
    'filemap_get_folio: rcu_read_lock, xas_load (rcu_dereference), folio_try_get, then xas_reload; changed under xa_lock',
    'A page that was found and has gone is found out after the reference is taken.',
  ),
  row(
    'slot[].count',
    'unmodelled',
    'swap_duplicate, swap_free: the lock of the cluster',
    'The map of a swap device has a lock for each cluster.',
  ),
  row(
    'slot[].contents',
    'unlock',
    'swap_readpage, swap_writepage: the folio lock, and the end of the input or output (folio_unlock, folio_end_writeback)',
    'A slot is read by who has a page in the swap cache for it, after what was written there has left the cache or is still in it.',
  ),
  row(
    'cpu[].busy',
    'waiting',
    'schedule; lru_add_drain_all: flush_work',
    'The model of who is running on a CPU: the work item of another CPU runs there when its thread has been scheduled away.',
  ),
  row(
    'mm[].mm_users',
    'atomic',
    'mmget_not_zero: atomic_inc_not_zero; mmput: atomic_dec_and_test',
    'Both are full barriers: exit_mmap comes after all that users did.',
  ),
  row(
    'mm[].unstable',
    'unlock',
    '__oom_reap_task_mm: set_bit before the first page-table lock; check_stable_address_space: test_bit under the page-table lock',
    'A fault that does not see the bit has the lock before the reaper gets it at that entry.',
  ),
  row(
    'mm[].vma[].anonymous',
    'unlock',
    'anon_vma_prepare: page_table_lock, and the lock of the anon_vma; vm_area_dup: the mmap lock for writing',
    'It is set once while faults hold the mmap lock for reading; who changes areas holds it for writing. In the kernel an area that is ' +
      'taken out is another object than the one that is put in; here one place has been both.',
  ),
  row(
    'mm[].vma[].flags',
    'unlock',
    'remove_migration_pte: the lock of the anon_vma or of the file, and the page-table lock; vma_adjust: takes both',
    'remove_migration_pte runs without the mmap lock. It looks for VM_LOCKED and whether an entry may be writable; mprotect changes the ' +
      'flags first (vm_flags_reset, WRITE_ONCE from 6.3 on) and then visits the entry under the page-table lock.',
  ),
  row(
    'mm[].vma[].kind',
    'unlock',
    'remove_migration_ptes: the lock of the anon_vma or of the file; unlink_anon_vmas, free_pgtables: take it',
    'An area is unlinked from the tree that is walked before it is freed.',
  ),
  row(
    'memory[].ref',
    'atomic',
    'percpu_ref_tryget_live_rcu, percpu_ref_put, percpu_ref_kill: rcu_read_lock and call_rcu; then atomic_long_sub_and_test',
    'Between kill and the switch to one counter a grace period passes, so that no get is lost; the last put completes.',
  ),
  row(
    'memory[].state',
    'unlock',
    'memremap_pages, memunmap_pages: percpu_ref_kill, wait_for_completion',
    'The region goes when its pages are free: the completion orders that after the last put.',
  ),
]

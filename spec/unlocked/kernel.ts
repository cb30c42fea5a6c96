/**
 * Fields of pages, page tables, VMAs and notifiers that threads access without a common lock.
 *
 * @module
 */
import { row, type UnlockedField } from './orders.js'

/** Fields of pages, page tables, VMAs and notifiers. */
export const kernelFields: readonly UnlockedField[] = [
  row(
    '*.notifier.invalidate_seq',
    'recheck',
    'mmu_interval_set_seq: WRITE_ONCE; mmu_interval_check_retry: READ_ONCE; mmu_interval_read_begin: subscriptions->lock; mmu_interval_read_retry: the driver lock',
    'mmu_interval_read_retry decides, under the lock that the callback held when it set the number. ' +
      'mmu_interval_check_retry reads it earlier without a lock. The value may be old; then the walk only continues in vain. ' +
      'mmu_interval_read_begin reads under the spinlock that mn_itree_inv_start_range takes before any callback, so an odd ' +
      'number that it does not see is set later.',
  ),
  row(
    'mm[].subscriptions.invalidate_seq',
    'waiting',
    'mn_itree_inv_end: subscriptions->lock, then wake_up_all; mmu_interval_read_begin: wait_event, READ_ONCE',
    'A waiter reads the number after it is queued; the number changes before the queue is woken.',
  ),
  row(
    'mm[].subscriptions.wq',
    'waiting',
    'mmu_interval_read_begin: wait_event; mn_itree_inv_end: wake_up_all',
    'The queue has its own lock, which is not modelled.',
  ),
  row(
    'mm[].pte[].entry',
    'recheck',
    'hmm_vma_walk_pmd, handle_pte_fault: ptep_get (READ_ONCE); set_pte_at, ptep_get_and_clear: under the page-table lock',
    'A fault compares the entry again under the lock (pte_same). A walk for a device may report an entry that was just cleared: the ' +
      'callback has set the sequence before the entry changed, so the driver repeats the walk. The contents of a page are written ' +
      'before the entry that maps it: __folio_mark_uptodate has a smp_wmb, and a reader depends on the address in the entry. Steps ' +
      'that walk the mappings only look for entries. Steps without the declared lock hold that of the other table of a moved VMA, ' +
      'or of the huge entry.',
  ),
  row(
    'mm[].pmd[].kind',
    'recheck',
    'pmd_install: smp_wmb before the table is visible; pmd_read_atomic, pmdp_get: READ_ONCE; pmd_trans_unstable, pte_offset_map_lock: check again',
    'A reader that sees the table sees it zeroed, since the address of the table comes from the entry. The check under the lock ' +
      'detects that a huge entry was split meanwhile.',
  ),
  row(
    'cpu[].tlb[].entry',
    'hardware',
    'flush_tlb_mm_range: on_each_cpu_mask waits for the interrupts; before it the entry is changed, with a full barrier (inc_mm_tlb_gen)',
    'A CPU may use the old translation until it answers the interrupt.',
  ),
  row(
    '*.tlb[].entry',
    'hardware',
    'the driver’s flush of the device, which waits for its answer',
    'A device may use the old translation until it answers.',
  ),
  row(
    '*.access[].entry',
    'hardware',
    'the driver’s flush of the device, which waits for its answer',
    'No other thread uses the outstanding accesses of a device; the flush waits for them.',
  ),
  row(
    '*.pte[].entry',
    'hardware',
    'the driver’s write of an entry and the flush of its device',
    'The device reads its page table without a lock and gets the old entry or the new one. The flush comes after the change.',
  ),
  row(
    'frame[].contents',
    'hardware',
    'the entry that maps the page; copy_page before set_pte_at',
    'Programs and devices order their own accesses. A page is copied when it cannot be written: its entries are cleared, or ' +
      'read-only, and TLBs are flushed (migration, copy-on-write, pageout).',
  ),
  row(
    'frame[].refcount',
    'atomic',
    'folio_try_get: atomic_add_unless; folio_put_testzero: atomic_dec_and_test; folio_ref_freeze: atomic_cmpxchg',
    'All three are full barriers: accesses of a holder come before the page is freed, and code that freezes the count sees all ' +
      'flags that holders have set. get_page alone orders nothing, and its caller must hold a reference already.',
  ),
  row(
    'frame[].mapcount',
    'atomic',
    'page_add_anon_rmap: atomic_inc; page_remove_rmap: atomic_add_negative',
    'Changed under the page-table lock of each mapping, and these locks differ. Code that compares it with the references has ' +
      'cleared the entries under those locks, or holds the folio lock.',
  ),
  row(
    'frame[].dirty',
    'atomic',
    'folio_mark_dirty: test_and_set_bit; __remove_mapping: folio_ref_freeze before folio_test_dirty',
    'Set before the reference is put, and tested after the count is frozen: the atomic operation on the count is the barrier ' +
      '(a comment in __remove_mapping says so).',
  ),
  row(
    'frame[].anon_exclusive',
    'unlock',
    'page_try_share_anon_rmap: the entry is cleared and flushed first; with GUP-fast smp_mb__after_atomic and smp_mb (from 6.1)',
    'Changed under the page-table lock of the only mapping of the page. A page that is being moved has no mapping.',
  ),
  row(
    'frame[].ksm',
    'atomic',
    'get_ksm_page: get_page_unless_zero between two reads of the mapping; folio_migrate_ksm: smp_wmb',
    'Set under the page lock and cleared with the last reference. Code that takes a reference checks it again afterwards.',
  ),
  row(
    'frame[].lru',
    'atomic',
    'folio_test_clear_lru: test_and_clear_bit; folio_add_lru: batches of a CPU, local_lock',
    'The thread that clears the bit has isolated the page. A batch holds a reference to its pages, which lru_add_drain_all drops.',
  ),
  row(
    'frame[].mapping',
    'unlock',
    '__do_fault, filemap_map_pages: the folio lock; shmem_get_folio: the folio lock and the lock of the xarray',
    'Checked again with the folio locked: a truncated page has no mapping.',
  ),
  row(
    'frame[].compound',
    'unlock',
    'page_folio: READ_ONCE of compound_head; split_huge_page: the frozen count, smp_wmb before it is unfrozen (__split_huge_page_tail)',
    'It changes while no reference can be taken. Code that reads it without a reference tries to take one, and checks again.',
  ),
  row(
    'frame[].swap_cache',
    'atomic',
    'add_to_swap_cache, delete_from_swap_cache: the lock of the xarray; PG_swapcache: set_bit, clear_bit under the folio lock',
    'do_swap_page checks again with the folio locked (folio_test_swapcache, and the slot).',
  ),
  row(
    'frame[].on_free_list',
    'unmodelled',
    'mdevice->lock (dmirror_devmem_alloc_page, dmirror_devmem_free), or the lock of another driver’s allocator',
    'A list of the driver.',
  ),
  row(
    'file[].i_pages[].frame',
    'recheck',
    'filemap_get_folio: rcu_read_lock, xas_load (rcu_dereference), folio_try_get, then xas_reload; changed under xa_lock',
    'The second lookup, after the reference was taken, detects that the page was removed.',
  ),
  row(
    'slot[].count',
    'unmodelled',
    'swap_duplicate, swap_free: the lock of the cluster',
    'The map of a swap device has one lock for each cluster.',
  ),
  row(
    'slot[].contents',
    'unlock',
    'swap_readpage, swap_writepage: the folio lock, and the end of the input or output (folio_unlock, folio_end_writeback)',
    'A slot is read for a page in the swap cache. The page that was written to it has left the cache by then, or is still in it.',
  ),
  row(
    'cpu[].busy',
    'waiting',
    'schedule; lru_add_drain_all: flush_work',
    'Models whether a thread occupies a CPU: a work item runs on that CPU after its thread was scheduled away.',
  ),
  row(
    'mm[].mm_users',
    'atomic',
    'mmget_not_zero: atomic_inc_not_zero; mmput: atomic_dec_and_test',
    'Both are full barriers: exit_mmap comes after all accesses of users.',
  ),
  row(
    'mm[].unstable',
    'unlock',
    '__oom_reap_task_mm: set_bit before the first page-table lock; check_stable_address_space: test_bit under the page-table lock',
    'A fault that does not see the bit has taken the lock before the reaper at that entry.',
  ),
  row(
    'mm[].vma[].anonymous',
    'unlock',
    'anon_vma_prepare: page_table_lock, and the lock of the anon_vma; vm_area_dup: the mmap lock for writing',
    'It is set once, by a fault that holds the mmap lock for reading; code that changes VMAs holds it for writing. In the ' +
      'kernel a VMA that is removed and one that is inserted are two objects; in the model one slot holds both in turn.',
  ),
  row(
    'mm[].vma[].flags',
    'unlock',
    'remove_migration_pte: the lock of the anon_vma or of the file, and the page-table lock; vma_adjust: takes both',
    'remove_migration_pte runs without the mmap lock. It tests VM_LOCKED, and whether an entry may be writable. mprotect changes ' +
      'the flags first (vm_flags_reset, WRITE_ONCE from 6.3 on), and then the entry under the page-table lock.',
  ),
  row(
    'mm[].vma[].kind',
    'unlock',
    'remove_migration_ptes: the lock of the anon_vma or of the file; unlink_anon_vmas, free_pgtables: take it',
    'A VMA is unlinked from the tree of the rmap before it is freed.',
  ),
  row(
    'memory[].ref',
    'atomic',
    'percpu_ref_tryget_live_rcu, percpu_ref_put, percpu_ref_kill: rcu_read_lock and call_rcu; then atomic_long_sub_and_test',
    'A grace period passes between kill and the switch to one counter, so that no get is lost. The last put completes the completion.',
  ),
  row(
    'memory[].state',
    'unlock',
    'memremap_pages, memunmap_pages: percpu_ref_kill, wait_for_completion',
    'The region is removed when its pages are free: the completion orders the removal after the last put.',
  ),
]

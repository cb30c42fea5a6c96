/**
 * Arguments why steps that the rule calls too large may be atomic: which of their accesses commute,
 * and why no other thread can observe a state in between.
 *
 * @module
 */

/** The arguments, by the names used in {@link atomicSteps}. */
export const atomicArguments = {
  'cpu-access': {
    title: 'An access of a CPU',
    text:
      'The step looks up the TLB, walks the page table and accesses memory. An instruction is not ' +
      'interrupted between translation and access: a flush waits for the CPUs that it interrupts, ' +
      'and they answer between instructions. A device is different. It has accesses outstanding ' +
      'while entries change, so it translates in one step and accesses in another (C3).',
  },
  'device-access': {
    title: 'A translation or an access of a device',
    text:
      'A device looks up its TLB, then its page table, and records the access as outstanding. No ' +
      'other thread uses its TLB or its record; a flush waits for both. Suppose the device reads ' +
      'the entry before it changes and records the access afterwards. The flush waits for it as if ' +
      'both had come before, since it begins after the entry has changed. It also waits for a ' +
      'translation that has read the entry and is not recorded yet: that is what the invalidation ' +
      'of a device guarantees (an ATS invalidation completes after the translations requested ' +
      'before it). An atomic access loads together with its translation. From then on it is ' +
      'outstanding, and no other thread gets the page for writing before it has ended.',
  },
  'device-flush': {
    title: 'A flush of a device',
    text:
      'The step is enabled when no access to the range is outstanding. The entries are cleared by ' +
      'then, so no new access can translate. The device answers when its TLB has no entry of the ' +
      'range and the accesses have ended.',
  },
  tlb: {
    title: 'TLBs are flushed',
    text:
      'A flush only removes translations, CPU by CPU and page by page. The entry has changed by ' +
      'then, so neither the CPU nor a fault brings the old translation back. If the entry maps the ' +
      'same page as before (a page table in place of a huge entry), an old translation does no ' +
      'harm. An access through a translation that is still in a TLB does not read the page table; ' +
      'it may as well come before the step, since the page is still referenced. A CPU that is ' +
      'flushed earlier than another is like a CPU that had no translation, and scenarios have such ' +
      'CPUs.',
  },
  entries: {
    title: 'Entries of one page table',
    text:
      'The page-table lock is held, so faults and other changes wait. A CPU, a walk or a device ' +
      'that reads an entry without the lock reads one word, before or after the change. Where the ' +
      'kernel clears an entry and then writes the new one, the reader may also find it empty. A CPU ' +
      'then faults, and the fault reads the entry again under the lock; the walk of a device is ' +
      'repeated, since the invalidation for this change has not ended. If one critical section ' +
      'clears several entries, all may change when the last one does: a thread that finds one ' +
      'cleared waits, and a thread that still finds another came before the step. If a step changes ' +
      'or reads both an entry and the level above it, one of the two decides alone: an empty table ' +
      'and no table read alike, and so do a huge entry and the table that replaces it. A huge page ' +
      'has one entry in the kernel; the model has one for each part, and all change together. An ' +
      'entry that moves is under the locks of both places.',
  },
  widening: {
    title: 'Several entries become present',
    text:
      'The kernel writes them one after another. A CPU that reaches one that is not written yet ' +
      'faults and waits for the page-table lock, or for the end of the migration. A device faults, ' +
      'and its driver waits for its lock. A walk that does not fault reports fewer pages than there ' +
      'will be, as it may whenever some are missing. No notifier is called, since access only gets ' +
      'wider.',
  },
  remapping: {
    title: 'Taking entries away for a split',
    text:
      'The kernel replaces the entries of the folio by migration entries, splits it, and restores ' +
      'the entries, each time under the page-table lock. In the model the entries stay. A fault in ' +
      'between waits, as it would for the lock, and the references of such faults are compared ' +
      'again before the folio is split. One behaviour is lost: a walk that does not fault may find ' +
      'nothing after the invalidation and before the entries are restored. It may find the same for ' +
      'any page that migrates.',
  },
  unstable: {
    title: 'MMF_UNSTABLE',
    text:
      'The flag is set once, before the OOM reaper clears the first entry, and is never cleared. A ' +
      'fault tests it under the page-table lock that the reaper takes for each entry. A fault that ' +
      'does not see it comes before the reaper at that entry.',
  },
  counts: {
    title: 'Reference and mapping counts',
    text:
      'Each count is one atomic word, and changes of it commute. Code that compares the counts ' +
      '(migrate_vma_check_page, reclaim, reuse, and code that freezes them) first clears the ' +
      'entries, or reads them under the page-table locks under which mappings and their references ' +
      'change. It sees both counts before the step or both after it. Another address space only ' +
      'drops the references that it holds, and until then the comparison fails. A reference that is ' +
      'held for a moment without an entry makes the comparison fail before, within and after the ' +
      'step.',
  },
  'comparing-counts': {
    title: 'Counts are compared',
    text:
      'The caller holds the folio lock. A mapping count of zero stays zero, since a page that is ' +
      'locked and has only migration or swap entries is not mapped. A higher count may drop ' +
      'meanwhile, and a later walk of the mappings finds fewer. References without an entry come ' +
      'and go. The comparison uses one of the values that the count has during the step.',
  },
  'frozen-count': {
    title: 'A count is compared and frozen',
    text:
      'The kernel compares the reference count and sets it to zero in one operation ' +
      '(folio_ref_freeze), and continues only if that succeeds. From then on no thread can take a ' +
      'reference, so the rest of the step works on a page that no other thread can reach. PG_dirty ' +
      'is tested afterwards: a thread that could still write to the page would hold a reference.',
  },
  'worth-a-try': {
    title: 'Whether a split is worth a try',
    text:
      'Mappings and references are read one after the other and may change at once, so the result ' +
      'is a guess. After a wrong no the folio stays as it is, as it would after a right one a ' +
      'moment later. After a wrong yes the count is compared again, and frozen, once the entries ' +
      'have been cleared (pages by themselves).',
  },
  folio: {
    title: 'Which folio a page is part of',
    text:
      'This changes when the folio is split, with the folio lock held and the count frozen, so that ' +
      'no unexpected reference exists; and when the page is free. Code that reads it holds a ' +
      'reference, the folio lock, or the page-table lock of an entry that maps the page. Each ' +
      'prevents the split meanwhile.',
  },
  flags: {
    title: 'Flags of a page and its entry',
    text:
      'PageAnonExclusive changes together with an entry that maps the page, under its page-table ' +
      'lock; an exclusive page has one mapping. PG_dirty is only set: when an entry is cleared, ' +
      'when the page gets a swap slot, or after a device has written to it. It is cleared under the ' +
      'folio lock when the entries are gone, or together with their dirty bits (MADV_FREE). Other ' +
      'code that tests these flags holds the folio lock and has cleared the entries.',
  },
  charging: {
    title: 'The charge of a page',
    text:
      'The memory cgroup has one counter, which is compared and changed in one operation. The ' +
      'charge is recorded in a page that no other thread can reach yet, or it moves to a page ' +
      'together with the data, and then the counter does not change.',
  },
  'unlock-and-put': {
    title: 'Unlocking and putting a page',
    text:
      'This is an assumption; the two do not commute. A thread that gets the folio lock in between ' +
      'finds one reference too many, and leaves the page where it is. With two steps, as in the ' +
      'kernel, two faults on one device page can do this to each other for ever, and C48 fails: H27 ' +
      '(docs/findings/H27.md). To check everything else, the model assumes that a thread which ' +
      'unlocks a device page also puts it before another thread gets the lock and compares the ' +
      'count. References that are held for longer are in the scenarios: by faults, by reclaim, and ' +
      'by speculative lookups. Everywhere else unlock and put are two steps (folio_unlock, ' +
      'folio_put).',
  },
  'lock-and-hold': {
    title: 'Locking and holding a page',
    text:
      'As in the kernel the lock is tried first, and the reference taken afterwards: under the ' +
      'page-table lock, through the entry that maps the page, or for a page to which the page cache ' +
      'holds a reference. The page cannot become free in between. Another thread can observe the ' +
      'one without the other only if it tries the lock, which fails, or if it compares counts, ' +
      'which needs the lock.',
  },
  'holding-before-trying': {
    title: 'Holding a page and trying its lock',
    text:
      'If the trylock succeeds, this is equivalent to locking first, since code that compares ' +
      'counts needs the lock. If another thread holds the lock, the kernel has taken a reference by ' +
      'then and puts it after the trylock has failed; meanwhile the holder finds one reference too ' +
      'many. migrate_vma_collect is modelled like this: the page is put in a step after the one ' +
      'that tries. For migrate_device_range the model assumes that a failed trylock leaves no ' +
      'reference. With two steps, a repeated eviction and a fault keep each other from migrating ' +
      'the page, and C48 fails: H28 (docs/findings/H28.md). Reclaim that holds a page whose lock it ' +
      'does not get is in the scenarios (shrink_folio_list (keep)), and so are speculative ' +
      'references.',
  },
  'momentary-lock': {
    title: 'A folio lock that is tried and dropped',
    text:
      'The kernel tries the lock, does what the step does, and unlocks (swap cache, reuse, ' +
      'exclusive entries in fork, mapping cached pages). In the model the step tests whether the ' +
      'lock is free. A concurrent trylock fails, as it does whenever the page is locked, and its ' +
      'caller gives up or tries again; a thread that waits for the lock waits on. The model loses ' +
      'these failures, but not those caused by a lock that is held for longer.',
  },
  copying: {
    title: 'Copying a page',
    text:
      'The source is locked and has only migration or swap entries, or it is write-protected and ' +
      'its entry is checked again before the copy is mapped; nothing writes to it. In the model the ' +
      'data of a page is one word. If something may still write (to a file page, or by a device ' +
      'that holds a reference), the copy is the data at one moment, and a later writer marks the ' +
      'page dirty. The destination is new, and cannot be reached before it is mapped.',
  },
  merging: {
    title: 'Merging pages',
    text:
      'Contents are compared twice. While ksmd searches, the contents may change: the second ' +
      'comparison detects a wrong match, and a missed match only costs a merge. The second ' +
      'comparison is between a page whose entry is write-protected, under its lock, and a merged ' +
      'page, which cannot be written: neither changes. PAGE_MAPPING_KSM in the mapping marks a ' +
      'merged page. get_ksm_page reads it, takes a reference unless the count is zero, and reads it ' +
      'again, so that it returns the merged page as if in one step.',
  },
  allocating: {
    title: 'Allocating pages',
    text:
      'Pages are taken off a free list under the lock of the zone or of the driver. That lock is ' +
      'not modelled, since it is never held over several steps. Fields that are set in a page ' +
      'before it is handed out cannot be observed: the page has no entry, and a speculative ' +
      'reference only reads the count. Its lock is free and has no waiters.',
  },
  swap: {
    title: 'Slots and the swap cache',
    text:
      'The count of a slot, its contents, and the page in the swap cache for it change under the ' +
      'locks of the swap area and of the cache, which are not modelled, and under the folio lock or ' +
      'the page-table lock of an entry that refers to the slot. A thread that finds a page in the ' +
      'cache waits for its folio lock, and checks it again.',
  },
  'page-cache': {
    title: 'The page cache',
    text:
      'A page is added to the cache or removed under the lock of i_pages, which is not modelled. It ' +
      'is looked up without the lock: a reference is taken unless the count is zero, and the lookup ' +
      'is repeated if the cache has another page by then. A page that is found is locked and ' +
      'checked again before it is used; a page that is added is new. In the kernel a thread that ' +
      'waits for the lock holds a reference, and in the model it does not: file pages are not ' +
      'migrated to devices, so code that compares the count leaves the page in any case.',
  },
  areas: {
    title: 'VMAs',
    text:
      'VMAs change under the mmap lock for writing. Code that reads one without it (an rmap walk, a ' +
      'claim) holds the lock of the anon_vma or of the file in the kernel, which is not modelled. ' +
      'It finds the VMA before or after the change, and checks the entry again under the page-table ' +
      'lock. The flags of a VMA change before its entries do, so that an entry made with the old ' +
      'flags is changed afterwards. A new VMA is complete before it is linked, and its anon_vma is ' +
      'set once, under the page-table lock.',
  },
  'rmap-walk': {
    title: 'Where a page may be mapped',
    text:
      'The walk chooses the next place to check. What it reads without locks decides nothing: the ' +
      'entry is checked again under the page-table lock, and the walk starts over if the mapping ' +
      'has moved meanwhile. It does not miss an entry that is being moved: in the kernel the order ' +
      'of the VMAs, or the rmap lock, ensures that.',
  },
  'free-list': {
    title: 'The free list of a driver',
    text:
      'The driver has a lock for the list and for the flag that stops allocation. It is not ' +
      'modelled, since it is never held over several steps; each step that uses the list is one ' +
      'critical section under it.',
  },
  'lost-device': {
    title: 'A device is lost',
    text:
      'The device is gone at one instant, together with the contents of its memory. No CPU could ' +
      'map that memory, and the accesses of the device end. The driver records the loss under its ' +
      'own lock.',
  },
  'work-item': {
    title: 'A work item',
    text:
      'Whether it is queued, which worker runs it, its disable count and its waiters change under ' +
      'the lock of the pool. That lock is not modelled, since it is never held over several steps.',
  },
  'child-region': {
    title: 'A child region of mlx5',
    text:
      'Only the model reads whether a child is allocated, to find uses after free. No other thread ' +
      'can reach a child that is being created. A child in an xarray is freed after it was erased ' +
      'under the lock that is held here; a child with mapped pages is freed after they were ' +
      'unmapped under the mutex that is held here. Its use count is one atomic word. The list of ' +
      'children to destroy represents work items, of which the kernel has one in each child: ' +
      'queuing one and starting it each change one word.',
  },
  gpusvm: {
    title: 'A range of drm_gpusvm',
    text:
      'Code that changes the range or its entries holds the notifier lock or the lock of the driver ' +
      'in the declared modes. Code that reads its flags without the notifier lock only decides ' +
      'whether a fault has work to do. The flags are checked again under the lock before entries ' +
      'are written, and after a wrong no the device faults again. The count of the range is one ' +
      'atomic word, and a range on the list has a reference.',
  },
  amdkfd: {
    title: 'A range of amdkfd, and the faults of its GPU',
    text:
      'Code that changes a range, its children or its entries holds prange->lock; ranges are added ' +
      'and removed under svms->lock as well. Only the model reads whether a range is allocated. A ' +
      'fault reads the bounds of a range without prange->lock to choose what it walks, and checks ' +
      'the children under the lock before entries are written. The kernel counts drains of stale ' +
      'faults in a counter, which is set to 0 by a comparison with its value before the wait. ' +
      'Faults are dropped while it is not 0, so waiting and setting it may be one step. A fault is ' +
      'in the interrupt ring, with a reference to the process, before any of its fields is read.',
  },
  queues: {
    title: 'Queues of amdkfd without retry faults',
    text:
      'Whether queues run changes only under dqm->lock. The flags and the frame of a range stand for the ' +
      'entry of the GPU’s page table, which is written under prange->lock. No code of the kernel reads it: ' +
      'the hardware does, at the access, if the queue runs. The device page table of the model is what ' +
      'running queues reach, so it changes together with the queues. The lock is held until the GPU ' +
      'is flushed.',
  },
  'eviction-count': {
    title: 'Evictions that are counted',
    text:
      'Both counters are atomic, and are raised inside an invalidation. A restore that runs between the ' +
      'two waits in mmu_interval_read_begin until the invalidation ends, so it maps nothing meanwhile; a ' +
      'restore that ended before has let the queues run, and the eviction stops them again. ' +
      'mapped_to_gpu changes only when the process unmaps the range: restores exclude that by the ' +
      'mmap lock.',
  },
  teardown: {
    title: 'A driver’s object is freed',
    text:
      'The device has been stopped, the notifier removed, the work item disabled or the memory ' +
      'region removed. Each of these waits for the threads that have found the object, so no other ' +
      'thread can reach it any more.',
  },
  region: {
    title: 'A region of device memory',
    text:
      'A region is complete before it becomes known. percpu_ref_kill changes the count and its ' +
      'state at once; code that puts a reference then tests the count, and no longer the state. The ' +
      'last put completes the completion, and no new reference can follow.',
  },
  notifier: {
    title: 'An interval notifier is inserted or removed',
    text:
      'Before it is inserted no other thread can reach the driver’s object. The step holds the lock ' +
      'of the subscriptions.',
  },
  users: {
    title: 'Users of an address space',
    text: 'The caller keeps the count of users above zero, or finds it zero, and then it stays zero.',
  },
  'set-seq': {
    title: 'Recording the sequence and removing entries',
    text:
      'The callback holds the driver’s update lock, and so does all code that changes the device ' +
      'page table or makes the decisive comparison of the sequence. Code that reads without the ' +
      'lock (mmu_interval_check_retry, the device) reads one of these words, and before the flush a ' +
      'device may still use an old entry. Entries are only removed: the flush waits for a device ' +
      'that still finds one. Whether the thread itself holds another lock does not change ' +
      'meanwhile.',
  },
  waiting: {
    title: 'Testing a condition and falling asleep',
    text:
      'wait_event queues the thread before it tests the condition, so that no wake-up in between is ' +
      'lost: testing and then queuing in one step is equivalent. The condition is tested again ' +
      'after each wake-up. Code that changes it wakes the queue under the same lock, or afterwards.',
  },
  'waiting-for-a-page': {
    title: 'Waiting for a folio lock',
    text:
      'The step is enabled when the lock is free or the entry has changed. It takes neither lock ' +
      'nor reference, so what it has seen may change at once. The fault is tried again, and so is ' +
      'the eviction. A page that an eviction has found free stays free, since allocation has ' +
      'stopped there.',
  },
  lru: {
    title: 'LRU lists',
    text:
      'A batch belongs to one CPU, which is not interrupted while it drains it. Code that finds a ' +
      'page still in a batch drains all batches and tries again, or leaves the page. A page is ' +
      'isolated from its list by an atomic test-and-clear of PG_lru, by a thread that holds a ' +
      'reference or takes one under the lock of the list.',
  },
  'busy-cpu': {
    title: 'A CPU that a thread keeps',
    text:
      'Whether a thread keeps its CPU is not a field of the kernel. It means that work queued on ' +
      'that CPU has to wait. Only lru_add_drain_all reads it, and only to wait; what it then does ' +
      'to the batch of that CPU commutes with the step that gives up the CPU.',
  },
  'own-record': {
    title: 'A record that other threads read',
    text:
      'The record is lent to one thread at a time, by a flag or a list that is guarded. Until it is ' +
      'lent, and until it is returned, no other thread changes it, and a thread that reads it finds ' +
      'it consistent.',
  },
  'sticky-flags': {
    title: 'Flags that a walk stores back',
    text:
      'This is an assumption: the kernel loads the sticky flags of an entry and stores them back ' +
      'with the result, and the driver’s callback may clear them in between. With two steps this is ' +
      'H20 (docs/findings/H20.md). The page-table entry is read once.',
  },
  'fault-handlers': {
    title: 'Finding a mirror and counting its handler',
    text:
      'The driver looks the mirror up and counts the handler under the lock of its list, which is ' +
      'not modelled.',
  },
  'struct-hmm': {
    title: 'struct hmm of older kernels',
    text:
      'hmm->lock, mirrors_sem and the lock of mmu_notifiers are held for the fields that such a ' +
      'step changes: the ranges on the list, the list itself, the count of the structure. A range ' +
      'that is not on the list is used by one thread only.',
  },
  srcu: {
    title: 'Readers under SRCU',
    text:
      'A reader is counted before it reads the list. A reader that finds the list empty holds ' +
      'nothing, and a grace period that waits for it only takes longer. call_srcu comes after the ' +
      'record was removed from the list, so readers that start later cannot find it. The last ' +
      'reader to leave that may have found it frees it.',
  },
  'hmm-devmem': {
    title: 'hmm_devmem of older kernels',
    text:
      'One thread adds and removes the region. It kills, exits and frees the counter in order, and ' +
      'waits for the completion in between. The thread that drops the last reference completes it ' +
      'and does not use the region again.',
  },
  sample: {
    title: 'The protocol in small',
    text:
      'The scenario retry-protocol has only the sequence. Its two numbers are read under a lock ' +
      'that the scenario omits.',
  },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly text: string }>>

/** The name of one of {@link atomicArguments}. */
export type AtomicArgument = keyof typeof atomicArguments

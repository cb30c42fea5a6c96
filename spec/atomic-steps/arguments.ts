/**
 * Why steps may be one that the rule calls too large: which of their accesses commute, and why nobody can tell.
 *
 * @module
 */

/** The arguments, by the names that {@link atomicSteps} uses. */
export const atomicArguments = {
  'cpu-access': {
    title: 'An access of a CPU',
    text:
      'TLB, page table and memory are one step. An instruction is not interrupted between translation and access; a flush ' +
      'waits for the CPUs that it interrupts, and they answer between instructions. The device page table is another matter: ' +
      'a device has accesses outstanding while entries change, and translates in one step and accesses in another (C3).',
  },
  'device-access': {
    title: 'A translation or an access of a device',
    text:
      'A device looks into its TLB and then into its page table, and notes what it found as an access under way. The TLB and ' +
      'the access are its own; whoever flushes it waits for both at once. One that reads the entry before it changes, and ' +
      'notes it afterwards, is waited for as one that did both before: the flush begins after the entry has changed. That it ' +
      'also waits for a translation which has read the entry and has not been noted is what the invalidation of a device ' +
      'promises (ATS: it completes after the translations that were requested before). An atomic access loads as it ' +
      'translates: from then on it is under way, and nobody else is given the page to write before it has ended.',
  },
  'device-flush': {
    title: 'A flush of a device',
    text:
      'The step is enabled when no access to the range is outstanding. The entries are gone by then, so that no new access ' +
      'can translate, and the device answers when its TLB has forgotten the range and the accesses have ended.',
  },
  tlb: {
    title: 'TLBs forget',
    text:
      'A flush only removes translations, CPU by CPU and page by page. The entry has changed by then, so that neither the CPU ' +
      'by itself nor a fault brings the old translation back; where the entry says the same as before (a table in the place ' +
      'of a huge entry) it does no harm. An access through a translation that is still there does not look at the page table: ' +
      'it may as well come before the step, as the page is still referenced. A CPU that is flushed before another is like one ' +
      'that had no translation, of which scenarios have some.',
  },
  entries: {
    title: 'Entries of one page table',
    text:
      'The page-table lock is held, so that faults and other changes wait. A CPU, a walk or a device that reads an entry ' +
      'without the lock reads one word: it reads it before or after the change. Where the kernel clears an entry and then ' +
      'writes the new one, it may also read that there is none: then it faults, and the fault looks again under the lock; a ' +
      'walk of a device is repeated, as the invalidation that the change is announced by is not over. Several entries that ' +
      'one section takes away are as if all went when the last one does: who finds one gone waits, and who still has another ' +
      'came before. Where a step changes an entry and what lies above it, or reads both, one of the two decides alone: an ' +
      'empty table and no table read alike, and so do a huge entry and the table that takes its place. A huge page is one ' +
      'entry in the kernel; here each of its parts has one, and all change together. An entry that moves is under the locks ' +
      'of both places.',
  },
  widening: {
    title: 'Several entries become present',
    text:
      'The kernel writes them one after another. Who comes to one that is not there yet faults and waits for the page-table ' +
      'lock, or waits for the end of the migration; a device faults, and its driver waits for its lock. A walk that does not ' +
      'fault reports less than there will be, as it does where there is less. Nobody is told, since access only gets wider.',
  },
  remapping: {
    title: 'Taking entries away for a split',
    text:
      'The kernel puts migration entries in the place of the parts of the folio, splits it, and puts entries back, each time ' +
      'under the page-table lock. Here the entries stay. Who faults in between waits, as it would for the lock; what comes ' +
      'and goes is compared again before the folio is split. What is lost is a walk that does not fault and reports, after ' +
      'the invalidation and before the entries are back, that there is nothing: it may do so of any page that migrates.',
  },
  unstable: {
    title: 'MMF_UNSTABLE',
    text:
      'It is set once, before the OOM reaper takes the first entry, and never cleared. A fault looks at it under the ' +
      'page-table lock under which the reaper takes entries: one that has not seen it comes before the reaper at that entry.',
  },
  counts: {
    title: 'Reference and mapping counts',
    text:
      'Each is one atomic word, and changes of them commute. Whoever compares them (migrate_vma_check_page, reclaim, reuse, ' +
      'and who freezes them) first takes the entries away or looks at them under the page-table locks under which mappings ' +
      'and their references change: it sees both counts before the step or both after it. Another address space only takes ' +
      'from the counts what it has put there: as long as it has not, the comparison fails. A reference that is held for a ' +
      'moment without an entry is one too many for it, before, within and after the step.',
  },
  'comparing-counts': {
    title: 'Counts are compared',
    text:
      'The caller holds the folio lock. A mapping count of zero stays zero, since nobody maps a page that is locked and ' +
      'behind migration or swap entries; one above zero may fall meanwhile, and who then walks the mappings finds less. ' +
      'References come and go, by holders that have no entry. The comparison is with one of the values that the count takes ' +
      'during the step.',
  },
  'frozen-count': {
    title: 'A count is compared and frozen',
    text:
      'The kernel compares the reference count and sets it to zero in one operation (folio_ref_freeze), and only if that ' +
      'succeeds goes on: from then on nobody gets a reference, so that what the step does next is to a page that nobody has. ' +
      'PG_dirty is looked at afterwards: who could still write to the page had a reference.',
  },
  'worth-a-try': {
    title: 'Whether a split is worth a try',
    text:
      'Mappings and references are read one after another and may change at once: the answer is a guess. A wrong no leaves ' +
      'the folio as it is, as a right one a moment later would; after a wrong yes the count is compared again, and frozen, ' +
      'once the entries have been taken away (pages by themselves).',
  },
  folio: {
    title: 'Which folio a page is part of',
    text:
      'It changes when the folio is split, with the folio lock held and its count frozen, so that there is no reference that ' +
      'is not accounted for; and when nobody has the page. Who looks at it holds a reference, the folio lock, or the ' +
      'page-table lock under which the page is mapped, and each keeps the folio from being split meanwhile.',
  },
  flags: {
    title: 'Flags of a page beside an entry',
    text:
      'PageAnonExclusive changes with an entry that maps the page, under its page-table lock; a page that is exclusive has ' +
      'one mapping. PG_dirty is only set, by whoever takes an entry away, gets a slot for the page or has a device that wrote ' +
      'to it; it is cleared under the folio lock, when the entries are gone, or together with theirs (MADV_FREE). Whoever looks at ' +
      'them otherwise holds the folio lock and has taken the entries away.',
  },
  charging: {
    title: 'The charge of a page',
    text:
      'The memory cgroup has one counter, which is compared and changed in one operation. What a page is charged for is noted ' +
      'in a page that nobody else can reach yet, or moves to one with the data: the counter stays.',
  },
  'unlock-and-put': {
    title: 'Unlocking and putting a page',
    text:
      'This is an assumption, and not commutation: a thread that gets the folio lock between the two finds one reference too ' +
      'many, and leaves the page where it is. Taken apart, as the kernel has them, two faults on one device page can do this ' +
      'to each other for ever, and C48 fails: that is H27 (docs/findings/H27.md). So that all else can be checked, it is ' +
      'assumed that who lets go of a device page puts it before another thread has the lock and counts. References that are ' +
      'held for longer are in the scenarios: by faults, by reclaim, by whoever looks at a page in passing. Everywhere else ' +
      'the two are two steps (folio_unlock, folio_put).',
  },
  'lock-and-hold': {
    title: 'Locking and holding a page',
    text:
      'The lock is tried first and the reference taken afterwards, as in the kernel: under the page-table lock, by the entry ' +
      'that maps the page, or of a page that the page cache has a reference to. It cannot become free between the two. Who ' +
      'sees the one without the other is another thread that tries the lock, and does not get it, or that compares counts, ' +
      'which needs the lock.',
  },
  'holding-before-trying': {
    title: 'Holding a page and trying its lock',
    text:
      'Where the lock is had this is as good as locking first: who compares counts needs the lock. Where somebody else has it ' +
      'the kernel has taken a reference by then, puts it when the try fails, and whoever has the lock finds one too many ' +
      'meanwhile. In migrate_vma_collect that is so: the page is put in a step after the one that has tried. In ' +
      'migrate_device_range it is an assumption that a failed try leaves nothing: taken apart, an eviction that is repeated ' +
      'and a fault keep each other from migrating the page, and C48 fails, which is H28 (docs/findings/H28.md). Reclaim that ' +
      'holds a page whose lock it does not get is in the scenarios (shrink_folio_list (keep)), and so is whoever looks at a ' +
      'page in passing.',
  },
  'momentary-lock': {
    title: 'A folio lock that is tried and dropped',
    text:
      'The kernel tries the lock, does what the step does, and unlocks (swap cache, reuse, exclusive entries in fork, mapping ' +
      'what is cached); here the step looks whether the lock is free. Who tries it meanwhile fails, as it does whenever ' +
      'somebody has the page, and gives up or tries again; who waits for it waits on. Such failures are lost here, and those ' +
      'by a lock that is held for longer are not.',
  },
  copying: {
    title: 'Copying a page',
    text:
      'The source is locked and behind migration or swap entries, or write-protected with its entry looked at again before ' +
      'the copy is mapped; nobody writes to it. The data of a page is one word here: where somebody may still write (a page ' +
      'of a file, a device that has a reference) the copy is what was there at one moment, and who wrote later says that the ' +
      'page is dirty. The destination is new: nobody reaches it before it is mapped.',
  },
  merging: {
    title: 'Merging pages',
    text:
      'Contents are compared twice. While ksmd searches they may change: a wrong yes is found out by the second comparison, and ' +
      'a wrong no costs a merge. The second is of a page whose entry is write-protected, under its lock, with a merged page, ' +
      'which nobody may write: neither changes. That a page is merged is written in its mapping: get_ksm_page reads that, ' +
      'takes a reference unless there is none, and reads it again, so that what it has is the merged page, as in one step.',
  },
  allocating: {
    title: 'Allocating pages',
    text:
      'Pages come off a free list under a lock that is not modelled, since nobody holds it over several steps: that of the ' +
      'zone, or of the driver. What is set in a page before it is handed out nobody sees: it has no entry, and who takes a ' +
      'reference in passing looks at the count alone. Its lock is free, and nobody waits for it.',
  },
  swap: {
    title: 'Slots and the swap cache',
    text:
      'The count of a slot, what is in it, and which page is in the swap cache for it change under the locks of the swap area and ' +
      'of the cache, which are not modelled, and under the folio lock or the page-table lock of an entry that names the ' +
      'slot. Who finds a page in the cache waits for its folio lock, and looks again.',
  },
  'page-cache': {
    title: 'The page cache',
    text:
      'A page is put into the cache or taken out under the lock of i_pages, which is not modelled. It is found without it: a ' +
      'reference is taken unless there is none, and the lookup repeated if the cache has something else by then. One that is ' +
      'found is locked before it is used, and looked at again; one that is put in is new. Who waits for the lock holds a ' +
      'reference in the kernel, and none here: pages of files are not migrated to devices, so that whoever counts it leaves ' +
      'the page anyway.',
  },
  areas: {
    title: 'Areas',
    text:
      'Areas change under the mmap lock for writing. Who looks at one without it (a walk over all mappings, the rmap, a ' +
      'claim) has in the kernel the lock of the anon_vma or of the file, which is not modelled: it finds the area before or ' +
      'after the change, and looks at the entry again under the page-table lock. The flags of an area change before its ' +
      'entries do, so that an entry which is made by the old flags is changed afterwards. An area that is made is not linked ' +
      'before it is complete, and its anon_vma is set under the page-table lock once.',
  },
  'rmap-walk': {
    title: 'Where a page may be mapped',
    text:
      'The walk chooses the next place to look at. What it reads without locks decides nothing: the entry is looked at again ' +
      'under the page-table lock, and the walk begins again if the mapping has moved meanwhile. It does not miss an entry ' +
      'that is being moved: in the kernel the order of the areas, or the lock of the rmap, sees to that.',
  },
  'free-list': {
    title: 'The free list of a driver',
    text:
      'The driver has a lock of its own for the list and for whether memory is still given out. It is not modelled, since ' +
      'nobody holds it over several steps; each step that touches the list is one section under it.',
  },
  'lost-device': {
    title: 'A device is lost',
    text:
      'The device is gone at one instant, and what was in its memory with it: no CPU could map that memory, and its own accesses ' +
      'end. What the driver notes of it is under its own lock.',
  },
  'work-item': {
    title: 'A work item',
    text:
      'Whether it is queued, which worker runs it, how often it is disabled and who waits for it change under the lock of the ' +
      'pool, which is not modelled, since nobody holds it over several steps.',
  },
  'child-region': {
    title: 'A child region of mlx5',
    text:
      'Whether a child is allocated is looked at by the model alone, to find uses of one that is freed. One that is being made ' +
      'is known to nobody else. One that is on an array is freed after it was taken off under the lock that is held here; one ' +
      'that has pages mapped is freed after they were unmapped under the mutex that is held here. Its use count is one atomic ' +
      'word. The list of those to destroy stands for work items, of which the kernel has one in each child: to queue one, or to ' +
      'begin it, is one word.',
  },
  gpusvm: {
    title: 'A range of drm_gpusvm',
    text:
      'Whoever changes the range, or its entries, holds the notifier lock or the lock of the driver in the modes that are ' +
      'declared. Who looks at its flags without the notifier lock only finds out whether a fault has something to do: before ' +
      'entries are written they are looked at again under it, and after a wrong no the device faults again. Its count is one ' +
      'atomic word, and as long as it is on the list it has a reference.',
  },
  amdkfd: {
    title: 'A range of amdkfd, and the faults of its GPU',
    text:
      'Whoever changes a range, its children or its entries holds prange->lock; ranges come and go under svms->lock as well. Whether one ' +
      'is allocated is looked at by the model alone. A fault reads where a range begins and ends without prange->lock to choose what it ' +
      'walks, and looks at the children under it before entries are written. That stale faults are drained is a counter in the ' +
      'kernel, which is set to 0 by a comparison with what it was before the wait: while it is not, faults are dropped, so that to wait ' +
      'and to set it is one. A fault is in the interrupt ring, and has a reference to the process, before anything of it is looked at.',
  },
  teardown: {
    title: 'A driver’s object is freed',
    text:
      'The device has been stopped, the notifier removed, the work item disabled or the region of its memory given up, and ' +
      'each of them waits for whoever has found the object: nobody else has it any more.',
  },
  region: {
    title: 'A region of device memory',
    text:
      'A region is complete before anybody is told of it. percpu_ref_kill switches the count and its state at once; who puts a ' +
      'reference looks at what the count has come to, and no longer at the state. The last one completes what is waited for ' +
      'before anybody else can come.',
  },
  notifier: {
    title: 'An interval notifier comes and goes',
    text: 'Before it is inserted nobody else has the driver’s object. The step holds the lock of the subscriptions.',
  },
  users: {
    title: 'Users of an address space',
    text: 'The caller keeps the count of users from coming to zero, or is told that it is zero, which it stays.',
  },
  'set-seq': {
    title: 'Recording the sequence and removing entries',
    text:
      'The callback holds the driver’s update lock, and so does everybody who changes the device page table or compares the ' +
      'sequence reliably. Who reads without the lock (mmu_interval_check_retry, the device) reads one of these words, and ' +
      'before the flush a device may use an entry that was there. Entries are only removed: a device that still finds one is ' +
      'waited for. Whether the thread itself holds another lock does not change meanwhile.',
  },
  waiting: {
    title: 'Looking and falling asleep',
    text:
      'wait_event queues the thread before it looks, so that a wake-up between the two is not lost: to look and then to queue ' +
      'in one step is the same. The condition is looked at again after each wake-up. Who changes it and wakes does so under the ' +
      'same lock, or wakes afterwards.',
  },
  'waiting-for-a-page': {
    title: 'Waiting for a folio lock',
    text:
      'The step is enabled when the lock is free or the entry has changed, and takes neither: whatever it has seen may be ' +
      'otherwise at once. The fault is tried again, and so is the eviction. A page that an eviction has found free stays ' +
      'free, since nothing is allocated from there any more.',
  },
  lru: {
    title: 'LRU lists',
    text:
      'A batch belongs to one CPU, which is not interrupted as it empties it. Who finds a page still in a batch has all of ' +
      'them emptied, and tries again, or leaves it. A page is taken off its list by an atomic test-and-clear of its flag, by ' +
      'somebody who holds a reference or takes one under the lock of the list.',
  },
  'busy-cpu': {
    title: 'A CPU that a thread keeps',
    text:
      'Whether a thread keeps its CPU is no word of the kernel: it says that what is queued for the CPU has to wait. Only ' +
      'lru_add_drain_all looks at it, and only waits; what it does then, to the batch of that CPU, commutes with the step ' +
      'that lets go of the CPU.',
  },
  'own-record': {
    title: 'A record that others look at',
    text:
      'The record is lent to one thread at a time, by a flag or a list that is guarded: until it is, and from then on until ' +
      'it is given back, nobody else changes it, and who only looks at it finds it whole.',
  },
  'sticky-flags': {
    title: 'Flags that a walk stores back',
    text:
      'This is an assumption: the kernel loads the sticky flags of an entry, and stores them back with the result, while the ' +
      'callback of the driver may clear them. Taken apart that is H20 (docs/findings/H20.md). The entry of the page table is ' +
      'read once.',
  },
  'fault-handlers': {
    title: 'Finding a mirror and counting its handler',
    text: 'The driver looks the mirror up and counts the handler under the lock of its list, which is not modelled.',
  },
  'struct-hmm': {
    title: 'struct hmm of older kernels',
    text:
      'hmm->lock, mirrors_sem and the lock of mmu_notifiers are held over what such a step does: ranges on the list, the list ' +
      'itself, the count of the structure. A range that is not on the list is its thread’s own.',
  },
  srcu: {
    title: 'Readers under SRCU',
    text:
      'A reader is counted before it looks at the list; one that finds nothing there holds nothing, and whoever waits for it ' +
      'waits in vain. call_srcu comes when the record is off the list: readers that come in between do not have it. The last ' +
      'one to leave that may have found it frees it.',
  },
  'hmm-devmem': {
    title: 'hmm_devmem of older kernels',
    text:
      'One thread adds and removes the region. The count is killed, exited and freed by it in turn; the completion is what it ' +
      'waits for between, and who puts the last reference completes it and does not come back.',
  },
  sample: {
    title: 'The protocol in small',
    text: 'The scenario retry-protocol has the sequence and nothing else: the two numbers are read under a lock that it leaves out.',
  },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly text: string }>>

/** The name of one of {@link atomicArguments}. */
export type AtomicArgument = keyof typeof atomicArguments

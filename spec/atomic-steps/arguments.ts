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
      'the access are its own; whoever flushes it waits for both at once. One that reads the entry before it changes, and notes ' +
      'it afterwards, is waited for as one that did both before: the flush begins after the entry has changed.',
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
      'A flush only removes translations, CPU by CPU and page by page. An access through a translation that is still there does ' +
      'not look at the page table: it may as well come before the step, as the page is still referenced. Who flushes under ' +
      'the page-table lock holds up every fault that would fill a TLB again.',
  },
  entries: {
    title: 'Entries of one page table',
    text:
      'The page-table lock is held, so that faults and other changes wait. A CPU, a walk or a device that reads an entry ' +
      'without the lock reads one word: it reads it before or after the change. Where a step changes an entry and what lies above ' +
      'it, or reads both, one of the two decides alone: an empty table and no table read alike. A huge page is one entry in the ' +
      'kernel; here each of its parts has one, and all change together.',
  },
  counts: {
    title: 'Reference and mapping counts',
    text:
      'Each is one atomic word, and changes of them commute. Whoever compares them (migrate_vma_check_page, split_folio, reclaim, ' +
      'reuse) first takes the entries away or looks at them under the page-table locks under which mappings and their references ' +
      'change: it sees both counts before the step or both after it. A reference that is held for a moment without an entry is ' +
      'one too many for it, before, within and after the step.',
  },
  'comparing-counts': {
    title: 'Counts are compared',
    text:
      'The caller holds the folio lock, and what it compares with has been taken away: no mapping comes back while the folio ' +
      'is locked and behind migration entries. The mapping count stays what it is; only references come and go, by holders that ' +
      'have no entry. The comparison is with one of the values that the count takes during the step.',
  },
  folio: {
    title: 'Which folio a page is part of',
    text:
      'It changes when the folio is split, with the folio lock held, every mapping a migration entry and no reference that is ' +
      'not accounted for; and when nobody has the page. Who looks at it holds a reference, the folio lock, or the page-table lock ' +
      'under which the page is mapped, and each keeps the folio from being split meanwhile.',
  },
  flags: {
    title: 'Flags of a page beside an entry',
    text:
      'PG_dirty and PageAnonExclusive change with an entry that maps the page, under its page-table lock; a page that is ' +
      'exclusive has one mapping. Whoever looks at them otherwise holds the folio lock and has taken the entries away.',
  },
  'unlock-and-put': {
    title: 'Unlocking and putting a page',
    text:
      'This is an assumption, and not commutation: a thread that gets the folio lock between the two finds one reference too ' +
      'many, and leaves the page where it is. Taken apart, as the kernel has them, two faults on one device page can do this to ' +
      'each other for ever, and C48 fails: that is H27 (docs/findings/H27.md). So that all else can be checked, it is assumed ' +
      'that who lets go of a device page puts it before another thread has the lock and counts. References that are held for ' +
      'longer are in the scenarios: by faults, by reclaim, by whoever looks at a page in passing. Everywhere else the two are ' +
      'two steps (folio_unlock, folio_put).',
  },
  'lock-and-hold': {
    title: 'Locking and holding a page',
    text:
      'The lock is tried and the reference taken under the page-table lock, by the entry that maps the page, or of a page that ' +
      'has a reference: it cannot become free between the two. Who sees the one without the other is another thread that tries ' +
      'the lock, and does not get it, or that compares counts, which needs the lock.',
  },
  copying: {
    title: 'Copying a page',
    text:
      'The source is locked and behind migration entries, or write-protected with its entry looked at again before the copy is ' +
      'mapped; nobody writes to it. The destination is new: nobody reaches it before it is mapped.',
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
      'A page is put into the cache, found in it and held, or taken out under the lock of i_pages, which is not modelled. One ' +
      'that is found is locked before it is used, and looked at again; one that is put in is new.',
  },
  areas: {
    title: 'Areas',
    text:
      'Areas change under the mmap lock for writing. Who looks at one without it (a walk over all mappings, the rmap, a claim) ' +
      'looks at one attribute of it, in the kernel under the lock of the anon_vma or of the file, which is not modelled. An ' +
      'area that is made is not linked before it is complete, and its anon_vma is set under the page-table lock once.',
  },
  'rmap-walk': {
    title: 'Where a page may be mapped',
    text:
      'The walk chooses the next place to look at. What it reads without locks decides nothing: the entry is looked at again ' +
      'under the page-table lock, and the walk begins again if the mapping has moved meanwhile.',
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
      'declared. Who looks at its flags without them only finds out whether a fault has something to do: before entries are ' +
      'written they are looked at again under the notifier lock. Its count is one atomic word, and as long as it is on the ' +
      'list it has a reference.',
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
      'The device has been stopped, the notifier removed and the work item disabled, and each of them waits for whoever has found ' +
      'the object: nobody else has it any more.',
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
    text:
      'Before it is inserted nobody else has the driver’s object. The step holds the lock of the subscriptions, and looks once ' +
      'whether the process still has users, which the caller keeps from ending.',
  },
  'set-seq': {
    title: 'Recording the sequence and removing entries',
    text:
      'The callback holds the driver’s update lock, and so does everybody who changes the device page table or compares the ' +
      'sequence reliably. Who reads without the lock (mmu_interval_check_retry, the device) reads one of these words, and before ' +
      'the flush a device may use an entry that was there. Entries are only removed: a device that still finds one is waited for.',
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
      'otherwise at once. The fault is tried again.',
  },
  lru: {
    title: 'LRU lists',
    text:
      'A batch belongs to one CPU, which is not interrupted as it empties it. A page is taken off its list by an atomic ' +
      'test-and-clear of its flag, by somebody who holds a reference or takes one under the lock of the list.',
  },
  'own-record': {
    title: 'A record that others look at',
    text:
      'The record is lent to one thread at a time, by a flag or a list that is guarded: until it is, and from then on until it ' +
      'is given back, nobody else changes it, and who only looks at it finds it whole.',
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

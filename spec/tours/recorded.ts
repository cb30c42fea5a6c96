/**
 * Tours of bugs in the kernel's own test driver.
 *
 * @module
 */
import { stop, type Tour, tourOf } from './tour.js'

/** Tours of H16, H17, H18, H19 and H26. */
export const recordedTours: readonly Tour[] = [
  tourOf('H16', 'backed-access', [
    stop(
      'mprotect',
      'dmirror_interval_invalidate',
      'set_seq and drop the entries',
      'The page is in the memory of the device, frame 4. mprotect removes the entry of the device; the page stays where it is.',
      { 'dmirror.pte[0].frame': 'none', 'mm[0].pte[0].kind': 'devicePrivate' },
    ),
    stop(
      'dev_read',
      'dmirror_do_read',
      'copy a page out',
      'The device reads, finds no entry, and has to fault.',
      { 'dmirror.pte[0].frame': 'none' },
    ),
    stop(
      'dev_read',
      'hmm_vma_walk_pmd',
      'read an entry',
      'The walk reports the device page itself: the caller is its owner. Frame 4 has a struct page, but no memory that a CPU can read.',
      { 'dmirror.range[0].hmm_pfns[0].frame': '4' },
    ),
    stop(
      'dev_read',
      'dmirror_do_fault',
      'store an entry',
      'The fault stores what the walk has reported. The driver keeps the data of a device page in a page behind it, and its own migration stores that one.',
      { 'dmirror.pte[0].frame': 'frame[4]', 'dmirror.pte[0].unbacked': '1' },
    ),
    stop(
      'dev_read',
      'dmirror_do_read',
      'copy a page out',
      'The device reads through a struct page without memory behind it: the kernel crashes here.',
      { 'dmirror.pte[0].unbacked': '1' },
      2,
    ),
  ]),
  tourOf('H17', 'C41', [
    stop(
      'migrate_to_dev',
      'mmget_not_zero',
      'count a user',
      'A process asks for a migration to the device. The device maps the page already, writable, in system memory.',
      { 'dmirror.pte[0].frame': 'frame[1]', 'dmirror.pte[0].write': '1' },
    ),
    stop(
      'migrate_to_dev',
      'dmirror_migrate_to_device',
      'down_read mm[0].mmap_lock',
      'It holds the mmap lock for reading. That does not keep the device from writing.',
      { 'mm[0].mmap_lock.readers': '2' },
    ),
    stop(
      'migrate_to_dev',
      'migrate_vma_setup',
      'check the range',
      'The migration passes the device as its owner.',
      { 'mm[0].pte[0].kind': 'present', 'dmirror.pte[0].frame': 'frame[1]' },
    ),
    stop(
      'migrate_to_dev',
      'mn_itree_inv_start_range',
      'count the invalidation',
      'The callback sees its own owner and ignores the event. The device still maps a page that is about to be copied: what it writes from now on is lost.',
      { 'range[1].event': 'MIGRATE', 'range[1].owner': '1', 'dmirror.pte[0].frame': 'frame[1]' },
    ),
  ]),
  tourOf('H18', 'C41', [
    stop(
      'migrate_to_sys2',
      'mmget_not_zero',
      'count a user',
      'One process has opened the device twice. The first file maps the page, which is in the memory of the device; the second is asked to migrate it back.',
      { 'dmirror.pte[0].frame': 'frame[4]' },
    ),
    stop(
      'migrate_to_sys2',
      'mn_itree_inv_start_range',
      'count the invalidation',
      'The event has the device as its owner. The callbacks of both files take it for one of their own, and ignore it.',
      { 'range[1].owner': '1', 'dmirror.pte[0].frame': 'frame[4]' },
    ),
    stop(
      'migrate_to_sys2',
      'migrate_vma_collect_pmd (entry)',
      'collect an entry',
      'The migration takes the page away from the CPUs.',
      { 'mm[0].pte[0].kind': 'migration', 'dmirror.pte[0].frame': 'frame[4]' },
    ),
    stop(
      'migrate_to_sys2',
      'dmirror_devmem_fault_alloc_and_copy',
      'drop the entries',
      'The driver empties a page table before it copies: that of the second file, which maps nothing.',
      { 'dmirror (second file).pte[0].frame': 'none', 'dmirror.pte[0].frame': 'frame[4]' },
    ),
    stop(
      'migrate_to_sys2',
      'alloc_and_copy (page)',
      'allocate a destination',
      'The copy begins, and the first file can still reach the source. Later it reads and writes a page that is free.',
      { 'migration[1].page[0].dst': 'frame[1]', 'dmirror.pte[0].frame': 'frame[4]' },
    ),
  ]),
  tourOf('H19', 'use-after-free', [
    stop(
      'close2',
      'mmu_interval_notifier_remove',
      'remove',
      'The second file of the device is closed. Its notifier is removed first.',
      { 'dmirror (second file).notifier.in_tree': '0' },
    ),
    stop(
      'cpu_write',
      'do_swap_page',
      'look again, and lock the page',
      'At that moment a CPU faults on a page that was migrated through this file. The fault has the lock and a reference.',
      { 'frame[4].locked': '2', 'frame[4].refcount': '2' },
    ),
    stop(
      'close2',
      'migrate_device_range (collect)',
      'lock a page, and hold it',
      'The closing evicts every page of the device. This one is locked, and is skipped.',
      { 'frame[4].locked': '2', 'mm[0].pte[0].kind': 'devicePrivate' },
    ),
    stop(
      'close2',
      'dmirror_fops_release',
      'free the mirror',
      'The driver does not check whether a page is left. The file is freed.',
      { 'dmirror (second file).notifier.allocated': '0' },
    ),
    stop(
      'cpu_write',
      'dmirror_devmem_fault',
      'look up the file',
      'The fault goes on, and looks up the file through the page: it is freed memory.',
      { 'dmirror (second file).notifier.allocated': '0' },
    ),
  ]),
  tourOf('H26', 'C43', [
    stop(
      'exclusive',
      'page_make_device_exclusive_one',
      'clear, flush and make exclusive',
      'The page is exclusive to the device. Its folio lock is held until the device is programmed.',
      { 'mm[0].pte[0].kind': 'deviceExclusive', 'frame[1].locked': '1' },
    ),
    stop(
      'madv_dontneed',
      'mn_itree_inv_start_range',
      'count the invalidation',
      'Another thread zaps the page. It holds the mmap lock for reading, as the first does, and needs no folio lock.',
      { 'range[1].event': 'CLEAR', 'mm[0].subscriptions.active_invalidate_ranges': '2' },
    ),
    stop(
      'madv_dontneed',
      'dmirror_interval_invalidate',
      'set_seq and drop the entries',
      'The callback finds nothing to drop: the device is not programmed yet.',
      { 'dmirror.pte[0].frame': 'none' },
    ),
    stop(
      'exclusive',
      'dmirror_atomic_map (locked)',
      'map an exclusive page',
      'The driver maps the page, and does not compare a sequence. The callback has come and gone.',
      { 'dmirror.pte[0].frame': 'frame[1]', 'dmirror.pte[0].atomic': '1' },
    ),
    stop(
      'madv_dontneed',
      'zap_pte_range',
      'clear an entry',
      'The entry of the CPU is gone, and with it the reference of the process. The device keeps access to a page that will belong to somebody else.',
      { 'mm[0].pte[0].kind': 'none', 'dmirror.pte[0].frame': 'frame[1]' },
    ),
  ]),
]

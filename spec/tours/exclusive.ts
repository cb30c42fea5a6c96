/**
 * Tours of bugs in exclusive access by devices.
 *
 * @module
 */
import { stop, type Tour, tourOf } from './tour.js'

/** Tours of H13, H24 and H25. */
export const exclusiveTours: readonly Tour[] = [
  tourOf('H13', 'exclusive-kept', [
    stop(
      'device',
      'page_make_device_exclusive_one',
      'clear, flush and make exclusive',
      'The driver makes the page exclusive: no CPU can access it without a fault.',
      { 'mm[0].pte[0].kind': 'deviceExclusive' },
    ),
    stop(
      'device',
      'atomic fault (try)',
      'program an exclusive entry',
      'The device gets an entry for atomic access.',
      { 'gpu.pte[0].frame': 'frame[1]', 'gpu.pte[0].atomic': '1' },
    ),
    stop(
      'device',
      'device atomic access (try)',
      'store',
      'The atomic access is done: it has read 1 and stored 2.',
      { 'frame[1].contents': '2', 'mm[0].pte[0].kind': 'deviceExclusive' },
    ),
    stop(
      'device',
      'device access',
      'look at the tag',
      'Now the same device makes a plain write. The driver finds an entry for atomic access, and treats it as missing.',
      { 'gpu.pte[0].atomic': '1', 'gpu.pte[0].write': '1' },
    ),
    stop(
      'device',
      'hmm_vma_walk_pmd',
      'read an entry',
      'The walk finds a device-exclusive entry. To a walk that is not present, so the page must be faulted in.',
      { 'mm[0].pte[0].kind': 'deviceExclusive' },
    ),
    stop(
      'device',
      'invalidate (unmap)',
      'set_seq and unmap',
      'The fault gives the page back to the CPUs, and notifies devices first. The driver removes its own entry: the device has lost exclusive access by a write of its own.',
      { 'gpu.pte[0].frame': 'none', 'gpu.pte[0].atomic': '0' },
    ),
  ]),
  tourOf('H24', 'C49', [
    stop(
      'device',
      'mmu_interval_read_begin',
      'sample the sequence',
      'The driver samples the sequence of its notifier. The page is exclusive already, since an earlier turn.',
      { 'gpu.range[0].notifier_seq': '1', 'mm[0].pte[0].kind': 'deviceExclusive' },
    ),
    stop(
      'device',
      'handle_mm_fault',
      'look at the entry',
      'To make the page exclusive the kernel first gets it for writing. An exclusive entry is not present, so it is faulted in.',
      { 'mm[0].pte[0].kind': 'deviceExclusive' },
    ),
    stop(
      'device',
      'invalidate (unmap)',
      'set_seq and unmap',
      'That fault notifies devices, without an owner. The callback cannot tell that the driver caused it, and sets the sequence.',
      { 'gpu.notifier.invalidate_seq': '3', 'gpu.range[0].notifier_seq': '1' },
    ),
    stop('device', 'remove_device_exclusive_entry', 'restore the entry', 'The entry is restored.', {
      'mm[0].pte[0].kind': 'present',
    }),
    stop(
      'device',
      'page_make_device_exclusive_one',
      'clear, flush and make exclusive',
      'And made exclusive again. This event has the owner of the driver, and the callback ignores it.',
      { 'mm[0].pte[0].kind': 'deviceExclusive', 'gpu.notifier.invalidate_seq': '3' },
    ),
    stop(
      'device',
      'mmu_interval_read_retry',
      'compare the sequence',
      'The sequence has changed from 1 to 3: the driver collides with itself and maps nothing.',
      { 'gpu.range[0].notifier_seq': '1', 'gpu.pte[0].frame': 'none' },
    ),
    stop(
      'device',
      'handle_mm_fault',
      'look at the entry',
      'It begins again, with the page exclusive as before. No other thread is needed for this to go on for ever.',
      { 'mm[0].pte[0].kind': 'deviceExclusive' },
      2,
    ),
  ]),
  tourOf('H25', 'C49', [
    stop(
      'gpu',
      'atomic fault (try)',
      'program an exclusive entry',
      'The first device has made the page exclusive, and is programmed.',
      { 'gpu.pte[0].frame': 'frame[1]', 'mm[0].pte[0].kind': 'deviceExclusive' },
    ),
    stop(
      'gpu',
      'folio_unlock',
      'unlock the page',
      'It unlocks the page before it has made its access. From here on any thread can lock the page.',
      { 'frame[1].locked': '0', 'gpu.pte[0].atomic': '1' },
    ),
    stop(
      'npu',
      'invalidate (unmap)',
      'set_seq and unmap',
      'The second device faults the page in. The callback of the first removes its entry, unused.',
      { 'gpu.pte[0].frame': 'none' },
    ),
    stop(
      'gpu',
      'device atomic access (try)',
      'load',
      'The first device tries its access, finds no entry, and faults again.',
      { 'gpu.pte[0].frame': 'none' },
      2,
    ),
    stop('npu', 'atomic fault (try)', 'program an exclusive entry', 'Now the second device has the page.', {
      'npu.pte[0].frame': 'frame[1]',
      'mm[0].pte[0].kind': 'deviceExclusive',
    }),
    stop(
      'gpu',
      'remove_device_exclusive_entry',
      'restore the entry',
      'And the first device takes it back in the same way, before the second has used it.',
      { 'npu.pte[0].frame': 'none', 'mm[0].pte[0].kind': 'present' },
    ),
    stop(
      'npu',
      'device atomic access (try)',
      'load',
      'Both have been programmed, and neither has made an access. The turns repeat.',
      { 'npu.pte[0].frame': 'none', 'frame[1].contents': '1' },
      2,
    ),
  ]),
]

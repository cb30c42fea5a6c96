/**
 * Litmus tests that are about one rule each, written by hand.
 *
 * @module
 */
import type { LitmusTest } from './test.js'

const untouched = ['mmap 0 1 rw']
const system = [...untouched, 'cpu_write 0 5']
const mirrored = [...untouched, 'dev_write 0 0 1 5']
const device = [...system, 'migrate_to_dev 0 0 1']
const exclusive = [...system, 'exclusive 0 0 1']
const two = ['mmap 0 2 rw', 'cpu_write 0 5', 'cpu_write 1 6']
const twoOnDevice = [...two, 'migrate_to_dev 0 0 2']

const look = ['ptes 0 1', 'cpu_read 0']
const byDevice = ['dev_read 0 0 1', 'cpu_read 0']
const lookAtTwo = ['cpu_read 0', 'cpu_read 1']
const lookAtBoth = ['ptes 0 1', 'cpu_read 0', 'c:cpu_read 0']

function test(
  name: string,
  title: string,
  setup: readonly string[],
  threads: readonly (readonly string[])[],
  final: readonly string[] = look,
): LitmusTest {
  return { test: `directed/${name}`, title, setup, threads, final }
}

/** Every directed test. */
export const directedTests: readonly LitmusTest[] = [
  // One page, a fault of the device against what takes the page away
  test('dev_read+munmap', 'A fault of the device against munmap', system, [
    ['dev_read 0 0 1'],
    ['munmap 0 1'],
  ]),
  test('dev_write+munmap', 'A write of the device against munmap', system, [
    ['dev_write 0 0 1 7'],
    ['munmap 0 1'],
  ]),
  test('mirrored/dev_write+munmap', 'A write through an entry that munmap takes away', mirrored, [
    ['dev_write 0 0 1 7', 'dev_read 0 0 1'],
    ['munmap 0 1'],
  ]),
  test('dev_write+remap', 'Nothing of the old mapping is seen in the new one', mirrored, [
    ['dev_write 0 0 1 7'],
    ['munmap 0 1', 'mmap 0 1 rw', 'cpu_read 0'],
  ]),
  test('dev_read+mprotect', 'A read of the device against mprotect to nothing', mirrored, [
    ['dev_read 0 0 1', 'dev_read 0 0 1'],
    ['mprotect 0 1 none'],
  ]),
  test('dev_write+mprotect', 'A write of the device is refused once mprotect has returned', mirrored, [
    ['dev_write 0 0 1 7', 'dev_write 0 0 1 8'],
    ['mprotect 0 1 ro', 'cpu_read 0'],
  ]),
  test('dev_write+zap', 'A write of the device against MADV_DONTNEED', mirrored, [
    ['dev_write 0 0 1 7'],
    ['madv_dontneed 0 1', 'cpu_read 0'],
  ]),
  test('snapshot+munmap', 'A snapshot against munmap', system, [['snapshot 0 0 1'], ['munmap 0 1']]),
  test('snapshot+migrate', 'A snapshot against a migration', system, [
    ['snapshot 0 0 1'],
    ['migrate_to_dev 0 0 1'],
  ]),
  test('snapshot+cpu_write', 'A snapshot of an untouched page against the first write', untouched, [
    ['snapshot 0 0 1'],
    ['cpu_write 0 7'],
  ]),
  // Coherence of one page between CPU and device
  test('CoWW', 'Two writes to one page', system, [['cpu_write 0 7'], ['dev_write 0 0 1 8']], byDevice),
  test('CoRR+cpu', 'The CPU does not read backwards', system, [
    ['dev_write 0 0 1 7'],
    ['cpu_read 0', 'cpu_read 0'],
  ]),
  test('CoRR+dev', 'The device does not read backwards', system, [
    ['dev_read 0 0 1', 'dev_read 0 0 1'],
    ['cpu_write 0 7'],
  ]),
  test('CoRW', 'A device that reads and then writes, against a CPU write', system, [
    ['dev_read 0 0 1', 'dev_write 0 0 1 7'],
    ['cpu_write 0 8'],
  ]),
  test('CoWR', 'A CPU that writes and then reads, against a device write', system, [
    ['dev_write 0 0 1 7'],
    ['cpu_write 0 8', 'cpu_read 0'],
  ]),
  test('CoWR+two-devices', 'Two devices write one page', system, [
    ['dev_write 0 0 1 7', 'dev_read 0 0 1'],
    ['dev_write 1 0 1 8', 'dev_read 1 0 1'],
  ]),
  // Two pages: what is seen of one says what must be seen of the other
  test(
    'MP+cpu+dev',
    'Message passing from the CPU to the device',
    two,
    [
      ['dev_read 0 1 1', 'dev_read 0 0 1'],
      ['cpu_write 0 7', 'cpu_write 1 8'],
    ],
    lookAtTwo,
  ),
  test(
    'MP+dev+cpu',
    'Message passing from the device to the CPU',
    two,
    [
      ['dev_write 0 0 1 7', 'dev_write 0 1 1 8'],
      ['cpu_read 1', 'cpu_read 0'],
    ],
    lookAtTwo,
  ),
  test(
    'SB+cpu+dev',
    'Each writes one page and reads the other: one of them sees the other',
    two,
    [
      ['dev_write 0 0 1 7', 'dev_read 0 1 1'],
      ['cpu_write 1 8', 'cpu_read 0'],
    ],
    lookAtTwo,
  ),
  test(
    'LB+cpu+dev',
    'Each reads one page and writes the other',
    two,
    [
      ['dev_read 0 0 1', 'dev_write 0 1 1 8'],
      ['cpu_read 1', 'cpu_write 0 7'],
    ],
    lookAtTwo,
  ),
  test(
    '2+2W',
    'Two pages, each written by both',
    two,
    [
      ['dev_write 0 0 1 7', 'dev_write 0 1 1 7'],
      ['cpu_write 1 8', 'cpu_write 0 8'],
    ],
    lookAtTwo,
  ),
  test(
    'MP+dev+cpu+migration',
    'Message passing through pages on the device',
    twoOnDevice,
    [
      ['dev_write 0 0 1 7', 'dev_write 0 1 1 8'],
      ['cpu_read 1', 'cpu_read 0'],
    ],
    lookAtTwo,
  ),
  test('CoRR+cpu+to_dev', 'The CPU does not read backwards while a third thread migrates the page', system, [
    ['dev_write 0 0 1 7'],
    ['cpu_read 0', 'cpu_read 0'],
    ['migrate_to_dev 0 0 1'],
  ]),
  // Migration
  test('migrate_to_dev+cpu_read', 'A migration against a fault of the CPU', system, [
    ['migrate_to_dev 0 0 1'],
    ['cpu_read 0'],
  ]),
  test('migrate_to_dev+cpu_write', 'A migration against a write of the CPU', system, [
    ['migrate_to_dev 0 0 1'],
    ['cpu_write 0 7', 'cpu_read 0'],
  ]),
  test('migrate_to_dev+migrate_to_dev', 'Two migrations to one device', system, [
    ['migrate_to_dev 0 0 1'],
    ['migrate_to_dev 0 0 1'],
  ]),
  test('migrate_to_dev+other', 'Two migrations to two devices', system, [
    ['migrate_to_dev 0 0 1'],
    ['migrate_to_dev 1 0 1'],
  ]),
  test('migrate_to_dev+migrate_to_sys', 'There and back at the same time', device, [
    ['migrate_to_sys 0 0 1', 'migrate_to_dev 0 0 1'],
    ['migrate_to_sys 0 0 1'],
  ]),
  test('migrate+cpu+dev', 'A page that both want while it migrates', system, [
    ['migrate_to_dev 0 0 1'],
    ['cpu_write 0 7'],
    ['dev_read 0 0 1'],
  ]),
  test('H17', 'A write of the device while its own driver migrates the page', mirrored, [
    ['dev_write 0 0 1 7'],
    ['migrate_to_dev 0 0 1'],
  ]),
  test('H17+reads-back', 'The device writes and reads back while the page migrates', mirrored, [
    ['dev_write 0 0 1 7', 'dev_read 0 0 1'],
    ['migrate_to_dev 0 0 1'],
  ]),
  test('H1', 'A read of the device while its own driver migrates the page', system, [
    ['dev_read 0 0 1', 'dev_read 0 0 1'],
    ['migrate_to_dev 0 0 1', 'cpu_write 0 7'],
  ]),
  test('H10', 'A migration against MADV_DONTNEED', system, [
    ['migrate_to_dev 0 0 1', 'dev_read 0 0 1'],
    ['madv_dontneed 0 1', 'cpu_write 0 7'],
  ]),
  test(
    'device/cpu_write+dev_write',
    'The CPU takes a page back that the device writes',
    device,
    [['dev_write 0 0 1 7'], ['cpu_write 0 8']],
    byDevice,
  ),
  test('device/two-faults', 'Two threads take one page back', device, [
    ['cpu_read 0', 'cpu_write 0 7'],
    ['cpu_write 0 8', 'cpu_read 0'],
  ]),
  test('device/cpu_read+munmap', 'A fault that brings a page back against munmap', device, [
    ['cpu_read 0'],
    ['munmap 0 1'],
  ]),
  test('device/foreign-read', 'Another device reads the page while its owner writes', device, [
    ['dev_write 0 0 1 7'],
    ['dev_read 1 0 1'],
  ]),
  test('device/migrate_to_sys+dev_write', 'A migration back against a write of the device', device, [
    ['dev_write 0 0 1 7', 'dev_read 0 0 1'],
    ['migrate_to_sys 0 0 1'],
  ]),
  test('device/release+dev_write', 'Eviction against a write of the device', device, [
    ['dev_write 0 0 1 7'],
    ['release 0'],
  ]),
  test('device/release+cpu_write', 'Eviction against a write of the CPU', device, [
    ['cpu_write 0 7'],
    ['release 0'],
  ]),
  test(
    'device/part',
    'One page of two comes back while the device writes both',
    twoOnDevice,
    [['dev_write 0 0 2 7'], ['cpu_read 0']],
    lookAtTwo,
  ),
  test(
    'device/mremap',
    'A page of the device moves while the CPU touches it',
    ['mmap 0 1 rw', 'cpu_write 0 5', 'migrate_to_dev 0 0 1'],
    [['mremap 0 1 1'], ['cpu_read 0']],
    ['ptes 0 2', 'cpu_read 0', 'cpu_read 1'],
  ),
  // Device-exclusive access
  test('exclusive+cpu_write', 'Exclusive access against a write of the CPU', system, [
    ['exclusive 0 0 1'],
    ['cpu_write 0 7'],
  ]),
  test('exclusive+dev_write', 'Exclusive access against a write of the device', system, [
    ['exclusive 0 0 1'],
    ['dev_write 0 0 1 7'],
  ]),
  test('exclusive+migrate', 'Exclusive access against a migration', system, [
    ['exclusive 0 0 1'],
    ['migrate_to_dev 0 0 1'],
  ]),
  test(
    'exclusive+fork',
    'Exclusive access against fork',
    system,
    [['exclusive 0 0 1'], ['fork']],
    lookAtBoth,
  ),
  test('exclusive/cpu+cpu', 'Two threads take exclusive access away', exclusive, [
    ['cpu_write 0 7'],
    ['cpu_read 0'],
  ]),
  test('exclusive/check', 'Whether access is exclusive, while the CPU takes it away', exclusive, [
    ['check_exclusive 0 0 1', 'check_exclusive 0 0 1'],
    ['cpu_write 0 7'],
  ]),
  test('H26', 'Exclusive access against MADV_DONTNEED', system, [
    ['exclusive 0 0 1', 'dev_read 0 0 1'],
    ['madv_dontneed 0 1', 'cpu_write 0 7'],
  ]),
  // fork
  test(
    'fork+dev_write',
    'fork against a write of the device: the child has it or has it not',
    mirrored,
    [['dev_write 0 0 1 7'], ['fork']],
    lookAtBoth,
  ),
  test(
    'fork+cpu_write',
    'fork against a write of the CPU',
    system,
    [['fork'], ['cpu_write 0 7', 'cpu_read 0']],
    lookAtBoth,
  ),
  test(
    'fork+migrate_to_dev',
    'fork against a migration',
    system,
    [['migrate_to_dev 0 0 1'], ['fork']],
    lookAtBoth,
  ),
  test(
    'fork/device+dev_write',
    'fork of a page on the device against a write of the device',
    device,
    [['dev_write 0 0 1 7'], ['fork']],
    lookAtBoth,
  ),
  test(
    'child/cow',
    'Parent and child write a page that they share',
    [...system, 'fork'],
    [
      ['cpu_write 0 7', 'cpu_read 0'],
      ['c:cpu_write 0 8', 'c:cpu_read 0'],
    ],
    lookAtBoth,
  ),
  test(
    'child/device',
    'Parent and child take a page of the device back that they share',
    [...device, 'fork'],
    [['cpu_read 0'], ['c:cpu_write 0 8']],
    lookAtBoth,
  ),
  test(
    'child/dev_write',
    'The device writes the parent, and the child reads',
    [...mirrored, 'fork'],
    [['dev_write 0 0 1 7'], ['c:cpu_read 0']],
    lookAtBoth,
  ),
]

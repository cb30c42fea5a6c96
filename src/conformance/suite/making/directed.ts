/**
 * The directed sequences of the suite, by chapter: each is about one rule.
 *
 * One table; that is why it is long.
 *
 * @module
 */

/** A sequence that is about one rule. */
export interface DirectedSequence {
  /** Chapter and name: `migration/read-back`. */
  readonly seq: string
  readonly title: string
  readonly ops: readonly string[]
}

type Row = readonly [name: string, title: string, ops: string]

/** Operations are written with a semicolon between. */
const CHAPTERS: Readonly<Record<string, readonly Row[]>> = {
  memory: [
    [
      'untouched',
      'Untouched memory has no entry and reads as zero',
      'mmap 0 2 rw; ptes 0 2; cpu_read 0; ptes 0 2',
    ],
    ['written', 'A written page is mapped', 'mmap 0 2 rw; cpu_write 1 5; cpu_read 1; ptes 0 2'],
    [
      'hole',
      'An access outside of every mapping gets SIGSEGV MAPERR',
      'mmap 1 1 rw; cpu_read 0; cpu_write 2 1',
    ],
    [
      'read-only',
      'A write to read-only memory gets SIGSEGV ACCERR',
      'mmap 0 1 ro; cpu_write 0 1; cpu_read 0',
    ],
    [
      'no-access',
      'Any access to memory without permissions gets SIGSEGV',
      'mmap 0 1 none; cpu_read 0; cpu_write 0 1',
    ],
    [
      'fixed',
      'A mapping replaces what was there',
      'mmap 0 2 rw; cpu_write 0 5; cpu_write 1 6; mmap 0 1 rw; cpu_read 0; cpu_read 1',
    ],
    [
      'dontneed',
      'MADV_DONTNEED throws pages away',
      'mmap 0 2 rw; cpu_write 0 5; madv_dontneed 0 1; ptes 0 1; cpu_read 0',
    ],
    [
      'dontneed-hole',
      'MADV_DONTNEED passes over a hole and reports it',
      'mmap 0 1 rw; mmap 2 1 rw; cpu_write 2 5; madv_dontneed 0 3; cpu_read 2',
    ],
    [
      'mprotect-hole',
      'mprotect changes what lies before a hole',
      'mmap 0 1 rw; mprotect 0 2 ro; cpu_write 0 1',
    ],
    [
      'mremap',
      'mremap moves contents',
      'mmap 0 2 rw; cpu_write 0 5; mremap 0 2 4; cpu_read 4; cpu_read 0; cpu_read 5',
    ],
    [
      'mremap-replaces',
      'mremap unmaps what is in its way',
      'mmap 0 1 rw; mmap 2 1 rw; cpu_write 0 5; cpu_write 2 6; mremap 0 1 2; cpu_read 2',
    ],
    ['mremap-overlap', 'mremap onto itself is refused', 'mmap 0 2 rw; mremap 0 2 1'],
    ['mremap-hole', 'mremap of a range with a hole is refused', 'mmap 0 1 rw; mremap 0 2 4; mremap 2 1 6'],
    [
      'empty',
      'An empty range',
      'mmap 0 1 rw; munmap 0 0; mprotect 0 0 ro; dev_read 0 0 0; snapshot 0 0 0; migrate_to_dev 0 0 0; exclusive 0 0 0; check_exclusive 0 0 0; migrate_to_sys 0 0 0; dev_write 0 0 0 1; mremap 0 0 2; mmap 2 0 rw',
    ],
  ],
  mirror: [
    [
      'read',
      'A device reads what the CPU wrote, and faults once',
      'mmap 0 2 rw; cpu_write 0 5; cpu_write 1 6; dev_read 0 0 2; dev_read 0 0 2',
    ],
    [
      'write',
      'The CPU reads what a device wrote',
      'mmap 0 2 rw; dev_write 0 0 2 7; cpu_read 0; cpu_read 1; ptes 0 2',
    ],
    [
      'read-untouched',
      'A read of untouched memory maps the zero page',
      'mmap 0 1 rw; dev_read 0 0 1; ptes 0 1; dev_write 0 0 1 3; cpu_read 0',
    ],
    [
      'upgrade',
      'A write through an entry that is for reading faults',
      'mmap 0 1 rw; cpu_read 0; dev_read 0 0 1; dev_write 0 0 1 4; dev_read 0 0 1',
    ],
    [
      'hole',
      'An access that reaches a hole fails, and maps nothing',
      'mmap 0 1 rw; mmap 2 1 rw; dev_read 0 0 3; ptes 0 3; dev_read 0 0 1; dev_read 0 2 1',
    ],
    [
      'read-only',
      'A write to read-only memory is refused with EPERM',
      'mmap 0 1 ro; dev_read 0 0 1; dev_write 0 0 1 1',
    ],
    [
      'no-access',
      'Memory that cannot be read cannot be mirrored',
      'mmap 0 1 wo; dev_read 0 0 1; dev_write 0 0 1 1; snapshot 0 0 1',
    ],
    [
      'two',
      'Two devices mirror the same memory',
      'mmap 0 1 rw; dev_write 0 0 1 4; dev_read 1 0 1; dev_write 1 0 1 5; dev_read 0 0 1',
    ],
    [
      'wrap',
      'Values of a device write wrap at 64 bits',
      'mmap 0 2 rw; dev_write 0 0 2 18446744073709551615; dev_read 0 0 2; cpu_read 0',
    ],
    [
      'pieces',
      'A long range is served in pieces of 64 pages',
      'mmap 0 130 rw; cpu_write 0 1; cpu_write 64 2; cpu_write 129 3; dev_read 0 0 130; munmap 100 1; dev_read 0 90 20; dev_read 0 0 100',
    ],
    [
      'closed',
      'A closed device file answers EBADF',
      'mmap 0 1 rw; close 0; dev_read 0 0 1; snapshot 0 0 1; release 0; close 0; dev_read 1 0 1',
    ],
    [
      'reopened',
      'A device file that is opened again begins with an empty mirror',
      'mmap 0 1 rw; dev_read 0 0 1; close 0; open; dev_read 0 0 1',
    ],
  ],
  invalidation: [
    [
      'munmap',
      'munmap drops the entries of mirrors',
      'mmap 0 2 rw; dev_write 0 0 2 5; munmap 0 1; dev_read 0 0 1; dev_read 0 1 1',
    ],
    [
      'remap',
      'What is mapped anew is read anew',
      'mmap 0 1 rw; dev_write 0 0 1 5; mmap 0 1 rw; dev_read 0 0 1',
    ],
    [
      'dontneed',
      'MADV_DONTNEED drops the entries of mirrors',
      'mmap 0 1 rw; dev_write 0 0 1 5; madv_dontneed 0 1; dev_read 0 0 1',
    ],
    [
      'mprotect-ro',
      'mprotect to read-only takes the right to write from mirrors',
      'mmap 0 1 rw; dev_write 0 0 1 5; mprotect 0 1 ro; dev_write 0 0 1 6; dev_read 0 0 1',
    ],
    [
      'mprotect-none',
      'mprotect to none takes mirrors away',
      'mmap 0 1 rw; dev_write 0 0 1 5; mprotect 0 1 none; dev_read 0 0 1; mprotect 0 1 rw; dev_read 0 0 1',
    ],
    [
      'mremap',
      'mremap drops the entries of both places',
      'mmap 0 1 rw; mmap 2 1 rw; dev_write 0 0 1 5; dev_write 0 2 1 6; mremap 0 1 2; dev_read 0 2 1; dev_read 0 0 1',
    ],
    [
      'both',
      'Both mirrors hear of an invalidation',
      'mmap 0 1 rw; dev_write 0 0 1 5; dev_read 1 0 1; madv_dontneed 0 1; dev_read 0 0 1; dev_read 1 0 1',
    ],
    [
      'cow',
      'A copy on write drops the entries of mirrors',
      'mmap 0 1 rw; cpu_read 0; dev_read 0 0 1; cpu_write 0 4; dev_read 0 0 1',
    ],
    [
      'neighbour',
      'The entry of the page after an invalidated range',
      'mmap 0 3 rw; dev_write 0 0 3 5; madv_dontneed 0 1; dev_read 0 1 1; dev_read 0 2 1',
    ],
  ],
  snapshot: [
    [
      'bytes',
      'One byte for each kind of page',
      'mmap 0 3 rw; cpu_read 0; cpu_write 1 5; mmap 4 1 none; snapshot 0 0 6',
    ],
    ['no-fault', 'A snapshot touches nothing', 'mmap 0 1 rw; snapshot 0 0 1; ptes 0 1'],
    [
      'read-only',
      'A read-only page',
      'mmap 0 1 rw; cpu_write 0 5; mprotect 0 1 ro; snapshot 0 0 1; mprotect 0 1 rw; snapshot 0 0 1',
    ],
    [
      'own',
      "The device's own page, and as another device sees it",
      'mmap 0 1 rw; cpu_write 0 5; migrate_to_dev 0 0 1; snapshot 0 0 1; snapshot 1 0 1; ptes 0 1',
    ],
    [
      'own-read-only',
      'Own pages stay read-only after mprotect back',
      'mmap 0 1 rw; cpu_write 0 5; migrate_to_dev 0 0 1; mprotect 0 1 ro; mprotect 0 1 rw; snapshot 0 0 1; ptes 0 1; dev_write 0 0 1 6',
    ],
    [
      'exclusive',
      'A device-exclusive page',
      'mmap 0 1 rw; exclusive 0 0 1; snapshot 0 0 1; snapshot 1 0 1; ptes 0 1',
    ],
  ],
  migration: [
    [
      'there',
      'Pages move to the device, contents with them',
      'mmap 0 2 rw; cpu_write 0 5; cpu_write 1 6; migrate_to_dev 0 0 2; ptes 0 2; dev_read 0 0 2',
    ],
    [
      'untouched',
      'Untouched pages and the zero page migrate too',
      'mmap 0 2 rw; cpu_read 0; migrate_to_dev 0 0 2; ptes 0 2; dev_write 0 0 2 3',
    ],
    [
      'and-back',
      'And back, when asked',
      'mmap 0 2 rw; cpu_write 0 5; migrate_to_dev 0 0 2; migrate_to_sys 0 0 2; ptes 0 2; cpu_read 0; dev_read 0 0 2',
    ],
    [
      'cpu-read',
      'A read by the CPU brings one page back',
      'mmap 0 2 rw; cpu_write 0 5; migrate_to_dev 0 0 2; cpu_read 0; ptes 0 2; dev_read 0 0 2',
    ],
    [
      'cpu-write',
      'A write by the CPU brings one page back',
      'mmap 0 2 rw; cpu_write 0 5; migrate_to_dev 0 0 2; cpu_write 0 6; ptes 0 2; dev_read 0 0 1',
    ],
    [
      'written-there',
      'What the device wrote there comes back',
      'mmap 0 1 rw; migrate_to_dev 0 0 1; dev_write 0 0 1 9; cpu_read 0',
    ],
    [
      'unmapped-there',
      'Pages can be unmapped where they are',
      'mmap 0 2 rw; migrate_to_dev 0 0 2; munmap 0 1; madv_dontneed 1 1; ptes 0 2; dev_read 0 1 1',
    ],
    [
      'other-device',
      "Another device's page comes back when a device wants it",
      'mmap 0 1 rw; cpu_write 0 5; migrate_to_dev 0 0 1; dev_read 1 0 1; ptes 0 1; dev_read 0 0 1',
    ],
    [
      'other-device-asks',
      "Another device's page does not migrate",
      'mmap 0 1 rw; cpu_write 0 5; migrate_to_dev 0 0 1; migrate_to_dev 1 0 1; ptes 0 1',
    ],
    [
      'hole',
      'A hole ends a migration; what lies before it has migrated',
      'mmap 0 1 rw; mmap 2 1 rw; migrate_to_dev 0 0 3; ptes 0 3; migrate_to_sys 0 0 3; ptes 0 3',
    ],
    [
      'read-only',
      'Read-only pages migrate and stay read-only',
      'mmap 0 1 rw; cpu_write 0 5; mprotect 0 1 ro; migrate_to_dev 0 0 1; ptes 0 1; dev_write 0 0 1 6; cpu_read 0; ptes 0 1',
    ],
    [
      'no-access',
      'Memory that cannot be read does not migrate',
      'mmap 0 1 none; migrate_to_dev 0 0 1; mmap 1 1 wo; migrate_to_dev 0 1 1',
    ],
    [
      'shared',
      'Shared memory does not migrate',
      'mmap_shared 0 1 rw; cpu_write 0 5; migrate_to_dev 0 0 1; dev_read 0 0 1; migrate_to_dev 0 0 1; ptes 0 1',
    ],
    [
      'mixed',
      'A range of pages here and there',
      'mmap 0 3 rw; cpu_write 0 5; cpu_write 2 7; migrate_to_dev 0 1 1; migrate_to_dev 0 0 3; migrate_to_sys 0 1 2; ptes 0 3; dev_read 0 0 3',
    ],
    [
      'over-fault',
      'A fault brings back own pages after the first in need, and none before',
      'mmap 0 3 rw; migrate_to_dev 0 0 1; migrate_to_dev 0 2 1; dev_read 0 0 3; ptes 0 3',
    ],
    [
      'moved',
      'mremap moves device-private entries',
      'mmap 0 1 rw; cpu_write 0 5; migrate_to_dev 0 0 1; mremap 0 1 2; ptes 0 3; dev_read 0 2 1; cpu_read 2',
    ],
    [
      'release',
      'A release evicts everything',
      'mmap 0 2 rw; cpu_write 0 5; migrate_to_dev 0 0 2; release 0; ptes 0 2; dev_read 0 0 2; cpu_read 0',
    ],
    [
      'close',
      'A close evicts everything',
      'mmap 0 2 rw; cpu_write 0 5; migrate_to_dev 0 0 2; close 0; ptes 0 2; cpu_read 0',
    ],
    [
      'pieces',
      'A long range migrates in pieces',
      'mmap 0 70 rw; cpu_write 0 5; cpu_write 69 6; migrate_to_dev 0 0 70; ptes 63 3; migrate_to_sys 0 60 10; ptes 59 3',
    ],
  ],
  exclusive: [
    [
      'taken',
      'The device has the page to itself',
      'mmap 0 2 rw; cpu_write 0 5; exclusive 0 0 2; check_exclusive 0 0 2; ptes 0 2; dev_read 0 0 2',
    ],
    [
      'cpu-read',
      'A read by the CPU takes it back',
      'mmap 0 2 rw; exclusive 0 0 2; cpu_read 0; check_exclusive 0 0 1; check_exclusive 0 1 1; ptes 0 2',
    ],
    [
      'cpu-write',
      'A write by the CPU takes it back',
      'mmap 0 1 rw; exclusive 0 0 1; cpu_write 0 6; check_exclusive 0 0 1; dev_read 0 0 1',
    ],
    [
      'dev-write',
      'A write by the device takes it back too',
      'mmap 0 1 rw; exclusive 0 0 1; dev_write 0 0 1 6; check_exclusive 0 0 1; ptes 0 1',
    ],
    [
      'other-device',
      'The other device takes it over',
      'mmap 0 1 rw; exclusive 0 0 1; exclusive 1 0 1; check_exclusive 0 0 1; check_exclusive 1 0 1',
    ],
    [
      'other-device-reads',
      'The other device reads it',
      'mmap 0 1 rw; cpu_write 0 5; exclusive 0 0 1; dev_read 1 0 1; check_exclusive 0 0 1; ptes 0 1',
    ],
    ['read-only', 'Read-only memory cannot be taken', 'mmap 0 1 ro; exclusive 0 0 1; ptes 0 1'],
    [
      'half',
      'Pages before the one that cannot be taken',
      'mmap 0 2 rw; mprotect 1 1 ro; exclusive 0 0 2; ptes 0 2; check_exclusive 0 0 2',
    ],
    [
      'of-migrated',
      'Device-private pages are brought back first',
      'mmap 0 1 rw; cpu_write 0 5; migrate_to_dev 0 0 1; exclusive 0 0 1; ptes 0 1; check_exclusive 0 0 1',
    ],
    [
      'unmapped',
      'Exclusive pages can be unmapped',
      'mmap 0 2 rw; exclusive 0 0 2; munmap 0 1; madv_dontneed 1 1; check_exclusive 0 0 2; ptes 0 2',
    ],
    [
      'mprotect',
      'mprotect of an exclusive page',
      'mmap 0 1 rw; exclusive 0 0 1; mprotect 0 1 ro; ptes 0 1; check_exclusive 0 0 1; mprotect 0 1 rw; cpu_write 0 3; ptes 0 1',
    ],
    [
      'migrate',
      'Migration of an exclusive page',
      'mmap 0 1 rw; cpu_write 0 5; exclusive 0 0 1; migrate_to_dev 0 0 1; ptes 0 1; check_exclusive 0 0 1',
    ],
  ],
  fork: [
    [
      'copies',
      'Parent and child each have what they write',
      'mmap 0 1 rw; cpu_write 0 5; fork; c:cpu_write 0 6; cpu_read 0; c:cpu_read 0; c:exit; cpu_read 0',
    ],
    [
      'mirror',
      'The mirror stays with the parent',
      'mmap 0 1 rw; dev_write 0 0 1 5; fork; c:cpu_write 0 6; dev_read 0 0 1; dev_write 0 0 1 7; c:cpu_read 0',
    ],
    [
      'inherited',
      "The parent's files mirror the parent, whoever uses them",
      'mmap 0 1 rw; cpu_write 0 5; fork; c:cpu_write 0 6; c:dev_read 10 0 1; c:dev_write 10 0 1 8; cpu_read 0',
    ],
    [
      'private',
      'Device-private entries become read-only in both',
      'mmap 0 1 rw; cpu_write 0 5; migrate_to_dev 0 0 1; fork; ptes 0 1; c:ptes 0 1; c:cpu_read 0; ptes 0 1; c:ptes 0 1',
    ],
    [
      'exclusive',
      'A fork takes exclusive pages back',
      'mmap 0 1 rw; cpu_write 0 5; exclusive 0 0 1; fork; check_exclusive 0 0 1; ptes 0 1; c:cpu_read 0',
    ],
    [
      'shared',
      'Shared memory is shared',
      'mmap_shared 0 1 rw; cpu_write 0 5; fork; c:cpu_write 0 6; cpu_read 0; c:exit',
    ],
    [
      'own-devices',
      'A child opens devices of its own',
      'mmap 0 1 rw; cpu_write 0 5; fork; c:dev_read 0 0 1; c:open; c:dev_read 0 0 1; c:dev_write 0 0 1 7; cpu_read 0; c:exit',
    ],
  ],
  files: [
    [
      'shared',
      'A shared file mapping',
      'mmap_file 0 2 rw shared; cpu_read 0; dev_read 0 0 2; dev_write 0 1 1 5; cpu_read 1; ptes 0 2',
    ],
    [
      'private',
      'A private file mapping is copied on write',
      'mmap_file 0 2 rw priv; dev_read 0 0 2; dev_write 0 0 1 5; ptes 0 2; madv_dontneed 0 1; cpu_read 0',
    ],
    [
      'behind-the-end',
      'Pages behind the end of a file',
      'mmap_file 63 2 rw shared; cpu_read 63; cpu_read 64; dev_read 0 64 1; dev_read 0 63 1',
    ],
    [
      'not-exclusive',
      'Shared pages cannot be taken exclusively',
      'mmap_file 0 1 rw shared; exclusive 0 0 1; ptes 0 1',
    ],
  ],
  huge: [
    [
      'whole',
      'A huge page is mapped whole',
      'mmap_huge 512; cpu_write 512 5; ptes 512 2; snapshot 0 512 2; dev_read 0 512 2',
    ],
    ['zero', 'The huge zero page', 'mmap_huge 512; cpu_read 512; ptes 512 2; snapshot 0 512 2'],
    [
      'split',
      'mprotect of a part splits it',
      'mmap_huge 512; cpu_write 512 5; mprotect 513 1 ro; ptes 512 3; snapshot 0 512 3',
    ],
    [
      'migrated',
      'A part migrates',
      'mmap_huge 512; cpu_write 512 5; migrate_to_dev 0 512 2; ptes 512 3; dev_read 0 512 3; cpu_read 512',
    ],
  ],
}

/** Every directed sequence. */
export const directedSequences: readonly DirectedSequence[] = Object.entries(CHAPTERS).flatMap(
  ([chapter, rows]) =>
    rows.map(([name, title, ops]) => ({ seq: `${chapter}/${name}`, title, ops: ops.split('; ') })),
)

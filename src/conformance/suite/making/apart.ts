/**
 * Sequences that tell wrong implementations apart from right ones where no single rule is at stake: each finds mutants of the peer
 * in C that no other sequence of the suite found. They were searched for at random, and every operation that is not needed left out.
 *
 * @module
 */
import type { DirectedSequence } from './directed.js'

const ROWS: readonly (readonly [name: string, title: string, ops: string])[] = [
  [
    'new-area-after-fork',
    'Memory that is mapped anew beside forked memory is an area of its own',
    'mmap 0 4 rw; migrate_to_dev 1 2 4; fork; mmap 1 1 rw; dev_write 1 0 3 6',
  ],
  [
    'write-only-joins',
    'Areas that mprotect makes alike join, and are copied by two forks',
    'mmap 0 4 rw; mmap 2 3 none; mprotect 0 3 wo; cpu_write 1 1; fork; c:exit; cpu_read 2; fork; c:ptes 0 5',
  ],
  [
    'replaced-part',
    'A replaced part of an area does not join what was written',
    'mmap 0 4 rw; exclusive 1 1 4; mmap 2 3 rw; fork; migrate_to_dev 0 0 2',
  ],
  [
    'untouched-child',
    'What a child copies of an area that was read and one that was written',
    'mmap 0 4 rw; mprotect 1 2 wo; cpu_read 1; cpu_write 0 9; fork; c:ptes 0 5',
  ],
  [
    'dontneed-behind',
    'MADV_DONTNEED that begins in one mapping and goes on behind it',
    'mmap 0 4 rw; mmap 3 2 rw; madv_dontneed 3 4',
  ],
  [
    'exclusive-beside-migrated',
    'Pages that are taken exclusively, one of which had migrated',
    'mmap 0 4 rw; migrate_to_dev 0 2 2; exclusive 0 0 3; dev_read 0 0 4',
  ],
  [
    'exclusive-after-fork',
    'Taking a shared page exclusively copies it',
    'mmap 0 4 rw; dev_write 1 1 3 5; fork; exclusive 0 2 2; ptes 0 5',
  ],
  [
    'empty-munmap',
    'munmap of nothing leaves a long mapping whole',
    'mmap 0 129 rw; migrate_to_dev 0 17 32; munmap 48 0; dev_read 0 0 129; ptes 0 161',
  ],
  [
    'exclusive-protected',
    'Exclusive pages that become read-only and writable again',
    'mmap 0 4 rw; exclusive 1 0 4; mprotect 0 1 ro; dev_read 1 0 3; mprotect 0 1 rw; snapshot 0 0 5',
  ],
  ['no-pages-to-device', 'Migration of no pages to a device', 'migrate_to_dev 0 1 0'],
  ['no-pages-to-system', 'Migration of no pages to the system', 'migrate_to_sys 0 3 0'],
  [
    'same-protection',
    'mprotect to what the protection is already changes nothing',
    'mmap 0 4 rw; exclusive 0 0 1; mprotect 0 3 rw; ptes 0 5',
  ],
  [
    'closed-by-one',
    'A file that a child has open is not released by a close of the parent',
    'mmap 0 4 rw; migrate_to_dev 0 1 3; fork; close 0; ptes 1 4',
  ],
  [
    'shared-with-child',
    'Pages that a child has too, migrated and written through the device',
    'mmap 0 4 rw; dev_write 0 0 3 2; fork; migrate_to_dev 1 2 4; cpu_read 2; dev_write 1 3 2 1; cpu_read 3',
  ],
  [
    'hole-before',
    'MADV_DONTNEED of a hole before memory without permissions',
    'mmap 1 4 ro; mprotect 1 4 none; madv_dontneed 0 1',
  ],
  [
    'back-within-range',
    'Part of what has migrated comes back',
    'mmap 0 4 rw; migrate_to_dev 0 2 4; migrate_to_sys 0 2 1',
  ],
  [
    'second-piece',
    'The page after the first piece of a long range is taken too',
    'mmap 1 128 rw; exclusive 0 1 65; check_exclusive 0 0 1',
  ],
  [
    'write-only-snapshot',
    'A snapshot of memory that may be written and not read',
    'mmap 0 4 rw; mprotect 2 4 wo; mmap 0 1 rw; snapshot 0 0 5',
  ],
  [
    'migrates-for-child',
    'Migration of a page that a child has too drops the entries of both',
    'mmap 0 4 rw; cpu_write 2 5; fork; migrate_to_dev 1 1 2',
  ],
  [
    'two-devices',
    'A page between pages of the other device migrates',
    'mmap 0 4 rw; dev_read 1 2 2; migrate_to_dev 0 1 3; migrate_to_dev 1 2 1',
  ],
  [
    'nothing-to-bring-back',
    'Bringing back what has not migrated',
    'mmap 0 4 rw; exclusive 1 1 3; migrate_to_sys 0 0 1; migrate_to_dev 1 1 3',
  ],
  [
    'other-device-released',
    'A release of one device leaves the pages of the other',
    'mmap 0 4 rw; migrate_to_dev 1 3 4; release 0; snapshot 0 2 4',
  ],
  [
    'write-only-exclusive',
    'Memory that may be written and not read is taken exclusively',
    'mmap 0 4 rw; dev_write 0 0 3 9; mmap 2 1 wo; exclusive 1 0 3',
  ],
  [
    'opened-anew',
    'What migrated through a file that has been closed since',
    'mmap 0 4 rw; migrate_to_dev 0 2 1; open; migrate_to_dev 0 2 2',
  ],
  [
    'made-writable',
    'A read-only page that has migrated and come back is made writable',
    'mmap 1 3 ro; migrate_to_dev 0 2 2; cpu_read 2; mprotect 2 3 rw; snapshot 0 0 5',
  ],
  [
    'taken-by-other-device',
    'A page that the other device writes comes back and migrates again',
    'mmap 0 4 rw; dev_read 0 0 1; migrate_to_dev 0 1 4; dev_write 1 0 1 7; migrate_to_dev 0 1 2',
  ],
  [
    'none-and-back',
    'A written page without permissions, and with them again',
    'mmap 0 4 rw; dev_write 0 0 4 8; mprotect 1 2 none; mprotect 0 4 rw; snapshot 1 2 1',
  ],
  [
    'closed-by-both',
    'A file is released when the last process that has it ends',
    'mmap 0 4 rw; migrate_to_dev 0 0 1; fork; close 0; c:exit; ptes 0 5',
  ],
  [
    'child-areas-stay-apart',
    'Areas that a fork has copied do not join',
    'mmap 0 2 rw; cpu_write 0 1; cpu_write 1 2; mprotect 1 1 ro; fork; c:mprotect 1 1 rw; c:open; c:migrate_to_dev 0 1 1; c:madv_dontneed 0 1; c:dev_read 0 0 2; c:ptes 0 2',
  ],
  [
    'child-beside-copied',
    'What a child maps beside a copied area is an area of its own',
    'mmap 0 1 rw; cpu_write 0 1; fork; c:mmap 1 1 rw; c:cpu_write 1 2; c:open; c:migrate_to_dev 0 1 1; c:madv_dontneed 0 1; c:dev_read 0 0 2; c:ptes 0 2',
  ],
  [
    'child-protected-alike',
    'mprotect in a child does not join a new area and a copied one',
    'mmap 0 1 rw; cpu_write 0 1; fork; c:mprotect 0 1 ro; c:mmap 1 1 rw; c:mprotect 1 1 ro; c:open; c:migrate_to_dev 0 1 1; c:madv_dontneed 0 1; c:dev_read 0 0 2; c:ptes 0 2',
  ],
  [
    'written-part-joins',
    'Parts of one mapping join again if the first was written first',
    'mmap 0 2 rw; mprotect 1 1 wo; cpu_write 0 1; cpu_write 1 2; mprotect 1 1 rw; migrate_to_dev 0 1 1; madv_dontneed 0 1; dev_read 0 0 2; ptes 0 2',
  ],
  [
    'child-written-beside',
    'A page that a child has written beside a copied area does not join it',
    'mmap 0 1 rw; cpu_write 0 1; fork; c:mmap 1 1 rw; c:cpu_write 1 2; c:mprotect 0 1 ro; c:mprotect 0 1 rw; c:open; c:migrate_to_dev 0 1 1; c:madv_dontneed 0 1; c:dev_read 0 0 2; c:ptes 0 2',
  ],
  [
    'other-account',
    'Mappings of other accounting do not join when both are written',
    'mmap 0 1 rw; mmap 1 1 none; cpu_write 0 1; mprotect 1 1 wo; cpu_write 1 2; mprotect 1 1 rw; migrate_to_dev 0 1 1; madv_dontneed 0 1; dev_read 0 0 2; ptes 0 2',
  ],
  [
    'written-part-behind',
    'Parts of one mapping join again if the last was written first',
    'mmap 0 2 rw; mprotect 1 1 wo; cpu_write 1 2; cpu_write 0 1; mprotect 1 1 rw; migrate_to_dev 0 1 1; madv_dontneed 0 1; dev_read 0 0 2; ptes 0 2',
  ],
  [
    'migrated-then-alike',
    'A mapping that is made writable joins its neighbour after a migration',
    'mmap 0 1 rw; mmap 1 1 none; cpu_write 0 1; mprotect 1 1 ro; migrate_to_dev 0 1 1; mprotect 1 1 rw; madv_dontneed 0 1; dev_read 0 0 2; ptes 0 2',
  ],
  ['hole-behind', 'A write behind a mapping without permissions', 'mmap 1 1 none; cpu_write 2 8'],
  [
    'read-back-drops-next',
    'Reading a migrated page back drops the entry after it in the other device',
    'mmap 0 2 rw; migrate_to_dev 0 0 1; dev_read 1 1 1; cpu_read 0; dev_read 1 1 1',
  ],
  [
    'copy-drops-next',
    'A copy on write drops the entry after it',
    'mmap 0 2 rw; cpu_write 0 1; fork; dev_read 0 0 2; cpu_write 0 5; dev_read 0 0 1; dev_read 0 1 1',
  ],
  [
    'mapped-between',
    'Mappings one over another, then migrated and written',
    'mmap 0 2 rw; mmap 0 1 rw; mmap 2 3 rw; migrate_to_dev 0 1 4; dev_write 0 0 5 3; ptes 0 5',
  ],
  [
    'childs-mapping-replaced',
    'A child replaces what it shares, and its parent writes',
    'mmap 0 4 rw; migrate_to_dev 1 1 3; fork; c:mmap 1 2 rw; cpu_write 2 2; dev_read 1 1 2; dev_write 0 1 1 7; dev_write 1 2 1 5',
  ],
  [
    'dontneed-hole-before',
    'MADV_DONTNEED of a hole drops the entry after it of no mirror',
    'mmap 2 3 rw; migrate_to_dev 0 2 3; madv_dontneed 1 1; dev_read 0 2 2',
  ],
  [
    'child-keeps-anon',
    'A copied area that is emptied and written again joins its other part',
    'mmap 0 2 rw; cpu_write 0 1; cpu_write 1 2; fork; c:mprotect 1 1 ro; c:madv_dontneed 0 1; c:cpu_write 0 3; c:mprotect 1 1 rw; c:open; c:migrate_to_dev 0 1 1; c:madv_dontneed 0 1; c:dev_read 0 0 2; c:ptes 0 2',
  ],
  [
    'child-written-before',
    'A page that a child has written before a copied area does not join it',
    'mmap 1 1 rw; cpu_write 1 1; fork; c:mmap 0 1 rw; c:cpu_write 0 2; c:mprotect 0 1 ro; c:mprotect 0 1 rw; c:open; c:migrate_to_dev 0 1 1; c:madv_dontneed 0 1; c:dev_read 0 0 2; c:ptes 0 2',
  ],
  [
    'written-since-migration',
    'A page that was written after it had come back stays writable',
    'mmap 0 1 rw; cpu_write 0 1; migrate_to_dev 0 0 1; migrate_to_sys 0 0 1; cpu_write 0 2; mprotect 0 1 ro; mprotect 0 1 rw; snapshot 0 0 1',
  ],
  [
    'clean-after-migration',
    'A page that has come back and was not written is write-protected by mprotect',
    'mmap 0 1 rw; cpu_write 0 1; migrate_to_dev 0 0 1; migrate_to_sys 0 0 1; mprotect 0 1 ro; mprotect 0 1 rw; snapshot 0 0 1',
  ],
  [
    'exclusive-protected-twice',
    'An exclusive page that mprotect has write-protected stays so',
    'mmap 0 1 rw; exclusive 0 0 1; mprotect 0 1 ro; mprotect 0 1 rw; cpu_read 0; snapshot 0 0 1',
  ],
  [
    'used-again',
    'A page whose other owner has ended is used again, and stays writable',
    'mmap 0 1 rw; cpu_write 0 1; fork; c:exit; cpu_write 0 2; mprotect 0 1 ro; mprotect 0 1 rw; snapshot 0 0 1',
  ],
  [
    'untouched-migrated',
    'A page that was never touched, migrated and brought back',
    'mmap 0 1 rw; migrate_to_dev 0 0 1; migrate_to_sys 0 0 1; cpu_write 0 1; mprotect 0 1 ro; mprotect 0 1 rw; snapshot 0 0 1',
  ],
  [
    'made-dirty',
    'A page that is made writable by a fault is dirty',
    'mmap 0 1 rw; cpu_write 0 1; mprotect 0 1 ro; migrate_to_dev 0 0 1; migrate_to_sys 0 0 1; mprotect 0 1 rw; dev_write 0 0 1 2; mprotect 0 1 ro; mprotect 0 1 rw; snapshot 0 0 1',
  ],
]

/** Every one of them, in the chapter `apart`. */
export const apartSequences: readonly DirectedSequence[] = ROWS.map(([name, title, ops]) => ({
  seq: `apart/${name}`,
  title,
  ops: ops.split('; '),
}))

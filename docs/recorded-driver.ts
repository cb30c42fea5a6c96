/**
 * The page of the recorded driver's matrix, `docs/findings/recorded-driver.md`: written and held by a test.
 *
 * @module
 */
import { beginnings, cellGroups, nameOf } from '../spec/recorded/cells.js'
import type { CellVerdict } from '../spec/recorded/matrix.js'

const INTRODUCTION = `# The recorded driver, against every recorded operation

<!-- Written by test/spec/recorded.test.ts (\`npx vitest run -u test/spec/recorded.test.ts\`). -->

The driver that the recordings were made with is \`lib/test_hmm.c\` of Linux 6.1, modelled in \`src/driver/recorded/\` with its
peculiarities: an invalidation of [a, b) also removes the entry at b; MIGRATE events of its own device are ignored, including
the sequence; closing a file evicts the pages of every process. It lacks the fix with which the recordings were made (H16).

In each cell two or three threads perform one operation each, on one page, and every interleaving is explored, past
violations: a cell names all clauses that some run breaks, also those that only follow from others. A file of the
device stays open as long as a thread uses it, so it is a second file that is closed (\`close2\`; \`dev_read2\` and so on use it).
A process that exits has shared its file with another, which continues.

**With the fixes of \`spec/recorded/mends.ts\` every cell holds.** \`hmm-spec check --driver recorded NAME\` runs one as
recorded, \`hmm-spec check NAME\` some of them fixed; a name is \`recorded/PAGE/OPERATION+OPERATION\`.

## Causes

| finding | what fails | first seen in | fix |
| --- | --- | --- | --- |
| [H1](H1.md) (defect R1) | a reader maps a page that its own driver has migrated meanwhile, in either direction | \`system/dev_read+migrate_to_dev\`, \`dropped/dev_read+migrate_to_sys\` | set the sequence for own migrations too |
| [H10](H10.md) (R2) | a migrated page is mapped although MADV_DONTNEED has zapped it in between | \`mirrored/migrate_to_dev+madv_dontneed\` | sample the sequence before the migration and compare it before mapping; or map nothing |
| [H16](H16.md) | a fault on the driver's own device page stores its struct page, which has no memory behind it | \`device/dev_read+mprotect\` | store the page behind it |
| [H17](H17.md) | device writes during a migration by the device's own driver are lost | \`mirrored/dev_write+migrate_to_dev\` | handle own migrations of system memory |
| [H18](H18.md) | a migration through one file is ignored by the device's other files, which keep mapping freed pages | \`device/dev_read+migrate_to_sys2\` | handle own migrations |
| [H19](H19.md) | a closed file is freed while a page still refers to it | \`device2/close2+cpu_write\` | evict until no page is left |
| [H26](H26.md) | an exclusive page is mapped although MADV_DONTNEED has zapped it in between | \`system/exclusive+madv_dontneed\` | sample the sequence before the page is made exclusive, and compare it before mapping |
| X1 (R3) | closing removes the notifier first and the entries last; harmless in this device, which cannot be used through a closed file | \`mirrored2/close2+munmap\` | remove the entries first |
| X32 (R4) | a fault reports success although the page could not be brought back for want of memory | \`short/migrate_to_dev+cpu_read\` | VM_FAULT_OOM |

## What was examined and holds

- **Removing the entry after the last** breaks nothing by itself: removing an entry under the update lock is always
  permitted. It is a way into H16: a change of the page *before* makes the device fault on its own page (\`neighbour\`).
- **Evicting the pages of every process** on close breaks nothing for the others: their pages come back by a migration like any
  other, with its notifications. The bug is that it is done only once (H19).
- **mprotect against a migration**: the write permission is recorded at the collection and used at the map step, and cannot
  change in between, since mprotect, munmap and fork take the mmap lock for writing, and a migration holds it for reading.
- **A snapshot's notifier** is inserted and removed: no concurrent insertion or removal is lost.
- **Exclusive access** against everything but MADV_DONTNEED: the folio lock, which the driver holds until it has mapped the page,
  excludes faults and migrations, and fork fails; mprotect and munmap need the mmap lock, which is held meanwhile. Since this
  driver passes no owner it receives its own events, so that a reader that walked before does not map afterwards. A device
  that writes to a page that it has made exclusive loses exclusive access ([H13](H13.md)), coherently.
- **fork, and a child** that reads, writes, zaps or exits: a shared device page comes back through the file through which it was
  migrated, whichever process touches it, and for all its mappings at once (D43 is a driver that used the faulting process).
  What breaks is H16 for reading, and where both have files of their own H18, and H19 when the child's is closed. A device
  write to a shared device page is refused with -EFAULT, coherently ([H4](H4.md)).
- **Exit** while another process uses the file: mmget_not_zero keeps the address space until the operation ends
  ([H2](H2.md)).
`

/** The page, for the verdicts on all cells. */
export function recordedDriverPage(verdicts: readonly CellVerdict[]): string {
  const brokenIn = new Map(verdicts.map(({ cell, broken }) => [nameOf(cell), broken]))
  const broken = verdicts.filter((verdict) => verdict.broken.length > 0).length
  const tables = cellGroups.map(({ title, pages, threads }) =>
    [
      `## ${title}`,
      '',
      `| operations | ${pages.join(' | ')} |`,
      `| --- |${' --- |'.repeat(pages.length)}`,
      ...threads.map((names) => {
        const cells = pages.map((page) => brokenIn.get(nameOf({ page, threads: names }))?.join(', ') || '·')
        return `| ${names.join(' + ')} | ${cells.join(' | ')} |`
      }),
      '',
    ].join('\n'),
  )
  return [
    INTRODUCTION,
    '## The matrix',
    '',
    `${verdicts.length} cells, of which ${broken} break a clause; a dot is a cell that holds. The initial state of the page:`,
    '',
    ...Object.entries(beginnings).map(([name, { summary }]) => `- **${name}**: ${summary}`),
    '',
    ...tables,
  ].join('\n')
}

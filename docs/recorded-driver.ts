/**
 * The page of the recorded driver's matrix, `docs/findings/recorded-driver.md`: written and held by a test.
 *
 * @module
 */
import { beginnings, cellGroups, nameOf } from '../spec/recorded/cells.js'
import type { CellVerdict } from '../spec/recorded/matrix.js'

const INTRODUCTION = `# The recorded driver, against everything that the recordings know

<!-- Written by test/spec/recorded.test.ts (\`npx vitest run -u test/spec/recorded.test.ts\`). -->

The driver that the recordings were made with is \`lib/test_hmm.c\` of Linux 6.1, modelled in \`src/driver/recorded/\` with its
habits: an invalidation of [a, b) drops the entry at b too; a MIGRATE event of its own device is ignored, the
sequence included; closing a file evicts the pages of every process. It is not repaired here as it was for the recordings (H16).

In each cell two or three threads perform one operation each, on one page, and every interleaving is explored, past
whatever breaks: a cell names all clauses that some run breaks, also those that only follow from others. A file of the
device stays open as long as anybody uses it, so what is closed is a second one (\`close2\`; \`dev_read2\` and so on use it).
A process that exits has shared its file with another, which goes on.

**With the mends of \`spec/recorded/mends.ts\` every cell holds.** \`hmm-spec check --driver recorded NAME\` runs one as
recorded, \`hmm-spec check NAME\` some of them mended; a name is \`recorded/PAGE/OPERATION+OPERATION\`.

## What is behind it

| finding | what fails | first seen in | what mends it |
| --- | --- | --- | --- |
| [H1](H1.md) (defect R1) | a reader maps what its own driver has migrated meanwhile, in either direction | \`system/dev_read+migrate_to_dev\`, \`dropped/dev_read+migrate_to_sys\` | the sequence is recorded for own migrations too |
| [H10](H10.md) (R2) | what was migrated is mapped although MADV_DONTNEED has come in between | \`mirrored/migrate_to_dev+madv_dontneed\` | a number from before the migration, compared before mapping; or to map nothing |
| [H16](H16.md) | a fault on one's own device page stores its struct page, behind which there is no memory | \`device/dev_read+mprotect\` | the fault looks up what is behind |
| [H17](H17.md) | what the device writes while its driver migrates the page is lost | \`mirrored/dev_write+migrate_to_dev\` | own migrations of system memory are heeded |
| [H18](H18.md) | one file's migration is ignored by the device's other files, which keep mapping what is free | \`device/dev_read+migrate_to_sys2\` | own migrations are heeded |
| [H19](H19.md) | a closed file is freed while a page still names it | \`device2/close2+cpu_write\` | closing evicts until no page is left |
| [H26](H26.md) | what was taken for exclusive access is mapped although MADV_DONTNEED has come in between | \`system/exclusive+madv_dontneed\` | a number from before the taking, compared before mapping |
| X1 (R3) | closing removes the notifier first and the entries last; harmless in this device, which nobody can use through a closed file | \`mirrored2/close2+munmap\` | the entries go first |
| X32 (R4) | a page that could not be brought back for want of memory is said to be back | \`short/migrate_to_dev+cpu_read\` | VM_FAULT_OOM |

## What was looked for and holds

- **Habit 1** (the entry of the page after the last goes too) breaks nothing by itself: to drop an entry under the update lock is always
  allowed. It is a way into H16: a change of the page *before* makes the device fault on its own page (\`neighbour\`).
- **Habit 3** (closing evicts everybody's pages) breaks nothing of the others: their pages come back by a migration like any
  other, of which everybody is told. What is wrong is that it is done once only (H19).
- **mprotect against a migration**: the right to write is recorded at the collection and used at the map step, and cannot change in
  between, since mprotect, munmap and fork take the mmap lock for writing, and a migration holds it for reading throughout.
- **A snapshot's notifier** that comes and goes: nothing that comes or goes meanwhile is missed.
- **Exclusive access** against everything but MADV_DONTNEED: the folio lock, which the driver holds until it has mapped the page, keeps
  faults and migrations out, and fork fails; mprotect and munmap need the mmap lock, which is held meanwhile. Since this driver names
  nobody it hears of its own taking, so that a reader who walked before does not map after. A device that writes
  to what it has alone gives it back ([H13](H13.md)), coherently.
- **fork, and a child** that reads, writes, throws away or ends what it shares: a device page that is shared comes back by way of the file
  through which it was filled, whichever process touches it, and to all its mappings at once (a driver that asked the process
  is D43). What breaks is H16 for reading, and where both have files of their own H18, and H19 when the child's is closed. To write to a device page that is shared the device
  is refused with -EFAULT, coherently ([H4](H4.md)).
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
    `${verdicts.length} cells, of which ${broken} break a clause; a dot is a cell that holds. How the page is at the beginning:`,
    '',
    ...Object.entries(beginnings).map(([name, { summary }]) => `- **${name}**: ${summary}`),
    '',
    ...tables,
  ].join('\n')
}

/**
 * The recorded driver against everything that the recordings know: what breaks in which cell is written in a page, and
 * nothing does once the driver is mended.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { recordedDriverPage } from '../../docs/recorded-driver.js'
import { cellNamed, recordedCells } from '../../spec/recorded/cells.js'
import { type CellVerdict, judgeCell } from '../../spec/recorded/matrix.js'
import {
  checkBeforeMapping,
  closeInOrder,
  compareForExclusive,
  heedOwnMigrations,
  mends,
  recordOwnMigrations,
  storeBackingPages,
} from '../../spec/recorded/mends.js'
import type { Override } from '../../src/world/index.js'

/** Milliseconds: half a minute on an idle core. */
const TIMEOUT = 300_000

it(
  'as it was recorded it breaks what docs/findings/recorded-driver.md says; `vitest -u` corrects the page',
  async () => {
    const verdicts: CellVerdict[] = []
    for (const cell of recordedCells) verdicts.push(await judgeCell(cell))
    await expect(recordedDriverPage(verdicts)).toMatchFileSnapshot('../../docs/findings/recorded-driver.md')
  },
  TIMEOUT,
)

it(
  'mended it breaks nothing',
  async () => {
    const broken: CellVerdict[] = []
    for (const cell of recordedCells) {
      const verdict = await judgeCell(cell, mends)
      if (verdict.broken.length > 0) broken.push(verdict)
    }
    expect(broken).toEqual([])
  },
  TIMEOUT,
)

it('the page names only pages that are there', () => {
  const findings = new URL('../../docs/findings/', import.meta.url)
  const page = readFileSync(new URL('recorded-driver.md', findings), 'utf8')
  for (const [, file] of page.matchAll(/\]\((\w+\.md)\)/g))
    expect(() => readFileSync(new URL(file, findings))).not.toThrow()
})

describe('a mend alone mends what it is for', () => {
  const brokenIn = async (cell: string, overrides: readonly Override[]) =>
    (await judgeCell(cellNamed(cell), overrides)).broken

  it('H1: the sequence is recorded for own migrations, and nothing else changes', async () => {
    const recording = [recordOwnMigrations, storeBackingPages]
    expect(await brokenIn('system/dev_read+migrate_to_dev', [storeBackingPages])).toContain('use-after-free')
    // What has been mapped before is another matter (H17).
    expect(await brokenIn('system/dev_read+migrate_to_dev', recording)).toEqual(['C1', 'C41'])
    expect(await brokenIn('dropped/dev_read+migrate_to_sys', [storeBackingPages])).toEqual([
      'C1',
      'C31',
      'C41',
      'use-after-free',
    ])
    expect(await brokenIn('dropped/dev_read+migrate_to_sys', recording)).toEqual([])
    expect(await brokenIn('dropped/dev_write+cpu_write', recording)).toEqual([])
    expect(await brokenIn('mirrored/dev_write+migrate_to_dev', recording)).toContain('C1')
    expect(await brokenIn('device/dev_read+migrate_to_sys2', recording)).toContain('use-after-free')
  })

  it('H10: a number from before the migration is compared before mapping, and own migrations do not count', async () => {
    expect(await brokenIn('system/migrate_to_dev+madv_dontneed', [])).toEqual([
      'C1',
      'C4',
      'C31',
      'use-after-free',
    ])
    expect(await brokenIn('system/migrate_to_dev+madv_dontneed', [checkBeforeMapping])).toEqual([])
    expect(await brokenIn('untouched/migrate_to_dev+madv_dontneed', [checkBeforeMapping])).toEqual([])
  })

  it('H16: the memory behind the page is stored', async () => {
    expect(await brokenIn('device/dev_read+mprotect', [])).toEqual(['backed-access'])
    expect(await brokenIn('device/dev_read+mprotect', [storeBackingPages])).toEqual([])
    expect(await brokenIn('neighbour/dev_read+munmap', [storeBackingPages])).toEqual([])
  })

  it('H17 and H18: own migrations are heeded, and nothing else changes', async () => {
    const heeding = [heedOwnMigrations, storeBackingPages]
    expect(await brokenIn('mirrored/dev_write+migrate_to_dev', heeding)).toEqual([])
    expect(await brokenIn('device/dev_read+migrate_to_sys2', heeding)).toEqual([])
    expect(await brokenIn('mirrored/dev_write+migrate_to_dev2', heeding)).toEqual([])
    // The other file may be that of a child.
    expect(await brokenIn('sharedMapped/snapshot+child_read', [])).toEqual(['C1', 'C31', 'C41'])
    expect(await brokenIn('sharedMapped/snapshot+child_read', heeding)).toEqual([])
  })

  it('H19: a file is closed when no page names it', async () => {
    expect(await brokenIn('device2/close2+cpu_write', [])).toEqual(['use-after-free'])
    expect(await brokenIn('device2/close2+cpu_write', [closeInOrder])).toEqual([])
    // The file may be that of a child, and who touches the page its parent.
    expect(await brokenIn('sharedChild/child_close+cpu_read', [])).toEqual(['use-after-free'])
    expect(await brokenIn('sharedChild/child_close+cpu_read', [closeInOrder])).toEqual([])
  })

  it('H26: a number from before the page is taken is compared before it is mapped', async () => {
    expect(await brokenIn('system/exclusive+madv_dontneed', [])).toEqual([
      'C1',
      'C4',
      'C43',
      'use-after-free',
    ])
    expect(await brokenIn('system/exclusive+madv_dontneed', compareForExclusive)).toEqual([])
    expect(await brokenIn('alone/exclusive+madv_dontneed', compareForExclusive)).toEqual([])
  })
})

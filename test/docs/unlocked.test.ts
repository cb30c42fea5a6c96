import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { unlockedAccesses, unlockedPage } from '../../docs/unlocked.js'
import { unlockedFields } from '../../spec/unlocked/index.js'
import { againstFields, fieldAccesses } from '../../src/checker/index.js'

describe('accesses without a common lock', () => {
  it('have each a row that says what orders them, no row is stale, and the chapter is that of today', () => {
    const accesses = unlockedAccesses()
    const rows = unlockedFields.map(({ field }) => field)
    expect(againstFields(accesses, rows)).toEqual({ missing: [], stale: [] })
    const chapter = new URL('../../docs/reference/unlocked-accesses.md', import.meta.url)
    expect(readFileSync(chapter, 'utf8')).toBe(unlockedPage(accesses))
  }, 300_000)

  it('are missing and stale where the table is wrong', () => {
    const pair = { field: 'a.left', unlocked: 'p: s', writes: false, other: 'q: t', otherWrites: true }
    const accesses = fieldAccesses(
      [{ unlocked: [pair, pair] }, { unlocked: [{ ...pair, other: 'q: u' }] }],
      [],
    )
    expect(accesses).toEqual([
      {
        row: undefined,
        field: 'a.left',
        unlocked: ['reads p: s'],
        others: ['writes q: t', 'writes q: u'],
        pairs: 2,
      },
    ])
    expect(againstFields(accesses, ['a.right'])).toEqual({ missing: ['a.left'], stale: ['a.right'] })
    expect(fieldAccesses([{ unlocked: [pair] }], ['*.left'])[0].row).toBe('*.left')
  })
})

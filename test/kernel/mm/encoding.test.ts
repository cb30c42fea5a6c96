/**
 * Entries as they lie in memory: the right accessor finds what was put there, and the wrong one what x86-64 would have
 * there instead.
 */
import { describe, expect, it } from 'vitest'
import {
  declareMachine,
  encodeEntry,
  entryState,
  migrationDirty,
  type Pte,
  PteKind,
  pteDirty,
  ptePfn,
  ptePresent,
  pteSoftDirty,
  pteUffdWp,
  pteWrite,
  swpExclusive,
  swpSoftDirty,
  swpUffdWp,
  swpWrite,
} from '../../../src/kernel/index.js'
import { Layout, type World } from '../../../src/world/index.js'

interface Says {
  readonly frame?: number
  readonly slot?: number
  readonly write?: boolean
  readonly dirty?: boolean
  readonly softDirty?: boolean
  readonly uffdWp?: boolean
  readonly exclusive?: boolean
}

function entry(kind: PteKind, says: Says): { w: World; pte: Pte } {
  const layout = new Layout({ threads: 1 })
  const machine = declareMachine(layout, {
    pages: 1,
    frames: 15,
    mms: 1,
    cpus: [0],
    values: 1,
    invalidations: 1,
    intervals: [],
    swapSlots: 7,
  })
  const w = layout.initial()
  const pte = machine.mms[0].pte[0]
  pte.kind = kind
  pte.frame = says.frame ?? 0
  pte.write = says.write ?? false
  pte.slot = says.slot ?? 0
  pte.dirty = says.dirty ?? false
  pte.softDirty = says.softDirty ?? false
  pte.uffdWp = says.uffdWp ?? false
  pte.exclusive = says.exclusive ?? false
  return { w, pte }
}

const BITS = [false, true]
const EVERY = BITS.flatMap((write) =>
  BITS.flatMap((dirty) =>
    BITS.flatMap((softDirty) => BITS.map((uffdWp) => ({ write, dirty, softDirty, uffdWp }))),
  ),
)

describe('the right accessors', () => {
  it.each(['present', 'protnone'] as const)('find everything in a %s entry', (kind) => {
    for (const says of EVERY) {
      const { pte } = entry(PteKind[kind], { ...says, frame: 9 })
      const word = encodeEntry(pte)
      expect(ptePresent(word)).toBe(true)
      expect(ptePfn(word)).toBe(9)
      expect(entryState(pte)).toEqual(says)
    }
  })

  it('find everything in a migration entry', () => {
    for (const says of EVERY) {
      const { pte } = entry(PteKind.migration, { ...says, frame: 9, exclusive: true })
      const word = encodeEntry(pte)
      expect(ptePresent(word)).toBe(false)
      expect(swpExclusive(word)).toBe(true)
      expect(migrationDirty(word)).toBe(says.dirty)
      expect(entryState(pte)).toEqual(says)
    }
  })

  it.each(['devicePrivate', 'deviceExclusive'] as const)(
    'find everything but dirty, which there is none of, in a %s entry',
    (kind) => {
      for (const says of EVERY) {
        const { pte } = entry(PteKind[kind], { ...says, dirty: false, frame: 9 })
        expect(swpWrite(encodeEntry(pte))).toBe(says.write)
        expect(entryState(pte)).toEqual({ ...says, dirty: false })
      }
    },
  )

  it('find marks and exclusive in a swap entry, which nobody can write through', () => {
    for (const { softDirty, uffdWp } of EVERY) {
      const { pte } = entry(PteKind.swap, { softDirty, uffdWp, slot: 5, exclusive: true })
      const word = encodeEntry(pte)
      expect([swpSoftDirty(word), swpUffdWp(word), swpExclusive(word)]).toEqual([softDirty, uffdWp, true])
      expect(entryState(pte)).toEqual({ write: false, dirty: false, softDirty, uffdWp })
    }
  })

  it('find nothing in an entry that is none', () => {
    const { pte } = entry(PteKind.none, {})
    expect(encodeEntry(pte)).toBe(0n)
    expect(ptePresent(0n)).toBe(false)
  })
})

describe('those of a present entry, on one that is not', () => {
  it('take soft-dirty for the right to write (D23)', () => {
    for (const softDirty of BITS) {
      const { pte } = entry(PteKind.devicePrivate, { frame: 3, write: !softDirty, softDirty })
      expect(pteWrite(encodeEntry(pte))).toBe(softDirty)
    }
  })

  it('find every page dirty (D11)', () => {
    for (const frame of [1, 2, 15]) {
      const { pte } = entry(PteKind.devicePrivate, { frame })
      expect(pteDirty(encodeEntry(pte))).toBe(true)
    }
  })

  it('take bits of the inverted frame number for marks (D44)', () => {
    for (const frame of Array.from({ length: 15 }, (_, i) => i + 1)) {
      const { pte } = entry(PteKind.devicePrivate, { frame, softDirty: true, uffdWp: true })
      const word = encodeEntry(pte)
      expect(pteSoftDirty(word)).toBe(((frame >> 2) & 1) === 0)
      expect(pteUffdWp(word)).toBe(((frame >> 1) & 1) === 0)
    }
  })

  it('find the frame number three bits further down (D18)', () => {
    for (const frame of [1, 7, 8, 15]) {
      const { pte } = entry(PteKind.devicePrivate, { frame })
      expect(ptePfn(encodeEntry(pte))).toBe(frame >> 3)
    }
  })
})

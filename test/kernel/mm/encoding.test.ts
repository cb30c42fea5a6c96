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
  readonly write?: number
  readonly dirty?: number
  readonly softDirty?: number
  readonly uffdWp?: number
  readonly exclusive?: number
}

function entry(kind: number, says: Says): { w: World; pte: Pte } {
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
  pte.kind.set(w, kind)
  pte.frame.set(w, says.frame ?? 0)
  pte.write.set(w, says.write ?? 0)
  pte.bits?.slot.set(w, says.slot ?? 0)
  pte.bits?.dirty.set(w, says.dirty ?? 0)
  pte.bits?.softDirty.set(w, says.softDirty ?? 0)
  pte.bits?.uffdWp.set(w, says.uffdWp ?? 0)
  pte.bits?.exclusive.set(w, says.exclusive ?? 0)
  return { w, pte }
}

const BITS = [0, 1]
const EVERY = BITS.flatMap((write) =>
  BITS.flatMap((dirty) =>
    BITS.flatMap((softDirty) => BITS.map((uffdWp) => ({ write, dirty, softDirty, uffdWp }))),
  ),
)

describe('the right accessors', () => {
  it.each(['present', 'protnone'] as const)('find everything in a %s entry', (kind) => {
    for (const says of EVERY) {
      const { w, pte } = entry(PteKind[kind], { ...says, frame: 9 })
      const word = encodeEntry(w, pte)
      expect(ptePresent(word)).toBe(true)
      expect(ptePfn(word)).toBe(9)
      expect(entryState(w, pte)).toEqual(says)
    }
  })

  it('find everything in a migration entry', () => {
    for (const says of EVERY) {
      const { w, pte } = entry(PteKind.migration, { ...says, frame: 9, exclusive: 1 })
      const word = encodeEntry(w, pte)
      expect(ptePresent(word)).toBe(false)
      expect(swpExclusive(word)).toBe(1)
      expect(migrationDirty(word)).toBe(says.dirty)
      expect(entryState(w, pte)).toEqual(says)
    }
  })

  it.each(['devicePrivate', 'deviceExclusive'] as const)(
    'find everything but dirty, which there is none of, in a %s entry',
    (kind) => {
      for (const says of EVERY) {
        const { w, pte } = entry(PteKind[kind], { ...says, dirty: 0, frame: 9 })
        expect(swpWrite(encodeEntry(w, pte))).toBe(says.write)
        expect(entryState(w, pte)).toEqual({ ...says, dirty: 0 })
      }
    },
  )

  it('find marks and exclusive in a swap entry, which nobody can write through', () => {
    for (const { softDirty, uffdWp } of EVERY) {
      const { w, pte } = entry(PteKind.swap, { softDirty, uffdWp, slot: 5, exclusive: 1 })
      const word = encodeEntry(w, pte)
      expect([swpSoftDirty(word), swpUffdWp(word), swpExclusive(word)]).toEqual([softDirty, uffdWp, 1])
      expect(entryState(w, pte)).toEqual({ write: 0, dirty: 0, softDirty, uffdWp })
    }
  })

  it('find nothing in an entry that is none', () => {
    const { w, pte } = entry(PteKind.none, {})
    expect(encodeEntry(w, pte)).toBe(0n)
    expect(ptePresent(0n)).toBe(false)
  })
})

describe('those of a present entry, on one that is not', () => {
  it('take soft-dirty for the right to write (D23)', () => {
    for (const softDirty of BITS) {
      const { w, pte } = entry(PteKind.devicePrivate, { frame: 3, write: 1 - softDirty, softDirty })
      expect(pteWrite(encodeEntry(w, pte))).toBe(softDirty)
    }
  })

  it('find every page dirty (D11)', () => {
    for (const frame of [1, 2, 15]) {
      const { w, pte } = entry(PteKind.devicePrivate, { frame })
      expect(pteDirty(encodeEntry(w, pte))).toBe(1)
    }
  })

  it('take bits of the inverted frame number for marks (D44)', () => {
    for (const frame of Array.from({ length: 15 }, (_, i) => i + 1)) {
      const { w, pte } = entry(PteKind.devicePrivate, { frame, softDirty: 1, uffdWp: 1 })
      const word = encodeEntry(w, pte)
      expect(pteSoftDirty(word)).toBe(((frame >> 2) & 1) ^ 1)
      expect(pteUffdWp(word)).toBe(((frame >> 1) & 1) ^ 1)
    }
  })

  it('find the frame number three bits further down (D18)', () => {
    for (const frame of [1, 7, 8, 15]) {
      const { w, pte } = entry(PteKind.devicePrivate, { frame })
      expect(ptePfn(encodeEntry(w, pte))).toBe(frame >> 3)
    }
  })
})

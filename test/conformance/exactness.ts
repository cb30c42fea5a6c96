/**
 * What must hold of the oracle's machine between any two operations.
 *
 * @module
 */
import { expect } from 'vitest'
import type { Oracle } from '../../src/conformance/index.js'
import type { Translation } from '../../src/driver/index.js'
import { PteKind, ZERO_PAGE } from '../../src/kernel/index.js'

/** A mirror may have less than the page table, and nothing else; and so may a TLB. */
export function mirrorsAgree({ machine, mirrors, world: w }: Oracle): void {
  const [mm] = machine.mms
  for (const translations of [
    ...mirrors.map(({ pageTable }) => pageTable),
    ...machine.cpus.map(({ tlb }) => tlb),
  ])
    translations.forEach((translation: Translation, page) => {
      const { frame, write } = translation
      if (frame.readOnce(w) === 0) return
      const pte = mm.pte[page]
      const kinds = translation.atomic?.readOnce(w)
        ? [PteKind.deviceExclusive]
        : [PteKind.present, PteKind.devicePrivate]
      expect(kinds).toContain(pte.kind.readOnce(w))
      expect(pte.frame.readOnce(w)).toBe(frame.readOnce(w) - 1)
      expect(write.readOnce(w)).toBeLessThanOrEqual(pte.write.readOnce(w))
    })
}

/**
 * A frame has a reference for each entry that names it, and a mapping too unless a device has it to itself, and one of the
 * file that it is a page of; it holds nothing if there is none.
 */
export function countsAreExact({ machine, world: w }: Oracle): void {
  const cached = new Set(machine.files.flatMap(({ pages }) => pages.map((frame) => frame.get(w))))
  const named = machine.mms.flatMap(({ pte }) => pte).filter(({ kind }) => kind.readOnce(w) !== PteKind.none)
  const byFrame = new Map<number, number>()
  const mapped = new Map<number, number>()
  for (const { frame, kind } of named) {
    const pfn = frame.readOnce(w)
    byFrame.set(pfn, (byFrame.get(pfn) ?? 0) + 1)
    if (kind.readOnce(w) !== PteKind.deviceExclusive) mapped.set(pfn, (mapped.get(pfn) ?? 0) + 1)
  }
  const counted = machine.frames.slice(1).map(({ pfn, refcount, mapcount, contents }) => ({
    pfn,
    references: refcount.get(w),
    mappings: mapcount.get(w),
    isEmptyOrUsed: refcount.get(w) > 0 || contents.get(w) === 0,
  }))
  const wrong = counted.filter(
    ({ pfn, references, mappings, isEmptyOrUsed }) =>
      references !== (byFrame.get(pfn) ?? 0) + (cached.has(pfn) ? 1 : 0) ||
      mappings !== (mapped.get(pfn) ?? 0) ||
      !isEmptyOrUsed,
  )
  expect(wrong).toEqual([])
  expect(machine.frames[ZERO_PAGE].contents.get(w)).toBe(0)
}

/** Between two operations no lock is held and nothing is being invalidated. */
export function nothingIsOpen({ machine, mirrors, world: w }: Oracle): void {
  const [{ subscriptions, users }] = machine.mms
  for (const lock of machine.layout.locks) expect(lock.heldBy(w, 0)).toBe(false)
  expect(users.get(w)).toBe(1)
  expect(subscriptions.active.readOnce(w)).toBe(0)
  expect(subscriptions.seq.readOnce(w) % 2).toBe(0)
  for (const { notifier } of mirrors) expect(notifier.seq.readOnce(w) % 2).toBe(1)
}

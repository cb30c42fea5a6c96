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
export function mirrorsAgree({ machine, mirrors }: Oracle): void {
  const [mm] = machine.mms
  for (const translations of [
    ...mirrors.map(({ pageTable }) => pageTable),
    ...machine.cpus.map(({ tlb }) => tlb),
  ])
    translations.forEach(
      (translation: Pick<Translation, 'frame' | 'write'> & Partial<Translation>, page: number) => {
        if (translation.frame === undefined) return
        const pte = mm.pte[page]
        const kinds = translation.atomic
          ? [PteKind.deviceExclusive]
          : [PteKind.present, PteKind.devicePrivate]
        expect(kinds).toContain(pte.kind)
        expect(pte.frame).toBe(translation.frame.pfn)
        expect(translation.write && !pte.write).toBe(false)
      },
    )
}

/**
 * A frame has a reference for each entry that names it, and a mapping too unless a device has it to itself, and one of the
 * file that it is a page of; it holds nothing if there is none.
 */
export function countsAreExact({ machine }: Oracle): void {
  const cached = new Set(machine.files.flatMap(({ pages }) => pages.map((cached) => cached.frame)))
  const named = machine.mms.flatMap(({ pte }) => pte).filter((pte) => pte.kind !== PteKind.none)
  const byFrame = new Map<number, number>()
  const mapped = new Map<number, number>()
  for (const pteRecord of named) {
    const pfn = pteRecord.frame
    byFrame.set(pfn, (byFrame.get(pfn) ?? 0) + 1)
    if (pteRecord.kind !== PteKind.deviceExclusive) mapped.set(pfn, (mapped.get(pfn) ?? 0) + 1)
  }
  const counted = machine.frames.slice(1).map((frame) => ({
    pfn: frame.pfn,
    references: frame.refcount,
    mappings: frame.mapcount,
    isEmptyOrUsed: frame.refcount > 0 || frame.contents === 0,
  }))
  const wrong = counted.filter(
    ({ pfn, references, mappings, isEmptyOrUsed }) =>
      references !== (byFrame.get(pfn) ?? 0) + (cached.has(pfn) ? 1 : 0) ||
      mappings !== (mapped.get(pfn) ?? 0) ||
      !isEmptyOrUsed,
  )
  expect(wrong).toEqual([])
  expect(machine.frames[ZERO_PAGE].contents).toBe(0)
}

/** Between two operations no lock is held and nothing is being invalidated. */
export function nothingIsOpen({ machine, mirrors }: Oracle): void {
  const [mm] = machine.mms
  for (const lock of machine.layout.locks) expect(lock.heldBy(0)).toBe(false)
  expect(mm.users).toBe(1)
  expect(mm.subscriptions.active).toBe(0)
  expect(mm.subscriptions.seq % 2).toBe(0)
  for (const { notifier } of mirrors) expect(notifier.seq % 2).toBe(1)
}

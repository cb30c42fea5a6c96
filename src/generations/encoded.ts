/**
 * A walk that stores entries in the driver's encoding, and a driver that decodes them, as in 4.17
 * to 5.7. The walk itself uses the entries of the model.
 *
 * @see reference A.1, C25
 * @module
 */
import {
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  type HmmRequest,
  hmm_vma_walk_pmd,
  readEntry,
  type Walked,
} from '../kernel/index.js'
import { claim, type Override, onStep } from '../world/index.js'
import { type DriverEncoding, decode, encode, type Told } from './encoding/driver.js'

/** What the walk reported for a page. */
function told(range: HmmRange, page: number): Exclude<Told, { kind: 'unknown' }> {
  if (range.pfns[page].flags & HMM_PFN_ERROR) return { kind: 'error' }
  if (!(range.pfns[page].flags & HMM_PFN_VALID)) return { kind: 'none' }
  return {
    kind: 'valid',
    pfn: BigInt(range.pfns[page].frame),
    write: (range.pfns[page].flags & HMM_PFN_WRITE) !== 0,
    devicePrivate: range.ownerOf(range.pfns[page].frame) >= 0,
  }
}

function inWords(of: Told): string {
  return of.kind === 'valid' ? `frame ${of.pfn}${of.write ? ', writable' : ''}` : of.kind
}

/**
 * Encodes what the walk reported for a page as the driver's word, and decodes it again. Called
 * inside an atomic step.
 */
function throughTheWord(range: HmmRange, page: number, encoding: DriverEncoding): void {
  const stored = told(range, page)
  const read = decode(encoding, encode(encoding, stored))
  const same =
    read.kind === stored.kind &&
    (read.kind !== 'valid' ||
      (stored.kind === 'valid' && read.pfn === stored.pfn && read.write === stored.write))
  claim('encoding', same, `page ${page} is ${inWords(stored)}, and the driver reads ${inWords(read)}`)
}

/**
 * Reads one page-table entry, encodes it in the driver's encoding, and decodes it again. Called
 * inside an atomic step.
 */
export function readAndEncode(
  range: HmmRange,
  request: HmmRequest,
  page: number,
  encoding: DriverEncoding,
): Walked {
  const walked = readEntry(range, request, page)
  const end = walked.kind === 'next' ? walked.page : page
  for (let at = page; at < end; at++) throughTheWord(range, at, encoding)
  return walked
}

/** A walk that stores words of `encoding`. */
export function storingWords(encoding: DriverEncoding): Override {
  return onStep(
    hmm_vma_walk_pmd,
    'read an entry',
    (_, range, request, page) => () => readAndEncode(range, request, page, encoding),
  )
}

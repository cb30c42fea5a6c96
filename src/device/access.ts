/**
 * An access of the device takes two steps: it translates, then it accesses memory. The page table
 * may change in between, so an invalidation must wait for the access to end.
 *
 * @see reference G.2
 * @module
 */
import { expectedAt, type Task, ZERO_PAGE } from '../machine/index.js'
import { claim, READ_ONCE, SpecificationError } from '../world/index.js'
import { type Access, copy, type Device, forget, Touched, type Translation } from './translation.js'

/** Tests whether a translation permits an access. */
export type Grants = (entry: Translation) => boolean

/** A read needs a translation. */
export const mayRead: Grants = (entry) => READ_ONCE(entry).frame !== undefined

/** A write needs a writable translation. */
export const mayWrite: Grants = (entry) => READ_ONCE(entry).write

/**
 * Translates: by the TLB, or by the page table, which fills the TLB. Called inside an atomic step.
 *
 * @returns false if neither permits the access: a device fault
 */
export function translate(device: Device, access: Access, page: number, grants: Grants): boolean {
  const cached = device.tlb[page]
  if (!grants(cached)) {
    const entry = device.pageTable[page]
    if (!grants(entry)) return false
    copy(entry, cached)
  }
  access.page = page + 1
  copy(cached, access)
  return true
}

/**
 * The access uses `entry`, which the driver has looked up in the page table itself, without the
 * TLB. Called inside an atomic step.
 */
export function accessThrough(
  access: Access,
  page: number,
  entry: Pick<Translation, 'frame' | 'write'>,
): void {
  access.page = page + 1
  access.frame = entry.frame
  access.write = entry.write
}

/** The access has ended. Called inside an atomic step. */
export function endAccess(access: Access): void {
  access.page = 0
  forget(access)
}

/**
 * Accesses memory through the translation of the first step, even if it is stale by now. The access
 * has ended. Called inside an atomic step.
 *
 * @param value - the value to write; undefined for a read
 */
export function touch(current: Task, device: Device, access: Access, value: number | undefined): void {
  const page = access.page - 1
  const { frame } = access
  if (frame === undefined) throw new SpecificationError('scenario', `${device.name} accesses nothing`)
  const expected = expectedAt(current.machine, device.mm, page)
  if (value === undefined) {
    const seen = frame.contents
    claim(
      'data',
      seen === expected.value,
      `${device.name} reads ${seen} from page ${page}, last written was ${expected.value}`,
    )
  } else {
    claim('C4', frame.pfn !== ZERO_PAGE, `${device.name} writes to the zero page through page ${page}`)
    frame.contents = value
    expected.value = value
  }
  const touched = access.touched.at(page)
  if (touched !== undefined) touched.how = value === undefined ? Touched.read : Touched.written
  endAccess(access)
}

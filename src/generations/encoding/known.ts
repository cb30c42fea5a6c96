/**
 * Encodings that drivers have used, for experiments and as a starting point.
 *
 * @module
 */
import type { DriverEncoding } from './driver.js'
import * as fixed from './fixed.js'
import { not } from './word.js'

/**
 * The fixed bits of before 4.17, declared as a driver encoding.
 *
 * @see reference A.1
 */
export const FIXED_AS_DRIVER: DriverEncoding = {
  flags: [fixed.HMM_PFN_VALID, fixed.HMM_PFN_WRITE, fixed.HMM_PFN_DEVICE_PRIVATE],
  values: [fixed.HMM_PFN_ERROR, 0n, fixed.HMM_PFN_SPECIAL],
  pfnShift: fixed.HMM_PFN_SHIFT,
}

/**
 * A device whose entries hold the physical address of the page. ERROR and SPECIAL share one word.
 */
export const ADDRESS_ENCODING: DriverEncoding = {
  flags: [1n, 2n, 4n],
  values: [not(1n), 0n, not(1n)],
  pfnShift: 12,
}

/**
 * The encodings of array entries in every generation of the API. Generations share some names; the
 * namespaces `fixed`, `driver` and `top` tell them apart.
 *
 * @see docs/decisions/0018-encodings.md
 * @module
 */
export * as dma from './dma.js'
export * as driver from './driver.js'
export { type DriverEncoding, HMM_RANGE_DEFAULT_TIMEOUT, HmmPfnFlag, HmmPfnValue } from './driver.js'
export * as fixed from './fixed.js'
export { ADDRESS_ENCODING, FIXED_AS_DRIVER } from './known.js'
export {
  needFault51,
  needFault57,
  needFault58,
  needFault417,
  needFaultAsPatched,
  type Requests,
} from './need-fault.js'
export * as top from './top.js'
export { EncodingError, type EncodingRule, validateEncoding } from './validate.js'
export * from './word.js'

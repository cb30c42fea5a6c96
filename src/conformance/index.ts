/**
 * Comparison with a real kernel: the same procedures, run to completion one operation after another, perform the
 * operations of recorded sequences.
 *
 * @module conformance
 */
export * from './conform.js'
export type { DeviceFile } from './files.js'
export * from './operations.js'
export * from './oracle.js'
export * from './recording.js'
export * from './result.js'
export type { SearchLimits } from './validate/search.js'
export { TraceError } from './validate/trace/ftrace.js'
export type { PassedOver } from './validate/trace/race.js'
export {
  type Explanation,
  type Refusal,
  type ThreadState,
  type ValidateOptions,
  type Validation,
  validateTrace,
} from './validate/validate.js'
export type { Value } from './values.js'

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
export type { Value } from './values.js'

/**
 * Whether bounds are large enough: what the next larger scenario shows that the scenario did not.
 *
 * @module
 */
export * from './observe.js'
export * from './report.js'
export * from './saturate.js'

/**
 * Device-exclusive access.
 *
 * @see reference B.10
 * @module
 */
export * from './make.js'
export * from './restore.js'

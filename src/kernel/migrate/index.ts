/**
 * Migration between system memory and the memory of a device.
 *
 * @see reference B.5
 * @module
 */
export * from './coherent.js'
export * from './collect.js'
export * from './collect-huge.js'
export * from './device-range.js'
export * from './finish.js'
export * from './insert.js'
export * from './lru.js'
export * from './pages.js'
export * from './request.js'
export * from './restore.js'
export * from './unmap.js'

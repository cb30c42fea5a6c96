/**
 * Drivers and devices: the interface that a driver implements, the reference driver, and the device that it drives.
 *
 * @module driver
 */

export * from './atomic.js'
export * from './bringing-back.js'
export * from './device.js'
export * from './device-chunk.js'
export * from './device-memory.js'
export * from './driver.js'
export * from './fault-handler.js'
export * from './map-by-order.js'
export * from './migrate-and-map.js'
export * from './reference.js'
export * from './variants/compare-twice.js'
export * from './variants/lock-out.js'
export * from './variants/migrate-mixed.js'
export * from './variants/pages-valid.js'
export * from './variants/restore.js'
export * from './variants/two-pass.js'

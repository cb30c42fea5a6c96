/**
 * Drivers and devices: the interface of a driver, the reference driver, and its device.
 *
 * @module driver
 */

export * from '../device/index.js'
export * from './driver.js'
export * from './fault.js'
export * from './fault-handler.js'
export * from './memory/bringing-back.js'
export * from './memory/device-chunk.js'
export * from './memory/device-memory.js'
export * from './mirror.js'
export * from './page-table.js'
export * from './reference/atomic.js'
export * from './reference/map-by-order.js'
export * from './reference/migrate-and-map.js'
export * from './reference/reference.js'
export type { SharedState } from './shared-state.js'
export * from './variants/compare-twice.js'
export * from './variants/fenced-jobs.js'
export * from './variants/lock-out.js'
export * from './variants/migrate-mixed.js'
export * from './variants/migrate-on-fault.js'
export * from './variants/pages-valid.js'
export * from './variants/restore.js'
export * from './variants/two-pass.js'

/**
 * Mirroring before Linux 5.5: `struct hmm`, mirrors and ranges.
 *
 * @module
 */

export * from './before-count.js'
export * from './dma.js'
export * from './driver.js'
export * from './driver-vma.js'
export * from './hmm.js'
export * from './lifetime.js'
export * from './notifier.js'
export * from './range.js'
export * from './register.js'
export * from './vma.js'

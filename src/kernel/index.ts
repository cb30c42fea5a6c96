/**
 * The reference implementation, as procedures: memory management, notifiers, hmm. It does not
 * depend on the checker.
 *
 * @module kernel
 */
export * from '../machine/index.js'
export * from './dma-fence.js'
export * from './hmm/index.js'
export * from './memremap/index.js'
export * from './migrate/index.js'
export * from './mm/index.js'
export * from './mmu_notifier/index.js'
export * from './workqueue.js'

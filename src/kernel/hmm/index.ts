/**
 * Heterogeneous memory management: how a driver reads a process's page table.
 *
 * @module
 */
export * from './fault.js'
export * from './range.js'
export * from './unlocked.js'
export * from './walk.js'

/**
 * The hardware of a device that shares an address space: its page table, its TLB, its accesses.
 *
 * @module
 */
export * from './access.js'
export * from './flush.js'
export * from './translation.js'

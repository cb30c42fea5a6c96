/**
 * The hardware of a device that mirrors an address space: its page table, TLB and accesses.
 *
 * @module
 */
export * from './access.js'
export * from './flush.js'
export * from './translation.js'

/**
 * The memory of the modelled machine: page frames, address spaces, page tables, TLBs, and the notifier state of each
 * address space. Everything here is declared once for a scenario and then reached through these records.
 *
 * @module
 */
export * from './address-space.js'
export * from './bits.js'
export * from './declare.js'
export * from './device-memory.js'
export * from './errno.js'
export * from './kinds.js'
export * from './open-ranges.js'
export * from './pmd.js'
export * from './records.js'
export * from './rules.js'
export * from './size.js'

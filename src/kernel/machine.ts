/**
 * The memory of the modelled machine: page frames, address spaces, page tables, TLBs, and the notifier state of each
 * address space. Everything here is declared once for a scenario and then reached through these records.
 *
 * @module
 */
export * from './machine/declare.js'
export * from './machine/kinds.js'
export * from './machine/open-ranges.js'
export * from './machine/records.js'
export * from './machine/rules.js'
export * from './machine/size.js'

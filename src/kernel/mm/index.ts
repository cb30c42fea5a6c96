/**
 * Memory management: page faults, and the operations that change what an address space maps, each with its notifier
 * window, its page-table lock sections, its TLB flush and its freeing of pages in the kernel's order.
 *
 * @see reference B.2
 * @module
 */
export * from './cow.js'
export * from './cpu.js'
export * from './exit.js'
export * from './fault.js'
export * from './fork.js'
export * from './madvise.js'
export * from './mmap.js'
export * from './mprotect.js'
export * from './numa.js'
export * from './oom.js'
export * from './page.js'
export * from './swap.js'
export * from './zap.js'

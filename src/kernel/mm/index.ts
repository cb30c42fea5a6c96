/**
 * Memory management: page faults, and the operations that change the mappings of an address space.
 * Each opens its invalidation, takes the page-table lock, flushes the TLB and frees pages in the
 * kernel's order.
 *
 * @see reference B.2
 * @module
 */

export * from './area/file.js'
export * from './area/madvise.js'
export * from './area/mlock.js'
export * from './area/mmap.js'
export * from './area/mprotect.js'
export * from './area/mremap.js'
export * from './area/reclaim.js'
export * from './area/userfaultfd.js'
export * from './area/vma.js'
export * from './area/zap.js'
export * from './encoding.js'
export * from './exclusive/index.js'
export * from './fault/answers.js'
export * from './fault/cow.js'
export * from './fault/cpu.js'
export * from './fault/fault.js'
export * from './fault/file.js'
export * from './fault/gup.js'
export * from './fault/numa.js'
export * from './fault/populate.js'
export * from './fault/swap.js'
export * from './huge/advice.js'
export * from './huge/device-private.js'
export * from './huge/fault.js'
export * from './huge/folio.js'
export * from './huge/page.js'
export * from './huge/split.js'
export * from './ksm.js'
export * from './lru.js'
export * from './page.js'
export * from './process/exit.js'
export * from './process/fork.js'
export * from './process/oom.js'
export * from './rmap.js'
export * from './speculative.js'
export * from './swap/reclaim.js'
export * from './swap/slots.js'
export * from './swap/swap-in.js'
export * from './tlb.js'

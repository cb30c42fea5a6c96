/**
 * The generations of the API, from Linux 4.14 to today: what each adds to the kernel of
 * `src/kernel` or replaces in it.
 *
 * @module generations
 */

export * from './devmem/index.js'
export * from './dma-map.js'
export * from './encoded.js'
export * from './encoding/index.js'
export * from './generation.js'
export * from './generations.js'
export * from './huge-pages.js'
export * from './mirror/index.js'
export * from './unlocked.js'

/**
 * The kernel's HMM test driver (lib/test_hmm.c), with which the recordings were made. It is not a
 * pattern to follow: its callback drops the entry of the page after the range too, it ignores
 * invalidations by its own migrations, and closing a device evicts the pages of every process.
 *
 * @see reference E.1
 * @module
 */
export * from './access.js'
export * from './exclusive.js'
export * from './fault.js'
export * from './file.js'
export * from './memory.js'
export * from './snapshot.js'

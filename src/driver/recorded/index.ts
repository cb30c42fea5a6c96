/**
 * The driver that the recordings of a real kernel were made with: the kernel's own HMM test driver, with its habits.
 * It is no pattern to follow: invalidating a range drops the entry of the page after it too, the
 * invalidations of its own migrations pass it by, and closing a device evicts the pages of every process.
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

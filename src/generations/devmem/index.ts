/**
 * Device memory before Linux 5.3: `hmm_devmem`.
 *
 * @module
 */
export * from './devmem.js'
export * from './hotplug.js'

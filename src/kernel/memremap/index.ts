/**
 * Regions of device memory and their pages.
 *
 * @see reference B.7, B.8
 * @module
 */
export * from './device-page.js'
export * from './memremap.js'
export * from './poison.js'

/**
 * Fields that threads access without a common lock, with what orders these accesses in the kernel.
 * Their chapter of the reference is generated from here and from the accesses of all scenarios.
 *
 * @module
 */
import { driverFields } from './drivers.js'
import { kernelFields } from './kernel.js'
import type { UnlockedField } from './orders.js'

export { type Order, orders, type UnlockedField } from './orders.js'

/** All such fields, in the order of the chapter. */
export const unlockedFields: readonly UnlockedField[] = [...kernelFields, ...driverFields]

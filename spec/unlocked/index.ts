/**
 * Fields that threads access without a common lock, and what orders those accesses in the kernel. The chapter of the reference
 * on them is written from here and from the accesses of all scenarios.
 *
 * @module
 */
import { driverFields } from './drivers.js'
import { kernelFields } from './kernel.js'
import type { UnlockedField } from './orders.js'

export { type Order, orders, type UnlockedField } from './orders.js'

/** Every such field, in the order of the chapter. */
export const unlockedFields: readonly UnlockedField[] = [...kernelFields, ...driverFields]

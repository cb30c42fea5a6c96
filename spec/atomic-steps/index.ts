/**
 * The steps that the rule calls too large, each with the arguments why it may be atomic. The table of
 * `docs/decisions/0001-atomic-steps.md` is generated from here.
 *
 * @module
 */
import { deviceSteps } from './devices.js'
import { memorySteps } from './memory.js'
import { migrationSteps } from './migration.js'
import type { AtomicStep } from './row.js'

export { type AtomicArgument, atomicArguments } from './arguments.js'
export type { AtomicStep } from './row.js'

/** The steps, grouped by subject. */
export const atomicSteps: readonly AtomicStep[] = [...deviceSteps, ...memorySteps, ...migrationSteps]

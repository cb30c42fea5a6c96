/**
 * The steps that are too large by the rule, each with the arguments that it may be one all the same. The table of
 * `docs/decisions/0001-atomic-steps.md` is written from here.
 *
 * @module
 */
import { deviceSteps } from './devices.js'
import { memorySteps } from './memory.js'
import { migrationSteps } from './migration.js'
import type { AtomicStep } from './row.js'

export { type AtomicArgument, atomicArguments } from './arguments.js'
export type { AtomicStep } from './row.js'

/** The steps, by subject, in the order of their names. */
export const atomicSteps: readonly AtomicStep[] = [...deviceSteps, ...memorySteps, ...migrationSteps]

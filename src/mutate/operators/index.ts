/**
 * Every operator.
 *
 * @module
 */
import { dropOperand, invertCondition, shiftEnd, takeTail } from './conditions.js'
import { dropDirtyBit, dropLock, otherOwner, weakenLock } from './fixes.js'
import type { Operator } from './operator.js'
import { deleteStatement, swapSteps } from './statements.js'
import { zeroAnswer, zeroReturn } from './values.js'

export { STEP } from './fixes.js'
export { brief, isClaim, Types } from './operator.js'

/** All operators, in the order in which their mutants are listed. */
export const operators: readonly Operator[] = [
  deleteStatement,
  swapSteps,
  invertCondition,
  dropOperand,
  shiftEnd,
  takeTail,
  zeroAnswer,
  zeroReturn,
  dropLock,
  weakenLock,
  otherOwner,
  dropDirtyBit,
]

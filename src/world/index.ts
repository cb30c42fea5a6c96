/**
 * The world and the atomic step, of which procedures are made. Depends neither on memory management
 * nor on the checker.
 *
 * @module world
 */

export { type Asserted, NOBODY, use, whoActs as acting } from './acting.js'
export { claim, SpecificationError, type SpecificationErrorCode, Violation } from './errors.js'
export * from './model.js'
export {
  ControlGraph,
  type ControlLimits,
  FINISHED,
  type FrameDescription,
  type FrameHistory,
  type Location,
} from './procedures/control.js'
export {
  bodiesOf,
  type Override,
  onStep,
  override,
  type Replace,
  type StepOverride,
  type TextOverride,
} from './procedures/override.js'
export {
  type AnyProcedure,
  type Become,
  BLOCKED,
  type Body,
  become,
  type Call,
  choose,
  keyOf,
  type Operation,
  type Procedure,
  procedure,
  type Run,
  type Running,
  type Section,
  type Step,
  step,
  type Ways,
} from './procedures/procedure.js'
export { type SequentialOptions, SequentialRunner } from './procedures/sequential.js'
export { type Footprint, unobserved } from './records/footprint.js'
export {
  type Bits,
  Cell,
  type CellOptions,
  type Codec,
  Layout,
  type LayoutOptions,
  type World,
} from './records/layout.js'
export { Lifecycle, type StatechartMeta, type TransitionTable } from './records/lifecycle.js'
export {
  type Condition,
  type Lock,
  type LockOptions,
  Mutex,
  mightSleep,
  RwSemaphore,
  type Sleeping,
  Spinlock,
  WaitQueue,
} from './records/locks.js'
export { List, Pool, type PoolOptions } from './records/pool.js'
export { any, both, exclusive, Guard, type Protection, readWrite, shared } from './records/protection.js'
export { fieldOf, old, READ_ONCE, type Reads, type RecordOf, withConstants } from './records/record.js'
export { SEQUENCE_VIEWS, Sequence, type SequenceView } from './records/sequence.js'

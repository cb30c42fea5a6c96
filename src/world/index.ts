/**
 * The world and the atomic step: what a procedure is made of. It knows nothing of memory management and nothing
 * of checking.
 *
 * @module world
 */

export { type Asserted, NOBODY, use, whoActs as acting } from './acting.js'
export {
  ControlGraph,
  type ControlLimits,
  FINISHED,
  type FrameDescription,
  type FrameHistory,
  type Location,
} from './control.js'
export { claim, SpecificationError, type SpecificationErrorCode, Violation } from './errors.js'
export { type Footprint, unobserved } from './footprint.js'
export {
  type Bits,
  Cell,
  type CellOptions,
  type Codec,
  Layout,
  type LayoutOptions,
  type World,
} from './layout.js'
export { Lifecycle, type StatechartMeta, type TransitionTable } from './lifecycle.js'
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
} from './locks.js'
export * from './model.js'
export {
  bodiesOf,
  type Override,
  onStep,
  override,
  type Replace,
  type StepOverride,
  type TextOverride,
} from './override.js'
export { List, Pool, type PoolOptions } from './pool.js'
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
} from './procedure.js'
export { any, both, exclusive, Guard, type Protection, readWrite, shared } from './protection.js'
export { fieldOf, old, READ_ONCE, type Reads, type RecordOf, withConstants } from './record.js'
export { SEQUENCE_VIEWS, Sequence, type SequenceView } from './sequence.js'
export { type SequentialOptions, SequentialRunner } from './sequential.js'

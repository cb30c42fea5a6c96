/**
 * The checker: explores every interleaving of a bounded scenario. It does not depend on memory
 * management.
 *
 * @module checker
 */

export { type DeclaredStep, declaredSteps } from '../world/procedures/declared-steps.js'
export { type Atomicity, type AtomicityOptions, atomicity, type LargeStep } from './atomicity/atomicity.js'
export { againstList, type Discrepancy, type ListedStep } from './atomicity/listed.js'
export { againstFields, type FieldAccesses, fieldAccesses, type UnlockedPair } from './atomicity/unlocked.js'
export type { MoveFrom, Sample, Samples, SavedSamples } from './audit/samples.js'
export { check, NOT_MODELLED, parametersOf } from './check.js'
export { coverageOf } from './claims/coverage.js'
export type { Broken } from './claims/judge.js'
export { findLasso, type Lasso } from './claims/progress.js'
export { type CompiledStatechart, type CompiledTransition, compileStatechart } from './claims/statechart.js'
export { Digest, type SavedDigest } from './digest.js'
export { Edges, Graph } from './explore/edges.js'
export { type Breach, Exploration } from './explore/explore.js'
export type { Locations } from './explore/memo.js'
export { Normaliser } from './explore/normalise.js'
export type { Parts, SavedExploration, SavedFacts } from './explore/saved.js'
export type { Move } from './explore/stepper.js'
export { StateStore } from './explore/store.js'
export {
  type SurveyedBreach,
  type SurveyedRun,
  type SurveyOptions,
  type SurveyResult,
  survey,
} from './explore/survey.js'
export { type State, type TakenTransitions, type Telling, TransitionSystem } from './explore/system.js'
export {
  type ClaimFootprint,
  type FootprintOptions,
  type Footprints,
  footprints,
  type StepFootprint,
  type Touched,
} from './footprints.js'
export { type Host, portableHost } from './host.js'
export type {
  Asking,
  CheckOptions,
  Checkpoints,
  Fresh,
  FreshModel,
  Injection,
  Limits,
  Reductions,
} from './options.js'
export * from './result.js'
export { stepsThatMatter, withMatters } from './runs/essential.js'
export {
  checkAtRandom,
  type RandomOptions,
  type RandomResult,
  SCHEDULES,
  type Schedule,
} from './runs/random.js'
export {
  breachingRun,
  type Judged,
  judgeTrace,
  movesTo,
  type ReplayedStep,
  replay,
  retell,
  systemOf,
  type Told,
} from './runs/trace.js'

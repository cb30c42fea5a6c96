/**
 * The checker: explores every interleaving of a bounded scenario. It knows nothing of memory management.
 *
 * @module checker
 */

export { type DeclaredStep, declaredSteps } from '../world/declared-steps.js'
export { type Atomicity, type AtomicityOptions, atomicity, type LargeStep } from './atomicity/atomicity.js'
export { againstList, type Discrepancy, type ListedStep } from './atomicity/listed.js'
export { againstFields, type FieldAccesses, fieldAccesses, type UnlockedPair } from './atomicity/unlocked.js'
export type { Sample, Samples } from './audit/samples.js'
export { check, NOT_MODELLED, parametersOf } from './check.js'
export { coverageOf } from './coverage.js'
export { Digest } from './digest.js'
export { Edges, Graph } from './edges.js'
export { stepsThatMatter } from './essential.js'
export { type Breach, Exploration } from './explore.js'
export {
  type ClaimFootprint,
  type FootprintOptions,
  type Footprints,
  footprints,
  type StepFootprint,
  type Touched,
} from './footprints.js'
export { type Host, portableHost } from './host.js'
export type { Broken } from './judge.js'
export type { Locations } from './memo.js'
export { Normaliser } from './normalise.js'
export type { Asking, CheckOptions, Fresh, FreshModel, Injection, Limits, Reductions } from './options.js'
export { findLasso, type Lasso } from './progress.js'
export { checkAtRandom, type RandomOptions, type RandomResult, SCHEDULES, type Schedule } from './random.js'
export * from './result.js'
export { type CompiledStatechart, type CompiledTransition, compileStatechart } from './statechart.js'
export type { Move } from './stepper.js'
export { StateStore } from './store.js'
export {
  type SurveyedBreach,
  type SurveyedRun,
  type SurveyOptions,
  type SurveyResult,
  survey,
} from './survey.js'
export { type State, type TakenTransitions, type Telling, TransitionSystem } from './system.js'
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
} from './trace.js'

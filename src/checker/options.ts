/**
 * Options of a check.
 *
 * @module
 */
import type { Bounds, Parameters, Scenario } from '../world/model.js'
import type { Override } from '../world/procedures/override.js'
import type { AnyProcedure } from '../world/procedures/procedure.js'
import type { SavedExploration } from './explore/saved.js'
import type { Host } from './host.js'
import type { Progress } from './result.js'

/** A defect to inject into a scenario: a name, and the overrides. */
export interface Injection {
  readonly name: string
  readonly overrides: readonly Override[]
}

/** Limits of a check. Reaching one is a verdict, never a crash. */
export interface Limits {
  /** Maximum number of distinct states (default none). */
  readonly states?: number
  /**
   * Maximum number of bytes for stored states, index and links (default 4 GiB, or 3/4 of the
   * machine's memory if that is known and less).
   */
  readonly memoryBytes?: number
  /** Maximum time in milliseconds (default none). */
  readonly timeMs?: number
}

/** How claims are evaluated. */
export type Asking = 'directly' | 'remembered'

/** Whether states that differ only in names are reduced to one. */
export type Reductions = 'all' | 'none'

/** A scenario with injected defects, from modules in which nothing has run yet. */
export interface FreshModel {
  readonly scenario: Scenario
  readonly defects: readonly Injection[]
  /** Records the state that the modules keep. */
  note(): void
  /**
   * Checks that the modules still keep exactly the recorded state.
   *
   * @param when - start of the sentence in the message
   * @throws SpecificationError `impure` if they do not
   */
  mustBeAsNoted(when: string): void
}

/** Source of fresh models. */
export interface Fresh {
  /** Loads the modules again. */
  again(): Promise<FreshModel | undefined>
  /**
   * Steps that were audited in fresh modules, in this scenario or another. They are not audited
   * again.
   */
  readonly audited: Set<string>
}

/** Where a check writes checkpoints, so that another process can continue if this one is killed. */
export interface Checkpoints {
  /** What they are called in messages: the name of a file. */
  readonly name: string
  /** Milliseconds from one to the next. */
  readonly everyMs: number
  /**
   * The last checkpoint, if the check is to continue from it.
   *
   * @throws SpecificationError `checkpoint` if it is damaged, or of another check
   */
  last(): SavedExploration | undefined
  /** Writes `saved` in place of the previous checkpoint. A write that fails does not end the check. */
  keep(saved: SavedExploration): void
}

/** Options of {@link check}. */
export interface CheckOptions {
  /** Size of the bounds (default `default`). */
  readonly bounds?: Bounds
  /** Parameters set by name, over the bounds. */
  readonly set?: Parameters
  readonly limits?: Limits
  /** Defects to inject. */
  readonly defects?: readonly Injection[]
  /**
   * `none` explores every state as it is (default `all`: one state represents all that differ only
   * in names).
   */
  readonly reductions?: Reductions
  /**
   * `directly` evaluates each claim in each state (default `remembered`: only if the fields that it
   * reads have new values). Verdicts, counts and traces are the same.
   */
  readonly claims?: Asking
  /** Clock, memory and event loop (default: {@link portableHost}). */
  readonly host?: Host
  /** True to compute a digest of states and steps (default false, since it takes time). */
  readonly digest?: boolean
  /**
   * Number of samples of each step of the procedures under test, in different worlds, that are
   * audited (default 4); `off` for no audit. Each step of the project's own procedures is audited
   * once.
   */
  readonly audit?: number | 'off'
  /** Whether a procedure is under test (default: none is). */
  readonly isOwn?: (procedure: AnyProcedure) => boolean
  /**
   * The scenario from another loading of the code under test, to audit the state that the code
   * keeps (default none).
   */
  readonly fresh?: Fresh
  /**
   * Checks that the state which the code under test keeps outside of the world is unchanged. The
   * audit calls it after that code has run, once for each place and history of results.
   *
   * @throws SpecificationError `impure` if the state has changed
   */
  readonly unchanged?: (place: string) => void
  /** Where checkpoints are written: at intervals, and when a limit or an interrupt ends the check (default: nowhere). */
  readonly checkpoints?: Checkpoints
  /** Aborting it ends the check with the verdict `interrupted`. */
  readonly signal?: AbortSignal
  /** Called several times per second. */
  readonly onProgress?: (progress: Progress) => void
}

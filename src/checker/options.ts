/**
 * What a check can be told.
 *
 * @module
 */
import type { Bounds, Parameters, Scenario } from '../world/model.js'
import type { Override } from '../world/procedures/override.js'
import type { AnyProcedure } from '../world/procedures/procedure.js'
import type { Host } from './host.js'
import type { Progress } from './result.js'

/** Something put into a scenario on purpose: a name, and the texts it replaces. */
export interface Injection {
  readonly name: string
  readonly overrides: readonly Override[]
}

/** How far a check may go. A limit that is reached is a verdict, never a crash. */
export interface Limits {
  /** Most distinct states (default none). */
  readonly states?: number
  /**
   * Most bytes for stored states, index and links (default 4 GiB, or 3/4 of the machine's memory if the host knows that
   * and it is less).
   */
  readonly memoryBytes?: number
  /** Most milliseconds (default none). */
  readonly timeMs?: number
}

/** How claims are asked. */
export type Asking = 'directly' | 'remembered'

/** Whether one state stands for all that differ only in names. */
export type Reductions = 'all' | 'none'

/** A scenario, and what is put into it, made of modules that nothing has run yet. */
export interface FreshModel {
  readonly scenario: Scenario
  readonly defects: readonly Injection[]
  /** Notes what the modules keep. */
  note(): void
  /**
   * Looks whether they keep what was noted, and nothing else.
   *
   * @param when - in words that a sentence begins with
   * @throws SpecificationError `impure` if they do not
   */
  mustBeAsNoted(when: string): void
}

/** Where fresh models come from. */
export interface Fresh {
  /** Loads the modules anew. */
  again(): Promise<FreshModel | undefined>
  /** Steps that had such a run in this scenario or in another: they need none again. */
  readonly audited: Set<string>
}

/** Options of {@link check}. */
export interface CheckOptions {
  /** At which size of bounds (default `default`). */
  readonly bounds?: Bounds
  /** Parameters set by name, over the bounds. */
  readonly set?: Parameters
  readonly limits?: Limits
  /** Defects to put in. */
  readonly defects?: readonly Injection[]
  /** `none` explores every state as it is (default `all`: one state stands for all that differ only in names). */
  readonly reductions?: Reductions
  /**
   * `directly` asks each claim in each state (default `remembered`: only where what it reads has values that were not seen
   * before). Verdicts, counts and traces are the same.
   */
  readonly claims?: Asking
  /** Clock, memory and turns of the machine (default: what browsers and Node.js have in common). */
  readonly host?: Host
  /** True to have a digest of states and steps in the result (default false: it takes time). */
  readonly digest?: boolean
  /**
   * How often the text under test is audited: samples of each step of its own procedures, in different worlds (default 4);
   * `off` for no audit. What comes with the project is audited once for each step.
   */
  readonly audit?: number | 'off'
  /** Which procedures are under test (default: none). */
  readonly isOwn?: (procedure: AnyProcedure) => boolean
  /** The scenario as another loading of the text under test has it, for an audit of what that text keeps (default none). */
  readonly fresh?: Fresh
  /**
   * Asks whether what the text under test keeps outside of the world is as it was. The audit calls it where that text has just
   * run, once for each place and what it was told until then.
   *
   * @throws SpecificationError `impure` if it is not
   */
  readonly unchanged?: (place: string) => void
  /** Aborting it ends the check with the verdict `interrupted`. */
  readonly signal?: AbortSignal
  /** Called a few times a second. */
  readonly onProgress?: (progress: Progress) => void
}

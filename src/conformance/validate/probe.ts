/**
 * How a probed function of the kernel is judged: the procedure that it is, and what its events must agree with.
 *
 * @module
 */
import type { AnyProcedure, Procedure } from '../../world/index.js'
import type { KernelVersion } from '../result.js'

/** How a field of an event is read. */
export type Unit =
  /** An address: the page of the window. Everything outside of the window is one page after its last. */
  | 'page'
  /** The address after the last: the page after the last. */
  | 'end'
  /** A number, as it is. */
  | 'number'
  /** How many pages were had, or why none: the model has none then. */
  | 'taken'
  /** A sequence number: the model's own begin elsewhere. */
  | 'sequence'
  /** Address of an interval notifier: its place among those that were inserted. */
  | 'notifier'
  /** `enum mmu_notifier_event`. */
  | 'event'
  /** Whoever migrates or takes exclusive access: 0 for nobody, otherwise a device. */
  | 'owner'
  /** `HMM_PFN_REQ_` bits, in the two highest bits of a word. */
  | 'requests'
  /** `FAULT_FLAG_WRITE`. */
  | 'write'
  /** `vm_fault_t`: the bits that are errors. */
  | 'fault'

/** One value that an event must agree with. */
export interface Binding {
  readonly unit: Unit
  /** What the model has, of the arguments of the call, and of what it returns. */
  readonly of: (args: readonly unknown[], result: unknown) => number
}

/** Values by name of the field. A field that a probe's definition leaves out is not compared. */
export type Bindings = Readonly<Record<string, Binding>>

/** A function that is judged. */
export interface JudgedFunction {
  readonly function: string
  readonly procedure: AnyProcedure
  /** Arguments, and memory of the thread's own: as they are when the function is entered. */
  readonly entry: Bindings
  /**
   * Memory that others change: a probe reads it after its event has been given its time and before the function begins. What
   * others do in between it may have seen or not.
   */
  readonly sampled: Bindings
  /** What it returns; `undefined` if its return is not judged, having no probe. */
  readonly return: Bindings | undefined
  /** True where the procedure goes round by calling itself at its end, and the function by a loop. */
  readonly loops: boolean
  /** False for a call that the kernel does not make. */
  readonly happens: (args: readonly unknown[]) => boolean
  /** Releases that it is judged in (default all). */
  readonly releases: readonly KernelVersion[] | undefined
}

/** A function that is probed and whose events are passed over. */
export interface UnjudgedFunction {
  readonly function: string
  /** Why. */
  readonly reason: string
  /** The procedure that it is, or is part of, as `@kernel` has it; absent where the product has none. */
  readonly named?: string
}

type Of<A extends unknown[]> = readonly [unit: Unit, of: (...args: A) => number]

/** How a function is judged, typed by its procedure. */
export interface Judging<A extends unknown[], R> {
  readonly entry?: Readonly<Record<string, Of<A>>>
  readonly sampled?: Readonly<Record<string, Of<A>>>
  readonly return?: Readonly<Record<string, readonly [unit: Unit, of: (result: R, ...args: A) => number]>>
  readonly loops?: true
  readonly happens?: (...args: A) => boolean
  readonly releases?: readonly KernelVersion[]
}

/** Says how a function is judged. */
export function judged<A extends unknown[], R>(
  name: string,
  procedure: Procedure<A, R>,
  judging: Judging<A, R>,
): JudgedFunction {
  const before = (bindings: Readonly<Record<string, Of<A>>> = {}): Bindings =>
    each(bindings, ([unit, of]) => ({ unit, of: (args) => of(...(args as A)) }))
  const { happens } = judging
  return {
    function: name,
    procedure: procedure as unknown as AnyProcedure,
    entry: before(judging.entry),
    sampled: before(judging.sampled),
    return:
      judging.return &&
      each(judging.return, ([unit, of]) => ({
        unit,
        of: (args, result) => of(result as R, ...(args as A)),
      })),
    loops: judging.loops ?? false,
    happens: happens ? (args) => happens(...(args as A)) : () => true,
    releases: judging.releases,
  }
}

function each<T>(of: Readonly<Record<string, T>>, make: (value: T) => Binding): Bindings {
  return Object.fromEntries(Object.entries(of).map(([field, value]) => [field, make(value)]))
}

/**
 * A generation of the mirroring API: a driver written for it, and the overrides that replace
 * procedures of the reference.
 *
 * @module
 */
import type { Driver, Mirror } from '../driver/index.js'
import type { Machine } from '../kernel/index.js'
import type { Abstraction, Layout, Override } from '../world/index.js'

/** Names of the generations, oldest first. Each is named after one of its releases. */
export const generationNames = ['4.17', '5.0', '5.4', '5.6', '6.1', '6.16'] as const

/** One of {@link generationNames}. */
export type GenerationName = (typeof generationNames)[number]

/** Registration of mirrors in generations that do not use interval notifiers. */
export interface MirrorList {
  /** Declares the fields of the address space, after the machine and its devices. */
  declare(layout: Layout, machine: Machine, mirrors: readonly Mirror[]): void
  /** Registers `mirror` in the initial world. */
  attach(mirror: Mirror): void
  /** Reads the state of `mirror` in its statechart from the world. */
  abstraction(mirror: Mirror): Abstraction
}

/** A generation of the mirroring API. */
export interface Generation {
  readonly name: GenerationName
  /** The releases that had it, such as `5.3 to 5.4`. */
  readonly kernels: string
  /** What distinguishes it, in one sentence. */
  readonly summary: string
  /** A correct driver for it, as far as the API allows one. */
  readonly driver: Driver
  /** The overrides of the reference. */
  readonly overrides: readonly Override[]
  /** Absent where each mirror is an interval notifier, as in current kernels. */
  readonly mirrors?: MirrorList
}

/**
 * A generation of the mirroring API: how a driver that was written for it mirrors, and what the kernel had in place of
 * today's texts.
 *
 * @module
 */
import type { Driver, Mirror } from '../driver/index.js'
import type { Machine } from '../kernel/index.js'
import type { Abstraction, Layout, Override } from '../world/index.js'

/** Names of the generations, oldest first: each the release that one can think of it by. */
export const generationNames = ['4.17', '5.0', '5.4', '5.6', '6.1', '6.16'] as const

/** One of {@link generationNames}. */
export type GenerationName = (typeof generationNames)[number]

/** How mirrors are kept in step where they are no interval notifiers. */
export interface MirrorList {
  /** Declares what an address space has for it, once the machine and its devices are declared. */
  declare(layout: Layout, machine: Machine, mirrors: readonly Mirror[]): void
  /** Registers `mirror` in the initial world. */
  attach(mirror: Mirror): void
  /** How the world says where `mirror` stands in its statechart. */
  abstraction(mirror: Mirror): Abstraction
}

/** A generation of the mirroring API. */
export interface Generation {
  readonly name: GenerationName
  /** Which releases had it: `5.3 to 5.4`. */
  readonly kernels: string
  /** What it is known by, in a sentence. */
  readonly summary: string
  /** A driver written for it that does everything right, as far as that could be done. */
  readonly driver: Driver
  /** What it has in place of today's texts. */
  readonly overrides: readonly Override[]
  /** Absent where each mirror is an interval notifier, as it is today. */
  readonly mirrors?: MirrorList
}

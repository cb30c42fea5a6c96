/**
 * The type of a defect: a known bug, injected into a scenario to test that the checker finds it.
 *
 * @module
 */
import type { GenerationName } from '../src/generations/generation.js'
import type { Parameters } from '../src/world/model.js'
import type { Override } from '../src/world/procedures/override.js'

/** The kind of a defect. */
export type DefectKind =
  /** A bug that the kernel or a driver had (D1 …). */
  | 'history'
  /** A step omitted or moved (M1 …). */
  | 'mutation'
  /** A hazard in today's kernels (H1 …): a finding. */
  | 'hazard'

/** A small override of the reference, and the clause it breaks. */
export interface Defect {
  /** Identifier: `D8`, `M1`, `H3`. */
  readonly name: string
  /** Mutations of the reference's section G.3 that it is: `M9`. Found by these names too. */
  readonly aliases?: readonly string[]
  readonly kind: DefectKind
  readonly title: string
  /** The bug, its effect, and its fix. */
  readonly text: string
  readonly source: readonly string[]
  /** Identifier of the requirement that it breaks. */
  readonly requirement: string
  /** The scenario that shows it, by name. */
  readonly scenario: string
  /** The generation of the API that has it; absent where it does not matter. */
  readonly generation?: GenerationName
  /** Parameters of the scenario, over its smoke bounds. */
  readonly set?: Parameters
  readonly overrides: readonly Override[]
  /** Steps of the shortest trace. */
  readonly steps: number
}

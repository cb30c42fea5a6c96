/**
 * The defect of the retry protocol, which the independent model has too.
 *
 * @module
 */
import { override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'
import { mmu_interval_read_retry } from '../scenarios/retry-protocol.js'

/** The comparison always reports a match. */
const neverRetry = override(
  mmu_interval_read_retry,
  () =>
    function* () {
      return yield* step('do not compare', () => 0)
    },
)

/** Defects of the retry protocol. */
export const protocolDefects: readonly Defect[] = [
  {
    name: 'X0',
    kind: 'mutation',
    title: 'the retry check is left out of the protocol',
    text:
      'A page that was read before an invalidation is installed after it. The independent model for SPIN ' +
      'and TLC has the same defect, and finds it after as many steps.',
    source: ['the independent model of the protocol, bench/peers'],
    requirement: 'C1',
    scenario: 'retry-protocol',
    overrides: [neverRetry],
    steps: 12,
  },
]

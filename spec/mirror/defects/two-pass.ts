/**
 * Defects of callbacks in two passes.
 *
 * @module
 */
import {
  fill,
  finishForgetting,
  lendToken,
  recordInFirstPass,
  unmapPages,
} from '../../../src/driver/index.js'
import { CURRENT_SEQ, finishRefused, mmu_interval_set_seq } from '../../../src/kernel/index.js'
import { onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The second pass is omitted after a notifier has refused. */
const neverFinished = override(finishRefused, () => function* () {})

/** The token is taken even if it is in use. */
const sharedToken = onStep(lendToken, 'take the token', (_original, _mirror, token, range) => () => {
  token.inUse = true
  fill(token, range)
  return 1
})

/** The first pass removes the entries, and the second sets the sequence number. */
const recordedLate = [
  override(
    recordInFirstPass,
    () =>
      function* (_current, mirror, range) {
        yield* step('unmap', () => {
          unmapPages(mirror, range)
          return 0
        })
      },
  ),
  override(
    finishForgetting,
    (original) =>
      function* (mirror, token) {
        yield* mirror.updateLock.critical('set_seq', () => {
          mmu_interval_set_seq(mirror.notifier, CURRENT_SEQ)
          return 0
        })
        yield* original(mirror, token)
      },
  ),
]

/** Defects of two passes. */
export const twoPassDefects: readonly Defect[] = [
  {
    name: 'M33',
    kind: 'mutation',
    title: 'the second pass is left out when a notifier refuses',
    text:
      'A later notifier refuses the range, and the invalidation is abandoned. The second pass of those that ' +
      'had started is left out: their token is never returned, and nothing waits for their device.',
    source: ['reference B.1.1, G.3 M33'],
    requirement: 'two-pass',
    scenario: 'two-pass-refused',
    overrides: [neverFinished],
    steps: 20,
  },
  {
    name: 'M34',
    kind: 'mutation',
    title: 'two invalidations share one token',
    text:
      'The token is part of the mirror. A second invalidation overwrites what the first has recorded there: ' +
      "nothing waits for the device to flush the first one's pages.",
    source: ['reference B.1.1, G.3 M34'],
    requirement: 'C3',
    scenario: 'two-pass',
    overrides: [sharedToken],
    steps: 18,
  },
  {
    name: 'M35',
    kind: 'mutation',
    title: 'the sequence is set in the second pass only',
    text:
      'Between the passes the update lock is free. A reader that has walked before finds the sequence ' +
      'unchanged, and maps what the first pass has just removed.',
    source: ['reference B.1.1, G.3 M35'],
    requirement: 'C10',
    scenario: 'two-pass',
    overrides: recordedLate,
    steps: 7,
  },
]

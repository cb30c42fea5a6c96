/**
 * The statecharts are bound while recorded sequences are performed: no signal comes where a chart has no transition for it. Of
 * 7.3 those that read by the walk that drops the mmap lock, which only that driver has; all with HMM_SPEC_WHOLE=1.
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { unsupportedIn } from '../../src/conformance/conform.js'
import { type Operation, parseOperation } from '../../src/conformance/operations.js'
import { exercise } from '../../src/conformance/suite/coverage.js'
import { isHuge } from '../../src/conformance/suite/making/generate.js'
import { recordedSequences } from '../../src/conformance/suite/making/known.js'

const WHOLE = process.env.HMM_SPEC_WHOLE === '1'

/** True for what is performed here. */
function isPlayed(ops: readonly string[]): boolean {
  return WHOLE || (!isHuge(ops) && ops.some((op) => op.includes('dev_read_unlocked')))
}

const played = recordedSequences(fileURLToPath(new URL('../fixtures/', import.meta.url))).flatMap(
  ({ release, ops }) => {
    const operations = ops.map(parseOperation)
    const isAnswered = release === '7.3' && isPlayed(ops) && unsupportedIn(operations).length === 0
    return isAnswered ? [{ ops: ops.join('; '), operations: operations as Operation[] }] : []
  },
)

describe('a recording of 7.3 keeps to the statecharts', () => {
  it('and there are some', () => expect(played.length).toBeGreaterThan(20))

  it.each(played)('$ops', ({ operations }) => {
    expect(() => exercise(operations, '7.3')).not.toThrow()
  })
})

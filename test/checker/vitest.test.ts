import { describe, expect, it } from 'vitest'
import { scenariosFor } from '../../spec/index.js'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import '../../src/vitest/index.js'
import {
  become,
  type Cell,
  Layout,
  type Procedure,
  procedure,
  type Running,
  step,
} from '../../src/world/index.js'
import missingFlush from '../report/mistakes/missing-flush.js'
import { scenarioOf } from '../world/by-hand.js'
import { withoutReadRetry } from './without-read-retry.js'

/** What a failed expectation says. */
async function said(expectation: Promise<void>): Promise<string> {
  const error = await expectation.then(
    () => new Error('nothing failed'),
    (thrown: Error) => thrown,
  )
  return error.message
}

const smoke = { bounds: 'smoke' } as const
const broken = { ...smoke, defects: [withoutReadRetry] }

describe('toHold', () => {
  it('passes where every claim holds', async () => {
    await expect(retryProtocol).toHold(smoke)
  })

  it('fails with verdict, clause, detail and the trace, a line a step', async () => {
    const message = await said(expect(retryProtocol).toHold(broken))
    expect(message).toMatch(
      /^retry-protocol pages=2 invalidations=2 commits=1 with without read_retry: violated \(\d+ states, \d+ steps\)$/m,
    )
    expect(message).toMatch(
      /^ {2}C1, invariant "mirror is not stale": the device maps generation 0 of page \d, the CPU generation 1$/m,
    )
    expect(message).toMatch(/^ {2}12 steps, and no fewer:$/m)
    expect(
      message.split('\n').filter((line) => /^ {2}[ 1]\d (fault 1|fault 2|invalidator) +\w+: /.test(line)),
    ).toHaveLength(12)
    expect(message).toMatch(/invalidator +invalidate: change pte +protocol\.pte\[\d\]\.generation: 0 -> 1/)
    expect(message).toMatch(/expected it to hold$/)
  })

  it('names the rule, the place in the driver’s text, and the page to read', async () => {
    const munmap = scenariosFor(missingFlush).find(({ name }) => name.startsWith('munmap '))
    const message = await said(expect(munmap).toHold(smoke))
    expect(message).toMatch(/^ {2}C3, \w+ ".*": /m)
    expect(message).toMatch(/^ {2}rule: .+\. .+$/m)
    expect(message).toMatch(
      /^ {2}where: test\/report\/mistakes\/missing-flush\.ts:24:\d+, in my_invalidate \(step \d+\)$/m,
    )
    expect(message).toMatch(/^ {2}read: docs\/driver-mistakes\.md#missing-flush$/m)
    expect(message).toMatch(/my_invalidate: set_seq @ test\/report\/mistakes\/missing-flush\.ts:\d+:\d+/)
  })

  it('fails at a limit: what was not explored is not known to hold', async () => {
    const message = await said(expect(retryProtocol).toHold({ ...smoke, limits: { states: 100 } }))
    expect(message).toMatch(
      /: limit of states \(100\) \(10\d states, \d+ steps, \d+ not explored yet\)\nexpected it to hold$/,
    )
  })

  it('can be negated', async () => {
    await expect(retryProtocol).not.toHold(broken)
    expect(await said(expect(retryProtocol).not.toHold(smoke))).toMatch(
      /holds \(8816 states.*\nexpected it not to hold$/,
    )
  })

  it('shows where a run begins to go round', async () => {
    const spin: Procedure<[Cell], void> = procedure(function* spin(cell: Cell): Running<void> {
      yield* step('turn', () => {
        cell.value = 1 - cell.value
        return 0
      })
      return yield* become(spin, cell)
    })
    const scenario = scenarioOf(() => {
      const layout = new Layout({ threads: 1 })
      const cell = layout.flag('cell')
      return {
        layout,
        threads: [{ name: 't', program: spin, args: [cell] }],
        progress: [{ clause: 'L1', name: 'ends', pending: () => true }],
      }
    })
    const message = await said(expect(scenario).toHold())
    expect(message).toMatch(
      / {2}2 steps:\n {2}from here on for ever:\n {2}1 t {2}spin: turn @ \S+ {2}cell: 0 -> 1\n {2}2 t/,
    )
  })

  it('is for scenarios', async () => {
    await expect(expect(7).toHold()).rejects.toThrow('toHold is for a scenario')
  })
})

describe('toViolate', () => {
  it('passes where the clause is broken, and tells which was where it is another', async () => {
    await expect(retryProtocol).toViolate('C1', broken)
    await expect(retryProtocol).not.toViolate('C2', broken)
    const message = await said(expect(retryProtocol).toViolate('C2', broken))
    expect(message).toMatch(/ {2}C1, invariant/)
    expect(message).toMatch(/expected it to violate C2$/)
  })

  it('fails where everything holds', async () => {
    expect(await said(expect(retryProtocol).toViolate('C1', smoke))).toMatch(
      /holds .*\nexpected it to violate C1$/,
    )
  })
})

/** The peer in C passes the suite; with a bug that a real kernel or driver had it does not. */
import { describe, expect, it } from 'vitest'
import { bugs, build, missingCompiler, peerText, runAgainst } from './c-peer.js'

describe.skipIf(missingCompiler !== '')('the peer in C', () => {
  it('compiles without a warning and passes', async () => {
    const program = build(peerText, '-Wall', '-Wextra', '-Werror')
    const result = await runAgainst(program, { shrinkMs: 10_000 })
    expect(result.divergences).toEqual([])
    expect(result.stopped).toBeUndefined()
    // It has no advice, no swap, no userfaults and no huge pages: what is left is a good part of the suite.
    expect(result.passed).toBeGreaterThan(result.sequences / 3)
    expect(result.coverage.steps.reached / result.coverage.steps.total).toBeGreaterThan(0.45)
  })

  it.each(bugs.map((bug) => [bug.bug, bug.title, bug] as const))(
    'with %s diverges: %s',
    async (_name, _title, bug) => {
      expect(peerText.split(bug.from)).toHaveLength(2)
      const program = build(peerText.replace(bug.from, () => bug.to))
      const { divergences } = await runAgainst(program, { mostDivergences: 1, shrinkMs: 30_000 })
      expect(divergences).toHaveLength(1)
      const { shrunk } = divergences[0]
      expect({ bug: bug.bug, ops: shrunk.ops, field: shrunk.field }).toMatchSnapshot()
      expect(shrunk.shortest || shrunk.failure === 'hang').toBe(true)
    },
  )
})

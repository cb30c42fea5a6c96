/** The suite finds mutants of the peer in C. */
import { describe, expect, it } from 'vitest'
import { build, missingCompiler, peerText, runAgainst } from './c-peer.js'
import { mutantsOf } from './mutants.js'

/** Index, among all mutants, of thirty that the directed sequences find, evenly over the text. Others are equivalent, or not found yet. */
const FOUND: readonly number[] = [
  2, 7, 15, 25, 31, 41, 52, 105, 115, 120, 132, 141, 152, 157, 166, 172, 184, 195, 200, 206, 213, 223, 230,
  237, 245, 251, 256, 261, 271, 283,
]

describe.skipIf(missingCompiler !== '')('a mutant of the peer in C', () => {
  const mutants = mutantsOf(peerText)

  it.each(FOUND.map((index) => [index, mutants[index]] as const))('%i diverges', async (_index, mutant) => {
    const { diverged } = await runAgainst(build(mutant.text), { mostDivergences: 1 })
    expect(diverged, `line ${mutant.line}: ${mutant.before} became ${mutant.after}`).toBe(1)
  })
})

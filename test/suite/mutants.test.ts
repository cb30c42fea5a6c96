/**
 * The suite finds mutants of the peer in C: thirty, one in fifteen of all that are generated. Nobody has picked them. All of them
 * with HMM_SPEC_WHOLE=1.
 */
import { describe, expect, it } from 'vitest'
import { build, missingCompiler, peerText, runAgainst } from './c-peer.js'
import { type Mutant, mutantsOf, NOT_FOUND, spread } from './mutants.js'

const mutants = mutantsOf(peerText)

/** Runs the suite against a mutant; `undefined` if it does not compile. */
async function divergencesOf(mutant: Mutant) {
  let program: string
  try {
    program = build(mutant.text)
  } catch {
    return undefined
  }
  return (await runAgainst(program, { mostDivergences: 1, shrinkMs: 2_000 })).divergences
}

describe.skipIf(missingCompiler !== '')('a mutant of the peer in C', () => {
  const named = mutants.map((mutant, index) => [index, mutant] as const)
  const sampled = process.env.HMM_SPEC_WHOLE === '1' ? named : spread(named, 30)

  it.each(sampled)('%i diverges, or there is a reason why it cannot', async (index, mutant) => {
    const divergences = await divergencesOf(mutant)
    if (divergences === undefined) return
    const where = `line ${mutant.line}: ${mutant.before} became ${mutant.after}`
    if (NOT_FOUND.has(index)) {
      expect(divergences, `${where} is found: it is no longer to be listed`).toEqual([])
      return
    }
    expect(divergences, where).toHaveLength(1)
    const [{ operation, shrunk }] = divergences
    expect(shrunk.ops.length).toBeGreaterThan(0)
    expect(shrunk.ops.length).toBeLessThanOrEqual(operation + 1)
  })

  it('of those sampled, at most a quarter cannot be found', () => {
    const listed = spread(named, 30).filter(([index]) => NOT_FOUND.has(index))
    expect(listed.length).toBeLessThanOrEqual(7)
  })

  it('that is listed is one', () => {
    for (const index of NOT_FOUND.keys()) expect(mutants[index]).toBeDefined()
  })
})

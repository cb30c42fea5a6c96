/**
 * A sample of the bugs seeded in the engine, and that each of them can still be: `npm run mutate-engine` seeds all.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mutants } from './mutants.js'
import { Copy, mutated } from './mutation.js'

/** Every so many are tried. */
const SAMPLE = Math.ceil(mutants.length / 8)

it('a hundred bugs can be put into the engine', () => {
  for (const mutant of mutants) mutated(mutant)
  expect(mutants.length).toBeGreaterThanOrEqual(100)
})

describe('the engine with a bug in it is caught', () => {
  let copy: Copy

  beforeAll(() => {
    copy = new Copy()
  })
  afterAll(() => copy.remove())

  it.each(
    mutants
      .filter((_, i) => i % SAMPLE === 0)
      .map((mutant) => [mutant.file, mutant.search, mutant.replace, mutant] as const),
  )('%s: %s is now %s', async (_file, _search, _replace, mutant) => {
    expect(await copy.run(mutant)).toMatchObject({ caught: true })
  })
})

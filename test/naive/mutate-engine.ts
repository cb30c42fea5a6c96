/**
 * Seeds every bug in turn: `npm run mutate-engine`, which takes some minutes; `-t src/checker/explore/store` takes those of one file.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mutants } from './mutants.js'
import { Copy } from './mutation.js'

describe('the engine with a bug in it is caught', () => {
  let copy: Copy

  beforeAll(() => {
    copy = new Copy()
  })
  afterAll(() => copy.remove())

  it('and the engine as it is passes', async () => {
    expect(await copy.run()).toEqual({ caught: false, by: '' })
  })

  it.each(mutants.map((mutant) => [mutant.file, mutant.search, mutant.replace, mutant] as const))(
    '%s: %s is now %s',
    async (_file, _search, _replace, mutant) => {
      expect(await copy.run(mutant)).toMatchObject({ caught: true })
    },
  )
})

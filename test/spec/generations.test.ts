import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generationsPage } from '../../docs/generations.js'

// Continuous integration compares the page after `npm run docs`.
const compared = process.env.HMM_SPEC_SAMPLE !== undefined

test.skipIf(compared)('docs/generations.md says what the checks find (npm run docs writes it)', async () => {
  expect(readFileSync(new URL('../../docs/generations.md', import.meta.url), 'utf8')).toBe(
    await generationsPage(),
  )
})

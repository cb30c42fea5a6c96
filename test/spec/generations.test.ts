import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generationsPage } from '../../docs/generations.js'

test('docs/generations.md says what the checks find (npm run docs writes it)', async () => {
  expect(readFileSync(new URL('../../docs/generations.md', import.meta.url), 'utf8')).toBe(
    await generationsPage(),
  )
})

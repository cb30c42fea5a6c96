import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { statechartsPage } from '../../docs/build.js'

it('docs/statecharts.md says what the models say (npm run docs writes it)', () => {
  const page = readFileSync(new URL('../../docs/statecharts.md', import.meta.url), 'utf8')
  expect(page).toBe(statechartsPage())
})

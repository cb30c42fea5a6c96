import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { operationsPage } from '../../docs/operations.js'

it('docs/operations.md says what the table of the language says (npm run docs writes it)', () => {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  expect(page).toBe(operationsPage())
})

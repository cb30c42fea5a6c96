import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { atomicStepsPage } from '../../docs/atomic-steps.js'

it('docs/decisions/0001-atomic-steps.md says what the table of large steps says (npm run docs writes it)', () => {
  const page = readFileSync(new URL('../../docs/decisions/0001-atomic-steps.md', import.meta.url), 'utf8')
  expect(page).toBe(atomicStepsPage())
})

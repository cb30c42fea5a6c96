import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { boundedBy } from '../../spec/bounds.js'
import { mirroringScenarios } from '../../spec/index.js'
import { check, parametersOf } from '../../src/checker/index.js'

/** Scenarios with no more states than this are explored again. */
const SMALL = 8000

const page = readFileSync(new URL('../../docs/bounds.md', import.meta.url), 'utf8')
const rows = new Map(
  page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (scenario|---) /.test(line))
    .map((line) => line.slice(2, -2).split(' | '))
    .map(([name, ...cells]) => [name, cells]),
)

describe('docs/bounds.md (npm run bench -- --write-bounds writes it)', () => {
  it('has a row for every scenario, and no other', () => {
    expect([...rows.keys()]).toEqual(mirroringScenarios.map(({ name }) => name))
  })

  it.each(mirroringScenarios.map((scenario) => [scenario.name, scenario] as const))(
    'says what bounds %s',
    (name, scenario) => {
      expect(rows.get(name)?.[0]).toBe(boundedBy(scenario, parametersOf(scenario)))
    },
  )

  const small = mirroringScenarios.filter(
    ({ name }) => Number(rows.get(name)?.[1].replaceAll(',', '')) < SMALL,
  )

  it.each(small.map((scenario) => [scenario.name, scenario] as const))(
    'counts the states of %s',
    async (name, scenario) => {
      const { states } = await check(scenario)
      expect(rows.get(name)?.[1]).toBe(states.toLocaleString('en'))
    },
  )
})

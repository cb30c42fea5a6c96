import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { corruptStates } from '../../src/mutate/states/corrupt.js'
import { statesExitCode, statesJson, statesText } from '../../src/mutate/states/report.js'
import { plain } from '../../src/report/form/colours.js'
import { Layout, procedure, scenario, step } from '../../src/world/index.js'

interface Counts {
  count: number
  twice: number
  unguarded: number
  unused: number
}

const counting = procedure(function* counting(world: Counts) {
  for (let i = 0; i < 2; i++) {
    const seen = yield* step('count', () => {
      world.count += 1
      world.twice += 2
      return world.unguarded
    })
    if (seen > 0) return
  }
})

/** A field is guarded, one decides what happens and is not, one means nothing. */
const counts = scenario({
  name: 'counts',
  summary: 'One thread counts.',
  exercises: ['C1'],
  parameters: {},
  build() {
    const layout = new Layout({ threads: 1 })
    const world: Counts = layout.record({
      count: layout.counter('count', 4),
      twice: layout.counter('twice', 8),
      unguarded: layout.counter('unguarded', 1),
      unused: layout.counter('unused', 1),
    })
    return {
      layout,
      threads: [{ name: 'thread', program: counting, args: [world] }],
      invariants: [
        {
          clause: 'C1',
          name: 'twice as many',
          judge: () => world.twice === 2 * world.count || `${world.twice} is not twice ${world.count}`,
        },
        { clause: 'C2', name: 'not many', judge: () => world.count <= 4 || 'many' },
      ],
    }
  },
})

const options = { bounds: 'smoke', states: 3, seed: 1, steps: 4 } as const

test('a change of each field is noticed, missed or silent', () => {
  const { fields, claims, broken } = corruptStates(counts, options)
  const of = (field: string) => fields.find((one) => one.field === field)
  expect(of('count')).toMatchObject({ changes: 3, noticed: 3 })
  expect(of('twice')).toMatchObject({ changes: 3, noticed: 3 })
  expect(of('unguarded')).toMatchObject({ changes: 3, noticed: 0, blamed: 0 })
  expect(of('unused')).toMatchObject({ changes: 3, noticed: 0, silent: 3 })
  expect(claims).toEqual(['C1: twice as many', 'C2: not many'])
  expect(broken).toEqual(['C1: twice as many'])
})

test('what nothing guards is reported', () => {
  const findings = [corruptStates(counts, options)]
  const run = {
    product: '0',
    commit: null,
    date: '2026-01-01T00:00:00.000Z',
    node: 'v20',
    bounds: 'smoke' as const,
    release: null,
    profile: null,
    driver: null,
  }
  const { states, steps, seed } = options
  const report = { run, findings, states, steps, seed }
  expect(statesExitCode(report)).toBe(1)
  const text = statesText(report, { colours: plain, width: 110 })
  expect(text).toContain('Guarded by nothing:\n  - unguarded\n')
  expect(text).toContain('Broken by no change:\n  - C2: not many\n')
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
  for (const name of ['run', 'mutate-states'])
    ajv.addSchema(
      JSON.parse(
        readFileSync(
          join(fileURLToPath(new URL('../../docs/schema/', import.meta.url)), `${name}.schema.json`),
          'utf8',
        ),
      ),
    )
  const validate = ajv.getSchema('mutate-states.schema.json')
  validate?.(JSON.parse(statesJson(report)))
  expect(validate?.errors ?? []).toEqual([])
})

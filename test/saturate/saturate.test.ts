import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { raisedBounds } from '../../spec/bounds.js'
import { scenarios } from '../../spec/index.js'
import { parametersOf } from '../../src/checker/check.js'
import { plain } from '../../src/report/form/colours.js'
import {
  observe,
  type SaturateReport,
  type Saturation,
  saturate,
  saturateExitCode,
  saturateJson,
  saturateText,
} from '../../src/saturate/index.js'

const named = (name: string) => {
  const scenario = scenarios.find((one) => one.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  return scenario
}

const saturated = (name: string) =>
  saturate(named(name), {
    boundsOf: raisedBounds,
    parametersOf,
    stateLimit: 100_000,
    isOver: () => false,
  }) as Saturation

const reportOf = (names: readonly string[], more: Partial<SaturateReport> = {}): SaturateReport => ({
  run: {
    product: '0',
    commit: null,
    date: '2026-01-01T00:00:00.000Z',
    node: 'v20',
    bounds: 'default',
    release: null,
    profile: null,
    driver: null,
  },
  saturations: names.map(saturated),
  notRun: [],
  reasons: {},
  isAll: false,
  elapsedMs: 1,
  ...more,
})

const NEWS = 'zap_pte_range: clear an entry = more than 1'

describe('a bound raised by one', () => {
  test('shows an answer that the scenario does not', () => {
    const { raised } = saturated('classic-only')
    expect(raised.map(({ bound }) => bound)).toEqual(['pages=2'])
    expect([...raised[0].news.answers]).toEqual([NEWS])
    expect(raised[0].news.transitions.size + raised[0].news.claims.size).toBe(0)
  })

  test('is a call made twice where no parameter can be raised, unless a claim breaks then', () => {
    const { raised } = saturated('huge-page-moves')
    expect(raised.map(({ bound }) => bound)).toEqual([
      'the last call of device twice',
      'the last call of cpu twice',
    ])
    expect(saturated('exit').raised.find(({ bound }) => bound.includes('driver'))?.refused).toContain(
      'breaks use-after-free',
    )
  })

  test('is abandoned at the limit of states, and says so', () => {
    const scenario = named('munmap')
    const { states, complete } = observe(scenario, parametersOf(scenario), 1000)
    expect(complete).toBe(false)
    expect(states).toBeLessThan(13_000)
  })
})

describe('the report', () => {
  test('is open where nothing shows it, and closed by another scenario or a reason', () => {
    expect(saturateExitCode(reportOf(['classic-only']))).toBe(1)
    const closed = reportOf(['classic-only', 'exit'])
    expect(saturateExitCode(closed)).toBe(0)
    expect(saturateText(closed, { colours: plain, width: 100 })).toContain(
      `${NEWS} (another scenario shows it)`,
    )
    const reasons = { 'classic-only': { 'pages=2': 'a list is longer' } }
    expect(saturateExitCode(reportOf(['classic-only'], { reasons }))).toBe(0)
  })

  test('a reason for what shows nothing new is stale, where all was explored', () => {
    const reasons = { 'fork-and-write': { 'pages=3': 'no reason' } }
    const names = ['fork-and-write']
    expect(saturateExitCode(reportOf(names, { reasons }))).toBe(0)
    const stale = reportOf(names, { reasons, isAll: true })
    expect(saturateExitCode(stale)).toBe(2)
    expect(saturateText(stale, { colours: plain, width: 100 })).toContain('fork-and-write, pages=3')
  })

  test('is as its schema says', () => {
    const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
    for (const name of ['run', 'saturate'])
      ajv.addSchema(
        JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.schema.json`, import.meta.url), 'utf8')),
      )
    const validate = ajv.getSchema('saturate.schema.json')
    const json = JSON.parse(saturateJson(reportOf(['classic-only'], { notRun: ['exit'] })))
    validate?.(json)
    expect(validate?.errors ?? []).toEqual([])
    expect(json).toMatchObject({ exitCode: 1, complete: false, notRun: ['exit'] })
    expect(json.scenarios[0].bounds[0].nowhere.answers).toEqual([NEWS])
  })
})

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { statecharts } from '../../models/index.js'
import { scenarios } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import { compileStatechart } from '../../src/checker/statechart.js'
import { type Manifest, readEvidence, readHistory, Schemas } from '../../src/publish/evidence.js'
import { readProcedures } from '../../src/publish/procedures.js'
import { findTransitions } from '../../src/publish/transitions.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const schemas = new Schemas(join(root, 'docs/schema'))

const manifest: Manifest = {
  format: 'hmm-spec-evidence',
  version: 1,
  tool: '0.1.0',
  commit: 'abc',
  changed: false,
  date: '2026-01-01T00:00:00.000Z',
  node: 'v20.19.0',
  files: { bench: null },
}

const line = {
  format: 'hmm-spec-history',
  version: 1,
  commit: 'abc',
  date: '2026-01-01T00:00:00.000Z',
  scenarios: 2,
  hold: 2,
  states: 9,
  defects: 1,
  caught: 1,
  sequences: 3,
  matched: 3,
  seconds: 1,
}

describe('reading the evidence', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hmm-spec-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })
  const write = (name: string, content: object) => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, name), JSON.stringify(content))
  }

  test('there may be none', () => {
    expect(readEvidence(folder, schemas)).toBeUndefined()
  })

  test('what is missing is missing, and not made up', () => {
    write('manifest.json', manifest)
    expect(readEvidence(folder, schemas)).toEqual({ manifest, conform: [], history: [] })
  })

  test('a file that the manifest names must be there', () => {
    write('manifest.json', { ...manifest, files: { check: { file: 'check.json', exitCode: 0, seconds: 1 } } })
    expect(() => readEvidence(folder, schemas)).toThrow(
      /check\.json is missing; npm run evidence writes it anew/,
    )
  })

  test('a file must be as its schema says: the message names file and field', () => {
    write('manifest.json', { ...manifest, files: { check: { file: 'check.json', exitCode: 9, seconds: 1 } } })
    expect(() => readEvidence(folder, schemas)).toThrow(/manifest\.json: \/files\/check/)
    write('manifest.json', { ...manifest, format: 'hmm-spec-nothing' })
    expect(() => readEvidence(folder, schemas)).toThrow(/there is no schema for the format nothing/)
  })

  test('history is a line a commit', () => {
    writeFileSync(
      join(folder, 'history.jsonl'),
      `${JSON.stringify(line)}\n${JSON.stringify({ ...line, commit: 'def' })}\n`,
    )
    expect(readHistory(join(folder, 'history.jsonl'), schemas).map(({ commit }) => commit)).toEqual([
      'abc',
      'def',
    ])
    writeFileSync(join(folder, 'history.jsonl'), `${JSON.stringify(line)}\n{"format": "hmm-spec-history"}\n`)
    expect(() => readHistory(join(folder, 'history.jsonl'), schemas)).toThrow(/history\.jsonl, line 2/)
  })
})

test('each transition is traced to the steps that take it, with the shortest run', async () => {
  const some = scenarios.filter(({ name }) => ['munmap', 'starvation', 'classic-only'].includes(name))
  const results = await Promise.all(some.map((scenario) => check(scenario, { bounds: 'smoke' })))
  const chart = compileStatechart(statecharts.range)
  const { transitions } = await findTransitions({
    charts: [chart],
    scenarios: some,
    results,
    procedures: readProcedures(root).procedures,
    check,
  })
  expect(transitions).toHaveLength(chart.transitions.length)
  const begin = transitions.find(({ state, event }) => state === 'idle' && event === 'BEGIN')
  expect(begin?.scenarios.map(({ name }) => name)).toContain('munmap')
  expect(begin?.taken).toBe(
    results
      .flatMap(({ coverage }) => coverage.transitions)
      .filter(({ chart, state, event }) => chart === 'range' && state === 'idle' && event === 'BEGIN')
      .reduce((sum, { taken }) => sum + taken, 0),
  )
  const last = begin?.shortest?.steps.at(-1)
  expect(last).toMatchObject({ procedure: 'hmm_range_fault' })
  expect(begin?.steps).toContainEqual({ procedure: last?.procedure, step: last?.step })
})

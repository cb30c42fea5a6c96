import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { writeReport } from '../../bench/report.js'
import { timeScenarios } from '../../bench/scenarios.js'
import { statecharts } from '../../models/index.js'
import { scenarios } from '../../spec/index.js'
import { compileStatechart } from '../../src/checker/claims/statechart.js'
import { check } from '../../src/checker/index.js'
import { parseOperation } from '../../src/conformance/operations.js'
import { type Manifest, readEvidence, readHistory, Schemas } from '../../src/publish/evidence.js'
import { findMutants, withVerdicts } from '../../src/publish/mutants.js'
import { readProcedures } from '../../src/publish/procedures.js'
import { stepName, takenByAll, takenIn } from '../../src/publish/sequences.js'
import { collapsed, findSteps } from '../../src/publish/steps.js'
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
    vi.restoreAllMocks()
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

  test('what another run has made is read as well, and says of which commit it is', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => {})
    const { right, scenarios } = await timeScenarios(['retry-protocol'], ['smoke'], 60)
    const file = join(folder, 'bench.json')
    writeReport(file, { right, against: [], scenarios })
    const entry = { file: 'bench.json', exitCode: 0, seconds: 1 }
    write('manifest.json', { ...manifest, files: { bench: entry, mutate: null } })
    const { bench, mutate } = readEvidence(folder, schemas) ?? {}
    expect(bench).toMatchObject({
      right: true,
      run: { node: process.version },
      scenarios: [{ name: 'retry-protocol', bounds: 'smoke', verdict: 'holds', states: 8816 }],
    })
    expect(mutate).toBeUndefined()
    write('bench.json', { ...bench, right: 'yes' })
    expect(() => readEvidence(folder, schemas)).toThrow(/bench\.json: \/right/)
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

describe('the history of this project', () => {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  const history = readHistory(join(root, 'evidence/history.jsonl'), schemas)

  test('has one line for each commit that was checked', () => {
    const commits = history.map(({ commit }) => commit)
    expect(commits.length).toBeGreaterThan(1)
    expect(new Set(commits).size).toBe(commits.length)
  })

  // A clone without the past of the project, or an archive, cannot say.
  const isWhole = git('rev-parse', '--is-shallow-repository').stdout.trim() === 'false'
  test.skipIf(!isWhole)('is of commits of this branch, oldest first', () => {
    for (const [i, { commit }] of history.entries())
      expect(
        git('merge-base', '--is-ancestor', commit, history[i + 1]?.commit ?? 'HEAD').status,
        commit,
      ).toBe(0)
  })
})

test('what a sequence takes are steps and transitions, by the names that the site has them under', () => {
  const taken = takenIn(['mmap 0 1 rw', 'cpu_write 0 5', 'dev_read 0 0 1'].map(parseOperation), '6.1')
  expect(taken).toContain('hmm_vma_walk_pmd: read an entry')
  expect(taken).toContain('mmu_interval_read_retry: compare the sequence')
  expect([...taken].filter((name) => /\[0\]|dmirror0/.test(name))).toEqual([])
  expect(taken).toContain('chart range: idle ─ BEGIN → begin')
  // Locks are of whatever they lie in, and each way that a step turns out is told apart.
  expect(taken).toContain('do_user_addr_fault: down_read mm[].mmap_lock')
  expect(taken).toContain('mmu_interval_read_retry: compare the sequence → 0')
  expect(taken).not.toContain('mmu_interval_read_retry: compare the sequence → 1')
  for (const lock of ['dmirror1.update', 'dmirror (2).update', 'dmirror of mm[1].update'])
    expect(stepName('dmirror_do_read', `lock ${lock}`)).toBe('dmirror_do_read: lock dmirror.update')
})

test('each step is known by its fields, its outcomes with the shortest run, the sequences and the mutants of it', () => {
  const some = scenarios.filter(({ name }) => name === 'munmap')
  const compare = 'mmu_interval_read_retry: compare the sequence'
  const copy = 'dmirror_do_read: copy'
  const mutant = { id: 'm', kind: 'zero', file: 'a.ts', line: 1, original: 'a', replacement: '0' }
  const document = findSteps(
    some,
    {
      'a.jsonl': takenByAll([
        { name: 'long', length: 9, takes: new Set([compare, `${compare} → 0`]) },
        {
          name: 'short',
          length: 2,
          takes: new Set([compare, `${compare} → 1`, copy, `${copy} → 0`]),
        },
      ]),
      suite: takenByAll([{ name: 'memory/one', length: 5, takes: new Set([compare, `${compare} → 0`]) }]),
    },
    [{ ...mutant, procedure: 'mmu_interval_read_retry', step: 'compare the sequence' }],
  )
  schemas.parse(JSON.stringify(document), 'steps.json')
  const step = (name: string) =>
    document.steps.find(({ procedure, step }) => `${procedure}: ${step}` === name)
  const retry = step('mmu_interval_read_retry: compare the sequence')
  expect(retry?.reads).toContain('gpu.notifier.invalidate_seq')
  // Locks are looked at as to whether they may be taken, and not by the text.
  const sample = step('mmu_interval_read_begin: sample the sequence')
  expect(sample?.reads).toContain('mm[].subscriptions.invalidate_seq')
  expect(sample?.reads.filter((name) => /mmap_lock|update$|ptl$/.test(name))).toEqual([])
  expect(retry).toMatchObject({
    scenarios: 1,
    sequences: { 'a.jsonl': 2, suite: 1 },
    example: { file: 'suite', sequence: 'memory/one' },
    mutants: [mutant],
  })
  expect(retry?.outcomes.find(({ outcome }) => outcome === '1')).toMatchObject({
    sequences: { 'a.jsonl': 1 },
    example: { file: 'a.jsonl', sequence: 'short' },
  })
  const shortestTo = (outcome: string) =>
    retry?.outcomes.find((one) => one.outcome === outcome)?.shortest?.steps ?? 0
  expect(shortestTo('0')).toBeGreaterThan(5)
  expect(shortestTo('1')).toBeGreaterThan(shortestTo('0'))
  expect(step('down_read')).toBeUndefined()
  // What only sequences take is told of too.
  expect(step(copy)).toEqual({
    ...{ procedure: 'dmirror_do_read', step: 'copy', reads: [], writes: [], scenarios: 0, mutants: [] },
    sequences: { 'a.jsonl': 1 },
    example: { file: 'a.jsonl', sequence: 'short' },
    outcomes: [
      { outcome: '0', sequences: { 'a.jsonl': 1 }, example: { file: 'a.jsonl', sequence: 'short' } },
    ],
  })
  expect(step('hmm_vma_walk_pmd: read an entry')?.writes).toContain('gpu.range[].hmm_pfns[].flags')
  expect(document.steps.filter(({ step }) => /\[\d/.test(step))).toEqual([])
  expect(collapsed(['gpu.seq', 'nic.seq', 'mm[].pte[].kind', 'x'])).toEqual(['*.seq', 'mm[].pte[].kind', 'x'])
})

test('mutants of the sources have procedure, step and, where a report tells of them, a verdict', () => {
  const all = findMutants(root)
  expect(all.length).toBeGreaterThan(1000)
  const one = all.find(({ step }) => step === 'compare the sequence')
  expect(one).toMatchObject({
    procedure: 'mmu_interval_read_retry',
    file: expect.stringMatching(/^src\/kernel\//),
  })
  const judged = withVerdicts(all, { mutants: [{ id: one?.id ?? '', verdict: 'killed' }] })
  expect(judged.filter(({ verdict }) => verdict !== undefined).map(({ id }) => id)).toEqual([one?.id])
})

test('each transition is traced to the steps that take it, with the shortest run', async () => {
  const some = scenarios.filter(({ name }) => ['munmap', 'starvation', 'classic-only'].includes(name))
  const results = await Promise.all(some.map((scenario) => check(scenario, { bounds: 'smoke' })))
  const chart = compileStatechart(statecharts.range)
  const taken = takenIn(['mmap 0 1 rw', 'dev_read 0 0 1'].map(parseOperation), '6.1')
  const { transitions } = await findTransitions({
    charts: [chart],
    scenarios: some,
    results,
    procedures: readProcedures(root).procedures,
    takenBy: { 'a.jsonl': takenByAll([{ name: 'one', length: 2, takes: taken }]) },
    check,
  })
  expect(transitions).toHaveLength(chart.transitions.length)
  const begin = transitions.find(({ state, event }) => state === 'idle' && event === 'BEGIN')
  expect(begin?.scenarios.map(({ name }) => name)).toContain('munmap')
  expect(begin?.sequences).toEqual({ 'a.jsonl': 1 })
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

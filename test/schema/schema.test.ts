import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check, checkAtRandom } from '../../src/checker/index.js'
import { main } from '../../src/cli/index.js'
import {
  charted,
  mistaken,
  noRetry,
  run,
  stuck,
  temporaryDirectory,
  testIo,
  testProject,
} from '../cli/project.js'
import { beginningOf } from '../validate/traces.js'

const FOLDER = new URL('../../docs/schema/', import.meta.url)
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
const files = readdirSync(FOLDER)
for (const file of files) ajv.addSchema(JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')))

/** Parses `text`, which must be as `docs/schema/<name>.schema.json` describes. */
function valid(name: string, text: string) {
  const parsed = JSON.parse(text)
  const validate = ajv.getSchema(`${name}.schema.json`)
  expect(validate, name).toBeDefined()
  validate?.(parsed)
  expect(validate?.errors ?? []).toEqual([])
  return parsed
}

const wrong = () =>
  testProject({
    scenarios: [retryProtocol, stuck, charted, mistaken],
    check: (scenario, options) => check(scenario, { ...options, defects: [noRetry] }),
  })

test('simulate', async () => {
  const line = 'simulate retry-protocol --runs 500 --seed 1 --format json'
  expect(valid('simulate', (await run(line)).out).scenarios[0].verdict).toBe('no violation found')
  const simulate: ReturnType<typeof testProject>['simulate'] = (scenario, options) =>
    checkAtRandom(scenario, { ...options, defects: [noRetry] })
  const { scenarios, exitCode } = valid('simulate', (await run(line, testProject({ simulate }))).out)
  expect(scenarios[0].violation.clause).toBe('C1')
  expect(exitCode).toBe(1)
})

describe('check', () => {
  test('a scenario that holds', async () => {
    const report = valid('check', (await run('check retry-protocol --bounds smoke --format json')).out)
    expect(report).toMatchObject({
      format: 'hmm-spec-check',
      version: 1,
      exitCode: 0,
      scenarios: [{ name: 'retry-protocol', verdict: 'holds', states: 8816, exhaustive: true }],
    })
  })

  test('a digest of the graph', async () => {
    const { out } = await run('check retry-protocol --bounds smoke --format json --digest')
    const [scenario] = valid('check', out).scenarios
    const { digest } = await check(retryProtocol, { bounds: 'smoke', digest: true })
    expect(scenario.digest).toEqual(digest)
  })

  test('violations, errors, and coverage that was not judged', async () => {
    const report = valid('check', (await run('check --format json', wrong())).out)
    expect(report.scenarios.map(({ verdict }: { verdict: string }) => verdict)).toEqual([
      'violated',
      'violated',
      'holds',
    ])
    expect(report).toMatchObject({ exitCode: 2, errors: [{ name: 'mistaken', code: 'bound-overflow' }] })
  })

  test('coverage that was judged', async () => {
    const universe = () => ({ transitions: [], steps: [{ procedure: 'p', step: 's' }], requirements: [] })
    const report = valid(
      'check',
      (await run('check --format json', testProject({ scenarios: [charted], universe }))).out,
    )
    expect(report).toMatchObject({
      exitCode: 1,
      coverage: { judged: true, steps: { total: 1, never: ['p: s'] } },
    })
  })

  test('a limit', async () => {
    const report = valid('check', (await run('check --state-limit 10 --format json')).out)
    expect(report).toMatchObject({
      exitCode: 3,
      scenarios: [{ verdict: 'limit', limit: { kind: 'states', value: 10 } }],
    })
  })

  test('an interrupt', async () => {
    const { io, interrupt, written } = testIo()
    setTimeout(interrupt, 200)
    await main(
      ['check', '--bounds', 'deep', '--format', 'json'],
      io,
      testProject({ scenarios: [retryProtocol, stuck] }),
    )
    expect(valid('check', written().out)).toMatchObject({
      exitCode: 3,
      notRun: ['stuck'],
      scenarios: [{ verdict: 'interrupted' }],
    })
  })
})

test('defects', async () => {
  const defects = [
    noRetry,
    { ...noRetry, name: 'free', overrides: [] },
    { ...noRetry, name: 'erring', scenario: 'mistaken' },
  ]
  const project = testProject({ scenarios: [retryProtocol, mistaken], defects })
  const report = valid('defects', (await run('defects --format json', project)).out)
  expect(report.defects).toMatchObject([
    { name: 'M1', requirement: 'C1', caught: true, steps: 12, asPinned: true },
    { name: 'free', caught: false, steps: null, clause: null, trace: null },
  ])
})

test('conform', async () => {
  const file = join(temporaryDirectory(), 'x.jsonl')
  writeFileSync(file, '')
  const result = {
    sequences: 3,
    operations: 5,
    matched: 1,
    mismatched: 1,
    unsupported: 1,
    mismatches: [{ sequence: 'a', line: 2, operation: 0, op: 'ptes 0 1', field: 'ptes', expected: ['none'] }],
    unsupportedOperations: { fork: 1 },
  }
  const report = valid(
    'conform',
    (await run(`conform ${file} --format json`, testProject({ conformFile: async () => result }))).out,
  )
  expect(report).toMatchObject({ ...result, exitCode: 1, kernel: '6.1' })
})

test('traces, and their replay', async () => {
  const directory = temporaryDirectory()
  await run(`defects --trace-dir ${directory}`)
  const file = join(directory, 'M1.json')
  const trace = valid('trace', readFileSync(file, 'utf8'))
  const replayed = valid('replay', (await run(`replay ${file} --step 4 --format json`)).out)
  expect(replayed.trace).toMatchObject(trace)
  expect(replayed.state.step).toBe(4)
})

test('validate', async () => {
  const folder = temporaryDirectory()
  const [race, wrong] = ['race.txt', 'wrong.txt'].map((name) => join(folder, name))
  const lines = beginningOf('linux-6.1-race-DU', 500)
  const at = lines.findLastIndex((line) => line.includes('<- hmm_range_fault)'))
  writeFileSync(race, lines.join('\n'))
  writeFileSync(wrong, lines.with(at, lines[at].replace(/ret=\S+/, 'ret=-5')).join('\n'))
  const accepted = valid('validate', (await run(`validate ${race} --format json`)).out)
  expect(accepted.explanation.steps).toBeGreaterThan(0)
  const refused = valid('validate', (await run(`validate ${wrong} --format json`)).out)
  expect(refused).toMatchObject({ exitCode: 1, verdict: 'refused', refusal: { line: at + 1 } })
})

test('lists', async () => {
  for (const what of ['scenarios', 'requirements', 'defects', 'statecharts']) {
    const list = valid('list', (await run(`list ${what} --format json`)).out)
    expect(list[what]).toHaveLength(1)
  }
})

test('lists of the specification that comes with the tool', async () => {
  for (const what of ['scenarios', 'requirements', 'defects', 'statecharts']) {
    const { io, written } = testIo()
    expect(await main(['list', what, '--format', 'json'], io)).toBe(0)
    valid('list', written().out)
  }
})

test('every schema is documented', () => {
  const page = readFileSync(new URL('../json.md', FOLDER), 'utf8')
  for (const file of files) expect(page).toContain(`(schema/${file})`)
})

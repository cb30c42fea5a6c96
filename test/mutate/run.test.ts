/**
 * Real mutants of the reference driver, held against one scenario.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, describe, expect, test } from 'vitest'
import { select } from '../../src/mutate/choosing/select.js'
import { Subject, SubjectError } from '../../src/mutate/choosing/subject.js'
import { mutateExitCode, mutateJson, mutateStryker, mutateText } from '../../src/mutate/report.js'
import { type RunResult, runMutants, staleRows } from '../../src/mutate/run.js'
import { plain } from '../../src/report/form/colours.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const cache = mkdtempSync(join(tmpdir(), 'mutate-test-'))
afterAll(() => rmSync(cache, { recursive: true, force: true }))

/** The sources, if the build is theirs. */
function built(): Subject | undefined {
  try {
    return new Subject(ROOT)
  } catch (error) {
    if (!(error instanceof SubjectError)) throw error
    console.warn(`mutants are not run: ${error.message}`)
    return undefined
  }
}

const subject = built()

const KILLED =
  'driver/reference/reference | populate (try) | zero | yield* mmu_interval_read_retry(notifier, range.notifierS… e11b8c → 0'
const CRASHES = 'driver/reference/reference | program the device | offByOne | page < end → page <= end'
const SAME = 'driver/reference/reference | populate (try) | zero | failed → 0'
const NOT_REACHED =
  'driver/reference/reference | prefault | delete | yield* endOfRange(current, mirror, error) → nothing'
const SURVIVES =
  "driver/reference/reference | populate (again) | HMM_RANGE_DEFAULT_TIMEOUT | delete | yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is lef… f3f6e0 → 0"
const IDS = [KILLED, CRASHES, SAME, NOT_REACHED, SURVIVES]
const REASON = 'the scenario is too small for a time-out'

interface Ran extends RunResult {
  readonly measured: number
  readonly from: readonly string[]
}

async function run(subject: Subject, ids: readonly string[], stopAfter?: number): Promise<Ran> {
  const interrupt = new AbortController()
  const from: string[] = []
  let measured = 0
  const mutants = subject.mutants.filter(({ id }) => ids.includes(id))
  const result = await runMutants(subject, mutants, {
    bounds: 'smoke',
    only: ['munmap'],
    workers: 1,
    signal: interrupt.signal,
    cache,
    equivalents: { [SURVIVES]: REASON },
    onMeasured: () => measured++,
    onJudged: (_, where) => {
      from.push(where)
      if (from.length === stopAfter) interrupt.abort()
    },
  })
  return { ...result, measured, from }
}

describe.skipIf(subject === undefined)('mutants of the reference driver', () => {
  const of = subject as Subject

  test('are judged, and a run that was ended goes on where it was', async () => {
    const first = await run(of, IDS, 2)
    expect(first).toMatchObject({ measured: 1, from: ['run', 'run'], left: 3, stopped: 'interrupted' })
    const second = await run(of, IDS)
    expect(second.measured).toBe(0)
    expect(second.from).toEqual(['kept', 'kept', 'run', 'run', 'run'])
    const findings = new Map(second.judged.map(({ finding }) => [finding.id, finding]))
    expect(findings.get(KILLED)).toMatchObject({ verdict: 'killed', by: 'munmap', clause: 'C8' })
    expect(findings.get(KILLED)?.steps).toBeGreaterThan(5)
    expect(findings.get(CRASHES)).toMatchObject({
      verdict: 'killed',
      by: 'munmap',
      clause: 'procedure-threw',
    })
    expect(findings.get(SAME)).toMatchObject({ verdict: 'sameGraph', scenarios: 1 })
    expect(findings.get(NOT_REACHED)).toMatchObject({ verdict: 'notReached', scenarios: 0 })
    expect(findings.get(SURVIVES)).toMatchObject({ verdict: 'equivalent', reason: REASON })
  })

  test('are reported as text, as JSON, and to other tools', async () => {
    const { judged: found, left } = await run(of, IDS)
    const reason = 'refcount: a bound is too small'
    const blamed = { id: CRASHES, verdict: 'error' as const, by: 'munmap', reason, scenarios: 1, ms: 1 }
    const judged = found.map((one) => (one.mutant.id === CRASHES ? { ...one, finding: blamed } : one))
    const report = {
      run: {
        product: '0',
        commit: null,
        date: '2026-01-01T00:00:00.000Z',
        node: 'v20',
        bounds: 'smoke' as const,
        release: null,
        profile: null,
        driver: null,
      },
      judged,
      left,
      stale: [],
      sourceOf: (file: string) => of.sourceOf(file),
      elapsedMs: 1000,
    }
    expect(mutateExitCode(report)).toBe(1)
    const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
    for (const name of ['run', 'mutate'])
      ajv.addSchema(JSON.parse(readFileSync(join(ROOT, `docs/schema/${name}.schema.json`), 'utf8')))
    const json = JSON.parse(mutateJson(report))
    const validate = ajv.getSchema('mutate.schema.json')
    validate?.(json)
    expect(validate?.errors ?? []).toEqual([])
    expect(json.score).toBeCloseTo(1 / 3)
    const text = mutateText(report, { colours: plain, width: 110 })
    expect(text).toContain('Score: 33.3 %')
    expect(text.replace(/\s+/g, ' ')).toContain(`munmap: ${reason}`)

    const stryker = JSON.parse(mutateStryker(report))
    const isStryker = ajv.compile(STRYKER)
    isStryker(stryker)
    expect(isStryker.errors ?? []).toEqual([])
    const { source, mutants } = stryker.files['src/driver/reference/reference.ts']
    const killed = mutants.find(({ id }: { id: string }) => id === KILLED)
    expect(killed).toMatchObject({ status: 'Killed', killedBy: ['munmap'], replacement: '0' })
    const line = source.split('\n')[killed.location.start.line - 1]
    expect(line.slice(killed.location.start.column - 1)).toMatch(/^yield\* mmu_interval_read_retry/)
  })

  test('rows of the list of equivalents that are none are stale', async () => {
    const { judged } = await run(of, [KILLED, SURVIVES])
    const rows = staleRows(of, judged, { [KILLED]: 'no', [SURVIVES]: REASON, gone: 'no' })
    expect(rows).toEqual([
      { id: KILLED, message: 'it is no survivor any more: killed; take the row out' },
      { id: 'gone', message: 'there is no such mutant any more; take the row out' },
    ])
    expect(mutateExitCode({ judged, left: 0, stale: rows })).toBe(2)
  })

  test('are selected by folder, and sampled by seed', () => {
    const chosen = select(ROOT, of.mutants, { target: './src/kernel/hmm/' })
    expect(chosen.length).toBeGreaterThan(100)
    expect(chosen.filter(({ file }) => !file.startsWith('src/kernel/hmm/'))).toEqual([])
    const ids = (seed: number) => select(ROOT, of.mutants, { sample: 5, seed }).map(({ id }) => id)
    expect(ids(1)).toEqual(ids(1))
    expect(ids(1)).not.toEqual(ids(2))
    expect(() => select(ROOT, of.mutants, { target: 'src/cli' })).toThrow('nothing of it is mutated')
    expect(() => select(ROOT, of.mutants, { since: 'no-such-commit' })).toThrow('--since no-such-commit')
  })
})

/** What mutation-testing-report-schema asks of a report, as far as this one has it. */
const PLACE = {
  type: 'object',
  properties: { line: { type: 'integer', minimum: 1 }, column: { type: 'integer', minimum: 1 } },
  required: ['line', 'column'],
}
const STRYKER = {
  type: 'object',
  properties: {
    schemaVersion: { type: 'string', pattern: '^[12]$' },
    thresholds: {
      type: 'object',
      properties: { high: { type: 'integer', maximum: 100 }, low: { type: 'integer', minimum: 0 } },
      required: ['high', 'low'],
    },
    framework: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    files: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        properties: {
          language: { const: 'typescript' },
          source: { type: 'string' },
          mutants: {
            type: 'array',
            items: {
              type: 'object',
              properties: {
                id: { type: 'string' },
                mutatorName: { type: 'string' },
                replacement: { type: 'string' },
                description: { type: 'string' },
                statusReason: { type: 'string' },
                status: {
                  enum: [
                    'Killed',
                    'Survived',
                    'NoCoverage',
                    'CompileError',
                    'RuntimeError',
                    'Timeout',
                    'Ignored',
                    'Pending',
                  ],
                },
                killedBy: { type: 'array', items: { type: 'string' } },
                duration: { type: 'number' },
                location: {
                  type: 'object',
                  properties: { start: PLACE, end: PLACE },
                  required: ['start', 'end'],
                },
              },
              required: ['id', 'mutatorName', 'location', 'status'],
            },
          },
        },
        required: ['language', 'source', 'mutants'],
      },
    },
    testFiles: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        properties: {
          tests: {
            type: 'array',
            items: {
              type: 'object',
              properties: { id: { type: 'string' }, name: { type: 'string' } },
              required: ['id', 'name'],
            },
          },
        },
        required: ['tests'],
      },
    },
  },
  required: ['schemaVersion', 'thresholds', 'files'],
}

import { expect, test } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check } from '../../src/checker/index.js'
import { conformJUnit } from '../../src/report/junit.js'
import type { RunFacts } from '../../src/report/report.js'
import { charted, mistaken, noRetry, run, stuck, testProject } from '../cli/project.js'

const FACTS: RunFacts = {
  product: '1.2.3',
  commit: null,
  date: '2026-01-01T00:00:00.000Z',
  node: 'v20.19.0',
  bounds: null,
  release: null,
  profile: '6.1',
  driver: null,
}

test('check: what does not hold is a failure, what was stopped or cannot be checked is an error', async () => {
  const project = testProject({
    scenarios: [retryProtocol, stuck, charted, mistaken],
    check: async (s, options) => ({
      ...(await check(s, { ...options, defects: [noRetry] })),
      elapsedMs: 1234.5,
    }),
  })
  const { out, code } = await run('check --format junit --bounds smoke', project)
  expect(code).toBe(2)
  expect(out).toContain('<testsuites name="hmm-spec check" tests="4" failures="2" errors="1" skipped="0">')
  expect(out).toContain('<testcase name="retry-protocol" classname="scenarios" time="1.235">')
  expect(out).toContain('<failure message="C1 (mirror is not stale): the device maps')
  expect(out).toContain('fault: read_begin -> 1')
  expect(out).toContain('type="bound-overflow"')
  const limited = await run('check --format junit --state-limit 10')
  expect(limited.out).toContain('errors="1"')
  expect(limited.out).toMatch(
    /<error message="stopped at the limit of 10 states\. \d+ states visited; what was not .*" type="limit"\/>/,
  )
})

test('check: coverage is a case of its own', async () => {
  const universe = () => ({ transitions: [], steps: [{ procedure: 'p', step: 'never' }], requirements: [] })
  const { out } = await run('check --format junit', testProject({ scenarios: [charted], universe }))
  expect(out).toContain('<testcase name="coverage" classname="scenarios">')
  expect(out).toContain('step p: never')
})

test('defects', async () => {
  const { out } = await run(
    'defects --format junit',
    testProject({ defects: [noRetry, { ...noRetry, name: 'free', overrides: [] }] }),
  )
  expect(out).toContain('<testsuites name="hmm-spec defects" tests="2" failures="1" errors="0" skipped="0">')
  expect(out).toContain(
    '<failure message="free is not caught: every claim holds with it in retry-protocol." type="not caught"/>',
  )
})

test('conform: a case for each sequence that does not match, whatever characters it holds', () => {
  const mismatch = {
    sequence: 'd_<hole>',
    line: 3,
    operation: 1,
    op: `a${String.fromCharCode(1)}b ]]>`,
    field: 'rc',
    expected: 0,
  }
  const xml = conformJUnit({
    run: FACTS,
    file: 'a&b.jsonl',
    kernel: '6.1',
    profile: 'test_hmm-6.1',
    failures: [{ name: 'a&b.jsonl', code: 'recording', message: 'line 2 is not JSON' }],
    result: {
      sequences: 3,
      operations: 9,
      matched: 1,
      mismatched: 1,
      unsupported: 1,
      mismatches: [mismatch, { ...mismatch, operation: 2 }],
      unsupportedOperations: { fork: 1 },
    },
  })
  expect(xml).toContain('tests="4" failures="1" errors="1" skipped="1"')
  expect(xml).toContain('<failure message="2 answers differ" type="mismatch">')
  expect(xml).not.toContain(String.fromCharCode(1))
  expect(xml).toContain('a&amp;b.jsonl')
})

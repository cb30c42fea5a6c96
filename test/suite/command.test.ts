/** `hmm-spec suite` and `hmm-spec peer`: what they print, and their exit codes. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { main } from '../../src/cli/index.js'
import { runFacts } from '../../src/cli/running/run-facts.js'
import { readSuite } from '../../src/conformance/suite/data.js'
import { OraclePeer } from '../../src/conformance/suite/peer/oracle-peer.js'
import { servePeer } from '../../src/conformance/suite/peer/serve.js'
import { profiles } from '../../src/conformance/suite/profiles.js'
import { runSuite } from '../../src/conformance/suite/run.js'
import { colourful, plain } from '../../src/report/form/colours.js'
import { suiteExitCode, suiteJson, suiteJUnit, suiteText } from '../../src/report/suite.js'
import { run, temporaryDirectory, testIo, testProject } from '../cli/project.js'
import { suiteOf } from './suites.js'

const schemaOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.schema.json`, import.meta.url), 'utf8'))
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
  .addSchema(schemaOf('run'))
  .compile(schemaOf('suite'))
const RUN = runFacts(testProject(), null)
const HOSTILE = fileURLToPath(new URL('peers/hostile.mjs', import.meta.url))

async function suite(...args: string[]) {
  const { io, written } = testIo()
  return { code: await main(['suite', ...args], io, testProject()), ...written() }
}

/** A run of a peer that answers 9 to every read. */
async function wrongRun() {
  const peer = new OraclePeer('6.1', 'test_hmm-6.1')
  const right = peer.perform.bind(peer)
  peer.perform = async (op) => ({
    ...((await right(op)) as object),
    rc: 0,
    ...(op.startsWith('cpu_read') ? { val: 9 } : {}),
  })
  return runSuite(() => peer, suiteOf([['mmap 0 1 rw', 'cpu_write 0 3', 'cpu_read 0'], ['mmap 0 1 rw']]), {
    profile: () => profiles[1],
    shrinkMs: 60_000,
    mostFailures: 1,
  })
}

describe('the report', () => {
  it('says as text what is expected and what was observed', async () => {
    const text = suiteText(await wrongRun(), { colours: plain, width: 110 })
    expect(text).toContain('hmm-spec oracle, release 6.1, held against test_hmm-6.1 (suite 0.0.0)')
    expect(text).toContain('test/0, operation 2 (cpu_read 0): val')
    expect(text).toContain('  - mmap 0 1 rw\n  - cpu_read 0   ✗\n  val: expected 0, actual 9')
    expect(text).toContain('2 operations; no sequence that lacks some of these shows it')
    expect(suiteText(await wrongRun(), { colours: colourful, width: 110 })).toContain('\u001b[31m')
  })

  it('is JSON by its schema, and JUnit', async () => {
    const result = await wrongRun()
    const json = JSON.parse(suiteJson(result, RUN))
    validate(json)
    expect(validate.errors ?? []).toEqual([])
    expect(json).toMatchObject({ format: 'hmm-spec-suite', exitCode: 1, passed: 1, diverged: 1 })
    const junit = suiteJUnit(result)
    expect(junit).toContain('<testcase name="test/0" classname="suite">')
    expect(junit).toContain('val: expected 0, actual 9')
  })

  it('has an exit code', async () => {
    const result = await wrongRun()
    const passed = { ...result, diverged: 0, divergences: [] }
    expect(suiteExitCode(result)).toBe(1)
    expect(suiteExitCode(passed)).toBe(0)
    expect(suiteExitCode({ ...passed, stopped: 'time' })).toBe(3)
    expect(suiteExitCode({ ...passed, passed: 0 })).toBe(1)
  })
})

describe('hmm-spec suite', () => {
  it('needs to know one peer', async () => {
    expect(await suite()).toMatchObject({ code: 2 })
    expect(await suite('--self', '--peer', 'x')).toMatchObject({ code: 2 })
    expect((await suite('--self', '--profile', 'test_hmm-6.2')).err).toContain('did you mean test_hmm-6.1')
  })

  it('says that a peer cannot be spoken with', async () => {
    const { code, err } = await suite('--peer', `"${process.execPath}" "${HOSTILE}" other-protocol`)
    expect(err).toContain('it speaks protocol 2; the runner speaks 1')
    expect(code).toBe(2)
  })

  it('gives a peer up that fails too often', async () => {
    const { code, out } = await suite(
      ...[
        '--peer',
        `exec "${process.execPath}" "${HOSTILE}" exit`,
        '--shrink-time',
        '1ms',
        '--format',
        'json',
      ],
    )
    const report = JSON.parse(out)
    validate(report)
    expect(validate.errors ?? []).toEqual([])
    expect(report).toMatchObject({ diverged: 10, stopped: 'failures', exitCode: 1 })
    expect(code).toBe(1)
  })

  it('ends at its time limit', async () => {
    expect(await suite('--self', '--time-limit', '1ms')).toMatchObject({ code: 3 })
  })

  it('exports what needs nothing else', async () => {
    const directory = join(temporaryDirectory(), 'exported')
    expect(await suite('--export', directory)).toMatchObject({ code: 0 })
    expect(readdirSync(directory).sort()).toEqual(
      [
        'manifest.json',
        'operations.json',
        'steps.txt',
        ...profiles.map(({ name }) => `${name}.jsonl`),
      ].sort(),
    )
    const lines = readFileSync(join(directory, 'test_hmm-6.1.jsonl'), 'utf8').trimEnd().split('\n')
    expect(lines).toHaveLength(readSuite().sequences.length)
    for (const { ops, allowed } of lines.map((line) => JSON.parse(line)))
      expect(allowed).toHaveLength(ops.length)
    expect(await suite('--export', directory)).toMatchObject({ code: 2 })
  })

  it('records what the peer answered', async () => {
    const file = join(temporaryDirectory(), 'recorded.jsonl')
    expect(await suite('--self', '--record', file, '--time-limit', '200ms')).toMatchObject({ code: 3 })
    const [first] = readFileSync(file, 'utf8').split('\n')
    const { seq, ops, answers } = JSON.parse(first)
    const [{ seq: expected, ops: asked }] = readSuite().sequences
    expect({ seq, ops }).toEqual({ seq: expected, ops: asked })
    expect(answers[0]).toEqual({ rc: 0 })
    expect(answers).toHaveLength(ops.length)
    expect(await suite('--self', '--record', join(file, 'in'))).toMatchObject({ code: 2 })
    expect((await suite('--export', join(file, 'in'), '--record', file)).err).toContain('runs nothing')
  })

  it('cannot export to a file', async () => {
    const file = join(temporaryDirectory(), 'file')
    writeFileSync(file, '')
    expect(await suite('--export', join(file, 'in'))).toMatchObject({ code: 2 })
  })
})

it('the specification answers the protocol', async () => {
  const lines: string[] = []
  const questions = [
    { hello: { protocol: 1 } },
    { reset: 'one' },
    { op: 'mmap 0 1 rw' },
    { op: 'cpu_write 0 5' },
    { op: 'cpu_read 0' },
    { op: 'madv collapse 0 1' },
    { bye: true },
  ]
  const input = Readable.from([
    questions.map((question, id) => `${JSON.stringify({ id, ...question })}\n`).join(''),
  ])
  await servePeer(new OraclePeer('6.1', 'test_hmm-6.1'), input, (line) => lines.push(line))
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { id: 0, hello: { protocol: 1, name: 'hmm-spec oracle', release: '6.1', profile: 'test_hmm-6.1' } },
    { id: 1 },
    { id: 2, rc: 0 },
    { id: 3, rc: 0, minflt: 1 },
    { id: 4, rc: 0, val: 5, minflt: 0 },
    { id: 5, unsupported: true },
    { id: 6 },
  ])
  expect(await run('peer --profile nobody')).toMatchObject({ code: 2 })
})

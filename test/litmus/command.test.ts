/** `hmm-spec litmus`: what it prints, and its exit codes. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { main } from '../../src/cli/index.js'
import { readLitmusTests } from '../../src/conformance/litmus/data.js'
import { temporaryDirectory, testIo, testProject } from '../cli/project.js'

const schemaOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.schema.json`, import.meta.url), 'utf8'))
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).addSchema(schemaOf('run'))
const SCHEMAS = {
  litmus: ajv.compile(schemaOf('litmus')),
  observed: ajv.compile(schemaOf('litmus-observed')),
}

async function litmus(...args: string[]) {
  const { io, written } = testIo()
  return { code: await main(['litmus', ...args], io, testProject()), ...written() }
}

function recording(...lines: object[]): string {
  const file = join(temporaryDirectory(), 'seen.jsonl')
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return file
}

const LOST = '0:r0=ok; 1:r0=5; [ptes 0 1]=dpriv_w+excl; [cpu_read 0]=5;'
const RIGHT = '0:r0=ok; 1:r0=7; [ptes 0 1]=dpriv_w+excl; [cpu_read 0]=7;'

describe('exploring', () => {
  it('prints the states in the form of herd', async () => {
    const { out, code } = await litmus('directed/H17')
    expect(out).toContain('Test directed/H17 (Linux 6.1)')
    expect(out).toContain(`States 3\n`)
    expect(out).toContain(`${LOST} forbidden, H17`)
    expect(out).toContain('Explored 153 states')
    // The beginning of a name stands for all that begin so, but a whole name for itself.
    expect(out).not.toContain('reads-back')
    expect(code).toBe(0)
  })

  it('is JSON by its schema', async () => {
    const { out } = await litmus('directed/H17', '--linux', '7.3', '--format', 'json')
    const json = JSON.parse(out)
    SCHEMAS.litmus(json)
    expect(SCHEMAS.litmus.errors ?? []).toEqual([])
    expect(json).toMatchObject({ format: 'hmm-spec-litmus', release: '7.3', exitCode: 0 })
    expect(json.tests[0]).toMatchObject({ test: 'directed/H17', exhaustive: true })
  })

  it('says so when the limit of states comes first', async () => {
    const { out, code } = await litmus('directed/migrate+cpu+dev', '--state-limit', '100')
    expect(out).toContain('the limit of states came first')
    expect(code).toBe(3)
  })
})

describe('what a kernel was seen to do', () => {
  it('is judged, findings by name', async () => {
    const seen = recording(
      { test: 'directed/H17', outcome: RIGHT, count: 5 },
      { test: 'directed/H17', outcome: LOST, count: 2 },
    )
    const { out, code } = await litmus('--observed', seen)
    expect(out).toContain(`Histogram (2 states)\n5       :>${RIGHT}\n2       *>${LOST} H17\n`)
    expect(out).toContain('Observation directed/H17 Sometimes 2 5')
    expect(out).toContain('Allowed outcomes observed: 1 of 2 (50.0 %)')
    expect(out).toContain('Findings observed: H17 in 2 runs')
    expect(code).toBe(0)
  })

  it('fails if an outcome lies outside of the allowed set', async () => {
    const outcome = '0:r0=ok; 1:r0=9; [ptes 0 1]=dpriv_w+excl; [cpu_read 0]=9;'
    const seen = recording({ test: 'directed/H17', outcome, count: 1 })
    const { out, code } = await litmus('--observed', seen)
    expect(out).toContain(`*>${outcome} forbidden`)
    expect(out).toContain('Observation directed/H17 Always 1 0')
    expect(out).toContain('1 run outside the allowed set')
    expect(code).toBe(1)
    const json = JSON.parse((await litmus('--observed', seen, '--format', 'json')).out)
    SCHEMAS.observed(json)
    expect(SCHEMAS.observed.errors ?? []).toEqual([])
    expect(json).toMatchObject({ exitCode: 1, forbidden: 1, seen: 0, allowed: 2 })
  })

  it('fails if nothing was seen', async () => {
    expect((await litmus('--observed', recording())).code).toBe(1)
  })

  it('is refused where it cannot be read', async () => {
    const bad = recording({ test: 'directed/H17' })
    expect(await litmus('--observed', bad)).toMatchObject({
      code: 2,
      err: expect.stringContaining(`${bad}:1 is no observation`),
    })
    const unknown = recording({ test: 'mine', outcome: LOST, count: 1 })
    expect((await litmus('--observed', unknown)).err).toContain('there is no litmus test "mine"')
    expect((await litmus('--observed', 'nowhere.jsonl')).err).toContain('cannot be read (ENOENT)')
  })
})

describe('the tests', () => {
  it('are listed', async () => {
    const { out } = await litmus('--list')
    expect(out.trim().split('\n')).toHaveLength(readLitmusTests().length)
    expect((await litmus('--list', 'directed/H1')).out).toMatch(/^directed\/H1 {2}.*\n$/)
  })

  it('are written for use without Node', async () => {
    const folder = join(temporaryDirectory(), 'litmus')
    expect((await litmus('--export', folder)).code).toBe(0)
    const text = readFileSync(join(folder, 'litmus.txt'), 'utf8')
    expect(text).toContain(
      'test directed/H17\nsetup mmap 0 1 rw\nsetup dev_write 0 0 1 5\nthread 0 dev_write',
    )
    expect(text.endsWith('end\ndone\n')).toBe(true)
    expect(readFileSync(join(folder, 'litmus-unsafe.txt'), 'utf8')).toContain('test directed/H10')
    expect((await litmus('--export', folder)).err).toContain('the directory is not empty')
  })

  it('are named by mistakes in names', async () => {
    expect((await litmus('directed/H71')).err).toContain('there is no litmus test "directed/H71"')
    expect((await litmus('--list', '--export', 'x')).err).toContain('name one of')
  })
})

const compiler = spawnSync('cc', ['--version']).status === 0
const KERNEL = fileURLToPath(new URL('../../suite/kernel/', import.meta.url))

describe.skipIf(!compiler)('the programs for a kernel (skipped where there is no C compiler)', () => {
  it.each([
    ['hmm_peer', 'is the kernel built with CONFIG_TEST_HMM?'],
    ['hmm_litmus', 'is the kernel built with CONFIG_TEST_HMM?'],
    ['hmm_schedule', 'was the kernel built with hold-points.sh?'],
  ])('%s compiles without a warning, and says what it lacks', (name, lacks) => {
    const program = join(temporaryDirectory(), name)
    const sources = [name, 'dmirror', 'answer', 'child', 'entries'].map((file) => `${KERNEL}${file}.c`)
    const built = spawnSync(
      'cc',
      ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', program, ...sources],
      { encoding: 'utf8' },
    )
    expect(built.stderr).toBe('')
    const ran = spawnSync(program, { input: 'done\n', encoding: 'utf8' })
    expect(ran.status).toBe(2)
    expect(ran.stderr).toContain(lacks)
  })
})

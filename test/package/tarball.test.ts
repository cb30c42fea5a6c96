import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = join(root, 'node_modules/typescript/bin/tsc')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>
}
const subpaths = Object.keys(manifest.exports).map((path) => path.slice(2))

const SCENARIO = `
import { Layout, override, procedure, type Running, scenario, step } from 'hmm-spec/world'

const bump = procedure(function* bump(board: { cell: number }): Running<void> {
  yield* step('add', () => {
    board.cell += 1
  })
})

export const mine = scenario({
  name: 'mine',
  summary: 'two threads count',
  exercises: [],
  parameters: { most: { summary: 'bound', min: 2, max: 9, smoke: 2, default: 2, deep: 2 } },
  build({ most }) {
    const layout = new Layout({ threads: 2 })
    const board = layout.record({ cell: layout.counter('cell', most) })
    return {
      layout,
      threads: [0, 1].map((i) => ({ name: \`t\${i}\`, program: bump, args: [board] })),
      invariants: [{ clause: 'U1', name: 'at most one', judge: () => (board.cell < 2 ? true : 'two') }],
    }
  },
})

export const idle = { name: 'idle', overrides: [override(bump, () => function* () { yield* step('nothing', () => 0) })] }
`

const PROGRAM = `
import { check, checkAtRandom, replay, type CheckResult } from 'hmm-spec/checker'
import { idle, mine } from './scenario.js'

const violated: CheckResult = await check(mine)
const held = await check(mine, { defects: [idle] })
const random = await checkAtRandom(mine, { seed: 1 })
const trace = violated.violation?.trace
// @ts-expect-error bounds have three sizes
check(mine, { bounds: 'tiny' }).catch(() => {})
console.log(JSON.stringify([violated.verdict, held.verdict, random.verdict, trace && replay(mine, trace).length]))
`

const SUITE = `
import 'hmm-spec/vitest'
import { expect, test } from 'vitest'
import { idle, mine } from './scenario.js'

test('matchers', async () => {
  await expect(mine).toHold({ bounds: 'smoke', defects: [idle] })
  await expect(mine).toViolate('U1')
  // @ts-expect-error a clause is a text
  await expect(mine).not.toViolate(1)
})
`

/** A peer that knows one operation, and says each time that it went well. */
const PEER = `
import { createInterface } from 'node:readline'

const hello = { protocol: 1, name: 'mapper', release: '6.1', profile: 'clean', operations: ['mmap'] }
for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line)
  console.log(JSON.stringify({ id: question.id, ...(question.hello ? { hello } : question.op ? { rc: 0 } : {}) }))
  if (question.bye) break
}
`

describe('the package, installed from its tarball into another project', () => {
  let directory = ''
  let project = ''
  /** Why nothing can be said of it; empty if it was installed. */
  let missing = ''

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'hmm-spec-package-'))
    const tarball = pack(join(directory, 'source'))
    project = join(directory, 'project')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    // With a network it takes what is not cached from the registry; without one only what is.
    const installed = spawnSync(
      'npm',
      ['install', tarball, '--prefer-offline', '--omit=peer', '--ignore-scripts', '--no-audit', '--no-fund'],
      { cwd: project, encoding: 'utf8', timeout: 90_000 },
    )
    if (installed.status !== 0) {
      missing = `npm could not install it here:\n${installed.stderr}`
      console.warn(missing)
      return
    }
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true })
    for (const dependency of ['vitest', '@types/node'])
      if (!existsSync(join(project, 'node_modules', dependency)))
        symlinkSync(join(root, 'node_modules', dependency), join(project, 'node_modules', dependency))
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'NodeNext',
          target: 'ES2023',
          strict: true,
          types: ['node'],
          noEmitOnError: true,
        },
      }),
    )
    writeFileSync(join(project, 'scenario.ts'), SCENARIO)
    writeFileSync(join(project, 'program.ts'), PROGRAM)
    writeFileSync(join(project, 'suite.test.ts'), SUITE)
  }, 300_000)

  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  const run = (...args: string[]) => spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' })

  for (const path of subpaths.filter((path) => path !== 'vitest'))
    it(`hmm-spec/${path} can be imported`, ({ skip }) => {
      skip(missing !== '', missing)
      const program = `import * as all from 'hmm-spec/${path}'; console.log(Object.keys(all).length)`
      const { status, stdout, stderr } = run('--input-type=module', '--eval', program)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(Number(stdout)).toBeGreaterThan(0)
    })

  it('init writes a project whose driver holds', ({ skip }) => {
    skip(missing !== '', missing)
    const command = join(project, 'node_modules/hmm-spec/dist/src/cli/main.js')
    const { status, stdout } = run(command, 'init', 'my-device')
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('npm run check') })
    const made = JSON.parse(readFileSync(join(project, 'my-device/package.json'), 'utf8'))
    expect(made).toMatchObject({
      name: 'my-device',
      dependencies: { 'hmm-spec': expect.stringMatching(/^file:.*\.tgz$/) },
    })
    expect(run(tsc, '-p', 'my-device', '--noEmit')).toMatchObject({ status: 0, stdout: '' })
    const checked = run(command, 'check', 'munmap', '--driver', 'my-device/driver.ts', '--bounds', 'smoke')
    expect(checked.stdout).toMatch(/munmap \(odp\) .*holds/)
    expect(checked.status).toBe(0)
    const again = run(command, 'init', 'my-device')
    expect(again.stderr).toContain(
      'my-device has package.json, tsconfig.json, driver.ts, driver.test.ts already',
    )
    expect(again.status).toBe(2)
  })

  it('every part has types, which a strict project accepts', ({ skip }) => {
    skip(missing !== '', missing)
    const imports = subpaths.map((path, i) => `import * as part${i} from 'hmm-spec/${path}'\nvoid part${i}\n`)
    writeFileSync(join(project, 'all.ts'), imports.join(''))
    const { status, stdout } = run(tsc, '-p', '.', '--noEmit', '--skipLibCheck')
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    // Our own declarations too; vitest's are not ours to check.
    const own = imports.filter((line) => !line.includes('hmm-spec/vitest'))
    writeFileSync(join(project, 'all.ts'), own.join(''))
    const checked = run(
      tsc,
      ...'--ignoreConfig --noEmit --strict --module NodeNext --target ES2023 --types node all.ts'.split(' '),
    )
    expect({ status: checked.status, stdout: checked.stdout }).toEqual({ status: 0, stdout: '' })
  })

  it('a program checks its own scenario', ({ skip }) => {
    skip(missing !== '', missing)
    run(tsc, '-p', '.', '--skipLibCheck')
    const { stdout, stderr } = run('program.js')
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(['violated', 'holds', 'violated', 2])
  })

  it('a test suite uses the matchers', ({ skip }) => {
    skip(missing !== '', missing)
    const { status, stdout } = run(
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--root',
      project,
      'suite.test.ts',
    )
    expect(stdout).toMatch(/passed/)
    expect(status).toBe(0)
  })

  const command = (...args: string[]) =>
    run(join(project, 'node_modules/hmm-spec/dist/src/cli/main.js'), ...args)
  const shipped = (path: string) => join(project, 'node_modules/hmm-spec', path)

  it('has the suite, its programs and the pages that tell of them', ({ skip }) => {
    skip(missing !== '', missing)
    const files = [
      'suite/kernel/README.md',
      'suite/kernel/hmm_peer.c',
      'suite/kernel/build.sh',
      'suite/kernel/reproducers/h17.c',
      'suite/kernel/reproducers/reproducer.h',
      'suite/litmus/directed.jsonl',
      'suite/schedules/H17.txt',
      'suite/peers/c/peer.c',
      'docs/suite.md',
      'docs/operations.md',
      'docs/validate.md',
      'docs/schema/suite.schema.json',
    ]
    expect(files.filter((file) => !existsSync(shipped(file)))).toEqual([])
  })

  it('exports the suite, and holds a peer against it', ({ skip }) => {
    skip(missing !== '', missing)
    const exported = command('suite', '--export', 'exported')
    expect(exported.status).toBe(0)
    expect(existsSync(join(project, 'exported/clean.jsonl'))).toBe(true)
    writeFileSync(join(project, 'peer.js'), PEER)
    const { status, stdout, stderr } = command('suite', '--peer', `${process.execPath} peer.js`)
    // It is found out, and some of it passes.
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
    expect(stdout).toMatch(/^ +\d+ +[1-9]\d* +1 /m)
    expect(stdout).toMatch(/^coverage +reached +in the suite +known/m)
    writeFileSync(join(project, 'mute.js'), 'process.exit(0)')
    expect(command('suite', '--peer', `${process.execPath} mute.js`).status).toBe(2)
  })

  it('enumerates a litmus test', ({ skip }) => {
    skip(missing !== '', missing)
    const { status, stdout } = command('litmus', 'directed/H17')
    expect(status).toBe(0)
    expect(stdout).toContain('forbidden, H17')
    expect(command('litmus', '--list').stdout.trimEnd().split('\n').length).toBeGreaterThanOrEqual(100)
  })

  it('validates a trace of a kernel', ({ skip }) => {
    skip(missing !== '', missing)
    const trace = join(root, 'test/fixtures/traces/linux-6.1-directed.ftrace.txt.gz')
    const { status, stdout } = command('validate', trace)
    expect(stdout).toMatch(/accepted +814 /)
    expect(status).toBe(0)
  })

  it('prints a monitor, a schedule, and a trace as ITF that it reads again', ({ skip }) => {
    skip(missing !== '', missing)
    expect(command('export', 'chart', 'range', '--to', 'rv').stdout).toMatch(/^digraph state_automaton/)
    const schedule = command('export', 'trace', shipped('suite/schedules/H17.json'), '--to', 'schedule')
    expect(schedule.stdout).toBe(readFileSync(shipped('suite/schedules/H17.txt'), 'utf8'))
    const scenario = 'recorded/mirrored/dev_write+migrate_to_dev'
    command('check', '--driver', 'recorded', scenario, '--trace-dir', 'traces')
    const trace = join('traces', `${scenario.replace(/[/+]/g, '-')}.json`)
    const itf = command('export', 'trace', trace, '--to', 'itf')
    expect(itf.status).toBe(0)
    writeFileSync(join(project, 'trace.itf.json'), itf.stdout)
    expect(command('replay', 'trace.itf.json').stdout).toContain('confirmed: run again, it breaks C41')
  })

  it('has the command line', ({ skip }) => {
    skip(missing !== '', missing)
    const { status, stdout } = spawnSync('npx', ['--no-install', 'hmm-spec', 'list', 'scenarios'], {
      cwd: project,
      encoding: 'utf8',
    })
    expect(status).toBe(0)
    expect(stdout).toContain('retry-protocol')
  })
})

/** Builds beside the working tree, whose dist others may be using, and packs that: the path of the tarball. */
function pack(source: string): string {
  mkdirSync(source)
  const files = [
    'package.json',
    'src',
    'spec',
    'models',
    'bench',
    'docs',
    'examples',
    'suite',
    'tsconfig.json',
    'tsconfig.build.json',
  ]
  for (const file of [...files, 'README.md', 'LICENSE'])
    if (existsSync(join(root, file))) cpSync(join(root, file), join(source, file), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'))
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: source, stdio: 'inherit' })
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts'], {
    cwd: source,
    encoding: 'utf8',
  })
  return join(source, (JSON.parse(packed) as [{ filename: string }])[0].filename)
}

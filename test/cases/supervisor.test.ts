/**
 * Whatever a driver does to the process that runs it, the command line says so, with an exit code that is not success,
 * and keeps all other results. The drivers are in `test/fixtures/cases/drivers`; each says what it does.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../cli/project.js'

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
/**
 * The drivers are a package here, whose text nobody looks at: what that would refuse is never run, and it is the process
 * that is tried.
 */
const directory = temporaryDirectory()
mkdirSync(join(directory, 'node_modules'))
symlinkSync(
  fileURLToPath(new URL('../fixtures/cases/drivers', import.meta.url)),
  join(directory, 'node_modules/drivers'),
)
function driverOf(name: string): string {
  const file = join(directory, `${name}.mjs`)
  writeFileSync(file, `export { default } from 'drivers/${name}.mjs'\n`)
  return file
}

/** Gives drivers functions that are not guarded. */
const RAW = new URL('../fixtures/cases/drivers/raw.mjs', import.meta.url).href

const FIFO = join(directory, 'fifo')
spawnSync('mkfifo', [FIFO])

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the executable; `onText` sees its standard error as it grows, and the process. */
function hmmSpec(
  args: readonly string[],
  onText: (err: string, child: ReturnType<typeof spawn>) => void = () => undefined,
): Promise<Ran> {
  const env = { ...process.env, NO_COLOR: '1', NODE_OPTIONS: `--import ${RAW}`, HMM_SPEC_TEST_FIFO: FIFO }
  const child = spawn(process.execPath, [MAIN, ...args], { env })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    onText(err, child)
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })))
}

const built = existsSync(MAIN)
const smoke = (name: string, ...more: string[]) =>
  hmmSpec(['check', 'munmap', '--driver', driverOf(name), '--bounds', 'smoke', ...more])
const flat = (text: string) => text.replace(/\s+/g, ' ')

describe.skipIf(!built)('a driver that', () => {
  const inCheck: readonly [name: string, code: string, message: RegExp][] = [
    ['loop-between', 'hang', /my_fault, between two steps.*, at .*loop-between\.mjs:\d+\) does not end/],
    ['loop-before', 'hang', /my_fault, between two steps.*, at .*loop-before\.mjs:\d+\) does not end/],
    [
      'loop-within',
      'hang',
      /step "wait for the flag" of my_fault \(thread device\), at .*loop-within\.mjs:\d+\) does not end/,
    ],
    ['sleep', 'hang', /it hangs, in something that cannot be looked into/],
    ['buffers', 'hang|out-of-memory', /step "allocate" of my_fault \(thread device\)/],
    [
      'objects',
      'hang|out-of-memory',
      /step "allocate" of my_fault \(thread device\)|no memory left|cannot be looked into/,
    ],
    ['recurse', 'runaway', /my_fault is called 1000 calls deep, by way of my_fault/],
    ['exit-in-step', 'impure', /process\.exit is used/],
    ['exit-later', 'exited', /with exit code 0: at .*exit-later\.mjs/],
    ['kill', 'crashed', /the process ended by SIGKILL/],
    ['close', 'crashed', /the process ended/],
    ['built-in-in-step', 'procedure-threw', /read only property 'has'/],
    ['rejects-in-step', 'unhandled-rejection', /nobody waits for it: Error: no such firmware/],
    ['throws-later', 'uncaught-exception', /thrown outside of any step: Error: too late/],
  ]

  test.concurrent.each(inCheck)('%s', { timeout: 90_000 }, async (name, code, message) => {
    const { code: exitCode, out } = await smoke(
      name,
      '--time-limit',
      // What ends by itself is not to be cut short on a slow machine.
      code.startsWith('hang') ? '2s' : '60s',
      '--memory-limit',
      '100MB',
    )
    expect(flat(out)).toMatch(message)
    expect(out).toMatch(new RegExp(`munmap \\(${name}\\): could not be checked \\((${code})\\)`))
    expect(exitCode).toBe(2)
  })

  const atImport: readonly [name: string, message: RegExp][] = [
    ['exit-at-import', /\(exited\): it ended the process, with exit code 0: at .*exit-at-import\.mjs/],
    ['built-in-at-import', /\(replaced-built-in\): Array\.prototype\.map was replaced/],
    ['never-loads', /\(never-loaded\): it never finishes: it waits for something that nobody will do/],
    ['loop-at-import', /\(hang\): at init \(.*loop-at-import\.mjs:\d+\) does not end/],
    ['timer-at-import', /\(hang\): it waits for something that does not come/],
    ['rejects-at-import', /\(unhandled-rejection\): .*no such firmware/],
  ]

  test.concurrent.each(atImport)('%s', { timeout: 90_000 }, async (name, message) => {
    const { code, out, err } = await smoke(name, '--time-limit', '2s')
    expect(err).toContain(`error: --driver ${driverOf(name)} cannot be loaded`)
    expect(err).toMatch(message)
    expect({ code, out }).toEqual({ code: 2, out: '' })
  })

  test('prints does not spoil the report', { timeout: 60_000 }, async () => {
    const { code, out, err } = await smoke('prints', '--format', 'json')
    expect(JSON.parse(out)).toMatchObject({ exitCode: 0, run: { driver: { name: 'prints' } } })
    expect(err).toContain('hello from the driver')
    expect(code).toBe(0)
  })

  test('hangs in few scenarios loses no other result', { timeout: 120_000 }, async () => {
    const names = ['munmap', 'mprotect', 'oom-reaper', 'exit']
    const line = ['check', ...names, '--driver', driverOf('loop-sometimes'), '--bounds', 'smoke']
    const { code, out } = await hmmSpec([...line, '--time-limit', '10s', '--format', 'json'])
    const report = JSON.parse(out)
    expect(report.errors.map(({ name, code }: Record<string, string>) => [name, code])).toEqual([
      ['oom-reaper (loop-sometimes)', 'hang'],
    ])
    expect(report.scenarios.map(({ name, verdict }: Record<string, string>) => [name, verdict])).toEqual(
      ['munmap', 'mprotect', 'exit'].map((name) => [`${name} (loop-sometimes)`, 'holds']),
    )
    expect(code).toBe(2)
  })

  test('is listed, explained and replayed without being imported here', { timeout: 60_000 }, async () => {
    const file = driverOf('loop-within')
    const listed = await hmmSpec(['list', 'scenarios', '--driver', file])
    expect(listed.out).toContain('munmap (loop-within)')
    const explained = await hmmSpec(['explain', 'munmap (loop-within)', '--driver', file])
    expect(explained.out).toContain('munmap (loop-within)')
    expect([listed.code, explained.code]).toEqual([0, 0])
    const exits = await hmmSpec(['list', 'scenarios', '--driver', driverOf('exit-at-import')])
    expect({ code: exits.code, out: exits.out }).toEqual({ code: 2, out: '' })
  })
})

describe.skipIf(!built || process.platform === 'win32')('an interrupt', () => {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

  test.each(signals)(
    'by %s ends what runs, and keeps what has ended',
    { timeout: 120_000 },
    async (signal) => {
      const directory = temporaryDirectory()
      let sent = false
      const line = ['check', 'snapshot', 'retry-protocol', '--bounds', 'deep', '--workers', '1']
      const { code, out } = await hmmSpec(
        [...line, '--format', 'json', '--trace-dir', directory],
        (err, child) => {
          if (sent || !err.includes('snapshot: holds')) return
          sent = true
          child.kill(signal)
        },
      )
      const report = JSON.parse(out)
      expect(report.complete).toBe(false)
      expect(report.scenarios[0].verdict).toBe('holds')
      expect([
        ...report.scenarios.slice(1).map(({ verdict }: { verdict: string }) => verdict),
        ...report.notRun,
      ]).toEqual([report.notRun.length === 0 ? 'interrupted' : 'retry-protocol'])
      expect(code).toBe(3)
    },
  )

  test('ends a step that never does', { timeout: 60_000 }, async () => {
    let sent = false
    const { code, out } = await hmmSpec(
      ['check', 'munmap', '--driver', driverOf('loop-and-say'), '--bounds', 'smoke'],
      (err, child) => {
        if (sent || !err.includes('in the loop')) return
        sent = true
        child.kill('SIGINT')
      },
    )
    expect(flat(out)).toMatch(
      /step "wait" of my_fault \(thread device\).* does not end; the run was interrupted/,
    )
    expect(code).toBe(2)
  })
})

describe.skipIf(!built)('workers', () => {
  test('change neither results nor their order', { timeout: 180_000 }, async () => {
    const names = ['munmap', 'mprotect', 'exit', 'swap', 'retry-protocol', 'oom-reaper']
    const reports = await Promise.all(
      ['1', '2', '5'].map(async (workers) => {
        const directory = temporaryDirectory()
        const output = join(directory, 'report.json')
        const line = ['check', ...names, '--bounds', 'smoke', '--format', 'json', '--output', output]
        const { code } = await hmmSpec([...line, '--workers', workers, '--trace-dir', directory])
        const report = JSON.parse(readFileSync(output, 'utf8'))
        for (const scenario of report.scenarios) delete scenario.elapsedMs
        delete report.run
        return { code, report }
      }),
    )
    expect(reports[0].report.scenarios.map(({ name }: { name: string }) => name)).toEqual(names)
    expect(reports[1]).toEqual(reports[0])
    expect(reports[2]).toEqual(reports[0])
  })

  test('run the defects too, each in its generation', { timeout: 60_000 }, async () => {
    const { code, out } = await hmmSpec(['defects', 'M1', 'D20', 'X262', '--workers', '2'])
    expect(out).toContain(
      '3 of 3 defects caught by the clause it names, 3 of them after the pinned number of steps',
    )
    expect(code).toBe(0)
  })

  test('are a number', async () => {
    const { code, err } = await hmmSpec(['check', '--workers', '0'])
    expect(err).toContain('a number of workers is a whole number from 1 to 9999')
    expect(code).toBe(2)
  })

  test('that nobody supervises any more end themselves', { timeout: 60_000 }, async () => {
    const file = join(temporaryDirectory(), 'pid')
    let killed = false
    process.env.HMM_SPEC_TEST_PID_FILE = file
    writeFileSync(file, '')
    await hmmSpec(
      ['check', 'munmap', '--driver', driverOf('loop-and-say'), '--bounds', 'smoke'],
      (err, child) => {
        if (killed || !err.includes('in the loop')) return
        killed = true
        child.kill('SIGKILL')
      },
    )
    const pid = Number(readFileSync(file, 'utf8'))
    expect(pid).toBeGreaterThan(0)
    await expect
      .poll(
        () => {
          try {
            return process.kill(pid, 0)
          } catch {
            return false
          }
        },
        { timeout: 30_000 },
      )
      .toBe(false)
  })
})

/** Reports and exit codes that must tell the truth, whatever becomes of the streams and files that they go to. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { check } from '../../src/checker/index.js'
import { main } from '../../src/cli/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { conformFile } from '../../src/conformance/index.js'
import { noRetry, run, stuck, temporaryDirectory, testIo, testProject } from '../cli/project.js'

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const built = existsSync(MAIN)
const ESCAPE = String.fromCharCode(27)

/** Runs the executable with `redirections` of the shell; answers the exit code and what came through. */
function shell(args: string, redirections: string) {
  const line = `"${process.execPath}" "${MAIN}" ${args} ${redirections}`
  return spawnSync('bash', ['-c', line], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
}

describe.skipIf(!built || !existsSync('/dev/full'))('streams', () => {
  const holds = 'check retry-protocol --bounds smoke'

  test('a full standard error loses nothing', () => {
    const { status, stdout } = shell(holds, '2>/dev/full')
    expect(status).toBe(0)
    expect(stdout).toContain('retry-protocol')
  })

  test('a reader of the standard error that is gone loses nothing', () => {
    expect(shell(holds, '2>&1 >/dev/null | true; exit $PIPESTATUS').status).toBe(0)
  })

  test('a reader of the standard output that is gone is answered with the verdict', () => {
    expect(shell(holds, '| true; exit $PIPESTATUS').status).toBe(0)
    expect(shell('check retry-protocol --state-limit 10', '| true; exit $PIPESTATUS').status).toBe(3)
  })

  test('a report that the standard output does not take has an exit code of its own', () => {
    const { status, stderr } = shell(holds, '>/dev/full')
    expect(stderr).toContain(
      'the standard output did not take all (ENOSPC); the exit code would otherwise be 0',
    )
    expect(status).toBe(4)
  })

  test('closed streams change no verdict', () => {
    expect(shell(holds, '2>&-').status).toBe(0)
    expect(shell('check retry-protocol --state-limit 10', '2>&- >/dev/null').status).toBe(3)
  })
})

describe('a report that could not be written', () => {
  test('has an exit code of its own, is printed, and the verdict is said', async () => {
    const output = join(temporaryDirectory(), 'report.json')
    const project = testProject({
      check: async (scenario, options) => {
        mkdirSync(output, { recursive: true })
        return check(scenario, options)
      },
    })
    const { code, out, err } = await run(`check --bounds smoke --format json --output ${output}`, project)
    expect(code).toBe(4)
    expect(out).toContain('holds')
    expect(err).toContain('the exit code would otherwise be 0')
  })

  test('is never half there', async () => {
    const directory = temporaryDirectory()
    const output = join(directory, 'report.json')
    writeFileSync(output, 'what was there before')
    expect((await run(`check --bounds smoke --format json --output ${output}`)).code).toBe(0)
    expect(JSON.parse(readFileSync(output, 'utf8')).exitCode).toBe(0)
    expect(readdirSync(directory)).toEqual(['report.json'])
  })

  test('may be a pipe or a link', async () => {
    const directory = temporaryDirectory()
    expect((await run('check --bounds smoke --format json --output /dev/null')).code).toBe(0)
    writeFileSync(join(directory, 'target'), '')
    symlinkSync(join(directory, 'target'), join(directory, 'link'))
    expect((await run(`check --bounds smoke --format json --output ${directory}/link`)).code).toBe(0)
    expect(readFileSync(join(directory, 'target'), 'utf8')).toContain('"verdict": "holds"')
  })
})

test('empty names of files are refused at once', async () => {
  for (const [option, message] of [
    ['--output', '--output names no file'],
    ['--trace-dir', '--trace-dir names no directory'],
    ['--driver', '--driver names no file'],
  ]) {
    const { io, written } = testIo()
    expect(await main(['check', option, ''], io, testProject())).toBe(2)
    expect(written().err).toContain(message)
    expect(written().out).toBe('')
  }
})

describe('a trace that cannot be saved', () => {
  const wrong = (names: readonly string[]) =>
    testProject({
      scenarios: names.map((name) => ({ ...stuck, name })),
    })

  test('loses nothing else, and is named in every format', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'second.json'))
    const project = wrong(['first', 'second', 'third'])
    const { code, out } = await run(`check --trace-dir ${directory}`, project)
    expect(code).toBe(1)
    expect(out).toContain(`saved to ${directory}/first.json`)
    expect(out).toContain(`saved to ${directory}/third.json`)
    expect(out).toContain('second: its trace could not be saved')
    expect(out).toContain(`${directory}/second.json could not be written (EISDIR)`)
    const json = JSON.parse((await run(`check --trace-dir ${directory} --format json`, project)).out)
    expect(json.scenarios).toHaveLength(3)
    expect(json.unsaved).toEqual([
      {
        name: 'second',
        file: `${directory}/second.json`,
        message: `${directory}/second.json could not be written (EISDIR)`,
      },
    ])
    const junit = (await run(`check --trace-dir ${directory} --format junit`, project)).out
    expect(junit).toContain('<testcase name="trace of second"')
  })

  test('is no success where all else is', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'M1.json'))
    const { code, out } = await run(`defects --trace-dir ${directory}`)
    expect(out).toContain('1 of 1 defect caught')
    expect(code).toBe(4)
  })

  test('is saved when it is found, whatever comes after', async () => {
    const directory = temporaryDirectory()
    const found: string[][] = []
    const project = testProject({
      scenarios: [stuck, { ...stuck, name: 'later' }],
      check: async (scenario, options) => {
        found.push(readdirSync(directory))
        return check(scenario, options)
      },
    })
    await run(`check --trace-dir ${directory}`, project)
    expect(found).toEqual([[], ['stuck.json']])
  })

  test('has a file of its own and a name that file systems take', async () => {
    const directory = temporaryDirectory()
    const names = ['munmap (x)', 'munmap-x', 'MUNMAP-x', `${'long '.repeat(80)}name`, '///']
    const { out } = await run(`check --trace-dir ${directory}`, wrong(names))
    expect(out).not.toContain('could not be saved')
    const files = readdirSync(directory)
    expect(files).toHaveLength(names.length)
    expect(new Set(files.map((file) => file.toLowerCase())).size).toBe(names.length)
    const saved = files.map((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')).scenario)
    expect(saved.sort()).toEqual([...names].sort())
  })
})

describe('texts with control characters', () => {
  test('a detail cannot hide or rewrite the report', async () => {
    const project = testProject({
      scenarios: [{ ...stuck, name: 'stuck' }],
      check: async (scenario, options) => {
        const result = await check(scenario, options)
        const violation = result.violation
        if (violation === undefined) throw new Error('it is stuck')
        return { ...result, violation: { ...violation, detail: `${ESCAPE}[2J${ESCAPE}]0;gone\u0007` } }
      },
    })
    const { out } = await run('check', project)
    expect(out).not.toContain(ESCAPE)
    expect(out).toContain('\\u{1b}[2J')
  })

  test.each([
    ['a line feed', 'two\nlines', '\\u{a}'],
    ['an escape sequence', `${ESCAPE}[31mred`, '\\u{1b}'],
  ])('a driver with %s in its name is refused', async (_, name, shown) => {
    const file = join(temporaryDirectory(), 'driver.mjs')
    writeFileSync(
      file,
      `const p = Object.assign(function* () {}, { procedureName: 'p', body: function* () {} })
       export default { name: ${JSON.stringify(name)}, invalidate: p, fault: p }`,
    )
    const { code, out, err } = await run(`check --driver ${file}`, referenceProject())
    expect(err).toContain(`name of the driver has the control character ${shown} in it`)
    expect(err).not.toContain(ESCAPE)
    expect({ code, out }).toEqual({ code: 2, out: '' })
  })
})

describe('drivers that are none', () => {
  test.each(['__proto__', 'constructor', 'toString'])('--driver %s', async (name) => {
    const { code, out, err } = await run(`check --driver ${name}`, referenceProject())
    expect(err).toBe(`error: --driver ${name}: there is no such file\n`)
    expect({ code, out }).toEqual({ code: 2, out: '' })
  })

  test.each(['name', 'invalidate', 'fault'])('%s that throws when it is read', async (member) => {
    const file = join(temporaryDirectory(), 'driver.mjs')
    writeFileSync(
      file,
      `export default { name: 'x', invalidate: 1, fault: 1, get ${member}() { throw new Error('go away') } }`,
    )
    const { code, out, err } = await run(`check --driver ${file}`, referenceProject())
    expect(err).toContain(`${member} of the driver is a getter`)
    expect(err).not.toMatch(/\n {4}at /)
    expect({ code, out }).toEqual({ code: 2, out: '' })
  })
})

describe('recordings as editors and tools leave them', () => {
  const fixture = new URL('../fixtures/linux-6.1-sequences.jsonl.gz', import.meta.url)
  const lines = gunzipSync(readFileSync(fixture)).toString('utf8').split('\n').slice(0, 3).join('\n')
  const conform = async (name: string, bytes: Buffer | string) => {
    const file = join(temporaryDirectory(), name)
    writeFileSync(file, bytes)
    return run(`conform ${file} --format json`, testProject({ conformFile }))
  }

  test.each([
    ['plain', 'x.jsonl', lines],
    ['with a byte order mark', 'x.jsonl', `\ufeff${lines}`],
    ['with lines that end as on Windows', 'x.jsonl', lines.replaceAll('\n', '\r\n')],
    ['compressed', 'x.jsonl.gz', gzipSync(lines)],
    ['compressed, by another name', 'x.jsonl', gzipSync(lines)],
    ['compressed, with a byte order mark', 'x', gzipSync(`\ufeff${lines}`)],
  ])('%s', async (_, name, bytes) => {
    const { code, out } = await conform(name, bytes)
    expect(JSON.parse(out)).toMatchObject({ sequences: 3, matched: 3, errors: [] })
    expect(code).toBe(0)
  })

  test('cut short in the middle of their compression', async () => {
    const { code, err } = await conform('x.jsonl', gzipSync(lines).subarray(0, 100))
    expect(err).toContain('begins as gzip does, and cannot be decompressed')
    expect(code).toBe(2)
  })

  test('a trace with a byte order mark', async () => {
    const directory = temporaryDirectory()
    await run(`defects --trace-dir ${directory}`)
    const file = join(directory, 'M1.json')
    writeFileSync(file, `\ufeff${readFileSync(file, 'utf8')}`)
    expect((await run(`replay ${file}`)).code).toBe(0)
  })
})

test('a run that a limit cut short says so in every format', async () => {
  const text = await run('check --state-limit 10')
  expect(text.out).toContain('stopped at the limit of 10 states')
  const json = JSON.parse((await run('check --state-limit 10 --format json')).out)
  expect(json).toMatchObject({ complete: false, exitCode: 3 })
  expect(json.scenarios[0]).toMatchObject({ exhaustive: false, limit: { kind: 'states', value: 10 } })
  expect((await run('check --state-limit 10 --format junit')).out).toContain(
    'stopped at the limit of 10 states',
  )
  const defects = testProject({ defects: [noRetry] })
  expect((await run('defects --state-limit 10', defects)).out).toContain('stopped at the limit of 10 states')
  const defectsJson = JSON.parse((await run('defects --state-limit 10 --format json', defects)).out)
  expect(defectsJson).toMatchObject({
    complete: false,
    defects: [{ verdict: 'limit', limit: { kind: 'states', value: 10 } }],
  })
  expect((await run('defects --state-limit 10 --format junit', defects)).out).toContain('limit of 10 states')
  expect(JSON.parse((await run('check --bounds smoke --format json')).out).complete).toBe(true)
})

test('every JSON document says which run made it', async () => {
  const directory = temporaryDirectory()
  await run(`defects --trace-dir ${directory}`, testProject({ commit: 'abc' }))
  const made = { product: '1.2.3', node: process.version, release: null, profile: null, driver: null }
  const saved = JSON.parse(readFileSync(join(directory, 'M1.json'), 'utf8'))
  expect(saved.run).toMatchObject({ ...made, commit: 'abc', bounds: 'smoke' })
  for (const [line, bounds] of [
    ['check --bounds smoke', 'smoke'],
    ['defects', 'smoke'],
    ['list scenarios', null],
    [`replay ${directory}/M1.json`, null],
  ] as const) {
    const { run: facts } = JSON.parse((await run(`${line} --format json`)).out)
    expect(facts).toMatchObject({ ...made, commit: null, bounds })
    expect(new Date(facts.date).toISOString()).toBe(facts.date)
  }
})

describe('what npm runs in a clone', () => {
  /** A clone whose build takes no time: it leaves a mark. */
  function clone(): string {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'tools'))
    mkdirSync(join(root, 'dist/src/cli'), { recursive: true })
    writeFileSync(
      join(root, 'tools/prepare.mjs'),
      readFileSync(new URL('../../tools/prepare.mjs', import.meta.url)),
    )
    writeFileSync(
      join(root, 'package.json'),
      JSON.stringify({ private: true, scripts: { build: `node -e "fs.writeFileSync('built', '')"` } }),
    )
    writeFileSync(join(root, 'dist/src/cli/main.js'), '')
    writeFileSync(join(root, 'dist/my-driver.js'), 'mine')
    return root
  }
  const prepare = (root: string, command: string) =>
    spawnSync(process.execPath, [join(root, 'tools/prepare.mjs')], {
      encoding: 'utf8',
      env: { ...process.env, npm_command: command },
    })

  test('npx leaves a build alone', () => {
    const root = clone()
    const before = statSync(join(root, 'dist/src/cli/main.js')).mtimeMs
    expect(prepare(root, 'exec').status).toBe(0)
    expect(existsSync(join(root, 'built'))).toBe(false)
    expect(statSync(join(root, 'dist/src/cli/main.js')).mtimeMs).toBe(before)
  })

  test('npm ci builds, and deletes no driver that somebody compiled', () => {
    const root = clone()
    expect(prepare(root, 'ci').status).toBe(0)
    expect(existsSync(join(root, 'built'))).toBe(true)
    expect(readFileSync(join(root, 'dist/my-driver.js'), 'utf8')).toBe('mine')
  })

  test('is what the package says', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(scripts.prepare).toBe('node tools/prepare.mjs')
    expect(scripts.build).not.toMatch(/clean|rm /)
  })
})

test('a directory that cannot be made is refused, and the tool does not hang', async () => {
  for (const path of ['/proc/nowhere', '/proc/nowhere/below', '/dev/null/below']) {
    const { code, err } = await run(`check --bounds smoke --trace-dir ${path}`)
    expect(err).toMatch(/^error: --trace-dir \S+: cannot write there \(E[A-Z]+\)$/m)
    expect(code).toBe(2)
  }
  const made = join(temporaryDirectory(), 'one', 'two')
  expect((await run(`check --bounds smoke --trace-dir ${made}`)).code).toBe(0)
  expect(statSync(made).isDirectory()).toBe(true)
})

test.each([
  ['--workers 1000000000', /a number of workers is a whole number from 1 to 9999\./],
  ['--time-limit 0s', /it must be more than 0; leave the option out for no limit\./],
  ['--time-limit soon', /a time is a number with ms, s, m or h: 30s, 2m, 500ms\./],
])('%s is refused by what is wrong with it', async (options, message) => {
  const { code, err } = await run(`check ${options}`)
  expect(err).toMatch(message)
  expect(code).toBe(2)
})

test('what cannot be listed is said, and what can', async () => {
  const { code, err } = await run('list nothing')
  expect(err).toContain('there is no list "nothing". There are: ')
  expect(code).toBe(2)
})

test('a CommonJS module is told what to write', async () => {
  const driver = join(temporaryDirectory(), 'driver.cjs')
  writeFileSync(driver, "const { step } = require('hmm-spec/world')\nmodule.exports = { name: 'old' }\n")
  const { code, err } = await run(`check --driver ${driver}`, referenceProject())
  expect(err).toContain('is CommonJS; write an ES module: import … from')
  expect(code).toBe(2)
})

test('the same mistake in several scenarios is said once, with all of their names', async () => {
  const driver = join(temporaryDirectory(), 'driver.js')
  const base = fileURLToPath(new URL('../fixtures/cases/base.js', import.meta.url))
  writeFileSync(
    driver,
    `import * as B from '${base}'
const fault = B.procedure(function* broken() { mine() })
export default { name: 'broken', invalidate: B.invalidate, fault }
`,
  )
  const { code, out } = await run(
    `check munmap madvise exit --driver ${driver} --bounds smoke`,
    referenceProject(),
  )
  expect(out.match(/mine is not defined/g)).toHaveLength(1)
  expect(out).toContain('munmap (broken), and 2 more: could not be checked (procedure-threw)')
  expect(out).toContain('The same in madvise (broken), exit (broken).')
  expect(code).toBe(2)
})

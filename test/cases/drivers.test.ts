/** Drivers with a bug that the checker once said to hold, and right ones beside them: `--driver`, at smoke bounds. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { referenceProject } from '../../src/cli/reference.js'
import { run } from '../cli/project.js'

const project = referenceProject()
const folder = relative(process.cwd(), fileURLToPath(new URL('../fixtures/cases', import.meta.url)))
const checking = (driver: string, scenario = 'munmap') =>
  run(`check ${scenario} --driver ${join(folder, `${driver}.js`)} --bounds smoke`, project)

describe('a driver that keeps or asks what is not in the world is refused, by file, line and name', () => {
  test.each([
    ['closure', /closure\.js:\d+, odp_map_page, step "write the entry": `mapped` is assigned/],
    ['leak', /leak\.js:7, fault, step "is it mapped already\?": `there` is assigned/],
    ['readoutside', /readoutside\.js:7, fault, step "look": `was` is assigned/],
    ['closure-module', /closure-module\.js:10, fault: `mapped` is assigned, a variable of the module/],
    ['closurestep', /closurestep\.js:9, inv, step "set seq, unmap": `generation` is assigned/],
    ['module-set', /module-set\.js:\d+, odp_map_page, step "remember": what `mapped` holds is changed/],
    ['random', /random\.js:\d+, inv, step "sometimes forgets": Math\.random is used/],
    ['ownlayout', /ownlayout\.js:4: a Layout of its own/],
    ['dupname', /dupname\.js:5, fault: there are two steps "x"/],
    ['noyield', /noyield\.js:7, inv: `m\.updateLock\.lock\(\)` is not run; write `yield\*`/],
  ])('%s', async (driver, said) => {
    const { code, out, err } = await checking(driver)
    expect(err).toMatch(said)
    expect(out).toBe('')
    expect(code).toBe(2)
  })
})

describe('a driver that is refused as soon as it runs', () => {
  test.each([
    ['noyieldflush', 'inv calls flush device(…) and does not run it'],
    ['mutatearg', 'inner(…) threw between two steps'],
  ])('%s', async (driver, said) => {
    const { code, out } = await checking(driver)
    expect(out).toContain(said)
    expect(code).toBe(2)
  })
})

describe('a driver whose bug is judged', () => {
  test.each([
    ['closure-control', 'C8'],
    ['leakret', 'lock-discipline', 'two-faults'],
    ['counterloop', 'refinement'],
    ['sleeps', 'non-blocking', 'oom-reaper'],
  ])('%s', async (driver, clause, scenario = 'munmap') => {
    const { code, out } = await checking(driver, scenario)
    expect(out).toContain(`breaks ${clause}`)
    expect(code).toBe(1)
  })
})

describe('a mistake of the driver names its file and line, and no file of the checker', () => {
  const made = mkdtempSync(join(tmpdir(), 'hmm-mistakes-'))
  afterAll(() => rmSync(made, { recursive: true, force: true }))
  const base = fileURLToPath(new URL('../fixtures/cases/base.js', import.meta.url))
  const world = fileURLToPath(new URL('../../dist/src/world/index.js', import.meta.url))
  const written = (name: string, text: string) => {
    const file = join(made, `${name}.js`)
    writeFileSync(file, `import * as B from '${base}'\n\n${text}\n`)
    return `check munmap --driver ${file} --bounds smoke`
  }
  const driver = 'name: "mine", invalidate: B.invalidate, fault: B.fault'

  test.each([
    ['state', `export default { ${driver}, state: () => { throw new Error('no') } }`, 'state.js:3 threw: no'],
    ['claims', `export default { ${driver}, claims: () => mine }`, 'claims.js:3 threw: mine is not defined'],
    [
      'locks',
      `export default { ${driver}, state: (l) => [new B.Mutex(l, 'a'), new B.Mutex(l, 'a')] }`,
      'there are two locks "gpu.a"',
    ],
    [
      'names',
      `const one = B.procedure(function* f() {})\nconst two = B.procedure('f', function* () {})\nexport default { ${driver} }`,
      'names.js:4: there are two procedures "f"',
    ],
    [
      'between',
      `const fault = B.procedure(function* f() {\n  mine()\n})\nexport default { ...{ ${driver} }, fault }`,
      'threw between two steps: mine is not defined (between.js:4) (thread device)',
    ],
    [
      'nothing',
      `const fault = B.procedure(function* f() { throw { toString() { throw 1 } } })\nexport default { ...{ ${driver} }, fault }`,
      'threw between two steps: something that has no text (thread device)',
    ],
  ])('%s', async (name, text, message) => {
    const { code, out, err } = await run(written(name, text), project)
    expect(`${out}${err}`.replace(/\s+/g, ' ')).toContain(message)
    expect(`${out}${err}`).not.toContain('(internal)')
    expect(code).toBe(2)
  })

  test('as it is loaded', async () => {
    const syntax = await run(written('syntax', 'const = 1'), project)
    expect(syntax.err).toMatch(/cannot be loaded: .* \(\S*syntax\.js:3\)/s)
    const thrown = await run(written('thrown', "throw new Error('boom')"), project)
    expect(thrown.err).toContain('Error: boom (thrown.js:3)')
  })

  test.skipIf(!existsSync(world))('an import by a path from another installation is refused', async () => {
    const other = join(made, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'package.json'), '{ "name": "hmm-spec", "type": "module" }')
    writeFileSync(join(other, 'world.js'), `export * from '${world}'`)
    const line = written('copy', `import { step } from '${other}/world.js'\nexport default { ${driver} }`)
    const { code, err } = await run(line, project)
    expect(err).toMatch(/uses the hmm-spec in \S*other, and this is the one in/)
    expect(code).toBe(2)
  })
})

test('a right one beside them holds', async () => {
  const { code, out } = await checking('already')
  expect(out).toMatch(/munmap \(already\) +pages=1 +holds/)
  expect(code).toBe(0)
})

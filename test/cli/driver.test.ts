import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { scenariosFor } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { run, temporaryDirectory } from './project.js'

const fileOf = (path: string) => relative(process.cwd(), fileURLToPath(new URL(path, import.meta.url)))
const RIGHT = fileOf('../../examples/my-driver/driver.ts')
const FIRST_TRY = fileOf('../../examples/my-driver/first-try.ts')
const project = referenceProject()

const driverFile = (text: string) => {
  const file = join(temporaryDirectory(), 'driver.mjs')
  writeFileSync(file, text)
  return file
}

test('a driver that is right', async () => {
  const { code, out } = await run(`check munmap mprotect --driver ${RIGHT} --bounds smoke`, project)
  expect(out).toMatch(/munmap \(odp\) +pages=1 +holds/)
  expect(out).toMatch(/mprotect \(odp\) +pages=1 +holds/)
  expect(out).toContain('Coverage not judged: it is that of the reference driver')
  expect(code).toBe(0)
})

test('a driver that is wrong: the run is shown, saved, and can be seen again', async () => {
  const directory = temporaryDirectory()
  const line = `check munmap --driver ${FIRST_TRY} --bounds smoke --trace-dir ${directory}`
  const { code, out } = await run(line, project)
  expect(code).toBe(1)
  expect(out).toMatch(/munmap \(odp-first-try\) breaks C8/)
  const file = `${directory}/munmap-odp-first-try.json`
  expect(out).toContain(`see it again with: hmm-spec replay ${file} --driver ${FIRST_TRY}`)
  const replayed = await run(`replay ${file} --driver ${FIRST_TRY} --format json`, project)
  expect(replayed.code).toBe(0)
  expect(JSON.parse(replayed.out).trace).toEqual(JSON.parse(readFileSync(file, 'utf8')))

  const without = await run(`replay ${file}`, project)
  expect(without).toMatchObject({ code: 2, out: '' })
  expect(without.err).toContain('was recorded with the driver odp-first-try')
  expect(without.err).toContain('--driver FILE')
  const another = await run(`replay ${file} --driver ${RIGHT}`, project)
  expect(another).toMatchObject({ code: 2, out: '' })
  expect(another.err).toContain('was recorded with the driver odp-first-try')
})

test('a step of a driver that is too large is reported, with its fields', async () => {
  const right = await run(`atomicity munmap --driver ${RIGHT}`, project)
  expect(right.out).toContain('no step of your files is too large')
  expect(right.code).toBe(0)

  const large = driverFile(`
    import { referenceDriver } from '${pathToFileURL(join(process.cwd(), 'src/driver/index.ts'))}'
    import { procedure, step } from '${pathToFileURL(join(process.cwd(), 'src/world/index.ts'))}'
    const invalidate = procedure('look twice', function* (current, mirror, range, curSeq) {
      yield* step('look at two fields', () => {
        const { frames, tlb } = mirror
        return frames[1].contents > 0 && tlb[0].write ? 1 : 0
      })
      return yield* referenceDriver.invalidate(current, mirror, range, curSeq)
    })
    export default { ...referenceDriver, name: 'looks-twice', invalidate }
  `)
  const { code, out } = await run(`atomicity munmap --driver ${large}`, project)
  expect(out).toContain('look twice: look at two fields')
  expect(out.replace(/\s+/g, ' ')).toContain('accesses to frame[].contents, gpu.tlb[].entry')
  expect(code).toBe(1)
})

test('a saved trace of a driver that has been mended does not replay', async () => {
  const directory = temporaryDirectory()
  await run(`check munmap --driver ${FIRST_TRY} --bounds smoke --trace-dir ${directory}`, project)
  const file = `${directory}/munmap-odp-first-try.json`
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('(odp-first-try)', '(odp)'))
  const { code, err } = await run(`replay ${file} --driver ${RIGHT}`, project)
  expect(code).toBe(2)
  expect(err).toContain('does not replay')
})

test('all scenarios that any driver can be put into are run', async () => {
  const names: string[] = []
  const watched = {
    ...project,
    check: async (scenario: Parameters<typeof check>[0]) => {
      names.push(scenario.name)
      return check(scenario, { limits: { states: 1 } })
    },
  }
  expect((await run(`check --driver ${RIGHT}`, watched)).code).toBe(3)
  const driver = { ...(await import('../../examples/my-driver/driver.js')).default }
  expect(names).toEqual(scenariosFor(driver).map(({ name }) => name))
})

test('a scenario may be named with the driver or without', async () => {
  const named = await run(`check Munmap --driver ${RIGHT} --state-limit 1 --format json`, project)
  expect(JSON.parse(named.out).scenarios[0].name).toBe('munmap (odp)')
  const { code, err } = await run(`check munmapp --driver ${RIGHT}`, project)
  expect(code).toBe(2)
  expect(err).toContain('no scenario for the driver odp called "munmapp"; did you mean munmap?')
  expect((await run(`check snapshot --driver ${RIGHT}`, project)).err).toContain(
    'no scenario for the driver odp called "snapshot"',
  )
  expect((await run(`check munmap --set page=1 --driver ${RIGHT}`, project)).err).toMatch(
    /did you mean pages\?.*to see more: hmm-spec explain munmap\n/,
  )
})

test.each([
  ['throwing.ts', 'my_page_fault(…, …, 0, 1, true) threw between two steps: no table for gpu'],
  ['counting-pages.ts', 'fault of driver counting returned 1; it returns 0 or'],
  ['throwing-within-step.ts', 'step "look up" of page_fault_within_step (thread device) threw: no table'],
])('%s: the message names the procedure', async (name, message) => {
  const { code, out } = await run(
    `check munmap --driver ${fileOf(`drivers/${name}`)} --bounds smoke`,
    project,
  )
  expect(out.replace(/\s+/g, ' ')).toContain(message)
  expect(out).not.toMatch(/\n {4}at /)
  expect(code).toBe(2)
})

test('a driver whose device never accesses memory is not said to hold', async () => {
  const line = `check munmap exit --driver ${fileOf('drivers/refusing.ts')} --bounds smoke`
  const { code, out } = await run(line, project)
  expect(out).toMatch(/munmap \(refusing\)[^\n]*violated/)
  expect(out).toContain('a device gets each page that it asks for')
  expect(code).toBe(1)
})

test('a driver that comes with the tool has scenarios of its own, and is named where a file is', async () => {
  const { code, out } = await run('check recorded/device/dev_read+mprotect --driver recorded', project)
  expect(out).toContain('breaks backed-access')
  expect(code).toBe(1)
  expect((await run('check recorded/device/dev_read+munmap --driver recorded', project)).code).toBe(0)
  expect((await run('check recorded/device/dev_read+mprotect', project)).code).toBe(0)
  expect((await run('check munmap --driver recorded', project)).err).toContain('no scenario')
})

test('a driver of the tree comes with every scenario that takes any driver', async () => {
  const { code, out } = await run('check munmap --driver rxe --bounds smoke', project)
  expect(out).toMatch(/munmap \(rxe\)[^\n]*holds/)
  expect(code).toBe(0)
  const all = await run('check rxe/exit amdgpu-userptr/exit --driver tree --bounds smoke', project)
  expect(all.code).toBe(0)
})

const wrong: readonly [text: string, message: RegExp][] = [
  ['export const driver = {}', /there is no default export, only driver; write `export default` before/],
  ['', /there is no default export; write `export default`/],
  ['export default function () {}', /the default export is a plain function, not a Driver/],
  ['export default 7', /the default export is a value of type number, not a Driver/],
  ['export default null', /the default export is null, not a Driver/],
  ['export default { name: "x" }', /not a Driver: invalidate and fault missing/],
  ['export default { name: "x", invalidate() {} }', /not a Driver: fault missing/],
  [
    'export default { name: "x", *invalidate() {}, *fault() {} }',
    /invalidate of the driver is a plain function, not a procedure; make one with procedure\('invalidate'/,
  ],
  ['export default { name: "", invalidate() {}, fault() {} }', /name of the driver is not a text/],
  ['throw new Error("no such register")', /cannot be loaded: Error: no such register/],
  ['import "./nowhere.mjs"', /cannot be loaded: .*nowhere/],
  ['export default {', /cannot be loaded: .*/],
]

test.each(wrong)('a file that exports no driver: %s', async (text, message) => {
  const file = driverFile(text)
  const { code, out, err } = await run(`check --driver ${file}`, project)
  expect(err).toContain(`--driver ${file}`)
  expect(err).toMatch(message)
  expect(err).not.toMatch(/\n {4}at /)
  expect({ code, out }).toEqual({ code: 2, out: '' })
})

test('a file that is not there, or is none', async () => {
  expect((await run('check --driver /nowhere/driver.js')).err).toContain('there is no such file')
  expect((await run('check --driver /')).err).toContain('is no file')
  expect((await run('replay x.json --driver /nowhere/driver.js')).code).toBe(2)
  expect((await run('defects --driver x.js')).err).toContain('there is no such file')
})

test('a driver that uses another copy of the package is refused: claims would not know its calls', async () => {
  const file = driverFile('import "hmm-spec/kernel"')
  const copy = join(file, '..', 'node_modules', 'hmm-spec')
  mkdirSync(copy, { recursive: true })
  writeFileSync(
    join(copy, 'package.json'),
    '{ "name": "hmm-spec", "exports": { "./kernel": "./kernel.js" } }',
  )
  writeFileSync(join(copy, 'kernel.js'), '')
  const { code, err } = await run(`check --driver ${file}`)
  expect(err).toMatch(/uses the hmm-spec in \S*node_modules\/hmm-spec, and this is the one in .*npx hmm-spec/)
  expect(code).toBe(2)
})

test('a member that is written otherwise than a Driver has it is a slip of the pen', async () => {
  const text = `import odp from '${fileURLToPath(new URL('../../examples/my-driver/driver.ts', import.meta.url))}'
export default { ...odp, mayBinds: () => true }`
  const { code, err } = await run(`check munmap --driver ${driverFile(text)} --bounds smoke`, project)
  expect(err).toContain('mayBinds is no member of a Driver; did you mean mayBind?')
  expect(code).toBe(2)
})

test('--strict says where a run is too small for it', async () => {
  const { out } = await run(`check munmap --driver ${RIGHT} --bounds smoke --strict`, project)
  expect(out.replaceAll(/\s+/g, ' ')).toContain('What your files bring along was not judged (--strict)')
})

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { referenceProject } from '../../src/cli/reference.js'
import { run, temporaryDirectory } from './project.js'

const fileOf = (path: string) =>
  relative(process.cwd(), fileURLToPath(new URL(`../../examples/${path}`, import.meta.url)))
const QUEUE = fileOf('writing/procedures.ts')
const REAPER = fileOf('writing/requirement.ts')
const NO_WAIT = fileOf('writing/defect.ts')
const OWN_RULES = fileOf('my-driver/own-rules.ts')
const ODP = fileOf('my-driver/driver.ts')
const project = referenceProject()
const folder = fileURLToPath(new URL('../fixtures/cases/own-rules', import.meta.url))
mkdirSync(folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const moduleOf = (text: string) => {
  const file = join(temporaryDirectory(), 'own.mjs')
  writeFileSync(file, text)
  return file
}

const WORLD = fileURLToPath(new URL('../../src/world/index.js', import.meta.url))
const idle = (name: string, exercises = '[]') => `({
  name: '${name}', summary: 'nothing happens', exercises: ${exercises}, parameters: {},
  build: () => {
    const layout = new Layout({ threads: 1 })
    return { layout, threads: [{ name: 'a', program: once, args: [] }] }
  },
})`
const moduleWith = (rest: string) =>
  moduleOf(`import { Layout, procedure, step } from '${WORLD}'
const once = procedure(function* once() { yield* step('once', () => 0) })
${rest}`)

test('the scenarios of a file are what is run', async () => {
  const { code, out } = await run(`check --scenario ${QUEUE}`, project)
  expect(out).toMatch(/doorbell +requests=3 +holds/)
  expect(out).not.toContain('munmap')
  expect(out).toContain("Coverage not judged: it is that of the specification's scenarios")
  expect(out).toMatch(
    /Of examples\/writing\/procedures\.ts, each of 5 procedure steps, 1 requirement and 2 claims was\s+exercised/,
  )
  expect(code).toBe(0)
})

test('they are listed and explained, with their requirements', async () => {
  expect((await run(`list scenarios --scenario ${QUEUE}`, project)).out).toContain('doorbell')
  const { out } = await run(`explain queue --scenario ${QUEUE}`, project)
  expect(out).toContain('queue: each request is answered once')
  expect(out).toContain('doorbell')
})

test('a driver is put into those that take one; a breach is quoted, saved, and seen again with the file', async () => {
  expect((await run(`check --scenario ${REAPER} --driver ${ODP}`, project)).code).toBe(0)
  const directory = temporaryDirectory()
  const { code, out } = await run(`check --scenario ${REAPER} --trace-dir ${directory}`, project)
  expect(code).toBe(1)
  expect(out).toContain('reaper breaks ODP1: the callback takes no lock for a range that is not blockable')
  const file = `${directory}/reaper.json`
  expect(out).toContain(`hmm-spec replay ${file} --scenario ${REAPER}`)
  expect((await run(`replay ${file} --scenario ${REAPER}`, project)).code).toBe(0)
  const without = await run(`replay ${file}`, project)
  expect(without.code).toBe(2)
  expect(without.err).toContain(`give it: --scenario FILE (it was ${REAPER})`)
})

test('a defect of a file may be one of the specification’s scenarios', async () => {
  const { code, out } = await run(`defects --scenario ${NO_WAIT}`, project)
  expect(out).toMatch(/no-wait .* munmap +C3 +yes +23/)
  expect(code).toBe(0)
})

test('a driver brings its statechart, requirement, claim, defect and scenario along', async () => {
  const caught = await run(`defects --driver ${OWN_RULES}`, project)
  expect(caught.out).toMatch(/unlock-first .* munmap-two-pages +SVM1 +yes +8/)
  expect(caught.code).toBe(0)
  const line = `check munmap munmap-two-pages --driver ${OWN_RULES} --bounds smoke --format json`
  const report = JSON.parse((await run(line, project)).out)
  for (const { name, verdict, coverage } of report.scenarios) {
    expect({ name, verdict }).toEqual({ name, verdict: 'holds' })
    const claims = coverage.claims.filter(({ clause }: { clause: string }) => clause === 'SVM1')
    expect(claims).toHaveLength(1)
    expect(claims[0].exercised).toBeGreaterThan(0)
    const taken = coverage.transitions.filter(({ chart }: { chart: string }) => chart === 'svmCallback')
    expect(taken.map((transition: { taken: number }) => transition.taken > 0)).toEqual([true, true])
  }
  expect((await run(`list statecharts --driver ${OWN_RULES}`, project)).out).toContain('svmCallback')
  const chart = await run(`export svmCallback --to mermaid --driver ${OWN_RULES}`, project)
  expect(chart.out).toContain('flushed --> zapping : SET_SEQ')
  expect((await run(`explain SVM1 --driver ${OWN_RULES}`, project)).out).toContain('unlock-first')
})

test('what was never exercised of a file is said, and fails with --strict', async () => {
  const file = moduleWith(`
export const left = procedure(function* left() { yield* step('never taken', () => 0) })
export const alone = ${idle('alone')}`)
  const { code, out } = await run(`check --scenario ${file}`, project)
  expect(out).toContain('1 of 2 procedure steps:')
  expect(out).toContain('left: never taken')
  expect(code).toBe(0)
  expect((await run(`check --scenario ${file} --strict`, project)).code).toBe(1)
  const junit = await run(`check --scenario ${file} --strict --format junit`, project)
  expect(junit.out).toContain('step left: never taken')
})

test.each([
  ['nothing', 'export const a = 1', 'it exports no scenario and no defect'],
  [
    'a name twice',
    `export const a = ${idle('same')}\nexport const b = ${idle('same')}`,
    'two scenarios called same',
  ],
  [
    'a name of the specification',
    `export const a = ${idle('munmap')}`,
    'munmap is a scenario of the specification',
  ],
  [
    'an unknown requirement',
    `export const a = ${idle('alone', "['C88']")}`,
    'scenario alone names the requirement "C88", and there is none; did you mean C8',
  ],
  [
    'a requirement of the specification',
    `export const a = ${idle('alone')}
export const c = { id: 'C8', title: '', text: '', source: [], checks: [] }`,
    'C8 is a requirement of the specification',
  ],
])('refused: %s', async (_what, text, message) => {
  const { code, err } = await run(`check --scenario ${moduleWith(text)}`, project)
  expect(err).toContain(message)
  expect(code).toBe(2)
})

test('a driver for scenarios that take none', async () => {
  const { code, err } = await run(`check --scenario ${QUEUE} --driver ${ODP}`, project)
  expect(err).toContain('none of its scenarios takes a driver')
  expect(code).toBe(2)
  const own = await run(`check --scenario ${QUEUE} --driver recorded`, project)
  expect(own.err).toContain('--driver recorded has scenarios of its own')
})

const scenarioBeside = (name: string, clause: string, more = '') => {
  const file = join(folder, `${name}.ts`)
  const driver = relative(folder, OWN_RULES)
  writeFileSync(
    file,
    `import { deviceAccess } from 'hmm-spec/driver'
import { munmap } from 'hmm-spec/kernel'
import { call, mirrorScenario } from 'hmm-spec/spec'
import * as rules from './${driver}'
export const beside = mirrorScenario({
  name: 'beside', summary: 'two pages', exercises: ['${clause}'], parameters: {},
  world: () => ({
    pages: [{ touched: true }, { touched: true }], mirrors: [{ name: 'gpu' }], spareFrames: 0, invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 2)] },
      { name: 'cpu', calls: () => [call(munmap, 1, 1)] },
    ],
  }),
})
${more}`,
  )
  return run(`check --scenario ${file} --driver ${OWN_RULES} --bounds smoke`, project)
}

test('a scenario of one file names a requirement of the driver in another, and may export it too', async () => {
  const alone = await scenarioBeside('beside', 'SVM1')
  expect(`${alone.err}${alone.out}`).toContain('beside (svm)')
  expect(alone.out).toMatch(/beside \(svm\) .*holds/)
  expect(alone.code).toBe(0)
  const same = await scenarioBeside(
    'same',
    'SVM1',
    'export const { flushedUnderTheLock, munmapTwoPages } = rules',
  )
  expect(`${same.err}${same.out}`).not.toMatch(/could not be checked|is a requirement/)
  expect(same.code).toBe(0)
})

test('two requirements of one name in two files are told apart, and so is one that nobody has', async () => {
  const two = await scenarioBeside(
    'two',
    'SVM1',
    'export const other = { ...rules.flushedUnderTheLock, title: "else" }',
  )
  expect(two.err).toMatch(
    /--driver \S+own-rules\.ts: SVM1 is a requirement of --scenario \S+two\.ts too, and another one/,
  )
  expect(two.code).toBe(2)
  const body = await scenarioBeside(
    'body',
    'SVM1',
    `const [only] = rules.unlockFirst.overrides
export const other = {
  ...rules.unlockFirst,
  overrides: [{ ...only, body: function* (...args) { return yield* only.body(...args) } }],
}`,
  )
  expect(body.err).toMatch(/unlock-first is a defect of --scenario \S+body\.ts too, and another one/)
  expect(body.code).toBe(2)
  const none = await scenarioBeside('none', 'SVM11')
  expect(none.err).toContain(
    'scenario beside names the requirement "SVM11", and there is none; did you mean SVM1',
  )
  expect(none.code).toBe(2)
})

const ownRules = (name: string, change: (text: string) => string) => {
  const file = join(folder, `${name}.ts`)
  const text = readFileSync(OWN_RULES, 'utf8').replaceAll(
    "'./",
    `'${relative(folder, 'examples/my-driver')}/`,
  )
  const changed = change(text)
  expect(changed).not.toBe(text)
  writeFileSync(file, changed)
  return run(`check munmap --driver ${file} --bounds smoke`, project)
}

test('an instance of a statechart that the driver does not name is refused', async () => {
  const { code, out } = await ownRules('no-chart', (text) =>
    text.replace('  statecharts: [callbackStatechart],\n', ''),
  )
  expect(out.replaceAll(/\s+/g, ' ')).toContain(
    'is an instance of a statechart svmCallback, and there is none',
  )
  expect(code).toBe(2)
})

test('a claim of a clause that nobody has is refused', async () => {
  const { code, out } = await ownRules('no-clause', (text) =>
    text.replace('clause: flushedUnderTheLock.id', "clause: 'SVM11'"),
  )
  expect(out.replaceAll(/\s+/g, ' ')).toContain(
    'names the requirement SVM11, and there is none; did you mean SVM1?',
  )
  expect(code).toBe(2)
})

test('a claim that throws is named, with the step after which it was asked, and its place', async () => {
  const { code, out } = await ownRules('throwing-claim', (text) =>
    text.replace(
      'judge(thread) {',
      "judge(thread) {\n        if (old(() => notifierLock.heldForWritingBy(thread))) throw new RangeError('no such range')",
    ),
  )
  const flat = out.replaceAll(/\s+/g, ' ')
  expect(flat).toMatch(
    /step "\w[^"]*" of \w+ \(thread [\w ]+\): the claim "the notifier lock is dropped after the flush" threw: no such range/,
  )
  expect(flat).toContain('throwing-claim.ts:')
  expect(flat.match(/throwing-claim\.ts:\d+/g)).toHaveLength(1)
  expect(code).toBe(2)
})

test('a claim that never has anything to say is listed, and fails with --strict', async () => {
  const file = moduleWith(`
const state = (name, says) => ({ clause: 'C8', name, judge: () => says })
export const a = { ...${idle('alone')}, build: () => {
    const layout = new Layout({ threads: 1 })
    const invariants = [state('always', true), state('never', undefined)]
    return { layout, threads: [{ name: 'a', program: once, args: [] }], invariants }
  } }`)
  const { code, out } = await run(`check --scenario ${file}`, project)
  expect(out).toMatch(/1 of 2 claims:\n +- never\n/)
  expect(code).toBe(0)
  expect((await run(`check --scenario ${file} --strict`, project)).code).toBe(1)
  const json = JSON.parse((await run(`check --scenario ${file} --format json`, project)).out)
  expect(json.own.claims).toEqual({ total: 2, never: ['never'] })
  const junit = await run(`check --scenario ${file} --strict --format junit`, project)
  expect(junit.out).toContain('claim never')
})

test('chance in the making of a scenario is refused', async () => {
  const file = moduleWith(`export const a = { ...${idle('alone')}, build: () => {
    const layout = new Layout({ threads: 1 })
    return { layout, threads: Math.random() > 2 ? [] : [{ name: 'a', program: once, args: [] }] }
  } }`)
  const { code, out, err } = await run(`check --scenario ${file}`, project)
  expect(`${out}${err}`).toContain('Math.random is used')
  expect(code).toBe(2)
})

test('a claim of a scenario that counts how often it is asked is refused', async () => {
  const file = moduleWith(`const asked = { times: 0 }
export const a = { ...${idle('alone')}, build: () => {
    const layout = new Layout({ threads: 1 })
    const judge = () => (Reflect.set(asked, 'times', 1), true)
    return { layout, threads: [{ name: 'a', program: once, args: [] }], invariants: [{ clause: 'C8', name: 'x', judge }] }
  } }`)
  const { code, out } = await run(`check --scenario ${file}`, project)
  expect(out.replaceAll(/\s+/g, ' ')).toContain('`asked.times` was 0 when it was loaded, and is 1')
  expect(code).toBe(2)
})

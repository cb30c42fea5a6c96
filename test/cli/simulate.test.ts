import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { checkAtRandom } from '../../src/checker/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { noRetry, run, temporaryDirectory, testProject } from './project.js'

const FIRST_TRY = relative(
  process.cwd(),
  fileURLToPath(new URL('../../examples/my-driver/first-try.ts', import.meta.url)),
)
const broken = () =>
  testProject({
    simulate: (scenario, options) => checkAtRandom(scenario, { ...options, defects: [noRetry] }),
  })

test('where nothing is found nothing is said to hold', async () => {
  const { code, out } = await run('simulate retry-protocol --runs 20 --seed 5 --bounds smoke')
  expect(code).toBe(0)
  expect(out).toMatch(/retry-protocol .* no violation found +20 /)
  expect(out).toContain('Seed 5, schedule random, at most 500 steps a run')
  expect(out).toContain('nothing is proved')
  expect(out).not.toContain('holds')
})

test.each(['random', 'priority', 'coverage'])(
  'schedule %s: the same seed gives the same runs',
  async (kind) => {
    const line = `simulate retry-protocol --runs 50 --seed 7 --bounds smoke --schedule ${kind} --format json`
    const [first, second] = [await run(line), await run(line)].map(({ out }) => JSON.parse(out).scenarios)
    expect(second).toEqual(first)
  },
)

test.each(['random', 'priority', 'coverage'])(
  'schedule %s: a violation is found and shrunk, and its run can be seen again',
  async (kind) => {
    const directory = temporaryDirectory()
    const line = `simulate retry-protocol --runs 2000 --seed 1 --schedule ${kind} --trace-dir ${directory}`
    const { code, out } = await run(line, broken())
    expect(code).toBe(1)
    expect(out).toContain('retry-protocol breaks C1')
    const trace = JSON.parse(readFileSync(`${directory}/retry-protocol.json`, 'utf8'))
    // The shortest run has 12 steps; shrinking is no search for it.
    expect(trace.steps.length).toBeLessThan(30)
    expect(trace.shortest).toBe(false)
    expect((await run(`replay ${directory}/retry-protocol.json`)).code).toBe(0)
  },
)

test('another seed gives other runs', async () => {
  const line = 'simulate retry-protocol --runs 50 --bounds smoke --format json --seed'
  const [one, other] = [await run(`${line} 7`), await run(`${line} 8`)].map(
    ({ out }) => JSON.parse(out).scenarios[0],
  )
  expect(other.transitions).not.toBe(one.transitions)
})

test('a path leads to the same violation at once', async () => {
  const line = 'simulate retry-protocol --runs 2000 --seed 1 --format json'
  const [found] = JSON.parse((await run(line, broken())).out).scenarios
  const again = await run(`${line} --path ${found.path}`, broken())
  const [once] = JSON.parse(again.out).scenarios
  expect(once.violation).toEqual(found.violation)
  expect(once.runs).toBeLessThanOrEqual(found.runs)
  expect((await run('simulate retry-protocol --path 1:0')).err).toContain('give --seed and one scenario too')
})

test('a driver of a file, whose run is seen again with it', async () => {
  const directory = temporaryDirectory()
  const line = `simulate munmap --driver ${FIRST_TRY} --seed 2 --runs 500 --bounds smoke --trace-dir ${directory}`
  const { code, out } = await run(line, referenceProject())
  expect(code).toBe(1)
  expect(out).toContain('munmap (odp-first-try) breaks C8')
  const file = `${directory}/munmap-odp-first-try.json`
  const replayed = await run(`replay ${file} --driver ${FIRST_TRY}`, referenceProject())
  expect(replayed.code).toBe(0)
})

test('a limit of time ends it, and says so', async () => {
  const { code, out } = await run('simulate retry-protocol --runs 10000000 --time-limit 100ms --bounds deep')
  expect(code).toBe(3)
  expect(out).toMatch(/retry-protocol .* limit/)
})

test('JUnit: what was found is a failure', async () => {
  const { out } = await run('simulate retry-protocol --runs 2000 --seed 1 --format junit', broken())
  expect(out).toContain('<failure')
  const none = await run('simulate retry-protocol --runs 5 --seed 1 --format junit')
  expect(none.out).toContain('nothing is proved by them')
})

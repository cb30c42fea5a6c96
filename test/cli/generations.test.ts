import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { referenceProject } from '../../src/cli/reference.js'
import { generationNames } from '../../src/generations/index.js'
import { run, temporaryDirectory } from './project.js'

const project = referenceProject()

test('generations are listed, oldest first; today has nothing in place of the reference', async () => {
  const listed = await run('list generations --format json', project)
  const generations = JSON.parse(listed.out).generations as { name: string; replaces: string[] }[]
  expect(generations.map(({ name }) => name)).toEqual(generationNames)
  expect(generations.filter(({ replaces }) => replaces.length === 0).map(({ name }) => name)).toEqual([
    '6.1',
    '6.16',
  ])
})

test.each(generationNames)('%s: what it promises holds, its scenarios being its own', async (generation) => {
  const { code, out } = await run(`check munmap exit --generation ${generation} --bounds smoke`, project)
  expect(out).toMatch(new RegExp(`munmap in ${generation} +pages=1 +holds`))
  expect(out).toMatch(new RegExp(`exit in ${generation} +pages=1 +holds`))
  expect(code).toBe(0)
})

test('a scenario of what a generation does not have is not there', async () => {
  const { code, err } = await run('check insert-and-remove --generation 5.4', project)
  expect(code).toBe(2)
  expect(err).toContain('no scenario "insert-and-remove"')
})

test('a generation that is not there', async () => {
  const { code, err } = await run('check --generation 5.5', project)
  expect(code).toBe(2)
  expect(err).toMatch(/no generation "5.5"; did you mean .*hmm-spec list generations/)
})

test('a trace of a generation is replayed in it', async () => {
  const directory = temporaryDirectory()
  await run(`defects D55 --trace-dir ${directory}`, project)
  const file = `${directory}/D55.json`
  // A defect knows the generation that has it.
  expect((await run(`replay ${file}`, project)).code).toBe(0)
  const replayed = await run(`replay ${file} --generation 5.4 --format json`, project)
  // Which steps matter is found as it is replayed.
  const { steps, ...trace } = JSON.parse(replayed.out).trace
  expect({ ...trace, steps: steps.map(({ matters: _, ...step }: { matters?: boolean }) => step) }).toEqual(
    JSON.parse(readFileSync(file, 'utf8')),
  )
  expect((await run('explain D55', project)).out).toContain('D55.json --generation 5.4')
})

test.each(generationNames)('%s has one of the two ways to device memory', async (generation) => {
  const isOld = generation === '4.17' || generation === '5.0'
  const [way, other] = isOld ? ['devmem-unplug', 'unplug'] : ['unplug', 'devmem-unplug']
  const { out } = await run(`check ${way} --generation ${generation}`, project)
  expect(out).toMatch(new RegExp(`${way} in ${generation} +holds`))
  const { code, err } = await run(`check ${other} --generation ${generation}`, project)
  expect([code, err]).toEqual([2, expect.stringContaining(`no scenario "${other}"`)])
})

/** Drivers with a bug that the checker once said to hold, and right ones beside them: `--driver`, at smoke bounds. */
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
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

test('a right one beside them holds', async () => {
  const { code, out } = await checking('already')
  expect(out).toMatch(/munmap \(already\) +pages=1 +holds/)
  expect(code).toBe(0)
})

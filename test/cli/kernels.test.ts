import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { referenceProject } from '../../src/cli/reference.js'
import { run, temporaryDirectory } from './project.js'

const project = referenceProject()

test('the newest kernel is the one that is run unless another is asked for', async () => {
  const listed = await run('list kernels --format json', project)
  const kernels = JSON.parse(listed.out).kernels as { name: string; replaces: string[] }[]
  expect(kernels.map(({ name }) => name)).toEqual(['4.14', '6.1', '6.15', '7.0'])
  expect(kernels.map(({ replaces }) => replaces.length > 0)).toEqual([true, true, true, false])
  const { out } = await run('check device-page-faults --kernel 7.0 --bounds smoke', project)
  expect(out).toMatch(/device-page-faults +unmap=1 +holds/)
})

test.each([
  ['4.14', 'device-page-faults', '--set unmap=1', 'C31'],
  ['6.1', 'device-page-faults', '--set unmap=0', 'C48'],
  ['6.15', 'migrate-and-drain', '', 'C48'],
])('on Linux %s a fault on a device page is not safe', async (kernel, scenario, set, clause) => {
  const directory = temporaryDirectory()
  const line = `check ${scenario} --kernel ${kernel} ${set} --bounds smoke --trace-dir ${directory}`
  const { code, out } = await run(line, project)
  expect(code).toBe(1)
  expect(out).toContain(`${scenario} on Linux ${kernel} breaks ${clause}`)
  const file = `${directory}/${scenario}-on-Linux-${kernel}.json`
  expect(out).toContain(`hmm-spec replay ${file} --kernel ${kernel}`)
  const replayed = await run(`replay ${file} --kernel ${kernel} --format json`, project)
  expect(JSON.parse(replayed.out).trace).toEqual(JSON.parse(readFileSync(file, 'utf8')))
  // A trace names its kernel; one that does not is asked for it.
  expect((await run(`replay ${file}`, project)).code).toBe(0)
  const { run: _, ...unnamed } = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify(unnamed))
  expect((await run(`replay ${file}`, project)).err).toContain(`name it: --kernel ${kernel}`)
})

test('on Linux 6.15 nobody who faults keeps another from it', async () => {
  const { code } = await run('check device-page-faults --kernel 6.15 --bounds smoke', project)
  expect(code).toBe(0)
})

test('a kernel that is not there', async () => {
  const { code, err } = await run('check --kernel 6.16', project)
  expect(code).toBe(2)
  expect(err).toMatch(/no kernel "6.16"; did you mean .*6\.15.*hmm-spec list kernels/)
})

test('a mutation is found by its name, also where several defects are it', async () => {
  expect((await run('explain M9', project)).out).toMatch(/^D1: /)
  const both = (await run('explain m19', project)).out
  expect(both).toMatch(/^D3: /m)
  expect(both).toMatch(/^D28: /m)
  const { code, out } = await run('defects M9 M12 --format json', project)
  expect(JSON.parse(out).defects.map(({ name }: { name: string }) => name)).toEqual(['D1', 'D4'])
  expect(code).toBe(0)
})

test('a release stands for an API and a fault', async () => {
  const { out, code } = await run(
    'check device-page-faults --linux 6.17 --bounds smoke --format json',
    project,
  )
  expect(code).toBe(0)
  const { run: facts, scenarios } = JSON.parse(out)
  expect(facts).toMatchObject({ linux: '6.17', profile: '6.15', release: null })
  expect(scenarios[0].name).toBe('device-page-faults on Linux 6.15')
  expect((await run('check munmap --linux 5.4 --bounds smoke', project)).out).toContain('munmap in 5.4')
  const listed = JSON.parse((await run('list releases --format json', project)).out).releases
  expect(listed.map(({ version }: { version: string }) => version)).toContain('6.8')
})

test.each([
  ['check --linux 9.1', /--linux: Linux 9\.1 is later than what is known here; known are 4\.14/],
  ['check --linux 6.8 --kernel 6.1', /--linux 6\.8 and --kernel say the same/],
  ['check --linux 6.8 --generation 5.4', /--linux 6\.8 and --generation say the same/],
  ['conform x --linux 5.4', /no kernel before Linux 6\.1 was recorded/],
  ['conform x --linux 6.1 --kernel 6.1', /say the same/],
  ['conform x --linux 6.1 --profile test_hmm-7.3', /test_hmm-7\.3 is not the test driver of 6\.1/],
  ['validate x --linux 6.1 --kernel 6.1', /say the same/],
  ['litmus --linux 5.4', /no kernel before Linux 6\.1 was recorded/],
])('%s is an error', async (line, message) => {
  const { code, err } = await run(line, project)
  expect(code).toBe(2)
  expect(err).toMatch(message)
})

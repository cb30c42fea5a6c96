/** `export trace FILE --to schedule`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../src/cli/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { temporaryDirectory, testIo } from '../cli/project.js'

async function run(line: string) {
  const { io, written } = testIo()
  const code = await main(line.split(' '), io, referenceProject())
  return { code, ...written() }
}

const KEPT = 'suite/schedules/H17.json'

function changed(change: (trace: { scenario: string; steps: unknown[]; clause: string }) => void): string {
  const trace = JSON.parse(readFileSync(KEPT, 'utf8'))
  change(trace)
  const file = join(temporaryDirectory(), 'changed.json')
  writeFileSync(file, JSON.stringify(trace))
  return file
}

test('a trace that is kept is printed as its schedule is kept', async () => {
  expect(await run(`export trace ${KEPT} --to schedule`)).toEqual({
    code: 0,
    out: readFileSync('suite/schedules/H17.txt', 'utf8'),
    err: '',
  })
})

test.each([
  ['another scenario', { scenario: 'munmap' }, /field scenario: only scenarios of the recorded driver/],
  ['a run that is cut off', { steps: [] }, /does not replay: its steps do not break C50/],
  ['another clause', { clause: 'C39' }, /does not replay: step 25 of the trace cannot be taken/],
])('%s is refused', async (_, fields, message) => {
  const file = changed((trace) => Object.assign(trace, fields))
  const { code, err } = await run(`export trace ${file} --to schedule`)
  expect(code).toBe(2)
  expect(err).toContain(file)
  expect(err).toMatch(message)
})

test('a counterexample of a check is printed', async () => {
  const directory = temporaryDirectory()
  await run(`check --driver recorded recorded/mirrored/dev_write+migrate_to_dev --trace-dir ${directory}`)
  const file = join(directory, 'recorded-mirrored-dev_write-migrate_to_dev.json')
  const { code, out } = await run(`export trace ${file} --to schedule`)
  expect(code).toBe(0)
  expect(out).toMatch(/^# recorded\/mirrored\/dev_write\+migrate_to_dev: C41: /)
  expect(out).toContain('\nthread 1 migrate_to_dev 0 0 1\n')
})

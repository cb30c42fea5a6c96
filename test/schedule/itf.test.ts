/** Every kept run of the model is printed in ITF, and replays from there. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../src/cli/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { SCHEDULED } from '../../src/conformance/schedule/build.js'
import { temporaryDirectory, testIo } from '../cli/project.js'

async function run(...args: string[]) {
  const { io, written } = testIo()
  return { code: await main(args, io, referenceProject()), ...written() }
}

const fileOf = (name: string) => `suite/schedules/${name}.json`

test.each(SCHEDULED.map(({ name }) => name))('%s is printed in ITF, and replays from there', async (name) => {
  const trace = JSON.parse(readFileSync(fileOf(name), 'utf8'))
  const { code, out, err } = await run('export', 'trace', fileOf(name), '--to', 'itf')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(JSON.parse(out).states).toHaveLength(trace.steps.length + 1)
  const file = join(temporaryDirectory(), `${name}.itf.json`)
  writeFileSync(file, out)
  const replayed = await run('replay', file)
  expect({ code: replayed.code, err: replayed.err }).toEqual({ code: 0, err: '' })
  expect(replayed.out).toContain(trace.detail)
})

test.each([
  ['says nothing of what it breaks on the way', undefined, /comes after C41 .* is broken already/],
  ['names another clause', ['C39'], /comes after C41 .* is broken already/],
  ['names its own clause', ['C41', 'C50'], /past\[1\] is the clause that the trace is of/],
  ['names none by its name', [7], /past\[0\] is 7, not a text/],
])('a run that %s is refused', async (_, past, message) => {
  const trace = JSON.parse(readFileSync(fileOf('H17'), 'utf8'))
  const file = join(temporaryDirectory(), 'changed.json')
  writeFileSync(file, JSON.stringify({ ...trace, past }))
  const { code, err } = await run('export', 'trace', file, '--to', 'itf')
  expect(code).toBe(2)
  expect(err).toMatch(message)
})

/** What a real kernel was seen to do in the litmus tests: see test/fixtures/kernel/README.md. */
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { main } from '../../src/cli/index.js'
import { testIo, testProject } from '../cli/project.js'

const RECORDING = fileURLToPath(new URL('../fixtures/kernel/litmus-6.1.jsonl.gz', import.meta.url))

it('no outcome that Linux 6.1 was seen to have lies outside the allowed set', async () => {
  const { io, written } = testIo()
  const code = await main(
    ['litmus', '--observed', RECORDING, '--linux', '6.1', '--format', 'json'],
    io,
    testProject(),
  )
  const { tests, runs, allowed, seen, forbidden } = JSON.parse(written().out)
  expect({ code, tests: tests.length, runs, allowed, seen, forbidden }).toEqual({
    code: 0,
    tests: 108,
    runs: 24_981,
    allowed: 279,
    seen: 222,
    forbidden: 0,
  })
})

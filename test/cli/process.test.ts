import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const COMPILED = fileURLToPath(new URL('../../dist/examples/my-driver/first-try.js', import.meta.url))
const built = existsSync(MAIN)
if (!built)
  console.warn('dist/src/cli/main.js is not there: run `npm run build` to test the executable itself')

const hmmSpec = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })

test.skipIf(!built)('the executable ends with the exit code of the run', () => {
  const holds = hmmSpec('check', 'retry-protocol', '--bounds', 'smoke')
  expect(holds.stderr).toContain('8,816 states')
  expect(holds.status).toBe(0)
  expect(hmmSpec('check', 'retry-protocol', '--state-limit', '10').status).toBe(3)
  const wrong = hmmSpec('check', 'retry-protocl')
  expect(wrong.stderr).toContain('did you mean retry-protocol?')
  expect(wrong.status).toBe(2)
})

test.skipIf(!existsSync(COMPILED))('the executable checks a compiled driver', () => {
  const ran = hmmSpec('check', 'munmap', '--driver', COMPILED, '--bounds', 'smoke')
  expect(ran.stdout).toContain('munmap (odp-first-try) breaks C8')
  expect(ran.status).toBe(1)
})

test.skipIf(!built)('a reader that stops reading is no error', () => {
  const piped = spawnSync(
    'sh',
    ['-c', `"${process.execPath}" "${MAIN}" check retry-protocol --bounds smoke --format json | head -c 10`],
    {
      encoding: 'utf8',
    },
  )
  expect(piped.stderr).not.toContain('EPIPE')
  expect(piped.stdout).toHaveLength(10)
})

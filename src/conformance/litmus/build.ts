/**
 * Writes `suite/litmus`: the directed tests, those from conflicts, and what each release allows. Run by `npm run litmus`, compiled.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { RECORDED_KERNELS } from '../result.js'
import { allowedOutcomes } from './allowed.js'
import { conflictTests } from './conflicts.js'
import type { LitmusManifest } from './data.js'
import { directedTests } from './directed.js'
import { type LitmusTest, type PinnedTest, readTest } from './test.js'

/** The version of the tests. */
const VERSION = '1.0.0'
/** Tests that are made from conflicts, beside those written by hand. */
const FROM_CONFLICTS = 56

function pinned(test: LitmusTest): PinnedTest {
  const began = performance.now()
  const allowed = allowedOutcomes(readTest(test), RECORDED_KERNELS)
  const counts = allowed.map(
    ({ releases, outcomes, breaches }) =>
      `${releases.join(', ')}: ${outcomes.length}${breaches.length > 0 ? ` and ${breaches.map(({ finding }) => finding).join(' ')}` : ''}`,
  )
  process.stdout.write(
    `${test.test}  ${counts.join('; ')}  ${((performance.now() - began) / 1000).toFixed(1)} s\n`,
  )
  return { ...test, allowed }
}

const folder = fileURLToPath(new URL('../../../../suite/litmus/', import.meta.url))
mkdirSync(folder, { recursive: true })
const files = { 'directed.jsonl': directedTests, 'conflicts.jsonl': conflictTests(FROM_CONFLICTS) }
for (const [name, tests] of Object.entries(files))
  writeFileSync(`${folder}${name}`, tests.map((test) => `${JSON.stringify(pinned(test))}\n`).join(''))
const manifest: LitmusManifest = {
  format: 'hmm-spec-litmus',
  version: VERSION,
  files: Object.entries(files).map(([name, tests]) => ({ name, tests: tests.length })),
}
writeFileSync(`${folder}manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`)

/**
 * Continuous integration runs a part of the longest matrices, one test of HMM_SPEC_SAMPLE, another part for each commit: the drivers
 * of `test/cases`, which are checked by processes of their own, each defect, each scenario with and without reductions. Without
 * the variable, as by `npm test`, all of them are run.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach } from 'vitest'

const every = Number(process.env.HMM_SPEC_SAMPLE ?? 1)
const TESTS = fileURLToPath(new URL('..', import.meta.url))
const SAMPLED = [
  /^cases\//,
  /^spec\/reductions\./,
  /^spec\/defects\..* a defect is caught by the clause/,
  /^checker\/asking\./,
]

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return ''
  }
}

if (every > 1) {
  const salt = commit()
  beforeEach(({ task, skip }) => {
    const test = `${relative(TESTS, task.file.filepath)} ${task.fullTestName ?? task.name}`
    if (!SAMPLED.some((name) => name.test(test))) return
    const hash = createHash('sha256').update(`${salt}${test}`).digest()
    if (hash[0] % every !== 0) skip('not in the sample of this commit')
  })
}

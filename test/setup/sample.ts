/**
 * Continuous integration runs a part of the drivers of `test/cases`, each of which is checked by processes of its own: one of
 * HMM_SPEC_SAMPLE, another part for each commit. Without the variable, as by `npm test`, all of them are run.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { beforeEach } from 'vitest'

const every = Number(process.env.HMM_SPEC_SAMPLE ?? 1)
const SAMPLED = /\/test\/cases\//

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
    if (!SAMPLED.test(task.file.filepath)) return
    const hash = createHash('sha256')
      .update(`${salt}${task.file.name}${task.fullTestName ?? task.name}`)
      .digest()
    if (hash[0] % every !== 0) skip('not in the sample of this commit')
  })
}

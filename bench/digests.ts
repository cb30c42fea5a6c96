/**
 * Writes `test/fixtures/digests.json`: what every scenario's graph is at smoke bounds.
 */
import { writeFileSync } from 'node:fs'
import { scenarios } from '../spec/index.js'
import { check, type GraphDigest } from '../src/checker/index.js'

/** Explores every scenario at smoke bounds and writes their digests. */
export async function writeDigests(): Promise<void> {
  const digests: Record<string, GraphDigest> = {}
  for (const scenario of scenarios) {
    const { digest, verdict } = await check(scenario, { bounds: 'smoke', digest: true })
    if (digest === undefined) throw new Error(`${scenario.name} has no digest: its verdict is ${verdict}`)
    digests[scenario.name] = digest
    console.log(`${digest.states} ${digest.steps} ${scenario.name}`)
  }
  writeFileSync(
    new URL('../../test/fixtures/digests.json', import.meta.url),
    `${JSON.stringify(digests, null, 2)}\n`,
  )
}

/**
 * What an engine must pass, run by itself: `node battery.js` ends with 1 and says what is wrong, or with 0. The seeded
 * bugs of the engine are held against it, each in a process of its own.
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { scenarios } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import { faultsOfBits, faultsOfNeighbours, faultsOfStore } from './collisions.js'
import { compareOn } from './compare.js'
import { models } from './sketch.js'

const SEED = 7
const MODELS = 4000
const MOST_STATES = 400
/** The scenarios whose digests are looked at: small ones, with much in them. */
const SCENARIOS = [
  'starvation',
  'hmm-lifetime',
  'mremap-and-migrate',
  'over-fault',
  'devmem-unplug',
  'retry-protocol',
]

/** Where the pinned digests are: a copy of the project may be elsewhere. */
const DIGESTS = process.argv[2]

async function faults(): Promise<string[]> {
  for (const words of [2, 3, 7]) {
    const found = [...faultsOfStore(words), ...faultsOfBits(words)]
    if (found.length > 0) return found
  }
  const neighbours = faultsOfNeighbours()
  if (neighbours.length > 0) return neighbours
  for (const sketch of fc.sample(models, { numRuns: MODELS, seed: SEED })) {
    const { differences } = await compareOn(sketch, MOST_STATES)
    if (differences.length > 0) return [...differences]
  }
  const digests = JSON.parse(readFileSync(DIGESTS, 'utf8'))
  for (const scenario of scenarios.filter(({ name }) => SCENARIOS.includes(name))) {
    const { digest, violation } = await check(scenario, { bounds: 'smoke', digest: true })
    if (JSON.stringify(digest) !== JSON.stringify(digests[scenario.name]))
      return [`${scenario.name}: ${violation?.detail ?? 'another graph'}`]
  }
  return []
}

const found = await faults()
for (const fault of found) console.log(fault)
process.exitCode = found.length > 0 ? 1 : 0

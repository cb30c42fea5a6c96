/** What real kernels answered to the suite, in the recordings of `test/fixtures/kernel`, is what the suite allows. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { differencesFrom } from '../../src/conformance/suite/answers.js'
import { allowedBy, readSuite } from '../../src/conformance/suite/data.js'
import { profiles } from '../../src/conformance/suite/profiles.js'
import type { PerformedSequence } from '../../src/conformance/suite/run.js'

const { sequences } = readSuite()

function recorded(release: string): Map<string, PerformedSequence> {
  const file = new URL(`../fixtures/kernel/suite-${release}.jsonl.gz`, import.meta.url)
  const lines = gunzipSync(readFileSync(file)).toString('utf8').trimEnd().split('\n')
  return new Map(lines.map((line) => JSON.parse(line)).map((line) => [line.seq, line]))
}

describe.each(['6.1', '6.12'])('of Linux %s', (release) => {
  const lines = recorded(release)
  const allowedAnswers = sequences.flatMap((sequence) => {
    const allowed = allowedBy(sequence, `test_hmm-${release}`)
    return allowed === undefined ? [] : [{ sequence, allowed }]
  })

  it('every sequence that was performed is of the suite, and passes', () => {
    expect([...lines.keys()].filter((seq) => !sequences.some((each) => each.seq === seq))).toEqual([])
    const { fields } = profiles.find(({ name }) => name === `test_hmm-${release}`) ?? profiles[0]
    for (const { sequence, allowed } of allowedAnswers) {
      const line = lines.get(sequence.seq)
      if (line === undefined) continue
      expect(line.ops).toEqual(sequence.ops)
      const differences = line.answers.flatMap((answer, at) => differencesFrom(allowed[at], answer, fields))
      expect(differences, sequence.seq).toEqual([])
    }
  })

  it('every sequence of the suite was performed', () => {
    const missing = allowedAnswers.filter(({ sequence }) => !lines.has(sequence.seq))
    expect(missing.map(({ sequence }) => sequence.seq)).toEqual([])
  })
})

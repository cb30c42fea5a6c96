/** What a real kernel answered to the suite, and was seen to do in the litmus tests: see test/fixtures/kernel/README.md. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { main } from '../../src/cli/index.js'
import { readSuite } from '../../src/conformance/suite/data.js'
import type { Peer } from '../../src/conformance/suite/peer/peer.js'
import type { PeerAnswer } from '../../src/conformance/suite/peer/protocol.js'
import { type Profile, profiles } from '../../src/conformance/suite/profiles.js'
import { runSuite } from '../../src/conformance/suite/run.js'
import { testIo, testProject } from '../cli/project.js'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/kernel/${name}`, import.meta.url))

async function observed(name: string) {
  const { io, written } = testIo()
  const args = ['litmus', '--observed', fixture(name), '--linux', '6.1', '--format', 'json']
  const code = await main(args, io, testProject())
  const { tests, runs, allowed, seen, forbidden, findings } = JSON.parse(written().out)
  return { code, tests: tests.length, runs, allowed, seen, forbidden, findings }
}

it('no outcome that Linux 6.1 was seen to have lies outside the allowed set', async () => {
  expect(await observed('litmus-6.1.jsonl.gz')).toEqual({
    code: 0,
    tests: 108,
    runs: 25_690,
    allowed: 282,
    seen: 228,
    forbidden: 0,
    findings: {},
  })
})

it('where the driver may use free memory, what lies outside the set is put down to the finding', async () => {
  expect(await observed('litmus-unsafe-6.1.jsonl.gz')).toEqual({
    code: 0,
    tests: 4,
    runs: 3907,
    allowed: 26,
    seen: 25,
    forbidden: 0,
    findings: { H10: 490, H26: 293 },
  })
})

it('its lost write is forbidden, and has a name', async () => {
  expect(await observed('litmus-6.1-h17.jsonl.gz')).toMatchObject({
    code: 0,
    runs: 2303,
    forbidden: 0,
    findings: { H17: 3 },
  })
})

interface RecordedSequence {
  readonly seq: string
  readonly ops: readonly string[]
  readonly answers: readonly PeerAnswer[]
}

it.each(['6.1', '6.12'])('Linux %s passes the suite', async (release) => {
  const lines = gunzipSync(readFileSync(fixture(`suite-${release}.jsonl.gz`)))
    .toString('utf8')
    .trim()
    .split('\n')
  const recorded = new Map(
    lines.map((line) => JSON.parse(line) as RecordedSequence).map((each) => [each.seq, each]),
  )
  let current: RecordedSequence | undefined
  let at = 0
  const peer: Peer = {
    hello: async () => ({ protocol: 1, name: 'recording', release, profile: `test_hmm-${release}` }),
    async reset(sequence) {
      current = recorded.get(sequence)
      at = 0
    },
    async perform(op) {
      if (current?.ops[at] !== op) throw new Error(`${op} is not in the recording`)
      return current.answers[at++]
    },
    async end() {},
  }
  const suite = readSuite()
  const sequences = suite.sequences.filter(({ seq, ops }) => recorded.get(seq)?.ops.join() === ops.join())
  const result = await runSuite(
    () => peer,
    { ...suite, sequences },
    {
      profile: () => profiles.find(({ name }) => name === `test_hmm-${release}`) as Profile,
      shrinkMs: 1,
      mostFailures: 1,
    },
  )
  expect({ passed: result.passed, diverged: result.diverged }).toEqual({
    passed: sequences.length,
    diverged: 0,
  })
  // Sequences that come into the suite later are not in the recording.
  expect(sequences.length).toBeGreaterThan(500)
})

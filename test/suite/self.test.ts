/** The specification as a peer, and specifications with a mistake in them. */
import { describe, expect, it } from 'vitest'
import { RECORDED_KERNELS } from '../../src/conformance/result.js'
import { readSuite } from '../../src/conformance/suite/data.js'
import { OraclePeer } from '../../src/conformance/suite/peer/oracle-peer.js'
import type { Peer } from '../../src/conformance/suite/peer/peer.js'
import { type PeerAnswer, UNSUPPORTED } from '../../src/conformance/suite/peer/protocol.js'
import { profiles, releaseOf } from '../../src/conformance/suite/profiles.js'
import { runSuite } from '../../src/conformance/suite/run.js'
import { madvise_dontneed, zap_page_range } from '../../src/kernel/index.js'
import { override, step } from '../../src/world/index.js'
import { suiteOf } from './suites.js'

const OPTIONS = { shrinkMs: 60_000, mostFailures: 1 }

/** The oracle with another answer to some operations. */
class ChangedPeer extends OraclePeer {
  constructor(private readonly change: (op: string, answer: PeerAnswer) => PeerAnswer | typeof UNSUPPORTED) {
    super('6.1', 'test_hmm-6.1')
  }

  override async perform(op: string) {
    const answer = await super.perform(op)
    return answer === UNSUPPORTED ? answer : this.change(op, answer)
  }
}

function run(peer: Peer, sequences: readonly string[][]) {
  return runSuite(() => peer, suiteOf(sequences), { ...OPTIONS, profile: () => profiles[1] })
}

describe('the specification', () => {
  const directed = readSuite().sequences.filter(({ seq }) => !seq.startsWith('generated/'))
  const suite = { ...readSuite(), sequences: directed }

  it.each(profiles.map((profile) => [profile.name, profile] as const))(
    'passes in profile %s',
    async (_, profile) => {
      const peer = new OraclePeer(releaseOf(profile), profile.name)
      const result = await runSuite(() => peer, suite, { ...OPTIONS, profile: () => profile })
      expect(result.divergences).toEqual([])
      expect(result.passed + result.outsideProfile).toBe(directed.length)
      expect(result.passed).toBeGreaterThan(70)
    },
  )

  it.each(RECORDED_KERNELS)('of %s passes as any driver must', async (release) => {
    const peer = new OraclePeer(release, 'clean')
    const result = await runSuite(() => peer, suite, { ...OPTIONS, profile: () => profiles[0] })
    expect(result.divergences).toEqual([])
  })
})

describe('a divergence', () => {
  const forgetful = override(
    madvise_dontneed,
    () =>
      function* () {
        return yield* step('nothing', () => 0)
      },
  )

  it('is shrunk to the shortest sequence, with the smallest numbers', async () => {
    const peer = new OraclePeer('6.1', 'test_hmm-6.1', { overrides: [forgetful] })
    const ops = [
      'mmap 0 3 rw',
      'mmap 6 1 ro',
      'cpu_read 1',
      'cpu_write 2 7',
      'dev_read 0 0 3',
      'madv_dontneed 1 2',
      'munmap 6 1',
      'cpu_read 2',
    ]
    const { divergences } = await run(peer, [ops])
    expect(divergences[0]).toMatchObject({
      sequence: 'test/0',
      operation: 7,
      op: 'cpu_read 2',
      field: 'val',
      expected: [0],
      actual: 7,
      shrunk: {
        ops: ['mmap 0 1 rw', 'cpu_write 0 1', 'madv_dontneed 0 1', 'cpu_read 0'],
        operation: 3,
        expected: [0],
        actual: 1,
        shortest: true,
      },
    })
  })

  it('ends its sequence: what comes after it is not compared', async () => {
    const wrong = new ChangedPeer((op, answer) =>
      op.startsWith('cpu_read') ? { ...answer, val: 9 } : answer,
    )
    const result = await run(wrong, [['mmap 0 1 rw', 'cpu_read 0', 'cpu_read 0', 'cpu_read 0']])
    expect(result).toMatchObject({ diverged: 1, operations: 2 })
  })

  it('is one in a field that is missing', async () => {
    const wrong = new ChangedPeer((_op, { faults: _, ...answer }) => answer as PeerAnswer)
    const result = await run(wrong, [['mmap 0 1 rw', 'dev_read 0 0 1']])
    expect(result.divergences[0]).toMatchObject({ field: 'faults', expected: [1] })
    expect(result.divergences[0]).not.toHaveProperty('actual')
  })
})

describe('what a peer does not support', () => {
  it('is counted, by operation, and is no divergence', async () => {
    const peer = new ChangedPeer((op, answer) => (op.startsWith('fork') ? UNSUPPORTED : answer))
    const result = await run(peer, [['mmap 0 1 rw', 'fork'], ['mmap 0 1 rw'], ['fork']])
    expect(result).toMatchObject({
      passed: 1,
      diverged: 0,
      unsupported: 2,
      unsupportedOperations: { fork: 2 },
    })
  })

  it('is known from its hello, as are its limits', async () => {
    const peer = new OraclePeer('6.1', 'test_hmm-6.1')
    const asked: string[] = []
    const small: Peer = {
      hello: async () => ({ ...(await peer.hello()), operations: ['mmap'], limits: { pages: 4 } }),
      reset: (name, ops) => peer.reset(name, ops),
      perform: (op) => {
        asked.push(op)
        return peer.perform(op)
      },
      end: () => peer.end(),
    }
    const result = await run(small, [['mmap 0 4 rw'], ['mmap 0 5 rw'], ['mmap 0 1 rw', 'cpu_read 0']])
    expect(result).toMatchObject({
      passed: 1,
      unsupported: 2,
      unsupportedOperations: { cpu_read: 1, 'beyond 4 pages': 1 },
    })
    expect(asked).toEqual(['mmap 0 4 rw'])
  })
})

describe('coverage', () => {
  it('counts what the sequences exercise that were compared', async () => {
    const peer = new ChangedPeer((op, answer) => (op === 'fork' ? UNSUPPORTED : answer))
    const { coverage } = await run(peer, [['mmap 0 1 rw'], ['fork']])
    expect(coverage.steps).toEqual({ reached: 1, total: 2, known: 2 })
  })
})

describe('a run', () => {
  it('that is interrupted says what was not run', async () => {
    const peer = new OraclePeer('6.1', 'test_hmm-6.1')
    let asked = 0
    const result = await runSuite(() => peer, suiteOf([['mmap 0 1 rw'], ['mmap 1 1 rw']]), {
      ...OPTIONS,
      profile: () => profiles[1],
      isInterrupted: () => asked++ > 0,
    })
    expect(result).toMatchObject({ passed: 1, notRun: 1, stopped: 'interrupted' })
  })
})

it('is awake to a change of the kernel that takes no more than one operation to see', async () => {
  const keepsEntries = override(
    zap_page_range,
    () =>
      function* () {
        yield* step('nothing', () => 0)
      },
  )
  const peer = new OraclePeer('6.1', 'test_hmm-6.1', { overrides: [keepsEntries as never] })
  const result = await run(peer, [['mmap 0 1 rw', 'cpu_write 0 1', 'munmap 0 1', 'ptes 0 1']])
  expect(result.divergences[0]).toMatchObject({ op: 'ptes 0 1', field: 'ptes', expected: [['none']] })
})

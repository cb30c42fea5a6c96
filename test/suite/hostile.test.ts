/** The runner against peers that misbehave: it always ends, says what the peer did, and leaves no process behind. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PeerFailure } from '../../src/conformance/suite/peer/peer.js'
import { type PeerLimits, ProcessPeer } from '../../src/conformance/suite/peer/process-peer.js'
import {
  ProtocolError,
  readAnswer,
  readHello,
  readOutcome,
} from '../../src/conformance/suite/peer/protocol.js'
import { profiles } from '../../src/conformance/suite/profiles.js'
import { runSuite } from '../../src/conformance/suite/run.js'
import { suiteOf } from './suites.js'

const HOSTILE = fileURLToPath(new URL('peers/hostile.mjs', import.meta.url))

/** A peer starts within this on a machine that is busy, and answers within this. */
const LIMITS: PeerLimits = { startMs: 30_000, answerMs: 5_000, answerBytes: 300_000 }

/** One that is to run into the time limit should do so soon. */
const IMPATIENT: PeerLimits = { ...LIMITS, answerMs: 300 }

const suite = suiteOf([['mmap 0 1 rw', 'cpu_read 0']])

function run(way: string, limits: PeerLimits) {
  return runSuite(() => new ProcessPeer(`exec "${process.execPath}" "${HOSTILE}" ${way}`, limits), suite, {
    profile: () => profiles[1],
    shrinkMs: 0,
    mostFailures: 1,
  })
}

describe('a peer that fails to answer an operation diverges', () => {
  it.each([
    ['garbage', 'garbage', /a line that is not JSON: "this is not JSON"/],
    ['binary', 'garbage', /a line that is not JSON|an answer to nothing/],
    ['not-an-object', 'garbage', /a line that is not an object/],
    ['nested', 'garbage', /a line that is not/],
    ['no-rc', 'garbage', /"rc" of an answer is missing/],
    ['wrong-id', 'garbage', /an answer to question 3, asked was 2/],
    ['no-id', 'garbage', /an answer to question nothing, asked was 2/],
    ['out-of-order', 'garbage', /an answer to question 1, asked was 2/],
    ['huge-line', 'flood', /a line of more than 300000 bytes/],
    ['exit', 'exit', /it ended with code 3 without an answer/],
    ['crash', 'exit', /it ended by SIGSEGV without an answer/],
    ['deaf-and-exits', 'exit', /it ended with code 0 without an answer/],
    ['child-holds-output', 'exit', /it ended with code 4 without an answer; it said "child \d+"/],
  ])('%s', async (way, failure, message) => {
    const result = await run(way, LIMITS)
    expect(result).toMatchObject({ diverged: 1, passed: 0 })
    expect(result.divergences[0]).toMatchObject({ operation: 0, field: 'peer', failure })
    expect(result.divergences[0].actual).toMatch(message)
  })

  it.each([
    ['silent', /no answer within 300 ms/],
    ['half-a-line', /no answer within 300 ms/],
    ['floods-errors', /no answer within 300 ms/],
  ])('%s', async (way, message) => {
    const result = await run(way, IMPATIENT)
    expect(result.divergences[0]).toMatchObject({ field: 'peer', failure: 'hang' })
    expect(result.divergences[0].actual).toMatch(message)
  })

  it('twice: what nobody asked for is no answer', async () => {
    const result = await run('twice', LIMITS)
    expect(result.divergences[0]).toMatchObject({ field: 'peer', failure: 'garbage' })
  })

  it('ahead: answers to questions that were not asked yet', async () => {
    expect(await run('ahead', LIMITS)).toMatchObject({ diverged: 1, passed: 0 })
  })
})

describe('what a peer answers', () => {
  it('may not have control characters in the report', async () => {
    const { divergences } = await run('control-characters', LIMITS)
    expect(divergences[0]).toMatchObject({ op: 'mmap 0 1 rw', field: 'val', expected: [null] })
  })

  it('is read by its own fields alone', async () => {
    const { divergences } = await run('prototype', LIMITS)
    expect(divergences[0]).toMatchObject({ op: 'cpu_read 0', field: 'val', expected: [0] })
    expect(divergences[0]).not.toHaveProperty('actual')
  })
})

describe('a peer that does not introduce itself', () => {
  it.each([
    ['exits-at-once', LIMITS, /ended with code 1/],
    ['hello-without-profile', LIMITS, /"profile" of hello is missing/],
    ['other-protocol', LIMITS, /it speaks protocol 2; the runner speaks 1/],
    ['speaks-first', LIMITS, /an answer to question nothing, asked was 0/],
    ['no-hello', { ...LIMITS, startMs: 300 }, /no answer within 300 ms/],
  ])('%s', async (way, limits, message) => {
    const failure = await run(way, limits).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(PeerFailure)
    expect((failure as PeerFailure).message).toMatch(message)
  })

  it('is not there at all', async () => {
    const made = () => new ProcessPeer('exec /nowhere/peer', LIMITS)
    const options = { profile: () => profiles[1], shrinkMs: 0, mostFailures: 1 }
    await expect(runSuite(made, suite, options)).rejects.toThrow(/it ended with code 12[67]/)
  })
})

describe('what is left of a peer', () => {
  /** A process that was killed may stay listed until somebody asks for its exit code: it does not run. */
  const isAlive = (pid: number): boolean => {
    try {
      process.kill(pid, 0)
      return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ESRCH' && existsSync(`/proc/${pid}`)
    }
  }

  it('is nothing, also if a process of its own goes on', async () => {
    const { divergences } = await run('child-holds-output', LIMITS)
    const pid = Number(/child (\d+)/.exec(String(divergences[0].actual))?.[1])
    expect(pid).toBeGreaterThan(0)
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  it('is nothing, also if it does not end when told', async () => {
    const peer = new ProcessPeer(`exec "${process.execPath}" "${HOSTILE}" never-ends`, IMPATIENT)
    await peer.hello()
    await expect(peer.end()).resolves.toBeUndefined()
  })
})

describe('any line of a peer', () => {
  const readers = [
    (line: string) => readOutcome(readAnswer(line, 0)),
    (line: string) => readHello(readAnswer(line, 0)),
  ]
  const isRefused = (line: string): boolean => {
    for (const read of readers)
      try {
        read(line)
      } catch (error) {
        if (!(error instanceof ProtocolError)) return false
      }
    return true
  }

  it('is an answer or a protocol error, and nothing else', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), isRefused))
    fc.assert(fc.property(fc.json(), isRefused))
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('id', 'rc', 'hello', 'unsupported'), fc.jsonValue()),
        (fields) => isRefused(JSON.stringify({ id: 0, ...fields })),
      ),
    )
  })
})

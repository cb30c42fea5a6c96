/** A check that goes on from a checkpoint ends as one that was never stopped. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defects as allDefects, scenarios } from '../../spec/index.js'
import {
  type CheckOptions,
  type Checkpoints,
  type CheckResult,
  check,
  type SavedExploration,
} from '../../src/checker/index.js'
import { CheckpointFile } from '../../src/host/checkpoint-file.js'
import type { Scenario } from '../../src/world/index.js'

function named(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`there is no scenario ${name}`)
  return found
}

/** Keeps copies of all checkpoints, and goes on from `from`. */
class Kept implements Checkpoints {
  readonly name = 'kept'
  readonly everyMs = Number.POSITIVE_INFINITY
  readonly all: SavedExploration[] = []

  constructor(private readonly from?: SavedExploration) {}

  last() {
    return this.from
  }

  keep({ facts, parts }: SavedExploration) {
    this.all.push({
      facts: JSON.parse(JSON.stringify(facts)),
      parts: Object.fromEntries(
        Object.entries(parts).map(([name, pieces]) => [name, pieces.map((piece) => piece.slice())]),
      ),
    })
  }
}

/** A result but for what says how it came to be. */
function essence({ elapsedMs: _, resumedFrom: __, storedBytes: ___, ...result }: CheckResult) {
  return result
}

/** Checks bit by bit: a limit of states ends each run, and the next one goes on from what it has kept. */
async function checkInParts(scenario: Scenario, options: CheckOptions, each: (part: number) => number) {
  let last: SavedExploration | undefined
  for (let part = 1; ; part++) {
    const kept = new Kept(last)
    const states = (last?.facts.states ?? 0) + each(part)
    const result = await check(scenario, { ...options, limits: { states }, checkpoints: kept })
    if (result.verdict !== 'limit') return { result, parts: part }
    last = kept.all.at(-1)
  }
}

const options: CheckOptions = { bounds: 'smoke', digest: true }

describe('a check that was stopped and goes on', () => {
  it.each(['munmap', 'migrate', 'fork', 'device-page-faults', 'retry-protocol', 'swap', 'large-folio-split'])(
    '%s ends as if it had not been',
    { timeout: 120_000 },
    async (name) => {
      const scenario = named(name)
      const whole = await check(scenario, options)
      const { result, parts } = await checkInParts(scenario, options, (part) => 101 + 577 * part)
      expect(parts).toBeGreaterThan(2)
      expect(essence(result)).toEqual(essence(whole))
      expect(result.verdict).toBe('holds')
      expect(result.resumedFrom).toBeGreaterThan(0)
    },
  )

  it('finds the same shortest run', async () => {
    const defect = allDefects.find(({ name }) => name === 'M2')
    if (defect === undefined) throw new Error('there is no defect M2')
    const scenario = named(defect.scenario)
    const whole = await check(scenario, { ...options, defects: [defect] })
    const { result } = await checkInParts(scenario, { ...options, defects: [defect] }, () => 200)
    expect(essence(result)).toEqual(essence(whole))
    expect(result.violation?.trace.shortest).toBe(true)
  })

  it('without reductions, a memo or an audit', { timeout: 60_000 }, async () => {
    const bare: CheckOptions = { ...options, reductions: 'none', claims: 'directly', audit: 'off' }
    const whole = await check(named('munmap'), bare)
    const { result } = await checkInParts(named('munmap'), bare, () => 1500)
    expect(essence(result)).toEqual(essence(whole))
  })
})

describe('a checkpoint of another model', () => {
  let saved: SavedExploration

  beforeAll(async () => {
    const kept = new Kept()
    await check(named('munmap'), { ...options, limits: { states: 900 }, checkpoints: kept })
    saved = kept.all[0]
  })

  it.each(['fork', 'mprotect', 'two-faults'])('%s is refused', async (name) => {
    await expect(check(named(name), { ...options, checkpoints: new Kept(saved) })).rejects.toMatchObject({
      code: 'checkpoint',
    })
  })

  it('of the same with another text is refused', async () => {
    const defects = allDefects.filter(({ scenario }) => scenario === 'munmap')
    expect(defects.length).toBeGreaterThan(2)
    const refused = await Promise.all(
      defects.map((defect) =>
        check(named('munmap'), { ...options, defects: [defect], checkpoints: new Kept(saved) }).then(
          () => false,
          ({ code }) => code === 'checkpoint',
        ),
      ),
    )
    // What a defect changes may lie behind the states that were explored.
    expect(refused.filter(Boolean).length).toBeGreaterThan(0)
  })
})

describe('a file', () => {
  const identity = { scenario: 'munmap', build: 'a' }
  let folder: string
  let file: string

  const fileFor = (of: object = identity, warn?: (message: string) => void) =>
    new CheckpointFile({ file, everyMs: 0, resume: true, identity: { ...of } }, warn)
  const until = (states: number, checkpoints: Checkpoints) =>
    check(named('munmap'), { ...options, limits: { states }, checkpoints })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hmm-spec-checkpoint-'))
    file = join(folder, 'munmap.states')
    await until(2500, fileFor())
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('is gone on from', async () => {
    const result = await check(named('munmap'), { ...options, checkpoints: fileFor() })
    expect(result.resumedFrom).toBeGreaterThan(2000)
    expect(essence(result)).toEqual(essence(await check(named('munmap'), options)))
  })

  it('of another check is refused, and what differs is named', () => {
    expect(() => fileFor({ ...identity, build: 'b' }).last()).toThrow(
      'munmap.states: it is of another check: build (a then, b now)',
    )
  })

  it('that is damaged anywhere is refused and named', () => {
    const whole = readFileSync(file)
    try {
      for (let k = 0; k < 60; k++) {
        const bytes = Buffer.from(whole)
        bytes[Math.floor((k / 60) * whole.length)] ^= 1 << (k % 8)
        writeFileSync(file, bytes)
        expect(() => fileFor().last()).toThrow(/munmap\.states: (the checkpoint is damaged|its format is)/)
      }
      for (const length of [0, 5, 30, 400, whole.length >> 1, whole.length - 1]) {
        writeFileSync(file, whole.subarray(0, length))
        expect(() => fileFor().last()).toThrow('munmap.states: the checkpoint is damaged')
      }
      writeFileSync(file, Buffer.concat([whole, Buffer.from('x')]))
      expect(() => fileFor().last()).toThrow('its checksum differs')
    } finally {
      writeFileSync(file, whole)
    }
  })

  it('of a later format is refused', () => {
    const whole = readFileSync(file)
    const out = openSync(file, 'r+')
    writeSync(out, '9', 'hmm-spec checkpoint '.length)
    closeSync(out)
    expect(() => fileFor().last()).toThrow('its format is version 9, and this hmm-spec reads version 1')
    writeFileSync(file, whole)
  })

  it('that cannot be written ends no check', async () => {
    const warnings: string[] = []
    const nowhere = new CheckpointFile(
      { file: join(folder, 'missing', 'x.states'), everyMs: 0, resume: false, identity },
      (message) => warnings.push(message),
    )
    const result = await check(named('munmap'), { ...options, checkpoints: nowhere })
    expect(essence(result)).toEqual(essence(await check(named('munmap'), options)))
    expect(warnings).toEqual([
      expect.stringContaining('a checkpoint could not be written (ENOENT); the check goes on'),
    ])
  })
})

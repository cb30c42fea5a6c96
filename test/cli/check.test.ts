import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check } from '../../src/checker/index.js'
import { main } from '../../src/cli/index.js'
import { ProcessError } from '../../src/cli/supervisor/process.js'
import type { Scenario } from '../../src/world/index.js'
import {
  charted,
  mistaken,
  noRetry,
  requirements,
  run,
  stuck,
  temporaryDirectory,
  testIo,
  testProject,
  transcript,
} from './project.js'

/** The retry protocol with the defect in it. */
const wrong = () =>
  testProject({
    check: async (s, options) => ({
      ...(await check(s, { ...options, defects: [noRetry] })),
      elapsedMs: 1234.5,
    }),
  })

test('a scenario that holds', async () => {
  await expect(await transcript('check retry-protocol --bounds smoke')).toMatchFileSnapshot(
    'transcripts/check-holds.txt',
  )
})

test('a scenario that does not hold shows the clause and the run', async () => {
  await expect(await transcript('check --bounds smoke', wrong())).toMatchFileSnapshot(
    'transcripts/check-violated.txt',
  )
})

test('a deadlock', async () => {
  await expect(await transcript('check', testProject({ scenarios: [stuck] }))).toMatchFileSnapshot(
    'transcripts/check-deadlock.txt',
  )
})

test('a limit of states ends in exit code 3 and says what was covered', async () => {
  await expect(await transcript('check --state-limit 1000')).toMatchFileSnapshot(
    'transcripts/check-limit.txt',
  )
})

test('a limit that comes after the last state does not call the check exhaustive', async () => {
  const project = testProject({
    check: async (scenario, options) => ({
      ...(await check(scenario, { ...options, bounds: 'smoke' })),
      verdict: 'limit',
      limit: { kind: 'time', value: 5000 },
    }),
  })
  const { code, out } = await run('check', project)
  const flat = out.replaceAll(/\s+/g, ' ')
  expect(flat).toMatch(/ limit .* of states alone/)
  expect(flat).not.toMatch(/ limit [^─]* yes/)
  expect(flat).toContain('which are all, and they broke nothing; progress was not checked, and the audit')
  expect(code).toBe(3)
})

test.each(['time', 'interrupted'])(
  'a process that was stopped by %s is no mistake of anybody’s',
  async (why) => {
    const project = testProject({
      check: async () => {
        throw new ProcessError(why, 'it still made progress, and was killed')
      },
    })
    const { code, out } = await run('check', project)
    expect(out).toContain(`stopped before anything was known (${why})`)
    expect(code).toBe(3)
    expect(JSON.parse((await run('check --format json', project)).out)).toMatchObject({
      exitCode: 3,
      complete: false,
    })
  },
)

test('limits of time and memory are handed to the checker', async () => {
  const limits: unknown[] = []
  const project = testProject({
    check: async (scenario, options) => {
      limits.push(options.limits)
      return check(scenario, { ...options, bounds: 'smoke' })
    },
  })
  await run('check --time-limit 2m --memory-limit 512MB --state-limit 5M', project)
  await run('check --time-limit 30s', project)
  await run('check --time-limit 250 --memory-limit 1GiB --state-limit 1_000_000', project)
  expect(limits).toEqual([
    { timeMs: 120_000, memoryBytes: 512e6, states: 5e6 },
    { timeMs: 30_000 },
    { timeMs: 250, memoryBytes: 2 ** 30, states: 1e6 },
  ])
})

test('1 goes before 3, and 2 before both', async () => {
  const both = testProject({ scenarios: [stuck, retryProtocol] })
  expect((await run('check --state-limit 1000', both)).code).toBe(1)
  const all = testProject({ scenarios: [stuck, mistaken, retryProtocol] })
  expect((await run('check --state-limit 1000', all)).code).toBe(2)
})

test('a scenario that errs does not end the others', async () => {
  const project = testProject({ scenarios: [mistaken, retryProtocol] })
  await expect(await transcript('check --bounds smoke', project)).toMatchFileSnapshot(
    'transcripts/check-error.txt',
  )
})

test('--set reaches the scenarios that have the parameter', async () => {
  const seen: [string, unknown][] = []
  const project = testProject({
    scenarios: [retryProtocol, charted],
    check: async (scenario: Scenario, options) => {
      seen.push([scenario.name, options.set])
      return check(scenario, options)
    },
  })
  const { code } = await run('check --set pages=1 --set commits=1', project)
  expect(seen).toEqual([
    ['retry-protocol', { pages: 1, commits: 1 }],
    ['charted', {}],
  ])
  expect(code).toBe(0)
})

test('a scenario that is named twice runs once, whatever the case of its name', async () => {
  const { out } = await run('check retry-protocol Retry-Protocol --bounds smoke')
  expect(out.match(/^retry-protocol/gm)).toHaveLength(1)
})

test('--trace-dir saves what replay reads, and --output writes the chosen format', async () => {
  const directory = temporaryDirectory()
  const output = join(directory, 'report.xml')
  const ran = await run(
    `check --bounds smoke --trace-dir ${directory}/traces --format junit --output ${output}`,
    wrong(),
  )
  expect(ran.code).toBe(1)
  expect(ran.out).toContain(`hmm-spec replay ${directory}/traces/retry-protocol.json`)
  expect(ran.err).toContain(`junit report written to ${output}`)
  expect(readFileSync(output, 'utf8')).toMatch(/^<\?xml/)
  const trace = JSON.parse(readFileSync(join(directory, 'traces', 'retry-protocol.json'), 'utf8'))
  expect(trace).toMatchObject({
    format: 'hmm-spec-trace',
    version: 1,
    clause: 'C1',
    scenario: 'retry-protocol',
  })
})

test('a place that cannot be written to is found before anything runs', async () => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'folder'))
  const project = testProject({
    check: async () => {
      throw new Error('ran')
    },
  })
  const missing = await run(`check --output ${directory}/no/report.txt`, project)
  expect(missing).toMatchObject({ code: 2, out: '' })
  expect(missing.err).toBe(
    `error: --output ${directory}/no/report.txt: cannot write to ${directory}/no (ENOENT)\n`,
  )
  expect((await run(`check --output ${directory}/folder`, project)).err).toContain('is a directory')
})

test('a report that cannot be written after all is printed', async () => {
  const directory = temporaryDirectory()
  const output = join(directory, 'report.json')
  const project = testProject({
    check: async (scenario, options) => {
      mkdirSync(output, { recursive: true })
      return check(scenario, options)
    },
  })
  const ran = await run(`check --bounds smoke --format json --output ${output}`, project)
  expect(ran.code).toBe(4)
  expect(ran.out).toContain('8,816')
  expect(ran.err).toMatch(/could not be written \(E\w+\); its text is printed instead/)
})

test('the first interrupt ends the run in good order, the second quits', async () => {
  const { io, quits, interrupt, written } = testIo()
  const project = testProject({
    scenarios: [charted, retryProtocol, stuck],
    check: async (scenario, options) => {
      if (scenario === retryProtocol) {
        interrupt()
        expect(quits).toEqual([])
        interrupt()
      }
      return {
        ...(await check(scenario, options)),
        elapsedMs: 1234.5,
        ...(options.signal?.aborted ? { verdict: 'interrupted' as const } : {}),
      }
    },
  })
  expect(await main(['check'], io, project)).toBe(3)
  expect(quits).toEqual([3])
  const { out, err } = written()
  expect(err).toContain('interrupted: ending what is running')
  expect(out).toMatch(/^charted .* holds/m)
  expect(out).toMatch(/^retry-protocol: interrupted\. [\d,]+ states visited/m)
  expect(out).toContain('Not run, because of the interrupt: stuck.')
  interrupt()
  expect(quits).toEqual([3])
})

test('the real checker hears the interrupt', async () => {
  const { io, interrupt, written } = testIo()
  setTimeout(interrupt, 300)
  const code = await main(['check', '--bounds', 'deep'], io, testProject())
  expect(code).toBe(3)
  expect(written().out).toMatch(/retry-protocol +pages=2 invalidations=5 +interrupted/)
})

test('an interrupt during the last scenario of a run that ends all the same is no interrupt', async () => {
  const { io, interrupt } = testIo()
  const project = testProject({
    check: async (scenario, options) => {
      const result = await check(scenario, { ...options, signal: new AbortController().signal })
      interrupt()
      return result
    },
  })
  expect(await main(['check', 'retry-protocol'], io, project)).toBe(0)
})

test('coverage fails a complete run, and is not judged otherwise', async () => {
  const charts = { scenarios: [charted], requirements: [] }
  const universe = () => ({ transitions: [], steps: [{ procedure: 'turn', step: 'off' }], requirements: [] })
  const project = testProject({ ...charts, universe })
  await expect(await transcript('check', project)).toMatchFileSnapshot('transcripts/check-vacuous.txt')
  const why = async (line: string, project = testProject()) =>
    (await run(line, project)).out.match(/Coverage not judged: (.*)\./)?.[1]
  expect(await why('check --bounds smoke')).toBe('smoke bounds are too small for it')
  expect(await why('check charted', testProject({ scenarios: [charted, stuck] }))).toBe(
    'only some of the scenarios were run',
  )
  expect(await why('check --set pages=1')).toBe('parameters were set by hand')
  expect(await why('check --state-limit 10')).toBe('not every scenario was explored to its end')
  expect(await why('check', testProject({ scenarios: [charted, mistaken] }))).toBe(
    'not every scenario could be checked',
  )
  expect(await why('check', testProject({ scenarios: [stuck] }))).toBe(
    'a scenario ends where its claim is broken',
  )
})

test('a complete run that exercises everything says so', async () => {
  const { out, code } = await run('check')
  expect(out).toContain('Coverage: each of 13 procedure steps and 1 requirement was exercised.')
  expect(code).toBe(0)
})

test('a requirement that nothing exercises is named', async () => {
  const more = [...requirements, { ...requirements[0], id: 'C99', checks: ['no such claim'] }]
  const project = testProject({
    requirements: more,
    universe: () => ({ transitions: [], steps: [], requirements: more }),
  })
  const { out, code } = await run('check', project)
  expect(out).toMatch(/1 of 2 requirements:\n {2}- C99\n/)
  expect(code).toBe(1)
})

test('colour only where it is wanted', async () => {
  const terminal = (out: string[]) => ({
    stdout: { write: (text: string) => out.push(text), isTTY: true, columns: 100 },
  })
  const ESCAPE = String.fromCharCode(27)
  const painted = async (env: Record<string, string>, isTerminal: boolean) => {
    const out: string[] = []
    const ran = await run('list scenarios', testProject(), { env, ...(isTerminal ? terminal(out) : {}) })
    return (ran.out + out.join('')).includes(ESCAPE)
  }
  expect(await painted({}, true)).toBe(true)
  expect(await painted({ NO_COLOR: '1' }, true)).toBe(false)
  expect(await painted({ TERM: 'dumb' }, true)).toBe(false)
  expect(await painted({}, false)).toBe(false)
  expect(await painted({ FORCE_COLOR: '1' }, false)).toBe(true)
  expect(await painted({ FORCE_COLOR: '1', NO_COLOR: '1' }, false)).toBe(false)
})

test('progress: a live line on a terminal, plain lines elsewhere', async () => {
  const progress = (elapsedMs: number) => ({
    scenario: 'retry-protocol',
    phase: 'exploring' as const,
    states: 1000 * elapsedMs,
    transitions: 2,
    queue: 77,
    depth: 9,
    elapsedMs,
  })
  const project = testProject({
    check: async (scenario, options) => {
      for (const elapsed of [250, 500, 5250, 5500, 10_500]) options.onProgress?.(progress(elapsed))
      return { ...(await check(scenario, { bounds: 'smoke' })), elapsedMs: 1234.5 }
    },
  })
  expect((await run('check', project)).err).toBe(
    '[1/1] retry-protocol: 5,250,000 states, 1,000,000 states/s, queue 77, depth 9, 5.2s\n' +
      '[1/1] retry-protocol: 10,500,000 states, 1,000,000 states/s, queue 77, depth 9, 10.5s\n' +
      '[1/1] retry-protocol: holds, 8,816 states, 1.2s\n',
  )
  const live: string[] = []
  const stderr = { write: (text: string) => void live.push(text), isTTY: true, columns: 200, rows: 50 }
  await run('check', project, { stderr, env: { NO_COLOR: '1' } })
  expect(live.join('')).toContain(
    '[1/1] retry-protocol  250,000 states, 1,000,000 states/s, queue 77, depth 9, 250ms',
  )
  expect(live.join('')).toContain('retry-protocol: holds, 8,816 states, 1.2s\n')
})

test('an unexpected error of a check is reported with where it came from', async () => {
  const error = new TypeError('cannot read it')
  const throwing = testProject({
    check: async () => {
      throw error
    },
  })
  // This file is none of the package: it is taken for a user's.
  const theirs = await run('check', throwing)
  expect(theirs.code).toBe(2)
  expect(theirs.out).toContain('retry-protocol: could not be checked (threw)')
  expect(theirs.out).toMatch(/check\.test\.ts:\d+ threw: cannot read it/)
  error.stack = `TypeError: cannot read it\n    at check (${new URL('../../src/checker/check.ts', import.meta.url)}:9:1)`
  const ours = await run('check', throwing)
  expect(ours.code).toBe(2)
  expect(ours.out).toContain('retry-protocol: could not be checked (internal)')
  expect(ours.out).toContain('TypeError: cannot read it')
  expect(existsSync('retry-protocol.json')).toBe(false)
})

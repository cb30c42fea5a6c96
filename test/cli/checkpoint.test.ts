/** Checks that are killed, and go on. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const COMMAND = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const SCRIPT = fileURLToPath(new URL('../fixtures/checkpoint/check.mjs', import.meta.url))
/** How often a check is killed: fewer times where only a sample is wanted. */
const KILLS = process.env.HMM_SPEC_SAMPLE === undefined ? 50 : 10

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hmm-spec-checkpoint-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const flat = (text: string) => text.replace(/\s+/g, ' ')

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs a program. @param onErr - told what it has written to its standard error, and how to kill it */
function run(
  program: string,
  args: readonly string[],
  onErr: (err: string, kill: () => void) => void = () => {},
): Promise<Ended> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    onErr(err, () => child.kill('SIGKILL'))
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })))
}

describe.skipIf(!existsSync(COMMAND))('a check that is killed at any moment', () => {
  it(`ends as if it had not been (${KILLS} times)`, { timeout: 300_000 }, async () => {
    const node = process.execPath
    let began = 0
    const first = await run(node, [SCRIPT, 'munmap', join(folder, 'whole.states')], () => {
      began ||= performance.now()
    })
    const wholeMs = performance.now() - began
    const whole = JSON.parse(first.out)
    const file = join(folder, 'munmap.states')
    let killed = 0
    let leftBehind = 0
    // Every fourth run may write no file of more than some blocks, as on a disk that is full.
    for (let turn = 0; killed < KILLS; turn++) {
      const isFull = turn % 4 === 3
      const args = [SCRIPT, 'munmap', file]
      const limited = ['-c', 'ulimit -f 64; exec "$@"', 'sh', node, ...args]
      // Moments spread over the run: some before it has kept anything, some after its end.
      const afterMs = ((turn * 0.618034) % 1) * 1.3 * wholeMs
      let timer: NodeJS.Timeout | undefined
      const { code, out, err } = await run(isFull ? 'sh' : node, isFull ? limited : args, (_, kill) => {
        timer ??= setTimeout(kill, afterMs)
      })
      clearTimeout(timer)
      if (isFull && err.includes('could not be written')) expect(err).toContain('(EFBIG); the check goes on')
      if (code === null) {
        killed++
        if (existsSync(file)) leftBehind++
        continue
      }
      expect(code).toBe(0)
      expect(JSON.parse(out).result).toEqual(whole.result)
      rmSync(file, { force: true })
    }
    const last = JSON.parse((await run(node, [SCRIPT, 'munmap', file])).out)
    expect(last.result).toEqual(whole.result)
    expect(leftBehind).toBeGreaterThan(0)
  })
})

describe.skipIf(!existsSync(COMMAND))('hmm-spec check --checkpoint', () => {
  const CHECK = ['check', 'munmap', 'fork', 'mprotect', '--bounds', 'smoke', '--digest', '--workers', '1']
  const hmmSpec = (args: readonly string[], onErr?: (err: string, kill: () => void) => void) =>
    run(process.execPath, [COMMAND, ...args], onErr)
  const json = (name: string) => ['--format', 'json', '--output', join(folder, name)]
  /** A report without what each run has of its own. */
  const report = (name: string) => {
    const { run: _, scenarios, ...rest } = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    return {
      ...rest,
      scenarios: scenarios.map(
        ({ elapsedMs: _, resumedFrom: __, storedBytes: ___, ...each }: object & Record<string, unknown>) =>
          each,
      ),
    }
  }
  let kept: string

  beforeAll(() => {
    kept = join(folder, 'kept')
  })

  it('goes on with --resume, and reports the same', { timeout: 120_000 }, async () => {
    await hmmSpec([...CHECK, ...json('whole.json')])
    const args = [...CHECK, '--checkpoint', kept, '--every', '50ms']
    // The first has ended, and the second is under way.
    await hmmSpec(args, (err, kill) => {
      if (/munmap: holds/.test(err)) kill()
    })
    expect(readdirSync(kept)).toContain('munmap.result.json')
    const { code, out } = await hmmSpec([...args, '--resume', ...json('resumed.json')])
    expect(code).toBe(0)
    expect(out).toMatch(/resumed +[123] checks?, with [\d,]+ states that an earlier run has explored/)
    expect(report('resumed.json')).toEqual(report('whole.json'))
    expect(readdirSync(kept).sort()).toEqual([
      'fork.result.json',
      'mprotect.result.json',
      'munmap.result.json',
    ])
  })

  it('goes on from where a limit ended it', { timeout: 60_000 }, async () => {
    const args = ['check', 'fork', '--bounds', 'smoke', '--checkpoint', join(folder, 'limited')]
    const { code } = await hmmSpec([...args, '--state-limit', '1000'])
    expect(code).toBe(3)
    expect(readdirSync(join(folder, 'limited'))).toEqual(['fork.states'])
    const resumed = await hmmSpec([...args, '--resume'])
    expect(resumed.code).toBe(0)
    expect(resumed.out).toMatch(/resumed +1 check, with (1,\d\d\d|9\d\d) states/)
  })

  it('refuses what does not fit together', { timeout: 60_000 }, async () => {
    const earlier = await hmmSpec(['check', 'munmap', '--bounds', 'smoke', '--checkpoint', kept])
    expect(earlier.err).toMatch(/munmap\.result\.json is of an earlier run; go on from it with --resume/)
    expect(earlier.code).toBe(2)
    for (const lonely of [['--resume'], ['--every', '1m']]) {
      const { code, err } = await hmmSpec(['check', 'munmap', ...lonely])
      expect(err).toContain(`${lonely[0]} needs the directory of the checkpoints: --checkpoint DIR`)
      expect(code).toBe(2)
    }
  })

  it('names what is of another run or damaged, and checks the rest', { timeout: 60_000 }, async () => {
    const file = join(kept, 'munmap.result.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"holds"', '"HOLDS"'))
    const args = [
      'check',
      'munmap',
      'fork',
      '--bounds',
      'smoke',
      '--digest',
      '--checkpoint',
      kept,
      '--resume',
    ]
    const damaged = await hmmSpec(args)
    expect(flat(damaged.out)).toContain(
      'munmap.result.json: the result is damaged; delete the file to check anew',
    )
    expect(damaged.out).toMatch(/^fork .* holds /m)
    expect(damaged.code).toBe(2)
    rmSync(file)
    const other = await hmmSpec([...args, '--audit', 'off'])
    expect(flat(other.out)).toContain('fork.result.json: it is of another check: audit (none then, off now)')
    expect(other.code).toBe(2)
  })
})

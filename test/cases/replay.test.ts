/** `replay` judges: what a trace says is confirmed by running it, or refused with what differs. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { check, judgeTrace, type Trace } from '../../src/checker/index.js'
import { referenceProject } from '../../src/cli/reference.js'
import { become, Layout, type Procedure, procedure, type Running, step } from '../../src/world/index.js'
import { blinking, run, stuck, temporaryDirectory, testProject } from '../cli/project.js'

const fileOf = (path: string) => relative(process.cwd(), fileURLToPath(new URL(path, import.meta.url)))
const FIRST_TRY = fileOf('../../examples/my-driver/first-try.ts')
const project = referenceProject()

test('a trace of a driver is confirmed, forged ones are refused', async () => {
  const directory = temporaryDirectory()
  await run(`check munmap --driver ${FIRST_TRY} --bounds smoke --trace-dir ${directory}`, project)
  const file = `${directory}/munmap-odp-first-try.json`
  const trace = JSON.parse(readFileSync(file, 'utf8'))
  const replay = async (forged: object) => {
    writeFileSync(file, JSON.stringify(forged))
    return run(`replay ${file} --driver ${FIRST_TRY}`, project)
  }
  const whole = await replay(trace)
  expect(whole.out).toContain('confirmed: run again, it breaks C8')
  expect(whole.code).toBe(0)
  for (const [forged, message] of [
    [
      { ...trace, clause: 'C999', claim: 'the moon is made of cheese', kind: 'deadlock' },
      /it breaks C8 .*, not C999/,
    ],
    [{ ...trace, steps: [] }, /the initial state breaks nothing; it was recorded to break C8/],
    [{ ...trace, steps: trace.steps.slice(0, -3) }, /nothing is broken; it was recorded to break C8/],
    [{ ...trace, loopFrom: 4 }, /only a claim of progress is broken by one/],
    [{ ...trace, clause: 'C49', kind: 'progress', loopFrom: 4 }, /its last step breaks C8/],
  ] as const) {
    const { code, out, err } = await replay(forged)
    expect(err).toMatch(message)
    expect({ code, out }).toEqual({ code: 2, out: '' })
  }
  const older = { ...trace, run: { ...trace.run, product: '0.0.9', commit: 'abc' }, steps: [] }
  expect((await replay(older)).err).toContain('it was recorded by hmm-spec 0.0.9, commit abc, and this is')
})

test('what is shown is what happens now, not what the file says', async () => {
  const directory = temporaryDirectory()
  await run(`check --trace-dir ${directory}`, testProject({ scenarios: [stuck] }))
  const file = join(directory, 'stuck.json')
  const trace = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...trace, detail: 'all is well' }))
  const { code, out } = await run(`replay ${file}`, testProject({ scenarios: [stuck] }))
  expect(out).not.toContain('all is well')
  expect(out).toContain('confirmed: run again, it breaks deadlock: nothing can go on')
  expect(code).toBe(0)
})

test('a trace of a defect is replayed in the generation that has it', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory()
  expect((await run(`defects X262 --trace-dir ${directory}`, project)).code).toBe(0)
  const { code, out } = await run(`replay ${directory}/X262.json`, project)
  expect(out).toContain('confirmed: run again, it breaks ')
  expect(code).toBe(0)
})

test('a trace names the release that it is replayed with', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory()
  const line = 'check recorded/device/dev_read+mprotect --driver recorded'
  expect((await run(`${line} --trace-dir ${directory}`, project)).code).toBe(1)
  const [file] = readdirSync(directory)
  const { code, out } = await run(`replay ${join(directory, file)}`, project)
  expect(out).toContain('confirmed: run again, it breaks backed-access')
  expect(code).toBe(0)
})

const spin: Procedure<[string], void> = procedure(function* spin(name: string): Running<void> {
  yield* step('spin', () => 0)
  return yield* become(spin, name)
})
const spinning = {
  name: 'spinning',
  summary: '',
  parameters: {},
  exercises: [],
  build: () => {
    const layout = new Layout({ threads: 2 })
    layout.flag('x')
    return {
      layout,
      threads: ['a', 'b'].map((name) => ({ name, program: spin, args: [name] })),
      progress: [{ clause: 'P', name: 'p', pending: () => true }],
    }
  },
}

test('a loop is judged: it must close, be fair, and what is pending must last', async () => {
  const { violation } = await check(spinning)
  const trace = violation!.trace
  expect(judgeTrace(spinning, trace).broken).toMatchObject({ kind: 'progress', clause: 'P', claim: 'p' })
  const unfair: Trace = { ...trace, steps: trace.steps.slice(0, 1), loopFrom: 0 }
  expect(() => judgeTrace(spinning, unfair)).toThrow(/its loop is not fair: b can always go on in it/)
  const { loopFrom: _, ...ending } = trace
  expect(() => judgeTrace(spinning, ending)).toThrow(/it says that the run ends, and a can go on/)
  expect(() => judgeTrace(spinning, { ...trace, claim: 'q' })).toThrow(
    /spinning has no claim P \(progress: q\)/,
  )

  const blink = (await check(blinking)).violation!.trace
  expect(judgeTrace(blinking, blink).broken.kind).toBe('progress')
  expect(() => judgeTrace(blinking, { ...blink, steps: blink.steps.slice(0, 1), loopFrom: 0 })).toThrow(
    /its loop does not close: the state after its last step is not that after step 0/,
  )
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { type ConformanceResult, RecordingError } from '../../src/conformance/result.js'
import {
  blinking,
  mistaken,
  noRetry,
  requirements,
  run,
  temporaryDirectory,
  testProject,
  transcript,
} from './project.js'

const MATCHING: ConformanceResult = {
  sequences: 3,
  operations: 21,
  matched: 3,
  mismatched: 0,
  unsupported: 0,
  mismatches: [],
  unsupportedOperations: {},
}

const MISMATCHING: ConformanceResult = {
  sequences: 4,
  operations: 21,
  matched: 1,
  mismatched: 1,
  unsupported: 2,
  mismatches: [
    { sequence: 'd_hole', line: 3, operation: 6, op: 'dev_read 0 0 4', field: 'err', expected: 'EFAULT' },
    {
      sequence: 'd_hole',
      line: 3,
      operation: 7,
      op: 'snapshot 0 0 2',
      field: 'prot',
      expected: [0, 255],
      actual: [0, 0],
    },
  ],
  unsupportedOperations: { fork: 2, mremap: 1 },
}

const conforming = (result: ConformanceResult) => testProject({ conformFile: async () => result })
const file = () => {
  const path = join(temporaryDirectory(), 'recorded.jsonl')
  writeFileSync(path, '{}\n')
  return path
}

test('list', async () => {
  for (const what of ['scenarios', 'requirements', 'defects', 'statecharts', 'generations', 'kernels'])
    await expect(await transcript(`list ${what}`)).toMatchFileSnapshot(`transcripts/list-${what}.txt`)
  expect((await run('list defects', testProject({ defects: [] }))).out).toBe('there are no defects yet\n')
})

test('explain', async () => {
  for (const name of ['C1', 'm1', 'retry-protocol'])
    await expect(await transcript(`explain ${name}`)).toMatchFileSnapshot(`transcripts/explain-${name}.txt`)
})

test('export', async () => {
  expect(await run('export lamp --to mermaid')).toEqual({ code: 0, out: 'lamp as mermaid\n', err: '' })
})

test('export of a statechart that is called one', async () => {
  expect((await run('export chart lamp --to rv')).out).toBe('lamp as rv\n')
})

test('export of a trace in ITF, which replays as the trace does', async () => {
  const directory = temporaryDirectory()
  await run(`defects --trace-dir ${directory}`)
  const saved = join(directory, 'M1.json')
  const { code, out } = await run(`export trace ${saved} --to itf`)
  expect(code).toBe(0)
  const again = join(directory, 'M1.itf.json')
  writeFileSync(again, out)
  const [first, second] = await Promise.all(
    [again, saved].map(async (file) => {
      const { trace, ...rest } = JSON.parse((await run(`replay ${file} --format json`)).out)
      return { confirmed: rest.confirmed, state: rest.state, trace: { ...trace, run: undefined } }
    }),
  )
  expect(first).toEqual(second)
  expect((await run(`export trace ${again} --to itf`)).out).toBe(out)
  const { err } = await run(`export trace ${saved} --to dot`)
  expect(err).toMatch(/a trace is printed for itf, schedule, not for dot/)
})

test('export of a scenario', async () => {
  const { code, out } = await run('export scenario retry-protocol --to promela --set pages=1')
  expect(code).toBe(0)
  expect(out).toMatch(/^\/\* Scenario retry-protocol, pages=1/)
  expect(out).toContain('active proctype fault_1() {')
  expect(out).toContain('active proctype every_state() {')
  const broken = await run('export scenario retry-protocol --to promela --set pages=1 --defect m1')
  expect(broken.out).toContain('with the defect M1')
  expect(broken.out).toMatch(/wrong == \d+: C1, /)
})

test.each([
  ['scenario munmop --to promela', /there is no scenario "munmop"/],
  ['lamp lamp --to promela', /of two names the first is `chart`, `scenario` or `trace`, not "lamp"/],
  ['chart lamp --to itf', /a statechart is printed for mermaid/],
  ['trace nowhere.json --to itf', /nowhere\.json cannot be read \(ENOENT\)/],
  ['lamp --to promela', /hmm-spec export scenario NAME --to promela/],
  ['scenario retry-protocol --to dot', /a scenario is printed for promela, not for dot/],
  ['scenario retry-protocol --to promela --defect m2', /there is no defect "m2"/],
  [
    'scenario retry-protocol --to promela --state-limit 10',
    /retry-protocol cannot be exported \(scenario\): it has more than 10 states/,
  ],
])('what cannot be exported: %s', async (line, message) => {
  const { code, err } = await run(`export ${line}`)
  expect(code).toBe(2)
  expect(err).toMatch(message)
})

test('defects that are caught', async () => {
  const directory = temporaryDirectory()
  const text = await transcript(`defects --trace-dir ${directory}`, testProject(), { [directory]: 'DIR' })
  await expect(text).toMatchFileSnapshot('transcripts/defects-caught.txt')
  expect((await run(`replay ${directory}/M1.json`)).code).toBe(0)
})

test('defects that go free, are caught by another clause or after other steps', async () => {
  const project = testProject({
    scenarios: [retryProtocol, mistaken],
    requirements: [...requirements, { ...requirements[0], id: 'C2' }],
    defects: [
      { ...noRetry, name: 'longer', steps: 13 },
      { ...noRetry, name: 'other', requirement: 'C2' },
      { ...noRetry, name: 'free', overrides: [] },
      { ...noRetry, name: 'erring', scenario: 'mistaken' },
      noRetry,
    ],
  })
  await expect(await transcript('defects', project)).toMatchFileSnapshot('transcripts/defects-wrong.txt')
  expect((await run('defects longer', project)).code).toBe(1)
  expect((await run('defects other', project)).code).toBe(1)
  expect((await run('defects free', project)).code).toBe(1)
  expect((await run('defects M1 --state-limit 100', project)).code).toBe(3)
})

test('a defect of a clause that nobody knows is refused', async () => {
  const project = testProject({ defects: [{ ...noRetry, requirement: 'C99' }] })
  const { code, err } = await run('defects', project)
  expect(code).toBe(2)
  expect(err).toContain('C99')
})

test('a defect is put into every scenario, and those that reach it are reported', async () => {
  const project = testProject({ scenarios: [retryProtocol, blinking] })
  const { code, out } = await run('defects --everywhere', project)
  expect(code).toBe(0)
  expect(out).toContain('M1 is caught by C1 in 1 of 1 scenario where it is reached.')
  expect(out).not.toContain('blinking')
})

test('a defect is run at smoke bounds with its own settings', async () => {
  const { out } = await run(
    'defects --format json',
    testProject({ defects: [{ ...noRetry, set: { commits: 2 } }] }),
  )
  expect(JSON.parse(out).defects[0].parameters).toEqual({ pages: 2, invalidations: 2, commits: 2 })
})

test('conform', async () => {
  const path = file()
  await expect(
    await transcript(`conform ${path}`, conforming(MATCHING), { [path]: 'FILE' }),
  ).toMatchFileSnapshot('transcripts/conform-matched.txt')
  await expect(
    await transcript(`conform ${path} --kernel 6.12`, conforming(MISMATCHING), { [path]: 'FILE' }),
  ).toMatchFileSnapshot('transcripts/conform-mismatched.txt')
})

test('conform lists twenty mismatches and counts the rest', async () => {
  const mismatches = Array.from({ length: 23 }, (_, i) => ({ ...MISMATCHING.mismatches[0], line: i + 1 }))
  const { out } = await run(`conform ${file()}`, conforming({ ...MISMATCHING, mismatches }))
  expect(out).toContain('line 20,')
  expect(out).not.toContain('line 21,')
  expect(out).toContain('and 3 more; --format json lists all')
})

test('conform of which nothing was compared fails', async () => {
  const result = { ...MATCHING, matched: 0, unsupported: 3, unsupportedOperations: { fork: 3 } }
  const { code, out } = await run(`conform ${file()}`, conforming(result))
  expect(code).toBe(1)
  expect(out).toContain('Nothing was compared')
})

test('conform with lines that cannot be read reports the others', async () => {
  const path = file()
  const project = testProject({
    conformFile: async () => {
      throw new RecordingError(`${path}:2: not JSON`, MATCHING)
    },
  })
  await expect(await transcript(`conform ${path}`, project, { [path]: 'FILE' })).toMatchFileSnapshot(
    'transcripts/conform-unreadable.txt',
  )
})

test('conform with a file that is none of recordings', async () => {
  const path = file()
  const project = testProject({
    conformFile: async () => {
      throw new RecordingError(`${path}:2: field ops is missing`)
    },
  })
  expect(await run(`conform ${path}`, project)).toEqual({
    code: 2,
    out: '',
    err: `error: ${path}:2: field ops is missing\n`,
  })
  expect((await run(`conform ${path}`, conforming({ ...MATCHING, sequences: 0, matched: 0 }))).err).toContain(
    'holds no sequence',
  )
})

async function savedTrace(): Promise<string> {
  const directory = temporaryDirectory()
  await run(`defects --trace-dir ${directory}`)
  return join(directory, 'M1.json')
}

test('replay', async () => {
  const path = await savedTrace()
  const hidden = { [path]: 'TRACE.json' }
  await expect(await transcript(`replay ${path}`, testProject(), hidden)).toMatchFileSnapshot(
    'transcripts/replay.txt',
  )
  await expect(await transcript(`replay ${path} --step 5`, testProject(), hidden)).toMatchFileSnapshot(
    'transcripts/replay-step.txt',
  )
  await expect(await transcript(`replay ${path} --step 0`, testProject(), hidden)).toMatchFileSnapshot(
    'transcripts/replay-start.txt',
  )
  await expect(
    await transcript(`replay ${path} --format mermaid`, testProject(), hidden),
  ).toMatchFileSnapshot('transcripts/replay-mermaid.txt')
})

test('a run that never gets on is saved, and replays', async () => {
  const directory = temporaryDirectory()
  const project = testProject({ scenarios: [blinking] })
  expect((await run(`check --trace-dir ${directory}`, project)).code).toBe(1)
  const path = join(directory, 'blinking.json')
  await expect(await transcript(`replay ${path}`, project, { [path]: 'TRACE.json' })).toMatchFileSnapshot(
    'transcripts/replay-loop.txt',
  )
})

test('replay --step beyond the end', async () => {
  expect(await run(`replay ${await savedTrace()} --step 13`)).toMatchObject({
    code: 2,
    err: 'error: --step 13: the trace has 12 steps; 0 is the initial state\n',
  })
  expect((await run(`replay ${await savedTrace()} --step -1`)).code).toBe(2)
})

// biome-ignore lint/suspicious/noExplicitAny: the point is to put anything in
const spoiled: readonly [what: string, spoil: (trace: any) => unknown, message: RegExp][] = [
  ['another format', (t) => ({ ...t, format: 'x' }), /field format is "x", not "hmm-spec-trace"/],
  ['another version', (t) => ({ ...t, version: 2 }), /field version is 2; this tool reads version 1/],
  ['a list', () => [], /the document is \[\], not an object/],
  ['no steps', (t) => ({ ...t, steps: undefined }), /field steps is missing/],
  [
    'an unknown scenario',
    (t) => ({ ...t, scenario: 'retry-protocl' }),
    /field scenario: there is no scenario "retry-protocl"; did you mean retry-protocol/,
  ],
  [
    'an unknown defect',
    (t) => ({ ...t, defects: ['M11'] }),
    /field defects\[0\]: there is no defect "M11"; did you mean M1\?/,
  ],
  [
    'a parameter too large',
    (t) => ({ ...t, parameters: { ...t.parameters, pages: 9 } }),
    /field parameters: pages .* is 1 to 3, not 9/,
  ],
  [
    'a parameter that is none',
    (t) => ({ ...t, parameters: { ...t.parameters, pages: 'x' } }),
    /field parameters\.pages is "x", not a whole number/,
  ],
  [
    'a parameter missing',
    (t) => ({ ...t, parameters: { pages: 2, commits: 1 } }),
    /field parameters\.invalidations is missing/,
  ],
  [
    'other threads',
    (t) => ({ ...t, threads: ['a', 'b', 'c'] }),
    /field threads names a, b, c; scenario retry-protocol has fault 1, fault 2, invalidator/,
  ],
  [
    'a thread that is not there',
    (t) => ({ ...t, steps: [{ ...t.steps[0], thread: 7 }] }),
    /field steps\[0\]\.thread is 7, and the trace has 3 threads/,
  ],
  [
    'a negative thread',
    (t) => ({ ...t, steps: [{ ...t.steps[0], thread: -1 }] }),
    /field steps\[0\]\.thread is -1, not 0 or more/,
  ],
  [
    'a choice that is not there',
    (t) => ({ ...t, steps: [{ ...t.steps[0], choice: 5 }] }),
    /field steps\[0\]\.choice is 5/,
  ],
  ['an unknown kind', (t) => ({ ...t, kind: 'magic' }), /field kind is "magic", not one of invariant/],
  [
    'a step renamed',
    (t) => ({ ...t, steps: t.steps.map((s: object, i: number) => (i === 2 ? { ...s, step: 'jump' } : s)) }),
    /does not replay: step 3, recorded as .*: jump, differs: the thread is at /,
  ],
  [
    'another result',
    (t) => ({ ...t, steps: t.steps.map((s: object, i: number) => (i === 0 ? { ...s, result: 3 } : s)) }),
    /does not replay: step 1, recorded as .*, differs: it returned 3 and now returns/,
  ],
  ['without its defect', (t) => ({ ...t, defects: [] }), /does not replay: step \d+/],
  [
    'another clause',
    (t) => ({ ...t, clause: 'C999', claim: 'the moon is made of cheese' }),
    /does not replay: it breaks C1 \(invariant: mirror is not stale\), not C999 \(invariant: the moon/,
  ],
  [
    'another kind',
    (t) => ({ ...t, kind: 'deadlock' }),
    /it breaks C1 \(invariant: mirror is not stale\), not C1 \(deadlock/,
  ],
  [
    'a kind that no run shows',
    (t) => ({ ...t, kind: 'witness', steps: [] }),
    /that no state shows something cannot be seen in a run/,
  ],
  ['no steps at all', (t) => ({ ...t, steps: [] }), /the initial state breaks nothing; .* break C1/],
  [
    'its end cut off',
    (t) => ({ ...t, steps: t.steps.slice(0, -1) }),
    /after its last step, 11, nothing is broken; it was recorded to break C1/,
  ],
  [
    'more steps after its end',
    (t) => ({ ...t, steps: [...t.steps, t.steps[11]] }),
    /step 13, .* comes after C1 \(invariant: mirror is not stale\) is broken already/,
  ],
  [
    'a loop that its claim has not',
    (t) => ({ ...t, loopFrom: 3 }),
    /only a claim of progress is broken by one/,
  ],
  [
    'a claim of progress',
    (t) => ({ ...t, kind: 'progress', loopFrom: 3 }),
    /its last step breaks C1 \(invariant: mirror is not stale\), not C1 \(progress/,
  ],
  [
    'steps of another thread',
    (t) => ({ ...t, steps: t.steps.map((s: { name: string }) => ({ ...s, name: 'fault 9' })) }),
    /step 1, recorded as fault 9: .*, is of thread 0, which is called fault 1/,
  ],
  [
    'a run that is none',
    (t) => ({ ...t, run: { ...t.run, driver: 'x' } }),
    /field run\.driver is "x", not an object/,
  ],
  [
    'a loop beyond the end',
    (t) => ({ ...t, loopFrom: 12 }),
    /field loopFrom is 12, and the trace has 12 steps/,
  ],
]

test.each(spoiled)('replay of a trace with %s', async (_, spoil, message) => {
  const path = await savedTrace()
  writeFileSync(path, JSON.stringify(spoil(JSON.parse(readFileSync(path, 'utf8')))))
  const { code, out, err } = await run(`replay ${path}`)
  expect(err).toMatch(message)
  expect(err).toContain(path)
  expect(err).not.toMatch(/\n {4}at /)
  expect({ code, out }).toEqual({ code: 2, out: '' })
})

test('replay of what is not JSON', async () => {
  const path = await savedTrace()
  writeFileSync(path, '{ "format": ')
  const { code, err } = await run(`replay ${path}`)
  expect(code).toBe(2)
  expect(err).toContain(`${path} is not JSON: `)
})

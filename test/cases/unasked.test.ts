/**
 * What looks like a claim, a lock or a requirement and is none: it would be passed over in silence, and the verdict would say
 * "holds" of something that was never asked.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const folder = fileURLToPath(new URL('../fixtures/cases/unasked', import.meta.url))
mkdirSync(folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (name: string, text: string, ...options: readonly string[]) => {
  const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.js`)
  writeFileSync(file, text)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [command, 'check', ...options, file, '--bounds', 'smoke', '--workers', '1'],
    { encoding: 'utf8' },
  )
  return { code: status, out: `${stdout}${stderr}`.replaceAll(/\s+/g, ' ') }
}

const IMPORTS = `import * as W from 'hmm-spec/world'
import * as K from 'hmm-spec/kernel'
import { defineDriver, flushDevice, referenceDriver, unmapPages } from 'hmm-spec/driver'
`

/** The reference driver with other members, and other exports beside it. */
const driver = (members: string, beside = '') =>
  `${IMPORTS}${beside}
export default { ...referenceDriver, name: 'unasked', ${members} }
`

const RULE = `export const requirements = [
  { id: 'own', title: 'a rule', text: 'It holds.', source: ['the author'], checks: ['it holds'] },
]`

test.each([
  [
    'an invariant without judge',
    "claims: () => ({ invariants: [{ clause: 'own', name: 'it holds', holds: () => true }] })",
    'invariants[0] of claims of driver unasked ("it holds") is no claim: it needs judge (a function)',
  ],
  [
    'a claim without a clause',
    "claims: () => ({ stepClaims: [{ name: 'it holds', judge: () => true }] })",
    'stepClaims[0] of claims of driver unasked ("it holds") is no claim: it needs clause (the id of a requirement)',
  ],
  [
    'progress that is judged',
    "claims: () => ({ progress: [{ clause: 'own', name: 'it holds', judge: () => true }] })",
    'it needs pending (a function)',
  ],
  [
    'claims under another name',
    "claims: () => ({ invariant: [{ clause: 'own', name: 'it holds', judge: () => 'no' }] })",
    'claims of driver unasked has invariant, which nobody would ask; it has invariants, stepClaims, progress',
  ],
  ['claims that are a list', "claims: () => [{ clause: 'own' }]", 'has 0, which nobody would ask'],
  ['one claim alone', 'claims: () => ({ invariants: { judge: () => true } })', 'is no list'],
])('%s is refused', (name, members, message) => {
  const { code, out } = run(name, driver(members, RULE), 'munmap', '--driver')
  expect(out).toContain(message)
  expect(code).toBe(2)
})

test.each([
  [
    'a requirement without its checks',
    "export const requirements = [{ id: 'own', title: 'a rule', text: 'It holds.' }]",
    'the export requirements[0] is no Requirement: it needs source (a list), checks (a list)',
  ],
  [
    'a requirement under another name',
    "export const rule = { id: 'own', title: 'a rule', text: 'It holds.' }",
    'the export rule is no Requirement',
  ],
  [
    'a scenario that cannot be built',
    "export const scenarios = [{ name: 'one', summary: 'One.', exercises: [] }]",
    'the export scenarios[0] is no Scenario: it needs parameters (an object), build (a function)',
  ],
  [
    'a defect without its text',
    "export const bug = { name: 'B', title: 'a bug', requirement: 'C1', scenario: 'munmap' }",
    'the export bug is no Defect: it needs overrides (a list)',
  ],
  [
    'a chart that is no machine',
    "export const chart = { id: 'own', initial: 'one', states: { one: {} } }",
    'the export chart is no statechart: make it with createMachine of xstate',
  ],
])('%s is refused', (name, beside, message) => {
  const { code, out } = run(name, driver('', beside), 'munmap', '--driver')
  expect(out).toContain(message)
  expect(code).toBe(2)
})

/** A driver that protects its page table by what `made` is. */
const guarded = (made: string) => `${IMPORTS}
const { procedure, step } = W
const free = { name: 'free', heldBy: () => true, heldForWritingBy: () => true, onRelease() {} }
export default defineDriver({
  name: 'unlocked',
  state: (l) => ({ mutex: new W.Mutex(l, 'mutex', { rank: K.LockRank.update }) }),
  pageTable: ({ mutex }) => (${made}),
  invalidate: referenceDriver.invalidate,
  fault: referenceDriver.fault,
  close: procedure(function* close() { yield* step('nothing', () => 0) }),
})
`

test.each([
  ['an object that says that it is held', '{ program: mutex, remove: free }', 'pageTable.remove'],
  ['a part of a combination', '{ program: W.any(mutex, free), remove: mutex }', 'mutex or free'],
  [
    'a mutex that was changed',
    '{ program: Object.assign(mutex, { heldBy: () => true }), remove: mutex }',
    'pageTable',
  ],
  ['nothing', '{ program: mutex }', 'is protected by nothing'],
])('%s protects no page table', (name, made, message) => {
  const { code, out } = run(name, guarded(made), 'munmap', '--driver')
  expect(out).toContain(message)
  expect(out).toContain('give a Mutex, Spinlock or RwSemaphore')
  expect(code).toBe(2)
})

test('an object that says that it is held protects no field', () => {
  const text = driver(
    "state: (l) => ({ flag: l.flag('flag', { guardedBy: { name: 'free', heldBy: () => true } }) })",
  )
  const { code, out } = run('a field', text, 'munmap', '--driver')
  expect(out).toContain('flag is protected by a value that is not a lock')
  expect(code).toBe(2)
})

test('a sequence number that was computed is refused with its place', () => {
  const text = driver(
    `invalidate: W.procedure(function* invalidate(current, mirror, range, seq) {
      yield* mirror.updateLock.lock()
      yield* W.step('set the sequence', () => { K.mmu_interval_set_seq(mirror.notifier, seq + 2); return 0 })
      yield* mirror.updateLock.unlock()
      return 1
    })`,
  )
  const { code, out } = run('a number', text, 'munmap', '--driver')
  expect(out).toMatch(
    /step "set the sequence" of invalidate \(thread .*\): mmu_interval_set_seq\(gpu\.notifier\) is given 0/,
  )
  expect(out).toContain('a-number.js:7')
  expect(code).toBe(2)
})

/** A scenario of a file's own, whose world is declared with `more`. */
const scenario = (more: string, page = '', mirror = '') => `
import { mirrorScenario } from 'hmm-spec/spec'
export const own = mirrorScenario({
  name: 'own',
  summary: 'A world.',
  exercises: ['C1'],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, ${page} }],
    mirrors: [{ name: 'gpu', ${mirror} }],
    spareFrames: 1,
    invalidations: 2,
    threads: [{ name: 'cpu', calls: () => [] }],
    ${more}
  }),
})
`

test.each([
  ['a world', ['witness: () => []', '', ''], 'own: the world has witness, which means nothing here'],
  ['a page', ['', 'onDevices: true', ''], 'own: pages[0] has onDevices'],
  ['a mirror', ['', '', 'memry: 1'], 'own: mirror gpu has memry'],
] as const)('%s with a member that means nothing is refused', (name, [more, page, mirror], message) => {
  const { code, out } = run(name, scenario(more, page, mirror), '--scenario')
  expect(out).toContain(message)
  expect(code).toBe(2)
})

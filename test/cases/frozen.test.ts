/**
 * Drivers that keep a count where no variable shows it: in a property of what a step can reach, in what the language or Node.js
 * brings along, in the product itself. The callback is right until the count is high, which exploring never reaches: what is kept
 * must be refused where it is kept.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const folder = fileURLToPath(new URL('../fixtures/cases/frozen', import.meta.url))
mkdirSync(folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A driver whose callback calls `tick()`, and leaves its entries once that is true. */
function check(
  name: string,
  declared: string,
  scenario = 'munmap',
  more = '',
): { code: number | null; out: string } {
  const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.js`)
  writeFileSync(
    file,
    `import * as W from 'hmm-spec/world'
import * as K from 'hmm-spec/kernel'
import { flushDevice, referenceDriver, unmapPages } from 'hmm-spec/driver'
const { procedure, step } = W
const { mmu_interval_set_seq } = K
const on = (o) => o
${declared}
const invalidate = procedure(function* invalidate(current, mirror, range, seq) {
  if (!range.blockable) {
    if (!(yield* mirror.updateLock.trylock())) return 0
  } else yield* mirror.updateLock.lock()
  yield* step('set the sequence and unmap', () => {
    mmu_interval_set_seq(mirror.notifier, seq)
    if (tick(mirror)) return 0
    unmapPages(mirror, range)
    return 0
  })
  yield* flushDevice(mirror, range)
  yield* mirror.updateLock.unlock()
  return 1
})
export default { ...referenceDriver, name: 'frozen', invalidate${more} }
`,
  )
  const args = ['check', scenario, '--driver', file, '--bounds', 'smoke', '--workers', '1']
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' })
  return { code: status, out: `${stdout}${stderr}`.replaceAll(/\s+/g, ' ') }
}

/** A count in property `n` of an object that `where` gives. */
const counting = (where: string) => `const at = () => ${where}
const tick = () => { const o = at(); o.n = (o.n ?? 0) + 1; return o.n > 1e6 }`

test.each([
  ['an object of the module', `const box = { n: 0 }\n${counting('box')}`],
  ['what a module knows of itself', counting('import.meta')],
  ['a class of the product', counting('Object.create(W.Mutex.prototype)')],
  ['an error of the product', `const e = new W.SpecificationError('scenario', '')\n${counting('e')}`],
  ['an enumeration of the product', counting('K.LockRank')],
])('in a property of %s', (name, declared) => {
  const made = name.startsWith('a class')
    ? `const o = Object.create(W.Mutex.prototype)\n${counting('o')}`
    : declared
  const { code, out } = check(`property of ${name}`, made)
  expect(out).toMatch(/read only property 'n'|Cannot add property n/)
  expect(out).toContain('keep it in a field of the world')
  expect(code).toBe(2)
})

describe('in a property of what the language and Node.js bring along', () => {
  test.each([
    'URL',
    'Intl',
    'WebAssembly',
    'console',
    'structuredClone',
    'EvalError',
    'Buffer',
    'TextEncoder',
    'console.log',
  ])('%s', (name) => {
    const { code, out } = check(`on ${name}`, counting(`on(${name})`))
    expect(out).toMatch(/Cannot add property n/)
    expect(code).toBe(2)
  })
})

test.each([
  [
    "a function's length",
    `const f = () => 0
const tick = () => { Object.defineProperty(on(f), 'length', { value: f.length + 1, configurable: true }); return f.length > 1e6 }`,
    /Cannot redefine property: length/,
  ],
  [
    "a member called 'constructor'",
    `const key = 'constructor'
const box = { [key]: 0 }
const tick = () => ++on(box)[key] > 1e6`,
    /read only property 'constructor'/,
  ],
  [
    'which of two functions is current',
    `const fast = () => false
const careful = () => false
const s = { current: fast, turns: [fast, careful] }
const tick = () => { on(s).current = s.current === fast ? careful : fast; return false }`,
    /read only property 'current'/,
  ],
  [
    'which of two objects a variable holds',
    `const a = () => 0
const b = () => 0
let at = a
const turn = { now() { at = at === a ? b : a } }
const tick = () => { turn.now(); return false }`,
    /assigned|`at` was/,
  ],
  [
    'two prototypes',
    `const [p, q] = [{}, {}]
const o = Object.create(p)
const tick = () => { Object.setPrototypeOf(on(o), Object.getPrototypeOf(o) === p ? q : p); return false }`,
    /not extensible/,
  ],
  [
    'the attributes of a property',
    `const o = { b: 0 }
const tick = () => { Object.defineProperty(on(o), 'b', { enumerable: !o.propertyIsEnumerable('b') }); return false }`,
    /Cannot redefine property: b/,
  ],
  [
    'the limit of stacks',
    'const E = [Error]\nconst tick = () => ++on(E)[0].stackTraceLimit > 1e6',
    /read only property 'stackTraceLimit'/,
  ],
  [
    'the length of a prototype',
    'const A = [Array.prototype]\nconst tick = () => ++on(A)[0].length > 1e6',
    /read only property 'length'/,
  ],
  [
    'a text that was made a function of',
    `const { constructor: Make } = () => 0
const tick = Make('let n = 0; return () => ++n > 1e6')()`,
    /`n` was 0/,
  ],
  [
    'the bytes that a decoder waits for',
    `const d = new TextDecoder('utf-16le')
const tick = () => { d.decode(new Uint8Array(1), { stream: true }); return false }`,
    /which may keep what nobody sees/,
  ],
  [
    'an actor of XState',
    `import { createActor, createMachine } from 'xstate'
const actor = createActor(createMachine({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: { on: { GO: 'a' } } } }))
actor.start()
const tick = () => { actor.send({ type: 'GO' }); return false }`,
    /an object of Actor/,
  ],
  [
    'the time at which an event is made',
    "const tick = () => new Event('x').timeStamp > 1e9",
    /Event\.prototype\.timeStamp is used/,
  ],
  [
    'a module that is no file',
    "import { tick } from 'data:text/javascript,let n = 0; export const tick = () => ++n > 1e6'",
    /data: is imported, which is no file/,
  ],
  [
    'the inside of the product',
    "import { Judge } from '../../../../dist/src/checker/claims/judge.js'\nconst tick = () => Judge === 0",
    /which is the inside of hmm-spec/,
  ],
])('in %s', (name, declared, why) => {
  const { code, out } = check(name, declared)
  expect(out).toMatch(why)
  expect(code).toBe(2)
})

test('a driver cannot take back what its locks are held to', () => {
  const { code, out } = check(
    'no sleepless threads',
    'const tick = () => false',
    'oom-reaper',
    ', state: (l) => { l.nonBlocking.length = 0; return {} }',
  )
  expect(out).toContain("read only property 'length'")
  expect(code).toBe(2)
})

test('only the world says who acts', () => {
  const { code } = check(
    'acting',
    'const set = (o) => { o.inside = false }\nconst tick = () => { set(W.acting); return false }',
  )
  expect(code).toBe(2)
})

describe('is right, and holds', () => {
  test.each([
    [
      'a function that Node.js makes when it is first used',
      "const tick = () => new TextEncoder().encode('ab').length === 3",
    ],
    [
      'a static method called clear',
      'class Callback { static clear() { return false } }\nconst tick = () => Callback.clear()',
    ],
    [
      'members called add and next',
      'const pages = { add: (a, b) => a + b, next: (a) => a + 1 }\nconst tick = () => pages.add(1, 2) === pages.next(3)',
    ],
    [
      'a namespace with a function called clear',
      "import * as beside from './beside.mjs'\nconst tick = () => beside.clear()",
    ],
    [
      'objects that are given properties of their own',
      `class Failure extends Error {}
const tick = () => { const e = new Failure(); e.name = 'Failure'; e.message = 'm'; const o = {}; o.toString = () => 'o'; return String(o) !== 'o' || e.name !== 'Failure' }`,
    ],
  ])('%s', (name, declared) => {
    writeFileSync(join(folder, 'beside.mjs'), 'export const clear = () => false\n')
    const { code, out } = check(name, declared)
    expect(out).toContain('holds')
    expect(code).toBe(0)
  })
})

/**
 * Drivers that keep a bit outside of the world, which the callback sets for ever. Exploring runs the callback before it comes to
 * most of the steps that read the bit, so that it never sees them as a first run has them: a run in modules that nothing has run
 * before does.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { referenceProject } from '../../src/cli/reference.js'
import { run } from '../cli/project.js'

const project = referenceProject()
const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const folder = fileURLToPath(new URL('../fixtures/cases/hidden', import.meta.url))
mkdirSync(folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Hidden {
  /** What the module has. */
  readonly declared?: string
  /** Whether the bit is set; and what sets it. */
  readonly get: string
  readonly set: string
  /** A field of the driver's declared state. */
  readonly seen?: string
  /** What a walk does first, and what it does when it has collided. */
  readonly first?: string
  readonly collided?: string
}

/** A driver that does not let the device write until its callback has run for the first time. */
function driverOf(
  name: string,
  { declared = '', get, set, seen, first = '', collided = '' }: Hidden,
): string {
  const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.js`)
  const state = seen === undefined ? '' : `state: (l) => ({ count: l.counter('count', 3), seen: ${seen} }),`
  writeFileSync(
    file,
    `import { defineDriver, rangeOf } from 'hmm-spec/driver'
import * as B from '../base.js'
import { mapPage, mmget_not_zero, mmput, mmu_interval_read_begin, mmu_interval_read_retry, mmu_interval_set_seq,
  hmm_range_fault, isMappable, unmapPages, flushDevice, procedure, step, Errno, HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE,
} from '../base.js'
${declared}
const map = procedure(function* map(c, m, page, write) {
  const range = rangeOf(m, c)
  ${first}
  yield* mmu_interval_read_begin(m.notifier, range.notifierSeq)
  yield* m.mm.mmapLock.lockRead()
  const defaultFlags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)
  const error = yield* hmm_range_fault(c, range, { start: page, end: page + 1, defaultFlags, pfnFlagsMask: 0, owner: -1 })
  yield* m.mm.mmapLock.unlockRead()
  if (error) return error === -Errno.EBUSY ? 'again' : error
  yield* m.updateLock.lock()
  const collided = yield* mmu_interval_read_retry(m.notifier, range.notifierSeq)
  if (collided) { ${collided} }
  if (!collided)
    yield* step('map', () => {
      if (!isMappable(range, page)) return -Errno.EFAULT
      mapPage(m, range, page)
      if (!(${get})) m.pageTable[page].write = false
      return 0
    })
  yield* m.updateLock.unlock()
  return collided ? 'again' : 0
})
const fault = procedure(function* fault(c, m, start, end, write) {
  if (!(yield* mmget_not_zero(m.mm))) return -Errno.EFAULT
  const answer = yield* map(c, m, start, write)
  yield* mmput(c, m.mm)
  return answer
})
const invalidate = procedure(function* inv(c, m, range, seq) {
  if (!range.blockable) return 0
  yield* m.updateLock.lock()
  yield* step('set seq, unmap', () => {
    mmu_interval_set_seq(m.notifier, seq)
    unmapPages(m, range)
    ${set}
    return 0
  })
  yield* flushDevice(m, range)
  yield* m.updateLock.unlock()
  return 1
})
export default ${seen === undefined ? '' : 'defineDriver'}({ name: '${name.replaceAll(/\W+/g, '-')}', ${state} invalidate, fault })
`,
  )
  return file
}

const checking = (file: string) => run(`check munmap --driver ${file} --bounds smoke`, project)

const BRAND =
  'class Base { constructor(o) { return o } }\n' +
  'class Stamp extends Base { #x = 1; static has(o) { return #x in o } }\n' +
  'const on = (x) => { if (!Stamp.has(x)) new Stamp(x) }'

describe('in the module, or on what a driver is handed', () => {
  test.each<[string, Hidden]>([
    [
      'a closure',
      {
        declared: 'const flag = (() => { let v = 0; return { on() { v = 1 }, get() { return v } } })()',
        get: 'flag.get()',
        set: 'flag.on()',
      },
    ],
    [
      'a frozen object',
      {
        declared: 'const o = {}; const on = (x) => { Object.freeze(x) }',
        get: 'Object.isFrozen(o)',
        set: 'on(o)',
      },
    ],
    [
      'a property of a function',
      {
        declared: "const K = Symbol('k'); function host() {}; const on = (f) => Reflect.set(f, K, 1)",
        get: 'host[K]',
        set: 'on(host)',
      },
    ],
    [
      'a Map of the mirror',
      { declared: "const on = (m) => m.ranges.set('x', 1)", get: "m.ranges.has('x')", set: 'on(m)' },
    ],
    ['a Map of the mirror in place', { get: "m.ranges.has('x')", set: "m.ranges.set('x', 1)" }],
    ['accesses of the mirror', { get: "m.accesses.has('x')", set: "m.accesses.set('x', { page: 0 })" }],
    ['a Map of the notifier', { get: "m.notifier.readers.has('x')", set: "m.notifier.readers.set('x', {})" }],
    ['the driver itself', { get: 'm.driver.zz', set: 'm.driver.zz = 1' }],
    ['the address space', { get: 'm.mm.zz', set: 'm.mm.zz = 1' }],
    [
      'the size of a buffer',
      {
        declared: 'const b = new ArrayBuffer(0, { maxByteLength: 8 }); const on = (x) => x.resize(8)',
        get: 'b.byteLength',
        set: 'on(b)',
      },
    ],
    [
      'a private field',
      {
        declared:
          'class C { #v = 0; static i = new C(); static on(c) { c.#v = 1 } static get(c) { return c.#v } }\nconst i = C.i',
        get: 'C.get(i)',
        set: 'C.on(i)',
      },
    ],
    ['a private field of a handle', { declared: BRAND, get: 'Stamp.has(m)', set: 'on(m)' }],
    [
      'a private field of an object',
      { declared: `${BRAND}\nconst o = {}`, get: 'Stamp.has(o)', set: 'on(o)' },
    ],
    [
      'a generator',
      {
        declared:
          'const g = (function* () { let v = 0; for (;;) { const x = yield v; if (x) v = 1 } })(); g.next(); const send = (x) => g.next(x).value',
        get: 'send(0)',
        set: 'send(1)',
      },
    ],
    [
      'a bound function',
      {
        declared: 'const f = function (x) { if (x) this.set(1, 1); return this.has(1) }.bind(new Map())',
        get: 'f(0)',
        set: 'f(1)',
      },
    ],
    [
      'bound arguments',
      {
        declared:
          'const cell = [0]; function rd(c) { return c[0] }; function wr(c) { c[0] = 1 }; const g = rd.bind(null, cell); const h = wr.bind(null, cell)',
        get: 'g()',
        set: 'h()',
      },
    ],
    [
      'only bound arguments',
      {
        declared:
          'const make = () => { const cell = [0]; return [((c) => c[0]).bind(null, cell), ((c) => { c[0] = 1 }).bind(null, cell)] }; const [g, h] = make()',
        get: 'g()',
        set: 'h()',
      },
    ],
    [
      'accessors',
      {
        declared:
          'const o = (() => { let v = 0; return { get v() { return v }, get on() { v = 1; return 0 } } })()',
        get: 'o.v',
        set: 'o.on',
      },
    ],
    [
      'a WeakSet',
      {
        declared:
          'const make = () => { const w = new WeakSet(); return (o, x) => (x ? w.add(o) : w.has(o)) }; const f = make()',
        get: 'f(m, 0)',
        set: 'f(m, 1)',
      },
    ],
    [
      'the length of a function',
      {
        declared: "const h = (a, b) => 0; const on = (f) => Object.defineProperty(f, 'length', { value: 7 })",
        get: '(h.length === 7)',
        set: 'on(h)',
      },
    ],
    [
      'a regular expression',
      { declared: "const RE = /a/g; const on = (r) => r.test('aa')", get: 'RE.lastIndex', set: 'on(RE)' },
    ],
    [
      'a typed array',
      { declared: 'const a = new Uint8Array(1); const on = (x) => x.fill(1)', get: 'a[0]', set: 'on(a)' },
    ],
    [
      'a prototype',
      {
        declared: 'const a = {}; const on = (x) => Reflect.setPrototypeOf(x, null)',
        get: '(Reflect.getPrototypeOf(a) === null)',
        set: 'on(a)',
      },
    ],
    [
      'the length of an array',
      {
        declared: "const a = []; const on = (x) => Reflect.defineProperty(x, 'length', { value: 3 })",
        get: 'a.length',
        set: 'on(a)',
      },
    ],
    [
      'the stack of an error',
      {
        declared: "const e = new Error('a'); const on = (x) => Reflect.set(x, 'stack', 'z')",
        get: "(e.stack === 'z')",
        set: 'on(e)',
      },
    ],
    [
      'a static method',
      { declared: 'class Host { static m() {} }', get: 'Host.m.zz', set: "Reflect.set(Host.m, 'zz', 1)" },
    ],
    [
      'a symbol of a class',
      {
        declared: 'const k = Symbol(); const host = class {}',
        get: 'k in host',
        set: 'Reflect.set(host, k, 1)',
      },
    ],
  ])('%s', async (name, hidden) => {
    const { code, out, err } = await checking(driverOf(name, hidden))
    expect(out).not.toMatch(/ holds /)
    expect(`${out}${err}`.replaceAll(/\s+/g, ' ')).toMatch(
      /outside of the world|not in the world|neither may keep state elsewhere|extensible|resize is used/,
    )
    expect(code).toBe(2)
  })
})

describe('in what the driver declares as its state', () => {
  test.each([
    ['an object', '{ v: 0 }', 'm.state.seen.v', 'm.state.seen.v = 1'],
    ['an array', '[]', 'm.state.seen.length', 'm.state.seen.push(1)'],
    ['a nested array', '[[0]]', 'm.state.seen[0][0]', 'm.state.seen[0][0] = 1'],
    ['a Map', 'new Map()', 'm.state.seen.has(1)', 'm.state.seen.set(1, 1)'],
    ['a Set', 'new Set()', 'm.state.seen.has(1)', 'm.state.seen.add(1)'],
    ['a typed array', 'new Uint8Array(2)', 'm.state.seen[0]', 'm.state.seen[0] = 1'],
    ['a class', 'new (class Box { v = 0 })()', 'm.state.seen.v', 'm.state.seen.v = 1'],
    ['a function', '() => 0', 'm.state.seen.v', 'm.state.seen.v = 1'],
    [
      'a record around an object',
      "l.record({ n: l.counter('n', 1), in: { v: 0 } })",
      'm.state.seen.in.v',
      'm.state.seen.in.v = 1',
    ],
    [
      'a declared array around one',
      "l.array('a', 1, () => ({ in: { v: 0 } }))",
      'm.state.seen[0].in.v',
      'm.state.seen[0].in.v = 1',
    ],
  ])('%s', async (name, seen, get, set) => {
    const { code, out } = await checking(driverOf(`state ${name}`, { seen, get, set }))
    expect(out).toMatch(/state\.seen/)
    expect(out).toMatch(/What it keeps\s+is not in the\s+world/)
    expect(code).toBe(2)
  })
})

// A bit that is read only after a rare interleaving is in no run of the audit: what keeps it is looked at.
describe('whatever reads it', () => {
  test.each<[string, string, string]>([
    ['a bound function', 'const pair = (a) => [a.push.bind(a)]; const [put] = pair([])', "put('S')"],
    [
      'a suspended generator',
      "const seen = (function* () { let log = ''; for (;;) log += yield log })(); seen.next()",
      "seen.next('S')",
    ],
    ['an object of Node', 'const params = new URLSearchParams()', "params.append('t', 'S')"],
  ])('%s', async (name, declared, set) => {
    const { code, out, err } = await checking(driverOf(`kept ${name}`, { declared, get: '1', set }))
    expect(`${out}${err}`.replaceAll(/\s+/g, ' ')).toMatch(/keeps state outside of the world|is a generator/)
    // A log of thousands of characters is cut.
    expect(out.length).toBeLessThan(3000)
    expect(code).toBe(2)
  })

  test('a lock that is more than one', async () => {
    const hidden = {
      declared:
        "import { Mutex } from 'hmm-spec/world'\nclass Logging extends Mutex { #log = []; put(what) { this.#log.push(what) } }",
      seen: "new Logging(l, 'extra')",
      get: '1',
      set: "m.state.seen.put('S')",
    }
    const { code, out } = await checking(driverOf('a lock of its own', hidden))
    expect(out.replaceAll(/\s+/g, ' ')).toContain('state.seen is an instance of a class that extends Mutex')
    expect(code).toBe(2)
  })
})

// What an object keeps that is none of its members.
describe('in a part that no member shows', () => {
  const wasm = `0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,6,6,1,127,1,65,0,11,7,5,1,1,110,0,0,10,13,1,11,0,35,0,65,1,106,36,0,35,0,11`
  test.each<[string, Hidden, RegExp]>([
    [
      'where a regular expression stands',
      { declared: 'const re = /a/g', get: '1', set: "re.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')" },
      /`re` was an object of RegExp: a at 0/,
    ],
    [
      'the time of a Date',
      { declared: 'const d = new Date(0)', get: 'd.getTime()', set: 'd.setTime(1)' },
      /Date\.prototype\.setTime is used/,
    ],
    [
      'a Date in a class',
      {
        declared: 'class Kept { at = new Date(0); go() { this.at.setHours(1) } }; const kept = new Kept()',
        get: '1',
        set: 'kept.go()',
      },
      /Date\.prototype\.setHours is used/,
    ],
    [
      'bytes behind a DataView',
      {
        declared: 'const v = new DataView(new ArrayBuffer(4))',
        get: 'v.getInt32(0)',
        set: 'v.setInt32(0, 1)',
      },
      /DataView\.prototype\.setInt32 is used/,
    ],
    [
      'the place of an iterator of an array',
      {
        declared: 'const it = [0, 0, 0, 1][Symbol.iterator](); const take = ([x]) => x',
        get: '1',
        set: 'take(it)',
      },
      /`it`, which procedures can reach, is an iterator/,
    ],
    [
      'the place of an iterator of a text',
      {
        declared: "const it = 'aaaa'[Symbol.iterator](); const take = () => { for (const _ of it) return _ }",
        get: '1',
        set: 'take()',
      },
      /is an iterator/,
    ],
    [
      'the place of an iterator of matches',
      {
        declared: "const it = 'aaaa'.matchAll(/a/g); const take = ([x]) => x",
        get: '1',
        set: 'take(it)',
      },
      /is an iterator/,
    ],
    [
      'the place of a generator without variables',
      {
        declared: "const it = (function* () { yield* 'aaaa' })(); const take = ([x]) => x",
        get: '1',
        set: 'take(it)',
      },
      /is a generator/,
    ],
    [
      'a global of WebAssembly',
      {
        declared: `const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([${wasm}])))`,
        get: '1',
        set: 'exports.n()',
      },
      /is of WebAssembly/,
    ],
    [
      'a function of WebAssembly',
      {
        declared: `const { n } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([${wasm}]))).exports`,
        get: '1',
        set: 'n()',
      },
      /is of WebAssembly/,
    ],
  ])('%s', async (name, hidden, why) => {
    const { code, out, err } = await checking(driverOf(`part ${name}`, hidden))
    expect(out).not.toMatch(/ holds /)
    expect(`${out}${err}`.replaceAll(/\s+/g, ' ')).toMatch(why)
    expect(code).toBe(2)
  })

  test.each<[string, Hidden]>([
    [
      'a regular expression that begins anew',
      { declared: 'const re = /a/g', get: "'aa'.replace(re, 'b')", set: '' },
    ],
    ['a Date that nobody sets', { declared: 'const d = new Date(0)', get: 'd.getTime() === 0', set: '' }],
    ['an iterator that is used up at once', { get: '[...[1].values()].length', set: '' }],
  ])('holds: %s', async (name, hidden) => {
    const { out } = await checking(driverOf(`right part ${name}`, hidden))
    expect(out).toMatch(/munmap \(.*\) +pages=1 +holds/)
  })

  test('a member of the driver that answers otherwise each time', async () => {
    for (const text of [
      'const d = { name: "getter", get fault() { return fault }, invalidate }\nexport default d',
      'class D { name = "getter"; invalidate = invalidate; get fault() { return fault } }\nexport default new D()',
      'export default new Proxy({ name: "proxy", fault, invalidate }, {})',
    ]) {
      const file = driverOf('members', { get: '1', set: '' })
      writeFileSync(file, readFileSync(file, 'utf8').replace(/export default[\s\S]*$/, text))
      const { code, err } = await checking(file)
      expect(err).toMatch(/fault of the driver is a getter|the default export is a Proxy/)
      expect(code).toBe(2)
    }
  })
})

/** As its users run the command. */
function compiled(file: string) {
  const args = ['check', 'munmap', '--driver', file, '--bounds', 'smoke', '--workers', '1']
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' })
  return { code: status, out: `${stdout}${stderr}`.replaceAll(/\s+/g, ' ') }
}

// Modules that a driver imports are loaded anew by a hook of the loader, which only the compiled command has.
test('in another module of its author', () => {
  writeFileSync(join(folder, 'beside.js'), 'export const seen = { v: 0 }\n')
  const file = driverOf('with another module', {
    declared: "import { seen } from './beside.js'\nconst on = (x) => Reflect.set(x, 'v', 1)",
    get: 'seen.v',
    set: 'on(seen)',
  })
  // What is frozen does not change, and Reflect.set throws nothing: it is guarded.
  expect(compiled(file)).toMatchObject({
    code: 2,
    out: expect.stringMatching(/Reflect\.set\s+of\s+what\s+does\s+not\s+change/),
  })
})

// What a package keeps is looked at after each scenario.
describe('in an installed package', () => {
  const installed = (name: string, manifest: object, text: string) => {
    const at = join(folder, 'node_modules', name)
    mkdirSync(at, { recursive: true })
    writeFileSync(join(at, 'package.json'), JSON.stringify({ name, version: '1.0.0', ...manifest }))
    writeFileSync(join(at, 'index.js'), text)
  }

  test('an ES module', () => {
    installed(
      'kept',
      { type: 'module', exports: './index.js' },
      'let n = 0\nexport const bump = () => ++n\nexport const get = () => n\n',
    )
    const hidden = { declared: "import { bump, get } from 'kept'", get: 'get()', set: 'bump()' }
    const { code, out } = compiled(driverOf('package', hidden))
    expect(out).toContain('`n` was 0 when it was loaded')
    expect(code).toBe(2)
  })

  test('a CommonJS module', () => {
    installed(
      'kept-too',
      { main: 'index.js' },
      'let n = 0\nexports.bump = () => ++n\nexports.get = () => n\n',
    )
    const hidden = { declared: "import kept from 'kept-too'", get: 'kept.get()', set: 'kept.bump()' }
    const { code, out } = compiled(driverOf('package too', hidden))
    expect(out).not.toMatch(/ holds /)
    expect(code).toBe(2)
  })

  test.each<[string, string, string, RegExp]>([
    [
      'deep within an object',
      'const h = { a: { b: { c: { d: { n: 0 } } } } }\nexport const bump = () => ++h.a.b.c.d.n',
      'bump()',
      /read only property 'n'/,
    ],
    [
      'on a function',
      'export function bump() { bump.n = (bump.n ?? 0) + 1 }',
      'bump()',
      /object is not extensible: once a driver is loaded/,
    ],
    [
      'in a private field of a class',
      'class S { static #n = 0; static bump() { return ++S.#n } }\nexport const bump = () => S.bump()',
      'bump()',
      /`S\.#n` was 0/,
    ],
    [
      'in a function that only its own functions call',
      'const count = (() => { let n = 0; return () => ++n })()\nexport const bump = () => count()',
      'bump()',
      /`n` was 0/,
    ],
    [
      'on the global object',
      'export const bump = () => { globalThis.keptByHand = (globalThis.keptByHand ?? 0) + 1 }',
      'bump()',
      /`globalThis\.keptByHand` was absent/,
    ],
    [
      'in a generator',
      "const g = (function* () { yield* 'aaaa' })()\nexport const bump = () => g.next()",
      'bump()',
      /is a generator/,
    ],
    [
      'the environment',
      "export const bump = () => process.env.SOMETHING === '1'",
      'bump()',
      /process\.env is used/,
    ],
    [
      'a file',
      "import { existsSync } from 'node:fs'\nexport const bump = () => existsSync('/nowhere')",
      'bump()',
      /fs\.existsSync is used/,
    ],
    [
      'chance',
      "import { randomInt } from 'node:crypto'\nexport const bump = () => randomInt(10)",
      'bump()',
      /crypto\.randomInt is used/,
    ],
    [
      "a method of the product's",
      "import { Mutex } from '../../../../../../dist/src/world/index.js'\nMutex.prototype.heldBy = () => true\nexport const bump = () => 0",
      'bump()',
      /Mutex\.prototype was replaced/,
    ],
  ])('%s', (name, text, set, why) => {
    const of = name.replaceAll(/\W+/g, '-').toLowerCase()
    installed(of, { type: 'module', exports: './index.js' }, text)
    const { code, out } = compiled(
      driverOf(`of ${of}`, { declared: `import { bump } from '${of}'`, get: '1', set }),
    )
    expect(out).toMatch(why)
    expect(code).toBe(2)
  })

  test('a bit that is taken back before the end', () => {
    installed(
      'taken-back',
      { type: 'module', exports: './index.js' },
      'let n = 0\nexport const put = (x) => { n = x }',
    )
    const { code, out } = compiled(
      driverOf('taken back', {
        declared: "import { put } from 'taken-back'",
        get: '1',
        set: 'put(0)',
        first: 'put(0)',
        collided: 'put(1)',
      }),
    )
    expect(out).toMatch(/In munmap \(.*\), between map \(.* and .*`n` was 0 when it was loaded, and is 1/)
    expect(code).toBe(2)
  })

  test('one that keeps nothing', () => {
    installed('pure', { type: 'module', exports: './index.js' }, 'export const yes = () => 1\n')
    const { out } = compiled(
      driverOf('pure', { declared: "import { yes } from 'pure'", get: 'yes()', set: '' }),
    )
    expect(out).toMatch(/munmap \(pure\) +pages=1 +holds/)
  })
})

test.each<[string, Hidden]>([
  ['a constant', { declared: 'const table = Object.freeze([1])', get: 'table[0]', set: '' }],
  ['a bit that is never set', { declared: 'const o = { v: 1 }', get: 'o.v', set: '' }],
  [
    'a field of the world',
    {
      seen: "l.record({ v: l.flag('v', { initial: 1 }) })",
      get: 'm.state.seen.v',
      set: 'm.state.seen.v = true',
    },
  ],
])('holds: %s', async (name, hidden) => {
  const { out } = await checking(driverOf(`right ${name}`, hidden))
  expect(out).toMatch(/munmap \(.*\) +pages=1 +holds/)
})

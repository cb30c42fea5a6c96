/**
 * Drivers that keep a count where the language or Node.js has a place that is no variable: what a function makes once, what a promise
 * holds, a setting, another thread, a text that says itself where it is from. And correct drivers that look alike.
 */
import { describe, expect, test } from 'vitest'
import { checkOf, type Files } from './project.js'

/** What makes a driver that leaves its entries once `isRight()` is false. */
const MADE = `import { flushDevice, referenceDriver, unmapPages } from 'hmm-spec/driver'
import { mmu_interval_set_seq } from 'hmm-spec/kernel'
import { procedure, step } from 'hmm-spec/world'
export const make = (isRight) => {
  const invalidate = procedure('gated_invalidate', function* (current, mirror, range, seq) {
    if (!range.blockable) {
      if (!(yield* mirror.updateLock.trylock())) return 0
    } else yield* mirror.updateLock.lock()
    yield* step('set the sequence', () => { mmu_interval_set_seq(mirror.notifier, seq); return 0 })
    yield* step('clear', () => { if (isRight(mirror)) unmapPages(mirror, range); return 0 })
    yield* flushDevice(mirror, range)
    yield* mirror.updateLock.unlock()
    return 1
  })
  return { ...referenceDriver, name: 'elsewhere', invalidate }
}
`

const check = checkOf('elsewhere', { 'made.js': MADE })

/** The text of a driver that is right while \`bump()\` is below a number that it never reaches. */
const counting = (declared: string, after = '') => `import { make } from './made.js'
const on = (o) => { o.n = (o.n ?? 0) + 1; return o.n }
${declared}
export default make(() => bump() < 1e7)
${after}`

/** The same, with the count in a package. */
const inPackage = (text: string, name = 'kept.js'): Files => ({
  'node_modules/pk/package.json':
    '{ "name": "pk", "version": "1.0.0", "type": "module", "exports": { "./*": "./*" } }',
  [`node_modules/pk/${name}`]: text,
  'driver.js': counting(
    name.endsWith('.cjs')
      ? "import k from 'pk/kept.cjs'\nconst { bump } = k"
      : "import { bump } from 'pk/kept.js'",
  ),
})

const PRIVATE = `class Ret { constructor(o) { return o } }
class Stamp extends Ret { #n = 0; static bump(o) { if (!(#n in o)) new Stamp(o); o.#n++; return o.#n } }`

describe('refuses a count', () => {
  test.each([
    [
      'in a private field of an object of the language',
      `${PRIVATE}\nconst bump = () => Stamp.bump(Math)`,
      'private fields',
    ],
    [
      'in a private field of a template',
      `${PRIVATE}\nconst id = (s) => s\nconst bump = () => Stamp.bump(id\`x\`)`,
      'private fields',
    ],
    [
      'on a function that Intl makes',
      "const nf = new Intl.NumberFormat('en')\nconst bump = () => on(nf.format)",
      'not extensible',
    ],
    [
      'on the function that settles a promise',
      'const kept = []\nnew Promise((r) => { kept.push(r) })\nconst bump = () => on(kept[0])',
      'not extensible',
    ],
    [
      'in what a promise holds',
      `import util from 'node:util'
const box = Promise.resolve({ n: 0, [util.inspect.custom](_, o) { if (o.mine) this.n++; return o.mine ? String(this.n) : 'box' } })
const bump = () => Number(/\\d+/.exec(util.inspect(box, { mine: true }))?.[0])`,
      'read only property',
    ],
    [
      'in the place of an iterator of Intl',
      "const it = new Intl.Segmenter('en').segment('x'.repeat(2e5))[Symbol.iterator]()\nconst bump = () => it.next().value?.index ?? 1e9",
      'an iterator',
    ],
    [
      'in a setting of util',
      `import util from 'node:util'
const bump = () => { const n = util.inspect.defaultOptions.maxStringLength; util.inspect.defaultOptions = { maxStringLength: n + 1 }; return n - 10000 }`,
      'util.inspect.defaultOptions',
    ],
    ['of milliseconds', "const bump = () => new PerformanceMark('x').startTime", 'startTime is used'],
    [
      'of milliseconds since Node.js began',
      'const bump = () => performance.nodeTiming.duration',
      'nodeTiming',
    ],
  ])('%s', (_, declared, message) => {
    const { code, out } = check({ 'driver.js': counting(declared) })
    expect(out).toContain(message)
    expect(code).toBe(2)
  })

  test.each([
    ['in a list', 'const kept = []\nconst bump = () => kept.push(1)'],
    [
      'in a map',
      "const kept = new Map()\nconst more = (m) => { m.set('n', (m.get('n') ?? 0) + 1); return m.get('n') }\nconst bump = () => more(kept)",
    ],
  ])('%s of a text that says that it is another', (_, declared) => {
    const { code, out } = check({ 'driver.js': counting(declared, '//# sourceURL=/nonexistent/other.js') })
    expect(out).toMatch(/not extensible|outside of the world|captured/)
    expect(code).toBe(2)
  })

  test.each([
    [
      'of resources',
      "import { AsyncResource } from 'node:async_hooks'\nexport const bump = () => new AsyncResource('x').asyncId()",
      'node:async_hooks',
    ],
    [
      'of a channel',
      "import dc from 'node:diagnostics_channel'\nexport const bump = () => (dc.channel('x').hasSubscribers ? 1 : 0)",
      'node:diagnostics_channel',
    ],
    [
      'in a setting of streams',
      "import stream from 'node:stream'\nexport const bump = () => stream.getDefaultHighWaterMark(false)",
      'node:stream',
    ],
    [
      'of another global object',
      "import vm from 'node:vm'\nconst c = vm.createContext({})\nexport const bump = vm.runInContext('globalThis.n = 0; (() => ++globalThis.n)', c)",
      'node:vm',
    ],
    [
      'of another thread',
      "import { Worker } from 'node:worker_threads'\nexport const bump = () => 0\nexport const w = Worker",
      'node:worker_threads',
    ],
    [
      'of a module that it asks for by name',
      "const vm = process.getBuiltinModule?.('vm')\nif (vm === undefined) throw new Error(\"'node:vm' is imported\")\nexport const bump = () => 0",
      'node:vm',
    ],
    [
      'in a setting of the process',
      'export const bump = () => { const n = process.getMaxListeners(); process.setMaxListeners(n + 1); return n - 10 }',
      'process.getMaxListeners()',
    ],
    [
      'of a function that was made of a text',
      "export const bump = new Function('let n = 0; return () => ++n\\n//# sourceURL=/nonexistent/q.js')()",
      'outside of the world',
    ],
  ])('of a package: %s', (_, text, message) => {
    const { code, out } = check(inPackage(text))
    expect(out).toContain(message)
    expect(code).toBe(2)
  })

  test.each([
    [
      'on what it requires with',
      "'use strict'\nexports.bump = () => { require.n = (require.n || 0) + 1; return require.n }",
      'not extensible',
    ],
    ['of another global object', "const vm = require('vm')\nexports.bump = () => 0", "'vm' is imported"],
  ])('of a CommonJS package: %s', (_, text, message) => {
    const { code, out } = check(inPackage(text, 'kept.cjs'))
    expect(out).toContain(message)
    expect(code).toBe(2)
  })
})

/** A driver whose step answers `rare` where the device maps something, and `plain` otherwise, and leaves its entries on `rare`. */
const answering = (
  rare: string,
  plain: string,
  isRare: string,
) => `import { flushDevice, referenceDriver, unmapPages } from 'hmm-spec/driver'
import { mmu_interval_set_seq } from 'hmm-spec/kernel'
import { procedure, step } from 'hmm-spec/world'
class List extends Array {}
const invalidate = procedure('answering', function* (current, mirror, range, seq) {
  if (!range.blockable) {
    if (!(yield* mirror.updateLock.trylock())) return 0
  } else yield* mirror.updateLock.lock()
  const a = yield* step('set the sequence', () => {
    mmu_interval_set_seq(mirror.notifier, seq)
    return mirror.pageTable[range.start].frame === undefined ? ${plain} : ${rare}
  })
  yield* step('clear', () => { if (!(${isRare})) unmapPages(mirror, range); return 0 })
  yield* flushDevice(mirror, range)
  yield* mirror.updateLock.unlock()
  return 1
})
export default { ...referenceDriver, name: 'answering', invalidate }
`

describe('answers of a step that look alike are not taken for one', () => {
  test.each([
    ['a list with a property', 'Object.assign([1], { x: 1 })', '[1]', "'x' in a"],
    ['a hidden property', "Object.defineProperty({ b: 1 }, 'x', { value: 1 })", '{ b: 1 }', "'x' in a"],
    ['a symbol for a key', '{ b: 1, [Symbol.iterator]: 1 }', '{ b: 1 }', 'Symbol.iterator in a'],
    ['a hole', '[,]', '[undefined]', '!(0 in a)'],
    ['a class of lists', 'List.of(1)', '[1]', 'a instanceof List'],
    ['a number that is an object', 'new Number(0)', '0', "typeof a === 'object'"],
    ['a getter', '{ get b() { return 1 } }', '{ b: 1 }', "Object.getOwnPropertyDescriptor(a, 'b').get"],
  ])('%s', (_, rare, plain, isRare) => {
    const { code, out } = check({ 'driver.js': answering(rare, plain, isRare) })
    expect(out).toMatch(
      /step "set the sequence" of answering returned .*(which is not plain|an instance of (List|Number))/,
    )
    expect(code).toBe(2)
  })

  test('the two zeroes', () => {
    const { code, out } = check({ 'driver.js': answering('[-0]', '[0]', 'Object.is(a[0], -0)') })
    expect(out).toContain('breaks')
    expect(code).toBe(1)
  })
})

describe('holds', () => {
  test.each([
    [
      'a bound function',
      'const add = (a, b) => a + b\nconst one = add.bind(null, 1)\nconst bump = () => one(2)',
    ],
    ['an Intl format', "const nf = new Intl.NumberFormat('en')\nconst bump = () => Number(nf.format(3))"],
    [
      'a promise',
      'const ready = Promise.resolve({ limit: 3 })\nconst bump = () => (ready instanceof Promise ? 1 : 0)',
    ],
    [
      'private fields of a class that extends another',
      'class A { constructor(n) { this.n = n } }\nclass B extends A { #m; constructor(n) { super(n); this.#m = n } get sum() { return this.n + this.#m } }\nconst bump = () => new B(1).sum',
    ],
  ])('with %s', (_, declared) => {
    const { code, out } = check({ 'driver.js': counting(declared) })
    expect(out).toContain('holds')
    expect(code).toBe(0)
  })

  test('with a package that prints', () => {
    const { code, out } = check(
      inPackage(
        "import { inspect } from 'node:util'\nimport tty from 'node:tty'\nexport const colour = tty.isatty(1)\nexport const bump = () => inspect({ a: 1 }).length",
      ),
    )
    expect(out).toContain('holds')
    expect(code).toBe(0)
  })
})

test('a namespace of TypeScript is refused with its line, and not lost', () => {
  const { code, out } = check(
    {
      'driver.ts':
        "import { make } from './made.js'\nnamespace Limits { export const most = 1 }\nexport default make(() => Limits.most === 1)\n",
    },
    'driver.ts',
  )
  expect(out).toMatch(/driver\.ts:2: namespace Limits is more than a type/)
  expect(code).toBe(2)
})

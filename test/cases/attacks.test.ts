/** Drivers whose state, clock or chance hides in ways that no rule is written for: none may be said to hold. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { referenceProject } from '../../src/cli/reference.js'
import { run } from '../cli/project.js'

const project = referenceProject()
const folder = fileURLToPath(new URL('../fixtures/cases/attacks', import.meta.url))
mkdirSync(folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A driver that skips its invalidation when `SKIP` says so; `declared` is what its module has. */
function driverOf(name: string, declared: string, skip: string, before = ''): string {
  const file = join(folder, `${name}.js`)
  writeFileSync(
    file,
    `import * as B from '../base.js'
import { procedure, step, mmu_interval_set_seq, unmapPages, flushDevice } from '../base.js'
${declared}
const invalidate = procedure(function* inv(c, m, range, seq) {
  if (!range.blockable) return 0
  ${before}
  yield* m.updateLock.lock()
  yield* step('set seq, unmap', () => {
    mmu_interval_set_seq(m.notifier, seq)
    if (!(${skip})) unmapPages(m, range)
    return 0
  })
  yield* flushDevice(m, range)
  yield* m.updateLock.unlock()
  return 1
})
export default { name: '${name}', invalidate, fault: B.fault }
`,
  )
  return file
}

const checking = (file: string) => run(`check munmap --driver ${file} --bounds smoke`, project)

describe('is not said to hold', () => {
  test.each([
    ['a box', 'const box = { n: 0 }', 'box.n++ > 900'],
    [
      'a private field',
      'class Box { #n = 0; next() { return this.#n++ } }\nconst box = new Box()',
      'box.next() > 900',
    ],
    ['a WeakMap', 'const seen = new WeakMap()', '(seen.set(m, (seen.get(m) ?? 0) + 1), seen.get(m) > 900)'],
    ['an iterator', 'const numbers = Array.from({ length: 2000 }).keys()', 'numbers.next().value > 900'],
    [
      'a generator',
      'function* count() { let n = 0; for (;;) yield n++ }\nconst counter = count()',
      'counter.next().value > 900',
    ],
    ['a Proxy', 'let n = 0; const odd = new Proxy({}, { get: () => n++ > 900 })', 'odd.now'],
    ['a getter', 'let n = 0; const odd = { get now() { return n++ > 900 } }', 'odd.now'],
    ['a static field', 'class Count { static n = 0 }', 'Count.n++ > 900'],
    ['a field of a function', 'function count() {}\ncount.n = 0', 'count.n++ > 900'],
    ['the clock by another name', 'const { now } = Date', 'now() % 2 ** 40 === 3'],
    ['the clock of performance', 'const clock = performance', 'clock.now() < 0'],
    ['a function made of a text', "const odd = Function('return Math.random() < 1e-7')", 'odd()'],
    [
      'the constructor of functions',
      "const odd = (() => 0).constructor('return Math.random() < 1e-7')",
      'odd()',
    ],
    ['eval', "const odd = () => eval('Math.random() < 1e-7')", 'odd()'],
    ['Atomics', 'const shared = new Int32Array(new SharedArrayBuffer(4))', 'Atomics.add(shared, 0, 1) > 900'],
    ['a typed array', 'const shared = new Int32Array(1)', 'shared[0]++ > 900'],
    ['a global', '', '(globalThis.n = (globalThis.n ?? 0) + 1) > 900'],
    ['a prototype', '', '(Array.prototype.n = (Array.prototype.n ?? 0) + 1) > 900'],
    ['a random number of a module', "import { randomInt } from 'node:crypto'", 'randomInt(2 ** 40) === 3'],
    ['a regular expression', 'const sticky = /1/y', '(sticky.lastIndex++, sticky.lastIndex > 900)'],
    [
      'a plain function',
      'const seen = []\nfunction note() { seen.push(1); return seen.length > 900 }',
      'note()',
    ],
    ['the argument', '', '(range.n = (range.n ?? 0) + 1) > 900'],
    ['the mirror', '', '(m.n = (m.n ?? 0) + 1) > 900'],
  ])('%s', async (what, declared, skip) => {
    const { code, out } = await checking(driverOf(what.replaceAll(' ', '-'), declared, skip))
    expect(out).not.toMatch(/ holds /)
    expect(code).toBe(2)
  })

  test.each([
    ['an async step', "yield* step('later', async () => 0)"],
    [
      'a result that is shared and changed',
      "const shared = []; yield* step('s', () => (shared.push(1), shared))",
    ],
    ['a field read between two steps', 'if (m.pageTable[0].write) return 0'],
    ['a symbol on the argument', "m[Symbol.for('n')] = 1"],
  ])('%s', async (what, before) => {
    const { code, out } = await checking(driverOf(what.replaceAll(' ', '-'), '', 'false', before))
    expect(out).not.toMatch(/ holds /)
    expect(code).toBe(2)
  })
})

describe('a right one that looks like it holds', () => {
  test.each([
    ['a table of constants', 'const table = new Map([[0, false]])', 'table.get(5) ?? false', ''],
    [
      'a class without state',
      'class Rule { odd(page) { return page > 9 } }\nconst rule = new Rule()',
      'rule.odd(0)',
      '',
    ],
    [
      'results gathered between steps',
      '',
      'false',
      "const seen = []; for (let i = 0; i < 2; i++) seen.push(yield* step('look', () => i))",
    ],
    ['a local of the closure', '', '(() => { let n = 0; n++; return n > 1 })()', ''],
    ['a plain helper', 'function odd(range) { return range.start > range.end }', 'odd(range)', ''],
  ])('%s', async (what, declared, skip, before) => {
    const { code, out } = await checking(driverOf(what.replaceAll(' ', '-'), declared, skip, before))
    expect(out).toMatch(/ holds /)
    expect(code).toBe(0)
  })
})

/** No false alarm: every procedure that comes with the project is pure by its text. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { mayReturnAnother } from '../../src/purity/returns.js'
import { checkModule, checkProcedure, findingsIn } from '../../src/purity/source.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

const compile = (source: string) =>
  ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  }).outputText

describe('no false alarm in what is shipped', () => {
  const files = ['src/kernel', 'src/device', 'src/driver', 'src/generations', 'spec', 'examples'].flatMap(
    (folder) =>
      readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `${folder}/${name}`),
  )
  test(`${files.length} files`, () => {
    expect(files.length).toBeGreaterThan(150)
    const reports = files.map((file) => checkModule(compile(readFileSync(`${root}/${file}`, 'utf8'))))
    const found = findingsIn(reports).flatMap((findings, i) =>
      findings
        .filter(({ procedure }) => procedure !== undefined)
        .map(({ procedure, message }) => `${files[i]}, ${procedure}: ${message}`),
    )
    expect(found).toEqual([])
    expect(reports.flatMap(({ steps }) => steps).length).toBeGreaterThan(350)
  })
})

const moduleOf = (body: string, before = '') =>
  `${before}\nexport const p = procedure(function* p(w0, mirror, page) {\n${body}\n})`
const saidOf = (text: string) => findingsIn([checkModule(text)])[0].map(({ message }) => message)

describe('what a text shows', () => {
  test.each([
    ['a local assigned', "let n = 0; yield* step('s', () => { n = 1; return 0 })", '`n` is assigned'],
    ['a local counted', "let n = 0; yield* step('s', () => n++)", '`n` is assigned'],
    ['destructuring', "let n; yield* step('s', (w) => { [n] = [1]; return 0 })", '`n` is assigned'],
    ['a local object', "const o = {}; yield* step('s', () => { o.n = 1; return 0 })", 'what `o` holds'],
    ['a local array', "const o = []; yield* step('s', () => { o.push(1); return 0 })", 'what `o` holds'],
    [
      'a local map',
      "const o = new Map(); yield* step('s', (w) => { o.set(w, 1); return 0 })",
      'what `o` holds',
    ],
    [
      'an alias',
      "const o = []; const a = o; yield* step('s', () => { a.length = 0; return 0 })",
      'what `a` holds',
    ],
    [
      'Object.assign',
      "const o = {}; yield* step('s', () => { Object.assign(o, {}); return 0 })",
      'what `o` holds',
    ],
    ['delete', "const o = { n: 1 }; yield* step('s', () => { delete o.n; return 0 })", 'what `o` holds'],
    ['an iterator', "const i = [1, 2].values(); yield* step('s', () => i.next().value)", 'what `i` holds'],
    [
      'within critical',
      "let n = 0; yield* mirror.lock.critical('s', () => { n = 1; return 0 })",
      '`n` is assigned',
    ],
    ['a property of a function', "yield* step('s', () => { p.n = 1; return 0 })", 'what `p` holds'],
    ['a built-in', "yield* step('s', () => { Array.prototype.n = 1; return 0 })", 'what `Array` holds'],
    ['a global', "yield* step('s', () => { globalThis.n = 1; return 0 })", 'globalThis is used'],
    ['a name nobody declared', "yield* step('s', () => { n = 1; return 0 })", '`n` is assigned'],
    ['the clock', "yield* step('s', () => Date.now())", 'Date is used'],
    ['performance', "yield* step('s', () => performance.now())", 'performance is used'],
    [
      'the constructor of functions',
      "yield* step('s', () => page.constructor('return 1')())",
      '.constructor',
    ],
    ['a step yielded', "yield step('s', () => 0)", 'write `yield*`'],
    ['a step not run', "step('s', () => 0)", 'is not run'],
    ['a lock not taken', 'mirror.updateLock.lock()', 'is not run'],
    ['text after become', "yield* become(q); yield* step('s', () => 0)", 'what follows `become`'],
    [
      'finally after become',
      "try { return yield* become(q) } finally { yield* step('s', () => 0) }",
      'finally',
    ],
    ['two steps of one name', "yield* step('s', () => 0); yield* step('s', () => 1)", 'two steps "s"'],
    ['await', "yield* step('s', async () => { await 0 })", 'async'],
    ['acting between steps', "if (acting.thread) yield* step('s', () => 0)", 'acting is looked at'],
  ])('%s', (_what, body, said) => {
    expect(saidOf(moduleOf(body)).join('\n')).toContain(said)
  })

  test.each([
    [
      'a variable of the module',
      "count++; yield* step('s', () => 0)",
      'let count = 0',
      '`count` is assigned',
    ],
    [
      'a set of the module',
      "yield* step('s', () => { seen.add(page); return 0 })",
      'const seen = new Set()',
      '`seen`',
    ],
    [
      'by way of a plain function',
      "yield* step('s', () => note(page))",
      'const seen = new Set(); function note(page) { seen.add(page); return 0 }',
      '`seen`',
    ],
    [
      'by way of two',
      "yield* step('s', () => note(page))",
      'let n = 0; const count = () => { n++ }; const note = () => { count(); return 0 }',
      '`n` is assigned',
    ],
    [
      'a method of a class of its own',
      "yield* step('s', () => box.put(1))",
      'class Box { #n = 0; put(n) { this.#n = n; return 0 } }\nconst box = new Box()',
      '`box.put()` changes `box`',
    ],
    ['a helper that is not run', 'help()', 'function* help() { yield 1 }', '`help()` is not run'],
    [
      'a module of Node.js',
      "yield* step('s', () => randomInt(2))",
      "import { randomInt } from 'node:crypto'",
      'crypto',
    ],
    ['a Proxy', "yield* step('s', () => 0)", 'const o = new Proxy({}, {})', 'Proxy is used'],
  ])('%s', (_what, body, before, said) => {
    expect(saidOf(moduleOf(body, before)).join('\n')).toContain(said)
  })

  test.each([
    ['fields of the world', "yield* step('s', (w) => { mirror.pte[page].kind.set(w, 1); return 0 })"],
    [
      'fields of records',
      "yield* step('s', () => { mirror.pte[page].kind = 1; mirror.users += 1; return 0 })",
    ],
    ['a field by a name', "const pte = mirror.pte[page]; yield* step('s', () => { pte.kind = 1; return 0 })"],
    ['a list of the world', "const { free } = mirror; yield* step('s', () => { free.push(page); return 0 })"],
    ['locals of the closure', "yield* step('s', (w) => { let n = 0; const o = []; o.push(n++); return n })"],
    ['results gathered between steps', "const o = []; for (;;) o.push(yield* step('s', () => 0))"],
    ['locals assigned between steps', "let n = 0; n = yield* step('s', () => 0); return n"],
    ['an array read within a step', "const o = [1]; yield* step('s', () => o[0])"],
    ['a date made of numbers', "yield* step('s', () => new Date(0).getTime())"],
    ['become at the end', 'if (page) { yield* become(q) } else { return yield* become(q) }'],
    ['a step of one name in a loop', "for (const p of page) yield* step('s', (w) => p.set(w, 0))"],
  ])('says nothing of %s', (_what, body) => {
    expect(saidOf(moduleOf(body))).toEqual([])
  })

  test('says nothing of what is kept when a scenario is declared', () => {
    const text = 'const locks = new WeakMap(); export function declareLock(l, m) { locks.set(m, l) }'
    expect(saidOf(`${text}\n${moduleOf("yield* step('s', () => 0)")}`)).toEqual([])
  })

  test('a line, a procedure, and a step are named', () => {
    const text = moduleOf("let n = 0\nyield* step('count', () => {\n n++\n return 0 })")
    expect(checkModule(text).findings).toMatchObject([{ line: 5, procedure: 'p', step: 'count' }])
  })

  test('a procedure’s own name, which is its generator, is only gone on as', () => {
    const own = (body: string) => saidOf(moduleOf(body)).filter((said) => said.includes('own name'))
    expect(own('return yield* become(p, w0, mirror)')).toEqual([])
    expect(own('return yield* world.become(p, w0, mirror)')).toEqual([])
    expect(own('const p = mirror; yield* p()')).toEqual([])
    expect(own('yield* mirror.p({ p: 1 })')).toEqual([])
    expect(own('return yield* p(w0, mirror, page)')).toHaveLength(1)
    expect(own('return yield* become(mirror, p)')).toHaveLength(1)
    expect(own('const other = p; return yield* become(other)')).toHaveLength(1)
    expect(own("yield* step('s', () => ({ p }))")).toHaveLength(1)
    // As a bundler shortens it.
    const short = (body: string) => checkProcedure('p', `function*n(t){${body}}`).findings
    expect(short("return yield*e('s',()=>t),yield*r(n,t)")).toEqual([])
    expect(short("return yield*e('s',()=>t),yield*n(t)")).toMatchObject([{ line: 1, procedure: 'p' }])
    // A helper, and a procedure that is named by a text, call what they name.
    expect(saidOf('function* walk(n) { if (n) yield* walk(n - 1) }')).toEqual([])
    expect(saidOf("const q = procedure('q', function* () { yield* q() })")).toEqual([])
  })

  test('the text of one procedure is enough', () => {
    const body = "function* (x) { let n = 0; yield* (0, world.step)('s', () => { n = 1; return 0 }) }"
    expect(checkProcedure('p', body).findings).toMatchObject([{ procedure: 'p', step: 's' }])
    expect(checkProcedure('p', '*p() { yield* step("s", () => 0) }').steps).toEqual([
      { name: 's', whole: true },
    ])
    expect(checkProcedure('p', 'function () { [native code] }').findings).toEqual([])
  })
})

describe('what new gives', () => {
  test.each([
    'class A { constructor(o) { return o } }',
    'class A extends B { constructor(o) { super(); if (o) return { o }; } }',
    'class A { get x() { return 1 } constructor(o) { for (const e of o) return (e, o) } }',
    'function A(o) { return o }',
    'function A(o) { with (o) { return this.o } }',
    'function A() { return /x/ }',
    'function A( { [native code] }',
  ])('may be another: %s', (text) => expect(mayReturnAnother(text)).toBe(true))

  test.each([
    'class A {}',
    'class A { name() { return this } static of(o) { return o } get x() { return {} } }',
    'class A extends B { constructor(o) { super(); if (!o) return; this.f = () => { return o } } }',
    'class A { constructor() { function f() { return {} } const g = function () { return [] }; class C { m() { return {} } } } }',
    'class A { f = () => { return {} }; static { this.x = [].map((e) => { return e }) } }',
    'function A(o) { this.o = o; return this }',
    'function A(o) { return undefined }',
    'function A(o) { return void o }',
    'function A(o) { return 1 }',
  ])('is what is made: %s', (text) => expect(mayReturnAnother(text)).toBe(false))
})

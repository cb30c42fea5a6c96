/**
 * Drivers as an honest author writes them by mistake: a count, a cache, a flag that is kept where nobody sees it, so that the second
 * or a later collision is not looked at. None of them may be said to hold.
 */
import { describe } from 'vitest'
import { checkOf, type Files } from '../project.js'
import { AGAIN, asking, refuses, trying } from './drivers.js'

const check = checkOf('again-kept', AGAIN)

/** A driver that imports a function `next` of a package in CommonJS. */
const inPackage = (text: string): Files => ({
  'node_modules/counts/package.json': '{ "name": "counts", "version": "1.0.0", "main": "index.js" }',
  'node_modules/counts/index.js': text,
  'driver.js': asking("import counts from 'counts'", 'collided && counts.next() < 2'),
})

const STATS = 'const stats = { n: 0 }'
const UNFROZEN = 'Where nothing is frozen'

describe('what the last match of a regular expression has left behind', () => {
  refuses(check, [
    ...['RegExp.$1', 'RegExp["$+"]', 'RegExp.input', 'Reflect.get(RegExp, "lastMatch")'].map(
      (asked): [string, string, string] => [
        `asked by ${asked}`,
        asking(
          '',
          `{ const was = ${asked}; 'mapped'.replace(/mapp(ed)/, '$1'); return collided && was === '' }`,
        ),
        'is used; a step looks only at the world',
      ],
    ),
  ])
})

describe('a write that has no effect where it is frozen, and of which nobody is told', () => {
  refuses(check, [
    [
      'by Reflect.set',
      asking(
        `${STATS}\nconst note = (s) => { Reflect.set(s, 'n', s.n + 1); return s.n }`,
        'collided && note(stats) < 2',
      ),
      'Reflect.set of what does not change is used',
    ],
    [
      'by Reflect.set, that decides every second time',
      asking(
        `${STATS}\nconst note = (s) => { Reflect.set(s, 'n', s.n + 1); return s.n }`,
        'collided && note(stats) % 2 === 1',
      ),
      'Reflect.set of what does not change is used',
    ],
    [
      'by Reflect.defineProperty',
      asking(
        "const known = {}\nconst note = (k) => { const had = Object.hasOwn(k, 'page'); Reflect.defineProperty(k, 'page', { value: 1 }); return !had }",
        'collided && note(known)',
      ),
      'Reflect.defineProperty of what does not change',
    ],
    [
      'by Reflect.deleteProperty',
      asking(
        "const todo = { look: true }\nconst take = (t) => { const { look } = t; Reflect.deleteProperty(t, 'look'); return look }",
        'collided && take(todo)',
      ),
      'Reflect.deleteProperty of what does not change',
    ],
    [
      'whose error is caught',
      asking(
        `${STATS}\nconst note = (s) => { try { s.n += 1 } catch {} return s.n }`,
        'collided && note(stats) < 2',
      ),
      `${UNFROZEN} \`stats.n\` was 0`,
    ],
    [
      'whose error a helper catches',
      asking(
        'const tries = [0]\nconst safely = (f, otherwise) => { try { return f() } catch { return otherwise } }\nconst more = (t) => safely(() => ++t[0], 1)',
        'collided && more(tries) < 3',
      ),
      `${UNFROZEN} \`tries[0]\` was 0`,
    ],
    [
      'by push, whose error is caught',
      asking(
        'const log = []\nconst note = (l, text) => { try { return l.push(text) } catch { return l.length } }',
        "collided && note(log, 'collided') < 3",
      ),
      `${UNFROZEN} \`log[0]\` was absent`,
    ],
    [
      'by Object.assign to a setter',
      asking(
        'const gauge = (() => { const cell = [0]; return { get value() { return cell[0] }, set value(v) { cell[0] = v } } })()\nconst bump = (o) => { try { Object.assign(o, { value: o.value + 1 }) } catch {} return o.value }',
        'collided && bump(gauge) < 3',
      ),
      `${UNFROZEN} \`cell[0]\` was 0`,
    ],
    [
      'which is left out where it would have none',
      asking(`${STATS}\nconst note = (s) => (Object.isFrozen(s) ? 0 : ++s.n)`, 'collided && note(stats) < 2'),
      `${UNFROZEN} \`stats.n\` was 0`,
    ],
    [
      'of a package in sloppy mode',
      inPackage('var stats = { n: 0 }\nexports.next = function () { stats.n++; return stats.n }'),
      `${UNFROZEN} \`stats.n\` was 0`,
    ],
    [
      'of a package, to what its methods belong to',
      inPackage(
        'function Stats() { this.n = 0 }\nStats.prototype.next = function () { this.n++; return this.n }\nmodule.exports = new Stats()',
      ),
      `${UNFROZEN} \`counts.n\` was 0`,
    ],
    [
      'of a helper in CommonJS',
      {
        'count.cjs': 'var stats = { n: 0 }\nexports.next = function () { stats.n++; return stats.n }',
        'driver.js': asking("import counts from './count.cjs'", 'collided && counts.next() < 2'),
      },
      `${UNFROZEN} \`stats.n\` was 0`,
    ],
    [
      'to the mirror',
      asking(
        'const note = (svm) => { const n = svm.known ?? 0; try { svm.known = n + 1 } catch {} return n }',
        'collided && note(svm) < 1',
      ),
      '`known` of an object that the layout handed out was changed',
    ],
    [
      'to an argument',
      trying(
        'const request = { page, write, trusted: false }',
        "yield* step('look', () => (collided && !request.trusted ? (Reflect.set(request, 'trusted', true), 1) : 0))",
        '',
        'request',
      ),
      'what `request` holds is changed, a variable of the procedure',
    ],
  ])
})

describe('a count', () => {
  refuses(check, [
    [
      'in import.meta',
      asking('const data = import.meta', 'collided && (data.n = (data.n ?? 0) + 1) % 3 !== 0'),
      'is not extensible',
    ],
    [
      'in the last match of a regular expression',
      asking(
        "const parse = (c) => /(\\d)/.test('collided=' + (c ? 1 : 0))\nconst last = (c) => { const before = RegExp.$1; parse(c); return before }",
        "collided && last(collided) !== '1'",
      ),
      'is used; a step looks only at the world',
    ],
    [
      'in half a character',
      asking(
        'const decoder = new TextDecoder()\nconst [half, rest] = [Uint8Array.of(0xc3), Uint8Array.of(0xa9)]',
        "[decoder.decode(collided ? rest : half, { stream: true })].every((text) => collided && text !== 'é')",
      ),
      'TextDecoder',
    ],
    [
      'in what a bound function keeps',
      asking('const next = ((box) => ++box.n).bind(null, { n: 0 })', 'collided && next() % 5 !== 0'),
      'read only property',
    ],
    [
      'in a map of bound methods',
      {
        'cache.js':
          'export const cache = () => { const map = new Map(); return { get: map.get.bind(map), set: map.set.bind(map) } }',
        'driver.js': asking(
          "import { cache } from './cache.js'\nconst { get, set } = cache()\nconst look = (page) => { const known = get(page); set(page, true); return !known }",
          'collided && look(page)',
        ),
      },
      'led elsewhere',
    ],
    [
      'in a weak map by mirror',
      asking(
        'const seen = new WeakMap()\nconst note = (m) => { const n = (seen.get(m) ?? 0) + 1; seen.set(m, n); return n }',
        'collided && note(svm) % 4 !== 0',
      ),
      'led elsewhere',
    ],
    [
      'in a private static field',
      asking(
        'class Stats { static #n = 0; static isNoisy() { return ++this.#n > 8 } }',
        'collided && !Stats.isNoisy()',
      ),
      '`Stats.#n` was 0',
    ],
    [
      'in a private field, by a getter',
      asking(
        'class Backoff { #left = 3; get isOver() { return this.#left === 0 || --this.#left === 0 } }\nconst backoff = new Backoff()',
        'collided && !backoff.isOver',
      ),
      '`backoff.#left` was 3',
    ],
    [
      'of a memoized function two modules away',
      {
        'table.js': 'export const table = new Map()',
        'memo.js':
          "import { table } from './table.js'\nconst noted = (t, key, value) => t.set(key, value)\nexport const memoize = (f) => (key) => { const known = table.has(key); noted(table, key, f(key)); return known && table.get(key) }",
        'driver.js': asking(
          "import { memoize } from './memo.js'\nconst isTrusted = memoize((page) => page >= 0)",
          'collided && !isTrusted(page)',
        ),
      },
      'led elsewhere',
    ],
    [
      'by the place of a template',
      asking(
        'const done = new WeakSet()\nconst more = (s, x) => s.add(x)\nconst once = (at) => (done.has(at) ? false : (more(done, at), true))',
        'collided && once`compare`',
      ),
      'led elsewhere',
    ],
    [
      'in the list of arguments',
      asking(
        'function counter() { const args = arguments; return () => ++args[0] }\nconst next = counter(0)',
        'collided && next() < 3',
      ),
      '[object Arguments]',
    ],
    [
      'in the lock of a stream',
      asking(
        'const gate = new ReadableStream()\nconst take = (g) => { if (g.locked) return false; g.getReader(); return true }',
        'collided && take(gate)',
      ),
      'read only property',
    ],
    [
      'of the nesting of calls',
      asking(
        'const depth = new Uint8Array(1)\nconst enter = (d, f) => { if (++d[0] > 3) return false; const r = f(); if (!r) d[0]--; return r }',
        'enter(depth, () => collided)',
      ),
      'led elsewhere',
    ],
    [
      'in the length of a buffer',
      asking(
        'const log = new ArrayBuffer(0, { maxByteLength: 16 })\nconst more = (l) => { if (l.byteLength < 16) l.resize(l.byteLength + 1); return l.byteLength }',
        'collided && more(log) < 4',
      ),
      'ArrayBuffer.prototype.resize is used',
    ],
    [
      'in a set of another module',
      {
        'seen.js': 'export const seen = new Set()',
        'driver.js': asking(
          "import { seen } from './seen.js'",
          'collided && !seen.has(page) && seen.add(page) === seen',
        ),
      },
      'led elsewhere',
    ],
    [
      'in a private field of the mirror, put there by a bound superclass',
      asking(
        'const Above = function (o) { return o }.bind(null)\nAbove.prototype = {}\nclass Stamp extends Above { #n = 0; constructor(o) { super(o, null) } static count(o) { if (!(#n in o)) new Stamp(o); return ++o.#n } }',
        'collided && Stamp.count(svm) % 3 !== 0',
      ),
      'has private fields, and its superclass',
    ],
    [
      'in a private field of the mirror, put there by a class between',
      asking(
        'const Bound = function (o) { return o }.bind(null)\nBound.prototype = {}\nclass Above extends Bound {}\nclass Stamp extends Above { #n = 0; constructor(o) { super(o, null) } static count(o) { if (!(#n in o)) new Stamp(o); return ++o.#n } }',
        'collided && Stamp.count(svm) % 3 !== 0',
      ),
      'has private fields, and its superclass',
    ],
    [
      'in a private field of the mirror, put there by a function of Node',
      asking(
        "import util from 'node:util'\nconst Above = util._extend\nclass Stamp extends Above { #n = 0; constructor(o) { super(o, null) } static count(o) { if (!(#n in o)) new Stamp(o); return ++o.#n } }",
        'collided && Stamp.count(svm) % 3 !== 0',
      ),
      'has private fields, and its superclass',
    ],
    [
      'in a private field of the mirror, put there by a deprecated superclass',
      asking(
        "import util from 'node:util'\nconst Above = util.deprecate(function (o) { return o }, 'old')\nclass Stamp extends Above { #n = 0; constructor(o) { super(o, null) } static count(o) { if (!(#n in o)) new Stamp(o); return ++o.#n } }",
        'collided && Stamp.count(svm) % 3 !== 0',
      ),
      'has private fields, and its superclass',
    ],
    ...[
      ['on the cache of modules', 'require.cache', 'a change of require.cache is used'],
      ['on what loads by extension', 'require.extensions', 'is not extensible'],
      ['on the class of modules', 'module.constructor', 'is not extensible'],
      ['on the paths of modules', 'module.constructor._pathCache', 'a change of Module._pathCache is used'],
    ].map(([where, object, said]): [string, Files, string] => [
      where,
      inPackage(
        `'use strict'\nexports.next = function () { ${object}.n = (${object}.n || 0) + 1; return ${object}.n }`,
      ),
      said,
    ]),
    [
      'in a key of a map',
      asking(
        'const pages = new Map([[new Uint8Array(1), 1]])\nconst more = (m) => { for (const [key] of m) if (++key[0] > 2) return false; return true }',
        'collided && more(pages)',
      ),
      '`pages[0].key` was',
    ],
    [
      'in a default value',
      asking(
        'const ticket = (() => { let n = 0; return () => n++ })()\nconst isFirst = (c, { turn = ticket() } = {}) => c && turn < 3',
        'isFirst(collided)',
      ),
      '`n` was 0',
    ],
    [
      'in a query',
      asking(
        "const settings = new URLSearchParams('tries=2')\nconst more = (s) => { const n = Number(s.get('tries')); s.set('tries', String(n - 1)); return n }",
        'collided && more(settings) > 0',
      ),
      'read only property',
    ],
    [
      'in the limit of stacks',
      asking(
        'const once = (of) => { const first = of.stackTraceLimit !== 3; of.stackTraceLimit = 3; return first }',
        'collided && once(Error)',
      ),
      "'stackTraceLimit'",
    ],
    [
      'in a method of a subclass of Map',
      asking(
        'const hidden = new WeakMap()\nconst put = (h, of, n) => h.set(of, n)\nclass Lru extends Map { bump() { const n = (hidden.get(this) ?? 0) + 1; put(hidden, this, n); return n } }\nconst lru = new Lru()',
        'collided && lru.bump() < 3',
      ),
      '`hidden[0].key` was absent',
    ],
    [
      'in what the mirror leads to',
      asking(
        'const note = (m) => { const n = m.get(1000) ?? 0; m.set(1000, n + 1); return n }',
        'collided && note(svm.notifier.readers) < 2',
      ),
      'takes another course',
    ],
    [
      'beside the callbacks of the notifier',
      asking(
        'const note = (o) => { o.seen = (o.seen ?? 0) + 1; return o.seen }',
        'collided && note(svm.notifier.ops) < 3',
      ),
      'takes another course',
    ],
  ])
})

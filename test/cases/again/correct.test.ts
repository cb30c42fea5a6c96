/**
 * Correct drivers of many styles: each must be said to hold.
 */
import { describe, expect, test } from 'vitest'
import { checkOf, type Files } from '../project.js'
import { AGAIN, asking, decided, invalidating, mapping, trying } from './drivers.js'

const check = checkOf('again-correct', AGAIN)

const LOCKED = 'yield* svm.state.notifierLock.lockRead()'
const UNLOCKED = 'yield* svm.state.notifierLock.unlockRead()'
const SET_SEQ = "yield* step('set_seq', () => { mmu_interval_set_seq(svm.notifier, curSeq); return 0 })"

/** What decides in a step whether a walk is stale, one line of each style; all answer what they are told. */
const LOOKS = `import { isStale } from './pure.cjs'
import { names } from 'names'
import * as beside from './arith.js'
import arith, { sets } from './arith.js'
const own = Object.freeze({ add: (a, b) => a + b, 'delete': (a) => a })
class Ring { next(i) { return (i + 1) % 4 } static fill = (n) => n }
const ring = new Ring()
import settings from './settings.json' with { type: 'json' }
const { sum } = await import('./lazy.js')
class Again extends Error { constructor() { super('again'); this.name = 'Again' } }
const BLANKS = /\\s+/g
const nameOf = (text) => text.trim().replace(BLANKS, '_').replaceAll(/_+/g, '_')
const KIND = new Map([['stale', true], ['fresh', false]])
const WORDS = new Set(KIND.keys())
function kind(word) { for (const [name, value] of KIND) if (name === word && WORDS.has(word)) return value; return false }
function* count() { yield 0; yield 1 }
function local(c) {
  const map = new Map([['c', c]])
  const weak = new WeakMap([[map, map.get('c')]])
  const words = [...'a=1,b=2'.matchAll(/(\\w)=(\\d)/g)].map(([, key, value]) => key + value)
  const iterator = count()
  iterator.next()
  const bits = new Uint8Array(2)
  bits[iterator.next().value] = Number(weak.get(map) && words.length === 2)
  const named = {}
  named.toString = () => String(bits[1])
  return String(named) === '1'
}
function counted(c) {
  const counts = {}
  for (const word of ['constructor', 'valueOf', 'fresh']) counts[word] = word.length
  return Number({ valueOf: () => (c ? 1 : 0) }) === 1 && counts.constructor === 11
}
function Look(c) { this.c = c }
Look.prototype.isStale = function () { return this.c }
Look.prototype.toString = function () { return this.c ? 'stale' : 'fresh' }
const memoizing = (f) => { const memo = new Map(); return (key) => { if (!memo.has(key)) memo.set(key, f(key)); return memo.get(key) } }
const FORMAT = new Intl.NumberFormat('en')
const KEY = Symbol('look')
const EPOCH = new Date(0)
const TEXTS = { [KEY]: 'stale', get all() { return [this[KEY], 'fresh'] } }
let table = []
for (let i = 0; i < 2; i++) table = [...table, i > 0]
var order
if (table.length > 1) order = ['fresh', 'stale']
const exits = (process, { performance, Date, console }) => process.exit && !(performance.now || Date.now || console.log)
class Bits { static TABLE; static { this.TABLE = Object.freeze(Array.from({ length: 4 }, (_, i) => 1 << i)) } #of(i) { return Bits.TABLE[i] } has(x, i) { return (x & this.#of(i)) !== 0 } }
const BITS = Object.freeze(new Bits())
class Shape { constructor(kind) { if (kind === undefined) return; this.kind = kind; const own = () => { return { kind } }; own() } name() { return this.kind } }
class Tagged extends Shape { #tag; constructor(tag) { super('tagged'); this.#tag = tag } get tag() { return this.#tag } }
const thrown = (c) => { try { if (c) throw new Again(); return false } catch (e) { return e instanceof Again && e.name === 'Again' } }
const printf = (format, ...args) => format.replace(/%[sd]/g, () => String(args.shift()))
const LOOKS = [
  isStale, thrown, local, counted,
  (c) => nameOf(\`is  \${c ? 'stale' : 'fresh'}\`) === 'is_stale',
  (c) => names[c ? 1 : 0] === 'stale' && kind(names[c ? 1 : 0]),
  (c) => (settings.checks.includes('sequence') ? c : false),
  (c) => String(new Look(c)) === 'stale' && new Look(c).isStale(),
  (c) => { const fib = memoizing((n) => (n < 2 ? n : fib(n - 1) + fib(n - 2))); return sum(fib(10), 0) === 55 && c },
  (c) => TEXTS.all.at(c ? 0 : 1) === 'stale' && FORMAT.format(1000) === '1,000' && EPOCH.getTime() === 0,
  (c) => table[order.indexOf(c ? 'stale' : 'fresh')],
  (c) => exits({ exit: c }, { performance: {}, Date: {}, console: {} }),
  (c) => new Tagged(c).tag && new Tagged(c).name() === 'tagged',
  (c) => BITS.has(c ? 2 : 4, 1),
  (c) => arith.add(c ? 1 : 0, sets.set(0, 1)) === 3 && beside.clear(3, 0) === 2,
  (c) => own.add(c ? 1 : 0, own.delete(1)) === 2 && ring.next(Ring.fill(3)) === 0,
  (c) => printf('%s %d', c ? 'stale' : 'fresh', 3).normalize('NFC').toUpperCase() === String.raw\`STALE 3\`,
]
const agreed = (c) => LOOKS.every((look) => look(c))`

const HELPERS: Files = {
  'pure.cjs':
    "'use strict'\nconst names = ['fresh', 'stale']\nexports.isStale = (c) => names[c ? 1 : 0] === 'stale'",
  'arith.js':
    'export default { add: (a, b) => a + b }\nexport const sets = { set: (x, i) => x | (1 << i) }\nexport const clear = (x, i) => x & ~(1 << i)',
  'lazy.js': 'export const sum = (...all) => all.reduce((a, b) => a + b, 0)',
  'settings.json': '{ "checks": ["sequence", "rights"] }',
  'node_modules/names/package.json': '{ "name": "names", "version": "1.0.0", "main": "index.js" }',
  'node_modules/names/index.js': "exports.names = ['fresh', 'stale']",
}

/** In TypeScript: types, generics, an abstract class, an enumeration, parameter properties. */
const TYPED = `import { close, declareState, defineDriver, faultBy, invalidate, mapIf, pageTable } from './base.js'
enum Look { Fresh, Stale }
const Verdict = { fresh: 0, stale: 1 } as const satisfies Record<string, number>
type Verdict = (typeof Verdict)[keyof typeof Verdict]
const ANSWERS: Readonly<Partial<Record<Verdict, boolean>>> = { [Verdict.stale]: true }
function pick<K extends PropertyKey, V>(table: { readonly [P in K]?: V }, key: K, otherwise: V): V { return table?.[key] ?? otherwise }
class Asked { constructor(private readonly collided: boolean) {} get look() { return this.collided ? Look.Stale : Look.Fresh } }
abstract class Base {
  abstract readonly name: string
  readonly state = declareState
  readonly pageTable = pageTable
  readonly invalidate = invalidate
  readonly fault = faultBy(mapIf((c: boolean) => this.isStale(c)))
  readonly close = close
  protected isStale(c: boolean): boolean { return new Asked(c).look === Look.Stale && pick(ANSWERS, c ? Verdict.stale : Verdict.fresh, false) }
}
class Typed extends Base { override readonly name = 'again' }
export default defineDriver(new Typed() as never)
`

describe('holds', () => {
  test.each<readonly [what: string, files: Files]>([
    [
      'constants, helpers and what a step makes for itself',
      { ...HELPERS, 'driver.js': asking(LOOKS, 'collided && agreed(collided)') },
    ],
    ['in TypeScript', { 'driver.ts': TYPED }],
    [
      'a class of spans, a sorted list and a local table in the callback',
      {
        'driver.js': invalidating(
          `const removed = yield* step('set_seq, unmap from the end', () => {
    mmu_interval_set_seq(svm.notifier, curSeq)
    const pages = [...new Span(range.start, range.end)].sort((a, b) => b - a)
    const done = {}
    let count = 0
    for (const page of pages) { const one = new Span(page, page + 1); dirtyPages(svm, one); unmapPages(svm, one); done[page] = ++count }
    return pages.reverse().length === Object.keys(done).length ? count : 0
  })
  if (removed > 0) yield* flushDevice(svm, range)`,
          'class Span { constructor(start, end) { this.start = start; this.end = end } *[Symbol.iterator]() { for (let page = this.start; page < this.end; page++) yield page } }',
        ),
      },
    ],
    [
      'a procedure that calls itself',
      {
        'driver.js': invalidating(
          `${SET_SEQ}\nyield* unmapTree(svm, Math.max(range.start, svm.notifier.start), Math.min(range.end, svm.notifier.last + 1))\nyield* flushDevice(svm, range)`,
          `const halves = ({ start, end }) => (end - start <= 1 ? [{ start, end }] : [...halves({ start, end: (start + end) >> 1 }), ...halves({ start: (start + end) >> 1, end })])
const unmapTree = procedure('unmap tree', function* (svm, start, end) {
  if (end <= start) return 0
  if (end - start === 1) return yield* step('one', () => { for (const part of halves({ start, end })) { dirtyPages(svm, part); unmapPages(svm, part) } return 0 })
  yield* unmapTree(svm, start, (start + end) >> 1)
  return yield* unmapTree(svm, (start + end) >> 1, end)
})`,
        ),
      },
    ],
    [
      'a worker that unmaps all, and a close that disables it',
      {
        'driver.js': invalidating(
          `${SET_SEQ}\nyield* zap(svm, range)\nyield* queue_work(workOf(svm, 'aging'))`,
          `const aging = procedure(function* age(_c, svm) {
  yield* svm.state.notifierLock.lockWrite()
  yield* zap(svm, { start: svm.notifier.start, end: svm.notifier.last + 1 })
  yield* svm.state.notifierLock.unlockWrite()
})
const fini = procedure(function* fini(c, svm) { yield* close(c, svm); yield* disable_work_sync(workOf(svm, 'aging')) })`,
          'close: fini, work: { aging }',
        ),
      },
    ],
    [
      'fields of its own, under a lock of its own',
      {
        'driver.js': decided(
          "yield* note(svm, collided ? 'again' : 'mapped')\n  const stale = collided",
          `const state = (l) => {
  const statsLock = new Mutex(l, 'stats_lock', { rank: LockRank.update + 1 })
  return { ...declareState(l), statsLock, collisions: l.counter('collisions', 3, { guardedBy: statsLock }), last: l.oneOf('last', ['none', 'mapped', 'again'], { guardedBy: statsLock }) }
}
const note = procedure(function* note_answer(svm, answer) {
  yield* svm.state.statsLock.critical('note', () => {
    svm.state.last = answer
    svm.state.collisions = Math.min(3, svm.state.collisions + (answer === 'again' ? 1 : 0))
    return 0
  })
})`,
          'state',
        ),
      },
    ],
    [
      'locals that are changed between steps, callbacks, a private field, tries in a loop',
      {
        'driver.js': trying(
          'let left = 2\n  const tally = new Tally()',
          `yield* step('stale?', () => { let n = 0; [collided ? 1 : 0].forEach((x) => { n += x }); return n > 0 })
    ;[1, 2].forEach((x) => { left += x })
    tally.add(left)
    if (tally.sum < left) return -Errno.EFAULT`,
          'class Tally { #n = 0; list = []; add(x) { this.#n += x; this.list.push(x) } get sum() { return this.#n } }',
        ),
      },
    ],
    [
      'an exception in a procedure, and a lock that finally drops',
      {
        'driver.js': mapping(
          `${LOCKED}
  try {
    try { if (yield* mmu_interval_read_retry(svm.notifier, range.notifierSeq)) throw new Again() } catch (thrown) { if (thrown.name === 'Again') return 'again'; throw thrown }
    yield* step('map the page', () => mapIt(svm, range, page))
    return 'mapped'
  } finally { ${UNLOCKED} }`,
          "class Again extends Error { constructor() { super('again'); this.name = 'Again' } }",
        ),
      },
    ],
    [
      'a helper that runs a generator under a lock, and options with defaults',
      {
        'driver.js': mapping(
          `return yield* reading(svm.state.notifierLock, function* () {
    if (yield* mmu_interval_read_retry(svm.notifier, range.notifierSeq)) return OPTIONS.onBusy
    yield* step('map the page', () => mapIt(svm, range, page))
    return 'mapped'
  })`,
          "function* reading(lock, body) { yield* lock.lockRead(); const result = yield* body(); yield* lock.unlockRead(); return result }\nconst { tries, ...OPTIONS } = { ...{ tries: 2, onBusy: 'later' }, onBusy: 'again' }",
        ),
      },
    ],
  ])('%s', (_, files) => {
    const driver = Object.keys(files).find((file) => file.startsWith('driver.'))
    const { code, out } = check(files, driver, ['unmap-and-close'])
    expect(out).toContain('holds')
    expect(code).toBe(0)
  })
})

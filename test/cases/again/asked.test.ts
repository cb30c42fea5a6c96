/**
 * Drivers that ask what is not in the world, or keep something from one step of a procedure to the next that a replay does not have.
 * None of them may be said to hold.
 */
import { describe, expect, test } from 'vitest'
import { checkOf } from '../project.js'
import { AGAIN, asking, decided, refuses, trying } from './drivers.js'

const check = checkOf('again-asked', AGAIN)

describe('what is no state of the driver', () => {
  refuses(check, [
    [
      'an aborted controller',
      asking(
        'const closing = new AbortController()\nconst look = (c) => { const { aborted } = c.signal; c.abort(); return !aborted }',
        'collided && look(closing)',
      ),
      'led elsewhere',
    ],
    [
      'a listener that is called once',
      asking(
        "const target = new EventTarget()\ntarget.addEventListener('c', (e) => e.preventDefault(), { once: true })",
        "collided && !target.dispatchEvent(new Event('c', { cancelable: true }))",
      ),
      'could not be checked',
    ],
    [
      'a promise that is settled',
      {
        'driver.js': asking(
          "import { inspect } from 'node:util'\nlet open\nconst once = new Promise((resolve) => { open = resolve })\nconst look = () => { const pending = inspect(once).includes('pending'); open(1); return pending }",
          'collided && look()',
        ),
      },
      'led elsewhere',
    ],
    [
      'the time by a format',
      asking(
        "const format = new Intl.DateTimeFormat('en', { fractionalSecondDigits: 3 })",
        'collided && Number(format.format()) % 97 !== 0',
      ),
      'format() is used',
    ],
    [
      'the time by an event',
      asking('', "collided && Math.floor(new Event('x').timeStamp) % 89 !== 0"),
      'timeStamp is used',
    ],
    [
      'marks of a profiler',
      asking('', "collided && (performance.mark('c'), performance.getEntriesByName('c').length < 3)"),
      'performance.mark is used',
    ],
    [
      'the error of a library, from one call to the next',
      asking(
        'const errno = new Int32Array(1)\nconst set = (e, v) => { e[0] += v; return e[0] }',
        'set(errno, collided ? 1 : 0) === 1 && collided',
      ),
      'led elsewhere',
    ],
    [
      'a getter that counts',
      asking(
        'const asked = new Uint8Array(1)\nconst limit = { get left() { return asked[0]++ < 3 } }',
        'collided && limit.left',
      ),
      'led elsewhere',
    ],
    [
      'where the stack was called from',
      asking('', "collided && !/audit|live/.test(new Error('where').stack)"),
      'takes another course',
    ],
  ])

  test.each([
    [
      'modules of Node.js',
      {
        "import { freemem } from 'node:os'": 'node:os is imported',
        "import { getHeapStatistics, Serializer } from 'node:v8'": 'node:v8 is imported',
        "import { createHash } from 'node:crypto'": 'node:crypto is imported',
        "import { EventEmitter } from 'node:events'": 'node:events is imported',
        "import process, { env, umask } from 'node:process'": 'node:process is imported',
        "import { readFile } from 'node:fs/promises'": 'node:fs/promises is imported',
      },
    ],
    [
      'global names',
      {
        "const registry = globalThis\nconst KEY = Symbol.for('odp')": 'globalThis is used',
        "const count = new Function('s', 's.n += 1')": 'Function is used',
        'const warm = {}\nsetTimeout(() => { warm.up = true }, 300)': 'setTimeout is used',
        'const TRUSTING = Math.random() < 0.5': 'Math.random is used',
        'const d = {}\nqueueMicrotask(() => { d.careful = false })': 'queueMicrotask is used',
      },
    ],
  ] as readonly [string, Readonly<Record<string, string>>][])('%s', (_, lines) => {
    const { code, out } = check({ 'driver.js': asking(Object.keys(lines).join('\n'), 'collided') })
    for (const said of Object.values(lines)) expect(out).toContain(said)
    expect(code).toBe(2)
  })
})

describe('what is kept from one step of a procedure to the next', () => {
  refuses(check, [
    [
      'an iterator',
      trying(
        "const looks = ['compare', 'trust'].values()\n  const look = () => looks.next().value",
        "yield* step('look', () => (collided && look() === 'compare' ? 1 : 0))",
      ),
      'led elsewhere',
    ],
    [
      'a generator',
      trying(
        'const looks = plan()',
        "yield* step('look', () => (collided ? resume(looks) : 0))",
        'function* plan() { yield 1; yield 0 }\nconst resume = (g) => g.next().value ?? 0',
      ),
      'led elsewhere',
    ],
    [
      'a list that a helper takes from',
      trying(
        'const turns = [1, 0]',
        "yield* step('look', () => collided && takeLast(turns) === 0)",
        'const takeLast = (list) => list.sort((a, b) => b - a).pop()',
      ),
      'led elsewhere',
    ],
    [
      'a budget with a private field',
      trying(
        'const budget = new Budget(1)',
        "yield* step('look', () => collided && budget.spend())",
        'class Budget { #left; constructor(n) { this.#left = n } spend() { return this.#left-- > 0 } }',
      ),
      '`budget.spend()` changes `budget`',
    ],
    [
      'what a step has answered',
      trying(
        "const found = yield* step('what is wanted', () => ({ page, seen: false }))",
        'collided && !mark(found)',
        'const mark = (o) => { const { seen } = o; try { o.seen = true } catch {} return seen }',
      ),
      'takes another course',
      'two-faults',
    ],
    [
      'the state of the last mirror',
      decided(
        'const stale = collided && lock !== undefined',
        'let lock\nconst state = (l) => { const declared = declareState(l); lock = declared.notifierLock; return declared }',
        'state',
      ),
      '`lock` is assigned, a variable of the module',
    ],
    [
      'a field that is read between steps',
      decided(
        "const { hot } = svm.state\n  if (collided) yield* step('it is hot', () => { svm.state.hot = true; return 0 })\n  const stale = collided && !hot",
        "const state = (l) => ({ ...declareState(l), hot: l.flag('hot') })",
        'state',
      ),
      'a field of the world is read between two steps',
    ],
    [
      'the array of a walk, read between steps',
      decided('const stale = collided && range.pfns[page].flags === 0'),
      'a field of the world is read between two steps',
    ],
    [
      'a lock that is asked between steps',
      decided('const stale = collided && !svm.state.notifierLock.heldBy(0)'),
      'a field of the world is read between two steps',
    ],
    [
      'a number of a sequence',
      decided("const stale = collided && !(yield* step('late?', () => svm.notifier.seq > 4))"),
      'takes another course',
      'mmap-over',
    ],
    [
      'a number of a sequence in a counter',
      decided(
        "yield* step('keep', () => { svm.state.kept = svm.notifier.seq & 7; return 0 })\n  const stale = collided",
        "const state = (l) => ({ ...declareState(l), kept: l.counter('kept', 15) })",
        'state',
      ),
      'takes another course',
      'mmap-over',
    ],
  ])
})

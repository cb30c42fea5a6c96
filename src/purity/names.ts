/**
 * Names that mean something to the rules of purity.
 *
 * @module
 */

/** Global names that look at more than the world, and what to write instead. */
export const OUTSIDE: ReadonlyMap<string, string> = new Map([
  ...[
    'Date',
    'performance',
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'requestAnimationFrame',
  ].map((name) => [name, 'let a step go several ways (`choose(name, n)`): the checker tries each'] as const),
  ...['process', 'crypto', 'fetch', 'require', 'Worker', 'XMLHttpRequest', 'WebSocket'].map(
    (name) => [name, 'a driver is made of procedures and the world alone'] as const,
  ),
  ...['eval', 'Function', 'Proxy', 'WeakRef', 'FinalizationRegistry', 'SharedArrayBuffer', 'Atomics'].map(
    (name) => [name, 'write what is to happen as steps and fields'] as const,
  ),
  ...['globalThis', 'global', 'window', 'self'].map((name) => [name, 'keep a field in the world'] as const),
])

/** Modules of Node.js that hold no clock, chance or state. */
export const HARMLESS_MODULES: ReadonlySet<string> = new Set([
  'assert',
  'assert/strict',
  'path',
  'url',
  'util',
])

/** Modules of Node.js whose functions are guarded while procedures run. */
export const GUARDED_MODULES: readonly string[] = ['child_process', 'crypto', 'fs', 'os', 'v8']

/** Methods that change what they are called on. */
export const MUTATORS: ReadonlySet<string> = new Set([
  'push',
  'pop',
  'shift',
  'unshift',
  'splice',
  'sort',
  'reverse',
  'fill',
  'copyWithin',
  'add',
  'set',
  'delete',
  'clear',
  'next',
])

/** Functions that change their first argument, as `Object.assign`. */
export const CHANGES_FIRST: ReadonlySet<string> = new Set([
  'Object.assign',
  'Object.defineProperty',
  'Object.defineProperties',
  'Object.setPrototypeOf',
  'Reflect.set',
  'Reflect.defineProperty',
  'Reflect.deleteProperty',
  'Reflect.setPrototypeOf',
])

/** What makes a step of a closure. */
export const STEP_MAKERS: ReadonlySet<string> = new Set(['step', 'critical'])

/** What must stand behind `yield*`. */
export const OPERATIONS: ReadonlySet<string> = new Set(['step', 'choose', 'become', 'critical'])

/** Methods of locks and wait queues that must, too. */
export const LOCK_METHODS: ReadonlySet<string> = new Set([
  'lock',
  'unlock',
  'trylock',
  'lockRead',
  'unlockRead',
  'trylockRead',
  'lockWrite',
  'unlockWrite',
  'downgrade',
  'wait',
  'waitTimeout',
])

/** Names of the world's own functions that a closure may call, where the text does not declare them. */
export const PURE_CALLS: ReadonlySet<string> = new Set(['claim', 'Number', 'Boolean', 'String', 'READ_ONCE'])

export const BUILT_IN: ReadonlySet<string> = new Set([
  'Object',
  'Array',
  'Function',
  'Map',
  'Set',
  'WeakMap',
  'Math',
  'JSON',
  'Number',
  'String',
  'Symbol',
  'Reflect',
])

export const NODE_MODULES: ReadonlySet<string> = new Set(
  (
    'async_hooks buffer child_process cluster crypto diagnostics_channel dns events fs fs/promises http http2 https ' +
    'inspector module net os perf_hooks process readline repl stream string_decoder sys timers timers/promises tls tty v8 vm ' +
    'wasi worker_threads zlib'
  ).split(' '),
)

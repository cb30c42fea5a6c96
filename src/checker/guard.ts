/**
 * Guards what procedures must not use: the clock, random numbers, the process. A use is an error
 * while procedures and claims run, even if the procedure catches it. At all other times the guarded
 * functions work as usual.
 *
 * @module
 */
import { acting } from '../world/acting.js'
import { SpecificationError } from '../world/errors.js'

const INSTEAD =
  'a step looks only at the world, its choice and its arguments; let it go several ways with ' +
  '`choose(name, n)`, or keep a field in the world'

function refuse(what: string): never {
  throw new SpecificationError('impure', `${what} is used; ${INSTEAD}`)
}

// biome-ignore lint/suspicious/noExplicitAny: members of built-in objects, by name
type Members = Record<string, any>

/** The guarded functions, by the global object that has them. */
const FUNCTIONS: readonly (readonly [name: string, members: readonly string[]])[] = [
  ['Math', ['random']],
  ['Date', ['now']],
  [
    'performance',
    [
      'clearMarks',
      'eventLoopUtilization',
      'getEntries',
      'getEntriesByName',
      'getEntriesByType',
      'mark',
      'measure',
      'now',
    ],
  ],
  ['console', ['assert', 'count', 'countReset', 'group', 'groupEnd', 'time', 'timeEnd', 'timeLog']],
  ['crypto', ['getRandomValues', 'randomUUID']],
  ['Atomics', ['wait', 'waitAsync']],
  [
    'process',
    [
      'abort',
      'availableMemory',
      'binding',
      'chdir',
      'constrainedMemory',
      'cpuUsage',
      'cwd',
      'dlopen',
      'exit',
      'getActiveResourcesInfo',
      'hrtime',
      'kill',
      'memoryUsage',
      'nextTick',
      'reallyExit',
      'resourceUsage',
      'umask',
      'uptime',
    ],
  ],
  ['URL', ['createObjectURL']],
  ['', ['fetch', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout']],
]

/**
 * Methods that change a built-in object, or that reveal garbage collection. Such state is not part
 * of the world.
 */
const METHODS: readonly (readonly [name: string, members: RegExp])[] = [
  ['Date', /^set/],
  ['DataView', /^set/],
  ['ArrayBuffer', /^(resize|transfer)/],
  ['SharedArrayBuffer', /^grow$/],
  ['WeakRef', /^deref$/],
]

/** Functions that return false instead of throwing if they change nothing. */
const ANSWERING: readonly string[] = [
  'defineProperty',
  'deleteProperty',
  'preventExtensions',
  'set',
  'setPrototypeOf',
]

/** Getters that reveal when an object was created. */
const TIMES: readonly (readonly [name: string, member: string])[] = [
  ['Event', 'timeStamp'],
  ['File', 'lastModified'],
  ['Performance', 'nodeTiming'],
  ['Performance', 'timeOrigin'],
  ['PerformanceEntry', 'duration'],
  ['PerformanceEntry', 'startTime'],
]

/** Legacy properties of RegExp, which keep the last match. */
const LAST_MATCH: readonly string[] = [
  ...['input', '$_', 'lastMatch', '$&', 'lastParen', '$+', 'leftContext', '$`', 'rightContext', "$'"],
  ...['$1', '$2', '$3', '$4', '$5', '$6', '$7', '$8', '$9'],
]

/** The functions and objects that replace guarded ones. They keep no state. */
const guards = new WeakSet<object>()

/** True for a replacement of a guarded function or object. */
export function isGuard(value: object): boolean {
  return guards.has(value)
}

let installed = false

function isGuarded(): boolean {
  return acting.inside || acting.building
}

/**
 * Installs the guards, once. Call it before a driver is loaded, so that functions which it imports
 * are guarded too.
 */
export function installGuards(): void {
  if (installed) return
  installed = true
  const global = globalThis as Members
  for (const [name, members] of FUNCTIONS) {
    const owner: Members | undefined = name === '' ? global : global[name]
    if (owner === undefined) continue
    for (const member of members) guardMember(owner, member, name === '' ? member : `${name}.${member}`)
  }
  for (const [name, members] of METHODS) {
    const prototype: Members | undefined = global[name]?.prototype
    for (const member of prototype === undefined ? [] : Object.getOwnPropertyNames(prototype))
      if (members.test(member)) guardMember(prototype as Members, member, `${name}.prototype.${member}`)
  }
  for (const [name, member] of TIMES)
    guardGetter(global[name]?.prototype, member, `${name}.prototype.${member}`)
  for (const member of LAST_MATCH) guardGetter(RegExp, member, `RegExp.${member}`)
  const { nodeTiming } = performance as { readonly nodeTiming?: object }
  for (const member of ['duration', 'idleTime', 'uvMetricsInfo'])
    guardGetter(nodeTiming, member, `performance.nodeTiming.${member}`)
  guardDate(global)
  guardFormats()
  for (const member of ANSWERING) guardAnswer(Reflect as Members, member, `Reflect.${member}`)
}

/**
 * Guards the functions of an object, such as a module of Node.js. `name` is its name in messages.
 */
export function guardFunctions(object: object, name: string): void {
  for (const member of Object.getOwnPropertyNames(object)) guardMember(object, member, `${name}.${member}`)
}

const OF_COLOURS: readonly PropertyKey[] = ['FORCE_COLOR', 'NODE_DISABLE_COLORS', 'NO_COLOR']

/**
 * Guards the environment variables, on which no model may depend.
 *
 * @returns the replacement of `variables`
 */
export function guardedVariables(variables: object, name: string): object {
  const refuseInside = () => {
    if (isGuarded()) refuse(name)
  }
  const guarded = new Proxy(variables, {
    get(target, key) {
      // Code that prints checks whether the terminal has colours. That does not change while a
      // model runs.
      if (!OF_COLOURS.includes(key)) refuseInside()
      return Reflect.get(target, key)
    },
    has(target, key) {
      refuseInside()
      return Reflect.has(target, key)
    },
    ownKeys(target) {
      refuseInside()
      return Reflect.ownKeys(target)
    },
    getOwnPropertyDescriptor(target, key) {
      refuseInside()
      return Reflect.getOwnPropertyDescriptor(target, key)
    },
  })
  guards.add(guarded)
  return guarded
}

/**
 * Guards a cache of the module loader, which only the loader may change. No module is loaded while
 * a model runs.
 *
 * @returns the replacement of `store`
 */
export function guardedStore<T extends object>(store: T, name: string): T {
  const changing = ['set', 'defineProperty', 'deleteProperty', 'preventExtensions', 'setPrototypeOf'] as const
  const guarded = new Proxy(
    store,
    Object.fromEntries(
      changing.map((change) => [
        change,
        (...args: unknown[]): unknown => {
          if (isGuarded()) refuse(`a change of ${name}`)
          return Reflect.apply(Reflect[change], Reflect, args)
        },
      ]),
    ),
  )
  guards.add(guarded)
  return guarded
}

/** A date format without an argument formats the current time. */
function guardFormats(): void {
  const { prototype } = Intl.DateTimeFormat
  const format = Object.getOwnPropertyDescriptor(prototype, 'format')
  const original = format?.get
  if (format !== undefined && original !== undefined)
    Object.defineProperty(prototype, 'format', {
      ...format,
      get(this: Intl.DateTimeFormat) {
        const bound = original.call(this) as Intl.DateTimeFormat['format']
        return (...args: Parameters<typeof bound>) => {
          if (args[0] === undefined && isGuarded()) refuse('Intl.DateTimeFormat.prototype.format()')
          return bound(...args)
        }
      },
    })
  const { formatToParts } = prototype
  Object.defineProperty(prototype, 'formatToParts', {
    value(this: Intl.DateTimeFormat, ...args: Parameters<typeof formatToParts>) {
      if (args[0] === undefined && isGuarded()) refuse('Intl.DateTimeFormat.prototype.formatToParts()')
      return formatToParts.apply(this, args)
    },
    configurable: true,
    writable: true,
  })
}

/** Replaces a function on the object, or on the prototype that has it. */
function guardMember(object: Members, member: string, name: string): void {
  let owner: Members | null = object
  while (owner !== null && !Object.hasOwn(owner, member)) owner = Object.getPrototypeOf(owner)
  const property = owner === null ? undefined : Object.getOwnPropertyDescriptor(owner, member)
  if (owner === null || property?.configurable !== true) return
  const value = property.value ?? object[member]
  if (typeof value !== 'function') return
  const guarded = new Proxy(value, {
    apply(target, self, args) {
      if (isGuarded()) refuse(name)
      return Reflect.apply(target, self, args)
    },
    get(target, key, receiver) {
      const inner = Reflect.get(target, key, receiver)
      // Functions such as process.hrtime have functions as properties (process.hrtime.bigint).
      if (isGuarded() && key !== 'prototype' && Object.hasOwn(target, key) && typeof inner === 'function')
        refuse(`${name}.${String(key)}`)
      return inner
    },
  })
  putInPlace(owner, member, { value, enumerable: property.enumerable ?? false }, guarded)
}

/**
 * For functions that return false if the object cannot change. Such a call tried to keep state, and
 * would go unnoticed if its result is ignored.
 */
function guardAnswer(object: Members, member: string, name: string): void {
  const guarded = new Proxy(object[member], {
    apply(target, self, args) {
      const answer: unknown = Reflect.apply(target, self, args)
      if (answer === false && isGuarded()) refuse(`${name} of what does not change`)
      return answer
    },
  })
  putInPlace(object, member, { value: object[member], enumerable: false }, guarded)
}

/**
 * Puts the guard where the function was. The guard is frozen, so that no property can be added to
 * it.
 */
function putInPlace(
  owner: object,
  member: string,
  { value, enumerable = false }: PropertyDescriptor,
  guarded: object,
): void {
  guards.add(guarded)
  Object.freeze(value)
  Object.defineProperty(owner, member, { value: guarded, configurable: true, enumerable, writable: true })
}

/** Replaces a getter. */
function guardGetter(prototype: object | undefined, member: string, name: string): void {
  const property = prototype && Object.getOwnPropertyDescriptor(prototype, member)
  const original = property?.get
  if (prototype === undefined || original === undefined) return
  Object.defineProperty(prototype, member, {
    ...property,
    get(this: unknown) {
      if (isGuarded()) refuse(name)
      return original.call(this)
    },
  })
}

/** `Date` without arguments reads the clock. A date made from numbers is an ordinary value. */
function guardDate(global: Members): void {
  const { Date: original } = globalThis
  const guarded = new Proxy(original, {
    apply(target, self, args) {
      if (isGuarded()) refuse('Date()')
      return Reflect.apply(target, self, args)
    },
    construct(target, args, newTarget) {
      if (isGuarded() && args.length === 0) refuse('new Date()')
      return Reflect.construct(target, args, newTarget)
    },
  })
  guards.add(guarded)
  Object.defineProperty(original.prototype, 'constructor', { value: guarded })
  Object.defineProperty(global, 'Date', { value: guarded, configurable: true, writable: true })
}

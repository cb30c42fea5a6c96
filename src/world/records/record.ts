/**
 * Records, whose properties procedures read and write. A field is a property that reads and writes
 * the current world. Flags are booleans, enumerations are the names of their values, references are
 * records or `undefined`.
 *
 * @module
 */
import { acting } from '../acting.js'
import type { Cell } from './layout.js'
import { numberFrom, SEQUENCE_VIEWS } from './sequence.js'

/** The type of a field's property. Other properties keep their type. */
export type Reads<T> = T extends Cell<infer V> ? V : T

/** The record made from the declarations `D`. */
export type RecordOf<D> = { [K in keyof D]: Reads<D[K]> }

/**
 * How a record reads its fields: as the acting thread may, without the lock that guards them, or as
 * they were before the step.
 */
type Mode = 'plain' | 'once' | 'old'

const MODES: Readonly<Record<Mode, { get: string; set: boolean }>> = {
  plain: { get: 'c.value', set: true },
  once: { get: 'c.once', set: false },
  old: { get: 'c.readOnce(acting.before)', set: false },
}

/** The internals of a record. */
interface Facets {
  /** Its fields, by property. */
  readonly cells: Readonly<Record<string, Cell<unknown>>>
  readonly name?: string | undefined
  once?: object
  old?: object
}

/**
 * The property that holds the internals. A symbol, since V8 is slow to find a private field in
 * objects of many classes.
 */
const FACETS = Symbol('facets')

/** Base class of all records. Only this module can reach the internals. */
class Base {
  /** Only a record has it. Copies and objects that inherit from a record do not. */
  readonly #made = true

  constructor(facets: Facets) {
    Object.defineProperty(this, FACETS, { value: facets })
  }

  static made(value: object): value is Base & { readonly [FACETS]: Facets } {
    return #made in value
  }
}

/** True for a record. */
export function isRecord(value: object): boolean {
  return Base.made(value)
}

/** The name with which a record was declared, if it has one. */
export function recordName(value: object): string | undefined {
  return Base.made(value) ? value[FACETS].name : undefined
}

/** Makes the record of `fields`, named `name`. Properties that are not fields are copied. */
export function makeRecord<D extends object>(fields: D, name?: string): RecordOf<D> {
  const cells: Record<string, Cell<unknown>> = {}
  const given = fields as Record<string, unknown>
  for (const key in given) {
    const value = given[key]
    if (isCell(value)) cells[key] = value
  }
  return viewOf(fields, { cells, name }, 'plain') as RecordOf<D>
}

/**
 * The record for reading without the lock that guards its fields. Values may be stale immediately.
 * It cannot be written.
 *
 * @kernel READ_ONCE
 */
export function READ_ONCE<T extends object>(record: T): Readonly<T> {
  const known = facetsOf(record)
  if (known.once === undefined) {
    const { cells, name } = known
    const facets: Facets = { cells, name }
    facets.once = known.once = viewOf(record, facets, 'once')
  }
  return known.once as Readonly<T>
}

/**
 * In a claim about a step: the record as it was before the step, or the result of `look` when it
 * reads the world before the step.
 */
export function old<T>(look: () => T): T
export function old<T extends object>(record: T): Readonly<T>
export function old<T>(what: object | (() => T)): unknown {
  if (typeof what === 'function') {
    const { world } = acting
    acting.world = acting.before
    try {
      return what()
    } finally {
      acting.world = world
    }
  }
  const known = facetsOf(what)
  if (known.old === undefined) {
    const { cells, name } = known
    const facets: Facets = { cells, name }
    facets.old = known.old = viewOf(what, facets, 'old')
  }
  return known.old
}

/** The cell of the field `key` of `record`: for tools, and for declarations that depend on it. */
export function fieldOf<T extends object, K extends keyof T & string>(record: T, key: K): Cell<T[K]> {
  const cell = facetsOf(record).cells[key]
  if (cell === undefined) throw new Error(`${key} is no field of the record`)
  return cell as Cell<T[K]>
}

/**
 * A record with the same fields as `record` and other constants. Both records share their cells.
 */
export function withConstants<T extends object>(record: T, constants: Partial<T>): T {
  const { cells, name } = facetsOf(record)
  return viewOf({ ...record, ...constants }, { cells, name }, 'plain') as T
}

function facetsOf(record: object): Facets {
  const known = (record as { readonly [FACETS]?: Facets })[FACETS]
  if (known === undefined) throw new Error('not a record of a layout')
  return known
}

function isCell(value: unknown): value is Cell<unknown> {
  return typeof value === 'object' && value !== null && 'codec' in value && 'options' in value
}

function viewOf(fields: object, facets: Facets, mode: Mode): object {
  const { cells } = facets
  const instance = new (classOf(cells, mode))(facets) as Record<string, unknown>
  // Properties that are not fields are copied; a view of a record shares them.
  for (const key of Object.keys(fields))
    if (!(key in cells)) instance[key] = (fields as Record<string, unknown>)[key]
  return instance
}

type RecordClass = new (facets: Facets) => object

const classes = new Map<string, RecordClass>()

/**
 * The class of all records with fields of these names and kinds. There is one, so that code which
 * reads a field sees few object shapes. Each accessor is compiled from its own source; otherwise
 * all would share their inline caches.
 */
function classOf(cells: Readonly<Record<string, Cell<unknown>>>, mode: Mode): RecordClass {
  let signature: string = mode
  for (const key in cells) signature += ` ${key}:${cells[key].codec}:${cells[key].constructor.name}`
  let known = classes.get(signature)
  if (known === undefined) {
    known = compile(Object.keys(cells), cells, mode)
    classes.set(signature, known)
  }
  return known
}

function compile(
  keys: readonly string[],
  cells: Readonly<Record<string, Cell<unknown>>>,
  mode: Mode,
): RecordClass {
  const how = MODES[mode]
  const text = keys.map((key) => {
    const { read, write } = ACCESS[cells[key].codec]
    const get = `get ${key}() { const c = this.#${key}; return ${read(how.get, mode)} }`
    const set = how.set
      ? `set ${key}(v) { const c = this.#${key}; c.value = ${write} }`
      : `set ${key}(v) { throw new TypeError('${key} is only read here') }`
    return `${get}\n${set}`
  })
  const fields = keys.map((key) => `#${key}`).join('; ')
  const store = keys.map((key) => `this.#${key} = cells.${key}`).join('; ')
  const source = `return class Record extends Base { ${fields}\nconstructor(facets) { super(facets); const cells = facets.cells; ${store} }\n${text.join('\n')} }`
  const made = new Function('acting', 'encode', 'numberFrom', 'Base', source)
  return made(acting, encode, numberFrom, Base) as RecordClass
}

const ACCESS = {
  number: { read: (raw: string) => raw, write: 'v' },
  flag: { read: (raw: string) => `${raw} !== 0`, write: 'v === true ? 1 : v === false ? 0 : encode(c, v)' },
  enumeration: { read: (raw: string) => `c.values[${raw}]`, write: 'encode(c, v)' },
  reference: { read: (raw: string) => `c.values[${raw}]`, write: 'encode(c, v)' },
  sequence: {
    read: (_: string, mode: Mode) => `c.values[${SEQUENCE_VIEWS.indexOf(mode)}]`,
    write: 'numberFrom(c, v)',
  },
} as const

function encode(cell: Cell<unknown>, value: unknown): number {
  const at = cell.codec === 'flag' ? -1 : placeOf(cell.values, value)
  if (at < 0)
    throw new TypeError(
      `${cell.name} was set to ${String(value)}, which is none of its values` +
        (cell.codec === 'flag' ? ': a flag is true or false' : ''),
    )
  return at
}

/** Longer lists are searched through a map. */
const FEW = 16
const places = new WeakMap<readonly unknown[], Map<unknown, number>>()

/** The index of `value` in `values`, or -1. */
function placeOf(values: readonly unknown[], value: unknown): number {
  if (values.length <= FEW) return values.indexOf(value)
  let known = places.get(values)
  if (known === undefined || known.size !== values.length) {
    known = new Map(values.map((each, place) => [each, place]))
    places.set(values, known)
  }
  return known.get(value) ?? -1
}

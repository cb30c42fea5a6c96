/**
 * What a driver declares as its state: fields, locks, pools and lists, and records of them. Anything else could keep what the
 * world does not have.
 *
 * @module
 */
import type { OwnNotifier } from '../kernel/index.js'
import { List, Mutex, Pool, RwSemaphore, SpecificationError, Spinlock, WaitQueue } from '../world/index.js'
import { givenName, isHandle } from '../world/records/layout.js'
import { isRecord } from '../world/records/record.js'

/**
 * Refuses a state that keeps anything outside of the world.
 *
 * @param driver - its name
 * @param mirror - name of the mirror that the state is of
 * @param own - notifiers that the driver has declared: they are the kernel's records
 * @throws SpecificationError `layout` that names what is no field
 */
export function mustBeDeclared(
  driver: string,
  mirror: string,
  state: unknown,
  own: readonly OwnNotifier[] = [],
): void {
  const found = undeclaredIn(state, 'state', `${mirror}.`, new Set<unknown>(own))
  if (found === undefined) return
  throw new SpecificationError(
    'layout',
    `driver ${driver}: ${found.path} is ${found.what}. What it keeps is not in the world, so that no verdict would be true; ` +
      'declare fields (l.counter, l.flag, l.oneOf, l.ref, l.sequence), records of them (l.record, l.array), locks, pools or lists',
  )
}

/** Locks, wait queues, pools and lists: a class that extends one could have fields of its own. */
const KINDS = [Mutex, RwSemaphore, Spinlock, WaitQueue, Pool, List]

/** The first value that is neither declared nor a constant. */
function undeclaredIn(
  value: unknown,
  path: string,
  prefix: string,
  seen: Set<unknown>,
): { readonly path: string; readonly what: string } | undefined {
  if (typeof value === 'function') return { path, what: 'a function' }
  if (typeof value !== 'object' || value === null || seen.has(value)) return undefined
  seen.add(value)
  if (!isHandle(value)) {
    const { constructor: made } = value as { readonly constructor?: unknown }
    const kind = typeof made === 'function' && made !== Object ? made.name : 'plain object'
    return { path, what: Array.isArray(value) ? 'an array that was not declared' : `a ${kind}` }
  }
  const base = KINDS.find((kind) => value instanceof kind)
  if (base !== undefined && !KINDS.some((kind) => Object.getPrototypeOf(value) === kind.prototype))
    return { path, what: `an instance of a class that extends ${base.name}` }
  // What is the kernel's or the mirror's own has other contents, which are not the driver's to declare.
  const name = givenName(value)
  const isOwn = name === undefined || name.startsWith(`${prefix}driver`)
  if (!isOwn || !(isRecord(value) || Array.isArray(value))) return undefined
  for (const key of Object.keys(value)) {
    const { value: inner, get } = Object.getOwnPropertyDescriptor(value, key) ?? {}
    if (get !== undefined) continue
    const found = undeclaredIn(inner, `${path}.${key}`, prefix, seen)
    if (found !== undefined) return found
  }
  return undefined
}

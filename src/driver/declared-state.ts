/**
 * Checks that a driver's state consists of declared fields, locks, pools and lists, and records of
 * them. Any other object would be state that the explorer cannot see.
 *
 * @module
 */
import type { OwnNotifier } from '../kernel/index.js'
import { List, Mutex, Pool, RwSemaphore, SpecificationError, Spinlock, WaitQueue } from '../world/index.js'
import { givenName, isHandle } from '../world/records/layout.js'
import { isRecord } from '../world/records/record.js'

/**
 * Throws if a state contains a value that is not declared in the world.
 *
 * @param driver - its name
 * @param mirror - the name of the mirror whose state it is
 * @param own - the notifiers that the driver has declared: these are records of the kernel
 * @throws SpecificationError `layout`, with the name of the value that is not declared
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

/**
 * Locks, wait queues, pools and lists. A subclass of one is refused, since it could have fields of
 * its own.
 */
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
  // Records of the kernel and of the mirror are not checked: the driver does not declare them.
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

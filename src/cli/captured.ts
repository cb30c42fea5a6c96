/**
 * What a driver's modules keep outside of the world. The text of a step does not always show that it counts or notes
 * something: the variables that its functions can reach, and what they hold, are looked at when the driver is loaded and
 * again after each scenario. A module that has changed could have decided by what it kept.
 *
 * @module
 */
import { type Runtime, Session } from 'node:inspector'
import { acting } from '../world/acting.js'
import { SpecificationError } from '../world/errors.js'
import { recording } from '../world/footprint.js'
import type { AnyProcedure } from '../world/procedure.js'
import { running } from '../world/running.js'

/** Values looked at: what goes beyond is a table of constants, or worse. */
const MOST_VALUES = 200_000
/** How deep values are looked at. */
const DEEPEST = 6
/** Variables that a message names. */
const MOST_SHOWN = 4
/** Characters of a value that a message shows. */
const MOST_CHARACTERS = 80
/** What a bound function works with. */
const BOUND = ['[[TargetFunction]]', '[[BoundThis]]', '[[BoundArgs]]']
/** What every function has. */
const OF_FUNCTIONS = ['length', 'name', 'prototype', 'arguments', 'caller']
/** A variable that is not there. */
const ABSENT = 'absent'
/** Where the inspector finds what it needs, on the global object, while it looks. */
const ROOTS = 'hmm-spec.captured'
/** What the product changes while a model runs, and a driver may have imported. */
const OF_THE_PRODUCT: readonly object[] = [acting, recording, running]

/** A variable, or what it holds: `generation`, `seen[2]`, `state.count`. */
interface Variable {
  readonly name: string
  /** What it held, in words. */
  readonly value: string
}

/** What variables held, each by the function that reaches it first, and its name. */
export type Captured = ReadonlyMap<string, Variable>

/**
 * What the functions of `procedures` can reach beyond their arguments: variables of their modules, of functions around
 * them, and what those hold. Handles of the product, and what is imported from it, are left out.
 *
 * @param isOwn - whether a file is the driver's author's
 * @param functions - others of its author's: what builds scenarios and makes claims
 */
export function capturedBy(
  procedures: Iterable<AnyProcedure>,
  isOwn: (url: string) => boolean,
  functions: readonly object[] = [],
): Captured {
  const session = new Session()
  session.connect()
  const holder = globalThis as Record<string, unknown>
  try {
    holder[ROOTS] = {
      bodies: [...[...procedures].map(({ body }) => body), ...functions],
      // What was looked at: the product's own state never is.
      seen: new WeakSet(OF_THE_PRODUCT),
    }
    return new Look(session, isOwn).look()
  } finally {
    delete holder[ROOTS]
    session.disconnect()
  }
}

/**
 * Compares what was captured with what it was.
 *
 * @throws SpecificationError `impure` that names the variables which have changed
 */
export function mustBeAsLoaded(loaded: Captured, now: Captured, scenario: string): void {
  const changed = new Map<string, string>()
  for (const [key, { name, value }] of now) {
    const before = loaded.get(key)?.value ?? ABSENT
    if (before !== value)
      changed.set(name, `\`${name}\` was ${clipped(before)} when it was loaded, and is ${clipped(value)}`)
  }
  for (const [key, { name, value }] of loaded)
    if (!now.has(key))
      changed.set(name, `\`${name}\` was ${clipped(value)} when it was loaded, and is ${ABSENT}`)
  if (changed.size === 0) return
  const shown = [...changed.values()].slice(0, MOST_SHOWN)
  const rest = changed.size - shown.length
  throw new SpecificationError(
    'impure',
    `the driver keeps state outside of the world. After ${scenario} ${shown.join('; ')}` +
      `${rest > 0 ? `; and ${rest} more` : ''}. The checker does not see it, so that no verdict would be true; keep it in a ` +
      'field of the world',
  )
}

/** As much of a value as a message shows. */
function clipped(value: string): string {
  return value.length <= MOST_CHARACTERS ? value : `${value.slice(0, MOST_CHARACTERS)}…`
}

/** A variable of a scope, or a member of an object. */
interface Member {
  readonly name: string
  readonly value?: Runtime.RemoteObject | undefined
}

/** One look at everything that is reachable. */
class Look {
  private readonly found = new Map<string, Variable>()
  /** Functions looked at so far: their order is the same in each look. */
  private functions = 0
  private readonly scripts = new Map<string, string>()

  constructor(
    private readonly session: Session,
    private readonly isOwn: (url: string) => boolean,
  ) {
    session.on('Debugger.scriptParsed', ({ params }) => this.scripts.set(params.scriptId, params.url))
  }

  look(): Captured {
    // Tells which script is which file.
    this.post('Debugger.enable')
    try {
      const roots = this.evaluate(`globalThis[${JSON.stringify(ROOTS)}].bodies`)
      for (const { value } of this.membersOf(roots).filter(({ name }) => /^\d+$/.test(name)))
        if (value !== undefined) this.closure(value)
      return this.found
    } finally {
      this.post('Debugger.disable')
    }
  }

  /**
   * A function: the variables of the scopes that it was made in. Of an installed package's those that are no functions: it has many,
   * all of which share their scopes.
   *
   * @returns true if it is of the author's own text
   */
  private closure(value: Runtime.RemoteObject): boolean {
    if (value.objectId === undefined || this.isSeen(value.objectId)) return false
    const { internalProperties = [] } = this.properties(value.objectId)
    const url = this.urlOf(internalProperties)
    if (url === undefined || !this.isOwn(url)) return false
    const isOfPackage = url.includes('/node_modules/')
    const prefix = String(this.functions++)
    const scopes = internalProperties.find(({ name }) => name === '[[Scopes]]')?.value
    if (scopes?.objectId === undefined) return !isOfPackage
    for (const { name: depth, value: scope } of this.membersOf(scopes)) {
      // `Global` is everybody's; the others are `Module`, `Closure (name)`, `Block`, `Script`.
      if (scope?.objectId === undefined || scope.description === 'Global') continue
      for (const { name, value: variable } of this.membersOf(scope))
        if (variable !== undefined && !(isOfPackage && variable.type === 'function'))
          this.value(`${prefix}.${depth}`, name, variable, isOfPackage ? DEEPEST - 1 : 0)
    }
    return !isOfPackage
  }

  /** Which file a function is in, by its internal properties. */
  private urlOf(internalProperties: readonly Runtime.InternalPropertyDescriptor[]): string | undefined {
    const location = internalProperties.find(({ name }) => name === '[[FunctionLocation]]')?.value?.value as
      | { readonly scriptId: string }
      | undefined
    return location && this.scripts.get(location.scriptId)
  }

  /** @param place - function and scope from which the variable is reached */
  private value(place: string, name: string, value: Runtime.RemoteObject, depth: number): void {
    if (this.found.size >= MOST_VALUES) return
    const say = (words: string) => this.found.set(`${place} ${name}`, { name, value: words })
    if (value.type === 'function') {
      say('a function')
      if (depth < DEEPEST) this.bound(place, name, value, depth)
      if (this.closure(value) && depth < DEEPEST)
        for (const member of this.membersOf(value))
          if (member.value !== undefined && !OF_FUNCTIONS.includes(member.name))
            this.value(place, `${name}.${member.name}`, member.value, depth + 1)
      return
    }
    if (value.type !== 'object' || value.objectId === undefined) {
      say(wordsFor(value))
      return
    }
    if (this.isSeen(value.objectId)) return
    const { subtype, className = 'Object' } = value
    say(subtype === 'date' ? (value.description ?? className) : `an object of ${className}`)
    if (depth >= DEEPEST) return
    switch (subtype) {
      case 'generator':
        this.suspended(place, name, value.objectId, depth)
        return
      case 'map':
      case 'set':
      case 'weakmap':
      case 'weakset':
        this.entries(place, name, value.objectId, depth)
        return
      case undefined:
      case 'array':
      case 'typedarray': {
        // Records, layouts and the like are the product's: what they hold is the world, or does not change.
        if (subtype === undefined && className !== 'Object' && !this.mayKeep(value.objectId)) return
        for (const member of this.membersOf(value))
          if (member.value !== undefined) {
            const inner = subtype === undefined ? `${name}.${member.name}` : `${name}[${member.name}]`
            this.value(place, inner, member.value, depth + 1)
          }
      }
    }
  }

  /** A bound function: what it calls, on what, and with what. */
  private bound(place: string, name: string, { objectId }: Runtime.RemoteObject, depth: number): void {
    if (objectId === undefined) return
    for (const { name: part, value } of this.properties(objectId).internalProperties ?? [])
      if (value !== undefined && BOUND.includes(part)) this.value(place, `${name}${part}`, value, depth + 1)
  }

  /** A generator: whether it has ended, and the variables of where it stands. */
  private suspended(place: string, name: string, objectId: string, depth: number): void {
    const { internalProperties = [] } = this.properties(objectId)
    for (const { name: part, value } of internalProperties)
      if (part === '[[GeneratorState]]' && value !== undefined)
        this.value(place, `${name}${part}`, value, depth + 1)
      else if (part === '[[Scopes]]' && value !== undefined)
        for (const { value: scope } of this.membersOf(value))
          if (scope?.objectId !== undefined && scope.description !== 'Global')
            for (const variable of this.membersOf(scope))
              if (variable.value !== undefined)
                this.value(place, `${name}: ${variable.name}`, variable.value, depth + 1)
  }

  private entries(place: string, name: string, objectId: string, depth: number): void {
    const { internalProperties = [] } = this.properties(objectId)
    const entries = internalProperties.find((property) => property.name === '[[Entries]]')?.value
    if (entries?.objectId === undefined) return
    for (const { name: index, value } of this.membersOf(entries))
      if (value?.objectId !== undefined)
        for (const part of this.membersOf(value))
          if (part.value !== undefined)
            this.value(place, `${name}[${index}].${part.name}`, part.value, depth + 1)
  }

  /** Whether a function or an object was looked at before; from now on it was. */
  private isSeen(objectId: string): boolean {
    const ask = `function () {
      const { seen } = globalThis[${JSON.stringify(ROOTS)}]
      return seen.has(this) || !seen.add(this)
    }`
    return this.call(objectId, ask).result.value === true
  }

  /** True for an instance of a class that is the author's, the language's or Node's. */
  private mayKeep(objectId: string): boolean {
    const { result } = this.call(objectId, 'function () { return this.constructor }')
    if (result?.objectId === undefined) return false
    const url = this.urlOf(this.properties(result.objectId).internalProperties ?? [])
    return url === undefined || url.startsWith('node:') || this.isOwn(url)
  }

  private membersOf({ objectId }: Runtime.RemoteObject): Member[] {
    if (objectId === undefined) return []
    const answer = this.properties(objectId)
    const { privateProperties = [] } = answer as { privateProperties?: Member[] }
    // A getter is not asked: to ask is to run it.
    return [...answer.result.filter(({ enumerable }) => enumerable), ...privateProperties]
  }

  private properties(objectId: string): Runtime.GetPropertiesReturnType {
    return this.post('Runtime.getProperties', { objectId, ownProperties: true })
  }

  private call(objectId: string, functionDeclaration: string): Runtime.CallFunctionOnReturnType {
    return this.post('Runtime.callFunctionOn', { objectId, functionDeclaration })
  }

  private evaluate(expression: string): Runtime.RemoteObject {
    return this.post<Runtime.EvaluateReturnType>('Runtime.evaluate', { expression }).result
  }

  /** The inspector of one's own process answers at once. */
  private post<T>(method: string, params?: object): T {
    let answer: T | undefined
    let failed: Error | null = null
    this.session.post(method, params, (error: Error | null, result?: object) => {
      failed = error
      answer = result as T
    })
    if (failed !== null) throw failed
    return answer as T
  }
}

function wordsFor({ type, value, unserializableValue, description }: Runtime.RemoteObject): string {
  if (type === 'undefined') return 'undefined'
  if (type === 'string') return JSON.stringify(value)
  return unserializableValue ?? description ?? String(value)
}

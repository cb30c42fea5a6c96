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
const MOST_VALUES = 20_000
/** How deep values are looked at. */
const DEEPEST = 6
/** Where the inspector finds what it needs, on the global object, while it looks. */
const ROOTS = 'hmm-spec.captured'
/** What the product changes while a model runs, and a driver may have imported. */
const OF_THE_PRODUCT: readonly object[] = [acting, recording, running]

/** What variables held, in words, each by its name and place: `generation`, `seen[2]`, `state.count`. */
export type Captured = ReadonlyMap<string, string>

/**
 * What the functions of `procedures` can reach beyond their arguments: variables of their modules, of functions around
 * them, and what those hold. Handles of the product, and what is imported from it, are left out.
 *
 * @param isOwn - whether a file is the driver's author's
 */
export function capturedBy(procedures: Iterable<AnyProcedure>, isOwn: (url: string) => boolean): Captured {
  const session = new Session()
  session.connect()
  const holder = globalThis as Record<string, unknown>
  try {
    holder[ROOTS] = { bodies: [...procedures].map(({ body }) => body), ours: OF_THE_PRODUCT }
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
  const changed = [...now].filter(([name, value]) => (loaded.get(name) ?? 'absent') !== value)
  for (const name of loaded.keys()) if (!now.has(name)) changed.push([name, 'absent'])
  if (changed.length === 0) return
  const shown = changed
    .slice(0, 4)
    .map(
      ([name, value]) =>
        `\`${name}\` was ${loaded.get(name) ?? 'absent'} when the driver was loaded and is ${value}`,
    )
  throw new SpecificationError(
    'impure',
    `the driver keeps something outside of the world: after ${scenario} ${shown.join(', ')}` +
      `${changed.length > 4 ? ` (and ${changed.length - 4} more)` : ''}; a state of the scenario does not have it, so ` +
      'that no verdict is true. Keep it in a field of the world',
  )
}

/** A variable of a scope, or a member of an object. */
interface Member {
  readonly name: string
  readonly value?: Runtime.RemoteObject | undefined
}

/** One look at everything that is reachable. */
class Look {
  private readonly found = new Map<string, string>()
  /** Functions and scopes that were looked at, by where they are. */
  private readonly seen = new Set<string>()
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

  /** A function: the variables of the scopes that it was made in. */
  private closure(value: Runtime.RemoteObject): void {
    if (value.objectId === undefined) return
    const { internalProperties = [] } = this.properties(value.objectId)
    const location = internalProperties.find(({ name }) => name === '[[FunctionLocation]]')?.value?.value as
      | { scriptId: string; lineNumber: number; columnNumber: number }
      | undefined
    const url = location && this.scripts.get(location.scriptId)
    if (location === undefined || url === undefined || !this.isOwn(url)) return
    const place = `${location.scriptId}:${location.lineNumber}:${location.columnNumber}`
    if (this.seen.has(place)) return
    this.seen.add(place)
    const scopes = internalProperties.find(({ name }) => name === '[[Scopes]]')?.value
    if (scopes?.objectId === undefined) return
    for (const { value: scope } of this.membersOf(scopes)) {
      // `Global` is everybody's; the others are `Module`, `Closure (name)`, `Block`, `Script`.
      if (scope?.objectId === undefined || scope.description === 'Global') continue
      for (const { name, value: variable } of this.membersOf(scope))
        if (variable !== undefined) this.value(name, variable, 0)
    }
  }

  private value(name: string, value: Runtime.RemoteObject, depth: number): void {
    if (this.found.size >= MOST_VALUES || this.found.has(name)) return
    if (value.type === 'function') {
      this.found.set(name, 'a function')
      this.closure(value)
      return
    }
    if (value.type !== 'object' || value.objectId === undefined) {
      this.found.set(name, wordsFor(value))
      return
    }
    const { subtype, className = 'Object' } = value
    if (depth === 0 && this.isOfTheProduct(value.objectId)) return
    this.found.set(name, `an object of ${className}`)
    if (depth >= DEEPEST) return
    switch (subtype) {
      case 'date':
        this.found.set(name, value.description ?? '')
        return
      case 'map':
      case 'set':
      case 'weakmap':
      case 'weakset':
        this.entries(name, value.objectId, depth)
        return
      case undefined:
      case 'array':
      case 'typedarray':
        // Records, layouts and the like are the product's: what they hold is the world, or does not change.
        if (subtype === undefined && className !== 'Object' && !this.isOwnClass(value)) return
        for (const member of this.membersOf(value))
          if (member.value !== undefined)
            this.value(
              `${name}${subtype === undefined ? `.${member.name}` : `[${member.name}]`}`,
              member.value,
              depth + 1,
            )
    }
  }

  private entries(name: string, objectId: string, depth: number): void {
    const { internalProperties = [] } = this.properties(objectId)
    const entries = internalProperties.find((property) => property.name === '[[Entries]]')?.value
    if (entries?.objectId === undefined) return
    for (const { name: index, value } of this.membersOf(entries))
      if (value?.objectId !== undefined)
        for (const part of this.membersOf(value))
          if (part.value !== undefined) this.value(`${name}[${index}].${part.name}`, part.value, depth + 1)
  }

  private isOfTheProduct(objectId: string): boolean {
    const ask = `function () { return globalThis[${JSON.stringify(ROOTS)}].ours.includes(this) }`
    return this.call(objectId, ask).result.value === true
  }

  /** True for an instance of a class of the author's. */
  private isOwnClass({ objectId }: Runtime.RemoteObject): boolean {
    if (objectId === undefined) return false
    const { result } = this.call(objectId, 'function () { return this.constructor }')
    if (result?.objectId === undefined) return false
    const { internalProperties = [] } = this.properties(result.objectId)
    const location = internalProperties.find(({ name }) => name === '[[FunctionLocation]]')?.value?.value as
      | { scriptId: string }
      | undefined
    const url = location && this.scripts.get(location.scriptId)
    return url !== undefined && this.isOwn(url)
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

/**
 * What the language hides, by V8's inspector: where a function is from, the variables that it can reach, private fields, the
 * entries of weak collections.
 *
 * @module
 */
import { type Runtime, Session } from 'node:inspector'

/** Where the inspector finds what it is asked about, and puts what it answers, on the global object. */
const EXCHANGE = 'hmm-spec.inspector'
/** What a bound function works with. */
const BOUND = ['[[TargetFunction]]', '[[BoundThis]]', '[[BoundArgs]]']

/** The list of arguments is made anew for each who asks: its elements are what is bound. */
function partsOf(name: string, value: unknown): [part: string, value: unknown][] {
  if (name !== '[[BoundArgs]]') return [[name, value]]
  return Array.from(value as ArrayLike<unknown>, (argument, i) => [`${name}[${i}]`, argument])
}

/** The variables of a scope. */
export interface Scope {
  readonly description: string
  readonly object: object
}

interface Exchange {
  asked?: object
  taken?: unknown
}

/** Which script is which file: scripts are numbered, and no number is given twice. */
const scripts = new Map<string, string | undefined>()

/** Who is told of each answer of an inspector: so many take long, and there is an end to them. */
export const asking: { heard: (() => void) | undefined } = { heard: undefined }

/** The inspector of the own process. It answers at once. */
export class Inspector {
  private readonly session = new Session()
  private readonly exchange: Exchange = {}

  constructor() {
    this.session.connect()
    // A text may say itself where it is from, and is not believed.
    this.session.on('Debugger.scriptParsed', ({ params: { scriptId, url, hasSourceURL } }) =>
      scripts.set(scriptId, hasSourceURL === true ? '' : url),
    )
    Object.defineProperty(globalThis, EXCHANGE, { value: this.exchange, configurable: true })
  }

  /** True for what an inspector keeps on the global object while it is open. */
  static isOwn(key: PropertyKey): boolean {
    return key === EXCHANGE
  }

  close(): void {
    Reflect.deleteProperty(globalThis, EXCHANGE)
    this.session.disconnect()
  }

  /** The file that a function is written in; `undefined` for one of the language. */
  urlOf(of: object): string | undefined {
    const at = this.internal(of, '[[FunctionLocation]]')?.value as { readonly scriptId: string } | undefined
    if (at === undefined) return undefined
    if (!scripts.has(at.scriptId)) this.learnScripts()
    // One that even so nobody tells of is none of a file.
    if (!scripts.has(at.scriptId)) scripts.set(at.scriptId, undefined)
    return scripts.get(at.scriptId)
  }

  /** All scripts are told anew whenever somebody begins to listen, which takes as long as many looks. */
  private learnScripts(): void {
    this.post('Debugger.enable')
    this.post('Debugger.disable')
  }

  /** The scopes that a function was made in, innermost first. */
  scopesOf(of: object): readonly Scope[] {
    const found = this.internal(of, '[[Scopes]]')
    return found?.objectId === undefined ? [] : this.listOf<Scope>(found.objectId)
  }

  /** What a bound function calls, on what, and with what; nothing for another. */
  boundIn(of: object): [part: string, value: unknown][] {
    return (
      this.propertiesOf(of).internalProperties?.flatMap(({ name, value }): [string, unknown][] =>
        value !== undefined && BOUND.includes(name) ? partsOf(name, this.valueOf(value)) : [],
      ) ?? []
    )
  }

  /** What a promise was settled with. */
  settledIn(of: object): unknown {
    const found = this.internal(of, '[[PromiseResult]]')
    return found === undefined ? undefined : this.valueOf(found)
  }

  /** True for a generator that has ended. */
  hasEnded(of: object): boolean {
    return this.internal(of, '[[GeneratorState]]')?.value === 'closed'
  }

  /** What a map or a set holds, weak ones too. */
  entriesOf(of: object): readonly object[] {
    const found = this.internal(of, '[[Entries]]')
    return found?.objectId === undefined ? [] : this.listOf<object>(found.objectId)
  }

  /** The private fields of an object or a class. */
  privateOf(of: object): [name: string, value: unknown][] {
    const { privateProperties = [] } = this.propertiesOf(of) as {
      privateProperties?: { readonly name: string; readonly value?: Runtime.RemoteObject }[]
    }
    return privateProperties.flatMap(({ name, value }): [string, unknown][] =>
      value === undefined ? [] : [[name, this.valueOf(value)]],
    )
  }

  private internal(of: object, part: string): Runtime.RemoteObject | undefined {
    return this.propertiesOf(of).internalProperties?.find(({ name }) => name === part)?.value
  }

  /** What the inspector knows of the object that it was asked about last. */
  private last: { readonly of: object; readonly answer: Runtime.GetPropertiesReturnType } | undefined

  private propertiesOf(of: object): Runtime.GetPropertiesReturnType {
    if (this.last?.of === of) return this.last.answer
    this.exchange.asked = of
    const { result } = this.post<Runtime.EvaluateReturnType>('Runtime.evaluate', {
      expression: `globalThis[${JSON.stringify(EXCHANGE)}].asked`,
    })
    const { objectId } = result
    const answer = this.post<Runtime.GetPropertiesReturnType>('Runtime.getProperties', {
      objectId,
      ownProperties: true,
    })
    this.last = { of, answer }
    return answer
  }

  private valueOf({ objectId, value }: Runtime.RemoteObject): unknown {
    return objectId === undefined ? value : this.take(objectId)
  }

  /** A list that the inspector has made: it has none of the methods of an array. */
  private listOf<T>(objectId: string): T[] {
    return Array.from(this.take(objectId) as ArrayLike<T>)
  }

  /** The object itself that the inspector speaks of. */
  private take(objectId: string): unknown {
    const functionDeclaration = `function () { globalThis[${JSON.stringify(EXCHANGE)}].taken = this }`
    this.post('Runtime.callFunctionOn', { objectId, functionDeclaration })
    const { taken } = this.exchange
    this.exchange.taken = undefined
    return taken
  }

  private post<T>(method: string, params?: object): T {
    let answer: T | undefined
    let failed: Error | null = null
    this.session.post(method, params, (error: Error | null, result?: object) => {
      failed = error
      answer = result as T
    })
    if (failed !== null) throw failed
    asking.heard?.()
    return answer as T
  }
}

/**
 * Memoized control states. A generator cannot be copied. Instead, the position of a procedure is a
 * function of the results that it has received: each distinct history of results in a frame is one
 * interned node, which holds the step that its suspended generator has yielded. When a result is
 * new at a node, a fresh generator is replayed once to make the child node. The position of a
 * thread is then one small integer.
 *
 * The file is long because interning, replaying and calling share the nodes, in the hottest loop of
 * the checker.
 *
 * @module
 */
import { acting, BetweenSteps, NO_WORLD, NOBODY } from '../acting.js'
import { SpecificationError, Violation } from '../errors.js'
import { isHandle } from '../records/layout.js'
import { Lifecycle } from '../records/lifecycle.js'
import { atPlaceOf, messageOf } from '../thrown.js'
import { bodiesOf, type Override } from './override.js'
import {
  type AnyProcedure,
  type Become,
  type Body,
  type Call,
  keyOf,
  neverRun,
  type Operation,
  type Run,
  type Running,
  type Step,
  whyNotPlain,
  withoutSign,
} from './procedure.js'
import { running } from './running.js'

/** The location of a thread that has ended. */
export const FINISHED = 0

/** Limits against procedures that never end. */
export interface ControlLimits {
  /** Maximum number of results that one frame may receive before it returns (default 2000). */
  readonly history: number
  /** Maximum number of control nodes of a scenario (default 1000000). */
  readonly nodes: number
  /**
   * Maximum nesting of calls, and maximum number of calls without a step in between (default 1000).
   */
  readonly calls: number
}

const DEFAULT_LIMITS: ControlLimits = { history: 2000, nodes: 1_000_000, calls: 1000 }

interface Return {
  readonly kind: 'return'
  readonly value: unknown
}

interface Failed {
  readonly kind: 'failed'
  readonly violation: Violation
}

/** One history of results within a frame. */
interface Node {
  readonly frame: Frame
  readonly parent: Node | undefined
  readonly input: unknown
  readonly depth: number
  readonly operation: Operation | Return | Failed
  /**
   * True if a procedure has continued as another with `become` but does not return its result. The
   * other must then return nothing.
   */
  readonly discards: boolean
  readonly children: Map<unknown, Node>
  /** Locations at this node, by the location of the caller. */
  readonly locations: Map<Location | undefined, Location>
}

interface Frame {
  readonly procedure: AnyProcedure
  readonly body: Body<unknown[], unknown>
  readonly args: readonly unknown[]
  /**
   * Name of the procedure that continued as this one and does not return its result, if there is
   * one.
   */
  discardedBy: string | undefined
  root: Node | undefined
}

/** Position of a thread: a node, and the location of the caller. */
export interface Location {
  /** The integer that represents it in a state. */
  readonly id: number
  readonly below: Location | undefined
  readonly node: Node
  /** Depth of calls. */
  readonly nesting: number
}

/** A frame of a thread, for messages. */
export interface FrameDescription {
  readonly procedure: string
  readonly args: readonly unknown[]
  /** The step that is next, or the procedure that it has called. */
  readonly at: string
}

/** A node of the tree of results, and the location after that result. */
interface Entry {
  readonly next: Map<unknown, Entry>
  reached: number
}

/**
 * The results of one location that are not numbers, as a tree over their contents. Telling results
 * apart costs a few map look-ups, and no serialisation.
 */
class Answers {
  private readonly root: Entry = { next: new Map(), reached: -1 }
  /** True if the step has returned nothing. Then it always must. */
  hasNothing = false

  /** The entry of `answer`. Calls `refuse` for a value that cannot be told apart from others. */
  entryOf(answer: unknown, refuse: () => never): Entry {
    return this.follow(this.root, answer, refuse)
  }

  private follow(entry: Entry, value: unknown, refuse: () => never): Entry {
    switch (typeof value) {
      case 'number':
        if (!Number.isFinite(value)) refuse()
        // A map treats 0 and -0 as one key.
        return step(entry, Object.is(value, -0) ? MINUS_ZERO : value)
      case 'string':
      case 'boolean':
      case 'undefined':
        return step(entry, value)
      case 'object': {
        if (value === null || isHandle(value) || value instanceof Lifecycle) return step(entry, value)
        if (whyNotPlain(value) !== undefined) return refuse()
        if (Array.isArray(value)) {
          let at = step(step(entry, ARRAY), value.length)
          for (let i = 0; i < value.length; i++) at = this.follow(at, value[i], refuse)
          return at
        }
        let at = step(entry, OBJECT)
        for (const key in value)
          at = this.follow(step(at, key), (value as Record<string, unknown>)[key], refuse)
        return step(at, END)
      }
      default:
        return refuse()
    }
  }
}

const MINUS_ZERO = Symbol('-0')
const ARRAY = Symbol('array')
const OBJECT = Symbol('object')
const END = Symbol('end')

function step(entry: Entry, token: unknown): Entry {
  let next = entry.next.get(token)
  if (next === undefined) {
    next = { next: new Map(), reached: -1 }
    entry.next.set(token, next)
  }
  return next
}

/**
 * A frame of a thread, described by the inputs that determine it.
 *
 * @typeParam P - its procedure, or what represents one
 * @typeParam P - its procedure, or what stands for one
 */
export interface FrameHistory<P = Pick<AnyProcedure, 'procedureName'>> {
  readonly procedure: P
  readonly args: readonly unknown[]
  /** The results that it has received, in order. */
  readonly inputs: readonly unknown[]
}

/** All control states that the threads of a scenario have reached. */
export class ControlGraph {
  /** `runs[location]`: effect of the next step. Parallel arrays, for the checker's inner loop. */
  readonly runs: Run[] = [() => 0]
  /** `choices[location]`: number of its outcomes. */
  readonly choices: number[] = [0]
  /** `ways[location]`: names of the outcomes, if they have any. */
  readonly ways: (readonly string[] | undefined)[] = [undefined]
  /** `own[location]`: whether the step belongs to a procedure under test, see {@link isOwn}. */
  readonly own: boolean[] = [false]
  /** Whether a procedure belongs to the code under test. Such code is audited more closely. */
  isOwn: (procedure: AnyProcedure) => boolean = () => false
  /** Called when a step returns a result for the first time at a location. */
  onAnswer: ((procedure: AnyProcedure, step: Step, answer: unknown) => void) | undefined
  private readonly next: number[][] = [[]]
  /** By location: the successors of results that are not numbers. */
  private readonly answers: (Answers | undefined)[] = []
  /** By location: whether its step was taken. */
  private readonly taken: boolean[] = []
  private readonly locations: (Location | undefined)[] = [undefined]
  private readonly frames = new Map<string, Frame>()
  private readonly bodies: ReadonlyMap<AnyProcedure, Body<unknown[], unknown>>
  private readonly limits: ControlLimits
  private nodes = 0
  /** Number of generators started. Each replays a prefix of a procedure once. */
  replays = 0
  /** How often a step returned a result that was new at its location. */
  answersSeen = 0

  constructor(overrides: readonly Override[] = [], limits: Partial<ControlLimits> = {}) {
    this.limits = { ...DEFAULT_LIMITS, ...limits }
    this.bodies = bodiesOf(overrides)
  }

  /** Number of locations, including {@link FINISHED}. */
  get size(): number {
    return this.locations.length
  }

  /** The first location of a thread that runs `program(...args)`. */
  start(program: AnyProcedure, args: readonly unknown[]): number {
    const { world } = acting
    acting.world = NO_WORLD
    try {
      return this.settle(undefined, this.enter(program, args))
    } finally {
      acting.world = world
    }
  }

  /** The location after `location` when its step returns `result`. */
  successor(location: number, result: unknown): number {
    if (typeof result !== 'number') return this.answered(location, result)
    // The shifts below would truncate anything but a 32-bit integer.
    if ((result | 0) !== result) this.refuse(this.locations[location] as Location, result)
    const slot = (result << 1) ^ (result >> 31)
    const known = this.next[location][slot]
    return known !== undefined ? known : this.discover(location, slot, result | 0)
  }

  /**
   * As {@link successor}, for a result that is not a number. Equal results at one location have one
   * successor.
   */
  private answered(location: number, result: unknown): number {
    let answers = this.answers[location]
    if (answers === undefined) {
      answers = new Answers()
      this.answers[location] = answers
    }
    if (result === undefined) {
      if (!answers.hasNothing && this.taken[location])
        this.refuse(this.locations[location] as Location, result)
      answers.hasNothing = true
    } else if (answers.hasNothing) this.refuse(this.locations[location] as Location, undefined)
    const entry = answers.entryOf(result, () => this.refuse(this.locations[location] as Location, result))
    if (entry.reached < 0) {
      freezeValue(result)
      entry.reached = this.follow(this.locations[location] as Location, result)
    }
    return entry.reached
  }

  /** The step that a thread at `location` takes next. */
  stepAt(location: number): Step | undefined {
    const operation = this.locations[location]?.node.operation
    return operation?.kind === 'step' ? operation : undefined
  }

  /** Name of the procedure whose step is next. */
  procedureAt(location: number): string {
    return this.locations[location]?.node.frame.procedure.procedureName ?? 'finished'
  }

  /** The frames of a thread at `location`, innermost first; empty if it has ended. */
  stack(location: number): FrameDescription[] {
    const frames: FrameDescription[] = []
    for (let at = this.locations[location]; at !== undefined; at = at.below) {
      const { procedure, args } = at.node.frame
      frames.push({ procedure: procedure.procedureName, args, at: describe(at.node.operation) })
    }
    return frames
  }

  /**
   * The frames of a thread at `location`, outermost first, each with the inputs that determine it.
   */
  history(location: number): FrameHistory<AnyProcedure>[] {
    const frames: FrameHistory<AnyProcedure>[] = []
    for (let at = this.locations[location]; at !== undefined; at = at.below) {
      const inputs: unknown[] = []
      for (let node = at.node; node.parent !== undefined; node = node.parent) inputs.push(node.input)
      frames.push({ procedure: at.node.frame.procedure, args: at.node.frame.args, inputs: inputs.reverse() })
    }
    return frames.reverse()
  }

  /** True if a thread at `location` is inside `procedure`, at any depth of calls. */
  isInside(location: number, procedure: AnyProcedure): boolean {
    for (let at = this.locations[location]; at !== undefined; at = at.below)
      if (at.node.frame.procedure === procedure) return true
    return false
  }

  /** Every procedure that a thread has entered. */
  get entered(): readonly AnyProcedure[] {
    return [...new Set([...this.frames.values()].map((frame) => frame.procedure))]
  }

  /** Every procedure that a thread has entered, by the body that it ran. */
  get texts(): ReadonlyMap<Body<unknown[], unknown>, AnyProcedure> {
    return new Map([...this.frames.values()].map(({ body, procedure }) => [body, procedure]))
  }

  /** Calls `visit` for each location whose step was taken at least once. */
  forEachTaken(visit: (procedure: AnyProcedure, step: Step, body: Body<unknown[], unknown>) => void): void {
    for (let id = 1; id < this.locations.length; id++) {
      const location = this.locations[id]
      if (location?.node.operation.kind === 'step' && this.taken[id])
        visit(location.node.frame.procedure, location.node.operation, location.node.frame.body)
    }
  }

  private discover(location: number, slot: number, result: number): number {
    const at = this.locations[location] as Location
    // A step must return a result always or never.
    if (this.answers[location]?.hasNothing) this.refuse(at, undefined)
    if (Math.abs(result) > 0xfffff) this.refuse(at, result)
    const reached = this.follow(at, result | 0)
    this.next[location][slot] = reached
    return reached
  }

  /** Continues from a location whose step has returned a new result. */
  private follow(at: Location, result: unknown): number {
    this.mustHaveRun(`step "${describe(at.node.operation)}" of ${at.node.frame.procedure.procedureName}`)
    this.taken[at.id] = true
    this.answersSeen++
    const { operation, frame } = at.node
    if (this.onAnswer && operation.kind === 'step') this.onAnswer(frame.procedure, operation, result)
    // Between two steps there is neither an acting thread nor a world: threads at the same location
    // share the generator.
    const { thread, world } = acting
    acting.thread = NOBODY
    acting.world = NO_WORLD
    try {
      return this.settle(at.below, this.child(at.node, result))
    } finally {
      acting.thread = thread
      acting.world = world
    }
  }

  /** The location after `result` at `location`, if exploration has seen it; else -1. */
  known(location: number, result: unknown): number {
    if (typeof result !== 'number') {
      const answers = this.answers[location]
      return (
        answers?.entryOf(result, () => this.refuse(this.locations[location] as Location, result)).reached ??
        -1
      )
    }
    return this.next[location][(result << 1) ^ (result >> 31)] ?? -1
  }

  /** The location object of a thread at `location`; `undefined` if it has ended. */
  standing(location: number): Location | undefined {
    return this.locations[location]
  }

  /** Follows calls and returns until the thread reaches a step or ends. */
  private settle(below: Location | undefined, node: Node): number {
    for (let calls = 0; calls < this.limits.calls; calls++) {
      const operation = node.operation
      switch (operation.kind) {
        case 'step':
          return this.intern(below, node).id
        case 'call':
          below = this.intern(below, node)
          node = this.enter(operation.procedure, operation.args)
          break
        case 'become': {
          const { frame } = node
          const discardedBy = node.discards ? frame.procedure.procedureName : frame.discardedBy
          node = this.enter(operation.procedure, operation.args, discardedBy)
          break
        }
        case 'return':
          if (node.frame.discardedBy !== undefined && operation.value !== undefined)
            throw new SpecificationError(
              'code-after-become',
              `${node.frame.discardedBy} has become ${node.frame.procedure.procedureName} and does not return the ` +
                `${showArgument(operation.value)} that it returns; write \`return yield* become(…)\``,
            )
          if (below === undefined) return FINISHED
          node = this.child(below.node, operation.value)
          below = below.below
          break
        case 'failed':
          throw operation.violation
      }
    }
    throw new SpecificationError(
      'runaway',
      `${node.frame.procedure.procedureName} has made ${this.limits.calls} calls without a step between; ` +
        'a procedure that goes round must take a step',
    )
  }

  private intern(below: Location | undefined, node: Node): Location {
    let location = node.locations.get(below)
    if (location === undefined) {
      const operation = node.operation
      const nesting = below === undefined ? 0 : below.nesting + 1
      if (nesting > this.limits.calls) this.tooDeep(node, below)
      location = { id: this.locations.length, below, node, nesting }
      node.locations.set(below, location)
      this.locations.push(location)
      this.runs.push(operation.kind === 'step' ? operation.run : never)
      this.own.push(this.isOwn(node.frame.procedure))
      this.choices.push(operation.kind === 'step' ? operation.choices : 0)
      this.ways.push(operation.kind === 'step' ? operation.ways : undefined)
      this.next.push([])
      if (this.locations.length > this.limits.nodes) this.tooManyNodes(node)
    }
    return location
  }

  private enter(procedure: AnyProcedure, args: readonly unknown[], discardedBy?: string): Node {
    const key = `${keyOf(procedure)}${keyOfArguments(procedure, args)}`
    let frame = this.frames.get(key)
    if (frame === undefined) {
      const body = this.bodies.get(procedure) ?? (procedure.body as Body<unknown[], unknown>)
      freezeValue(args)
      frame = { procedure, body, args, discardedBy: undefined, root: undefined }
      this.frames.set(key, frame)
    }
    frame.discardedBy ??= discardedBy
    frame.root ??= this.make(frame, undefined, undefined)
    return frame.root
  }

  private child(node: Node, input: unknown): Node {
    const key = typeof input === 'number' ? input : keyOf(input)
    let child = node.children.get(key)
    if (child === undefined) {
      child = this.make(node.frame, node, input)
      node.children.set(key, child)
    }
    return child
  }

  /** Replays a fresh generator to the new node, which keeps it. */
  private make(frame: Frame, parent: Node | undefined, input: unknown): Node {
    const depth = parent === undefined ? 0 : parent.depth + 1
    if (depth > this.limits.history)
      throw new SpecificationError(
        'runaway',
        `${frame.procedure.procedureName} has received ${this.limits.history} results without returning, so its ` +
          'control states have no end; end a retry loop with `return yield* become(...)`',
      )
    if (++this.nodes > this.limits.nodes) this.tooManyNodes(parent ?? { frame })
    this.replays++
    const path: Node[] = []
    for (let at = parent; at !== undefined; at = at.parent) path.push(at)
    const instance = frame.body(...frame.args)
    let operation = this.advance(frame, () => instance.next())
    for (let i = path.length - 1; i >= 0; i--) {
      this.mustAgree(frame, path[i].operation, operation)
      const received = i === 0 ? input : path[i - 1].input
      operation = this.advance(frame, () => instance.next(received))
    }
    const discards = operation.kind === 'become' && this.discards(frame, instance, operation)
    return { frame, parent, input, depth, operation, discards, children: new Map(), locations: new Map() }
  }

  /**
   * Whether a procedure that has continued as another drops the other's result, where it should
   * return it. Its generator is not run any more, so that no code may follow the `become`. The
   * generator is resumed once to check this.
   */
  private discards(frame: Frame, instance: Running<unknown>, { procedure }: Become): boolean {
    const { procedureName: name } = frame.procedure
    const refuse = (what: string): never => {
      throw new SpecificationError(
        'code-after-become',
        `${name} has become ${procedure.procedureName} and ${what}, which is never run; write ` +
          '`return yield* become(…)`, outside of try, in the text of the procedure itself; or call it: `yield* …(…)`',
      )
    }
    const dropped = {}
    let result: IteratorResult<Operation, unknown>
    try {
      result = instance.next(dropped)
    } catch (error) {
      return refuse(`then throws (${messageOf(error)})`)
    }
    if (!result.done) return refuse(`goes on to "${describe(result.value)}"`)
    this.mustHaveRun(name)
    if (result.value !== undefined && result.value !== dropped) return refuse('returns something else')
    return result.value === undefined
  }

  /** Throws if a call or a step was made and never run: its `yield*` is missing. */
  private mustHaveRun(where: string): void {
    const forgotten = neverRun()
    if (forgotten !== undefined)
      throw new SpecificationError(
        'never-run',
        `${where} calls ${forgotten} and does not run it; write \`yield*\` before the call`,
      )
  }

  private advance(frame: Frame, resume: () => IteratorResult<Operation, unknown>): Node['operation'] {
    let result: IteratorResult<Operation, unknown>
    const outer = running.between
    running.between = frame.procedure.procedureName
    acting.raised = undefined
    neverRun()
    try {
      result = resume()
      // The violation has happened even if the procedure caught it.
      if (acting.raised !== undefined) throw acting.raised
    } catch (error) {
      if (error instanceof Violation) return { kind: 'failed', violation: error }
      if (error instanceof SpecificationError) throw betweenSteps(frame, error)
      if (error instanceof BetweenSteps)
        throw new SpecificationError('impure', `${frame.procedure.procedureName}: ${error.message}`)
      if (error instanceof RangeError && error.message.includes('call stack'))
        throw new SpecificationError(
          'runaway',
          `${frame.procedure.procedureName} calls generators until the stack is full, without a step between; within its ` +
            'text its own name is its generator: go on as the procedure, `return yield* become(name, …)`',
          { cause: error },
        )
      throw new SpecificationError(
        'procedure-threw',
        `${frame.procedure.procedureName}(${frame.args.map(showArgument).join(', ')}) threw between two steps: ${messageOf(error)}${atPlaceOf(error)}`,
        { cause: error },
      )
    } finally {
      running.between = outer
    }
    this.mustHaveRun(frame.procedure.procedureName)
    if (result.done) {
      keyOfResult(frame.procedure, result.value)
      freezeValue(result.value)
      return { kind: 'return', value: withoutSign(result.value) }
    }
    const operation: unknown = result.value
    if (typeof operation !== 'object' || operation === null || !('kind' in operation))
      throw new SpecificationError(
        'invalid-operation',
        `${frame.procedure.procedureName} yielded ${String(operation)}; use \`yield*\` with a step or a procedure`,
      )
    return result.value
  }

  /**
   * Throws if a replay yields another operation than the first run: the procedure is not
   * deterministic.
   */
  private mustAgree(frame: Frame, recorded: Node['operation'], replayed: Node['operation']): void {
    const before = signature(recorded)
    const now = signature(replayed)
    if (before !== now)
      throw new SpecificationError(
        'non-deterministic',
        `${frame.procedure.procedureName} is not deterministic: replayed with the same results it went to ` +
          `"${describe(replayed)}" where it had gone to "${describe(recorded)}"; between steps a procedure may look ` +
          'only at its arguments and at results',
      )
  }

  private refuse(at: Location, result: unknown): never {
    throw new SpecificationError(
      'invalid-result',
      `step "${describe(at.node.operation)}" of ${at.node.frame.procedure.procedureName} returned ${shownAnswer(result)}; ` +
        'a step returns an integer of at most 20 bits, a flag, a name, a record, a small plain object or ' +
        'array of these, or BLOCKED',
    )
  }

  private tooDeep(node: Node, below: Location | undefined): never {
    const callers = new Set<string>()
    for (let at = below; at !== undefined && callers.size < 8; at = at.below)
      callers.add(at.node.frame.procedure.procedureName)
    throw new SpecificationError(
      'runaway',
      `${node.frame.procedure.procedureName} is called ${this.limits.calls} calls deep, by way of ${[...callers].join(', ')}; ` +
        'a procedure that calls itself again and again has control states without end: end it with ' +
        '`return yield* become(...)`, or bound its depth by an argument',
    )
  }

  private tooManyNodes(node: Pick<Node, 'frame'>): never {
    throw new SpecificationError(
      'runaway',
      `${node.frame.procedure.procedureName} makes control states without end (more than ${this.limits.nodes}); ` +
        'bound its loops, or end them with `return yield* become(...)`, and keep what it returns small',
    )
  }
}

/**
 * The key of the arguments of `procedure`.
 *
 * @throws SpecificationError that names the argument
 */
function keyOfArguments(procedure: AnyProcedure, args: readonly unknown[]): string {
  return args.map((arg, i) => keyAt(arg, `argument ${i + 1} of ${procedure.procedureName}`)).join(',')
}

function keyOfResult(procedure: AnyProcedure, value: unknown): string {
  return keyAt(value, `what ${procedure.procedureName} returns`)
}

function keyAt(value: unknown, what: string): string {
  try {
    return keyOf(value)
  } catch (error) {
    if (!(error instanceof SpecificationError)) throw error
    throw new SpecificationError(error.code, `${what} is ${error.message}`, { cause: error })
  }
}

function betweenSteps({ procedure }: Frame, error: SpecificationError): SpecificationError {
  if (error.code !== 'impure' && error.code !== 'layout') return error
  return new SpecificationError(
    error.code,
    `${procedure.procedureName}, between two steps: ${error.message}`,
    { cause: error },
  )
}

/** A result as messages show it, with the class of an object. */
function shownAnswer(result: unknown): string {
  if (typeof result !== 'object' || result === null) return String(result)
  const { name } = Object.getPrototypeOf(result)?.constructor ?? {}
  const kind = typeof name === 'string' && name !== '' ? name : 'an object without a class'
  return name === 'Object' || name === 'Array'
    ? `${inText(result)}, which is not plain`
    : `an instance of ${kind}`
}

function inText(value: object): string {
  try {
    return JSON.stringify(value)
  } catch {
    return 'an object'
  }
}

function signature(operation: Node['operation']): string {
  switch (operation.kind) {
    case 'step':
      return `step ${operation.name} ${operation.ways?.join('|') ?? operation.choices}`
    case 'call':
    case 'become':
      return `${operation.kind} ${keyOf(operation.procedure)}${keyOf(operation.args)}`
    case 'return':
      return `return ${keyOf(operation.value)}`
    case 'failed':
      return `failed ${operation.violation.message}`
  }
}

function describe(operation: Node['operation']): string {
  switch (operation.kind) {
    case 'step':
      return operation.name
    case 'call':
    case 'become':
      return calleeOf(operation)
    case 'return':
      return 'return'
    case 'failed':
      return operation.violation.message
  }
}

function calleeOf(operation: Call | Become): string {
  return `${operation.kind} ${operation.procedure.procedureName}`
}

function showArgument(value: unknown): string {
  return typeof value === 'object' && value !== null ? '…' : String(value)
}

/**
 * Freezes an argument or a result. It is stored and passed to every replay, so a change by either
 * side would make replays differ. A change then throws where it is made.
 */
function freezeValue(value: unknown): void {
  if (typeof value !== 'object' || value === null || isHandle(value)) return
  Object.freeze(value)
  for (const inner of Object.values(value)) freezeValue(inner)
}

function never(): number {
  throw new Error('a location that is not at a step was run')
}

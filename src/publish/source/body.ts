/**
 * What the text of a procedure does: its steps, whom it calls, what it claims and what it signals to statecharts.
 *
 * @module
 */
import ts from 'typescript'
import { bare, calls, everyNode, type FunctionNode, isFunction, type Place, type Source } from './program.js'

/** What a piece of text claims and signals, wherever it does so. */
export interface Effects {
  /** Events that are signalled to statecharts. */
  readonly signals: ReadonlySet<string>
  /** Requirements that are claimed in it. */
  readonly claims: ReadonlySet<string>
}

/** One atomic step that a text names. */
export interface StepInText extends Place, Effects {
  /** As traces show it; of a lock, the verb and the lock as the text calls it. */
  readonly name: string
  readonly kind: 'step' | 'choice' | 'lock'
}

/** A procedure that a text calls. */
export interface CallInText {
  /** The call that made the procedure. */
  readonly target: ts.CallExpression
  /** True if the caller's frame is gone. */
  readonly tail: boolean
}

/** What a text does. */
export interface BodyFacts extends Effects {
  readonly steps: readonly StepInText[]
  readonly calls: readonly CallInText[]
  /** Calls of what is only known as it runs: a driver's callback. */
  readonly open: readonly string[]
}

/** Reads texts, each function once. */
export class BodyReader {
  private readonly bodies = new Map<FunctionNode, BodyFacts>()
  private readonly effects = new Map<FunctionNode, Effects>()

  constructor(private readonly source: Source) {}

  /** What `fn`, a generator, does. */
  read(fn: FunctionNode): BodyFacts {
    const known = this.bodies.get(fn)
    if (known !== undefined) return known
    const facts = {
      steps: [] as StepInText[],
      calls: [] as CallInText[],
      open: [] as string[],
      ...noEffects(),
    }
    // One that calls itself finds what is known of it so far.
    this.bodies.set(fn, facts)
    if (fn.body !== undefined)
      everyNode(fn.body, (node) => {
        if (ts.isYieldExpression(node) && node.asteriskToken && node.expression) {
          const operand = bare(node.expression)
          if (ts.isCallExpression(operand)) this.readYield(operand, facts)
        }
      })
    if (fn.body !== undefined) this.readEffects(fn.body, facts)
    for (const step of facts.steps) add(facts, step)
    return facts
  }

  private readYield(
    call: ts.CallExpression,
    facts: { steps: StepInText[]; calls: CallInText[]; open: string[] },
  ): void {
    if (calls(call, 'become') && call.arguments.length > 0) {
      this.readCall(call.arguments[0], true, facts)
      return
    }
    const [first] = call.arguments
    if (first !== undefined && ts.isStringLiteralLike(first)) {
      const found = noEffects()
      for (const argument of call.arguments) this.readEffects(argument, found)
      const kind = calls(call, 'choose') ? 'choice' : 'step'
      facts.steps.push({ name: first.text, kind, ...this.source.placeOf(call), ...found })
      return
    }
    this.readCall(call.expression, false, facts, call)
  }

  private readCall(
    callee: ts.Expression,
    tail: boolean,
    facts: { steps: StepInText[]; calls: CallInText[]; open: string[] },
    call?: ts.CallExpression,
  ): void {
    const target = this.source.valueOf(callee)
    if (target !== undefined && ts.isCallExpression(target) && calls(target, 'procedure'))
      facts.calls.push({ target, tail })
    else if (isFunction(target) && ts.isMethodDeclaration(target) && call !== undefined) {
      // A method's steps name what it is a method of: they are the caller's.
      const receiver = bare(callee)
      const of = ts.isPropertyAccessExpression(receiver) ? receiver.expression.getText() : ''
      const names = methodSteps(target, of)
      for (const name of names)
        facts.steps.push({ name, kind: 'lock', ...this.source.placeOf(call), ...noEffects() })
      if (names.length === 0) facts.open.push(callee.getText())
    } else if (isFunction(target) && target.asteriskToken) {
      const inner = this.read(target)
      facts.steps.push(...inner.steps)
      facts.calls.push(...inner.calls)
      facts.open.push(...inner.open)
    } else facts.open.push(callee.getText())
  }

  /** Adds what `node` claims and signals, and the functions that it calls. */
  private readEffects(node: ts.Node, into: { signals: Set<string>; claims: Set<string> }): void {
    everyNode(node, (inner) => {
      if (ts.isIdentifier(inner) && inner === node) {
        const value = this.source.valueOf(inner)
        if (isFunction(value)) add(into, this.effectsOf(value))
      }
      if (!ts.isCallExpression(inner)) return
      const callee = bare(inner.expression)
      if (ts.isPropertyAccessExpression(callee) && callee.name.text === 'signal')
        for (const argument of inner.arguments)
          everyNode(argument, (text) => {
            if (ts.isStringLiteralLike(text)) into.signals.add(text.text)
          })
      else if (calls(inner, 'claim')) {
        const [clause] = inner.arguments
        if (clause !== undefined && ts.isStringLiteralLike(clause)) into.claims.add(clause.text)
      } else {
        const value = this.source.valueOf(callee)
        if (isFunction(value) && !value.asteriskToken) add(into, this.effectsOf(value))
      }
    })
  }

  private effectsOf(fn: FunctionNode): Effects {
    const known = this.effects.get(fn)
    if (known !== undefined) return known
    const found = noEffects()
    this.effects.set(fn, found)
    if (fn.body !== undefined) this.readEffects(fn.body, found)
    return found
  }
}

/** The names of the steps of a method of `of`, which names itself in them: `lock ${this.name}`. */
function methodSteps(method: ts.MethodDeclaration, of: string): string[] {
  const names: string[] = []
  everyNode(method, (node) => {
    if (!ts.isCallExpression(node) || !calls(node, 'step')) return
    const [name] = node.arguments
    if (name !== undefined && ts.isTemplateExpression(name))
      names.push(`${name.head.text}${of}${name.templateSpans.map(({ literal }) => literal.text).join('')}`)
    else if (name !== undefined && ts.isStringLiteralLike(name)) names.push(name.text)
  })
  return names
}

function noEffects(): { signals: Set<string>; claims: Set<string> } {
  return { signals: new Set(), claims: new Set() }
}

function add(into: { signals: Set<string>; claims: Set<string> }, more: Effects): void {
  for (const signal of more.signals) into.signals.add(signal)
  for (const claim of more.claims) into.claims.add(claim)
}

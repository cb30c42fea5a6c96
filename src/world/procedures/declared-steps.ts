/**
 * The steps that the text of a procedure names.
 *
 * @module
 */
import {
  type CallExpression,
  type Identifier,
  type Literal,
  type MemberExpression,
  type Node,
  parse,
  type SequenceExpression,
  type TemplateLiteral,
  type YieldExpression,
} from 'acorn'
import type { AnyProcedure } from './procedure.js'

/** A step that a procedure's text names. */
export interface DeclaredStep {
  readonly procedure: string
  readonly step: string
}

/**
 * The steps that `procedures` declare: what exploring should take at least once. They are read off the program, since a
 * generator that was never run tells nothing of itself: `yield* step('name', …)`, and any `yield*` of a call with a text
 * and then a function or a number, which is what a step is once a tool has shortened names. Steps of locks, whose names
 * are made up as they run, are not among them.
 */
export function declaredSteps(procedures: readonly AnyProcedure[]): DeclaredStep[] {
  const found: DeclaredStep[] = []
  for (const { procedureName, body } of procedures)
    for (const step of stepsIn(body.toString())) found.push({ procedure: procedureName, step })
  return found
}

/** Functions that make a step, by the names that the product gives them. */
const MAKES_A_STEP = new Set(['step', 'choose', 'critical'])

const known = new Map<string, ReadonlySet<string>>()

/** The steps that the text of a generator names. */
export function stepsIn(text: string): ReadonlySet<string> {
  let names = known.get(text)
  if (names === undefined) {
    const collected = new Set<string>()
    const program = parsed(text)
    if (program !== undefined) collect(program, collected)
    names = collected
    known.set(text, names)
  }
  return names
}

/** The program of a function's text: a function, or a method of an object. */
function parsed(text: string): Node | undefined {
  for (const source of [`(${text})`, `({${text}})`])
    try {
      return parse(source, { ecmaVersion: 'latest', sourceType: 'module' })
    } catch {
      // It is the other of the two, or no text at all: `[native code]`.
    }
  return undefined
}

function collect(node: Node, names: Set<string>): void {
  if (node.type === 'YieldExpression') {
    const { delegate, argument } = node as YieldExpression
    if (delegate && argument?.type === 'CallExpression') {
      const name = stepOf(argument)
      if (name !== undefined) names.add(name)
    }
  }
  for (const value of Object.values(node))
    for (const inner of Array.isArray(value) ? value : [value]) if (isNode(inner)) collect(inner, names)
}

function stepOf({ callee, arguments: [first, second] }: CallExpression): string | undefined {
  const name = first === undefined ? undefined : textOf(first)
  if (name === undefined) return undefined
  const called = nameOf(callee)
  const looksLikeOne =
    second?.type === 'ArrowFunctionExpression' ||
    second?.type === 'FunctionExpression' ||
    second?.type === 'ArrayExpression' ||
    (second?.type === 'Literal' && typeof second.value === 'number')
  return looksLikeOne || (called !== undefined && MAKES_A_STEP.has(called)) ? name : undefined
}

/** A text that is the same whatever happens. */
function textOf(node: Node): string | undefined {
  if (node.type === 'Literal') {
    const { value } = node as Literal
    return typeof value === 'string' ? value : undefined
  }
  if (node.type !== 'TemplateLiteral') return undefined
  const { expressions, quasis } = node as TemplateLiteral
  return expressions.length === 0 ? (quasis[0].value.cooked ?? undefined) : undefined
}

/** The last name of what is called: `step` of `world.step` and of `(0, world.step)`. */
function nameOf(callee: Node): string | undefined {
  switch (callee.type) {
    case 'Identifier':
      return (callee as Identifier).name
    case 'MemberExpression':
      return nameOf((callee as MemberExpression).property)
    case 'SequenceExpression':
      return nameOf((callee as SequenceExpression).expressions.at(-1) as Node)
    default:
      return undefined
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/**
 * The steps that the source of a procedure names.
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

/** A step named in the source of a procedure. */
export interface DeclaredStep {
  readonly procedure: string
  readonly step: string
}

/**
 * The steps that `procedures` declare. Exploration should take each at least once. They are read
 * from the source, since a generator that was never run does not report its steps: `yield*
 * step('name', …)`, and any `yield*` of a call with a string and then a function or a number, which
 * is what remains of a step after a minifier has shortened names. Steps of locks are not included,
 * since their names are computed at run time.
 */
export function declaredSteps(procedures: readonly AnyProcedure[]): DeclaredStep[] {
  const found: DeclaredStep[] = []
  for (const { procedureName, body } of procedures)
    for (const step of stepsIn(body.toString())) found.push({ procedure: procedureName, step })
  return found
}

/** Names of the functions that make a step. */
const MAKES_A_STEP = new Set(['step', 'choose', 'critical'])

const known = new Map<string, ReadonlySet<string>>()

/** The steps named in the source of a generator. */
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

/** The syntax tree of a function's source, which may be a function or a method. */
function parsed(text: string): Node | undefined {
  for (const source of [`(${text})`, `({${text}})`])
    try {
      return parse(source, { ecmaVersion: 'latest', sourceType: 'module' })
    } catch {
      // Not this form of function, or no source at all: `[native code]`.
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

/** The string, if it is constant. */
function textOf(node: Node): string | undefined {
  if (node.type === 'Literal') {
    const { value } = node as Literal
    return typeof value === 'string' ? value : undefined
  }
  if (node.type !== 'TemplateLiteral') return undefined
  const { expressions, quasis } = node as TemplateLiteral
  return expressions.length === 0 ? (quasis[0].value.cooked ?? undefined) : undefined
}

/** The last identifier of a callee: `step` in `world.step` and in `(0, world.step)`. */
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

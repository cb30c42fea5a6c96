/**
 * What an operator proposes, and what all of them ask of a text.
 *
 * @module
 */
import ts from 'typescript'
import type { Edit, Mutation } from '../mutant.js'

/** A change that an operator proposes. */
export interface Proposal {
  readonly kind: Mutation
  /** What is changed: its place is the mutant's. */
  readonly node: ts.Node
  readonly edits: readonly Edit[]
  /** What is changed, where that is not the text of `node`. */
  readonly original?: string
  /** By what, in words, where that is not the text of the edits. */
  readonly replacement?: string
}

/** Looks at one node of a function, and proposes changes of it. */
export type Operator = (node: ts.Node, types: Types) => Iterable<Proposal>

/** What a value may be replaced by. */
export class Types {
  constructor(private readonly checker: ts.TypeChecker) {}

  /** `0` for a number, `false` for a flag, an empty text for nothing at all; `undefined` where there is no such value, or it is that. */
  nothingLike(expression: ts.Expression): '0' | 'false' | '' | undefined {
    const type = this.checker.getTypeAtLocation(expression)
    // It is that already.
    if ((type.isNumberLiteral() && type.value === 0) || this.checker.typeToString(type) === 'false')
      return undefined
    if (all(type, ts.TypeFlags.NumberLike)) return '0'
    if (all(type, ts.TypeFlags.BooleanLike)) return 'false'
    return all(type, ts.TypeFlags.VoidLike) ? '' : undefined
  }

  /** True for a number or a flag. */
  isPlain(expression: ts.Expression): boolean {
    const type = this.checker.getTypeAtLocation(expression)
    return all(type, ts.TypeFlags.NumberLike | ts.TypeFlags.BooleanLike)
  }

  /** True for a number. */
  isNumber(expression: ts.Expression): boolean {
    return all(this.checker.getTypeAtLocation(expression), ts.TypeFlags.NumberLike)
  }
}

function all(type: ts.Type, flags: ts.TypeFlags): boolean {
  return type.isUnion() ? type.types.every((one) => (one.flags & flags) !== 0) : (type.flags & flags) !== 0
}

/** Replaces `node` by `text`. */
export function replace(node: ts.Node, text: string): Edit {
  return { start: node.getStart(), end: node.getEnd(), text }
}

/** The expression of `yield* expression`. */
export function delegated(node: ts.Node | undefined): ts.Expression | undefined {
  if (node === undefined) return undefined
  const inner = ts.isExpression(node) ? bare(node) : node
  return ts.isYieldExpression(inner) && inner.asteriskToken ? inner.expression : undefined
}

/** An expression without parentheses, and without what is only said to the type checker. */
export function bare(expression: ts.Expression): ts.Expression {
  let inner = expression
  while (
    ts.isParenthesizedExpression(inner) ||
    ts.isAsExpression(inner) ||
    ts.isSatisfiesExpression(inner) ||
    ts.isNonNullExpression(inner)
  )
    inner = inner.expression
  return inner
}

/** The last name of what `expression` calls: `lock` of `mirror.updateLock.lock()`. */
export function calledName(expression: ts.Node | undefined): string | undefined {
  if (expression === undefined || !ts.isExpression(expression)) return undefined
  const call = bare(expression)
  if (!ts.isCallExpression(call)) return undefined
  const callee = bare(call.expression)
  if (ts.isIdentifier(callee)) return callee.text
  return ts.isPropertyAccessExpression(callee) ? callee.name.text : undefined
}

/** True if `node` has a `yield*` of its own, outside of functions within it. */
export function waits(node: ts.Node): boolean {
  if (ts.isFunctionLike(node)) return false
  if (ts.isYieldExpression(node)) return true
  return ts.forEachChild(node, (child) => waits(child) || undefined) ?? false
}

/** What is said to the checker, and does nothing: claims, guards, errors. */
export function isClaim(node: ts.Node): boolean {
  if (ts.isThrowStatement(node)) return true
  if (ts.isExpressionStatement(node)) return isClaim(node.expression)
  if (ts.isIfStatement(node)) return node.elseStatement === undefined && isClaim(node.thenStatement)
  if (ts.isBlock(node)) return node.statements.length > 0 && node.statements.every(isClaim)
  const name = calledName(node)
  return name !== undefined && (name === 'claim' || /^must[A-Z]/.test(name) || name === 'mightSleep')
}

/** The lock verb of `yield* x.lock()`, where the statement is one; and what is locked. */
export function lockingOf(
  statement: ts.Node | undefined,
): { readonly verb: string; readonly lock: string; readonly call: ts.CallExpression } | undefined {
  const expression =
    statement !== undefined && ts.isExpressionStatement(statement) ? statement.expression : undefined
  const call = delegated(expression)
  if (call === undefined || !ts.isCallExpression(call)) return undefined
  const callee = bare(call.expression)
  if (!ts.isPropertyAccessExpression(callee)) return undefined
  const verb = callee.name.text
  if (!/^(un)?lock(Read|Write)?$/.test(verb)) return undefined
  return { verb, lock: callee.expression.getText(), call }
}

/** The text of `node` on one line, with every block within left out. */
export function brief(node: ts.Node): string {
  const start = node.getStart()
  let text = ''
  let at = start
  const visit = (inner: ts.Node): void => {
    if (ts.isBlock(inner) && inner !== node) {
      text += `${node.getSourceFile().text.slice(at, inner.getStart())}{ … }`
      at = inner.getEnd()
    } else ts.forEachChild(inner, visit)
  }
  visit(node)
  return (text + node.getSourceFile().text.slice(at, node.getEnd())).replace(/\s+/g, ' ').trim()
}

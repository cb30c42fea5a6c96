/**
 * Statements that are left out or swapped.
 *
 * @module
 */
import ts from 'typescript'
import type { Mutation } from '../mutant.js'
import { narrows } from './conditions.js'
import {
  bare,
  brief,
  calledName,
  isClaim,
  lockingOf,
  type Operator,
  type Proposal,
  replace,
  waits,
} from './operator.js'

/** Leaves out one statement: a call, an assignment, a branch, a loop. */
export const deleteStatement: Operator = function* (node, types) {
  if (!isStatementOfBody(node) || isClaim(node) || isWhole(node)) return
  if (ts.isIfStatement(node)) {
    if (leaves(node) && narrows(node.expression, types)) return
    if (node.elseStatement === undefined) {
      yield {
        kind: isRecheck(node) ? 'recheck' : kindOf(node),
        node,
        edits: [replace(node, '{}')],
        replacement: '',
      }
      return
    }
    yield {
      kind: 'delete',
      node: node.thenStatement,
      edits: [replace(node.thenStatement, '{}')],
      replacement: '',
    }
    if (!ts.isIfStatement(node.elseStatement))
      yield {
        kind: 'delete',
        node: node.elseStatement,
        edits: [replace(node.elseStatement, '{}')],
        replacement: '',
      }
    return
  }
  if (
    ts.isExpressionStatement(node) ||
    ts.isForStatement(node) ||
    ts.isForOfStatement(node) ||
    ts.isWhileStatement(node)
  )
    yield { kind: kindOf(node), node, edits: [replace(node, '{}')], replacement: '' }
}

/** Swaps two neighbouring statements that both take steps, where neither needs a name that the other declares. */
export const swapSteps: Operator = function* (node) {
  if (!isStatementOfBody(node)) return
  const next = following(node)
  if (next === undefined || !waits(node) || !waits(next) || leaves(node) || leaves(next)) return
  if (needs(next, declaredBy(node)) || needs(node, declaredBy(next))) return
  const isRead = /^lock/.test(lockingOf(node)?.verb ?? '') && lockingOf(next) === undefined
  const [first, second] = [node.getText(), next.getText()]
  yield {
    kind: isRead ? 'staleRead' : 'swap',
    node,
    edits: [replace(node, second), replace(next, first)],
    original: `${brief(node)}; ${brief(next)}`,
    replacement: `${brief(next)}; ${brief(node)}`,
  } satisfies Proposal
}

/** True for all that a branch or a loop does: to leave that out is to leave out the branch or the loop. */
function isWhole({ parent }: ts.Statement): boolean {
  if (ts.isIfStatement(parent)) return true
  return ts.isForStatement(parent) || ts.isForOfStatement(parent) || ts.isWhileStatement(parent)
}

function isStatementOfBody(node: ts.Node): node is ts.Statement {
  return ts.isStatement(node) && !ts.isBlock(node) && !ts.isFunctionDeclaration(node)
}

/** The statement after `node` in its block. */
function following(node: ts.Statement): ts.Statement | undefined {
  const statements = statementsAround(node)
  return statements?.[statements.indexOf(node) + 1]
}

function statementsAround({ parent }: ts.Node): readonly ts.Statement[] | undefined {
  return ts.isBlock(parent) || ts.isCaseOrDefaultClause(parent) ? parent.statements : undefined
}

/** What a statement's loss stands for. */
function kindOf(node: ts.Statement): Mutation {
  if (ts.isExpressionStatement(node) && dropsDirtyBit(node.expression)) return 'dirty'
  return isCleanup(node) ? 'cleanup' : 'delete'
}

/** `pte.dirty = …`, `dirtyPte(pte)`. */
function dropsDirtyBit(expression: ts.Expression): boolean {
  if (/dirty/i.test(calledName(expression) ?? '')) return true
  return (
    ts.isBinaryExpression(expression) &&
    ts.isPropertyAccessExpression(expression.left) &&
    /dirty$/i.test(expression.left.name.text)
  )
}

/** True in a block that ends with a return, within another: an early way out. */
function isCleanup(node: ts.Statement): boolean {
  const statements = statementsAround(node)
  const last = statements?.at(-1)
  if (last === undefined || last === node || !ts.isReturnStatement(last)) return false
  return ts.isIfStatement(node.parent.parent)
}

/** True for a look right after a lock was taken that leads away. */
function isRecheck(node: ts.IfStatement): boolean {
  if (!leaves(node)) return false
  const statements = statementsAround(node) ?? []
  const before = statements[statements.indexOf(node) - 1]
  if (/^lock/.test(lockingOf(before)?.verb ?? '')) return true
  // The first thing that is looked at in a critical section.
  const within = node.parent.parent
  return (
    before === undefined &&
    ts.isArrowFunction(within) &&
    ts.isCallExpression(within.parent) &&
    calledName(within.parent) === 'critical'
  )
}

/** True if `node` may leave the function or the round of a loop. */
function leaves(node: ts.Node): boolean {
  if (ts.isFunctionLike(node)) return false
  if (ts.isReturnStatement(node) || ts.isBreakOrContinueStatement(node) || ts.isThrowStatement(node))
    return true
  return ts.forEachChild(node, (child) => leaves(child) || undefined) ?? false
}

function declaredBy(node: ts.Statement): ReadonlySet<string> {
  const names = new Set<string>()
  const add = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.add(name.text)
    else for (const element of name.elements) if (ts.isBindingElement(element)) add(element.name)
  }
  if (ts.isVariableStatement(node)) for (const { name } of node.declarationList.declarations) add(name)
  // What is assigned is needed by whoever reads it as well.
  const assigned = (inner: ts.Node): void => {
    if (
      ts.isBinaryExpression(inner) &&
      inner.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
      inner.operatorToken.kind <= ts.SyntaxKind.LastAssignment
    ) {
      const target = bare(inner.left)
      if (ts.isIdentifier(target)) names.add(target.text)
    }
    ts.forEachChild(inner, assigned)
  }
  assigned(node)
  return names
}

function needs(node: ts.Node, names: ReadonlySet<string>): boolean {
  if (ts.isIdentifier(node) && names.has(node.text)) return true
  return ts.forEachChild(node, (child) => needs(child, names) || undefined) ?? false
}

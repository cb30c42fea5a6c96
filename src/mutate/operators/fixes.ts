/**
 * Operators that are taken from bugs which the kernel or a driver had: a lock that is missing or of the wrong mode, the wrong
 * owner, a dirty bit that is dropped.
 *
 * @module
 */
import ts from 'typescript'
import { bare, delegated, lockingOf, type Operator, replace } from './operator.js'

/** The name under which a mutant imports what makes a step. */
export const STEP = '__step'

/** Runs a critical section without its lock. */
export const dropLock: Operator = function* (node) {
  const call = delegated(node)
  if (!ts.isYieldExpression(node) || call === undefined || !ts.isCallExpression(call)) return
  const callee = bare(call.expression)
  if (!ts.isPropertyAccessExpression(callee) || callee.name.text !== 'critical') return
  yield {
    kind: 'unlocked',
    node: call,
    edits: [replace(call.expression, STEP)],
    original: callee.getText(),
    replacement: 'step',
  }
}

/** Takes a lock for reading that is to be taken for writing, from where it is taken to where it is released. */
export const weakenLock: Operator = function* (node) {
  const taken = lockingOf(node)
  if (taken?.verb !== 'lockWrite') return
  const body = enclosingFunction(node)
  if (body === undefined) return
  const releases: ts.CallExpression[] = []
  const visit = (inner: ts.Node): void => {
    const found = lockingOf(inner)
    if (found?.verb === 'unlockWrite' && found.lock === taken.lock) releases.push(found.call)
    ts.forEachChild(inner, visit)
  }
  visit(body)
  if (releases.length === 0) return
  yield {
    kind: 'lockMode',
    node: taken.call,
    edits: [
      replace(taken.call, `${taken.lock}.lockRead()`),
      ...releases.map((release) => replace(release, `${taken.lock}.unlockRead()`)),
    ],
    replacement: `${taken.lock}.lockRead()`,
  }
}

function enclosingFunction(node: ts.Node): ts.Node | undefined {
  let at: ts.Node | undefined = node.parent
  while (at !== undefined && !ts.isFunctionLike(at)) at = at.parent
  return at
}

/** Passes or compares another owner. */
export const otherOwner: Operator = function* (node) {
  if (!ts.isExpression(node) || !isOwner(node)) return
  const { parent } = node
  const isPassed = ts.isCallExpression(parent) && parent.arguments.includes(node)
  const isCompared =
    ts.isBinaryExpression(parent) &&
    [ts.SyntaxKind.EqualsEqualsEqualsToken, ts.SyntaxKind.ExclamationEqualsEqualsToken].includes(
      parent.operatorToken.kind,
    )
  if (!isPassed && !isCompared) return
  const other = `(${node.getText()} === 0 ? 1 : 0)`
  yield { kind: 'owner', node, edits: [replace(node, other)], replacement: 'another owner' }
}

function isOwner(node: ts.Node): boolean {
  if (ts.isIdentifier(node)) return node.text === 'owner' && !isName(node)
  return ts.isPropertyAccessExpression(node) && node.name.text === 'owner'
}

/** True for the name of a property, which is no expression of its own. */
function isName({ parent }: ts.Identifier): boolean {
  return ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)
}

/** Drops a dirty bit that a record is made with. */
export const dropDirtyBit: Operator = function* (node) {
  if (!ts.isPropertyAssignment(node) || !/^(soft)?dirty$/i.test(node.name.getText())) return
  if (node.initializer.getText() === 'false') return
  yield {
    kind: 'dirty',
    node,
    edits: [replace(node.initializer, 'false')],
    replacement: `${node.name.getText()}: false`,
  }
}

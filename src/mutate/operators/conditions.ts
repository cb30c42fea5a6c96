/**
 * Conditions that are inverted, weakened or off by one.
 *
 * @module
 */
import ts from 'typescript'
import { isClaim, type Operator, replace, type Types } from './operator.js'

/** Inverts the condition of a branch. */
export const invertCondition: Operator = function* (node, types) {
  const condition = ts.isIfStatement(node)
    ? node.expression
    : ts.isConditionalExpression(node)
      ? node.condition
      : undefined
  if (condition === undefined || isClaim(node) || narrows(condition, types) || isChoice(condition)) return
  yield { kind: 'invert', node: condition, edits: [replace(condition, `!(${condition.getText()})`)] }
}

/** True for a look at which way a step goes, where every way is tried: inverted, the ways only change their names. */
function isChoice(condition: ts.Expression): boolean {
  return (
    ts.isBinaryExpression(condition) &&
    condition.operatorToken.kind === ts.SyntaxKind.EqualsEqualsEqualsToken &&
    ts.isIdentifier(condition.left) &&
    condition.left.text === 'choice'
  )
}

/** Leaves out one operand of `&&` or `||`. */
export const dropOperand: Operator = function* (node, types) {
  if (!ts.isBinaryExpression(node) || !isLogical(node.operatorToken.kind)) return
  const { left, right } = node
  yield {
    kind: 'condition',
    node,
    edits: [replace(node, `(${left.getText()})`)],
    replacement: left.getText(),
  }
  // What is right of it may be there only if the left says so.
  if (narrows(left, types)) return
  yield {
    kind: 'condition',
    node,
    edits: [replace(node, `(${right.getText()})`)],
    replacement: right.getText(),
  }
}

/** True for a look whether something is there at all: what follows could not be run, or would not compile, without it. */
export function narrows(condition: ts.Expression, types: Types): boolean {
  if (/\bundefined\b/.test(condition.getText())) return true
  if (ts.isBinaryExpression(condition) && isLogical(condition.operatorToken.kind))
    return narrows(condition.left, types) || narrows(condition.right, types)
  return !types.isPlain(condition)
}

function isLogical(kind: ts.SyntaxKind): boolean {
  return kind === ts.SyntaxKind.AmpersandAmpersandToken || kind === ts.SyntaxKind.BarBarToken
}

const NEXT = new Map([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
])

/** What is the end of a range, by its name. */
const END = /^(end|last|limit)$|End$/

/** Ends a range one page too early or too late. */
export const shiftEnd: Operator = function* (node, types) {
  if (ts.isBinaryExpression(node)) {
    const operator = NEXT.get(node.operatorToken.kind)
    if (operator !== undefined && types.isNumber(node.left) && types.isNumber(node.right))
      yield {
        kind: 'offByOne',
        node,
        edits: [replace(node.operatorToken, operator)],
        replacement: compared(node, operator),
      }
    return
  }
  if (!isArgument(node) || !types.isNumber(node)) return
  if (nameOf(node) !== undefined && END.test(nameOf(node) as string))
    yield { kind: 'offByOne', node, edits: [replace(node, `(${node.getText()} - 1)`)] }
}

/** Takes the second page of a huge page for its first. */
export const takeTail: Operator = function* (node, types) {
  if (!isArgument(node) || !types.isNumber(node)) return
  const isHead =
    nameOf(node) === 'head' ||
    (ts.isPropertyAccessExpression(node) &&
      node.name.text === 'start' &&
      /pmd/i.test(node.expression.getText()))
  if (isHead) yield { kind: 'tailPage', node, edits: [replace(node, `(${node.getText()} + 1)`)] }
}

function compared(node: ts.BinaryExpression, operator: string): string {
  return `${node.left.getText()} ${operator} ${node.right.getText()}`
}

/** The last name of `x` or `a.x`. */
function nameOf(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node)) return node.text
  return ts.isPropertyAccessExpression(node) ? node.name.text : undefined
}

/** True for what a call passes, or an index. */
function isArgument(node: ts.Node): node is ts.Expression {
  const { parent } = node
  if (parent === undefined || !ts.isExpression(node)) return false
  if (ts.isCallExpression(parent)) return parent.arguments.includes(node)
  return ts.isElementAccessExpression(parent) && parent.argumentExpression === node
}

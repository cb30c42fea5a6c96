/**
 * Values that are waited for and not used, or not waited for at all.
 *
 * @module
 */
import ts from 'typescript'
import { calledName, delegated, type Operator, replace } from './operator.js'

/** What answers a number that stands for another: there is no 0 of it. */
const TOKENS: ReadonlySet<string> = new Set(['mmu_interval_read_begin'])

/** Uses 0 or false in place of what a step or a call answers, which is taken or made, or is not. */
export const zeroAnswer: Operator = function* (node, types) {
  if (!ts.isExpression(node) || ts.isParenthesizedExpression(node)) return
  const operand = delegated(node)
  if (operand === undefined || ts.isExpressionStatement(node.parent)) return
  const nothing = types.nothingLike(node)
  if (nothing === undefined || TOKENS.has(calledName(operand) ?? '')) return
  const value = nothing === '' ? 'undefined' : nothing
  yield { kind: 'delete', node, edits: [replace(node, value)], replacement: value }
  // What a tail call answers is its caller's: it cannot be called and not used.
  if (nothing === '' || calledName(operand) === 'become') return
  yield {
    kind: 'zero',
    node,
    edits: [replace(node, `((${node.getText()}), ${nothing})`)],
    replacement: nothing,
  }
}

/** Answers 0 or false in place of what a function or a step has found out. */
export const zeroReturn: Operator = function* (node, types) {
  const value = ts.isReturnStatement(node)
    ? node.expression
    : ts.isArrowFunction(node) && !ts.isBlock(node.body)
      ? node.body
      : undefined
  if (value === undefined || delegated(value) !== undefined) return
  const nothing = types.nothingLike(value)
  if (nothing === undefined || nothing === '' || value.getText() === nothing) return
  if (ts.isIdentifier(value) && value.text === 'BLOCKED') return
  yield { kind: 'zero', node: value, edits: [replace(value, nothing)], replacement: nothing }
}

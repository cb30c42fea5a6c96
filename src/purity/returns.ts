/**
 * What the text of a class, or of a function that may be called with `new`, gives back.
 *
 * @module
 */
import { type AnyNode, type Class, parse } from 'acorn'
import { childrenOf, isFunction } from './scopes.js'

/**
 * True if `new` of what has this text may give another object than the one that is being made.
 *
 * @param text - as `Function.prototype.toString` has it; of a text that cannot be read it is true
 */
export function mayReturnAnother(text: string): boolean {
  const made = expressionOf(text)
  if (made === undefined) return true
  const body = made.type === 'ClassExpression' ? constructorOf(made)?.body : isFunction(made) && made.body
  return body ? returnsAnother(body) : false
}

function expressionOf(text: string): AnyNode | undefined {
  // A function may be of a text in sloppy mode.
  for (const sourceType of ['module', 'script'] as const)
    try {
      const [first] = parse(`(${text})`, { ecmaVersion: 'latest', sourceType }).body
      return first?.type === 'ExpressionStatement' ? first.expression : undefined
    } catch {}
  return undefined
}

function constructorOf({ body }: Class) {
  for (const member of body.body)
    if (member.type === 'MethodDefinition' && member.kind === 'constructor') return member.value
  return undefined
}

/** A class that has no constructor of its own returns what the one above it does. */
function returnsAnother(node: AnyNode): boolean {
  if (isFunction(node) || node.type === 'ClassDeclaration' || node.type === 'ClassExpression') return false
  if (node.type === 'ReturnStatement') return node.argument != null && !isNoOther(node.argument)
  return childrenOf(node).some(returnsAnother)
}

/** True for an expression that is no object, or the one that is being made: `new` gives that then. */
function isNoOther(node: AnyNode): boolean {
  switch (node.type) {
    case 'ThisExpression':
    case 'TemplateLiteral':
    case 'UnaryExpression':
    case 'UpdateExpression':
    case 'BinaryExpression':
      return true
    case 'Literal':
      return !('regex' in node)
    case 'Identifier':
      return node.name === 'undefined'
    default:
      return false
  }
}

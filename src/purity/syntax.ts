/**
 * What the nodes of a JavaScript text are, as far as the rules of purity need to know.
 *
 * @module
 */
import type { AnyNode } from 'acorn'
import { MUTATORS } from './names.js'
import { childrenOf, type Declaration, type FunctionNode, isFunction, type Scope } from './scopes.js'

/** The name of a function, or of what it is given to; empty if it has none. */
export function nameOfFunction(node: FunctionNode, parent: AnyNode | undefined): string {
  if ('id' in node && node.id) return node.id.name
  switch (parent?.type) {
    case 'VariableDeclarator':
      return parent.id.type === 'Identifier' ? parent.id.name : ''
    case 'Property':
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return parent.key.type === 'Identifier' ? parent.key.name : ''
    default:
      return ''
  }
}

/** What bundlers put behind a name that two modules give to different things. */
const NUMBERED = /\$\d+$/

/** The last name of what is called: `step` of `step(…)`, `step$1(…)`, `world.step(…)` and `(0, world.step)(…)`. */
export function nameOf(callee: AnyNode): string {
  switch (callee.type) {
    case 'Identifier':
      return callee.name.replace(NUMBERED, '')
    case 'MemberExpression':
      return propertyOf(callee) ?? ''
    case 'SequenceExpression':
      return nameOf(callee.expressions[callee.expressions.length - 1])
    default:
      return ''
  }
}

export function propertyOf({
  property,
  computed,
}: AnyNode & { type: 'MemberExpression' }): string | undefined {
  if (!computed && property.type === 'Identifier') return property.name
  return property.type === 'Literal' && typeof property.value === 'string' ? property.value : undefined
}

/** A text that stands there as it is. */
export function textOf(node: AnyNode): string | undefined {
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}

/** The object at the beginning of a chain of members. */
export function rootOf(node: AnyNode): AnyNode {
  let at = node
  for (;;)
    if (at.type === 'MemberExpression') at = at.object
    else if (at.type === 'ChainExpression') at = at.expression
    else return at
}

/** The names and members that a pattern assigns. */
export function targetsOf(pattern: AnyNode): AnyNode[] {
  switch (pattern.type) {
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        targetsOf(property.type === 'RestElement' ? property.argument : property.value),
      )
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element === null ? [] : targetsOf(element)))
    case 'RestElement':
      return targetsOf(pattern.argument)
    case 'AssignmentPattern':
      return targetsOf(pattern.left)
    default:
      return [pattern]
  }
}

/** True if what a name holds is made by the text, or is the text's or everybody's: no field or list of the world. */
export function holdsOwn({ kind, init }: Declaration, scope: Scope): boolean {
  if (kind === 'function' || kind === 'class' || kind === 'import') return true
  return init !== undefined && isMade(init, scope, 0)
}

export function isMade(init: AnyNode, scope: Scope, depth: number): boolean {
  switch (init.type) {
    case 'ArrayExpression':
    case 'ObjectExpression':
    case 'NewExpression':
    case 'ClassExpression':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return true
    case 'ConditionalExpression':
      return isMade(init.consequent, scope, depth) || isMade(init.alternate, scope, depth)
    case 'LogicalExpression':
      return isMade(init.left, scope, depth) || isMade(init.right, scope, depth)
    case 'Literal':
      return 'regex' in init
    case 'CallExpression': {
      const { callee } = init
      if (nameOf(callee) === 'procedure') return true
      // [1, 2].values(), Array.from(…).keys(), Object.create(…)
      if (callee.type === 'MemberExpression') {
        const { object } = callee
        if (object.type === 'Identifier' && (object.name === 'Array' || object.name === 'Object')) return true
        return isMade(object, scope, depth)
      }
      // A generator that runs.
      const called = callee.type === 'Identifier' ? scope.find(callee.name)?.init : undefined
      return isFunction(called) && called.generator
    }
    case 'Identifier': {
      const found = scope.find(init.name)
      return (
        found !== undefined && depth < 8 && found.init !== undefined && isMade(found.init, scope, depth + 1)
      )
    }
    default:
      return false
  }
}

export function isWithin(owner: FunctionNode | undefined, boundary: FunctionNode): boolean {
  return owner !== undefined && owner.start >= boundary.start && owner.end <= boundary.end
}

export function isGlobal(node: AnyNode, name: string, scope: Scope): boolean {
  return node.type === 'Identifier' && node.name === name && scope.find(name) === undefined
}

export function isNamed(member: AnyNode, method: string): boolean {
  return member.type === 'MethodDefinition' && member.key.type === 'Identifier' && member.key.name === method
}

/** True if something of `this` is assigned below `node`. */
export function changesThis(node: AnyNode): boolean {
  const target =
    node.type === 'AssignmentExpression'
      ? node.left
      : node.type === 'UpdateExpression'
        ? node.argument
        : undefined
  if (target !== undefined && targetsOf(target).some((at) => rootOf(at).type === 'ThisExpression'))
    return true
  if (
    node.type === 'CallExpression' &&
    node.callee.type === 'MemberExpression' &&
    MUTATORS.has(nameOf(node.callee)) &&
    rootOf(node.callee).type === 'ThisExpression'
  )
    return true
  return childrenOf(node).some(changesThis)
}

export function isBecome(node: AnyNode): boolean {
  return (
    node.type === 'YieldExpression' &&
    node.delegate &&
    node.argument?.type === 'CallExpression' &&
    nameOf(node.argument.callee) === 'become'
  )
}

/** True if a `become` stands below `node`, in the same function. */
export function becomes(node: AnyNode): boolean {
  return isBecome(node) || childrenOf(node).some((child) => !isFunction(child) && becomes(child))
}

/** True if something is yielded below `node`, in the same function. */
export function publishes(node: AnyNode): boolean {
  return (
    node.type === 'YieldExpression' ||
    childrenOf(node).some((child) => !isFunction(child) && publishes(child))
  )
}

/**
 * True if `method` is a function of what a name stands for, and not that of an array, a map or a set. What is imported may be one of
 * these, or an object of functions: the text does not say, and whether it changes is looked at as it runs.
 */
export function hasMethod({ kind, init }: Declaration, method: string, scope: Scope): boolean {
  if (kind === 'import' || kind === 'function' || kind === 'class') return true
  return init !== undefined && isOfFunctions(init, method, scope, 0)
}

function isOfFunctions(init: AnyNode, method: string, scope: Scope, depth: number): boolean {
  switch (init.type) {
    case 'ClassExpression':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return true
    case 'ObjectExpression':
      return init.properties.some((member) => member.type === 'SpreadElement' || keyOf(member.key) === method)
    case 'NewExpression': {
      const made = init.callee.type === 'Identifier' ? scope.find(init.callee.name) : undefined
      const of = made?.init
      if (of?.type === 'ClassDeclaration' || of?.type === 'ClassExpression')
        return of.body.body.some((member) => isNamed(member, method))
      return made?.kind === 'import'
    }
    case 'CallExpression':
      // Object.freeze({ … })
      return KEEPING.has(nameOf(init.callee)) && init.arguments.length > 0
        ? isOfFunctions(init.arguments[0], method, scope, depth)
        : false
    case 'Identifier': {
      const found = scope.find(init.name)
      if (found?.kind === 'import' || found?.kind === 'function' || found?.kind === 'class') return true
      return depth < 8 && found?.init !== undefined && isOfFunctions(found.init, method, scope, depth + 1)
    }
    default:
      return false
  }
}

/** Functions that answer the object that they are given. */
const KEEPING: ReadonlySet<string> = new Set(['freeze', 'seal', 'preventExtensions'])

function keyOf(key: AnyNode): string | undefined {
  return key.type === 'Identifier' ? key.name : textOf(key)
}

/** Whose a name is, for people. */
export function whoseIs(found: Declaration | undefined): string {
  if (found === undefined) return 'which stands outside of the procedure'
  switch (found.kind) {
    case 'import':
      return 'which is another module’s'
    case 'function':
    case 'class':
      return `a ${found.kind}`
    default:
      return found.owner === undefined
        ? 'a variable of the module'
        : found.owner.generator
          ? 'a variable of the procedure, which a replay does not change'
          : 'a variable outside of the procedure'
  }
}

/** A call, for people: `umem.updateLock.lock()`. */
export function shown(node: AnyNode): string {
  if (node.type === 'CallExpression') return `${shown(node.callee)}(${node.arguments.length > 0 ? '…' : ''})`
  if (node.type === 'MemberExpression') return `${shown(node.object)}.${propertyOf(node) ?? '…'}`
  return node.type === 'Identifier' ? node.name : node.type === 'ThisExpression' ? 'this' : '…'
}

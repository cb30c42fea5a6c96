/**
 * Names and what they stand for in a JavaScript text, as far as the rules of purity need to know.
 *
 * @module
 */
import type { AnyNode, Pattern, Program } from 'acorn'

/** A function, a generator or an arrow. */
export type FunctionNode = Extract<
  AnyNode,
  { type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression' }
>

/** A declared name. */
export interface Declaration {
  readonly name: string
  readonly kind: 'parameter' | 'variable' | 'constant' | 'function' | 'class' | 'import' | 'caught'
  /** What a variable begins with, where one is declared with a value of its own. */
  readonly init: AnyNode | undefined
  /** The function that it is local to; `undefined` for the module. */
  readonly owner: FunctionNode | undefined
}

/** The names of a function, a block, or the module. */
export class Scope {
  private readonly names = new Map<string, Declaration>()

  constructor(
    readonly owner: FunctionNode | undefined,
    readonly parent: Scope | undefined,
  ) {}

  declare(name: string, kind: Declaration['kind'], init?: AnyNode): void {
    this.names.set(name, { name, kind, init, owner: this.owner })
  }

  find(name: string): Declaration | undefined {
    return this.names.get(name) ?? this.parent?.find(name)
  }
}

const FUNCTIONS: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
])

/** True for a function, a generator or an arrow. */
export function isFunction(node: AnyNode | null | undefined): node is FunctionNode {
  return node !== null && node !== undefined && FUNCTIONS.has(node.type)
}

/** The nodes below `node` that are not mere names of members, labels or imports. */
export function partsOf(node: AnyNode): AnyNode[] {
  switch (node.type) {
    case 'MemberExpression':
      return node.computed ? [node.object, node.property] : [node.object]
    case 'Property':
      return node.computed ? [node.key, node.value] : [node.value]
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return [...(node.computed ? [node.key] : []), ...(node.value ? [node.value] : [])]
    case 'LabeledStatement':
      return [node.body]
    case 'ImportDeclaration':
    case 'ExportSpecifier':
    case 'BreakStatement':
    case 'ContinueStatement':
      return []
    default:
      return childrenOf(node)
  }
}

/** The nodes directly below `node`. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = []
  for (const value of Object.values(node))
    if (Array.isArray(value)) children.push(...value.filter(isNode))
    else if (isNode(value)) children.push(value)
  return children
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

/** The names that a pattern binds; only a plain name has the value itself. */
export function namesIn(pattern: Pattern): { readonly name: string; readonly whole: boolean }[] {
  switch (pattern.type) {
    case 'Identifier':
      return [{ name: pattern.name, whole: true }]
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) =>
        inside(property.type === 'RestElement' ? property.argument : property.value),
      )
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element === null ? [] : inside(element)))
    case 'RestElement':
      return inside(pattern.argument)
    case 'AssignmentPattern':
      return inside(pattern.left)
    default:
      return []
  }
}

function inside(pattern: Pattern) {
  return namesIn(pattern).map(({ name }) => ({ name, whole: false }))
}

/** The scope of the module. */
export function moduleScope(program: Program): Scope {
  const scope = new Scope(undefined, undefined)
  declareBlock(scope, program.body)
  declareVars(scope, program)
  return scope
}

/** The scope that begins at `node`, or `scope` itself if none does. */
export function scopeAt(node: AnyNode, scope: Scope): Scope {
  if (isFunction(node)) {
    const inner = new Scope(node, scope)
    if (node.type === 'FunctionExpression' && node.id) inner.declare(node.id.name, 'function')
    for (const parameter of node.params)
      for (const { name } of namesIn(parameter)) inner.declare(name, 'parameter')
    declareVars(inner, node.body)
    if (node.body.type === 'BlockStatement') declareBlock(inner, node.body.body)
    return inner
  }
  const inner = new Scope(scope.owner, scope)
  switch (node.type) {
    case 'BlockStatement':
    case 'StaticBlock':
      declareBlock(inner, node.body)
      return inner
    case 'SwitchStatement':
      declareBlock(
        inner,
        node.cases.flatMap(({ consequent }) => consequent),
      )
      return inner
    case 'ForStatement':
      if (node.init?.type === 'VariableDeclaration') declareBlock(inner, [node.init])
      return inner
    case 'ForInStatement':
    case 'ForOfStatement':
      if (node.left.type === 'VariableDeclaration') declareBlock(inner, [node.left])
      return inner
    case 'CatchClause':
      if (node.param) for (const { name } of namesIn(node.param)) inner.declare(name, 'caught')
      return inner
    default:
      return scope
  }
}

/** Declares what `statements` declare for their block. */
function declareBlock(scope: Scope, statements: readonly AnyNode[]): void {
  for (const outer of statements) {
    const exported = outer.type === 'ExportNamedDeclaration' || outer.type === 'ExportDefaultDeclaration'
    const statement = exported ? outer.declaration : outer
    if (statement === null || statement === undefined) continue
    switch (statement.type) {
      case 'VariableDeclaration':
        if (statement.kind !== 'var') declareVariables(scope, statement)
        break
      case 'FunctionDeclaration':
        if (statement.id) scope.declare(statement.id.name, 'function', statement)
        break
      case 'ClassDeclaration':
        if (statement.id) scope.declare(statement.id.name, 'class', statement)
        break
      case 'ImportDeclaration':
        for (const specifier of statement.specifiers)
          scope.declare(
            specifier.local.name,
            'import',
            specifier.type === 'ImportNamespaceSpecifier' ? specifier : undefined,
          )
        break
    }
  }
}

function declareVariables(scope: Scope, { kind, declarations }: AnyNode & { type: 'VariableDeclaration' }) {
  for (const { id, init } of declarations)
    for (const { name, whole } of namesIn(id))
      scope.declare(name, kind === 'const' ? 'constant' : 'variable', whole ? (init ?? undefined) : undefined)
}

/** Declares the `var`s below `node`, wherever in it they are. */
function declareVars(scope: Scope, node: AnyNode): void {
  for (const child of childrenOf(node)) {
    if (isFunction(child)) continue
    if (child.type === 'VariableDeclaration' && child.kind === 'var') declareVariables(scope, child)
    declareVars(scope, child)
  }
}

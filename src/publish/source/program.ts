/**
 * The project's own source as TypeScript sees it: what the package exports, and everything that leads to.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

/** A place in the source. */
export interface Place {
  /** Path from the root of the project. */
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** A function of any form. */
export type FunctionNode =
  | ts.FunctionExpression
  | ts.FunctionDeclaration
  | ts.ArrowFunction
  | ts.MethodDeclaration

/** The source files of a project, and what names in them stand for. */
export class Source {
  readonly files: readonly ts.SourceFile[]
  private readonly checker: ts.TypeChecker

  /** @param root - folder of the project's package.json and tsconfig.json */
  constructor(readonly root: string) {
    const program = ts.createProgram(entryPoints(root), compilerOptions(root))
    this.checker = program.getTypeChecker()
    this.files = program
      .getSourceFiles()
      .filter((file) => !file.isDeclarationFile && !file.fileName.includes('/node_modules/'))
  }

  /** Where `node` begins, without the comments before it. */
  placeOf(node: ts.Node): Place {
    const file = node.getSourceFile()
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file))
    return { file: relative(this.root, file.fileName).replaceAll('\\', '/'), line: line + 1 }
  }

  /** What `expression` stands for: the value that its name was declared with, or the function of that name. */
  valueOf(expression: ts.Expression): ts.Node | undefined {
    const inner = bare(expression)
    if (!ts.isIdentifier(inner) && !ts.isPropertyAccessExpression(inner)) return inner
    const declaration = this.declarationOf(ts.isIdentifier(inner) ? inner : inner.name)
    if (declaration === undefined) return undefined
    if (
      (ts.isVariableDeclaration(declaration) || ts.isPropertyAssignment(declaration)) &&
      declaration.initializer
    ) {
      const value = bare(declaration.initializer)
      return value === inner ? undefined : ts.isIdentifier(value) ? this.valueOf(value) : value
    }
    // Within its text, the name of a procedure is its generator's.
    if (ts.isFunctionExpression(declaration)) {
      const { parent } = declaration
      if (ts.isCallExpression(parent) && calls(parent, 'procedure')) return parent
    }
    return declaration
  }

  private declarationOf(name: ts.Identifier | ts.MemberName): ts.Declaration | undefined {
    let symbol = this.checker.getSymbolAtLocation(name)
    if (symbol !== undefined && ts.isShorthandPropertyAssignment(name.parent))
      symbol = this.checker.getShorthandAssignmentValueSymbol(name.parent)
    if (symbol !== undefined && symbol.flags & ts.SymbolFlags.Alias)
      symbol = this.checker.getAliasedSymbol(symbol)
    const declaration = symbol?.valueDeclaration
    if (declaration !== undefined && ts.isShorthandPropertyAssignment(declaration))
      return this.declarationOf(declaration.name)
    return declaration
  }
}

/** An expression without parentheses and without what is only said to the type checker. */
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

/** True for a function of any form. */
export function isFunction(node: ts.Node | undefined): node is FunctionNode {
  return (
    node !== undefined &&
    (ts.isFunctionExpression(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isArrowFunction(node) ||
      ts.isMethodDeclaration(node))
  )
}

/** True if `call` calls a function of the name `name`, by itself or as a member. */
export function calls(call: ts.CallExpression, name: string): boolean {
  const callee = bare(call.expression)
  return (
    (ts.isIdentifier(callee) && callee.text === name) ||
    (ts.isPropertyAccessExpression(callee) && callee.name.text === name)
  )
}

/** Calls `visit` for `node` and everything in it. */
export function everyNode(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, (child) => everyNode(child, visit))
}

/** The source files that the package's exports are compiled from; those for test runners need one to be there. */
function entryPoints(root: string): string[] {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { default: string }>
    peerDependencies?: Record<string, string>
  }
  const peers = Object.keys(manifest.peerDependencies ?? {})
  return Object.entries(manifest.exports)
    .filter(([path]) => !peers.includes(path.replace('./', '')))
    .map(([, { default: built }]) => join(root, built.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts')))
}

function compilerOptions(root: string): ts.CompilerOptions {
  const file = join(root, 'tsconfig.json')
  const { config, error } = ts.readConfigFile(file, ts.sys.readFile)
  if (error !== undefined)
    throw new Error(`${file}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}`)
  const { compilerOptions } = config as { compilerOptions: object }
  return { ...ts.convertCompilerOptionsFromJson(compilerOptions, root).options, noEmit: true }
}

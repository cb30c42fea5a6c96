/**
 * Every procedure of the specification, read off its source: text, place, steps, signals, claims, callers, callees; and every
 * text that replaces one.
 *
 * @module
 */
import ts from 'typescript'
import { type BodyFacts, BodyReader } from './source/body.js'
import { bare, calls, everyNode, type FunctionNode, isFunction, Source } from './source/program.js'
import { type LinkInText, textOf } from './source/text.js'

/** A step of a procedure. */
export interface ProcedureStep {
  readonly name: string
  readonly kind: 'step' | 'choice' | 'lock'
  readonly file: string
  readonly line: number
  readonly signals: readonly string[]
  readonly claims: readonly string[]
}

/** A procedure, as its source has it. */
export interface ProcedureData {
  /** Unique, and part of an address. */
  readonly id: string
  /** As traces name it. */
  readonly name: string
  /** What the source calls it; of one in an object or a function, after that one's name. */
  readonly symbol: string
  /** What of the kernel it stands for, as its documentation says or as it is named; empty if nothing. */
  readonly kernel: string
  /** Path from the root of the project. */
  readonly file: string
  readonly line: number
  readonly endLine: number
  /** The documentation, as Markdown. */
  readonly summary: string
  readonly text: string
  /** Names of other procedures in the text. */
  readonly links: readonly LinkInText[]
  /** Where in the text the generator function begins and ends. */
  readonly body: { readonly start: number; readonly end: number }
  readonly steps: readonly ProcedureStep[]
  readonly signals: readonly string[]
  readonly claims: readonly string[]
  /** Identifiers of the procedures that it calls, or goes on as. */
  readonly callees: readonly string[]
  readonly callers: readonly string[]
  /** Calls of what is only known as it runs. */
  readonly open: readonly string[]
}

/** A text that replaces a procedure's. */
export interface OverrideData {
  /** What it belongs to: the name of a defect, a generation or a kernel. */
  readonly owner: string
  readonly kind: 'defect' | 'generation' | 'kernel'
  /** Identifier of the procedure; absent if its target is only known as it runs. */
  readonly target?: string
  /** The step of it that is replaced; absent if all of the text is. */
  readonly step?: string
  readonly file: string
  readonly line: number
  readonly text: string
  readonly links: readonly LinkInText[]
  readonly body: { readonly start: number; readonly end: number }
}

/** All that was read. */
export interface ProceduresDocument {
  readonly format: 'hmm-spec-procedures'
  readonly version: 1
  readonly procedures: readonly ProcedureData[]
  readonly overrides: readonly OverrideData[]
}

/**
 * Reads the procedures of the project at `root`.
 *
 * @param root - folder of its package.json, whose exports say where its sources are
 */
export function readProcedures(root: string): ProceduresDocument {
  return new Reader(new Source(root)).read()
}

interface Found {
  readonly call: ts.CallExpression
  readonly fn: FunctionNode
  readonly name: string
  readonly id: string
  readonly facts: BodyFacts
}

class Reader {
  private readonly bodies: BodyReader
  private readonly found = new Map<ts.CallExpression, Found>()
  private readonly ids = new Set<string>()

  constructor(private readonly source: Source) {
    this.bodies = new BodyReader(source)
  }

  read(): ProceduresDocument {
    const objects: ts.ObjectLiteralExpression[] = []
    for (const file of this.source.files)
      everyNode(file, (node) => {
        if (ts.isCallExpression(node) && calls(node, 'procedure')) this.find(node)
        if (ts.isObjectLiteralExpression(node)) objects.push(node)
      })
    const callers = new Map<string, Set<string>>()
    for (const { id, facts } of this.found.values())
      for (const callee of this.calleesOf(facts))
        callers.set(callee, (callers.get(callee) ?? new Set()).add(id))
    return {
      format: 'hmm-spec-procedures',
      version: 1,
      procedures: [...this.found.values()].map((found) =>
        this.dataOf(found, callers.get(found.id) ?? new Set()),
      ),
      overrides: objects.flatMap((object) => this.overridesOf(object)),
    }
  }

  /** Notes a procedure; one whose name or text is a variable's is what makes procedures, and none itself. */
  private find(call: ts.CallExpression): void {
    const fn = call.arguments.map((argument) => this.source.valueOf(argument)).find(isFunction)
    if (fn === undefined || !fn.asteriskToken) return
    const [first] = call.arguments
    const name = ts.isStringLiteralLike(first)
      ? first.text
      : ts.isTemplateExpression(first)
        ? first.getText().slice(1, -1)
        : fn.name?.getText()
    if (name === undefined) return
    this.found.set(call, { call, fn, name, id: this.idOf(name, call), facts: this.bodies.read(fn) })
  }

  private idOf(name: string, call: ts.CallExpression): string {
    const plain = slug(name)
    const file = this.source.placeOf(call).file.replace(/^.*\/|\.ts$/g, '')
    let id = plain
    for (let i = 1; this.ids.has(id.toLowerCase()); i++) id = `${plain}--${file}${i === 1 ? '' : `-${i}`}`
    this.ids.add(id.toLowerCase())
    return id
  }

  private calleesOf(facts: BodyFacts): string[] {
    const ids = facts.calls.map(({ target }) => this.found.get(target)?.id)
    return [...new Set(ids.filter((id) => id !== undefined))]
  }

  private dataOf({ call, name, id, facts }: Found, callers: ReadonlySet<string>): ProcedureData {
    const declaration = declarationOf(call)
    const documented = documentationOf(declaration)
    const { file, line } = this.source.placeOf(declaration)
    const shown = this.textWithLinks(declaration)
    return {
      id,
      name,
      symbol: symbolOf(call),
      kernel: documented.kernel ?? kernelNameOf(name),
      file,
      line,
      endLine: line + shown.text.split('\n').length - 1,
      summary: documented.summary,
      ...shown,
      steps: facts.steps.map((step) => ({ ...step, signals: [...step.signals], claims: [...step.claims] })),
      signals: [...facts.signals],
      claims: [...facts.claims],
      callees: this.calleesOf(facts),
      callers: [...callers],
      open: [...new Set(facts.open)],
    }
  }

  private textWithLinks(node: ts.Node) {
    return textOf(node, (name) => {
      const value = this.source.valueOf(name)
      return value !== undefined && ts.isCallExpression(value) ? this.found.get(value)?.id : undefined
    })
  }

  /** The texts that an object with a name puts in the place of procedures. */
  private overridesOf(object: ts.ObjectLiteralExpression): OverrideData[] {
    const property = (name: string) =>
      object.properties.find((member) => member.name !== undefined && member.name.getText() === name)
    const [name, overrides] = [property('name'), property('overrides')]
    if (!name || !overrides || !ts.isPropertyAssignment(name) || !ts.isPropertyAssignment(overrides))
      return []
    if (!ts.isStringLiteralLike(name.initializer)) return []
    const owner = name.initializer.text
    const kind = property('requirement') ? 'defect' : property('kernels') ? 'generation' : 'kernel'
    return this.replacements(overrides.initializer).map((call) => {
      const target = this.source.valueOf(call.arguments[0])
      const id = target && ts.isCallExpression(target) ? this.found.get(target)?.id : undefined
      const declaration = declarationOf(call)
      return {
        owner,
        kind,
        ...(id === undefined ? {} : { target: id }),
        ...(calls(call, 'onStep') ? { step: nameOfStep(call) } : {}),
        ...this.source.placeOf(declaration),
        ...this.textWithLinks(declaration),
      } as const
    })
  }

  /** The calls of `override` and `onStep` that `expression` comes to: in itself, in what it names, in the functions that it calls. */
  private replacements(expression: ts.Node, seen = new Set<ts.Node>()): ts.CallExpression[] {
    if (seen.has(expression)) return []
    seen.add(expression)
    if (ts.isCallExpression(expression) && (calls(expression, 'override') || calls(expression, 'onStep')))
      return [expression]
    if (ts.isIdentifier(expression) || ts.isPropertyAccessExpression(expression)) {
      const value = this.source.valueOf(expression)
      return value === undefined || value === expression ? [] : this.replacements(value, seen)
    }
    const found: ts.CallExpression[] = []
    ts.forEachChild(expression, (child) => {
      found.push(...this.replacements(child, seen))
    })
    return found
  }
}

/** The step that a call of `onStep` replaces. */
function nameOfStep(call: ts.CallExpression): string {
  const [, name] = call.arguments
  return ts.isStringLiteralLike(name) ? name.text : name.getText()
}

/** A name as part of an address. */
export function slug(name: string): string {
  return name.replace(/[^\w.]+/g, '-').replace(/^-+|-+$/g, '')
}

/** What is declared with `call`: the statement or the property around it. */
function declarationOf(call: ts.Node): ts.Node {
  for (let at: ts.Node = call; at.parent !== undefined; at = at.parent) {
    if (ts.isVariableStatement(at) || ts.isFunctionDeclaration(at)) return at
    if (ts.isPropertyAssignment(at) && bare(at.initializer) === call) return at
  }
  return call
}

/** The names of what `call` is declared in, from the outermost. */
function symbolOf(call: ts.Node): string {
  const names: string[] = []
  for (let at = call; at.parent !== undefined; at = at.parent)
    if (
      (ts.isVariableDeclaration(at) || ts.isPropertyAssignment(at) || ts.isFunctionDeclaration(at)) &&
      at.name !== undefined
    )
      names.unshift(at.name.getText())
  return names.join('.')
}

function documentationOf(declaration: ts.Node): { summary: string; kernel?: string } {
  const parts = ts.getJSDocCommentsAndTags(declaration)
  const doc = parts.find(ts.isJSDoc)
  const plain = (text: string) => text.replace(/\{@link\s+([^}|]+?)(?:\s*\|\s*([^}]+))?\}/g, '`$1`')
  const kernel = doc?.tags?.find(({ tagName }) => tagName.text === 'kernel')
  const named = ts.getTextOfJSDocComment(kernel?.comment)?.trim()
  return {
    summary: plain(ts.getTextOfJSDocComment(doc?.comment) ?? ''),
    ...(named ? { kernel: named } : {}),
  }
}

/** The kernel's function that a procedure is named after; what is after a space tells a part of it. */
function kernelNameOf(name: string): string {
  const [first] = name.split(' ')
  return /^[a-z_][\w.]*$/.test(first) && first.includes('_') ? first : ''
}

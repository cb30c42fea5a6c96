/**
 * Purity as far as the text shows it. A replayed procedure never runs the closures of its steps, so what a step keeps
 * anywhere but in the world is lost to it: here is found what can be found before anything runs, with file, line and name.
 *
 * One walk over the syntax tree, a rule for each kind of node; that is why the file is long.
 *
 * @module
 */
import { type AnyNode, type CallExpression, type Program, parse } from 'acorn'
import {
  BUILT_IN,
  CHANGES_FIRST,
  HARMLESS_MODULES,
  LOCK_METHODS,
  MUTATORS,
  NODE_MODULES,
  OPERATIONS,
  OUTSIDE,
  PURE_CALLS,
  STEP_MAKERS,
} from './names.js'
import {
  childrenOf,
  type Declaration,
  type FunctionNode,
  isFunction,
  moduleScope,
  partsOf,
  type Scope,
  scopeAt,
} from './scopes.js'
import {
  becomes,
  changesThis,
  hasMethod,
  holdsOwn,
  isBecome,
  isGlobal,
  isNamed,
  isWithin,
  nameOf,
  nameOfFunction,
  propertyOf,
  publishes,
  rootOf,
  shown,
  targetsOf,
  textOf,
  whoseIs,
} from './syntax.js'

/** A place in a text that keeps or asks what is not in the world. */
export interface Finding {
  /** The line, from 1. */
  readonly line: number
  /** The procedure that it is in, if it is in one. */
  readonly procedure: string | undefined
  /** The step that it is in, if it is in one. */
  readonly step: string | undefined
  /** What is wrong, and what to write instead. */
  readonly message: string
  /** The plain function that it is in, if it is in no procedure: it is wrong only if a procedure calls that. */
  readonly caller: string | undefined
}

/** What the text of a step shows. */
export interface StepText {
  readonly name: string
  /** True if the closure stands there, and all that it calls is shown by the text. */
  readonly whole: boolean
}

/** What a text shows. */
export interface SourceReport {
  readonly findings: readonly Finding[]
  /** The steps that it names, one for each place. */
  readonly steps: readonly StepText[]
  /** The modules that it imports. */
  readonly imports: readonly string[]
  /** Names that procedures use. */
  readonly used: ReadonlySet<string>
  /** Names that each plain function uses. */
  readonly usedBy: ReadonlyMap<string, ReadonlySet<string>>
}

/**
 * Looks at the text of a module.
 *
 * @throws SyntaxError if it is not JavaScript
 */
export function checkModule(text: string): SourceReport {
  return new Reader(
    parse(text, { ecmaVersion: 'latest', sourceType: 'module', locations: true }),
    true,
  ).read()
}

/** Looks at the text of one procedure, as `body.toString()` shows it; names that it does not declare are unknown. */
export function checkProcedure(name: string, text: string): SourceReport {
  const program = parseFunction(text)
  return program === undefined
    ? { findings: [], steps: [], imports: [], used: new Set(), usedBy: new Map() }
    : new Reader(program, false, name).read()
}

/**
 * The findings of modules that belong together. A plain function may well keep something when a scenario is declared:
 * it is wrong where a procedure of theirs calls it, directly or not.
 */
export function findingsIn(reports: readonly SourceReport[]): (readonly Finding[])[] {
  const used = new Set(reports.flatMap((report) => [...report.used]))
  for (let before = -1; before < used.size; ) {
    before = used.size
    for (const { usedBy } of reports)
      for (const [name, names] of usedBy) if (used.has(name)) for (const inner of names) used.add(inner)
  }
  return reports.map(({ findings }) =>
    findings.filter(({ caller }) => caller === undefined || used.has(caller)),
  )
}

/** A function's text is an expression, or a member of an object. */
function parseFunction(text: string): Program | undefined {
  for (const source of [`(${text})`, `({${text}})`])
    try {
      return parse(source, { ecmaVersion: 'latest', sourceType: 'module', locations: true })
    } catch {}
  // Native code, or a text that some loader has changed beyond recognition.
  return undefined
}

const RETURN_IT = 'return it from the step (`const it = yield* step(…)`), or keep a field in the world'
const KEEP_A_FIELD = 'keep a field in the world'
const OWN_NAME =
  'within its text a procedure’s own name is its generator, which would run as part of this call, without overrides; ' +
  'go on as the procedure (`return yield* become(name, …)`), or name it by a text: `procedure(name, function* (…) { … })`'

/** True for the name that the text of a procedure gives itself. */
function isOwnName(node: AnyNode, scope: Scope, { text }: Place): boolean {
  if (node.type !== 'Identifier' || text?.type !== 'FunctionExpression' || text.id?.name !== node.name)
    return false
  const found = scope.find(node.name)
  return found?.owner === text && found.kind === 'function' && found.init === undefined
}

/** True if a call goes on as its first argument: by name, or by one that the text does not have, as bundlers write. */
function mayBecome({ callee }: CallExpression, scope: Scope): boolean {
  if (nameOf(callee) === 'become') return true
  const found = callee.type === 'Identifier' ? scope.find(callee.name) : undefined
  return callee.type === 'Identifier' && (found === undefined || found.kind === 'import')
}

/** Where in the text the reader is. */
interface Place {
  /** The innermost function. */
  readonly within: FunctionNode | undefined
  /** The outermost generator around it: what a procedure, or a helper of one, is. */
  readonly generator: FunctionNode | undefined
  /** The closure of the step around it. */
  readonly closure: FunctionNode | undefined
  readonly procedure: string | undefined
  readonly step: string | undefined
  /** The text of the procedure. */
  readonly text: FunctionNode | undefined
  /** The outermost plain function, by name; empty for one without. */
  readonly plain: string | undefined
}

class Reader {
  private readonly findings: Finding[] = []
  private readonly steps: StepText[] = []
  private readonly imports: string[] = []
  /** Procedure and name of each step so far. */
  private readonly named = new Set<string>()
  private readonly procedures = new Set<string>()
  private readonly used = new Set<string>()
  private readonly usedBy = new Map<string, Set<string>>()

  constructor(
    private readonly program: Program,
    /** Whether the text is all of a module: then a name that it does not declare is a global. */
    private readonly isModule: boolean,
    private readonly name?: string,
  ) {}

  read(): SourceReport {
    const place: Place = {
      within: undefined,
      generator: undefined,
      closure: undefined,
      procedure: this.name,
      step: undefined,
      text: undefined,
      plain: undefined,
    }
    const scope = moduleScope(this.program)
    for (const node of this.program.body) this.visit(node, scope, place)
    return {
      findings: this.findings,
      steps: this.steps,
      imports: this.imports,
      used: this.used,
      usedBy: this.usedBy,
    }
  }

  private visit(node: AnyNode, outer: Scope, around: Place, parent?: AnyNode): void {
    const scope = scopeAt(node, outer)
    let place = around
    if (isFunction(node)) {
      if (node.async && (around.generator !== undefined || node.generator))
        this.report(node, around, 'an async function runs later; a procedure and its steps run at once')
      const generator = around.generator ?? (node.generator ? node : undefined)
      const plain = generator === undefined ? (around.plain ?? nameOfFunction(node, parent)) : undefined
      // All of the text is the procedure's where it has none around it.
      const text = around.text ?? (this.isModule ? undefined : node)
      place = { ...around, within: node, generator, plain, text }
    } else if (node !== (parent as FunctionNode | undefined)?.id && isOwnName(node, scope, place))
      this.report(node, place, OWN_NAME)
    this.judge(node, scope, place)
    if (node.type === 'CallExpression') this.visitCall(node, scope, place)
    else
      for (const child of partsOf(node)) {
        // A date that is made of numbers is a value like others.
        const isDate = node.type === 'NewExpression' && node.arguments.length > 0 && child === node.callee
        if (!(isDate && isGlobal(child, 'Date', scope))) this.visit(child, scope, place, node)
      }
  }

  /** The arguments of a call: some are procedures, some closures of steps. */
  private visitCall(call: CallExpression, scope: Scope, place: Place): void {
    this.visit(call.callee, scope, place)
    const callee = nameOf(call.callee)
    const [first] = call.arguments
    const called = first === undefined ? undefined : textOf(first)
    for (const argument of call.arguments) {
      if (argument === first && isOwnName(first, scope, place) && mayBecome(call, scope)) continue
      let within = place
      if (isFunction(argument)) {
        if (callee === 'procedure') {
          const name = called ?? nameOfFunction(argument, undefined)
          this.noteProcedure(call, name, place)
          within = { ...place, procedure: name, text: argument }
        }
        if (STEP_MAKERS.has(callee) && argument === call.arguments[1])
          within = { ...place, closure: argument, step: called }
      }
      this.visit(argument, scope, within)
    }
    if (STEP_MAKERS.has(callee) && called !== undefined) this.noteStep(call, called, scope, place)
  }

  private noteProcedure(call: CallExpression, name: string | undefined, place: Place): void {
    if (!this.isModule || name === undefined) return
    if (this.procedures.has(name))
      this.report(
        call,
        place,
        `there are two procedures "${name}"; traces and coverage tell them apart by name, so give each its own`,
      )
    this.procedures.add(name)
  }

  private noteStep(call: CallExpression, name: string, scope: Scope, place: Place): void {
    const closure = call.arguments[1]
    this.steps.push({ name, whole: isFunction(closure) && this.callsNothingUnknown(closure, closure, scope) })
    const key = `${place.procedure} ${name}`
    if (this.named.has(key) && place.procedure !== undefined)
      this.report(
        call,
        place,
        `there are two steps "${name}"; traces tell them apart by name, so give each its own`,
      )
    this.named.add(key)
  }

  /** True if the closure calls only methods, and functions that the text has. */
  private callsNothingUnknown(node: AnyNode, closure: FunctionNode, outer: Scope): boolean {
    const scope = scopeAt(node, outer)
    if (node.type === 'CallExpression' && node.callee.type === 'Identifier') {
      const found = scope.find(node.callee.name)
      const shown =
        found === undefined
          ? this.isModule || PURE_CALLS.has(node.callee.name)
          : found.kind === 'function' || found.kind === 'import' || isFunction(found.init)
      if (!shown) return false
    }
    return childrenOf(node).every((child) => this.callsNothingUnknown(child, closure, scope))
  }

  private judge(node: AnyNode, scope: Scope, place: Place): void {
    switch (node.type) {
      case 'AssignmentExpression':
        for (const target of targetsOf(node.left)) this.judgeChange(target, scope, place)
        break
      case 'UpdateExpression':
        this.judgeChange(node.argument, scope, place)
        break
      case 'UnaryExpression':
        if (node.operator === 'delete') this.judgeChange(node.argument, scope, place)
        break
      case 'ForInStatement':
      case 'ForOfStatement':
        if (node.left.type !== 'VariableDeclaration')
          for (const target of targetsOf(node.left)) this.judgeChange(target, scope, place)
        break
      case 'CallExpression':
        this.judgeCall(node, scope, place)
        break
      case 'NewExpression':
        if (this.isModule && nameOf(node.callee) === 'Layout')
          this.report(
            node,
            place,
            'a Layout of its own shares the bytes of the scenario’s; declare fields with the layout that the scenario has',
          )
        break
      case 'ExpressionStatement':
        this.judgeStatement(node.expression, scope, place)
        break
      case 'YieldExpression':
        if (!node.delegate && node.argument && this.isOperation(node.argument, scope))
          this.report(node, place, 'a step or call is yielded; write `yield*`')
        break
      case 'AwaitExpression':
        if (place.within !== undefined && place.generator !== undefined)
          this.report(node, place, '`await` ends the step; a step runs at once')
        break
      case 'ExportAllDeclaration':
      case 'ExportNamedDeclaration':
        if (node.source) this.judgeImport(node, String(node.source.value), place)
        break
      case 'ImportDeclaration':
        this.judgeImport(node, String(node.source.value), place)
        break
      case 'ImportExpression':
        if (place.within !== undefined) this.report(node, place, 'a module is loaded while procedures run')
        else {
          const source = textOf(node.source)
          if (source === undefined)
            this.report(node, place, 'a module is loaded whose name the text does not show')
          else this.judgeImport(node, source, place)
        }
        break
      case 'MemberExpression':
        this.noteUse(propertyOf(node), place)
        this.judgeMember(node, scope, place)
        break
      case 'Identifier':
        this.noteUse(node.name, place)
        this.judgeName(node, scope, place)
        break
      case 'TryStatement':
        if (node.finalizer && becomes(node.block) && publishes(node.finalizer))
          this.report(
            node,
            place,
            'the steps of `finally` are never run after `become`; take them before it, or call the procedure',
          )
        break
      case 'BlockStatement':
        this.judgeBlock(node.body, place)
        break
    }
  }

  private noteUse(name: string | undefined, { generator, plain }: Place): void {
    if (name === undefined) return
    if (generator !== undefined) this.used.add(name)
    else if (plain !== undefined) {
      const names = this.usedBy.get(plain) ?? new Set()
      this.usedBy.set(plain, names.add(name))
    }
  }

  /** A use of a global name that looks at more than the world. */
  private judgeName(node: AnyNode & { type: 'Identifier' }, scope: Scope, place: Place): void {
    const found = scope.find(node.name)
    if (node.name === 'acting' && (found === undefined || found.kind === 'import'))
      this.judgeActing(node, place)
    if (found !== undefined) return
    const instead = OUTSIDE.get(node.name)
    if (instead !== undefined) this.report(node, place, `${node.name} is used; ${instead}`)
  }

  /** Who acts is known within steps only. */
  private judgeActing(node: AnyNode, place: Place): void {
    if (place.generator !== undefined && place.closure === undefined)
      this.report(
        node,
        place,
        'acting is looked at between two steps, where nobody acts; look at it within a step',
      )
  }

  private judgeMember(node: AnyNode & { type: 'MemberExpression' }, scope: Scope, place: Place): void {
    const name = propertyOf(node)
    if (name === 'random' && isGlobal(node.object, 'Math', scope))
      this.report(
        node,
        place,
        'Math.random is used; let a step go several ways (`choose(name, n)`): the checker tries each',
      )
    // As loaders write what is imported: `world.acting`.
    if (name === 'acting' && node.object.type === 'Identifier') this.judgeActing(node, place)
    if (name === 'constructor' || name === '__proto__')
      this.report(node, place, `.${name} is used; write what is to happen as steps and fields`)
  }

  private judgeImport(node: AnyNode, source: string, place: Place): void {
    this.imports.push(source)
    const name = source.startsWith('node:') ? source.slice(5) : source
    if (!(source.startsWith('node:') || NODE_MODULES.has(name)) || HARMLESS_MODULES.has(name)) return
    this.report(node, place, `${source} is imported; a driver is made of procedures and the world alone`)
  }

  /** An assignment to a name or a member. */
  private judgeChange(target: AnyNode, scope: Scope, place: Place): void {
    if (target.type === 'Identifier') {
      const found = scope.find(target.name)
      if (this.isOutside(found, place, 'assigned'))
        this.report(
          target,
          place,
          `\`${target.name}\` is assigned, ${whoseIs(found)}; ${
            place.closure === undefined ? KEEP_A_FIELD : RETURN_IT
          }`,
        )
    } else if (target.type === 'MemberExpression') this.judgeMutation(target, target, scope, place)
  }

  private judgeCall(call: CallExpression, scope: Scope, place: Place): void {
    const { callee } = call
    const [first] = call.arguments
    if (callee.type === 'MemberExpression') {
      const method = propertyOf(callee)
      if (method === undefined) return
      const whole = callee.object.type === 'Identifier' ? `${callee.object.name}.${method}` : method
      if (CHANGES_FIRST.has(whole) && first !== undefined) this.judgeMutation(call, first, scope, place)
      else if (MUTATORS.has(method) && !this.isOwnMethod(callee.object, method, scope))
        this.judgeMutation(call, callee, scope, place)
      else this.judgeMethodOfClass(call, callee.object, method, scope, place)
    }
  }

  private isOwnMethod(object: AnyNode, method: string, scope: Scope): boolean {
    const found = object.type === 'Identifier' ? scope.find(object.name) : undefined
    return found !== undefined && hasMethod(found, method, scope)
  }

  /**
   * A change of what a name holds. Fields and lists of the world are exempt: what they are, the text does not say, so
   * only what it does say is reported: an array, map, set, object or instance that is made right there; a function, a
   * class, an import, a global.
   */
  private judgeMutation(at: AnyNode, target: AnyNode, scope: Scope, place: Place): void {
    const root = rootOf(target)
    if (root.type !== 'Identifier') return
    const found = scope.find(root.name)
    if (!this.isOutside(found, place, 'changed')) return
    if (found === undefined) {
      // That is how a CommonJS module exports.
      if (place.within === undefined && (root.name === 'exports' || root.name === 'module')) return
      if (!this.isModule && !BUILT_IN.has(root.name)) return
    } else if (!holdsOwn(found, scope)) return
    this.report(
      at,
      place,
      `what \`${root.name}\` holds is changed, ${whoseIs(found)}; ${
        place.closure === undefined ? KEEP_A_FIELD : RETURN_IT
      }`,
    )
  }

  /** A method that changes its object, of a class that the text has. */
  private judgeMethodOfClass(
    call: CallExpression,
    object: AnyNode,
    method: string,
    scope: Scope,
    place: Place,
  ): void {
    if (object.type !== 'Identifier') return
    const found = scope.find(object.name)
    if (found?.init?.type !== 'NewExpression' || !this.isOutside(found, place, 'changed')) return
    const made = found.init.callee
    const declared = made.type === 'Identifier' ? scope.find(made.name)?.init : undefined
    const body =
      declared?.type === 'ClassDeclaration' || declared?.type === 'ClassExpression'
        ? declared.body
        : undefined
    if (body === undefined || !body.body.some((member) => isNamed(member, method) && changesThis(member)))
      return
    this.report(
      call,
      place,
      `\`${object.name}.${method}()\` changes \`${object.name}\`, ${whoseIs(found)}; ${
        place.closure === undefined ? KEEP_A_FIELD : RETURN_IT
      }`,
    )
  }

  /** True if `found` outlives what runs: a step its closure, a procedure its generator, any function the module. */
  private isOutside(found: Declaration | undefined, place: Place, how: 'assigned' | 'changed'): boolean {
    if (found === undefined) return how === 'assigned' || place.within !== undefined || this.isModule
    if (place.within === undefined) return false
    const boundary = place.closure ?? place.generator
    if (boundary === undefined) return found.owner === undefined && this.isModule
    return !isWithin(found.owner, boundary)
  }

  /** A statement that is a call: what it returns is lost. */
  private judgeStatement(expression: AnyNode, scope: Scope, place: Place): void {
    if (place.within?.generator !== true || !this.isOperation(expression, scope)) return
    this.report(expression, place, `\`${shown(expression)}\` is not run; write \`yield*\` before it`)
  }

  private isOperation(node: AnyNode, scope: Scope): boolean {
    if (node.type !== 'CallExpression') return false
    const { callee } = node
    const name = nameOf(callee)
    if (callee.type === 'MemberExpression' && LOCK_METHODS.has(name)) return true
    if (OPERATIONS.has(name)) return true
    if (callee.type !== 'Identifier') return false
    const init = scope.find(name)?.init
    if (isFunction(init)) return init.generator
    return init?.type === 'CallExpression' && nameOf(init.callee) === 'procedure'
  }

  /** Statements after a `become` whose result is dropped. */
  private judgeBlock(statements: readonly AnyNode[], place: Place): void {
    if (place.within?.generator !== true) return
    for (const [i, statement] of statements.entries()) {
      if (statement.type !== 'ExpressionStatement' || !isBecome(statement.expression)) continue
      const next = statements[i + 1]
      if (next === undefined || (next.type === 'ReturnStatement' && !next.argument)) continue
      this.report(statement, place, 'what follows `become` is never run; write `return yield* become(…)`')
    }
  }

  private report(node: AnyNode, { procedure, step, plain }: Place, message: string): void {
    const line = node.loc?.start.line ?? 0
    if (this.findings.some((other) => other.line === line && other.message === message)) return
    this.findings.push({ line, procedure, step, message, caller: plain })
  }
}

/**
 * Finds every mutant of a file.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import ts from 'typescript'
import type { Mutant } from '../mutant.js'
import { brief, isClaim, operators, STEP, Types } from '../operators/index.js'
import { anchorOf } from '../text/instrument.js'
import type { Place } from '../text/place.js'
import type { TypedSources } from '../text/program.js'

/** Most characters of a text that an identifier shows. */
const SHOWN = 56

/** The mutants of the file at `path`, in the order of its text. */
export function mutantsOf(path: string, { files, checker }: TypedSources): Mutant[] {
  const file = files.get(path)
  if (file === undefined) throw new Error(`${path} is not among the sources`)
  const types = new Types(checker)
  const found: Mutant[] = []
  const taken = new Map<string, number>()
  const visit = (node: ts.Node, within: Where | undefined): void => {
    if (isClaim(node) || declares(node)) return
    const inside = whereIs(node, within)
    if (inside !== undefined)
      for (const operator of operators)
        for (const proposal of operator(node, types)) {
          const anchor = anchorOf(proposal.node)
          if (anchor === undefined) continue
          const original = oneLine(proposal.original ?? brief(proposal.node))
          const replacement = oneLine(proposal.replacement ?? proposal.edits[0].text)
          const step = stepOf(proposal.node) ?? inside.step
          const name = [
            path.replace(/^src\//, '').replace(/\.ts$/, ''),
            inside.procedure,
            ...(step === undefined ? [] : [step]),
            proposal.kind,
            `${shortened(original)} → ${shortened(replacement)}`,
          ].join(' | ')
          const count = (taken.get(name) ?? 0) + 1
          taken.set(name, count)
          found.push({
            id: count === 1 ? name : `${name} | ${count}`,
            file: path,
            from: placeIn(file, proposal.node.getStart()),
            to: placeIn(file, proposal.node.getEnd()),
            procedure: inside.procedure,
            ...(step === undefined ? {} : { step }),
            kind: proposal.kind,
            original,
            replacement,
            edits: proposal.edits.some(({ text }) => text === STEP)
              ? [...proposal.edits, importOfStep(path)]
              : proposal.edits,
            anchor,
            scope: inside.scope,
          })
        }
    ts.forEachChild(node, (child) => visit(child, inside))
  }
  visit(file, undefined)
  return found
}

/** The function that a node is in. */
interface Where {
  readonly procedure: string
  readonly step?: string
  readonly scope: Mutant['scope']
}

function whereIs(node: ts.Node, within: Where | undefined): Where | undefined {
  if (ts.isCallExpression(node) && within !== undefined) {
    const step = stepMadeBy(node)
    return step === undefined ? within : { ...within, step }
  }
  if (!ts.isFunctionLike(node)) return within
  const procedure = within === undefined ? nameOf(node) : undefined
  if (procedure === undefined) return within
  const file = node.getSourceFile()
  const first = placeIn(file, node.getStart()).line
  return { procedure, scope: { first, last: placeIn(file, node.getEnd()).line } }
}

/** What a function is called: by the procedure that is made of it, or by itself. */
function nameOf(node: ts.SignatureDeclaration): string | undefined {
  const { parent } = node
  if (ts.isCallExpression(parent)) {
    const [first] = parent.arguments
    if (first !== undefined && ts.isStringLiteralLike(first)) return first.text
    // An override is called after what it takes the place of.
    if (first !== undefined && first !== node && ts.isIdentifier(first))
      return `${first.text} (${parent.expression.getText()})`
  }
  if (node.name !== undefined) return node.name.getText()
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return parent.name.getText()
  return undefined
}

/** The name of the step that a call makes. */
function stepMadeBy(node: ts.CallExpression): string | undefined {
  const callee = node.expression
  const name = ts.isIdentifier(callee)
    ? callee.text
    : ts.isPropertyAccessExpression(callee)
      ? callee.name.text
      : ''
  if (!['step', 'critical', 'choose'].includes(name)) return undefined
  const [first] = node.arguments
  return first !== undefined && ts.isStringLiteralLike(first) ? first.text : undefined
}

/** The step that a text makes at once: `yield* step('wake', …)`. */
function stepOf(node: ts.Node): string | undefined {
  let found: string | undefined
  const visit = (inner: ts.Node): void => {
    if (found !== undefined || ts.isFunctionLike(inner)) return
    if (ts.isCallExpression(inner)) found = stepMadeBy(inner)
    ts.forEachChild(inner, visit)
  }
  visit(node)
  return found
}

/** True for what lays out the world, throws or claims, or is a mistake that is kept as it was: that is no protocol. */
function declares(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || ts.isThrowStatement(node)) return true
  if (!ts.isFunctionLike(node)) return false
  // Claims under a name, and what is wrong by intention.
  if (node.name !== undefined && /^must[A-Z]|AsPatched$/.test(node.name.getText())) return true
  return node.parameters.some(
    ({ type }) => type !== undefined && /^(Layout|LayoutOf\b.*)$/.test(type.getText()),
  )
}

function placeIn(file: ts.SourceFile, position: number): Place {
  const { line, character } = file.getLineAndCharacterOfPosition(position)
  return { line: line + 1, column: character + 1 }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/** A text that tells itself from others with the same beginning. */
function shortened(text: string): string {
  if (text === '') return 'nothing'
  if (text.length <= SHOWN) return text
  return `${text.slice(0, SHOWN)}… ${createHash('sha256').update(text).digest('hex').slice(0, 6)}`
}

/** What makes a step, under a name that no text has. */
function importOfStep(path: string) {
  const up = '../'.repeat(path.split('/').length - 2)
  return { start: 0, end: 0, text: `import { step as ${STEP} } from '${up}world/index.js'\n` }
}

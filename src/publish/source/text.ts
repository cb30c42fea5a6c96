/**
 * Source text as it is shown: without the indentation of where it stands, and with the names in it that lead elsewhere.
 *
 * @module
 */
import ts from 'typescript'
import { everyNode } from './program.js'

/** A name in a text that leads to a procedure. */
export interface LinkInText {
  /** Its first character, from the beginning of the text. */
  readonly start: number
  readonly end: number
  /** Identifier of the procedure. */
  readonly to: string
}

/** A text, and what is where in it. */
export interface ShownText {
  readonly text: string
  readonly links: readonly LinkInText[]
  /** Where its generator function begins and ends; all of it if it has none. */
  readonly body: { readonly start: number; readonly end: number }
}

/**
 * The text of `node`.
 *
 * @param target - the procedure that a name stands for, if it stands for one
 */
export function textOf(node: ts.Node, target: (name: ts.Identifier) => string | undefined): ShownText {
  const file = node.getSourceFile()
  const start = node.getStart(file)
  const raw = file.text.slice(start, node.getEnd())
  const indent = start - file.text.lastIndexOf('\n', start - 1) - 1
  /** How many characters are left out before each position. */
  const shifts = new Int32Array(raw.length + 1)
  let text = ''
  let shift = 0
  let at = 0
  for (const [i, line] of raw.split('\n').entries()) {
    const spaces = i === 0 ? 0 : Math.min(indent, line.length - line.trimStart().length)
    for (let k = 0; k <= line.length && at + k <= raw.length; k++)
      shifts[at + k] = shift + Math.min(k, spaces)
    shift += spaces
    text += `${i === 0 ? '' : '\n'}${line.slice(spaces)}`
    at += line.length + 1
  }
  const links: LinkInText[] = []
  let body: ts.Node | undefined
  everyNode(node, (inner) => {
    if (ts.isFunctionExpression(inner) && inner.asteriskToken) body ??= inner
    if (!ts.isIdentifier(inner) || ts.isVariableDeclaration(inner.parent)) return
    const to = target(inner)
    if (to === undefined) return
    const from = inner.getStart(file) - start
    links.push({ start: from - shifts[from], end: from - shifts[from] + inner.text.length, to })
  })
  const place = (position: number) => position - start - shifts[position - start]
  return {
    text,
    links,
    body: body
      ? { start: place(body.getStart(file)), end: place(body.getEnd()) }
      : { start: 0, end: text.length },
  }
}

/**
 * Source text as HTML: coloured, with line numbers, the names of procedures leading to their pages; and differences of texts.
 *
 * @module
 */
import { diffLines } from 'diff'
import ts from 'typescript'
import type { ShownText } from '../../src/publish/source/text.js'
import { address } from './addresses.js'

const CLASSES: Partial<Record<ts.TokenClass, string>> = {
  [ts.TokenClass.Keyword]: 'kw',
  [ts.TokenClass.Comment]: 'cm',
  [ts.TokenClass.StringLiteral]: 'st',
  [ts.TokenClass.NumberLiteral]: 'nu',
  [ts.TokenClass.BigIntLiteral]: 'nu',
}

const classifier = ts.createClassifier()

/** Text as HTML holds it. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

interface Piece {
  readonly start: number
  readonly end: number
  readonly className: string | undefined
}

/** The tokens of `text` that have a colour, line by line. */
function tokensOf(text: string): Piece[][] {
  let state: ts.EndOfLineState = ts.EndOfLineState.None
  return text.split('\n').map((line) => {
    const { entries, finalLexState } = classifier.getClassificationsForLine(line, state, false)
    state = finalLexState
    let at = 0
    return entries.map(({ length, classification }) => {
      at += length
      return { start: at - length, end: at, className: CLASSES[classification] }
    })
  })
}

/**
 * Highlights a text, a line an element.
 *
 * @param firstLine - number of its first line in its file: lines are numbered, and can be led to
 */
export function highlighted({ text, links }: Pick<ShownText, 'text' | 'links'>, firstLine?: number): string {
  const sorted = [...links].sort((a, b) => a.start - b.start)
  let offset = 0
  const tokens = tokensOf(text)
  const lines = text.split('\n').map((line, i) => {
    const inLine = sorted.filter(({ start }) => start >= offset && start < offset + line.length)
    let html = ''
    for (const { start, end, className } of tokens[i]) {
      const link = inLine.find((l) => l.start - offset >= start && l.start - offset < end)
      const piece = escapeHtml(line.slice(start, end))
      if (link !== undefined) html += `<a href="${address('procedure', link.to)}">${piece}</a>`
      else html += className === undefined ? piece : `<span class="${className}">${piece}</span>`
    }
    offset += line.length + 1
    if (firstLine === undefined) return html
    // There are thousands: the shortest of elements, which the style sheet knows by its place.
    return `<i id="L${firstLine + i}">${html}</i>`
  })
  const counted = firstLine === undefined ? '' : ` style="counter-reset:line ${firstLine - 1}"`
  return `<pre class="code" tabindex="0"><code${counted}>${lines.join('\n')}</code></pre>`
}

/** A block of code of a language that is only TypeScript if it says so. */
export function codeBlock(text: string, language: string): string {
  if (/^(ts|js|typescript|javascript)$/.test(language)) return highlighted({ text, links: [] })
  return `<pre class="code" tabindex="0"><code>${escapeHtml(text)}</code></pre>`
}

/** The generator function of a text, by itself: without its name and its types, which overrides do not repeat. */
export function bodyOf(shown: ShownText): string {
  return withoutTypes(generatorOf(shown))
}

function withoutTypes(text: string): string {
  const file = ts.createSourceFile('text.ts', `(${text})`, ts.ScriptTarget.Latest, true)
  const [statement] = file.statements
  if (!ts.isExpressionStatement(statement) || !ts.isParenthesizedExpression(statement.expression)) return text
  const { expression } = statement.expression
  if (!ts.isFunctionExpression(expression)) return text
  const parameters = expression.parameters.map(({ dotDotDotToken, name, initializer }) =>
    [dotDotDotToken?.getText() ?? '', name.getText(), initializer ? ` = ${initializer.getText()}` : ''].join(
      '',
    ),
  )
  return `function* (${parameters.join(', ')}) ${expression.body.getText()}`
}

function generatorOf({ text, body }: ShownText): string {
  const from = text.lastIndexOf('\n', body.start) + 1
  const indent = /^ */.exec(text.slice(from))?.[0].length ?? 0
  const [first, ...rest] = text.slice(body.start, body.end).split('\n')
  return [
    first,
    ...rest.map((line) => line.slice(Math.min(indent, line.length - line.trimStart().length))),
  ].join('\n')
}

/** What one text has in place of another, line by line. */
export function differences(before: string, after: string): string {
  const parts = diffLines(`${before}\n`, `${after}\n`)
  const lines = parts.flatMap(({ value, added, removed }) =>
    value
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => {
        // As above: thousands of lines. The style sheet puts the mark before each.
        const changed = added ? ' class="ins"' : removed ? ' class="del"' : ''
        return `<i${changed}>${escapeHtml(line)}</i>`
      }),
  )
  return `<pre class="code diff" tabindex="0"><code>${lines.join('\n')}</code></pre>`
}

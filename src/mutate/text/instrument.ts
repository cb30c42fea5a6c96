/**
 * Text that tells what of it is run: before each statement that a mutant changes it calls a function with a number.
 *
 * @module
 */
import ts from 'typescript'

/** A statement, or the body of an arrow function, that is run whenever something in it may be. */
export interface Anchor {
  readonly start: number
  readonly end: number
  /** How a call can be put before it. */
  readonly form: 'statement' | 'branch' | 'expression'
}

/** The name under which an instrumented text imports what it calls. */
const HIT = '__hit'

/** The innermost anchor that `node` is in. */
export function anchorOf(node: ts.Node): Anchor | undefined {
  for (let at = node; at.parent !== undefined; at = at.parent) {
    const { parent } = at
    if (ts.isArrowFunction(parent) && parent.body === at && !ts.isBlock(at)) return anchor(at, 'expression')
    if (!ts.isStatement(at) || ts.isBlock(at)) continue
    if (ts.isBlock(parent) || ts.isCaseOrDefaultClause(parent)) return anchor(at, 'statement')
    if (!ts.isSourceFile(parent)) return anchor(at, 'branch')
  }
  return undefined
}

function anchor(node: ts.Node, form: Anchor['form']): Anchor {
  return { start: node.getStart(), end: node.getEnd(), form }
}

/**
 * Puts a call before each of `anchors`, which are numbered from `first` on.
 *
 * @param hits - module that exports the function to call
 */
export function instrument(text: string, anchors: readonly Anchor[], first: number, hits: string): string {
  const insertions = anchors.flatMap(({ start, end, form }, index) => {
    const call = `${HIT}(${first + index})`
    const [before, after] =
      form === 'statement'
        ? [`${call}; `, '']
        : form === 'branch'
          ? [`{ ${call}; `, ' }']
          : [`(${call}, `, ')']
    return [
      { at: start, order: start, text: before },
      // What begins later ends first.
      { at: end, order: -start, text: after },
    ]
  })
  insertions.sort((a, b) => a.at - b.at || a.order - b.order)
  let result = `import { hit as ${HIT} } from '${hits}'\n`
  let at = 0
  for (const insertion of insertions) {
    result += text.slice(at, insertion.at) + insertion.text
    at = insertion.at
  }
  return result + text.slice(at)
}

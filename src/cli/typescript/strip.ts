/**
 * TypeScript as JavaScript, line by line: what is removed leaves its place empty, so that a line of the one is the same
 * line of the other.
 *
 * @module
 */
import { type Options, transform } from 'sucrase'

/** Name of the turn in the URL of a module that is loaded anew. */
export const FRESH = 'hmm-spec-turn'

/** Types are taken away, and nothing else is changed. */
export const SUCRASE = {
  transforms: ['typescript'],
  disableESTransforms: true,
  preserveDynamicImport: true,
} satisfies Options

/** True for the name of a TypeScript module. */
export function isTypeScript(name: string): boolean {
  return /\.m?ts$/.test(name)
}

/**
 * The text of a module without its types.
 *
 * @param file - what to call it in messages
 * @throws SyntaxError that names file and line, for a text that is no TypeScript, or has a namespace
 */
export function withoutTypes(source: string, file: string): string {
  const found = NAMESPACE.exec(source)
  if (found !== null)
    throw new SyntaxError(
      `${file}:${source.slice(0, found.index).split('\n').length}: namespace ${found[1]} is more than a type, and types are ` +
        'taken away and nothing else; write an object, or a module of its own',
    )
  return transform(source, { ...SUCRASE, filePath: file }).code
}

/** A namespace that holds values, or may. */
const NAMESPACE = /^[ \t]*(?:export[ \t]+)?(?:namespace|module)[ \t]+([\w.]+)[ \t]*\{/mu

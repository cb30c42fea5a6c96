/**
 * The texts of a driver: its file, and what that imports which is its author's own.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkModule, type Finding, findingsIn, type SourceReport } from '../../purity/source.js'
import { UsageError } from '../arguments/usage.js'
import { isOurs, isTypeScript, withoutTypes } from '../typescript/index.js'

/** An option that names a module to be run with the specification. */
export type FileOption = '--driver' | '--override' | '--scenario'

/** Most findings that a message lists. */
const LISTED = 8

/** A module of the driver. */
interface Text {
  readonly file: string
  readonly report: SourceReport
}

/**
 * Sees to it that a file's text keeps nothing outside of the world, before any of it is run.
 *
 * @param file - as the user names it
 * @param option - by which option
 * @throws UsageError that names file, line, procedure, step and variable
 */
export function mustBePureText(file: string, option: FileOption): void {
  if (isCommonJs(file))
    throw new UsageError(
      `${option} ${file} is CommonJS; write an ES module: import … from 'hmm-spec/world', export default …`,
    )
  const texts = textsOf(resolve(file))
  const findings = findingsIn(texts.map(({ report }) => report)).flatMap((found, i) =>
    found.map((finding) => describe(texts[i], finding)),
  )
  if (findings.length === 0) return
  const rest = findings.length - LISTED
  throw new UsageError(
    [
      `${option} ${file} keeps or asks what is not in the world, so that no verdict on it would mean anything:`,
      ...findings.slice(0, LISTED),
      ...(rest > 0 ? [`and ${rest} more`] : []),
    ].join('\n  '),
  )
}

/** True for a file that is, or says that it is, a CommonJS module: procedures are made of ES modules. */
function isCommonJs(file: string): boolean {
  if (/\.c[jt]s$/.test(file)) return true
  const text = readFileSync(file, 'utf8')
  return /^\s*(module\.exports|exports\.\w+)\s*=/m.test(text) && !/^\s*(import|export)\b/m.test(text)
}

function describe({ file }: Text, { line, procedure, step, message }: Finding): string {
  const where = [
    `${relative(process.cwd(), file)}:${line}`,
    ...(procedure === undefined ? [] : [procedure]),
    ...(step === undefined ? [] : [`step "${step}"`]),
  ]
  return `${where.join(', ')}: ${message}`
}

/** The modules that `entry` imports by a path of its own; not those of this package. */
function textsOf(entry: string, onBroken: (file: string, error: unknown) => void = () => {}): Text[] {
  const texts = new Map<string, Text>()
  const queue = [entry]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (texts.has(file) || (file !== entry && isOurs(file))) continue
    const text = textOf(file, onBroken)
    if (text === undefined) continue
    texts.set(file, text)
    for (const specifier of text.report.imports) {
      if (!specifier.startsWith('.')) continue
      const found = fileOf(resolve(dirname(file), specifier))
      if (found !== undefined) queue.push(found)
    }
  }
  return [...texts.values()]
}

/** The files that `entry`, and what it imports of its author's own, import by a path. */
export function importedFiles(entry: string): string[] {
  return textsOf(entry).flatMap(({ file, report }) =>
    report.imports
      .filter((specifier) => /^(\.|\/|file:)/.test(specifier))
      .map((specifier) => (specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier))
      .flatMap((specifier) => fileOf(resolve(dirname(file), specifier)) ?? []),
  )
}

/** The file that an import means: a TypeScript file is imported by the name that it is compiled to. */
function fileOf(path: string): string | undefined {
  return [path, path.replace(/\.js$/, '.ts'), path.replace(/\.mjs$/, '.mts')].find((name) => existsSync(name))
}

/** Reads a module; one that cannot be read or parsed is left to whoever loads it. */
function textOf(file: string, onBroken: (file: string, error: unknown) => void): Text | undefined {
  try {
    const source = readFileSync(file, 'utf8')
    return { file, report: checkModule(isTypeScript(file) ? withoutTypes(source, file) : source) }
  } catch (error) {
    onBroken(file, error)
    return undefined
  }
}

/** Where the text of `entry`, or of what it imports, is no JavaScript: `FILE:LINE`. */
export function syntaxErrorIn(entry: string): string | undefined {
  let found: string | undefined
  textsOf(resolve(entry), (file, error) => {
    const { loc } = error as { readonly loc?: { readonly line: number } }
    if (loc !== undefined) found ??= `${relative(process.cwd(), file)}:${loc.line}`
  })
  return found
}

/**
 * A source file as JavaScript.
 *
 * @module
 */
import ts from 'typescript'

/** What the package's own file says to a compiler that sees all of it: its modules are ES modules. */
const ALONE: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  declaration: false,
  sourceMap: false,
}

/** Compiles one file by itself, as the build does. */
export function compile(file: string, text: string, options: ts.CompilerOptions): string {
  return ts.transpileModule(text, { fileName: file, compilerOptions: { ...options, ...ALONE } }).outputText
}

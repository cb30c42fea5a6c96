/**
 * The sources that are mutated, with the types of their expressions: a mutant replaces a number by a number.
 *
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript'

/** The folders whose text is mutated. */
export const MUTATED = ['src/kernel', 'src/device', 'src/driver', 'src/generations', 'src/linux'] as const

/** Files and types. */
export interface TypedSources {
  readonly checker: ts.TypeChecker
  /** By path from the root. */
  readonly files: ReadonlyMap<string, ts.SourceFile>
}

/** Every source file of the folders that are mutated, by path from `root`. */
export function mutatedFiles(root: string): string[] {
  return MUTATED.flatMap((folder) => filesIn(root, folder)).sort()
}

function filesIn(root: string, folder: string): string[] {
  if (statSync(join(root, folder), { throwIfNoEntry: false }) === undefined) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return filesIn(root, path)
    return /(?<!\.d|\.test)\.ts$/.test(path) ? [path] : []
  })
}

/** The options with which the project under `root` is compiled. */
export function compilerOptions(root: string): ts.CompilerOptions {
  const file = join(root, 'tsconfig.json')
  const { config, error } = ts.readConfigFile(file, (path) => readFileSync(path, 'utf8'))
  if (error !== undefined)
    throw new Error(`${file}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}`)
  const { compilerOptions } = config as { compilerOptions: object }
  return ts.convertCompilerOptionsFromJson(compilerOptions, root).options
}

/**
 * Reads a file that imports the package by its name, wherever it is, with types.
 *
 * @param path - under which the file is answered
 */
export function typedFile(root: string, file: string, path: string): TypedSources {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Readonly<Record<string, { readonly types: string }>>
  }
  const program = ts.createProgram([resolve(file)], {
    ...compilerOptions(root),
    ...{ noEmit: true, allowJs: true, module: ts.ModuleKind.ESNext },
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    paths: Object.fromEntries(
      Object.entries(exports).map(([name, { types }]) => [`hmm-spec${name.slice(1)}`, [join(root, types)]]),
    ),
  })
  const source = program.getSourceFile(resolve(file))
  return { checker: program.getTypeChecker(), files: new Map(source && [[path, source]]) }
}

/** Reads `paths`, and whatever they import, with types. */
export function typedSources(root: string, paths: readonly string[]): TypedSources {
  const program = ts.createProgram(
    paths.map((path) => join(root, path)),
    { ...compilerOptions(root), noEmit: true },
  )
  const files = new Map<string, ts.SourceFile>()
  for (const path of paths) {
    const file = program.getSourceFile(join(root, path))
    if (file !== undefined) files.set(path, file)
  }
  return { checker: program.getTypeChecker(), files }
}

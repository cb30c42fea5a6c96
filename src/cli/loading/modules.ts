/**
 * Modules of somebody else's: drivers, scenarios, overrides. Each is loaded once; the audit has them loaded anew, so that what
 * a module keeps is as it was at first.
 *
 * @module
 */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type AnyProcedure, proceduresOf } from '../../world/procedures/procedure.js'
import { atPlaceOf } from '../../world/thrown.js'
import { UsageError } from '../arguments/usage.js'
import { type Captured, capturedBy, mustBeAsLoaded, noteGlobals } from '../guards/captured.js'
import { installNodeGuards } from '../guards/node-guards.js'
import { freshUrl, installHooks, isTypeScript, mayKeep, newerSourceOf } from '../typescript/index.js'
import { type FileOption, importedFiles, mustBePureText, syntaxErrorIn } from './driver-text.js'

/** What a module exports, the procedures that were made as it was loaded, and what they could reach then. */
export interface LoadedModule {
  readonly module: { readonly default?: unknown }
  readonly made: ReadonlySet<AnyProcedure>
  readonly captured: Captured
  /** Functions that build its scenarios and make its claims. */
  readonly functions: readonly object[]
}

/** What functions of modules can reach. */
const reached = new Set<object>()

/** What functions of somebody else's modules could reach when these were loaded, so far. */
export function reachedByModules(): ReadonlySet<object> {
  return reached
}

/** Modules by path, each loaded once. */
export class Modules {
  private readonly known = new Map<string, LoadedModule>()
  private noted: readonly Captured[] = []

  /** @param turn - 0 for those that checks are made with; others have instances of their own of each module */
  constructor(private readonly turn = 0) {}

  /**
   * Loads a module of somebody else's, if its text keeps nothing outside of the world.
   *
   * @param option - the option that names `file`
   * @throws UsageError if that cannot be done
   */
  async load(option: FileOption, file: string): Promise<LoadedModule> {
    if (file.trim() === '') throw new UsageError(`${option} names no file; write ${option} my-module.js`)
    const path = resolve(file)
    const known = this.known.get(path)
    if (known !== undefined) return known
    if (this.turn === 0) mustBeLoadable(option, file, path)
    installHooks()
    installNodeGuards()
    noteGlobals()
    try {
      const url = freshUrl(pathToFileURL(path).href, this.turn)
      const { loaded, made } = await proceduresOf(() => anewIf(this.turn !== 0, () => import(url)))
      const functions = functionsIn(loaded)
      const captured = this.turn === 0 ? capturedBy(made, isSomebodyElses, functions, reached) : new Map()
      const module = { module: loaded, made, captured, functions }
      this.known.set(path, module)
      return module
    } catch (error) {
      throw new UsageError(
        `${option} ${file} cannot be loaded: ${whyNotLoaded(error)}${whereNotLoaded(file, error)}`,
      )
    }
  }

  /** Notes what the modules keep. */
  note(): void {
    this.noted = this.captured()
  }

  /** Looks whether the modules keep what was noted. @throws SpecificationError `impure` that names what has changed */
  mustBeAsNoted(when: string): void {
    for (const [i, now] of this.captured().entries()) mustBeAsLoaded(this.noted[i], now, when)
  }

  private captured(): Captured[] {
    return [...this.known.values()].map(({ made, functions }) => capturedBy(made, isSomebodyElses, functions))
  }
}

/** Loads something; if that is to be anew, CommonJS modules too, of which Node.js keeps one instance of each, whatever its URL. */
async function anewIf<T>(anew: boolean, load: () => Promise<T>): Promise<T> {
  if (!anew) return load()
  const { cache } = createRequire(import.meta.url)
  const kept = Object.entries(cache).filter(([file]) => isFile(file) && mayKeep(file))
  for (const [file] of kept) delete cache[file]
  try {
    return await load()
  } finally {
    for (const [file, module] of kept) cache[file] = module
  }
}

/** The functions that a module exports, and those of the objects that it exports: scenarios, and what they were declared with. */
function functionsIn(module: object): object[] {
  const found = new Set<object>()
  const look = (value: unknown, depth: number) => {
    if (typeof value === 'function') found.add(value)
    else if (typeof value === 'object' && value !== null && depth < 3)
      for (const { value: inner } of Object.values(Object.getOwnPropertyDescriptors(value)))
        look(inner, depth + 1)
  }
  for (const value of Object.values(module)) look(value, 0)
  return [...found]
}

/** Refuses what is no module, or keeps something outside of the world. */
function mustBeLoadable(option: FileOption, file: string, path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new UsageError(`${option} ${file}: there is no such file`)
  if (!found.isFile())
    throw new UsageError(`${option} ${file} is no file; name the module that has the default export`)
  const newer = isTypeScript(path) ? undefined : newerSourceOf(path)
  if (newer !== undefined)
    throw new UsageError(
      `${option} ${file} is older than ${relative(process.cwd(), newer)}, from which it was compiled; compile it again, or ` +
        'name the TypeScript file',
    )
  mustShareThisCopy(option, file, path)
  mustBePureText(file, option)
}

/** True for the URL of a script that may keep something for a driver: not the product's, and nothing that it works with. */
export function isSomebodyElses(url: string): boolean {
  // A text that was made a function of while a module ran.
  if (url === '') return true
  if (url.startsWith('node:')) return false
  const file = url.startsWith('file:') ? fileURLToPath(url) : url
  return !isFile(file) || mayKeep(file)
}

/** What is a file, so far. It is asked of every module whenever one is loaded anew. */
const files = new Set<string>()

function isFile(name: string): boolean {
  if (files.has(name)) return true
  const is = isAbsolute(name) && existsSync(name)
  if (is) files.add(name)
  return is
}

/** Why an import failed. */
export function whyNotLoaded(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

function whereNotLoaded(file: string, error: unknown): string {
  const place = syntaxErrorIn(file)
  return place === undefined ? atPlaceOf(error) : ` (${place})`
}

/**
 * Claims tell procedures apart by identity: a driver that calls those of another copy of the package would be checked
 * against claims that never hear of it.
 */
function mustShareThisCopy(option: FileOption, file: string, path: string): void {
  const ours = packageOf(fileURLToPath(import.meta.url))
  const theirs = copiesOf(path).find((copy) => copy !== ours)
  if (theirs !== undefined)
    throw new UsageError(
      `${option} ${file} uses the hmm-spec in ${theirs}, and this is the one in ${ours}; run that one: npx hmm-spec`,
    )
}

/** The folders of the hmm-spec that a module uses, by its name and by paths. */
function copiesOf(path: string): string[] {
  const files = importedFiles(path)
  try {
    files.push(createRequire(path).resolve('hmm-spec/kernel'))
  } catch {
    // It has none, or the import itself will say what is wrong.
  }
  return files.map(packageOf).filter((folder) => dirname(folder) !== folder)
}

/** The folder of the package that `file` belongs to. */
function packageOf(file: string): string {
  for (let at = dirname(realpathSync(file)); ; at = dirname(at)) {
    const manifest = join(at, 'package.json')
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'hmm-spec') return at
    if (dirname(at) === at) return at
  }
}

/**
 * Hooks of the module loader, which run in a thread of its own: TypeScript modules are loaded without their types, and an
 * import of `./x.js` means `./x.ts` where only that is there, as the compiler has it.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { LoadHook, ResolveHook } from 'node:module'
import { fileURLToPath } from 'node:url'
import { whyNotBuiltin } from '../guards/builtins.js'
import { isExported, isProductsOwn, mayKeep } from './ours.js'
import { FRESH, isTypeScript, withoutTypes } from './strip.js'

/** Where a module is. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const found = await resolved(specifier, context, next)
  mustBeGivenOut(specifier, found.url, context.parentURL)
  const turn = new RegExp(`[?]${FRESH}=\\d+$`).exec(context.parentURL ?? '')?.[0]
  const isAnew = turn !== undefined && isKeeping(found.url)
  return isAnew ? { ...found, url: `${found.url}${turn}` } : found
}

const resolved: ResolveHook = async (specifier, context, next) => {
  try {
    return await next(specifier, context)
  } catch (error) {
    const source = specifier.replace(/\.(m?)js$/, '.$1ts')
    const isMissing = (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing || source === specifier || !/^(\.|file:)/.test(specifier)) throw error
    return await next(source, context)
  }
}

/** A driver is made of files, and of what the product gives to everybody. */
function mustBeGivenOut(specifier: string, url: string, parent: string | undefined): void {
  if (parent === undefined || isProducts(parent)) return
  const { protocol } = new URL(url)
  const why = protocol === 'node:' && isKeeping(parent) ? whyNotBuiltin(url) : undefined
  if (why !== undefined) throw new Error(why)
  if (protocol !== 'file:' && protocol !== 'node:')
    throw new Error(`${protocol} is imported, which is no file; write its text as a file`)
  if (isProducts(url) && !isExported(fileURLToPath(url)))
    throw new Error(
      `'${specifier}' is imported, which is the inside of hmm-spec; import 'hmm-spec/driver', 'hmm-spec/kernel', ` +
        `'hmm-spec/world' or another part that its package.json exports`,
    )
}

function isKeeping(url: string): boolean {
  return url.startsWith('file:') && mayKeep(fileURLToPath(url))
}

function isProducts(url: string): boolean {
  return url.startsWith('file:') && isProductsOwn(fileURLToPath(url))
}

/** The text of a module. */
export const load: LoadHook = async (url, context, next) => {
  const { protocol, pathname } = new URL(url)
  if (protocol !== 'file:') return next(url, context)
  const file = fileURLToPath(url)
  if (isTypeScript(pathname)) {
    const source = withoutTypes(await readFile(file, 'utf8'), file)
    return { format: 'module', shortCircuit: true, source: withFixedMeta(source, file) }
  }
  const loaded = await next(url, context)
  if (loaded.format !== 'module' || loaded.source == null) return loaded
  return { ...loaded, source: withFixedMeta(textOf(loaded.source), file) }
}

/** What a module knows of itself could be given properties that keep something. On the first line, so that lines stay. */
function withFixedMeta(source: string, file: string): string {
  return source.includes('import.meta') && mayKeep(file) ? `Object.freeze(import.meta);${source}` : source
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source)
}

/**
 * Hooks of the module loader, which run in a thread of its own: TypeScript modules are loaded without their types, and an
 * import of `./x.js` means `./x.ts` where only that is there, as the compiler has it.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { LoadHook, ResolveHook } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isOurs } from './ours.js'
import { FRESH, isTypeScript, withoutTypes } from './strip.js'

/** Where a module is. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const found = await resolved(specifier, context, next)
  const turn = new RegExp(`[?]${FRESH}=\\d+$`).exec(context.parentURL ?? '')?.[0]
  const isAnew = turn !== undefined && found.url.startsWith('file:') && !isOurs(fileURLToPath(found.url))
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

/** The text of a module. */
export const load: LoadHook = async (url, context, next) => {
  const { protocol, pathname } = new URL(url)
  if (protocol !== 'file:' || !isTypeScript(pathname) || pathname.includes('/node_modules/'))
    return next(url, context)
  const file = fileURLToPath(url)
  return { format: 'module', shortCircuit: true, source: withoutTypes(await readFile(file, 'utf8'), file) }
}

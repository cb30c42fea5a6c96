/**
 * Guards what Node.js has beside the language: files, chance, other processes, the variables of the environment. A step that asks
 * them is answered by another machine, or at another time, otherwise.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import Module, { createRequire, syncBuiltinESMExports } from 'node:module'
import { guardedStore, guardedVariables, guardFunctions, installGuards } from '../../checker/guard.js'
import { GUARDED_MODULES } from '../../purity/names.js'
import { mayKeep } from '../typescript/index.js'
import { whyNotBuiltin } from './builtins.js'

/** Modules that answer at once with what is not in the world. Those that answer later find no procedure under way. */
const MODULES = [...GUARDED_MODULES, 'worker_threads']

/** The objects that Node.js gives to everybody: what they hold is its own. */
export const NODE_OBJECTS: Readonly<Record<string, object>> = {
  process,
  ...Object.fromEntries(
    MODULES.map((name) => [name, createRequire(import.meta.url)(`node:${name}`) as object]),
  ),
}

let installed = false

/** Puts the guards in place, once for all; call it before a driver is loaded. */
export function installNodeGuards(): void {
  installGuards()
  if (installed) return
  installed = true
  for (const name of MODULES) guardFunctions(NODE_OBJECTS[name], name)
  syncBuiltinESMExports()
  guardRequire()
  Object.defineProperty(process, 'env', {
    value: guardedVariables(process.env, 'process.env'),
    configurable: true,
    enumerable: true,
    writable: true,
  })
  // Where a small buffer lies in the pool tells how many there were before it.
  Buffer.poolSize = 0
}

/** What `require` is made of. */
interface Loader {
  _load(request: string, parent: { readonly filename?: string | null } | undefined, isMain: boolean): unknown
  _cache: object
  _pathCache: object
}

/** Has `require` refuse what `import` does: hooks of the loader do not see it. */
function guardRequire(): void {
  const loader = Module as unknown as Loader
  loader._cache = guardedStore(loader._cache, 'require.cache')
  loader._pathCache = guardedStore(loader._pathCache, 'Module._pathCache')
  const load = loader._load
  loader._load = function (this: unknown, request, parent, isMain) {
    const why = whyNotBuiltin(request)
    const file = parent?.filename
    if (why !== undefined && file && existsSync(file) && mayKeep(file)) throw new Error(why)
    return load.call(this, request, parent, isMain)
  }
  const given = (process as { getBuiltinModule?: (name: string) => unknown }).getBuiltinModule
  if (given === undefined) return
  Object.defineProperty(process, 'getBuiltinModule', {
    value(name: string): unknown {
      const why = whyNotBuiltin(`node:${name.replace(/^node:/, '')}`)
      if (why !== undefined) throw new Error(why)
      return given.call(process, name)
    },
  })
}

/**
 * Guards what Node.js has beside the language: files, chance, other processes, the variables of the environment. A step that asks
 * them is answered by another machine, or at another time, otherwise.
 *
 * @module
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { guardedVariables, guardFunctions, installGuards } from '../checker/guard.js'

/** Modules that answer at once with what is not in the world. Those that answer later find no procedure under way. */
const MODULES = ['child_process', 'crypto', 'fs', 'os', 'v8', 'worker_threads']

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
  Object.defineProperty(process, 'env', {
    value: guardedVariables(process.env, 'process.env'),
    configurable: true,
    enumerable: true,
    writable: true,
  })
  // Where a small buffer lies in the pool tells how many there were before it.
  Buffer.poolSize = 0
}

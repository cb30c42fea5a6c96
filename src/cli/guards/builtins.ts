/**
 * Which modules of Node.js a driver, and the packages that it uses, may load. What the others keep, nobody could look at: another
 * thread, another global object, a channel, a setting of streams.
 *
 * @module
 */
import { builtinModules } from 'node:module'
import { GUARDED_MODULES, HARMLESS_MODULES } from '../../purity/names.js'

/** Modules that packages use to print, and that keep what is looked at, or nothing. */
const TO_PRINT: readonly string[] = ['events', 'process', 'string_decoder', 'tty']

const ALLOWED: ReadonlySet<string> = new Set([...HARMLESS_MODULES, ...GUARDED_MODULES, ...TO_PRINT])

/** Why a driver may not load the module of Node.js that `specifier` names; undefined if it may, or names none. */
export function whyNotBuiltin(specifier: string): string | undefined {
  const name = specifier.replace(/^node:/, '')
  if (!specifier.startsWith('node:') && !builtinModules.includes(name)) return undefined
  if (ALLOWED.has(name)) return undefined
  return (
    `'${specifier}' is imported, and what that module of Node.js keeps is not in the world, where nobody looks at it; ` +
    'a driver, and a package that it uses, does without'
  )
}

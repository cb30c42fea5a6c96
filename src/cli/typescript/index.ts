/**
 * Drivers in TypeScript: loaded as they are, and compiled ones that are out of date.
 *
 * @module
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { register } from 'node:module'
import { dirname, resolve, sep } from 'node:path'
import { FRESH } from './strip.js'

export { isOurs, mayKeep } from './ours.js'
export { shownPlace } from './places.js'
export { isTypeScript, withoutTypes } from './strip.js'

let registered = false

/** From here on this process loads TypeScript modules, and modules anew by {@link freshUrl}. */
export function installHooks(): void {
  // Not compiled itself, this module runs where TypeScript is loaded anyway.
  if (registered || import.meta.url.endsWith('.ts')) return
  registered = true
  register('./hooks.js', import.meta.url)
}

/** The URL under which a module is another instance in each turn, with all that it imports of its author's own. */
export function freshUrl(url: string, turn: number): string {
  return turn === 0 ? url : `${url}?${FRESH}=${turn}`
}

/** Milliseconds by which a text must be newer than what was compiled of it: copies of a tree differ by less. */
const NEWER_BY = 2000

/**
 * The TypeScript text that the compiled module `file` was made of, if that was changed since: a text of the same name beside
 * it, or what its source map names.
 */
export function newerSourceOf(file: string): string | undefined {
  // What is installed was unpacked in any order.
  if (file.includes(`${sep}node_modules${sep}`)) return undefined
  const compiled = statSync(file).mtimeMs
  return sourcesOf(file).find(
    (source) => existsSync(source) && statSync(source).mtimeMs > compiled + NEWER_BY,
  )
}

function sourcesOf(file: string): string[] {
  const beside = file.replace(/\.(m?)js$/, '.$1ts')
  return [...(beside === file ? [] : [beside]), ...mappedSources(file)]
}

/** What the source map of a module names; nothing where it has none that can be read. */
function mappedSources(file: string): string[] {
  try {
    const url = /^\/\/# sourceMappingURL=([^\s:]+)\s*$/m.exec(readFileSync(file, 'utf8'))?.[1]
    if (url === undefined) return []
    const map = resolve(dirname(file), url)
    const { sources, sourceRoot = '' } = JSON.parse(readFileSync(map, 'utf8'))
    return (sources as string[]).map((source) => resolve(dirname(map), sourceRoot, source))
  } catch {
    return []
  }
}

/**
 * Where this package is, and what identifies its build.
 *
 * @module
 */
import { createHash, type Hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the package.json that this module belongs to, built or not. */
export function packageFolder(): string {
  for (let at = dirname(realpathSync(fileURLToPath(import.meta.url))); ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at
    if (dirname(at) === at) throw new Error('there is no package.json above this module')
  }
}

/**
 * A hash of modules of a build, and of the interpreter that runs them.
 *
 * @param dist - the folder of the build
 * @param paths - modules, and folders of modules, in it
 */
export function hashOfModules(dist: string, paths: readonly string[]): Hash {
  const hash = createHash('sha256').update(process.version)
  const add = (path: string) => hash.update(`${path}\n`).update(readFileSync(join(dist, path)))
  for (const path of paths)
    if (path.endsWith('.js')) add(path)
    else
      for (const name of readdirSync(join(dist, path), { recursive: true, encoding: 'utf8' }).sort())
        if (name.endsWith('.js')) add(join(path, name))
  return hash
}

/** Folders whose modules a check depends on. */
const RUN = [
  'models',
  'spec',
  ...['checker', 'device', 'driver', 'generations', 'host', 'kernel', 'machine', 'purity', 'world'].map(
    (folder) => `src/${folder}`,
  ),
]

/** Identifies the build in the folder `dist`: the same for the same modules and the same interpreter. */
export function identityOf(dist: string): string {
  return hashOfModules(dist, RUN).digest('hex').slice(0, 20)
}

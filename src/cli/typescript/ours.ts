/**
 * Which modules are the product's, or of a package that is installed: they are no part of a driver.
 *
 * @module
 */
import { readFileSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import { packageFolder } from '../../host/package.js'

/** The folders of this package that hold its own text, compiled or not. */
const OURS = ['src', 'spec', 'models', 'dist/src', 'dist/spec', 'dist/models']

/** True for a file of this package's own text, compiled or not. */
export function isProductsOwn(file: string): boolean {
  const real = realpathSync(file)
  return OURS.some((folder) => real.startsWith(join(PACKAGE, folder) + sep))
}

/** True for a file that this package gives to everybody: what its package.json exports, or the text that it was compiled of. */
export function isExported(file: string): boolean {
  return EXPORTED.has(realpathSync(file))
}

/** True for a file of this package's own text, or of a package that is installed: no part of a driver. */
export function isOurs(file: string): boolean {
  return isProductsOwn(file) || realpathSync(file).includes(`${sep}node_modules${sep}`)
}

/** Packages that the product itself works with, and those that load modules in a test: what they keep is not the driver's. */
const SHARED = ['hmm-spec', 'xstate', 'vite', 'vitest', '@vitest']

/** By file: the answer of {@link mayKeep}, which asks the file system, and is asked of every module whenever one is loaded anew. */
const keeping = new Map<string, boolean>()

/** True for a module that may keep something for a driver: its author's own, or of a package that it imports. */
export function mayKeep(file: string): boolean {
  const known = keeping.get(file)
  if (known !== undefined) return known
  const real = realpathSync(file)
  const may =
    !isProductsOwn(file) && !SHARED.some((name) => real.includes(`${sep}node_modules${sep}${name}${sep}`))
  keeping.set(file, may)
  return may
}

const PACKAGE = packageFolder()
const EXPORTED: ReadonlySet<string> = new Set(
  Object.values(
    (JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as Manifest).exports,
  ).flatMap((target) => {
    const built = typeof target === 'string' ? target : target.default
    return [built, built.replace(/^\.\/dist\//, './').replace(/\.js$/, '.ts')].map((file) =>
      join(PACKAGE, file),
    )
  }),
)

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
}

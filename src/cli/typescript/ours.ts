/**
 * Which modules are the product's, or of a package that is installed: they are no part of a driver.
 *
 * @module
 */
import { realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import { packageFolder } from '../../host/package.js'

/** The folders of this package that hold its own text, compiled or not. */
const OURS = ['src', 'spec', 'models', 'dist/src', 'dist/spec', 'dist/models']

/** True for a file of this package's own text, or of a package that is installed: no part of a driver. */
export function isOurs(file: string): boolean {
  const real = realpathSync(file)
  return (
    OURS.some((folder) => real.startsWith(join(PACKAGE, folder) + sep)) ||
    real.includes(`${sep}node_modules${sep}`)
  )
}

/** Packages that the product itself works with, and those that load modules in a test: what they keep is not the driver's. */
const SHARED = ['hmm-spec', 'xstate', 'vite', 'vitest', '@vitest']

/** True for a module that may keep something for a driver: its author's own, or of a package that it imports. */
export function mayKeep(file: string): boolean {
  const real = realpathSync(file)
  return (
    !OURS.some((folder) => real.startsWith(join(PACKAGE, folder) + sep)) &&
    !SHARED.some((name) => real.includes(`${sep}node_modules${sep}${name}${sep}`))
  )
}

const PACKAGE = packageFolder()

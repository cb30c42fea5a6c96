/**
 * Which product this is.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Version of the product, and the commit that it was built from, if that is known. */
export interface Release {
  readonly version: string
  readonly commit?: string | undefined
}

/** The product that this module is part of. */
export function release(): Release {
  return releaseOf(dirname(fileURLToPath(import.meta.url)))
}

/** Version and commit of the product whose module is in the folder `start`. */
function releaseOf(start: string): Release {
  for (let at = start, below = start; ; below = at, at = dirname(at)) {
    const file = join(at, 'package.json')
    if (existsSync(file)) {
      const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
      return { version, commit: commitOf(below) }
    }
    if (dirname(at) === at) throw new Error(`no package.json above ${start}`)
  }
}

/** The commit that was built into `folder`; sources that run as they are have none. */
function commitOf(folder: string): string | undefined {
  const file = join(folder, 'build.json')
  if (basename(folder) !== 'dist' || !existsSync(file)) return undefined
  return (JSON.parse(readFileSync(file, 'utf8')) as { commit: string | null }).commit ?? undefined
}

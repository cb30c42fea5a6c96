/**
 * Folders that a user names.
 *
 * @module
 */
import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes `folder`, and those above it that are missing, each by itself: the recursive `mkdir` of Node.js never ends where the
 * kernel refuses with ENOENT, as in /proc.
 *
 * @throws what the file system says
 */
export function makeFolder(folder: string): void {
  const missing: string[] = []
  for (let at = resolve(folder); !isFolder(at); at = dirname(at)) missing.unshift(at)
  for (const path of missing) {
    try {
      mkdirSync(path)
    } catch (error) {
      // Another process may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(path)) throw error
    }
  }
}

/** @throws what the file system says where a part of the path is no folder, or may not be looked into */
function isFolder(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return path === dirname(path)
  if (found.isDirectory()) return true
  throw Object.assign(new Error(`${path} is no directory`), { code: 'ENOTDIR' })
}

/**
 * What is answered without loading the specification: the version, and the lists that the build has written down.
 *
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Listing, listText } from '../report/list.js'
import { release } from './release.js'
import { type Io, layoutFor } from './terminal/io.js'

/** The folder of the build. */
const BUILD = fileURLToPath(new URL('../..', import.meta.url))

/** What the lists are made of. */
const SOURCES = ['models', 'spec', 'src']

/**
 * Answers `--version` and `list WHAT`, if there is nothing else in the arguments.
 *
 * @param folder - of the build
 * @returns false if the whole command line must be asked
 */
export function answerAtOnce(argv: readonly string[], io: Io, folder = BUILD): boolean {
  const [command, what, ...others] = argv
  if (others.length > 0) return false
  if (what === undefined) {
    if (command !== '--version' && command !== '-V') return false
    io.stdout.write(`${release().version}\n`)
    return true
  }
  const lists = command === 'list' ? listsIn(folder) : undefined
  if (lists === undefined || !Object.hasOwn(lists, what)) return false
  io.stdout.write(listText(what, lists[what], layoutFor(io.stdout, io.env)))
  return true
}

/** The lists that the build has written down; `undefined` if there are none, or something was compiled after them. */
function listsIn(folder: string): Readonly<Record<string, Listing>> | undefined {
  const file = join(folder, 'lists.json')
  try {
    const { mtimeMs } = statSync(file)
    const isOlder = SOURCES.some((source) => newest(join(folder, source)) > mtimeMs)
    return isOlder ? undefined : JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** When the newest module of a folder was written. */
function newest(folder: string): number {
  let time = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) time = Math.max(time, newest(path))
    else if (entry.name.endsWith('.js')) time = Math.max(time, statSync(path).mtimeMs)
  }
  return time
}

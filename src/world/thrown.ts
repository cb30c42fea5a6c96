/**
 * What was thrown, in words, and where in its author's text.
 *
 * @module
 */

/** A line of somebody's own text. */
export interface SourcePlace {
  /** The module, as the host names it: a URL or a path. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** This package's own modules, whether compiled or not: beside them is what is not its own. */
// In a bundle for browsers a module has no address.
const ROOT = rootOf(import.meta.url ?? '')
const OWN = ['src/', 'spec/', 'models/'].map((folder) => ROOT + folder)

/** One frame of a stack that is in a file. */
const FRAME = /(?:^|[\s(])((?:file:\/\/)?\/[^():]*):(\d+):(\d+)\)?$/

function rootOf(url: string): string {
  return url.replace(/src\/world\/[^/]*$/, '')
}

/** What the language says of a change of what is frozen. */
const FROZEN = /read only property|not extensible|Cannot (redefine|delete) property/

/** The message of what was thrown, whatever it is. */
export function messageOf(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return String(thrown)
    const message = String(thrown.message)
    return thrown instanceof TypeError && FROZEN.test(message)
      ? `${message}: once a driver is loaded, what it reaches beside the world does not change; keep it in a field of the world`
      : message
  } catch {
    return 'something that has no text'
  }
}

/**
 * Where in somebody's own text `thrown` was thrown, or who called what threw it: the innermost frame that is not of this package.
 *
 * @returns undefined for what has no stack, or no such frame
 */
export function placeOf(thrown: unknown): SourcePlace | undefined {
  return framesOf(thrown).find(({ file }) => !isOwn(file))
}

/** The innermost frame that is in a file, if that is not one of this package: then it is a mistake of that file. */
export function mistakenPlaceOf(thrown: unknown): SourcePlace | undefined {
  const [innermost] = framesOf(thrown)
  return innermost === undefined || isOwn(innermost.file) ? undefined : innermost
}

/** `driver.js:12`. */
export function nameOfPlace({ file, line }: SourcePlace): string {
  return `${decodeURI(file.slice(file.lastIndexOf('/') + 1))}:${line}`
}

/** ` (driver.js:12)`, or nothing where the place is not known. */
export function atPlaceOf(thrown: unknown): string {
  const place = placeOf(thrown)
  return place === undefined ? '' : ` (${nameOfPlace(place)})`
}

/** True for a file that is neither this package's nor that of one that is installed. */
export function isAuthors(file: string): boolean {
  return !isOwn(file)
}

function isOwn(file: string): boolean {
  return file.includes('/node_modules/') || OWN.some((folder) => urlOf(file).startsWith(folder))
}

function urlOf(file: string): string {
  return file.startsWith('file:') ? file : `file://${file}`
}

/** The frames of a stack that are in files, innermost first. */
export function framesOf(thrown: unknown): SourcePlace[] {
  if (!(thrown instanceof Error)) return []
  let stack: unknown
  try {
    stack = thrown.stack
  } catch {
    return []
  }
  if (typeof stack !== 'string') return []
  return stack.split('\n').flatMap((text) => {
    const found = /^\s*at /.test(text) ? FRAME.exec(text) : null
    // A query or fragment tells instances of one module apart.
    return found === null
      ? []
      : [{ file: found[1].replace(/[?#].*$/, ''), line: Number(found[2]), column: Number(found[3]) }]
  })
}

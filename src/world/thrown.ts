/**
 * Describes thrown values, and finds the place in the author's source.
 *
 * @module
 */

/** A line in a source file. */
export interface SourcePlace {
  /** The module, as the host names it: a URL or a path. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Directory of this package, compiled or not. Files outside it belong to somebody else. */
// In a browser bundle a module has no path.
const ROOT = rootOf(import.meta.url ?? '')
const OWN = ['src/', 'spec/', 'models/'].map((folder) => ROOT + folder)

/** A stack frame in a file. */
const FRAME = /(?:^|[\s(])((?:file:\/\/)?\/[^():]*):(\d+):(\d+)\)?$/

function rootOf(url: string): string {
  return url.replace(/src\/world\/[^/]*$/, '')
}

/** Messages of JavaScript engines for a change to a frozen object. */
const FROZEN = /read only property|not extensible|Cannot (redefine|delete) property/

/** The message of a thrown value of any type. */
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
 * The innermost stack frame outside of this package: where the author's code threw, or called what
 * threw.
 *
 * @returns undefined for a value without a stack, or without such a frame
 */
export function placeOf(thrown: unknown): SourcePlace | undefined {
  return framesOf(thrown).find(({ file }) => !isOwn(file))
}

/**
 * The innermost stack frame in a file, if that file is not part of this package. Then the mistake
 * is in that file.
 */
export function mistakenPlaceOf(thrown: unknown): SourcePlace | undefined {
  const [innermost] = framesOf(thrown)
  return innermost === undefined || isOwn(innermost.file) ? undefined : innermost
}

/** `driver.js:12`. */
export function nameOfPlace({ file, line }: SourcePlace): string {
  return `${decodeURI(file.slice(file.lastIndexOf('/') + 1))}:${line}`
}

/** ` (driver.js:12)`, or an empty string if the place is not known. */
export function atPlaceOf(thrown: unknown): string {
  const place = placeOf(thrown)
  return place === undefined ? '' : ` (${nameOfPlace(place)})`
}

/** True for a file that is neither part of this package nor of an installed one. */
export function isAuthors(file: string): boolean {
  return !isOwn(file)
}

function isOwn(file: string): boolean {
  return file.includes('/node_modules/') || OWN.some((folder) => urlOf(file).startsWith(folder))
}

function urlOf(file: string): string {
  return file.startsWith('file:') ? file : `file://${file}`
}

/** The stack frames in files, innermost first. */
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
    // Query and fragment only distinguish instances of one module.
    return found === null
      ? []
      : [{ file: found[1].replace(/[?#].*$/, ''), line: Number(found[2]), column: Number(found[3]) }]
  })
}

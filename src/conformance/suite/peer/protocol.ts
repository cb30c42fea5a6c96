/**
 * The protocol between the runner of the suite and a peer: JSON lines, one question and then one answer.
 *
 * @see docs/suite.md
 * @module
 */
import { parseExactly } from '../../recording.js'

/** The version of the protocol. */
export const PROTOCOL = 1

/** What a peer says of itself. */
export interface Hello {
  readonly protocol: typeof PROTOCOL
  /** What it is: `c-peer`. */
  readonly name: string
  /** Its release: `6.1.192`. */
  readonly release: string
  /** The profile that it answers by: `test_hmm-6.1`. */
  readonly profile: string
  /** The operations that it knows, those of a child with `c:` before them; absent if it knows all. */
  readonly operations?: readonly string[]
  /** What it has room for. */
  readonly limits?: {
    /** Pages of its window; absent if it has room for every sequence. */
    readonly pages?: number
  }
}

/** What a peer answers to an operation, by field. */
export type PeerAnswer = Readonly<Record<string, unknown>> & { readonly rc: number }

/** The answer of a peer that does not know an operation. */
export const UNSUPPORTED = 'unsupported'

/** What the runner asks. */
export type Question =
  | { readonly hello: { readonly protocol: number } }
  | { readonly reset: string }
  | { readonly op: string }
  | { readonly bye: true }

/** An answer that is none. The message says what is wrong with it. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** One line of the runner. */
export function questionLine(id: number, question: Question): string {
  return `${JSON.stringify({ id, ...question })}\n`
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads one line of a peer as the answer to question `id`.
 *
 * @throws ProtocolError if it is not an object, or the answer to another question
 */
export function readAnswer(line: string, id: number): Fields {
  let value: unknown
  try {
    value = parseExactly(line)
  } catch {
    throw new ProtocolError(`a line that is not JSON: ${shown(line)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProtocolError(`a line that is not an object: ${shown(line)}`)
  const fields = value as Fields
  if (fields.id !== id)
    throw new ProtocolError(`an answer to question ${shownJson(fields.id)}, asked was ${id}`)
  return fields
}

/**
 * Reads the answer to `hello`.
 *
 * @throws ProtocolError that names the field that is missing or wrong
 */
export function readHello(fields: Fields): Hello {
  const { hello } = fields
  if (!isObject(hello)) throw new ProtocolError('no "hello" in the answer to hello')
  if (hello.protocol !== PROTOCOL)
    throw new ProtocolError(`it speaks protocol ${shownJson(hello.protocol)}; the runner speaks ${PROTOCOL}`)
  const text = (name: 'name' | 'release' | 'profile'): string => {
    const value = hello[name]
    if (typeof value !== 'string' || value === '')
      throw new ProtocolError(`"${name}" of hello is missing or not a text`)
    return printable(value.slice(0, LONGEST_NAME))
  }
  const { operations, limits } = hello
  if (operations !== undefined && !isListOfTexts(operations))
    throw new ProtocolError('"operations" of hello is not a list of texts')
  if (limits !== undefined && !isObject(limits)) throw new ProtocolError('"limits" of hello is not an object')
  const pages = limits?.pages
  if (pages !== undefined && !(Number.isInteger(pages) && (pages as number) > 0))
    throw new ProtocolError('"pages" of the limits of hello is not a number of pages')
  return {
    protocol: PROTOCOL,
    name: text('name'),
    release: text('release'),
    profile: text('profile'),
    ...(operations === undefined ? {} : { operations }),
    ...(pages === undefined ? {} : { limits: { pages: pages as number } }),
  }
}

/**
 * Reads the answer to an operation.
 *
 * @throws ProtocolError if it has no `rc`
 */
export function readOutcome({ id: _, ...fields }: Fields): PeerAnswer | typeof UNSUPPORTED {
  if (fields.unsupported === true) return UNSUPPORTED
  if (!Number.isInteger(fields.rc)) throw new ProtocolError('"rc" of an answer is missing or not an integer')
  return fields as PeerAnswer
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

const LONGEST_NAME = 80
const LONGEST_SHOWN = 120

/** A text of a peer as it may be printed: without control characters, and not long. */
export function shown(text: string): string {
  const cut = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text
  return JSON.stringify(printable(cut))
}

function shownJson(value: unknown): string {
  return value === undefined ? 'nothing' : printable(JSON.stringify(value).slice(0, LONGEST_SHOWN))
}

/** Without what moves a terminal's cursor. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd')
}

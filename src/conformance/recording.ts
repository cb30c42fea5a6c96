/**
 * Files of recordings: one sequence in each line, as JSON.
 *
 * @module
 */
import { type Operation, OperationError, parseOperation, type Unsupported } from './operations.js'
import { RecordingError } from './result.js'

/** A recorded result of the kernel, by field. */
export type RecordedResult = Readonly<Record<string, unknown>> & { readonly rc: number }

/** A sequence as recorded: `results[i]` belongs to `operations[i]`. */
export interface Recording {
  /** Its name. */
  readonly name: string
  /** Its line in the file, from 1. */
  readonly line: number
  /** The operations as in the file. */
  readonly texts: readonly string[]
  readonly operations: readonly (Operation | Unsupported)[]
  readonly results: readonly RecordedResult[]
}

/** The position of a line, for messages: `file:line`. */
function at(file: string, line: number): string {
  return `${file}:${line}`
}

/**
 * Reads one line.
 *
 * @throws RecordingError that names the file, the line and the operation, and says what to do
 */
export function parseLine(file: string, line: number, text: string): Recording {
  const value = parseJson(file, line, text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RecordingError(
      `${at(file, line)}: is not an object; a line is {"seq": …, "ops": […], "results": […]}`,
    )
  const { seq, ops, results } = value as Record<string, unknown>
  if (typeof seq !== 'string' || seq === '')
    throw new RecordingError(`${at(file, line)}: "seq" is missing or not a text; give the sequence a name`)
  if (!Array.isArray(ops))
    throw new RecordingError(
      `${at(file, line)}: sequence ${seq}: "ops" is missing or not a list; list its operations`,
    )
  if (!Array.isArray(results))
    throw new RecordingError(
      `${at(file, line)}: sequence ${seq}: "results" is missing or not a list; list what was answered`,
    )
  if (ops.length !== results.length)
    throw new RecordingError(
      `${at(file, line)}: sequence ${seq} has ${ops.length} operations and ${results.length} results; each operation has one`,
    )
  const where = `${at(file, line)}: sequence ${seq}`
  const texts = ops.map((op, index) => readText(`${where}, operation ${index}`, op))
  mustHaveChild(where, texts)
  return {
    name: seq,
    line,
    texts,
    operations: texts.map((op, index) => readOperation(`${where}, operation ${index}`, op)),
    results: results.map((result, index) =>
      readResult(`${where}, result ${index} (${texts[index]})`, result),
    ),
  }
}

function parseJson(file: string, line: number, text: string): unknown {
  try {
    return parseExactly(text)
  } catch (error) {
    throw new RecordingError(
      `${at(file, line)}: is not JSON (${(error as Error).message}); each line holds one sequence, whole`,
    )
  }
}

/**
 * Parses JSON. Numbers that it would round are kept as strings of digits, as the oracle returns them.
 *
 * @throws SyntaxError if it is not JSON
 */
export function parseExactly(text: string): unknown {
  return JSON.parse(
    text.replace(/([[:,]\s*)(\d{16,})(?=\s*[,\]}])/g, (whole, before: string, digits: string) =>
      BigInt(digits) > BigInt(Number.MAX_SAFE_INTEGER) ? `${before}"${digits}"` : whole,
    ),
  )
}

/** A child exists from a fork to its exit, and only then performs operations. */
function mustHaveChild(where: string, ops: readonly string[]): void {
  const index = orphanIn(ops)
  if (index >= 0)
    throw new RecordingError(
      `${where}, operation ${index} (${ops[index]}): there is no child; a child is there from "fork" to "c:exit"`,
    )
}

/** Index of the first operation of a child that is not there, or -1. */
export function orphanIn(ops: readonly string[]): number {
  let alive = false
  for (const [index, op] of ops.entries()) {
    if (op.startsWith('c:') && !alive) return index
    if (op === 'fork') alive = true
    if (op === 'c:exit') alive = false
  }
  return -1
}

function readText(where: string, op: unknown): string {
  if (typeof op !== 'string') throw new RecordingError(`${where} is not a text: ${JSON.stringify(op)}`)
  return op
}

function readOperation(where: string, op: string): Operation | Unsupported {
  try {
    return parseOperation(op)
  } catch (error) {
    if (error instanceof OperationError) throw new RecordingError(`${where} (${op}): ${error.message}`)
    throw error
  }
}

/** Fields of a result that are lists. */
const LISTS = ['vals', 'prot', 'ptes'] as const

function readResult(where: string, result: unknown): RecordedResult {
  if (typeof result !== 'object' || result === null || Array.isArray(result))
    throw new RecordingError(`${where} is not an object; a result is {"rc": 0, …}`)
  const fields = result as Record<string, unknown>
  if (!Number.isInteger(fields.rc))
    throw new RecordingError(
      `${where}: "rc" is missing or not an integer; it is 0 or a negative error number`,
    )
  for (const list of LISTS)
    if (fields[list] !== undefined && !Array.isArray(fields[list]))
      throw new RecordingError(
        `${where}: ${JSON.stringify(list)} is not a list; it has an element for each page`,
      )
  return fields as RecordedResult
}

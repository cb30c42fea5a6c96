/**
 * What is said of an error that ends a command.
 *
 * @module
 */
import { printable } from '../../report/form/printable.js'
import { ExitCode } from '../../report/report.js'
import { UsageError } from '../arguments/usage.js'
import { ProcessError } from '../supervisor/process.js'
import { coloursFor, type Io } from '../terminal/io.js'

/**
 * Says what is wrong with what was asked for, or that a limit or an interrupt has ended it.
 *
 * @returns the exit code; `undefined` for any other error, of which nothing is said
 */
export function failed(error: unknown, io: Io): number | undefined {
  const isStopped = error instanceof ProcessError && error.isStopped
  if (!isStopped && !(error instanceof UsageError)) return undefined
  sayError(io, error.message)
  return isStopped ? ExitCode.limit : ExitCode.usage
}

/** Writes `error: MESSAGE`. */
export function sayError({ stderr, env }: Io, message: string): void {
  stderr.write(`${coloursFor(stderr, env).red('error:')} ${printable(message)}\n`)
}

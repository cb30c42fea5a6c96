#!/usr/bin/env node
/**
 * The executable.
 *
 * @module
 */
import { answerAtOnce } from './at-once.js'
import { finished, processIo } from './terminal/io.js'

const argv = process.argv.slice(2)
const io = processIo()
// Not `process.exit`, which would cut off what a pipe has not taken yet.
process.exitCode = answerAtOnce(argv, io) ? await finished(io, 0) : await whole()

/** Loading the specification takes longer than all that needs none of it. */
async function whole(): Promise<number> {
  const { main } = await import('./program.js')
  return main(argv, io)
}

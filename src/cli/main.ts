#!/usr/bin/env node
/**
 * The executable.
 *
 * @module
 */
import { main } from './program.js'

// A reader that has seen enough (`hmm-spec list scenarios | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

// Not `process.exit`, which would cut off what a pipe has not taken yet.
process.exitCode = await main(process.argv.slice(2))

#!/usr/bin/env node
/**
 * The executable.
 *
 * @module
 */
import { main } from './program.js'

// Not `process.exit`, which would cut off what a pipe has not taken yet.
process.exitCode = await main(process.argv.slice(2))

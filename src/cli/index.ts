/**
 * The command line as a function, for tests and for other programs.
 *
 * @module cli
 */

export { main } from './program.js'
export type { Project, StatechartEntry } from './project.js'
export type { Io, Sink } from './terminal/io.js'

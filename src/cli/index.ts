/**
 * The command line as a function, for tests and for other programs.
 *
 * @module cli
 */
export type { Io, Sink } from './io.js'
export { main } from './program.js'
export type { Project, StatechartEntry } from './project.js'

/**
 * Mutation testing of the specification: what of its text could be changed without anybody noticing.
 *
 * @module
 */
export { equivalents } from './equivalents.js'
export * from './report.js'
export { type RunOptions, type RunResult, runMutants, staleRows } from './run.js'
export { select, type Wanted } from './select.js'
export { statesExitCode, statesJson, statesText } from './states/report.js'
export { corrupt } from './states/run.js'
export { Subject, SubjectError } from './subject.js'

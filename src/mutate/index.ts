/**
 * Mutation testing of the specification: what of its text could be changed without anybody noticing.
 *
 * @module
 */

export { select, type Wanted } from './choosing/select.js'
export { Subject, SubjectError } from './choosing/subject.js'
export { equivalents } from './equivalents.js'
export * from './report.js'
export { type RunOptions, type RunResult, runMutants, staleRows } from './run.js'
export { statesExitCode, statesJson, statesText } from './states/report.js'
export { corrupt } from './states/run.js'

/**
 * amdkfd's shared virtual memory.
 *
 * @module
 */
export * from './kfd-migrate.js'
export * from './svm-deferred.js'
export * from './svm-invalidate.js'
export * from './svm-map.js'
export * from './svm-process.js'
export * from './svm-range.js'
export * from './svm-restore.js'
export * from './xnack-off.js'
export * from './xnack-off-restore.js'

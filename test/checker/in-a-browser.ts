/** What `host.test.ts` bundles and runs: one check. */
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import { check } from '../../src/checker/index.js'

/** Checks the retry protocol. */
export const run = () => check(retryProtocol, { bounds: 'smoke' })

/**
 * One check of the scenario that an independent model exists of, as a process of its own: `node retry-protocol.js K R`.
 * Prints states and steps as JSON.
 */
import { retryProtocol } from '../spec/mirror/scenarios/retry-protocol.js'
import { check } from '../src/checker/index.js'

const [invalidations, commits] = process.argv.slice(2).map(Number)
const { verdict, exhaustive, states, transitions } = await check(retryProtocol, {
  set: { pages: 2, invalidations, commits },
})
console.log(JSON.stringify({ verdict, exhaustive, states, transitions }))

/**
 * Node.js as a host of the checker.
 *
 * @module
 */
import { totalmem } from 'node:os'
import { type Host, portableHost } from '../checker/host.js'

/** The process that this runs in. */
export const nodeHost: Host = {
  ...portableHost,
  pause: () => new Promise((resolve) => setImmediate(resolve)),
  memoryBytes: totalmem(),
}

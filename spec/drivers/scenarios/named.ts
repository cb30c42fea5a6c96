/**
 * What scenarios of one driver have in common.
 *
 * @module
 */
import type { Driver } from '../../../src/driver/index.js'

/** Gives a scenario of `driver` its whole name. It has no parameters. */
export function namedFor(driver: Driver) {
  return (name: string) => ({ name: `${driver.name}/${name}`, driver, parameters: {} })
}

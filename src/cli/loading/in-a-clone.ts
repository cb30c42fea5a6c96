/**
 * Commands that read the sources with their compiler: a clone has both, an installed package need not.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from '../../host/package.js'
import { UsageError } from '../arguments/usage.js'

/**
 * What `load` loads, in a clone.
 *
 * @param command - as the message names it
 * @throws UsageError where the sources, or what reads them, are not there
 */
export async function inAClone<M>(command: string, load: () => Promise<M>): Promise<M> {
  const refusal = () =>
    new UsageError(`${command} needs the sources and their compiler: run it in a clone, after npm ci`)
  if (!existsSync(join(packageFolder(), 'tsconfig.json'))) throw refusal()
  try {
    return await load()
  } catch (error) {
    throw (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' ? refusal() : error
  }
}

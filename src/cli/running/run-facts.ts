/**
 * What every report says of the run that made it.
 *
 * @module
 */
import { join, relative } from 'node:path'
import { packageFolder } from '../../host/package.js'
import type { RunFacts } from '../../report/report.js'
import type { Bounds } from '../../world/model.js'
import type { Project } from '../project.js'

/**
 * The facts of a run that ends now.
 *
 * @param bounds - null where no scenario was run
 */
export function runFacts(
  { version, commit, linux, generation, kernel, driver, scenarioFile }: Project,
  bounds: Bounds | null,
): RunFacts {
  return {
    product: version,
    commit: commit ?? null,
    date: new Date().toISOString(),
    node: process.version,
    bounds,
    ...(linux === undefined ? {} : { linux }),
    release: generation ?? null,
    profile: kernel ?? null,
    driver: driver ?? null,
    ...(scenarioFile === undefined ? {} : { scenarioFile }),
  }
}

/** The folder of the documents, from the working directory. */
export function documentsFolder(): string {
  return relative(process.cwd(), join(packageFolder(), 'docs'))
}

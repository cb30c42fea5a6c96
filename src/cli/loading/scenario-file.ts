/**
 * A user's scenarios, with the requirements, defects and statecharts of their own, loaded from a file.
 *
 * @module
 */
import type { Requirement } from '../../../spec/requirement.js'
import type { Driver } from '../../driver/index.js'
import type { Generation } from '../../generations/generation.js'
import { UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { textsOf, withOwnExports } from './driver-file.js'
import type { Modules } from './modules.js'
import { ownExports } from './own-exports.js'

/**
 * A project whose scenarios are those that `file` exports; its requirements, defects and statecharts are beside those of the
 * specification.
 *
 * @param beside - requirements of the driver's file, which is loaded later
 * @throws UsageError if it exports none of them
 */
export async function withScenarios(
  project: Project,
  file: string,
  modules: Modules,
  beside: readonly Requirement[] = [],
): Promise<Project> {
  const loaded = await modules.load('--scenario', file)
  const own = ownExports('--scenario', file, loaded.module, project, beside)
  const { scenarios, defects } = own
  if (scenarios.length === 0 && defects.length === 0)
    throw new UsageError(
      `--scenario ${file}: it exports no scenario and no defect; export what scenario(…) or mirrorScenario(…) makes`,
    )
  return {
    ...withOwnExports(project, loaded, own, beside),
    scenarioFile: file,
    scenarios,
    elsewhere: project.scenarios,
    texts: textsOf(loaded.made),
    scenariosFor: (driver: Driver) => scenarios.flatMap(({ withDriver }) => withDriver?.(driver) ?? []),
    scenariosIn: (generation: Generation, options: { driver?: Driver; clause?: string }) =>
      scenarios.flatMap(({ inGeneration }) => inGeneration?.({ generation, ...options }) ?? []),
  }
}

/**
 * What the scenarios are to be run with.
 *
 * @module
 */
import { withDriver } from './driver-file.js'
import { withKernel } from './on-kernel.js'
import { withOverride } from './override-file.js'
import type { Project, Selection } from './project.js'
import { withScenarios } from './scenario-file.js'

/**
 * `project` with the driver, on the kernel and in the generation that are asked for. A driver's file is imported here: see
 * `supervisor/` for who does not want it in their own process.
 *
 * @throws UsageError if one of them is not there, or is none
 */
export async function selected(
  project: Project,
  { scenario, driver, override, kernel, generation }: Selection,
): Promise<Project> {
  const own = scenario === undefined ? project : await withScenarios(project, scenario)
  const driven = await withDriver(own, driver, generation)
  return withKernel(override === undefined ? driven : await withOverride(driven, override), kernel)
}

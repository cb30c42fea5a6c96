/**
 * What the scenarios are to be run with.
 *
 * @module
 */
import type { CheckOptions, FreshModel } from '../../checker/options.js'
import type { Scenario } from '../../world/model.js'
import { withDriver } from '../loading/driver-file.js'
import { Modules } from '../loading/modules.js'
import { withOverride } from '../loading/override-file.js'
import { requirementsIn } from '../loading/own-exports.js'
import { withScenarios } from '../loading/scenario-file.js'
import { type Project, type Selection, scenariosOfDriver } from '../project.js'
import { withKernel } from './on-kernel.js'

/** Modules that checks are made with. */
const modules = new Modules()

/**
 * `project` with the scenarios, the driver, on the kernel and in the generation that are asked for. Files are imported here: see
 * `supervisor/` for who does not want them in their own process.
 *
 * @throws UsageError if one of them is not there, or is none
 */
export async function selected(project: Project, selection: Selection): Promise<Project> {
  const chosen = await chosenFrom(project, selection, modules)
  if (chosen.own === undefined && chosen.injected === undefined) return chosen
  let turn = 0
  const audited = new Set<string>()
  return {
    ...chosen,
    check: (scenario: Scenario, options: CheckOptions) => {
      const again = async (): Promise<FreshModel | undefined> => {
        const anew = new Modules(++turn)
        const model = modelIn(await chosenFrom(project, selection, anew), scenario, options)
        return (
          model && { ...model, note: () => anew.note(), mustBeAsNoted: (when) => anew.mustBeAsNoted(when) }
        )
      }
      return chosen.check(scenario, { ...options, fresh: { again, audited } })
    },
  }
}

async function chosenFrom(
  project: Project,
  { scenario, driver, override, kernel, generation }: Selection,
  modules: Modules,
): Promise<Project> {
  const isFile = driver !== undefined && scenariosOfDriver(project, driver) === undefined
  const beside =
    scenario !== undefined && isFile ? requirementsIn((await modules.load('--driver', driver)).module) : []
  const own = scenario === undefined ? project : await withScenarios(project, scenario, modules, beside)
  const driven = await withDriver(own, driver, generation, modules)
  return withKernel(override === undefined ? driven : await withOverride(driven, override, modules), kernel)
}

/** The scenario, and what is put into it, as another loading of the files has them. */
function modelIn(
  { scenarios, elsewhere = [], defects, injected }: Project,
  { name }: Scenario,
  options: CheckOptions,
): Pick<FreshModel, 'scenario' | 'defects'> | undefined {
  const scenario = [...scenarios, ...elsewhere].find((each) => each.name === name)
  if (scenario === undefined) return undefined
  const put = (options.defects ?? []).map(
    (given) => defects.find((defect) => defect.name === given.name) ?? given,
  )
  return { scenario, defects: injected === undefined ? put : [...put, injected] }
}

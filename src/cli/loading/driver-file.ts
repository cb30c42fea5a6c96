/**
 * A user's driver, loaded from a file and put in the reference driver's place.
 *
 * @module
 */

import { types } from 'node:util'
import type { Requirement } from '../../../spec/requirement.js'
import type { AtomicityOptions } from '../../checker/atomicity/atomicity.js'
import type { CheckOptions } from '../../checker/options.js'
import type { CheckResult } from '../../checker/result.js'
import type { RandomOptions } from '../../checker/runs/random.js'
import { systemOf } from '../../checker/runs/trace.js'
import type { Driver } from '../../driver/index.js'
import { controlCharacterIn } from '../../report/form/printable.js'
import { outside } from '../../world/acting.js'
import { SpecificationError } from '../../world/errors.js'
import type { Scenario } from '../../world/model.js'
import { declaredSteps } from '../../world/procedures/declared-steps.js'
import type { AnyProcedure } from '../../world/procedures/procedure.js'
import { withGeneration } from '../arguments/in-generation.js'
import { didYouMean, UsageError } from '../arguments/usage.js'
import { capturedBy, mustBeAsLoaded } from '../guards/captured.js'
import { type ProcedureText, type Project, scenariosOfDriver } from '../project.js'
import { withPlaces } from '../typescript/trace-places.js'
import { isSomebodyElses, type LoadedModule, type Modules } from './modules.js'
import { type OwnExports, type OwnScenario, ownExports } from './own-exports.js'
import { statechartEntry } from './statechart-entry.js'

/**
 * A project whose scenarios are those that any driver can be put into, with the driver that `file` exports, in the generation
 * called `generation`; or those of the driver of that name, if one comes with the project. What else the file exports is
 * beside the specification's.
 */
export async function withDriver(
  project: Project,
  file: string | undefined,
  generation: string | undefined,
  modules: Modules,
): Promise<Project> {
  if (file === undefined) return withGeneration(project, generation)
  const own = scenariosOfDriver(project, file)
  if (own !== undefined && project.scenarioFile !== undefined)
    throw new UsageError(
      `--driver ${file} has scenarios of its own; --scenario ${project.scenarioFile} takes the file of a driver`,
    )
  if (own !== undefined) return { ...project, scenarios: own, driver: { name: file, file } }
  const loaded = await modules.load('--driver', file)
  const driver = driverOf(file, loaded.module)
  const { statecharts = [] } = driver
  const extra = ownExports('--driver', file, { ...loaded.module, statecharts }, project)
  const extended = withOwnExports(project, loaded, extra)
  const scenarios = [...project.scenariosFor(driver), ...extra.scenarios.map((each) => withIt(each, driver))]
  if (scenarios.length === 0)
    throw new UsageError(
      `--scenario ${project.scenarioFile}: none of its scenarios takes a driver; make one with mirrorScenario`,
    )
  const used = {
    ...extended,
    scenarios,
    driver: { name: driver.name, file },
    texts: textsOf(loaded.made),
  }
  return withGeneration(used, generation, driver)
}

function withIt(scenario: OwnScenario, driver: Driver): Scenario {
  return scenario.withDriver?.(driver) ?? scenario
}

/** The texts of procedures that a file has made. */
export function textsOf(procedures: ReadonlySet<AnyProcedure>): ProcedureText[] {
  return [...procedures].map(({ procedureName, body }) => ({
    procedure: procedureName,
    text: Function.prototype.toString.call(body),
  }))
}

/**
 * A project that has what a module brings along beside what it has, and in whose checks the module's procedures are audited
 * as somebody else's, and held to keep nothing outside of the world.
 *
 * @param beside - requirements of a file that is loaded later, which its claims may name
 */
export function withOwnExports(
  project: Project,
  { module, made, captured, functions }: LoadedModule,
  { requirements, defects, statecharts }: OwnExports,
  beside: readonly Requirement[] = [],
): Project {
  const entries = statecharts.map(statechartEntry)
  const isOwnOr =
    ({ isOwn }: Pick<CheckOptions, 'isOwn'>) =>
    (procedure: AnyProcedure) =>
      made.has(procedure) || isOwn?.(procedure) === true
  const looked = new Set<string>()
  const mustKeepNothing = (when: string) =>
    mustBeAsLoaded(captured, capturedBy(made, isSomebodyElses, functions), when)
  /** Runs something of a scenario; what the modules keep must be as it was when they were loaded. */
  const held = async <T>(scenario: Scenario, run: () => Promise<T>): Promise<T> => {
    const result = await run()
    mustKeepNothing(`After ${scenario.name}`)
    return result
  }
  return {
    ...project,
    requirements: [...project.requirements, ...requirements],
    defects: [...project.defects, ...defects],
    statecharts: [...project.statecharts, ...entries],
    own: {
      machines: [...(project.own?.machines ?? []), ...statecharts],
      defects: [...(project.own?.defects ?? []), ...defects],
      requirements: [...(project.own?.requirements ?? []), ...requirements],
      procedures: [
        ...(project.own?.procedures ?? []),
        ...[...made].map(({ procedureName }) => procedureName),
      ],
      steps: [...(project.own?.steps ?? []), ...declaredSteps(exportedBy(module, made))],
      transitions: [
        ...(project.own?.transitions ?? []),
        ...entries.flatMap(({ transitions }) => transitions),
      ],
    },
    simulate: (scenario: Scenario, options: RandomOptions) =>
      held(scenario, () => project.simulate(scenario, options)),
    atomicity: (scenario: Scenario, options: AtomicityOptions) =>
      held(scenario, () => project.atomicity(scenario, { ...options, isOwn: isOwnOr(options) })),
    explained: async (scenario, trace, injected) =>
      withPlaces(
        await project.explained(scenario, trace, injected),
        systemOf(scenario, trace, injected),
        isSomebodyElses,
      ),
    check: (scenario: Scenario, options: CheckOptions) =>
      held(scenario, async () => {
        const isOwn = isOwnOr(options)
        const unchanged = (place: string) => {
          options.unchanged?.(place)
          if (!looked.has(place)) outside(() => mustKeepNothing(`In ${scenario.name}, ${place},`))
          looked.add(place)
        }
        const result = await project.check(scenario, { ...options, isOwn, unchanged })
        mustNameRequirements(result, [...project.requirements, ...requirements, ...beside])
        return result
      }),
  }
}

/** A claim of nobody's clause would be quoted without its text, and counted for nothing. */
function mustNameRequirements({ coverage, scenario }: CheckResult, known: readonly Requirement[]): void {
  for (const { clause, name } of coverage.claims)
    if (!known.some(({ id }) => id === clause))
      throw new SpecificationError(
        'scenario',
        `${scenario}: the claim "${name}" names the requirement ${clause}, and there is none${didYouMean(
          clause,
          known.map(({ id }) => id),
        )}; export a Requirement with that id`,
      )
}

/** The procedures that a module gives to others: what it exports, and the members of its driver. */
function exportedBy(module: object, made: ReadonlySet<AnyProcedure>): AnyProcedure[] {
  const { default: driver } = module as { readonly default?: unknown }
  const given: unknown[] = [...Object.values(module), ...Object.values(driver ?? {})]
  return [...made].filter((procedure) => given.includes(procedure))
}

const PROCEDURES = ['invalidate', 'fault'] as const satisfies readonly (keyof Driver)[]
const OPTIONAL_PROCEDURES = [
  'access',
  'close',
  'release',
  'migrateToRam',
  'migrateToDevice',
  'migrateToSystem',
] as const satisfies readonly (keyof Driver)[]
const FUNCTIONS = [
  'state',
  'pageTable',
  'mayBind',
  'adopt',
  'claims',
] as const satisfies readonly (keyof Driver)[]
const MEMBERS: readonly string[] = [
  'name',
  ...PROCEDURES,
  ...OPTIONAL_PROCEDURES,
  ...FUNCTIONS,
  'closedBy',
  'statecharts',
  'work',
] satisfies (keyof Driver)[]

function driverOf(file: string, module: { readonly default?: unknown }): Driver {
  const refuse = (why: string): never => {
    throw new UsageError(`--driver ${file}: ${why}`)
  }
  const candidate = module.default
  if (candidate === undefined) {
    const others = Object.keys(module)
    refuse(
      `there is no default export${others.length === 0 ? '' : `, only ${few(others)}`}; ` +
        'write `export default` before the driver',
    )
  }
  if (typeof candidate !== 'object' || candidate === null)
    return refuse(`the default export is ${kindOf(candidate)}, not a Driver: { name, invalidate, fault }`)
  const members = membersOf(candidate, refuse)
  const missing = ['name', ...PROCEDURES].filter((member) => members[member] === undefined)
  if (missing.length > 0) refuse(`the default export is not a Driver: ${missing.join(' and ')} missing`)
  if (typeof members.name !== 'string' || members.name.trim() === '')
    refuse('name of the driver is not a text')
  const control = controlCharacterIn(members.name as string)
  if (control !== undefined)
    refuse(`name of the driver has the control character ${control} in it; it names files and reports`)
  const optional = OPTIONAL_PROCEDURES.filter((member) => members[member] !== undefined)
  for (const member of [...PROCEDURES, ...optional])
    if (!isProcedure(members[member]))
      refuse(
        `${member} of the driver is ${kindOf(members[member])}, not a procedure; ` +
          `make one with procedure('${member}', function* (…) { … })`,
      )
  for (const member of FUNCTIONS)
    if (members[member] !== undefined && typeof members[member] !== 'function')
      refuse(`${member} of the driver is ${kindOf(members[member])}, not a function`)
  if (members.closedBy !== undefined && members.closedBy !== 'last user')
    refuse("closedBy of the driver is not 'last user', which is all that it can be")
  if (members.closedBy !== undefined && members.close === undefined)
    refuse('the driver says who closes it (closedBy), and has no close')
  if (members.work !== undefined && !isWork(members.work))
    refuse('work of the driver is not an object of procedures: { name: procedure(function* … ) }')
  for (const key of Object.keys(candidate)) {
    if (MEMBERS.includes(key)) continue
    const meant = didYouMean(key, MEMBERS)
    if (meant !== '') refuse(`${key} is no member of a Driver${meant}`)
  }
  if (members.statecharts !== undefined && !Array.isArray(members.statecharts))
    refuse(`statecharts of the driver is ${kindOf(members.statecharts)}, not a list of XState machines`)
  return candidate as Driver
}

function few(names: readonly string[]): string {
  const rest = names.length - 5
  return rest > 1 ? `${names.slice(0, 5).join(', ')} and ${rest} more` : names.join(', ')
}

/** The members of a driver. What is answered anew each time that somebody looks is no member. */
function membersOf(candidate: object, refuse: (why: string) => never): Readonly<Record<string, unknown>> {
  if (types.isProxy(candidate))
    refuse('the default export is a Proxy, which may answer otherwise each time; export the object itself')
  const members: Record<string, unknown> = {}
  for (const member of MEMBERS) {
    const property = propertyOf(candidate, member)
    if (property?.get !== undefined || property?.set !== undefined)
      refuse(
        `${member} of the driver is a getter, which may answer otherwise each time; make it a plain member`,
      )
    members[member] = property?.value
  }
  return members
}

/** A property of an object or of what it inherits from. */
function propertyOf(object: object, name: string): PropertyDescriptor | undefined {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name)
    if (found !== undefined) return found
  }
  return undefined
}

function isWork(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(isProcedure)
}

function isProcedure(value: unknown): boolean {
  return typeof value === 'function' && 'procedureName' in value && 'body' in value
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'function') return 'a plain function'
  return `a value of type ${typeof value}`
}

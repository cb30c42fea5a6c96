/**
 * A user's driver, loaded from a file and put in the reference driver's place.
 *
 * @module
 */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { AtomicityOptions } from '../checker/atomicity/atomicity.js'
import { installGuards } from '../checker/guard.js'
import type { CheckOptions } from '../checker/options.js'
import type { RandomOptions } from '../checker/random.js'
import type { Driver } from '../driver/index.js'
import { controlCharacterIn } from '../report/printable.js'
import { declaredSteps } from '../world/declared-steps.js'
import type { Scenario } from '../world/model.js'
import { type AnyProcedure, proceduresOf } from '../world/procedure.js'
import { type Captured, capturedBy, mustBeAsLoaded } from './captured.js'
import { type FileOption, isOurs, mustBePureText } from './driver-text.js'
import { withGeneration } from './in-generation.js'
import { type OwnExports, type OwnScenario, ownExports } from './own-exports.js'
import type { ProcedureText, Project } from './project.js'
import { statechartEntry } from './statechart-entry.js'
import { isTypeScript, loadTypeScript, newerSourceOf } from './typescript/index.js'
import { UsageError } from './usage.js'

/**
 * A project whose scenarios are those that any driver can be put into, with the driver that `file` exports, in the generation
 * called `generation`; or those of the driver of that name, if one comes with the project. What else the file exports is
 * beside the specification's.
 */
export async function withDriver(
  project: Project,
  file: string | undefined,
  generation: string | undefined,
): Promise<Project> {
  if (file === undefined) return withGeneration(project, generation)
  const own =
    project.drivers !== undefined && Object.hasOwn(project.drivers, file) ? project.drivers[file] : undefined
  if (own !== undefined && project.scenarioFile !== undefined)
    throw new UsageError(
      `--driver ${file} has scenarios of its own; --scenario ${project.scenarioFile} takes the file of a driver`,
    )
  if (own !== undefined) return { ...project, scenarios: own, driver: { name: file, file } }
  const driver = await loadDriver(file)
  const loaded = loadedModules.get(resolve(file)) as LoadedModule
  const { statecharts = [] } = driver
  const extra = ownExports('--driver', file, { ...loaded.module, statecharts }, project)
  const extended = withOwnExports(project, loaded, extra)
  const scenarios = [
    ...project.scenariosFor(driver),
    // Scenarios that are asked for by a file are all that is run.
    ...(project.scenarioFile === undefined ? extra.scenarios.map((each) => withIt(each, driver)) : []),
  ]
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
 */
export function withOwnExports(
  project: Project,
  { module, made, captured }: LoadedModule,
  { requirements, defects, statecharts }: OwnExports,
): Project {
  const entries = statecharts.map(statechartEntry)
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
    simulate: async (scenario: Scenario, options: RandomOptions) => {
      const result = await project.simulate(scenario, options)
      mustBeAsLoaded(captured, capturedBy(made, isOfTheDriver), scenario.name)
      return result
    },
    atomicity: async (scenario: Scenario, options: AtomicityOptions) => {
      const isOwn = (procedure: AnyProcedure) => made.has(procedure) || options.isOwn?.(procedure) === true
      const found = await project.atomicity(scenario, { ...options, isOwn })
      mustBeAsLoaded(captured, capturedBy(made, isOfTheDriver), scenario.name)
      return found
    },
    check: async (scenario: Scenario, options: CheckOptions) => {
      const isOwn = (procedure: AnyProcedure) => made.has(procedure) || options.isOwn?.(procedure) === true
      const result = await project.check(scenario, { ...options, isOwn })
      mustBeAsLoaded(captured, capturedBy(made, isOfTheDriver), scenario.name)
      return result
    },
  }
}

/** The procedures that a module gives to others: what it exports, and the members of its driver. */
function exportedBy(module: object, made: ReadonlySet<AnyProcedure>): AnyProcedure[] {
  const { default: driver } = module as { readonly default?: unknown }
  const given: unknown[] = [...Object.values(module), ...Object.values(driver ?? {})]
  return [...made].filter((procedure) => given.includes(procedure))
}

function isOfTheDriver(url: string): boolean {
  return url.startsWith('file:') && !isOurs(fileURLToPath(url))
}

/**
 * Loads the driver that `file` exports as its default.
 *
 * @throws UsageError if there is none
 */
export async function loadDriver(file: string): Promise<Driver> {
  const { module } = await loadModule('--driver', file)
  return driverOf(file, module)
}

/** What a module exports, the procedures that were made as it was loaded, and what they could reach then. */
export interface LoadedModule {
  readonly module: { readonly default?: unknown }
  readonly made: ReadonlySet<AnyProcedure>
  readonly captured: Captured
}

/** By path: a module is loaded once. */
const loadedModules = new Map<string, LoadedModule>()

/**
 * Loads a module of somebody else's, if its text keeps nothing outside of the world.
 *
 * @param option - the option that names `file`
 * @throws UsageError if that cannot be done
 */
export async function loadModule(option: FileOption, file: string): Promise<LoadedModule> {
  if (file.trim() === '') throw new UsageError(`${option} names no file; write ${option} my-module.js`)
  const path = resolve(file)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new UsageError(`${option} ${file}: there is no such file`)
  if (!found.isFile())
    throw new UsageError(`${option} ${file} is no file; name the module that has the default export`)
  const newer = isTypeScript(path) ? undefined : newerSourceOf(path)
  if (newer !== undefined)
    throw new UsageError(
      `${option} ${file} is older than ${relative(process.cwd(), newer)}, from which it was compiled; compile it again, or ` +
        'name the TypeScript file',
    )
  mustShareThisCopy(option, file, path)
  mustBePureText(file, option)
  const known = loadedModules.get(path)
  if (known !== undefined) return known
  if (isTypeScript(path)) loadTypeScript()
  installGuards()
  try {
    const { loaded, made } = await proceduresOf(() => import(pathToFileURL(path).href))
    const module = { module: loaded, made, captured: capturedBy(made, isOfTheDriver) }
    loadedModules.set(path, module)
    return module
  } catch (error) {
    throw new UsageError(`${option} ${file} cannot be loaded: ${whyNotLoaded(error)}`)
  }
}

function whyNotLoaded(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

/**
 * Claims tell procedures apart by identity: a driver that calls those of another copy of the package would be checked
 * against claims that never hear of it.
 */
function mustShareThisCopy(option: FileOption, file: string, path: string): void {
  let theirs: string
  try {
    theirs = packageOf(createRequire(path).resolve('hmm-spec/kernel'))
  } catch {
    // It imports none, or the import itself will say what is wrong.
    return
  }
  const ours = packageOf(fileURLToPath(import.meta.url))
  if (theirs !== ours)
    throw new UsageError(
      `${option} ${file} uses the hmm-spec in ${theirs}, and this is the one in ${ours}; run that one: npx hmm-spec`,
    )
}

/** The folder of the package that `file` belongs to. */
function packageOf(file: string): string {
  for (let at = dirname(realpathSync(file)); ; at = dirname(at)) {
    const manifest = join(at, 'package.json')
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'hmm-spec') return at
    if (dirname(at) === at) return at
  }
}

const PROCEDURES = ['invalidate', 'fault'] as const satisfies readonly (keyof Driver)[]
const OPTIONAL_PROCEDURES = [
  'access',
  'close',
  'release',
  'migrateToRam',
] as const satisfies readonly (keyof Driver)[]
const FUNCTIONS = [
  'state',
  'pageTable',
  'mayBind',
  'adopt',
  'claims',
] as const satisfies readonly (keyof Driver)[]

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
  if (members.work !== undefined && !isWork(members.work))
    refuse('work of the driver is not an object of procedures: { name: procedure(function* … ) }')
  if (members.statecharts !== undefined && !Array.isArray(members.statecharts))
    refuse(`statecharts of the driver is ${kindOf(members.statecharts)}, not a list of XState machines`)
  return candidate as Driver
}

function few(names: readonly string[]): string {
  const rest = names.length - 5
  return rest > 1 ? `${names.slice(0, 5).join(', ')} and ${rest} more` : names.join(', ')
}

/** The members of a driver, each read once; one that cannot be read is refused. */
function membersOf(candidate: object, refuse: (why: string) => never): Readonly<Record<string, unknown>> {
  const members: Record<string, unknown> = {}
  for (const member of ['name', ...PROCEDURES, ...OPTIONAL_PROCEDURES, ...FUNCTIONS, 'statecharts', 'work'])
    try {
      members[member] = (candidate as Readonly<Record<string, unknown>>)[member]
    } catch (error) {
      refuse(`${member} of the default export cannot be read: it threw ${whyNotLoaded(error)}`)
    }
  return members
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

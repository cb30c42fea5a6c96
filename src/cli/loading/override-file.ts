/**
 * Other texts of procedures, loaded from a file and put in the place of the reference's.
 *
 * @module
 */
import { basename } from 'node:path'
import type { AtomicityOptions } from '../../checker/atomicity/atomicity.js'
import type { CheckOptions, Injection } from '../../checker/options.js'
import { systemOf } from '../../checker/runs/trace.js'
import type { Scenario } from '../../world/model.js'
import type { Override } from '../../world/procedures/override.js'
import type { AnyProcedure } from '../../world/procedures/procedure.js'
import { UsageError } from '../arguments/usage.js'
import type { ProcedureText, Project } from '../project.js'
import { withPlaces } from '../typescript/trace-places.js'
import { isSomebodyElses, type Modules } from './modules.js'

/** What a file puts in the place of the reference's texts. */
interface Overrides {
  readonly injection: Injection
  readonly texts: readonly ProcedureText[]
  readonly own: ReadonlySet<AnyProcedure>
}

/**
 * A project in whose scenarios the texts stand that `file` exports.
 *
 * @throws UsageError if there are none
 */
export async function withOverride(project: Project, file: string, modules: Modules): Promise<Project> {
  const { injection, texts, own } = await loadOverrides(file, modules)
  const isOwn = (procedure: AnyProcedure) => own.has(procedure)
  return {
    ...project,
    texts,
    injected: injection,
    atomicity: (scenario: Scenario, options: AtomicityOptions) =>
      project.atomicity(scenario, { ...options, isOwn, defects: [...(options.defects ?? []), injection] }),
    explained: async (scenario, trace, injected) => {
      const all = [...injected, injection]
      return withPlaces(
        await project.explained(scenario, trace, all),
        systemOf(scenario, trace, all),
        isSomebodyElses,
      )
    },
    replay: (scenario, trace, injected) => project.replay(scenario, trace, [...injected, injection]),
    check: (scenario: Scenario, options: CheckOptions) =>
      project.check(scenario, { ...options, isOwn, defects: [...(options.defects ?? []), injection] }),
  }
}

/** Loads the overrides that `file` exports as its default: one, a list of them, or an object that has such a list. */
async function loadOverrides(file: string, modules: Modules): Promise<Overrides> {
  const { module, made } = await modules.load('--override', file)
  const { default: given } = module
  if (given === undefined)
    throw new UsageError(
      `--override ${file}: there is no default export; write \`export default override(…)\``,
    )
  const listed = (given as { overrides?: unknown } | null)?.overrides ?? given
  const overrides: readonly unknown[] = Array.isArray(listed) ? listed : [listed]
  if (overrides.length === 0) throw new UsageError(`--override ${file}: its list of overrides is empty`)
  overrides.forEach((each, i) => {
    if (!isOverride(each))
      throw new UsageError(
        `--override ${file}: ${overrides.length === 1 ? 'the default export' : `entry ${i + 1} of the default export`} ` +
          'is no override; make one with override(procedure, …) or onStep(procedure, step, …)',
      )
  })
  const all = overrides as readonly Override[]
  return {
    injection: { name: basename(file), overrides: all },
    texts: all.map(textOf),
    own: new Set([...made, ...all.map(({ target }) => target)]),
  }
}

function isOverride(value: unknown): value is Override {
  if (typeof value !== 'object' || value === null) return false
  const { target, body, replace } = value as Record<string, unknown>
  return (
    typeof target === 'function' &&
    'procedureName' in target &&
    (typeof body === 'function' || typeof replace === 'function')
  )
}

function textOf(each: Override): ProcedureText {
  const source = (of: unknown) => Function.prototype.toString.call(of)
  const { target } = each
  const common = { procedure: target.procedureName, original: source(target.body) }
  return each.step === undefined
    ? { ...common, text: source(each.body) }
    : { ...common, text: source(each.replace), step: each.step }
}

/**
 * `hmm-spec replay`: a saved counterexample again, step by step.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Defect } from '../../../spec/defect.js'
import type { Trace } from '../../checker/result.js'
import type { Layout } from '../../report/form/colours.js'
import { counted, indented, settings, wrap } from '../../report/form/figures.js'
import { table } from '../../report/form/table.js'
import { replayJson } from '../../report/json.js'
import { ExitCode } from '../../report/report.js'
import { isFoldable } from '../../report/sequence/fold.js'
import { claimLabel, sequenceMermaid, sequenceText } from '../../report/sequence/sequence.js'
import { type StateReport, stateAfter } from '../../report/sequence/state.js'
import { parseTrace, type RecordedTrace, TraceFileError } from '../../report/sequence/trace-file.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import type { Scenario } from '../../world/model.js'
import { findNamed, UsageError } from '../arguments/usage.js'
import type { Project, Replayed } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import { settingsFor } from '../running/settings.js'
import { codeOf, type Io, layoutFor } from '../terminal/io.js'
import { defectKind, scenarioNamed, scenarioOf as scenarioShowing } from './kinds.js'

/** How a replay is printed. */
export const REPLAY_FORMATS = ['text', 'mermaid', 'json'] as const

/** Options of `replay`. */
export interface ReplayCommandOptions {
  /** After which step to stop (default the last). */
  readonly step?: number
  readonly format: (typeof REPLAY_FORMATS)[number]
  /** True to show a long run whole. */
  readonly full?: boolean
}

/**
 * Replays the trace in `file` and prints it.
 *
 * @param recorded - what {@link readTrace} found in it
 * @returns the exit code: 0, the trace breaks what it was recorded to break
 * @throws UsageError if it does not
 */
export async function replayCommand(
  project: Project,
  io: Io,
  file: string,
  recorded: RecordedTrace,
  options: ReplayCommandOptions,
): Promise<number> {
  const steps = options.step ?? recorded.steps.length
  if (steps > recorded.steps.length)
    throw new UsageError(
      `--step ${steps}: the trace has ${counted(recorded.steps.length, 'step')}; 0 is the initial state`,
    )
  const { trace, broken, state } = await (project.replayed?.(file, recorded, steps) ??
    replayTrace(project, file, recorded, steps))
  if (options.format === 'json') io.stdout.write(replayJson(runFacts(project, null), trace, broken, state))
  else if (options.format === 'mermaid') io.stdout.write(sequenceMermaid(trace, { steps }))
  else io.stdout.write(replayText(trace, state, layoutFor(io.stdout, io.env), options))
  return ExitCode.holds
}

/**
 * Runs a trace again.
 *
 * @param file - what to call it in messages
 * @param steps - after how many steps the state is wanted
 * @throws UsageError if it names what is not there, or does not replay
 */
export async function replayTrace(
  project: Project,
  file: string,
  recorded: RecordedTrace,
  steps: number,
): Promise<Replayed> {
  const { scenario, defects } = resolveTrace(project, file, recorded)
  const { steps: taken, broken } = confirmed(project, file, recorded, () =>
    project.replay(scenario, recorded, defects),
  )
  const trace = await project.explained(
    scenario,
    { ...recorded, detail: broken.detail, steps: taken },
    defects,
  )
  return { trace, broken, state: stateAfter(scenario.build(trace.parameters), trace, steps) }
}

/**
 * Reads a saved trace.
 *
 * @throws UsageError if the file is none
 */
export function readTrace(file: string): RecordedTrace {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${codeOf(error)})`)
  }
  try {
    return parseTrace(text, file)
  } catch (error) {
    if (error instanceof TraceFileError) throw new UsageError(error.message)
    throw error
  }
}

/** Finds what the trace names, and sees that it fits. @throws UsageError if it does not */
export function resolveTrace(project: Project, file: string, trace: RecordedTrace) {
  const inFile = <T>(field: string, find: () => T): T => {
    try {
      return find()
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`${file}: field ${field}: ${error.message}`)
      throw error
    }
  }
  const kind = defectKind(project)
  // What a file puts in is in every check of the project.
  const defects = trace.defects
    .filter((name) => name !== project.injected?.name)
    .map((name, i) => inFile(`defects[${i}]`, () => findNamed(kind, name)))
  const scenario = inFile('scenario', () => scenarioOf(project, trace, defects))
  inFile('parameters', () => settingsFor([scenario], trace.parameters, 'named'))
  for (const name of Object.keys(scenario.parameters))
    if (!Object.hasOwn(trace.parameters, name))
      throw new UsageError(`${file}: field parameters.${name} is missing; scenario ${scenario.name} needs it`)
  const threads = scenario.build(trace.parameters).threads.map(({ name }) => name)
  if (threads.join('\n') !== trace.threads.join('\n'))
    throw new UsageError(
      `${file}: field threads names ${trace.threads.join(', ')}; scenario ${scenario.name} has ${threads.join(', ')}`,
    )
  return { scenario, defects }
}

function scenarioOf(
  project: Project,
  { scenario: name, run }: RecordedTrace,
  defects: readonly Defect[],
): Scenario {
  // A defect knows the generation that has it, and claims there what it breaks.
  const its = defects.map((defect) => scenarioShowing(project, defect)).find((its) => its.name === name)
  if (its !== undefined) return its
  try {
    return scenarioNamed(project, name)
  } catch (error) {
    if (error instanceof UsageError && run?.scenarioFile !== undefined && project.scenarioFile === undefined)
      throw new UsageError(
        `${JSON.stringify(name)} was recorded with scenarios of a file; give it: --scenario FILE (it was ${run.scenarioFile})`,
      )
    const recordedOn = / on Linux ([\d.]+)$/.exec(name)?.[1]
    if (error instanceof UsageError && recordedOn !== undefined && project.kernel !== recordedOn)
      throw new UsageError(
        `${JSON.stringify(name)} was recorded on another kernel; name it: --kernel ${recordedOn}`,
      )
    const recordedIn = / in ([\d.]+)$/.exec(name)?.[1]
    if (error instanceof UsageError && recordedIn !== undefined && project.generation !== recordedIn)
      throw new UsageError(
        `${JSON.stringify(name)} was recorded in another generation; name it: --generation ${recordedIn}`,
      )
    const recordedWith = / \((.+)\)$/.exec(name)?.[1]
    if (!(error instanceof UsageError) || recordedWith === undefined) throw error
    throw new UsageError(
      `${JSON.stringify(name)} was recorded with the driver ${recordedWith}; give the file of that driver: --driver FILE` +
        (run?.driver ? ` (it was ${run.driver.file})` : ''),
    )
  }
}

/** Judges a trace. @throws UsageError that says what of it is not confirmed */
function confirmed(
  project: Project,
  file: string,
  trace: RecordedTrace,
  judge: () => ReturnType<Project['replay']>,
): ReturnType<Project['replay']> {
  try {
    return judge()
  } catch (error) {
    if (!(error instanceof SpecificationError || error instanceof Violation)) throw error
    throw new UsageError(`${file} does not replay: ${error.message}${otherProduct(project, trace)}`)
  }
}

/** What a trace was recorded with, where that is not this product. */
function otherProduct({ version, commit }: Project, { run }: RecordedTrace): string {
  if (run === undefined) return ''
  const same = run.product === version && (run.commit ?? undefined) === commit
  const at = (commit: string | null | undefined) => (commit ? `, commit ${commit}` : '')
  return same
    ? ''
    : `; it was recorded by hmm-spec ${run.product}${at(run.commit)}, and this is ${version}${at(commit)}`
}

function replayText(
  trace: Trace,
  state: StateReport,
  layout: Layout,
  { step, full }: ReplayCommandOptions,
): string {
  const { colours } = layout
  const set = settings(trace.parameters)
  const head = [
    colours.bold(`${trace.scenario}${set === '' ? '' : ` with ${set}`}`),
    trace.defects.length === 0 ? 'no defect was put in' : `with the defect ${trace.defects.join(', ')}`,
    `${counted(trace.steps.length, 'step')}; ${trace.shortest ? 'recorded as the shortest run that shows it' : 'a shorter run may show it'}`,
    `confirmed: run again, it breaks ${claimLabel(trace)}`,
  ].join('\n')
  const threads = table(
    [{ head: 'thread' }, { head: 'next' }],
    state.threads.map(({ thread, next }) => [thread, next ?? 'no more step in this trace']),
    colours,
  )
  const cells = state.cells.map(
    ({ cell, value, ghost, changed }) => `${changed ? '*' : ' '} ${ghost ? '~' : ''}${cell} = ${value}`,
  )
  const legend = wrap(
    '* the last step changed it; ~ no kernel has it, it is kept so that claims can speak of the past',
    layout.width,
  )
  const title = state.step === 0 ? 'Initial state' : `State after step ${state.step}`
  return [
    head,
    sequenceText(trace, layout, {
      steps: state.step,
      folded: !full && step === undefined && isFoldable(trace),
    }),
    `${colours.bold(title)}\n${indented(threads, '  ')}`,
    columns(cells, layout.width),
    colours.dim(legend),
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n')
}

/** Texts in as many columns as fit, filled downwards. */
function columns(texts: readonly string[], width: number): string {
  const widest = Math.max(0, ...texts.map((text) => text.length)) + 3
  const count = Math.max(1, Math.floor(width / widest))
  const rows = Math.ceil(texts.length / count)
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: count }, (_, column) => (texts[column * rows + row] ?? '').padEnd(widest))
      .join('')
      .trimEnd(),
  ).join('\n')
}

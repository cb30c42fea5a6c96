/**
 * `hmm-spec replay`: a saved counterexample again, step by step.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Trace, TraceStep } from '../../checker/result.js'
import type { Layout } from '../../report/colours.js'
import { counted, indented, settings, wrap } from '../../report/figures.js'
import { replayJson } from '../../report/json.js'
import { ExitCode } from '../../report/report.js'
import { sequenceMermaid, sequenceText } from '../../report/sequence.js'
import { type StateReport, stateAfter } from '../../report/state.js'
import { table } from '../../report/table.js'
import { parseTrace, TraceFileError } from '../../report/trace-file.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import type { Scenario } from '../../world/model.js'
import { type Io, layoutFor } from '../io.js'
import { codeOf } from '../output.js'
import type { Project, Replayed } from '../project.js'
import { runFacts } from '../run-facts.js'
import { settingsFor } from '../settings.js'
import { findNamed, UsageError } from '../usage.js'
import { defectKind, scenarioNamed } from './kinds.js'

/** How a replay is printed. */
export const REPLAY_FORMATS = ['text', 'mermaid', 'json'] as const

/** Options of `replay`. */
export interface ReplayCommandOptions {
  /** After which step to stop (default the last). */
  readonly step?: number
  readonly format: (typeof REPLAY_FORMATS)[number]
}

/**
 * Replays the trace in `file` and prints it.
 *
 * @returns the exit code: 0, the trace replays
 * @throws UsageError if the file is no trace, or does not replay
 */
export async function replayCommand(
  project: Project,
  io: Io,
  file: string,
  options: ReplayCommandOptions,
): Promise<number> {
  const recorded = read(file)
  const steps = options.step ?? recorded.steps.length
  if (steps > recorded.steps.length)
    throw new UsageError(
      `--step ${steps}: the trace has ${counted(recorded.steps.length, 'step')}; 0 is the initial state`,
    )
  const { trace, state } = await (project.replayed?.(file, recorded, steps) ??
    replayTrace(project, file, recorded, steps))
  if (options.format === 'json') io.stdout.write(replayJson(runFacts(project, null), trace, state))
  else if (options.format === 'mermaid') io.stdout.write(sequenceMermaid(trace, { steps }))
  else io.stdout.write(replayText(trace, state, layoutFor(io.stdout, io.env)))
  return ExitCode.holds
}

/**
 * Runs a trace again.
 *
 * @param file - what to call it in messages
 * @param steps - after how many steps the state is wanted
 * @throws UsageError if it names what is not there, or does not replay
 */
export function replayTrace(project: Project, file: string, recorded: Trace, steps: number): Replayed {
  const { scenario, defects } = resolve(project, file, recorded)
  const trace = { ...recorded, steps: replayed(project, file, scenario, recorded, defects) }
  return { trace, state: stateAfter(scenario.build(trace.parameters), trace, steps) }
}

function read(file: string): Trace {
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

/** Finds what the trace names, and sees that it fits. */
function resolve(project: Project, file: string, trace: Trace) {
  const inFile = <T>(field: string, find: () => T): T => {
    try {
      return find()
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`${file}: field ${field}: ${error.message}`)
      throw error
    }
  }
  const scenario = inFile('scenario', () => scenarioOf(project, trace))
  inFile('parameters', () => settingsFor([scenario], trace.parameters, 'named'))
  for (const name of Object.keys(scenario.parameters))
    if (!Object.hasOwn(trace.parameters, name))
      throw new UsageError(`${file}: field parameters.${name} is missing; scenario ${scenario.name} needs it`)
  const kind = defectKind(project)
  const defects = trace.defects.map((name, i) => inFile(`defects[${i}]`, () => findNamed(kind, name)))
  const threads = scenario.build(trace.parameters).threads.map(({ name }) => name)
  if (threads.join('\n') !== trace.threads.join('\n'))
    throw new UsageError(
      `${file}: field threads names ${trace.threads.join(', ')}; scenario ${scenario.name} has ${threads.join(', ')}`,
    )
  return { scenario, defects }
}

function scenarioOf(project: Project, { scenario: name }: Trace): Scenario {
  try {
    return scenarioNamed(project, name)
  } catch (error) {
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
      `${JSON.stringify(name)} was recorded with the driver ${recordedWith}; give the file of that driver: --driver FILE`,
    )
  }
}

/** The steps as they are now, which must be those that were recorded. */
function replayed(
  project: Project,
  file: string,
  scenario: Scenario,
  trace: Trace,
  defects: Parameters<Project['replay']>[2],
): readonly TraceStep[] {
  const refuse = (why: string): never => {
    throw new UsageError(`${file} does not replay: ${why}`)
  }
  let steps: readonly TraceStep[] = []
  try {
    steps = project.replay(scenario, trace, defects)
  } catch (error) {
    if (error instanceof SpecificationError) refuse(error.message)
    if (error instanceof Violation) refuse(`a claim is broken before its last step: ${error.message}`)
    throw error
  }
  trace.steps.forEach((recorded, i) => {
    const now = steps[i]
    const same =
      now?.procedure === recorded.procedure && now.step === recorded.step && now.result === recorded.result
    if (!same)
      refuse(
        `step ${i + 1} was ${recorded.procedure}: ${recorded.step} -> ${recorded.result} and is now ` +
          (now === undefined ? 'missing' : `${now.procedure}: ${now.step} -> ${now.result}`),
      )
  })
  return steps
}

function replayText(trace: Trace, state: StateReport, layout: Layout): string {
  const { colours } = layout
  const set = settings(trace.parameters)
  const head = [
    colours.bold(`${trace.scenario}${set === '' ? '' : ` with ${set}`}`),
    trace.defects.length === 0 ? 'no defect was put in' : `with the defect ${trace.defects.join(', ')}`,
    `${counted(trace.steps.length, 'step')}; ${trace.shortest ? 'no shorter run shows it' : 'a shorter run may show it'}`,
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
    sequenceText(trace, layout, { steps: state.step }),
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

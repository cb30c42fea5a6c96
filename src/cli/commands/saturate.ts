/**
 * `hmm-spec saturate`: raises each bound of a scenario by one, and tells what is new.
 *
 * @module
 */
import { boundReasons } from '../../../spec/bound-reasons.js'
import { raisedBounds } from '../../../spec/bounds.js'
import { parametersOf } from '../../checker/check.js'
import {
  type Saturation,
  saturate,
  saturateExitCode,
  saturateJson,
  saturateText,
} from '../../saturate/index.js'
import type { Project } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import type { Io } from '../terminal/io.js'
import { assertWritable, writeReport } from '../terminal/output.js'
import { scenariosNamed } from './kinds.js'

/** How `saturate` reports. */
export const SATURATE_FORMATS = ['text', 'json'] as const

/** Options of `saturate`. */
export interface SaturateCommandOptions {
  readonly format: (typeof SATURATE_FORMATS)[number]
  readonly output?: string
  /** Milliseconds after which no other exploration is begun. */
  readonly timeLimit?: number
  /** Most states of a larger scenario. */
  readonly stateLimit: number
}

/**
 * Raises the bounds of the scenarios that are named, or of all.
 *
 * @returns the exit code
 * @throws UsageError for wrong names
 */
export async function saturateCommand(
  project: Project,
  io: Io,
  names: readonly string[],
  { format, output, timeLimit, stateLimit }: SaturateCommandOptions,
): Promise<number> {
  assertWritable(output)
  const scenarios = scenariosNamed(project, names)
  const began = performance.now()
  let isInterrupted = false
  const forget = io.onInterrupt(() => {
    isInterrupted = true
  })
  const saturations: Saturation[] = []
  const notRun: string[] = []
  try {
    for (const scenario of scenarios) {
      const found = saturate(scenario, {
        boundsOf: raisedBounds,
        parametersOf,
        stateLimit,
        isOver: () => isInterrupted || performance.now() - began > (timeLimit ?? Number.POSITIVE_INFINITY),
      })
      if (found === undefined) notRun.push(scenario.name)
      else saturations.push(found)
      if (found !== undefined && scenarios.length > 1) io.stderr.write(`${scenario.name}\n`)
      // So that an interrupt is heard.
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    forget()
  }
  const report = {
    run: runFacts(project, 'default'),
    saturations,
    notRun,
    reasons: boundReasons,
    isAll: names.length === 0,
    elapsedMs: performance.now() - began,
  }
  return writeReport(
    io,
    { format, ...(output === undefined ? {} : { output }) },
    {
      text: (layout) => saturateText(report, layout),
      json: () => saturateJson(report),
      junit: () => '',
    },
    saturateExitCode(report),
  )
}

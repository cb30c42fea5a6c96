/**
 * Runs one check after another, and keeps what was found whatever happens: one that errs does not end the others,
 * and the first interrupt ends the run in good order.
 *
 * @module
 */
import type { CheckOptions, Limits } from '../checker/options.js'
import type { CheckResult } from '../checker/result.js'
import { counted } from '../report/figures.js'
import { ExitCode, type Failure } from '../report/report.js'
import { SpecificationError } from '../world/errors.js'
import type { Scenario } from '../world/model.js'
import type { Io } from './io.js'
import { progressDisplay } from './progress.js'
import type { Project } from './project.js'

/** One check to run. */
export interface Job {
  /** Under which name it is reported. */
  readonly name: string
  readonly scenario: Scenario
  readonly options: CheckOptions
}

/** What became of the jobs. */
export interface JobResults {
  readonly results: ReadonlyMap<Job, CheckResult>
  readonly failures: readonly Failure[]
  readonly notRun: readonly string[]
}

/** Runs `jobs` in their order, and shows how they get on. */
export async function runChecks(
  project: Project,
  io: Io,
  jobs: readonly Job[],
  limits: Limits,
): Promise<JobResults> {
  const results = new Map<Job, CheckResult>()
  const failures: Failure[] = []
  const notRun: string[] = []
  const display = progressDisplay(io, jobs.length)
  const interrupt = new AbortController()
  const forget = io.onInterrupt(() => {
    if (interrupt.signal.aborted) io.quit(ExitCode.limit)
    else {
      display.say(
        `interrupted: ending the check that is running, of ${counted(jobs.length, 'check')}; once more quits at once`,
      )
      interrupt.abort()
    }
  })
  try {
    for (const job of jobs) {
      if (interrupt.signal.aborted) {
        notRun.push(job.name)
        continue
      }
      try {
        const result = await project.check(job.scenario, {
          ...job.options,
          limits,
          signal: interrupt.signal,
          onProgress: (progress) => display.update({ ...progress, scenario: job.name }),
        })
        results.set(job, result)
        display.finished(job.name, result)
      } catch (error) {
        const failure = failureOf(job.name, error)
        failures.push(failure)
        display.failed(job.name, failure.message)
      }
      // An interrupt that came while a short check ran is heard between two of them.
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    display.close()
    forget()
  }
  return { results, failures, notRun }
}

function failureOf(name: string, error: unknown): Failure {
  if (error instanceof SpecificationError) return { name, code: error.code, message: error.message }
  // Not a mistake of the scenario that we know of: where it came from matters.
  return {
    name,
    code: 'internal',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }
}

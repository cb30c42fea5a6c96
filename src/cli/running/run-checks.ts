/**
 * Runs one check after another, and keeps what was found whatever happens: one that errs does not end the others,
 * and the first interrupt ends the run in good order.
 *
 * @module
 */
import type { CheckOptions, Limits } from '../../checker/options.js'
import type { CheckResult } from '../../checker/result.js'
import type { RandomResult } from '../../checker/runs/random.js'
import { counted, duration } from '../../report/form/figures.js'
import { ExitCode, type Failure } from '../../report/report.js'
import { SpecificationError } from '../../world/errors.js'
import type { Scenario } from '../../world/model.js'
import { UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { ProcessError } from '../supervisor/process.js'
import type { Io } from '../terminal/io.js'
import { progressDisplay } from '../terminal/progress.js'
import { unexpected } from '../terminal/unexpected.js'

/** One check to run. */
export interface Job {
  /** Under which name it is reported. */
  readonly name: string
  readonly scenario: Scenario
  readonly options: CheckOptions
}

/** What became of the jobs. */
export interface JobResults<J = Job, R = CheckResult> {
  readonly results: ReadonlyMap<J, R>
  readonly failures: readonly Failure[]
  readonly notRun: readonly string[]
}

/** How one kind of job is run. */
interface Kind<J, R> {
  run(job: J, watch: Required<Pick<CheckOptions, 'signal' | 'onProgress'>>): Promise<R>
  /** How far it went, in a few words. */
  facts(result: R): string
  /** Called with each result as it comes. */
  onResult(job: J, result: R): void
}

/**
 * Runs `jobs`, as many at a time as the project has workers for, and shows how they get on. What is answered is in the
 * order of the jobs, whoever was first.
 *
 * @param onResult - called with each result as it comes
 */
export function runChecks(
  project: Project,
  io: Io,
  jobs: readonly Job[],
  limits: Limits,
  onResult: (job: Job, result: CheckResult) => void,
): Promise<JobResults> {
  return runJobs(project, io, jobs, {
    run: ({ scenario, options }, watch) => project.check(scenario, { ...options, limits, ...watch }),
    facts: ({ states, elapsedMs }) => `${counted(states, 'state')}, ${duration(elapsedMs)}`,
    onResult,
  })
}

/** The same for jobs of any kind. */
export async function runJobs<J extends { readonly name: string }, R extends CheckResult | RandomResult>(
  { workers = 1 }: Pick<Project, 'workers'>,
  io: Io,
  jobs: readonly J[],
  kind: Kind<J, R>,
): Promise<JobResults<J, R>> {
  const outcomes: (R | Failure | undefined)[] = jobs.map(() => undefined)
  const display = progressDisplay(io, jobs.length)
  const interrupt = new AbortController()
  const forget = io.onInterrupt(() => {
    if (interrupt.signal.aborted) io.quit(ExitCode.limit)
    else {
      display.say(
        `interrupted: ending what is running, of ${counted(jobs.length, 'check')}; once more quits at once`,
      )
      interrupt.abort()
    }
  })
  const run = async (job: J, index: number): Promise<void> => {
    try {
      const result = await kind.run(job, {
        signal: interrupt.signal,
        onProgress: (progress) => display.update({ ...progress, scenario: job.name }),
      })
      outcomes[index] = result
      kind.onResult(job, result)
      display.finished(job.name, result.verdict, kind.facts(result))
    } catch (error) {
      const failure = failureOf(job.name, error)
      outcomes[index] = failure
      display.failed(job.name, failure.message)
    }
  }
  const queue = jobs.entries()
  const take = async (): Promise<void> => {
    for (const [index, job] of queue) {
      if (interrupt.signal.aborted) return
      await run(job, index)
      // An interrupt that came while a short check ran is heard between two of them.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  try {
    await Promise.all(Array.from({ length: workers }, take))
  } finally {
    display.close()
    forget()
  }
  const results = new Map<J, R>()
  const failures: Failure[] = []
  const notRun: string[] = []
  jobs.forEach((job, index) => {
    const outcome = outcomes[index]
    if (outcome === undefined) notRun.push(job.name)
    else if ('verdict' in outcome) results.set(job, outcome)
    else failures.push(outcome)
  })
  return { results, failures, notRun }
}

function failureOf(name: string, error: unknown): Failure {
  if (error instanceof SpecificationError) return { name, code: error.code, message: error.message }
  if (error instanceof ProcessError) return { name, code: error.code, message: error.message }
  if (error instanceof UsageError) return { name, code: 'usage', message: error.message }
  return { name, ...unexpected(error) }
}

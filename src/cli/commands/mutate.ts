/**
 * `hmm-spec mutate`: changes the specification's text, one place at a time, and sees whether anything notices.
 *
 * @module
 */

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { packageFolder } from '../../host/package.js'
import { duration, figure } from '../../report/form/figures.js'
import { ExitCode } from '../../report/report.js'
import type { Bounds } from '../../world/model.js'
import { UsageError } from '../arguments/usage.js'
import { inAClone } from '../loading/in-a-clone.js'
import type { Project } from '../project.js'
import { runFacts } from '../running/run-facts.js'
import type { Io } from '../terminal/io.js'
import { assertWritable, writeReport } from '../terminal/output.js'

/** How `mutate` reports. */
export const MUTATE_FORMATS = ['text', 'json', 'stryker'] as const

/** Milliseconds between two lines about how it gets on. */
const INTERVAL_MS = 5000

/** Options of `mutate`. */
export interface MutateCommandOptions {
  readonly format: (typeof MUTATE_FORMATS)[number]
  readonly output?: string
  readonly bounds: Bounds
  readonly target?: string
  readonly since?: string
  readonly sample?: number
  readonly seed?: number
  readonly workers?: number
  /** Milliseconds after which no mutant is begun. */
  readonly timeLimit?: number
  /** How many states of each scenario to change, in place of the text. */
  readonly states?: number
  /** False if recordings of kernels are not asked. */
  readonly recordings?: boolean
}

/** Steps within which a claim must object to a changed state. */
const STEPS = 4

/**
 * Mutates what is asked for.
 *
 * @returns the exit code
 * @throws UsageError if there is no such text, or it is not built
 */
export async function mutateCommand(
  project: Project,
  io: Io,
  options: MutateCommandOptions,
): Promise<number> {
  assertWritable(options.output)
  if (options.states !== undefined && options.format === 'stryker')
    throw new UsageError(
      '--states reports as text or as JSON: a change of a state has no place in the source',
    )
  const mutate = await inAClone('mutate', () => import('../../mutate/index.js'))
  const interrupt = new AbortController()
  const forget = io.onInterrupt(() => {
    if (interrupt.signal.aborted) io.quit(ExitCode.limit)
    interrupt.abort()
  })
  try {
    if (options.states !== undefined) {
      const seed = options.seed ?? 1
      const asked = { bounds: options.bounds, states: options.states, seed, steps: STEPS }
      const result = await mutate.corrupt(packageFolder(), {
        ...asked,
        signal: interrupt.signal,
        onFindings: ({ scenario }) => io.stderr.write(`${scenario}\n`),
      })
      const report = { run: runFacts(project, options.bounds), ...asked, ...result }
      return writeReport(
        io,
        {
          format: options.format === 'json' ? 'json' : 'text',
          ...(options.output && { output: options.output }),
        },
        {
          text: (layout) => mutate.statesText(report, layout),
          json: () => mutate.statesJson(report),
          junit: () => '',
        },
        mutate.statesExitCode(result),
      )
    }
    const subject = new mutate.Subject(packageFolder())
    const mutants = mutate.select(subject.root, subject.mutants, options)
    const began = performance.now()
    const result = await mutate.runMutants(subject, mutants, {
      bounds: options.bounds,
      workers: options.workers ?? availableParallelism(),
      signal: interrupt.signal,
      timeMs: options.timeLimit,
      cache: join(subject.root, 'node_modules/.cache/hmm-spec/mutate'),
      equivalents: mutate.equivalents,
      ...(options.recordings === false ? { only: project.scenarios.map(({ name }) => name) } : {}),
      ...progressOn(io, mutants.length),
    })
    const report = {
      run: runFacts(project, options.bounds),
      ...result,
      stale: mutate.staleRows(subject, result.judged, mutate.equivalents),
      sourceOf: (file: string) => subject.sourceOf(file),
      elapsedMs: performance.now() - began,
    }
    const { format, output } = options
    return writeReport(
      io,
      { format: format === 'text' ? 'text' : 'json', ...(output === undefined ? {} : { output }) },
      {
        text: (layout) => mutate.mutateText(report, layout),
        json: () => (format === 'stryker' ? mutate.mutateStryker(report) : mutate.mutateJson(report)),
        junit: () => '',
      },
      mutate.mutateExitCode(report),
    )
  } catch (error) {
    if (error instanceof mutate.SubjectError) throw new UsageError(error.message)
    throw error
  } finally {
    forget()
  }
}

/** Tells on the standard error how it gets on, and when it will be done. */
function progressOn(io: Io, total: number) {
  let last = performance.now()
  let measured = 0
  let done = 0
  let run = 0
  let began: number | undefined
  const counts: Record<string, number> = {}
  const isTime = () => performance.now() - last >= INTERVAL_MS
  const say = (text: string) => {
    last = performance.now()
    io.stderr.write(`${text}\n`)
  }
  return {
    onMeasured: (name: string) => {
      measured++
      if (isTime()) say(`measuring what reaches what: ${figure(measured)} run, last ${name}`)
    },
    onJudged: (
      { finding: { verdict } }: { readonly finding: { readonly verdict: string } },
      from: 'run' | 'kept',
    ) => {
      began ??= performance.now()
      done++
      counts[verdict] = (counts[verdict] ?? 0) + 1
      if (from === 'kept') return
      run++
      if (!isTime() && done < total) return
      const left = ((performance.now() - began) / Math.max(1, run)) * (total - done)
      const found = Object.entries(counts).map(([verdict, count]) => `${figure(count)} ${verdict}`)
      say(
        `[${figure(done)}/${figure(total)}] ${found.join(', ')}; ${duration(Math.round(left / 1000) * 1000)} to go`,
      )
    },
  }
}

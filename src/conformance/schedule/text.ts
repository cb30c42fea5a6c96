/**
 * A schedule as `hmm_schedule` reads it: suite/kernel/README.md says what each line means.
 *
 * @module
 */
import type { Trace } from '../../checker/result.js'
import type { PerformedScenario } from './operations.js'
import type { Schedule } from './schedule.js'

/**
 * Prints a schedule.
 *
 * @param name - what to call it, a word
 * @param operations - what the threads do
 */
export function scheduleText(
  name: string,
  trace: Pick<Trace, 'scenario' | 'clause' | 'detail' | 'threads' | 'steps'>,
  schedule: Schedule,
  { setup, threads, final }: PerformedScenario,
): string {
  const { holds, moved, steps } = schedule
  const lines = [
    `# ${trace.scenario}: ${trace.clause}: ${trace.detail.replace(/\s+/g, ' ')}`,
    `# ${moved === 0 ? 'The steps of the run' : `A run that differs in where ${moved} steps are taken`}, ${steps.length} in all.`,
    `schedule ${name}`,
    ...setup.map((op) => `setup ${op}`),
    ...threads.map((op, thread) => `thread ${thread} ${op}`),
    ...holds.map(({ thread, point, nth, until }) => {
      const at = point === undefined ? 'begin entry' : `${point.function} ${point.at}`
      return `hold ${thread} ${at} ${nth} ${until.thread} ${until.holds}`
    }),
    ...final.map(({ op, expected }) => `final ${expected} ${op}`),
    'end',
  ]
  return `${lines.join('\n')}\n`
}

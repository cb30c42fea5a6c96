/**
 * Writes suite/schedules: for findings that a kernel can be made to show, the run of the model and the schedule that forces it.
 *
 * @module
 */
import { cellNamed, recordedScenario } from '../../../spec/recorded/cells.js'
import { survey, type Trace } from '../../checker/index.js'
import { performed } from './operations.js'
import { scheduleOf } from './schedule.js'
import { scheduleText } from './text.js'

/** A finding: the world that shows it with the driver as it was recorded, and the clause whose breach can be seen. */
export interface ScheduledFinding {
  readonly name: string
  readonly cell: string
  readonly clause: string
}

/** The findings that schedules are kept of. */
export const SCHEDULED: readonly ScheduledFinding[] = [
  { name: 'H1', cell: 'system/dev_read+migrate_to_dev', clause: 'use-after-free' },
  { name: 'H10', cell: 'mirrored/migrate_to_dev+madv_dontneed', clause: 'use-after-free' },
  { name: 'H16', cell: 'device/dev_read+mprotect', clause: 'backed-access' },
  { name: 'H17', cell: 'mirrored/dev_write+migrate_to_dev', clause: 'C50' },
  { name: 'H18', cell: 'device/dev_read+migrate_to_sys2', clause: 'use-after-free' },
  { name: 'H26', cell: 'system/exclusive+madv_dontneed', clause: 'use-after-free' },
]

/**
 * The run of a finding and its schedule, as files.
 *
 * @throws Error if the model has no such run, or it cannot be forced
 */
export function scheduledFinding({ name, cell, clause }: ScheduledFinding, product: string) {
  const scenario = recordedScenario(cellNamed(cell))
  const found = survey(scenario, { bounds: 'smoke' }).breaches.find((breach) => breach.clause === clause)
  if (found === undefined) throw new Error(`${scenario.name} does not break ${clause}`)
  const { kind, claim, detail } = found
  const { steps, past } = found.run()
  const trace = {
    format: 'hmm-spec-trace',
    version: 1,
    run: {
      product,
      commit: null,
      release: null,
      profile: null,
      driver: { name: 'recorded', file: 'recorded' },
    },
    scenario: scenario.name,
    parameters: {},
    defects: [],
    clause,
    claim,
    kind,
    detail,
    shortest: true,
    threads: scenario.build({}).threads.map((thread) => thread.name),
    steps,
    ...(past.length > 0 ? { past } : {}),
  } satisfies Trace & { run: unknown }
  const schedule = scheduleOf(scenario, trace)
  const operations = performed(scenario.name)
  if (!('holds' in schedule)) throw new Error(`${name} cannot be forced: ${schedule.name}`)
  if (typeof operations === 'string') throw new Error(`${name}: ${operations}`)
  return {
    trace,
    json: `${JSON.stringify(trace, null, 1)}\n`,
    text: scheduleText(name, trace, schedule, operations),
  }
}

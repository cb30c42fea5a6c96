/**
 * The process that runs one mutant, or measures what there is without any. It is started from a copy of the build, in which
 * one module may be another.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { CheckOptions } from '../../checker/options.js'
import type { CheckResult } from '../../checker/result.js'
import type { KernelVersion } from '../../conformance/result.js'
import type { Scenario } from '../../world/model.js'
import { takeHits } from './hits.js'
import type {
  CorruptOrder,
  Heard,
  JudgeOrder,
  MeasureOrder,
  Order,
  RecordingFile,
  Reply,
  ScenarioOrder,
} from './protocol.js'

/** How often the states of a scenario a mutant may make, and how many it may make in any case. */
const GROWTH = 8
const LEAST_STATES = 300_000

function say(reply: Reply): void {
  process.send?.(reply)
}

/** What is loaded only when there is an order. */
async function project() {
  const [
    spec,
    { recordedCells, recordedScenario },
    { check },
    conformance,
    errors,
    profiles,
    { generations },
  ] = await Promise.all([
    import('../../../spec/index.js'),
    import('../../../spec/recorded/cells.js'),
    import('../../checker/check.js'),
    import('../../conformance/index.js'),
    import('../../world/errors.js'),
    import('../../generations/profiles.js'),
    import('../../generations/generations.js'),
  ])
  const { scenarios, scenariosIn } = spec
  const faults = scenarios.filter(({ name }) => DEVICE_FAULTS.includes(name))
  const byName = (all: readonly Scenario[], suffix: string) =>
    new Map(all.map((scenario) => [`${scenario.name}${suffix}`, scenario]))
  return {
    scenarios: byName(scenarios, ''),
    cells: byName(
      recordedCells.map((cell) => recordedScenario(cell)),
      ' (recorded)',
    ),
    kernels: byName(
      profiles.kernelProfiles.flatMap((profile) =>
        profile.overrides.length === 0 ? [] : faults.map((scenario) => profiles.onKernel(scenario, profile)),
      ),
      '',
    ),
    generations: byName(
      generations.flatMap((generation) =>
        scenariosIn(generation).filter(({ name }) => EARLIER.includes(name.split(' ')[0])),
      ),
      '',
    ),
    check,
    conformance,
    errors,
  }
}

/** Scenarios of mirroring in which what earlier generations of the API do otherwise matters. */
const EARLIER: readonly string[] = [
  'munmap',
  'madvise',
  'mprotect',
  'zero-page',
  'fork',
  'two-faults',
  'refused-requests',
  'exit',
  'exit-and-reap',
  'insert-and-exit',
]

/** Scenarios in which CPUs fault on device pages: that is all in which kernels before the reference differ. */
const DEVICE_FAULTS: readonly string[] = [
  'migrate',
  'migrate-and-dontneed',
  'migrate-and-fork',
  'device-page-faults',
  'short-of-memory',
  'copy-fails',
  'unplug',
]

type Loaded = Awaited<ReturnType<typeof project>>

/** The text threw within a step, as a kernel that reads beyond a page table does: the message names procedure and step. */
const CRASH = 'procedure-threw'
/** A run alone that is stuck, or does not end, where a real kernel has answered. */
const NO_ANSWER: ReadonlySet<string> = new Set(['runaway', 'scenario'])

/** Everything that a check counts and answers, but for what depends on the text of procedures. */
function printOf({ states, transitions, depth, verdict, witnesses, coverage }: CheckResult): string {
  const { steps, procedures, transitions: taken, claims } = coverage
  const said = { states, transitions, depth, verdict, witnesses, steps, procedures, taken, claims }
  return createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 16)
}

function digestOf({ digest }: CheckResult): string {
  return digest === undefined ? '' : `${digest.states} ${digest.steps}`
}

function linesOf({ path }: RecordingFile): string[] {
  return gunzipSync(readFileSync(path)).toString('utf8').split('\n')
}

/** True if the oracle answers a recorded line as it was recorded; `undefined` if it is no line to compare. */
function compare(
  { conformance }: Loaded,
  file: RecordingFile,
  text: string,
  line: number,
  kernel: KernelVersion,
) {
  if (text.trim() === '') return undefined
  const recording = conformance.parseLine(file.name, line, text)
  return conformance.conformSequence(recording, { kernel })
}

async function measure({ part, bounds, only, share, anchors, recordings }: MeasureOrder): Promise<void> {
  const loaded = await project()
  takeHits(anchors)
  let next = 0
  const isOurs = () => next++ % share.of === share.from
  for (const [name, scenario] of loaded[part]) {
    if (!isOurs()) continue
    if (only !== undefined && !only.includes(name)) continue
    const began = performance.now()
    const result = await loaded.check(scenario, { bounds, audit: 'off', digest: true })
    const ms = performance.now() - began
    const reached = takeHits(anchors)
    if (result.verdict !== 'holds') continue
    const measured = { states: result.states, print: printOf(result), digest: digestOf(result) }
    say({ kind: 'measured', measured: { kind: 'scenario', name, ms, ...measured, reached } })
  }
  for (const file of recordings)
    for (const [index, text] of linesOf(file).entries()) {
      if (!isOurs()) continue
      const began = performance.now()
      const compared = compare(loaded, file, text, index + 1, file.kernel)
      const ms = performance.now() - began
      const reached = takeHits(anchors)
      if (compared === undefined || compared.mismatches.length > 0 || compared.unsupported.length > 0)
        continue
      say({
        kind: 'measured',
        measured: { kind: 'recording', file: file.name, line: index + 1, ms, reached },
      })
    }
  say({ kind: 'end' })
}

async function judge({ bounds, scenarios, recordings }: JudgeOrder): Promise<void> {
  const loaded = await project()
  let unlike = false
  for (const order of scenarios) {
    say({ kind: 'begun', name: order.name })
    const heard = await runScenario(loaded, order, { bounds, audit: 'off', limits: limitsOf(order) })
    say({ kind: 'heard', heard })
    if (heard.kind === 'killed') return say({ kind: 'end' })
    unlike ||= heard.kind !== 'held' || !heard.same
  }
  for (const file of recordings) {
    say({ kind: 'begun', name: file.name })
    const heard = runRecordings(loaded, file)
    say({ kind: 'heard', heard })
    if (heard.kind === 'killed') return say({ kind: 'end' })
    unlike ||= heard.kind === 'blamed'
  }
  say({ kind: 'end', sameGraphs: !unlike && (await haveSameGraphs(loaded, { bounds, scenarios })) })
}

function limitsOf({ states }: ScenarioOrder) {
  return { states: Math.max(LEAST_STATES, GROWTH * states) }
}

function scenarioOf({ scenarios, cells, kernels, generations }: Loaded, name: string): Scenario {
  const scenario = scenarios.get(name) ?? cells.get(name) ?? kernels.get(name) ?? generations.get(name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  return scenario
}

async function runScenario(loaded: Loaded, order: ScenarioOrder, options: CheckOptions): Promise<Heard> {
  const by = order.name
  try {
    const result = await loaded.check(scenarioOf(loaded, by), options)
    const { violation } = result
    if (violation !== undefined)
      return { kind: 'killed', by, clause: violation.clause, steps: violation.trace.steps.length }
    if (result.verdict !== 'holds') return { kind: 'limit', by }
    return { kind: 'held', by, same: printOf(result) === order.print }
  } catch (error) {
    return blame(loaded, by, error)
  }
}

/**
 * A claim that is broken outside of any step kills, and so does a crash of the text. Every other error blames whoever wrote what
 * is run.
 */
function blame({ errors }: Loaded, by: string, error: unknown): Heard {
  if (error instanceof errors.Violation) return { kind: 'killed', by, clause: error.clause, steps: 0 }
  const code = error instanceof errors.SpecificationError ? error.code : 'internal'
  if (code === CRASH) return { kind: 'killed', by, clause: CRASH, steps: 0 }
  return { kind: 'blamed', by, code, message: error instanceof Error ? error.message : String(error) }
}

function runRecordings(loaded: Loaded, file: RecordingFile & { readonly lines: readonly number[] }): Heard {
  const texts = linesOf(file)
  let blamed: Heard | undefined
  for (const line of file.lines) {
    const by = `recording ${file.name}:${line}`
    try {
      const compared = compare(loaded, file, texts[line - 1], line, file.kernel)
      const mismatch = compared?.mismatches[0]
      if (mismatch !== undefined)
        return {
          kind: 'killed',
          by,
          clause: `${mismatch.op}: ${mismatch.field}`,
          steps: mismatch.operation + 1,
        }
    } catch (error) {
      const heard = blame(loaded, by, error)
      if (heard.kind === 'killed') return heard
      if (heard.kind === 'blamed' && isNoAnswer(heard.code, error))
        return { kind: 'killed', by, clause: `no answer: ${heard.code}`, steps: 0 }
      blamed ??= heard
    }
  }
  return blamed ?? { kind: 'held', by: file.name, same: true }
}

/** True if the oracle crashed, is stuck or does not end: it has no answer where the recorded kernel had one. */
function isNoAnswer(code: string, error: unknown): boolean {
  return NO_ANSWER.has(code) || error instanceof TypeError || error instanceof RangeError
}

/** Whether states and steps are what they were, in every scenario. */
async function haveSameGraphs(
  loaded: Loaded,
  { bounds, scenarios }: Pick<JudgeOrder, 'bounds' | 'scenarios'>,
): Promise<boolean> {
  for (const order of scenarios) {
    say({ kind: 'begun', name: order.name })
    const result = await loaded.check(scenarioOf(loaded, order.name), { bounds, audit: 'off', digest: true })
    if (digestOf(result) !== order.digest) return false
  }
  return true
}

async function corrupt({ only, ...options }: CorruptOrder): Promise<void> {
  const { scenarios } = await project()
  const { corruptStates } = await import('../states/corrupt.js')
  for (const [name, scenario] of scenarios) {
    if (only !== undefined && !only.includes(name)) continue
    say({ kind: 'begun', name })
    say({ kind: 'corrupted', findings: corruptStates(scenario, options) })
  }
  say({ kind: 'end' })
}

function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'measure':
      return measure(order)
    case 'judge':
      return judge(order)
    case 'corrupt':
      return corrupt(order)
  }
}

process.once('message', (order: Order) => {
  obey(order)
    .catch((error: unknown) => {
      const { code } = error as { code?: unknown }
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
      say({ kind: 'failed', code: typeof code === 'string' ? code : 'internal', message })
    })
    .finally(() => process.disconnect())
})

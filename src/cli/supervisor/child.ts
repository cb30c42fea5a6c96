/**
 * The process that runs checks, and with them the code of drivers. Whatever that does to the process, the command line
 * is not in it.
 *
 * @module
 */
import { writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Defect } from '../../../spec/defect.js'
import type { Atomicity } from '../../checker/atomicity/atomicity.js'
import { memoryFor } from '../../checker/clock.js'
import type { CheckResult, Trace } from '../../checker/result.js'
import type { RandomResult } from '../../checker/runs/random.js'
import * as driver from '../../driver/index.js'
import { CheckpointFile, type CheckpointPlace } from '../../host/checkpoint-file.js'
import { nodeHost } from '../../host/node.js'
import * as kernel from '../../kernel/index.js'
import { SpecificationError } from '../../world/errors.js'
import * as world from '../../world/index.js'
import type { Scenario } from '../../world/model.js'
import { placeOf, running } from '../../world/procedures/running.js'
import { selected } from '../arguments/selected.js'
import { UsageError } from '../arguments/usage.js'
import { scenarioOf } from '../commands/kinds.js'
import { replayTrace } from '../commands/replay.js'
import { freezeRealm } from '../guards/frozen-realm.js'
import { asking } from '../guards/inspector.js'
import { installNodeGuards, NODE_OBJECTS } from '../guards/node-guards.js'
import { reachedByModules } from '../loading/modules.js'
import type { Project } from '../project.js'
import { referenceProject } from '../reference.js'
import { unexpected } from '../terminal/unexpected.js'
import { BuiltIns } from './built-ins.js'
import {
  type AtomicityOrder,
  type CheckOrder,
  CONNECTION,
  type DefectFacts,
  type ErrorFacts,
  type ExplainOrder,
  type ExportOrder,
  type LoadOrder,
  type Message,
  type Order,
  type ProjectFacts,
  type ReplayOrder,
  type Reply,
  type SimulateOrder,
  WHEREABOUTS,
  type Whereabouts,
} from './protocol.js'
import type { WatchdogData } from './watchdog.js'

/** Where the product's own modules are. */
const PRODUCT = new URL('../../', import.meta.url).href

/** Bytes that a process uses beside the states that it stores: the engine, the control states, garbage. */
const BESIDE_STATES = 1.5 * 2 ** 30

/** Milliseconds between two words of life. */
const ALIVE_MS = 1000

const own = {
  stringify: JSON.stringify,
  setImmediate,
  now: performance.now.bind(performance),
}
// Before a driver is loaded, and before anybody looks whether a built-in was replaced.
installNodeGuards()
const limit = Number(process.argv[2])
const watchdog = new Worker(new URL('./watchdog.js', import.meta.url), {
  workerData: {
    memoryBytes: (Number.isNaN(limit) ? memoryFor(nodeHost) : limit) + BESIDE_STATES,
  } satisfies WatchdogData,
})
const reference = referenceProject()
let project: Project = reference
let threads: readonly string[] = []
let interrupt = new AbortController()
/** True once nothing that this process says can be relied on. */
let spoilt = false

function say(reply: Reply): void {
  watchdog.postMessage(own.stringify(reply))
}

function whereabouts(): Omit<Whereabouts, 'frames'> {
  const place = placeOf()
  const threadName = place?.thread === undefined ? undefined : threads[place.thread]
  return {
    started: running.started,
    ...(place === undefined ? {} : { place }),
    ...(threadName === undefined ? {} : { threadName }),
  }
}
Object.defineProperty(globalThis, Symbol.for(WHEREABOUTS), { value: whereabouts })

// To look through a large package takes longer than anybody waits, on a machine that is loaded.
let alive = own.now()
asking.heard = () => {
  if (own.now() - alive < ALIVE_MS) return
  alive = own.now()
  say({ kind: 'alive' })
}

/** What the code that runs here did to the process: after it, another one takes its place. */
function spoil(code: string, message: string): void {
  if (spoilt) return
  spoilt = true
  say({ kind: 'failed', error: { kind: 'specification', code, message }, fatal: true })
}

process.on('unhandledRejection', (reason) => {
  spoil('unhandled-rejection', `a promise was rejected, and nobody waits for it: ${describe(reason)}`)
})
process.on('uncaughtException', (error) => {
  spoil('uncaught-exception', `an error was thrown outside of any step: ${describe(error)}`)
})
process.on('exit', (code) => {
  // The other thread is stopped already: this is the last word.
  const reply: Reply = { kind: 'exiting', code, whereabouts: { ...whereabouts(), frames: framesHere() } }
  try {
    writeSync(CONNECTION, `${own.stringify(reply)}\n`)
  } catch {
    // Somebody has closed it: the command line sees that too.
  }
})
process.on('beforeExit', () => {
  // While a module is loaded the connection does not keep this process: nothing is left that could finish it.
  spoil('never-loaded', 'it never finishes: it waits for something that nobody will do (a top-level await)')
  watchdog.ref()
})

/** Who has called `process.exit`. */
function framesHere(): string[] {
  return (new Error('here').stack ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/^at /, ''))
    .filter((line) => !line.includes('node:') && !line.includes(PRODUCT))
    .slice(0, 6)
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error)
}

function factsOf(error: unknown): ErrorFacts {
  if (error instanceof UsageError) return { kind: 'usage', code: 'usage', message: error.message }
  if (error instanceof SpecificationError)
    return { kind: 'specification', code: error.code, message: error.message }
  return { kind: 'internal', ...unexpected(error) }
}

async function load({ selection }: LoadOrder): Promise<ProjectFacts> {
  watchdog.unref()
  try {
    project = await selected(reference, selection)
  } finally {
    watchdog.ref()
  }
  const { scenarios, driver, generation, kernel, texts, scenarioFile, own } = project
  return {
    scenarios: scenarios.map(({ name, summary, parameters, exercises }) => ({
      name,
      summary,
      parameters,
      exercises,
    })),
    ...(driver === undefined ? {} : { driver }),
    ...(generation === undefined ? {} : { generation }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(texts === undefined ? {} : { texts }),
    ...(scenarioFile === undefined ? {} : { scenarioFile }),
    ...(own === undefined
      ? {}
      : {
          own: {
            ...own,
            machines: own.machines.map(({ config }) => config),
            defects: own.defects.map(factsOfDefect),
          },
        }),
  }
}

function factsOfDefect({ overrides, ...defect }: Defect): DefectFacts {
  return {
    ...defect,
    overrides: overrides.map(({ target: { procedureName }, step }) => ({
      target: { procedureName },
      ...(step === undefined ? {} : { step }),
    })),
  }
}

function exportScenario(order: ExportOrder): Promise<string> {
  const { kind: _, scenario: __, defects: ___, ...settings } = order
  const { scenario, defects } = scenarioWith(order)
  return project.exportScenario(scenario, { ...settings, defects })
}

function check(order: CheckOrder): Promise<CheckResult> {
  const { scenario, defects } = scenarioWith(order)
  return project.check(scenario, {
    bounds: order.bounds,
    set: order.set,
    reductions: order.reductions,
    ...(order.claims === undefined ? {} : { claims: order.claims }),
    limits: order.limits,
    digest: order.digest,
    ...(order.audit === undefined ? {} : { audit: order.audit }),
    ...(order.checkpoint === undefined ? {} : { checkpoints: checkpointsAt(order.checkpoint) }),
    defects,
    signal: interrupt.signal,
    onProgress: (progress) => say({ kind: 'progress', progress }),
  })
}

function checkpointsAt(place: CheckpointPlace): CheckpointFile {
  return new CheckpointFile(place, (message) => process.stderr.write(`${message}\n`), asking.heard)
}

/** What an order is about. */
function scenarioWith({ scenario, defects }: Pick<CheckOrder, 'scenario' | 'defects'>) {
  const found = defects.map((name) => {
    const defect = project.defects.find((defect) => defect.name === name)
    if (defect === undefined) throw new Error(`there is no defect ${name}`)
    return defect
  })
  // That of a defect may be one of a generation, where a clause is claimed that does not hold there.
  const own = found.length === 0 ? undefined : scenarioOf(project, found[0])
  return { scenario: watched(own?.name === scenario ? own : scenarioCalled(scenario)), defects: found }
}

async function explain(order: ExplainOrder): Promise<Trace> {
  const { scenario, defects } = scenarioWith(order)
  return project.explained(scenario, order.trace, defects)
}

function simulate({ kind: _, scenario, ...settings }: SimulateOrder): Promise<RandomResult> {
  return project.simulate(watched(scenarioCalled(scenario)), { ...settings, signal: interrupt.signal })
}

function scenarioCalled(asked: string): Scenario {
  const scenario = project.scenarios.find(({ name }) => name === asked)
  if (scenario === undefined) throw new Error(`there is no scenario ${asked}`)
  return scenario
}

/** A scenario whose threads are known by name, to say where this process is. */
function watched(scenario: Scenario): Scenario {
  return {
    ...scenario,
    build: (parameters) => {
      const model = scenario.build(parameters)
      threads = model.threads.map(({ name }) => name)
      return model
    },
  }
}

function findLargeSteps({ scenario: name, bounds, set, states }: AtomicityOrder): Promise<Atomicity> {
  const scenario = project.scenarios.find((scenario) => scenario.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  return project.atomicity(scenario, { bounds, set, ...(states === undefined ? {} : { states }) })
}

function execute(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'hello':
      return Promise.resolve()
    case 'load':
      return load(order)
    case 'check':
      return check(order)
    case 'simulate':
      return simulate(order)
    case 'atomicity':
      return findLargeSteps(order)
    case 'export':
      return exportScenario(order)
    case 'replay':
      return replay(order)
    case 'explain':
      return explain(order)
  }
}

async function replay({ file, trace, steps }: ReplayOrder): Promise<unknown> {
  return replayTrace(project, file, trace, steps)
}

async function obey(order: Order): Promise<void> {
  const builtIns = new BuiltIns({ ...world, ...NODE_OBJECTS })
  let reply: Reply
  try {
    reply = { kind: 'done', result: await execute(order) }
  } catch (error) {
    reply = { kind: 'failed', error: factsOf(error), fatal: order.kind !== 'replay' }
  }
  // Promises that were rejected meanwhile are heard before anything is answered.
  await new Promise((resolve) => own.setImmediate(resolve))
  const replaced = builtIns.replaced()
  if (replaced !== undefined)
    spoil(
      'replaced-built-in',
      `${replaced} was replaced while this ran, so that nothing of it can be relied on; leave what the language ` +
        'and the product bring along as it is',
    )
  // What is loaded stays as it is. The product alone is left as quick as it can be.
  if (order.kind === 'load' && reachedByModules().size > 0)
    freezeRealm(
      [world, kernel, driver].flatMap((part) => Object.values(part)),
      reachedByModules(),
    )
  if (!spoilt) say(reply)
}

watchdog.on('message', (message: Message) => {
  if (message.kind === 'stop') interrupt.abort()
  else if (message.kind !== 'where') {
    interrupt = new AbortController()
    void obey(message)
  }
})

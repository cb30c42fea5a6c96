/**
 * What bounds a scenario, and what the next larger one is.
 *
 * @module
 */
import { parametersOf } from '../src/checker/check.js'
import type { Parameter, Parameters, Scenario } from '../src/world/index.js'
import type { MirroringScenario, MirrorScenario } from './mirror/scenarios/mirror-world.js'

/** A scenario one step larger. */
export interface NextBound {
  /** What is larger about it. */
  readonly name: string
  readonly scenario: Scenario
  readonly parameters: Parameters
}

/** What the world of `scenario` has, in words: threads and what they call, pages, frames, and so on. */
export function boundedBy(scenario: MirroringScenario, parameters: Parameters): string {
  const world = scenario.world(parameters)
  const model = scenario.build(parameters)
  const calls = model.threads.reduce((sum, { args }) => sum + (args[1] as readonly unknown[]).length, 0)
  const memory = [...world.mirrors.map((mirror) => mirror.memory ?? 0), world.bareMemory ?? 0].reduce(
    (a, b) => a + b,
  )
  return [
    counted(model.threads.length, 'thread'),
    counted(calls, 'call'),
    counted(world.pages.length, 'page'),
    counted(world.spareFrames, 'spare frame'),
    ...(memory > 0 ? [counted(memory, 'device page')] : []),
    ...(world.mirrors.length > 1 ? [counted(world.mirrors.length, 'mirror')] : []),
    ...((world.processes ?? 1) > 1 ? [counted(world.processes as number, 'process', 'processes')] : []),
  ].join(', ')
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/**
 * The next larger scenarios, the best first: its first parameter that can be raised, one up; or what one of its threads calls last,
 * once more, which not every call allows (an exit, say).
 */
export function nextBounds(scenario: MirroringScenario): NextBound[] {
  // One whose largest value is its default says how the scenario goes, and not how far.
  const raised = raisedParameters(scenario).find(({ parameter: { deep }, from }) => deep !== from)
  return raised === undefined ? repeatedCalls(scenario) : [raised]
}

/** A parameter of a scenario, one up. */
export interface RaisedParameter extends NextBound {
  readonly parameter: Parameter
  /** Its value by default. */
  readonly from: number
}

/** The scenario with one parameter raised by one, for each of them that can be. */
export function raisedParameters(scenario: Scenario): RaisedParameter[] {
  const parameters = parametersOf(scenario)
  return Object.entries(scenario.parameters).flatMap(([name, parameter]) => {
    const from = parameters[name]
    if (from >= parameter.max) return []
    const raised = { ...parameters, [name]: from + 1 }
    return [{ name: `${name}=${from + 1}`, scenario, parameters: raised, parameter, from }]
  })
}

/** The scenario in which a thread makes its last call twice, for each thread. */
export function repeatedCalls(scenario: MirroringScenario): NextBound[] {
  const parameters = parametersOf(scenario)
  return scenario.world(parameters).threads.map(({ name }, thread) => ({
    name: `the last call of ${name} twice`,
    scenario: {
      ...scenario,
      build: (larger) => scenario.modelOf(withOneCallMore(scenario.world(larger), thread)),
    },
    parameters,
  }))
}

/** Every bound of the scenario, raised by one: its parameters, or where none can be raised, the calls of its threads. */
export function raisedBounds(scenario: Scenario): NextBound[] {
  const raised = raisedParameters(scenario)
  if (raised.length > 0 || !isMirroring(scenario)) return raised
  return repeatedCalls(scenario)
}

function isMirroring(scenario: Scenario): scenario is MirroringScenario {
  return 'world' in scenario && 'modelOf' in scenario
}

/** Room for the invalidations of one call more. */
const INVALIDATIONS_OF_A_CALL = 8

function withOneCallMore(world: MirrorScenario, thread: number): MirrorScenario {
  return {
    ...world,
    invalidations: world.invalidations + INVALIDATIONS_OF_A_CALL,
    threads: world.threads.map((declared, index) =>
      index === thread
        ? {
            ...declared,
            calls: (records) => {
              const calls = declared.calls(records)
              return [...calls, ...calls.slice(-1)]
            },
          }
        : declared,
    ),
  }
}

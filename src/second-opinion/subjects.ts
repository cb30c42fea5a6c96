/**
 * What SPIN is asked about: every scenario, thirty defects, and the progress claims of ten scenarios.
 *
 * @module
 */
import type { Defect } from '../../spec/defect.js'
import { defects, scenarioOf, scenarios } from '../../spec/index.js'
import { shuffled } from '../mutate/choosing/shuffled.js'
import type { Bounds, Scenario } from '../world/model.js'
import type { Subject } from './compare.js'

/** Scenarios whose progress claims SPIN is asked about too: small ones of every part of the specification. */
const PROGRESS: readonly string[] = [
  'munmap',
  'exit',
  'mprotect',
  'starvation',
  'two-pass',
  'free-and-reuse',
  'migrate-partly',
  'device-page-faults',
  'unplug',
  'rxe/munmap',
]

/** Defects that break a claim of progress; their scenarios' claims are asked about. */
const LASTING: readonly string[] = ['M22', 'X28', 'D6', 'X29']

/** How many defects SPIN is asked about, {@link LASTING} included. */
const DEFECTS = 30

/** Which subjects are meant. */
export interface Selection {
  /** Scenarios and defects by name; all scenarios and {@link DEFECTS} defects if none is named. */
  readonly names: readonly string[]
  /** Only so many scenarios, and a third as many defects. */
  readonly sample?: number
  /** Which scenarios and defects are drawn. */
  readonly seed: number
  /** Of scenarios; a defect has bounds of its own. */
  readonly bounds: Bounds
}

/**
 * The subjects that are meant.
 *
 * @throws Error for a name that nothing has
 */
export function subjectsOf({ names, sample, seed, bounds }: Selection): readonly Subject[] {
  const ofScenario = (scenario: Scenario) => subjectOf(scenario, bounds)
  if (names.length > 0)
    return names.map((name) => {
      const scenario = scenarios.find((candidate) => candidate.name === name)
      if (scenario !== undefined) return ofScenario(scenario)
      const defect = defects.find((candidate) => candidate.name === name)
      if (defect === undefined) throw new Error(`there is no scenario and no defect "${name}"`)
      return subjectOfDefect(defect)
    })
  const lasting = defects.filter(({ name }) => LASTING.includes(name))
  const others = shuffled(
    defects.filter(({ name }) => !LASTING.includes(name)),
    seed,
  )
  const drawn = [...lasting, ...others].slice(0, DEFECTS)
  if (sample === undefined) return [...scenarios.map(ofScenario), ...drawn.map(subjectOfDefect)]
  return [
    ...shuffled(scenarios, seed).slice(0, sample).map(ofScenario),
    ...shuffled(drawn, seed)
      .slice(0, Math.ceil(sample / 3))
      .map(subjectOfDefect),
  ]
}

function subjectOf(scenario: Scenario, bounds: Bounds): Subject {
  const { name } = scenario
  return { name, scenario, bounds, set: {}, defects: [], progress: PROGRESS.includes(name) }
}

function subjectOfDefect(defect: Defect): Subject {
  const scenario = scenarioOf(defect)
  if (scenario === undefined) throw new Error(`defect ${defect.name} has no scenario ${defect.scenario}`)
  return {
    name: defect.name,
    scenario,
    bounds: 'smoke',
    set: defect.set ?? {},
    defects: [defect],
    progress: LASTING.includes(defect.name),
  }
}

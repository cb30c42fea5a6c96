/**
 * Random walks that hold the renumbering of sequence numbers to be a bisimulation: a state and the one that stands for it
 * take the same steps, with the same results, say the same of every claim, and go to states for which one stands.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import odp from '../../examples/my-driver/driver.js'
import firstTry from '../../examples/my-driver/first-try.js'
import { defects, scenarioOf, scenarios, scenariosFor } from '../../spec/index.js'
import { Stepper } from '../../src/checker/explore/stepper.js'
import { type Injection, parametersOf, type State, TransitionSystem } from '../../src/checker/index.js'
import { acting, inside, NOBODY, use } from '../../src/world/acting.js'
import {
  BLOCKED,
  type Model,
  type Parameters,
  type Scenario,
  SpecificationError,
  Violation,
} from '../../src/world/index.js'
import { numberedDriver } from '../drivers/numbers.js'
import { storedNumberDriver } from '../drivers/shapes.js'

const SEED = 9
/** Most steps of a walk. */
const STEPS = 60

/** A walk: at each step which of the enabled steps is taken. */
const walks = fc.array(fc.nat({ max: 839 }), { minLength: STEPS, maxLength: STEPS })

/** What a step did, as far as a state that stands for another must do it too. */
interface Taken {
  /** What it returned, `blocked`, or the clause that it broke. */
  readonly answer: unknown
  /** What the claims about steps said. */
  readonly said: readonly string[]
  /** The state that stands for the one that it led to. */
  readonly led: string
  readonly next: State
}

/** Compares steps from states with steps from those that stand for them. */
class Walker {
  private readonly system: TransitionSystem
  private readonly stepper: Stepper
  private readonly model: Model
  /** How many states were not the ones that stand for them. */
  moved = 0

  constructor(model: Model, injections: readonly Injection[]) {
    this.model = model
    this.system = new TransitionSystem(
      model,
      injections.flatMap(({ overrides }) => overrides),
      'all',
    )
    this.stepper = new Stepper(this.system, 'asItIs')
  }

  /** Walks from the initial state, and says in what the two differ. */
  walk(choices: readonly number[]): string[] {
    let state: State = new Uint32Array(this.system.words)
    if (this.system.begin(state, 'asItIs') !== undefined) return []
    for (const choice of choices) {
      const normal = this.normalised(state)
      if (normal.join() !== state.join()) this.moved++
      const [before, standing] = [this.claims(state), this.claims(normal)]
      if (before.join() !== standing.join()) return [`claims: ${before} and ${standing}`]
      const next: State[] = []
      for (let thread = 0; thread < this.model.threads.length; thread++)
        for (let way = 0; way < this.stepper.outcomes(state, thread); way++) {
          const own = this.take(state, thread, way)
          if (own === undefined) return []
          const other = this.take(normal, thread, way)
          if (other === undefined) return [`thread ${thread}: the normalised state goes beyond a bound`]
          for (const what of ['answer', 'said', 'led'] as const)
            if (JSON.stringify(own[what]) !== JSON.stringify(other[what]))
              return [`thread ${thread}, way ${way}, ${what}: ${own[what]} and ${other[what]}`]
          if (own.led !== '') next.push(own.next)
        }
      if (next.length === 0) return []
      state = next[choice % next.length]
    }
    return []
  }

  /** Takes a step; undefined where a counter does not reach that far. */
  private take(from: State, thread: number, way: number): Taken | undefined {
    const next: State = new Uint32Array(this.system.words)
    try {
      const answer = this.stepper.take(from, thread, way, next)
      if (answer === BLOCKED) return { answer: 'blocked', said: [], led: '', next }
      acting.before = this.stepper.world(from)
      use(this.stepper.world(next))
      const said = inside(() =>
        (this.model.stepClaims ?? []).map(
          ({ judge }) => typeof judge(thread, this.system.view(from), this.system.view(next)),
        ),
      )
      return { answer: String(answer), said, led: this.normalised(next).join(), next }
    } catch (error) {
      acting.thread = NOBODY
      if (error instanceof Violation) return { answer: error.clause, said: [], led: '', next }
      if (error instanceof SpecificationError && error.code === 'bound-overflow') return undefined
      throw error
    }
  }

  private normalised(state: State): State {
    const normal = state.slice()
    this.system.normaliser.apply(this.stepper.world(normal))
    return normal
  }

  /** What every claim about states says. */
  private claims(state: State): string[] {
    const view = this.system.view(state)
    use(this.stepper.world(state))
    const { invariants = [], witnesses = [], progress = [], abstractions = [] } = this.model
    return inside(() => [
      ...invariants.map(({ judge }) => typeof judge(view)),
      ...witnesses.map(({ holds }) => `${holds(view)}`),
      ...progress.map(({ pending }) => `${pending(view)}`),
      ...abstractions.map(({ lifecycle, state }) => `${lifecycle.state()} ${state(view)}`),
    ])
  }
}

/** Walks a scenario some times; answers how many states others stood for. */
function walkRandomly(
  scenario: Scenario,
  { injections = [], set = {}, runs = 3 }: { injections?: Injection[]; set?: Parameters; runs?: number },
): number | undefined {
  const model = scenario.build(parametersOf(scenario, { bounds: 'smoke', set }))
  if ((model.normalisations ?? []).length === 0) return undefined
  const walker = new Walker(model, injections)
  fc.assert(
    fc.property(walks, (choices) => {
      expect(walker.walk(choices)).toEqual([])
    }),
    { numRuns: runs, seed: SEED },
  )
  return walker.moved
}

describe('the renumbering of sequence numbers is a bisimulation', () => {
  it('of the scenarios', () => {
    const moved = scenarios.map((scenario) => walkRandomly(scenario, {}))
    const renumbered = moved.filter((states) => states !== undefined)
    expect(renumbered.length).toBeGreaterThan(40)
    // A renumbering that changes nothing would be no evidence.
    expect(renumbered.filter((states) => states > 0).length).toBeGreaterThan(15)
  })

  it.each([
    ['odp', odp],
    ['odp-first-try', firstTry],
    ['with numbers of its own', numberedDriver('numbers', { sampleAfter: true, compares: 'own' })],
    ['with a stored number', storedNumberDriver('stored')],
  ])('of the driver %s', (_, driver) => {
    const moved = scenariosFor(driver).map((scenario) => walkRandomly(scenario, {}) ?? 0)
    expect(moved.reduce((sum, states) => sum + states, 0)).toBeGreaterThan(100)
  })

  it('of the defects', () => {
    let moved = 0
    for (const defect of defects) {
      const scenario = scenarioOf(defect)
      if (scenario === undefined) throw new Error(`no scenario ${defect.scenario}`)
      moved += walkRandomly(scenario, { injections: [defect], set: defect.set ?? {}, runs: 1 }) ?? 0
    }
    expect(moved).toBeGreaterThan(500)
  })

  it('and a renumbering that forgets a number is caught', () => {
    const scenario = scenarios.find(({ name }) => name === 'munmap')
    if (scenario === undefined) throw new Error('no scenario munmap')
    const forgetful: Scenario = {
      ...scenario,
      build(parameters) {
        const model = scenario.build(parameters)
        const [renumbering] = model.normalisations ?? []
        const sampled = renumbering.cells.filter(({ name }) => /notifier_seq/.test(name))
        expect(sampled).not.toEqual([])
        const forget = {
          ...renumbering,
          apply() {
            renumbering.apply()
            for (const cell of sampled) if (cell.get(acting.world) > 0) cell.set(acting.world, 1)
          },
        }
        return { ...model, normalisations: [forget] }
      },
    }
    expect(() => walkRandomly(forgetful, { runs: 50 })).toThrow(/answer|led/)
  })
})

/**
 * Random runs of models too large to explore completely, with fast-check. An arbitrary schedule
 * chooses the thread and the outcome of each step. A run that violates a claim is shrunk, both the
 * schedule and the parameters of the scenario.
 *
 * The file is long because a run, its schedule and its shrinking are one generator of fast-check.
 *
 * @module
 */
import fc from 'fast-check'
import { act, acting, inside, NOBODY, use } from '../../world/acting.js'
import { Violation } from '../../world/errors.js'
import type { Parameters, Scenario } from '../../world/model.js'
import { FINISHED } from '../../world/procedures/control.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import { running } from '../../world/procedures/running.js'
import type { World } from '../../world/records/layout.js'
import { parametersOf } from '../check.js'
import { coverageOf } from '../claims/coverage.js'
import { type Broken, Judge } from '../claims/judge.js'
import type { Locations } from '../explore/memo.js'
import { Stepper } from '../explore/stepper.js'
import { brokenBy, type State, TransitionSystem } from '../explore/system.js'
import { installGuards } from '../guard.js'
import { type Host, portableHost } from '../host.js'
import type { CheckOptions, Injection } from '../options.js'
import type { Coverage, TraceStep, ViolationReport } from '../result.js'
import { reportOf } from './trace.js'

/**
 * How threads are chosen. `random`: each step independently. `priority`: one thread runs whenever
 * it can, and a few times another one takes its place, so that long stretches of one thread meet
 * short ones of another. `coverage`: runs that reached new positions are kept, and other runs start
 * with their steps.
 */
export const SCHEDULES = ['random', 'priority', 'coverage'] as const

/** One of {@link SCHEDULES}. */
export type Schedule = (typeof SCHEDULES)[number]

/** Options of {@link checkAtRandom}. */
export interface RandomOptions extends Pick<CheckOptions, 'bounds' | 'set' | 'defects' | 'signal' | 'host'> {
  /** Number of runs (default 1000). */
  readonly runs?: number
  /** Maximum number of steps of a run (default 500). */
  readonly maxSteps?: number
  /** How threads are chosen (default `random`). */
  readonly schedule?: Schedule
  /** Seed; the same seed gives the same runs (default: a different one each time). */
  readonly seed?: number
  /** The run to start with, from {@link RandomResult.path}. */
  readonly path?: string
  /** Maximum time in milliseconds, including shrinking (default none). */
  readonly timeMs?: number
}

/** The result of {@link checkAtRandom}. */
export interface RandomResult {
  readonly scenario: string
  /** The requested parameters. Those of a violation's trace may be smaller. */
  readonly parameters: Parameters
  readonly defects: readonly string[]
  /** `no violation found` proves nothing. */
  readonly verdict: 'no violation found' | 'violated' | 'limit' | 'interrupted'
  /** Random runs never visit every state. */
  readonly exhaustive: false
  /** Number of runs, without those that shrank a violation. */
  readonly runs: number
  /** Maximum number of steps of a run. */
  readonly maxSteps: number
  readonly schedule: Schedule
  /** Steps taken in all runs. */
  readonly transitions: number
  /** Milliseconds. */
  readonly elapsedMs: number
  /** Pass it to {@link checkAtRandom}, with {@link path}, to repeat the finding. */
  readonly seed: number
  /**
   * The run that violated the claim and how it was shrunk, in fast-check's notation. Absent if
   * there is none, or if runs depend on earlier ones (`coverage`).
   */
  readonly path?: string
  /** How often the violation was made simpler. */
  readonly shrinks: number
  readonly violation?: ViolationReport
  readonly witnesses: readonly { readonly name: string; readonly reached: boolean }[]
  readonly coverage: Coverage
}

/** One decision of a schedule encodes the thread and the outcome. 840 is a multiple of 1 … 8. */
const WAYS = 840
/** Milliseconds between two turns of the event loop, so that an interrupt is noticed. */
const TURN_MS = 50

/**
 * Runs a scenario many times with random schedules. Claims about states and steps, assertions,
 * statecharts and deadlock are judged as in {@link check}. Progress claims are not checked, and a
 * witness that was not reached is not a violation, since runs end early.
 *
 * @param scenario - the scenario to run
 * @param options - bounds, number and length of runs, seed
 * @returns a violation, shrunk to few steps and small parameters, with a trace that {@link replay}
 * repeats; or that none was found, which does not prove that there is none
 * @throws SpecificationError if the scenario or one of its procedures is wrong
 *
 * @example
 * ```ts
 * const result = await checkAtRandom(scenario, { bounds: 'deep', runs: 5000, seed: 1 })
 * if (result.verdict === 'violated') console.log(result.violation?.trace.steps.length, result.seed, result.path)
 * ```
 */
export async function checkAtRandom(scenario: Scenario, options: RandomOptions = {}): Promise<RandomResult> {
  installGuards()
  const parameters = parametersOf(scenario, options)
  const defects = options.defects ?? []
  const maxSteps = options.maxSteps ?? 500
  const seed = options.seed ?? Math.floor(Math.random() * 0x7fffffff)
  const walkers = new Walkers(scenario, defects)
  const asked = walkers.at(parameters)
  const watch = new Watch(options)
  let sought: Broken | undefined
  let mistake: unknown
  let runs = 0
  let ended = false
  /**
   * fast-check ends its runs only on failure, so ending early is reported as one, unless a
   * violation is being shrunk. The failure itself is not shrunk.
   */
  const end = (): boolean => {
    ended = true
    return sought !== undefined
  }

  const schedule = options.schedule ?? 'random'
  const corpus: (readonly number[])[] = []
  const run = fc.tuple(
    parametersUpTo(scenario, parameters, options.set ?? {}),
    new Decisions(schedule, maxSteps, corpus),
  )
  const property = fc.asyncProperty(new ShrinkingUntil(run, () => ended), async ([parameters, decisions]) => {
    if (!(await watch.goOn())) return end()
    if (sought === undefined) runs++
    try {
      const walker = walkers.at(parameters)
      const seen = schedule === 'coverage' ? walker.seen() : undefined
      const broken = walker.walk(decisions)
      if (seen !== undefined && walker.seen() > seen) corpus.push(decisions)
      if (broken === undefined) return true
      // While it is shrunk, a violation must keep its claim.
      sought ??= broken
      return broken.kind !== sought.kind || broken.claim !== sought.claim
    } catch (error) {
      // Smaller parameters may not fit together; the requested ones must.
      if (sought !== undefined) return true
      mistake = error
      return end()
    }
  })
  const found = await fc.check(property, {
    numRuns: options.runs ?? 1000,
    seed,
    ...(options.path === undefined ? {} : { path: options.path }),
  })
  if (mistake !== undefined) throw mistake
  const violation =
    found.counterexample === null
      ? undefined
      : walkers.at(found.counterexample[0][0]).report(found.counterexample[0][1])
  return {
    scenario: scenario.name,
    parameters,
    defects: defects.map((defect) => defect.name),
    verdict: violation !== undefined ? 'violated' : (watch.stopped ?? 'no violation found'),
    exhaustive: false,
    runs,
    maxSteps,
    schedule,
    transitions: walkers.transitions,
    elapsedMs: watch.elapsedMs,
    seed,
    ...(violation === undefined || found.counterexamplePath === null || schedule === 'coverage'
      ? {}
      : { path: found.counterexamplePath }),
    shrinks: violation === undefined ? 0 : found.numShrinks,
    ...(violation ? { violation } : {}),
    witnesses: asked.witnesses(),
    coverage: asked.coverage(),
  }
}

/** Maximum number of changes of the preferred thread. */
const MOST_CHANGES = 4

/** The decisions of a run, one for each step. Shrunk like a list of numbers. */
class Decisions extends fc.Arbitrary<number[]> {
  private readonly list: fc.Arbitrary<number[]>

  /** @param corpus - runs that reached new positions */
  constructor(
    private readonly schedule: Schedule,
    private readonly length: number,
    private readonly corpus: readonly (readonly number[])[],
  ) {
    super()
    this.list = fc.array(fc.nat({ max: WAYS * WAYS - 1 }), { maxLength: length, size: 'max' })
  }

  override generate(random: fc.Random): fc.Value<number[]> {
    if (this.schedule === 'priority') return new fc.Value(this.byPriority(random), undefined)
    const { corpus } = this
    if (this.schedule === 'random' || corpus.length === 0 || random.nextBoolean())
      return this.list.generate(random, undefined)
    const known = corpus[random.nextInt(0, corpus.length - 1)]
    const kept = known.slice(0, random.nextInt(0, known.length))
    const rest = Array.from({ length: this.length - kept.length }, () => random.nextInt(0, WAYS * WAYS - 1))
    return new fc.Value([...kept, ...rest], undefined)
  }

  private byPriority(random: fc.Random): number[] {
    const changes = Array.from({ length: random.nextInt(0, MOST_CHANGES) }, () =>
      random.nextInt(1, this.length),
    )
    let first = random.nextInt(0, WAYS - 1)
    return Array.from({ length: this.length }, (_, i) => {
      if (changes.includes(i)) first = random.nextInt(0, WAYS - 1)
      return first + WAYS * random.nextInt(0, WAYS - 1)
    })
  }

  override canShrinkWithoutContext(value: unknown): value is number[] {
    return this.list.canShrinkWithoutContext(value)
  }

  override shrink(value: number[], context: unknown): fc.Stream<fc.Value<number[]>> {
    return this.list.shrink(value, context)
  }
}

/** Generates `top`; shrinks towards `min`. */
class Shrinking extends fc.Arbitrary<number> {
  private readonly range: fc.Arbitrary<number>

  constructor(
    min: number,
    private readonly top: number,
  ) {
    super()
    this.range = fc.integer({ min, max: top })
  }

  override generate(): fc.Value<number> {
    return new fc.Value(this.top, undefined)
  }

  override canShrinkWithoutContext(value: unknown): value is number {
    return this.range.canShrinkWithoutContext(value)
  }

  override shrink(value: number, context: unknown): fc.Stream<fc.Value<number>> {
    return this.range.shrink(value, context)
  }
}

/** Stops shrinking when `ended` returns true. */
class ShrinkingUntil<T> extends fc.Arbitrary<T> {
  constructor(
    private readonly arbitrary: fc.Arbitrary<T>,
    private readonly ended: () => boolean,
  ) {
    super()
  }

  override generate(random: fc.Random, biasFactor: number | undefined): fc.Value<T> {
    return this.arbitrary.generate(random, biasFactor)
  }

  override canShrinkWithoutContext(value: unknown): value is T {
    return this.arbitrary.canShrinkWithoutContext(value)
  }

  override shrink(value: T, context: unknown): fc.Stream<fc.Value<T>> {
    return this.arbitrary.shrink(value, context).takeWhile(() => !this.ended())
  }
}

/** The requested parameters, shrinking towards the minimum. Those set by name are not shrunk. */
function parametersUpTo(scenario: Scenario, asked: Parameters, set: Parameters): fc.Arbitrary<Parameters> {
  const arbitraries: Record<string, fc.Arbitrary<number>> = {}
  for (const [name, { min }] of Object.entries(scenario.parameters))
    arbitraries[name] = name in set ? fc.constant(asked[name]) : new Shrinking(min, asked[name])
  return fc.record(arbitraries)
}

/** Enforces the time limit and interrupts. */
class Watch {
  private readonly host: Host
  private readonly began: number
  private lastTurn: number
  stopped: 'limit' | 'interrupted' | undefined

  constructor(private readonly options: RandomOptions) {
    this.host = options.host ?? portableHost
    this.began = this.host.now()
    this.lastTurn = this.began
  }

  get elapsedMs(): number {
    return this.host.now() - this.began
  }

  /** False if there should be no more runs. */
  async goOn(): Promise<boolean> {
    if (this.stopped !== undefined) return false
    const now = this.host.now()
    if (now - this.lastTurn >= TURN_MS) {
      this.lastTurn = now
      await this.host.pause()
    }
    if (this.options.signal?.aborted) this.stopped = 'interrupted'
    else if (this.options.timeMs !== undefined && now - this.began > this.options.timeMs)
      this.stopped = 'limit'
    return this.stopped === undefined
  }
}

/** Walkers by parameters. Each keeps its control graph from run to run. */
class Walkers {
  private readonly known = new Map<string, Walker>()

  constructor(
    private readonly scenario: Scenario,
    private readonly defects: readonly Injection[],
  ) {}

  at(parameters: Parameters): Walker {
    const key = JSON.stringify(Object.entries(parameters).sort())
    let walker = this.known.get(key)
    if (walker === undefined) {
      walker = new Walker(this.scenario, parameters, this.defects)
      this.known.set(key, walker)
    }
    return walker
  }

  /** Steps taken by all walkers. */
  get transitions(): number {
    let sum = 0
    for (const walker of this.known.values()) sum += walker.transitions
    return sum
  }
}

/**
 * Called for each step of a walk. The last step may have violated a claim before it was complete.
 */
type OnStep = (before: State, after: State, thread: number, choice: number, result: unknown) => void

/** Walks through one model, one schedule at a time. */
class Walker {
  transitions = 0
  private readonly system: TransitionSystem
  private readonly judge: Judge
  private readonly current: State
  private readonly next: State
  private readonly currentWorld: World
  private readonly nextWorld: World
  private readonly currentView: Locations
  private readonly nextView: Locations
  private thread = 0
  private choice = 0

  constructor(
    private readonly scenario: Scenario,
    private readonly parameters: Parameters,
    private readonly defects: readonly Injection[],
  ) {
    const model = scenario.build(parameters)
    this.system = new TransitionSystem(
      model,
      defects.flatMap((defect) => defect.overrides),
    )
    this.judge = new Judge(model)
    this.current = new Uint32Array(this.system.words)
    this.next = new Uint32Array(this.system.words)
    this.currentWorld = this.system.world(this.current)
    this.nextWorld = this.system.world(this.next)
    this.currentView = this.system.view(this.current)
    this.nextView = this.system.view(this.next)
  }

  /**
   * Runs `schedule` from the initial state until it ends, no thread can take a step, or a claim is
   * violated. Returns the violation.
   */
  walk(schedule: readonly number[], onStep?: OnStep): Broken | undefined {
    return inside(() => this.run(schedule, onStep))
  }

  private run(schedule: readonly number[], onStep?: OnStep): Broken | undefined {
    const { system, judge, current, next } = this
    const early = system.begin(current) ?? judge.state(this.currentWorld, this.currentView)
    if (early !== undefined) return early
    for (const decision of schedule) {
      let result: unknown
      try {
        result = this.move(decision)
      } catch (error) {
        if (!(error instanceof Violation)) throw system.explain(error, current, this.thread)
        onStep?.(current, next, this.thread, this.choice, 0)
        return brokenBy(error)
      } finally {
        acting.thread = NOBODY
      }
      if (result === BLOCKED) return system.stuck(current)
      this.transitions++
      onStep?.(current, next, this.thread, this.choice, result)
      const broken =
        judge.step(this.currentWorld, this.nextWorld, this.thread, this.currentView, this.nextView) ??
        judge.state(this.nextWorld, this.nextView)
      if (broken !== undefined) return broken
      current.set(next)
    }
    return undefined
  }

  /**
   * Takes the step that `decision` selects from the current state to the next. If that step is
   * blocked, takes the next one in order that is not.
   *
   * @returns the result of the step, or {@link BLOCKED} if no thread can take one
   */
  private move(decision: number): unknown {
    const { current, next, system, nextWorld } = this
    const { control, worldWords } = system
    const threads = system.model.threads.length
    for (let i = 0; i < threads; i++) {
      this.thread = ((decision % WAYS) + i) % threads
      const location = current[worldWords + this.thread]
      if (location === FINISHED) continue
      const outcomes = control.choices[location]
      for (let j = 0; j < outcomes; j++) {
        this.choice = (Math.floor(decision / WAYS) + j) % outcomes
        next.set(current)
        running.locations = control
        running.location = location
        running.started++
        act(this.thread, system.unclaimed)
        use(nextWorld)
        const result = control.runs[location](this.choice)
        if (acting.raised !== undefined) throw acting.raised
        if (result !== BLOCKED) {
          next[worldWords + this.thread] = control.successor(location, result)
          return result
        }
        system.mustBeUnchanged(current, next, location)
      }
    }
    return BLOCKED
  }

  /** Walks again and reports the violation, with the trace. */
  report(schedule: readonly number[]): ViolationReport | undefined {
    const stepper = new Stepper(this.system)
    const steps: TraceStep[] = []
    const broken = this.walk(schedule, (before, after, thread, choice, result) => {
      steps.push(stepper.describe(before, after, thread, choice, result))
    })
    if (broken === undefined) return undefined
    const about = {
      scenario: this.scenario.name,
      parameters: this.parameters,
      defects: this.defects.map((defect) => defect.name),
      threads: this.system.model.threads.map((thread) => thread.name),
    }
    return reportOf(about, broken, steps, { shortest: false })
  }

  /**
   * Increases whenever a walk reaches something new: a position of a thread, a transition of a
   * statechart, a witness.
   */
  seen(): number {
    const { control, taken } = this.system
    let sum = control.choices.length
    for (const counts of taken.values()) for (const count of counts) if (count > 0) sum++
    for (const reached of this.judge.reached) if (reached) sum++
    return sum
  }

  witnesses(): { name: string; reached: boolean }[] {
    return (this.system.model.witnesses ?? []).map(({ name }, i) => ({
      name,
      reached: this.judge.reached[i],
    }))
  }

  coverage(): Coverage {
    const { model, control, taken } = this.system
    return coverageOf({ model, control, taken, exercised: this.judge.exercised })
  }
}

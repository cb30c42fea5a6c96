/**
 * Random runs of worlds too large to exhaust, under fast-check: an arbitrary schedule says at each step which thread
 * goes on and which way, and a run that breaks a claim is shrunk, both the schedule and the scenario's parameters.
 *
 * A run, its schedule and its shrinking are one generator of fast-check; that is why the file is long.
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
 * How threads are chosen. `random`: each step by itself. `priority`: one thread goes first whenever it can, and another after
 * each of a few changes, so that long stretches of one thread meet short ones of another. `coverage`: runs that came
 * where none was before are kept, and others begin as they did.
 */
export const SCHEDULES = ['random', 'priority', 'coverage'] as const

/** One of {@link SCHEDULES}. */
export type Schedule = (typeof SCHEDULES)[number]

/** Options of {@link checkAtRandom}. */
export interface RandomOptions extends Pick<CheckOptions, 'bounds' | 'set' | 'defects' | 'signal' | 'host'> {
  /** How many runs (default 1000). */
  readonly runs?: number
  /** Most steps of a run (default 500). */
  readonly maxSteps?: number
  /** How threads are chosen (default `random`). */
  readonly schedule?: Schedule
  /** Where the randomness starts; the same seed gives the same runs (default: another each time). */
  readonly seed?: number
  /** The run to begin with, as {@link RandomResult.path} gave it. */
  readonly path?: string
  /** Most milliseconds, shrinking included (default none). */
  readonly timeMs?: number
}

/** The answer of {@link checkAtRandom}. */
export interface RandomResult {
  readonly scenario: string
  /** The parameters that were asked for; those of a violation's trace may be smaller. */
  readonly parameters: Parameters
  readonly defects: readonly string[]
  /** Nothing that was found is nothing proved. */
  readonly verdict: 'no violation found' | 'violated' | 'limit' | 'interrupted'
  /** Random runs never visit every state. */
  readonly exhaustive: false
  /** Runs taken, not counting those by which a violation was shrunk. */
  readonly runs: number
  /** Most steps of a run. */
  readonly maxSteps: number
  readonly schedule: Schedule
  /** Steps taken in all of them. */
  readonly transitions: number
  /** Milliseconds. */
  readonly elapsedMs: number
  /** Give it, and {@link path}, to {@link checkAtRandom} to see the same again. */
  readonly seed: number
  /**
   * Which run broke the claim and how it was shrunk, in fast-check's notation; absent where none did, and where runs depend on
   * those before them (`coverage`).
   */
  readonly path?: string
  /** How often the violation was made simpler. */
  readonly shrinks: number
  readonly violation?: ViolationReport
  readonly witnesses: readonly { readonly name: string; readonly reached: boolean }[]
  readonly coverage: Coverage
}

/** One decision of a schedule: which thread goes first, and which of its ways. 840 is a multiple of 1 … 8. */
const WAYS = 840
/** Milliseconds between two turns of the event loop, so that an interrupt is heard. */
const TURN_MS = 50

/**
 * Runs a scenario at random many times. Claims about states and steps, assertions, statecharts and deadlock are judged as
 * {@link check} judges them; progress and witnesses that were not reached are not violations, since runs end early.
 *
 * @param scenario - what to run
 * @param options - at which bounds, how often, how long, from which seed
 * @returns a violation with a trace that {@link replay} runs again, shrunk to few steps and small parameters, or that
 * none was found: which is not that there is none
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
  /** Only a failure ends fast-check's runs, so an end is one, unless a violation is being shrunk. It is not shrunk. */
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
      // While it is shrunk, a violation must stay what it is.
      sought ??= broken
      return broken.kind !== sought.kind || broken.claim !== sought.claim
    } catch (error) {
      // Smaller parameters may make no sense together; those asked for must.
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

/** Most changes of the thread that goes first. */
const MOST_CHANGES = 4

/** The decisions of a run, one for each step; shrunk as a list of numbers is. */
class Decisions extends fc.Arbitrary<number[]> {
  private readonly list: fc.Arbitrary<number[]>

  /** @param corpus - runs that came where none was before */
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

/** Shrinks no further once `ended` says so. */
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

/** The parameters that were asked for, shrinking towards the smallest; those set by name stay as they are. */
function parametersUpTo(scenario: Scenario, asked: Parameters, set: Parameters): fc.Arbitrary<Parameters> {
  const arbitraries: Record<string, fc.Arbitrary<number>> = {}
  for (const [name, { min }] of Object.entries(scenario.parameters))
    arbitraries[name] = name in set ? fc.constant(asked[name]) : new Shrinking(min, asked[name])
  return fc.record(arbitraries)
}

/** Sees to it that runs end in time. */
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

  /** False once there should be no more runs. */
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

/** Walkers by parameters: each keeps its control states from run to run. */
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

  /** Steps taken by all of them. */
  get transitions(): number {
    let sum = 0
    for (const walker of this.known.values()) sum += walker.transitions
    return sum
  }
}

/** Sees each step of a walk; the last one may have broken a claim in the middle of its work. */
type OnStep = (before: State, after: State, thread: number, choice: number, result: unknown) => void

/** Walks through one model, a schedule at a time. */
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

  /** Runs `schedule` from the initial state until it ends, nothing can go on, or a claim is broken, which is returned. */
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
   * Takes the step that `decision` asks for from the current state to the next; where that cannot be taken, the first
   * after it that can.
   *
   * @returns what the step returned, or {@link BLOCKED} if no thread can go on
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

  /** Walks again and reports what is broken, with the trace of the steps. */
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

  /** Grows whenever a walk has come where none was before: a position of a thread, a transition of a statechart, a witness. */
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

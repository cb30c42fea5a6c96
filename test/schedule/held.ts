/**
 * Runs a scenario at random with threads held as the kernel would hold them: written from what hold.c does, and nothing shared with
 * what makes schedules but the points themselves.
 */

import { Judge } from '../../src/checker/claims/judge.js'
import { Stepper } from '../../src/checker/explore/stepper.js'
import { type State, TransitionSystem } from '../../src/checker/explore/system.js'
import type { Trace } from '../../src/checker/index.js'
import type { Hold, Point } from '../../src/conformance/schedule/schedule.js'
import { eventOf, instrumented } from '../../src/conformance/validate/instrument.js'
import { judgedIn } from '../../src/conformance/validate/table.js'
import { BLOCKED, type Scenario, Violation } from '../../src/world/index.js'

interface Thread {
  readonly holds: readonly Hold[]
  /** How its steps go, as in the run; those after its end go any way. */
  readonly choices: number[]
  came: number
  passed: number
  hits: number
  begun: boolean
}

/** True if the run breaks the clause. */
export function breaksHeld(
  scenario: Scenario,
  { parameters, clause, steps }: Pick<Trace, 'parameters' | 'clause' | 'steps'>,
  holds: readonly Hold[],
  seed: number,
): boolean {
  const model = scenario.build(parameters)
  const points = instrumented([...judgedIn('6.1').values()], model.overrides ?? [])
  const system = new TransitionSystem(model, points)
  const stepper = new Stepper(system, 'asItIs')
  const of = (claim: { readonly clause: string }) => claim.clause === clause
  const judge = new Judge({
    layout: model.layout,
    threads: model.threads,
    invariants: (model.invariants ?? []).filter(of),
    stepClaims: (model.stepClaims ?? []).filter(of),
  })
  const threads = model.threads.map((_, thread): Thread => {
    const own = holds.filter((hold) => hold.thread === thread)
    const choices = steps.flatMap((step) => (step.thread === thread ? step.choice : []))
    return { holds: own, choices, came: 0, passed: 0, hits: 0, begun: false }
  })
  const random = numbers(seed)
  let state: State = new Uint32Array(system.words)
  system.begin(state, 'asItIs')

  const mayPass = ({ until }: Hold) =>
    threads[until.thread].came >= until.holds || stepper.finished(state, until.thread)
  /** Comes to a point, or still stands there; false if it must wait. */
  const comes = (thread: Thread, point: Point | undefined): boolean => {
    const hold = thread.holds[thread.passed]
    if (hold?.point?.function !== point?.function || hold?.point?.at !== point?.at || hold === undefined)
      return true
    if (thread.came === thread.passed) {
      if (++thread.hits < hold.nth) return true
      thread.came++
    }
    if (!mayPass(hold)) return false
    thread.passed++
    thread.hits = 0
    return true
  }

  for (let idle = 0; idle < MOST_IDLE; ) {
    const index = random(threads.length)
    const thread = threads[index]
    idle++
    if (stepper.finished(state, index)) continue
    if (!thread.begun) {
      if (!comes(thread, undefined)) continue
      thread.begun = true
    }
    const event = eventOf(system.control.runs[state[system.worldWords + index]])
    const isPoint = event !== undefined && (event.at === 'entry' || event.at === 'return')
    if (isPoint && !comes(thread, { function: event.judged.function, at: event.at as 'entry' })) continue
    const next: State = new Uint32Array(state.length)
    try {
      const isStep = event === undefined
      const choice = (isStep ? thread.choices[0] : 0) ?? random(stepper.outcomes(state, index))
      if (stepper.take(state, index, choice, next) === BLOCKED) continue
      if (isStep) thread.choices.shift()
    } catch (error) {
      if (error instanceof Violation) return error.clause === clause
      throw error
    }
    const [from, to] = [system.view(state), system.view(next)]
    try {
      if (
        judge.step(system.world(state), system.world(next), index, from, to) ??
        judge.state(system.world(next), to)
      )
        return true
    } catch (error) {
      if (error instanceof Violation) return error.clause === clause
      throw error
    }
    state = next
    idle = 0
  }
  return false
}

/** After so many threads in a row that cannot go on, none can. */
const MOST_IDLE = 100

/** Whole numbers below a limit. */
function numbers(seed: number) {
  let x = seed * 2654435761
  return (limit: number) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    return Math.floor((x / 2 ** 32) * limit)
  }
}

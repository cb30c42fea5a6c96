/**
 * Runs what a search has found once more, in a world of its own and as JavaScript runs it: a generator for each call, a stack of
 * calls for each thread. It shares nothing with the control graph that the search went by.
 *
 * @module
 */
import { act, acting, inside, NO_WORLD, NOBODY, use } from '../../world/acting.js'
import {
  type AnyProcedure,
  BLOCKED,
  type Body,
  bodiesOf,
  type Running,
  SpecificationError,
  type Step,
} from '../../world/index.js'
import { bindingsOf, eventOf, type ModelEnd, type ModelEvent } from './instrument.js'
import { BEGINNING, hadBy, nextEvents, placeAfter } from './place.js'
import type { RunPart } from './search.js'
import { agrees, NOTHING_CLAIMED } from './threads.js'
import { isFork, probeKey, type Race, type RaceEvent } from './trace/race.js'
import type { Program, RaceWorld } from './world.js'

/** What a run took. */
export interface Rerun {
  readonly steps: number
  readonly events: number
  /** How often each step was taken, by procedure and step. */
  readonly taken: ReadonlyMap<string, number>
}

interface Frame {
  readonly procedure: AnyProcedure
  readonly running: Running<unknown>
}

/** What a thread does: an operation, or an invalidation of other pages within it. */
interface Activity {
  readonly frames: Frame[]
  step: Step | undefined
}

/**
 * Runs the parts of `run`.
 *
 * @param world - a world of its own: the search must not have used it
 * @throws SpecificationError `non-deterministic` if it does not go as the search says
 */
export function rerun(world: RaceWorld, race: Race, run: readonly RunPart[]): Rerun {
  return new Executor(world, race).run(run)
}

class Executor {
  private readonly bodies: ReadonlyMap<AnyProcedure, Body<unknown[], unknown>>
  private readonly own: readonly (readonly [operation: Activity, aside: Activity])[]
  private readonly taken = new Map<string, number>()
  /** By thread: the last event of its operation, and of its invalidation of other pages. */
  private readonly last: [operation?: RaceEvent, aside?: RaceEvent][] = []
  private place = BEGINNING
  /** The event that was had last. */
  private told: RaceEvent | undefined
  private steps = 0

  constructor(
    private readonly world: RaceWorld,
    private readonly race: Race,
  ) {
    this.bodies = bodiesOf(world.overrides)
    this.own = race.threads.map(() => [
      { frames: [], step: undefined },
      { frames: [], step: undefined },
    ])
  }

  run(parts: readonly RunPart[]): Rerun {
    inside(() => {
      for (const part of parts) {
        if (part.kind === 'event') this.event(part.index)
        else this.step(part.move.thread, part.move.choice)
      }
    })
    if (this.place.index < this.race.events.length) this.differs('it ends before the trace')
    return { steps: this.steps, events: hadBy(this.place), taken: this.taken }
  }

  /** The next event of the trace. */
  private event(index: number): void {
    const told = this.race.events[index]
    if (!nextEvents(this.race.events, this.place).includes(index)) this.differs('an event is out of order')
    this.place = placeAfter(this.place, index)
    this.told = told
    const [operation, aside] = this.own[told.thread]
    if (told.kind === 'begin') {
      if (operation.step || aside.step) this.differs('a thread that is in an operation begins another')
      this.start(told.thread, operation, this.world.operation(told.thread, told.operation))
      if (isFork(told)) {
        const child = this.childOf(told.thread)
        this.start(child, this.own[child][0], this.world.child(child))
      }
    } else if (told.kind === 'exited') {
      if (this.own[this.childOf(told.thread)]?.[0].step) this.differs('the child has not ended')
    } else if (told.kind === 'aside')
      this.start(told.thread, aside, this.world.aside(told.thread, told.event))
    else {
      const activity = this.activity(told.thread)
      const event = activity.step && eventOf(activity.step.run)
      if (event === undefined || !this.isSame(told, event)) this.differs('the thread stands elsewhere')
      this.goOn(told.thread, activity, 0)
    }
    const last = this.last[told.thread] ?? []
    last[told.kind === 'probe' && told.aside ? 1 : 0] = told
    this.last[told.thread] = last
    this.settle(told.thread)
  }

  private childOf(thread: number): number {
    return this.race.threads.findIndex(({ forkedBy }) => forkedBy === thread)
  }

  private step(thread: number, choice: number): void {
    const activity = this.activity(thread)
    const { step, frames } = activity
    if (step === undefined) this.differs('a thread that is in no operation takes a step')
    const event = eventOf(step.run)
    if (event !== undefined) {
      if (event.at !== 'sample' || !this.hasSampled(thread, event)) this.differs('an event is no step')
      this.goOn(thread, activity, 0)
    } else {
      act(thread, NOTHING_CLAIMED)
      use(this.world.initial)
      const answer = step.run(choice)
      if (acting.raised !== undefined) throw acting.raised
      if (answer === BLOCKED) this.differs(`step "${step.name}" is blocked`)
      this.steps++
      const name = `${frames[frames.length - 1].procedure.procedureName}: ${step.name}`
      this.taken.set(name, (this.taken.get(name) ?? 0) + 1)
      this.goOn(thread, activity, answer)
    }
    this.settle(thread)
  }

  /** Goes past the events that the trace cannot have. */
  private settle(thread: number): void {
    for (;;) {
      const activity = this.activity(thread)
      const event = activity.step && eventOf(activity.step.run)
      if (event === undefined || event.at === 'end' || !this.isUntold(thread, activity, event)) return
      this.goOn(thread, activity, 0)
    }
  }

  private isUntold(thread: number, activity: Activity, { judged, at, args }: ModelEvent): boolean {
    if (this.race.threads[thread].forkedBy !== undefined) return true
    const probed = activity === this.own[thread][1] ? this.race.probedAside : this.race.probed
    if (!probed.has(probeKey(judged.function, at === 'return' ? 'return' : 'entry'))) return true
    this.look()
    if (!judged.happens(args)) return true
    const calls = activity.frames.filter(({ procedure }) => procedure === judged.procedure)
    return judged.loops && calls.length > 1
  }

  private isSame(told: RaceEvent, event: ModelEvent | ModelEnd): boolean {
    if (event.at === 'end')
      return told.kind === 'end' && agrees(told.answer, new Map(Object.entries(event.answer)))
    return (
      told.kind === 'probe' &&
      told.judged === event.judged &&
      told.at === event.at &&
      agrees(told.values, this.valuesOf(event))
    )
  }

  private hasSampled(thread: number, event: ModelEvent): boolean {
    const told = this.last[thread]?.[this.own[thread][1].step ? 1 : 0]
    return told?.kind !== 'probe' || agrees(told.values, this.valuesOf(event))
  }

  private valuesOf(event: ModelEvent): Map<string, number> {
    this.look()
    const { args, result } = event
    const bindings = bindingsOf(event)
    return new Map(Object.entries(bindings).map(([field, { of }]) => [field, of(args, result)]))
  }

  private look(): void {
    act(NOBODY, NOTHING_CLAIMED)
    use(this.world.initial)
  }

  private activity(thread: number): Activity {
    const [operation, aside] = this.own[thread]
    return aside.step ? aside : operation
  }

  private start(thread: number, activity: Activity, { procedure, args }: Program): void {
    this.enter(activity, procedure, args)
    this.goOn(thread, activity, undefined)
  }

  private enter({ frames }: Activity, procedure: AnyProcedure, args: readonly unknown[]): void {
    const body = this.bodies.get(procedure) ?? (procedure.body as Body<unknown[], unknown>)
    frames.push({ procedure, running: body(...args) })
  }

  /** Resumes a thread until it publishes its next step, or ends. */
  private goOn(thread: number, activity: Activity, answer: unknown): void {
    const { frames } = activity
    activity.step = undefined
    acting.thread = thread
    acting.world = NO_WORLD
    let input = answer
    while (frames.length > 0) {
      const { value, done } = frames[frames.length - 1].running.next(input)
      if (acting.raised !== undefined) throw acting.raised
      input = undefined
      if (done) {
        frames.pop()
        input = value
      } else if (value.kind === 'step') {
        activity.step = value
        return
      } else {
        if (value.kind === 'become') frames.pop()
        this.enter(activity, value.procedure, value.args)
      }
    }
  }

  private differs(what: string): never {
    throw new SpecificationError(
      'non-deterministic',
      `the run that explains ${this.race.file} is not to be run again: ${what}, at or after line ${this.told?.line ?? 1}; a step ` +
        'of the specification is not deterministic',
    )
  }
}

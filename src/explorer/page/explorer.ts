/**
 * The state of the page: what is chosen, the run, what a check has found; and everything that a reader can do.
 *
 * @module
 */

import type { Move } from '../../checker/explore/stepper.js'
import type { Progress } from '../../checker/result.js'
import { addressOf, placeOf } from '../address.js'
import type { Brought, Checked, Snapshot } from '../messages.js'
import type { Goal } from '../reach.js'
import type { Catalogue, Subject } from '../subject.js'
import type { PublishedTexts } from '../texts.js'
import type { Engine } from './engine.js'
import { goalNamed, goalText } from './goals.js'

/** A run that was left for another. */
export interface Fork {
  readonly moves: readonly Move[]
  /** Where it was left. */
  readonly at: number
  /** What it breaks at its end. */
  readonly clause?: string
}

/** Something that is under way, and how far it is. */
export interface Job {
  readonly what: string
  readonly progress?: string
}

/** What is shown. */
export interface Shown {
  readonly catalogue?: Catalogue
  readonly texts: PublishedTexts
  readonly snapshot?: Snapshot
  readonly checked?: Checked
  readonly job?: Job
  readonly message?: { readonly kind: 'says' | 'refused'; readonly text: string }
  readonly forks: readonly Fork[]
  /** The driver that was brought last. */
  readonly brought?: Brought
}

const FIRST: Subject = { scenario: 'munmap', bounds: 'smoke', set: {} }

/** What a reader does, and what comes of it. */
export class Explorer {
  shown: Shown = { texts: { procedures: {}, overrides: [] }, forks: [] }
  private written = ''
  private jobs = 0
  /** What was asked for last: who asks faster than the worker answers is served in order. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly engine: Engine,
    private readonly show: (shown: Shown) => void,
  ) {}

  private set(change: { readonly [K in keyof Shown]?: Shown[K] | undefined }): void {
    const next = { ...this.shown, ...change } as Record<string, unknown>
    for (const [name, value] of Object.entries(next)) if (value === undefined) delete next[name]
    this.shown = next as unknown as Shown
    this.show(this.shown)
  }

  /** Asks what there is to choose from, and opens the address. */
  async start(texts: PublishedTexts): Promise<void> {
    this.set({ catalogue: await this.engine.ask('catalogue', {}), texts })
    addEventListener('hashchange', () => {
      if (location.hash.slice(1) !== this.written) void this.openAddress()
    })
    await this.openAddress()
  }

  /** Opens what the address bar says. */
  async openAddress(): Promise<void> {
    const hash = location.hash.slice(1)
    if (hash === '') return this.choose(FIRST)
    let subject: Subject | undefined
    try {
      const place = placeOf(hash)
      subject = place.subject
      const { run, at } = place
      const isOther = JSON.stringify(subject) !== JSON.stringify(this.shown.snapshot?.subject)
      const snapshot = await this.engine.ask('open', { subject, run, ...(at === undefined ? {} : { at }) })
      this.written = hash
      this.set({ snapshot, message: undefined, ...(isOther ? { checked: undefined, forks: [] } : {}) })
      if (place.check) await this.check()
      if (place.to !== undefined) await this.searchNamed(place.to)
    } catch (error) {
      // What the address says stays in it, for the reader to look at.
      const snapshot =
        (await this.engine.ask('open', { subject: subject ?? FIRST, run: [] }).catch(() => undefined)) ??
        (await this.engine.ask('open', { subject: FIRST, run: [] }))
      this.set({ snapshot, checked: undefined, forks: [], message: refusal(error) })
    }
  }

  /** Begins anew with another subject. */
  async choose(subject: Subject): Promise<void> {
    await this.shows(this.engine.ask('open', { subject, run: [] }), { checked: undefined, forks: [] })
  }

  /** Puts a driver of the reader's into the scenario, or into the first that takes one. */
  async bring(text: string): Promise<void> {
    const { snapshot, texts } = this.shown
    try {
      const brought = await this.engine.ask('driver', { text })
      const own = brought.texts.map(({ procedure, text }) => [
        procedure,
        [{ id: '', kernel: '', file: brought.key, line: 1, text, steps: [] }],
      ])
      this.set({
        brought,
        texts: { ...texts, procedures: { ...texts.procedures, ...Object.fromEntries(own) } },
      })
      const current = snapshot?.subject.scenario ?? ''
      const scenario = brought.scenarios.includes(current) ? current : brought.scenarios[0]
      await this.choose({ scenario, bounds: 'smoke', set: {}, driver: brought.key })
    } catch (error) {
      this.set({ message: refusal(error) })
    }
  }

  /** Does `run` once everything that was asked for in this way before is done and shown. */
  inOrder(run: () => Promise<void> | undefined): void {
    this.last = this.last.then(run)
  }

  /** Takes a step; a run that went on in another way is kept. */
  async take(thread: number, choice: number): Promise<void> {
    const { snapshot } = this.shown
    if (snapshot === undefined) return
    const { at, steps } = snapshot
    const next = steps[at]
    if (next !== undefined && next.thread === thread && next.choice === choice) return this.go(at + 1)
    const forks = next === undefined ? this.shown.forks : this.kept()
    await this.shows(this.engine.ask('take', { moves: [{ thread, choice }] }), { forks })
  }

  /** Goes to a place in the run. */
  async go(at: number): Promise<void> {
    await this.shows(this.engine.ask('go', { at }))
  }

  /** Goes back to a run that was left. */
  async restore(fork: Fork): Promise<void> {
    const forks = this.kept().filter((one) => one !== fork)
    await this.shows(this.engine.ask('load', { moves: fork.moves, at: fork.at }), { forks })
  }

  /** The runs that were left, with the one that is shown. */
  private kept(): readonly Fork[] {
    const { forks, snapshot } = this.shown
    if (snapshot === undefined || snapshot.steps.length === 0) return forks
    const { steps, at, end } = snapshot
    const moves = steps.map(({ thread, choice }) => ({ thread, choice }))
    const key = JSON.stringify(moves)
    const others = forks.filter((fork) => JSON.stringify(fork.moves) !== key)
    return [...others, { moves, at, ...(end === undefined ? {} : { clause: end.clause }) }]
  }

  /** Checks what is chosen, and shows the run that breaks something. */
  async check(): Promise<void> {
    const subject = this.shown.snapshot?.subject
    const checked = await this.work('checking', (report) => this.engine.ask('check', {}, report))
    if (checked === undefined || subject !== this.shown.snapshot?.subject) return
    this.set({ checked })
    if (checked.result.violation?.trace.steps.length) await this.showBreach()
    else await this.go(this.shown.snapshot?.at ?? 0)
  }

  /** Shows the run that the check has found. */
  async showBreach(): Promise<void> {
    const steps = this.shown.checked?.result.violation?.trace.steps ?? []
    await this.load(steps.map(({ thread, choice }) => ({ thread, choice })))
  }

  private async load(moves: readonly Move[]): Promise<void> {
    await this.shows(this.engine.ask('load', { moves, at: moves.length }), { forks: this.kept() })
  }

  /** Looks for the shortest run to `goal`, and shows it. */
  async search(goal: Goal, fromHere: boolean): Promise<void> {
    const { snapshot } = this.shown
    if (snapshot === undefined) return
    const from = fromHere ? snapshot.at : 0
    const what = goalText(goal)
    const found = await this.work(`looking for the shortest run to ${what}`, (report) =>
      this.engine.ask('search', { goal, from }, report),
    )
    if (found === undefined || this.shown.snapshot?.subject !== snapshot.subject) return
    const where = `${found.states.toLocaleString('en-US')} states`
    if (found.moves === undefined) {
      const why = found.exhaustive
        ? `There is no run to ${what}${fromHere ? ' from here' : ''}: all ${where} were visited.`
        : `No run to ${what} was found in ${where}, which are not all.`
      this.set({ message: { kind: 'says', text: why } })
      return
    }
    const before = snapshot.steps.slice(0, from).map(({ thread, choice }) => ({ thread, choice }))
    await this.load([...before, ...found.moves])
    const steps = found.moves.length
    this.set({
      message: {
        kind: 'says',
        text: `The shortest run to ${what}${fromHere ? ' from there' : ''} has ${steps} ${steps === 1 ? 'step' : 'steps'}; ${where} were visited.`,
      },
    })
  }

  /** Looks for what an address names. */
  private async searchNamed(to: string): Promise<void> {
    const { catalogue } = this.shown
    const goal = catalogue && goalNamed(to, catalogue)
    if (goal === undefined)
      this.set({ message: { kind: 'refused', text: `there is no step, transition or clause "${to}"` } })
    else await this.search(goal, false)
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    if (this.shown.job !== undefined) await this.engine.ask('stop', {})
  }

  /** Shows a state once it is there, with its address. */
  private async shows(asked: Promise<Snapshot>, change: Partial<Shown> | object = {}): Promise<void> {
    try {
      const snapshot = await asked
      this.written = addressOf(snapshot.subject, snapshot.steps, snapshot.at)
      history.replaceState(null, '', `#${this.written}`)
      this.set({ ...change, snapshot, message: undefined })
    } catch (error) {
      this.set({ message: refusal(error) })
    }
  }

  private async work<T>(
    what: string,
    run: (report: (progress: Pick<Progress, 'phase' | 'states' | 'depth'> | number) => void) => Promise<T>,
  ): Promise<T | undefined> {
    const job = ++this.jobs
    this.set({ job: { what }, message: undefined })
    try {
      return await run((progress) => {
        if (job !== this.jobs) return
        const text =
          typeof progress === 'number'
            ? `${progress.toLocaleString('en-US')} states`
            : `${progress.phase}: ${progress.states.toLocaleString('en-US')} states, depth ${progress.depth}`
        this.set({ job: { what, progress: text } })
      })
    } catch (error) {
      this.set({ message: refusal(error) })
      return undefined
    } finally {
      if (job === this.jobs) this.set({ job: undefined })
    }
  }
}

function refusal(error: unknown): { kind: 'refused'; text: string } {
  return { kind: 'refused', text: error instanceof Error ? error.message : String(error) }
}

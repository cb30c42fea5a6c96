/**
 * What the explorer does, wherever it runs: a run of one subject, checks of it and searches in it.
 *
 * @module
 */
import { check } from '../checker/check.js'
import { type Host, portableHost } from '../checker/host.js'
import type { Progress } from '../checker/result.js'
import { type CodedStep, codesOf } from './address.js'
import { type LoadedDriver, loadDriver } from './driver-module.js'
import type { Brought, Checked, KnownThread, Requests, Snapshot } from './messages.js'
import { type Ahead, Atlas, shortest, type Watch } from './reach.js'
import { catalogue, type Resolved, resolve, type Subject, scenariosWith } from './subject.js'
import { tourThrough } from './tours.js'
import { type StateNow, Walk, WalkError } from './walk.js'

/** Most bytes that a check takes: a page of a browser has no more to give. */
const MEMORY_BYTES = 2 ** 30
/** Most states that are mapped, and that a search visits. */
const MOST_MAPPED = 250_000
const MOST_SEARCHED = 1_000_000
/** Milliseconds between two turns of the event loop. */
const TURN_MS = 50

/** Told how far a check or a search is. */
export type Report = (progress: Pick<Progress, 'phase' | 'states' | 'depth' | 'elapsedMs'> | number) => void

/** An address that was made of other texts than these. */
export class StaleAddressError extends Error {
  override readonly name = 'StaleAddressError'
}

/** One run at a time, and what is known of its subject. */
export class Session {
  private subject: Subject | undefined
  private resolved: Resolved | undefined
  private walk: Walk | undefined
  private at = 0
  private atlas: Atlas | undefined
  private readonly brought = new Map<string, LoadedDriver>()
  private running: AbortController | undefined

  constructor(private readonly host: Host = portableHost) {}

  /** Answers a request. */
  async answer<K extends keyof Requests>(
    name: K,
    asks: Requests[K]['asks'],
    report: Report = () => {},
  ): Promise<Requests[K]['answer']> {
    const handlers: { [N in keyof Requests]: (asks: Requests[N]['asks']) => unknown } = {
      catalogue,
      open: ({ subject, run, at }) => this.open(subject, run, at),
      take: ({ moves }) => this.take(moves),
      go: ({ at }) => this.go(at),
      load: ({ moves, at }) => this.load(moves, at),
      driver: ({ text }) => this.bring(text),
      check: () => this.check(report),
      search: ({ goal, from }) =>
        this.exclusively((signal) => {
          const walk = this.mustWalk()
          return shortest(walk.system, walk.storedAt(from), goal, this.watch(signal, report, MOST_SEARCHED))
        }),
      stop: () => {
        this.running?.abort()
        return null
      },
    }
    return (await handlers[name](asks as never)) as Requests[K]['answer']
  }

  private open(subject: Subject, run: readonly CodedStep[], at = run.length): Snapshot {
    if (JSON.stringify(subject) !== JSON.stringify(this.subject)) {
      this.running?.abort()
      const resolved = resolve(subject, new Map([...this.brought].map(([key, { driver }]) => [key, driver])))
      const walk = new Walk(resolved)
      this.subject = subject
      this.resolved = resolved
      this.walk = walk
      this.atlas = undefined
    }
    const walk = this.mustWalk()
    walk.cut(0)
    this.at = 0
    retake(walk, run)
    this.at = at
    return this.snapshot()
  }

  private async bring(text: string): Promise<Brought> {
    const loaded = await loadDriver(text)
    this.brought.set(loaded.key, loaded)
    return {
      key: loaded.key,
      scenarios: [...scenariosWith(loaded.driver).keys()],
      texts: [...loaded.made].map(({ procedureName, body }) => ({
        procedure: procedureName,
        text: Function.prototype.toString.call(body),
      })),
    }
  }

  /** The picture that the driver gives of a state. */
  private pictureOf({ fields }: StateNow): Snapshot['picture'] {
    const draw = this.brought.get(this.subject?.driver ?? '')?.picture
    if (draw === undefined) return undefined
    const values = new Map(fields.map(({ name, value }) => [name, value]))
    try {
      return draw((name) => values.get(name))
    } catch (error) {
      return { failed: error instanceof Error ? error.message : String(error) }
    }
  }

  private take(moves: Requests['take']['asks']['moves']): Snapshot {
    const walk = this.mustWalk()
    walk.cut(this.at)
    walk.take(moves)
    this.at = walk.steps.length
    return this.snapshot()
  }

  private go(at: number): Snapshot {
    this.at = Math.max(0, Math.min(at, this.mustWalk().steps.length))
    return this.snapshot()
  }

  private load(moves: Requests['load']['asks']['moves'], at: number): Snapshot {
    const walk = this.mustWalk()
    walk.cut(0)
    walk.take(moves)
    return this.go(at)
  }

  private check(report: Report): Promise<Checked> {
    return this.exclusively(async (signal) => {
      const { subject, resolved } = this
      const walk = this.mustWalk()
      if (subject === undefined || resolved === undefined) throw new Error('nothing is open')
      const { scenario, parameters, defects } = resolved
      const result = await check(scenario, {
        set: parameters,
        defects,
        signal,
        host: this.host,
        limits: { memoryBytes: MEMORY_BYTES },
        onProgress: report,
      })
      const checked = { result, memoryBytes: MEMORY_BYTES }
      if (result.verdict !== 'violated') return checked
      const atlas = await Atlas.of(walk.system, this.watch(signal, report, MOST_MAPPED))
      if (this.walk !== walk) return checked
      this.atlas = atlas
      return { ...checked, mapped: { states: atlas.states, exhaustive: atlas.exhaustive } }
    })
  }

  /** One check or search at a time: a new one ends the one before. */
  private async exclusively<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.running?.abort()
    const running = new AbortController()
    this.running = running
    try {
      return await run(running.signal)
    } finally {
      if (this.running === running) this.running = undefined
    }
  }

  private watch(signal: AbortSignal, report: Report, states: number): Watch {
    let last = this.host.now()
    return {
      states,
      turn: async (count) => {
        if (signal.aborted) return false
        if (this.host.now() - last < TURN_MS) return true
        last = this.host.now()
        report(count)
        await this.host.pause()
        return !signal.aborted
      },
    }
  }

  private mustWalk(): Walk {
    if (this.walk === undefined) throw new Error('nothing is open')
    return this.walk
  }

  private snapshot(): Snapshot {
    const { at, subject, resolved } = this
    const walk = this.mustWalk()
    if (subject === undefined || resolved === undefined) throw new Error('nothing is open')
    const now = walk.threadsAt(at)
    const tour = tourThrough(subject, walk.steps)
    const state = walk.stateAt(at, now)
    const picture = this.pictureOf(state)
    const [broken, end] = [walk.broken.get(at), walk.broken.get(walk.steps.length)]
    return {
      subject,
      parameters: resolved.parameters,
      threads: walk.threads,
      steps: walk.steps,
      at,
      now: now.map(
        (thread): KnownThread => ({
          ...thread,
          ways: thread.ways.map((way) => {
            const ahead = way.is === 'enabled' ? this.ahead(walk, thread.thread, way.choice) : undefined
            return ahead === undefined || way.broken !== undefined ? way : { ...way, ahead }
          }),
        }),
      ),
      state,
      ...(picture === undefined ? {} : { picture }),
      ...(tour === undefined
        ? {}
        : {
            tour: {
              finding: tour.tour.finding,
              stops: tour.tour.stops.map(({ says, state }, i) => ({ says, state, at: tour.stops[i] + 1 })),
            },
          }),
      ...(broken === undefined ? {} : { broken }),
      ...(end === undefined ? {} : { end }),
    }
  }

  private ahead(walk: Walk, thread: number, choice: number): Ahead | 'none' | undefined {
    if (this.atlas === undefined) return undefined
    const after = walk.storedAfter(this.at, thread, choice)
    return after === undefined ? undefined : this.atlas.ahead(after)
  }
}

/**
 * Takes the steps of an address, which must be those that it was made of.
 *
 * @throws StaleAddressError that names the first that is not
 */
function retake(walk: Walk, run: readonly CodedStep[]): void {
  let refused: WalkError | undefined
  try {
    walk.take(run)
  } catch (error) {
    if (!(error instanceof WalkError)) throw error
    refused = error
  }
  const codes = codesOf(walk.steps)
  const differs = codes.findIndex((code, i) => code !== run[i].code)
  if (differs < 0 && refused === undefined) return
  const [index, why] = differs >= 0 ? [differs, isNow(walk, differs)] : [refused?.step ?? 0, refused?.message]
  const text = refused !== undefined && differs < 0 ? why : `step ${index + 1} differs: ${why}`
  walk.cut(0)
  throw new StaleAddressError(
    `This address is of another version of the specification: ${text}. The run before it is not shown; check the scenario again.`,
  )
}

function isNow({ steps }: Walk, at: number): string {
  const { name, procedure, step, result } = steps[at]
  return `${name} now takes "${step}" of ${procedure}, which returns ${result}`
}

/**
 * What reaches which mutant: every scenario and every recorded sequence is run once without any, and what it ran is kept.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bounds } from '../../world/model.js'
import { BuildCopy } from '../judging/build-copy.js'
import { Hits } from '../judging/hits.js'
import { execute, type Lost } from '../judging/processes.js'
import type {
  Measured,
  MeasuredRecording,
  MeasuredScenario,
  MeasureOrder,
  Part,
  RecordingFile,
  RecordingOrder,
  ScenarioOrder,
} from '../judging/protocol.js'
import type { Mutant } from '../mutant.js'
import { type Subject, SubjectError } from './subject.js'

/** Milliseconds from one answer to the next while everything is measured. */
const PATIENCE_MS = 600_000
/** Most recorded sequences that a mutant is held against, of those that reach it. */
const MOST_SEQUENCES = 120

/** A scenario that reaches a mutant, and how long it takes. */
export interface Reaching extends ScenarioOrder {
  readonly ms: number
}

/** What was measured, to be asked whether an anchor was reached. */
type Indexed<T extends Measured> = Omit<T, 'reached'> & { readonly reached: Hits }

function indexed<T extends Measured>(one: T): Indexed<T> {
  return { ...one, reached: new Hits(one.reached) }
}

/** What reaches which mutant. */
export class ReachMap {
  private readonly scenarios: readonly Indexed<MeasuredScenario>[]
  private readonly sequences: readonly Indexed<MeasuredRecording>[]

  constructor(
    private readonly recordings: readonly RecordingFile[],
    private readonly anchorOf: ReadonlyMap<Mutant, number>,
    measured: readonly Measured[],
  ) {
    this.scenarios = measured
      .filter((one) => one.kind === 'scenario')
      .map(indexed)
      .sort((a, b) => a.ms - b.ms)
    this.sequences = measured
      .filter((one) => one.kind === 'recording')
      .map(indexed)
      .sort((a, b) => a.ms - b.ms)
  }

  /** The scenarios that reach `mutant`, cheapest first. */
  scenariosOf(mutant: Mutant): Reaching[] {
    return this.scenarios
      .filter(({ reached }) => this.isReached(reached, mutant))
      .map(({ name, ms, states, print, digest }) => ({ name, ms, states, print, digest }))
  }

  /** Recorded sequences that reach `mutant`: where there are many, the cheapest and a selection of the others. */
  recordingsOf(mutant: Mutant): RecordingOrder[] {
    const reaching = this.sequences.filter(({ reached }) => this.isReached(reached, mutant))
    const stride = Math.max(1, reaching.length / MOST_SEQUENCES)
    const chosen = Array.from(
      { length: Math.min(reaching.length, MOST_SEQUENCES) },
      (_, i) => reaching[Math.floor(i * stride)],
    )
    return this.recordings.flatMap((file) => {
      const own = chosen.filter((sequence) => sequence.file === file.name)
      const ms = own.reduce((sum, sequence) => sum + sequence.ms, 0)
      return own.length === 0 ? [] : [{ ...file, lines: own.map(({ line }) => line), ms }]
    })
  }

  private isReached(reached: Hits, mutant: Mutant): boolean {
    return reached.has(this.anchorOf.get(mutant) ?? -1)
  }
}

/** How it is measured. */
export interface MeasureOptions {
  readonly bounds: Bounds
  /** The scenarios to run, by name, and no recording (default all of both). */
  readonly only?: readonly string[] | undefined
  /** How many processes there may be at a time. */
  readonly workers: number
  readonly signal: AbortSignal
  /** Called with the name of each scenario and each recorded sequence that was run. */
  readonly onMeasured: (name: string) => void
}

/**
 * Measures what reaches what, unless that was done and kept in the folder `cache`. The cells of the recorded driver are run
 * only where it is mutated: there are many, and what they do to the kernel the scenarios do as well. Other kernels than the reference,
 * and earlier generations of the API, are run only where their texts are mutated.
 */
export async function reachOf(
  subject: Subject,
  mutants: readonly Mutant[],
  cache: string,
  options: MeasureOptions,
): Promise<ReachMap | undefined> {
  const instrumented = subject.instrumented()
  const recordings = options.only === undefined ? subject.recordings : []
  const all: Measured[] = []
  for (const { part, of } of PARTS) {
    if (!mutants.some(({ file }) => file.startsWith(of))) continue
    const found = await measured(
      subject,
      instrumented,
      part,
      part === 'scenarios' ? recordings : [],
      cache,
      options,
    )
    if (found === undefined) return undefined
    all.push(...found)
  }
  return new ReachMap(recordings, instrumented.anchorOf, all)
}

/** What is run for the mutants of which files. */
const PARTS: readonly { readonly part: Part; readonly of: string }[] = [
  { part: 'scenarios', of: '' },
  { part: 'cells', of: 'src/driver/recorded/' },
  { part: 'kernels', of: 'src/generations/profiles.ts' },
  { part: 'generations', of: 'src/generations/mirror/' },
]

async function measured(
  subject: Subject,
  { modules, anchors }: ReturnType<Subject['instrumented']>,
  part: Part,
  recordings: readonly RecordingFile[],
  cache: string,
  { bounds, only, workers, signal, onMeasured }: MeasureOptions,
): Promise<Measured[] | undefined> {
  const file = join(cache, `reach-${part}.json`)
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Measured[]
  const copy = new BuildCopy(subject.root, modules)
  const found: Measured[] = []
  const measure = async (from: number): Promise<Lost | undefined> => {
    const share = { of: workers, from }
    const order: MeasureOrder = {
      kind: 'measure',
      part,
      bounds,
      anchors,
      recordings,
      share,
      ...(only && { only }),
    }
    return execute(copy, order, {
      patience: () => PATIENCE_MS,
      signal,
      onReply: (reply) => {
        if (reply.kind !== 'measured') return
        const { measured: one } = reply
        found.push(one)
        onMeasured(one.kind === 'scenario' ? one.name : `${one.file}:${one.line}`)
      },
    })
  }
  try {
    const all = await Promise.all(Array.from({ length: workers }, (_, from) => measure(from)))
    const lost = all.find((one) => one !== undefined)
    if (lost?.code === 'interrupted') return undefined
    if (lost !== undefined)
      throw new SubjectError(`what reaches the text could not be measured: ${lost.message}`)
  } finally {
    copy.remove()
  }
  mkdirSync(cache, { recursive: true })
  writeFileSync(`${file}.tmp`, JSON.stringify(found))
  renameSync(`${file}.tmp`, file)
  return found
}

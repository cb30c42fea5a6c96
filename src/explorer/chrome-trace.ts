/**
 * A run in the format of Chrome's traces, which Perfetto opens: a track for each thread and for what it holds. A step lasts
 * a millisecond, since steps have an order and no length.
 *
 * @module
 */
import { type Run, sequenceOf } from '../report/sequence/sequence-model.js'

/** One event: a step, a lock that is held, a window of invalidation, a name. */
export interface TraceEvent {
  readonly ph: 'X' | 'M' | 'i'
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts?: number
  readonly dur?: number
  readonly cat?: string
  readonly s?: 'g'
  readonly args?: Readonly<Record<string, unknown>>
}

/** Microseconds of a step. */
const STEP = 1000
const HOW = { lock: 'holds', read: 'reads under', write: 'writes under', window: 'invalidates' } as const

/**
 * Writes a run as a trace.
 *
 * @param title - what is run, for the name of the process
 * @param end - what its last step breaks
 */
export function chromeTrace(run: Run, title: string, end?: string): { readonly traceEvents: TraceEvent[] } {
  const { threads, rows, holds } = sequenceOf(run)
  const names: TraceEvent[] = [{ ph: 'M', name: 'process_name', pid: 1, tid: 0, args: { name: title } }]
  // Bars that overlap need tracks of their own: each thing that a thread holds has one.
  const tracks = new Map<string, number>()
  for (const [thread, name] of threads.entries()) {
    names.push(named(100 * (thread + 1), name))
    for (const { thread: holder, name: held, kind } of holds) {
      const key = `${holder} ${held}`
      if (holder !== thread || tracks.has(key)) continue
      const tid = 100 * (thread + 1) + 1 + tracks.size
      tracks.set(key, tid)
      names.push(named(tid, `${name} ${HOW[kind]} ${held}`))
    }
  }
  const steps = rows.map(
    ({ step, changes }, i): TraceEvent => ({
      ph: 'X',
      name: step.step,
      cat: step.procedure,
      pid: 1,
      tid: 100 * (step.thread + 1),
      ts: i * STEP,
      dur: STEP,
      args: {
        procedure: step.procedure,
        result: step.result,
        ...(step.choices > 1 ? { choice: step.way ?? step.choice } : {}),
        ...Object.fromEntries(changes.map(({ cell, before, after }) => [cell, `${before} → ${after}`])),
      },
    }),
  )
  const bars = holds.map(
    ({ thread, name, kind, from, to }): TraceEvent => ({
      ph: 'X',
      name: `${HOW[kind]} ${name}`,
      cat: kind,
      pid: 1,
      tid: tracks.get(`${thread} ${name}`) as number,
      ts: from * STEP,
      dur: (to - from) * STEP,
    }),
  )
  const breach: TraceEvent[] =
    end === undefined ? [] : [{ ph: 'i', name: end, pid: 1, tid: 0, ts: rows.length * STEP, s: 'g' }]
  return { traceEvents: [...names, ...steps, ...bars, ...breach] }
}

function named(tid: number, name: string): TraceEvent {
  return { ph: 'M', name: 'thread_name', pid: 1, tid, args: { name } }
}

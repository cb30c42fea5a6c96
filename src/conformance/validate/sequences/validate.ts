/**
 * The judgement of a trace of sequences, as reports have it.
 *
 * @module
 */
import type { KernelVersion } from '../../result.js'
import { ALL_TRANSITIONS } from '../actors.js'
import type { Trace } from '../trace/ftrace.js'
import type { Explanation, Validation } from '../validate.js'
import { type JudgedSequence, SequenceJudge } from './judge.js'

const SHOWN_BEFORE = 8

/**
 * Judges the sequences of a trace, up to the first that is refused.
 *
 * @throws TraceError if a mark cannot be read
 */
export function validateSequences(trace: Trace, kernel: KernelVersion): Validation {
  const judge = new SequenceJudge(trace, kernel)
  const { sequences, counts, base } = judge
  const results: JudgedSequence[] = []
  for (const sequence of sequences) {
    const result = judge.judge(sequence)
    results.push(result)
    if (result.unfit) break
  }
  const last = results.at(-1)
  const sum = (of: (result: JudgedSequence) => number) =>
    results.reduce((total, result) => total + of(result), 0)
  const ofSequences = new Set(sequences.flatMap(({ events }) => events))
  const marks = sequences.reduce((total, { operations }) => total + operations.length, 0)
  const probes = trace.events.filter(({ kind }) => kind === 'probe').length
  return {
    file: trace.file,
    kernel,
    verdict: last?.unfit ? 'refused' : 'accepted',
    sequences: sequences.length,
    events: sum(({ events }) => events),
    accepted: sum(({ accepted }) => accepted),
    operations: marks,
    threads: ['parent', 'child'],
    pages: judge.pages,
    base: `0x${base.toString(16)}`,
    functions: counts.functions,
    passedOver: {
      otherTasks: probes - ofSequences.size,
      setupAndEnd: counts.setupAndEnd,
      outside: counts.outside,
      unjudged: counts.unjudged,
      lost: trace.lost,
      others: Object.fromEntries(trace.others),
    },
    windows: sum(({ sequence }) => sequence.operations.length),
    states: sum(({ model }) => model.steps),
    ...(last?.unfit
      ? {
          refusal: {
            line: last.unfit.line,
            thread: last.sequence.name,
            event: last.unfit.event,
            instead: [last.unfit.instead],
            elsewhere: [],
            threads: [{ thread: last.sequence.name, places: [last.unfit.instead] }],
            before: last.had
              .slice(-SHOWN_BEFORE)
              .map(({ line, event }) => ({ line, thread: last.sequence.name, event })),
          },
        }
      : { explanation: explanationOf(results) }),
  }
}

function explanationOf(results: readonly JudgedSequence[]): Explanation {
  const taken: Record<string, number> = {}
  const refusedSignals: Record<string, number> = {}
  const transitions = new Set<string>()
  let steps = 0
  for (const { model } of results) {
    steps += model.steps
    for (const [name, count] of model.taken) taken[name] = (taken[name] ?? 0) + count
    for (const [name, count] of model.actors.refused)
      refusedSignals[name] = (refusedSignals[name] ?? 0) + count
    for (const name of model.actors.taken) transitions.add(name)
  }
  return {
    steps,
    taken,
    transitions: [...transitions].sort(),
    refusedSignals,
    allTransitions: ALL_TRANSITIONS,
  }
}

/**
 * A long run, folded: the steps that matter one by one, of the others what each thread was doing.
 *
 * @module
 */
import type { Trace, TraceStep } from '../../checker/result.js'

/** Runs of more steps are folded. */
export const LONG = 60

/** What a thread did in steps that are not shown. */
export interface Folded {
  readonly thread: number
  readonly name: string
  /** How many of its steps. */
  readonly steps: number
  /** The procedures that it was in, each once, in the order in which it came to them. */
  readonly procedures: readonly string[]
}

/** A part of a folded run: a step that matters, or those between two of them. */
export type Part =
  | { readonly kind: 'step'; readonly at: number }
  | {
      readonly kind: 'folded'
      /** The first and the last of them, from 0. */
      readonly from: number
      readonly to: number
      readonly threads: readonly Folded[]
    }

/** True for a run that is long enough to be folded, and of which it is known what matters. */
export function isFoldable({ steps }: Pick<Trace, 'steps'>): boolean {
  return steps.length > LONG && steps.some(({ matters }) => matters === false)
}

/** The parts of a run. A single step between two that matter is shown. */
export function foldOf({ steps }: Pick<Trace, 'steps'>): Part[] {
  const parts: Part[] = []
  const isShown = (at: number) => at >= steps.length || steps[at].matters !== false
  for (let at = 0; at < steps.length; ) {
    let end = at
    while (!isShown(end)) end++
    if (end - at < 2) parts.push({ kind: 'step', at: at++ })
    else {
      parts.push({ kind: 'folded', from: at, to: end - 1, threads: doingOf(steps.slice(at, end)) })
      at = end
    }
  }
  return parts
}

function doingOf(steps: readonly TraceStep[]): Folded[] {
  const threads = [...new Set(steps.map(({ thread }) => thread))].sort((a, b) => a - b)
  return threads.map((thread) => {
    const own = steps.filter((step) => step.thread === thread)
    return {
      thread,
      name: own[0].name,
      steps: own.length,
      procedures: [...new Set(own.map(({ procedure }) => procedure))],
    }
  })
}

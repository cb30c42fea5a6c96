/**
 * Finds the source line of each step of a run. The procedures run again while the stack of each
 * yielded operation is recorded. The line is that of the `yield*` itself, whatever helper made the
 * step, and however often the name of the step occurs.
 *
 * @module
 */
import type { Operation } from '../../world/procedures/procedure.js'
import { published } from '../../world/procedures/procedure.js'
import { framesOf, type SourcePlace } from '../../world/thrown.js'
import type { TransitionSystem } from '../explore/system.js'
import type { Trace } from '../result.js'
import { alongTrace } from './trace.js'

/** Recorded stack depth, enough for a `yield*` within nested helpers. */
export const FRAMES = 40

/** The module that resumes procedures. Frames outside of it belong to the checker. */
const RESUMED = /\/world\/procedures\/control\.[jt]s$/

function withinTexts(frames: readonly SourcePlace[]): SourcePlace[] {
  const end = frames.findIndex(({ file }) => RESUMED.test(file))
  return frames.slice(0, end < 0 ? frames.length : end)
}

/** A step in the source of interest, or the call there that led to the step. */
export interface OwnPlace extends SourcePlace {
  /** The procedure that contains it. */
  readonly procedure: string
  /** True for a call of a procedure from other source, which took the step. */
  readonly isCall: boolean
  /** The enclosing procedures of that source, innermost first. */
  readonly within: readonly string[]
}

/**
 * The place of each step of `trace`; `undefined` for a step without a place in the source of
 * interest.
 *
 * @param isTheirs - whether a file, as the host names it, belongs to that source
 */
export function placesOf(
  system: TransitionSystem,
  trace: Trace,
  isTheirs: (file: string) => boolean,
): (OwnPlace | undefined)[] {
  const stacks = new Map<Operation, SourcePlace[]>()
  const limit = Error.stackTraceLimit
  const { by } = published
  // If it is frozen, the limit is high enough.
  Reflect.set(Error, 'stackTraceLimit', FRAMES)
  published.by = (operation) => stacks.set(operation, withinTexts(framesOf(new Error('here'))))
  try {
    return alongTrace(system, trace, (location) => {
      const found: (SourcePlace & { readonly procedure: string; readonly isCall: boolean })[] = []
      for (let at = system.control.standing(location); at !== undefined; at = at.below) {
        const { operation, frame } = at.node
        if (operation.kind !== 'step' && operation.kind !== 'call') continue
        const place = stacks.get(operation)?.find(({ file }) => isTheirs(file))
        const { procedureName: procedure } = frame.procedure
        if (place !== undefined) found.push({ ...place, procedure, isCall: operation.kind === 'call' })
      }
      const [innermost] = found
      return innermost && { ...innermost, within: found.map(({ procedure }) => procedure) }
    })
  } finally {
    published.by = by
    Reflect.set(Error, 'stackTraceLimit', limit)
  }
}

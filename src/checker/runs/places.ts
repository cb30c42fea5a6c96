/**
 * Where in its author's text each step of a run stands. The texts are run again with a stack kept of each operation that they
 * publish: the line is that of the `yield*` itself, whatever helper made the step, and however often its name occurs.
 *
 * @module
 */
import type { Operation } from '../../world/procedures/procedure.js'
import { published } from '../../world/procedures/procedure.js'
import { framesOf, type SourcePlace } from '../../world/thrown.js'
import type { TransitionSystem } from '../explore/system.js'
import type { Trace } from '../result.js'
import { alongTrace } from './trace.js'

/** Frames of a stack that are kept: a `yield*` within helpers is as deep as these nest. */
export const FRAMES = 40

/** Where the texts of procedures are resumed: what is further out has only called the checker. */
const RESUMED = /\/world\/procedures\/control\.[jt]s$/

function withinTexts(frames: readonly SourcePlace[]): SourcePlace[] {
  const end = frames.findIndex(({ file }) => RESUMED.test(file))
  return frames.slice(0, end < 0 ? frames.length : end)
}

/** A step of somebody's own, or the call in their text that led to it. */
export interface OwnPlace extends SourcePlace {
  /** The procedure whose text it is in. */
  readonly procedure: string
  /** True for a call in that text of a procedure that is not theirs, which took the step. */
  readonly isCall: boolean
  /** Their procedures that it is in, innermost first. */
  readonly within: readonly string[]
}

/**
 * The place of each step of `trace`; `undefined` for a step that nothing of theirs has to do with.
 *
 * @param isTheirs - whether a file, as the host names it, is of the text that is looked for
 */
export function placesOf(
  system: TransitionSystem,
  trace: Trace,
  isTheirs: (file: string) => boolean,
): (OwnPlace | undefined)[] {
  const stacks = new Map<Operation, SourcePlace[]>()
  const limit = Error.stackTraceLimit
  const { by } = published
  // Where it is frozen it is high enough.
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

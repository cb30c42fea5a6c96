/**
 * Overrides: a defect, a release or a user's driver replaces a procedure, or a single step of one.
 * The original needs no `if` for them.
 *
 * @module
 */

import { SpecificationError } from '../errors.js'
import { stepsIn } from './declared-steps.js'
import { type AnyProcedure, type Body, make, procedureOf, type Run, type Step } from './procedure.js'

/** A replacement of a procedure, made by {@link override}. */
export interface TextOverride {
  readonly target: AnyProcedure
  readonly step?: undefined
  readonly body: Body<unknown[], unknown>
  /** The procedure that runs the original, if the replacement calls it. */
  readonly original: AnyProcedure | undefined
}

/** A replacement of the effect of one step, made by {@link onStep}. */
export interface StepOverride {
  readonly target: AnyProcedure
  /** Name of the step. */
  readonly step: string
  readonly replace: Replace
}

/** What replaces a step's effect, given the original and the arguments of the call. */
export type Replace = (original: Run, ...args: unknown[]) => Run

/** A replacement in a scenario. */
export type Override = TextOverride | StepOverride

/**
 * Replaces `target` wherever it is called.
 *
 * @param target - the procedure to replace
 * @param replace - gets the original, to be called with `yield*` in a frame of its own; returns the
 * replacement
 * @throws SpecificationError `invalid-operation` if it is neither a procedure nor the generator
 * function of one
 */
export function override<A extends unknown[], R>(
  target: Body<A, R>,
  replace: (original: Body<A, R>) => Body<A, R>,
): TextOverride {
  const replaced = procedureOf(target, 'override')
  // A separate procedure, so that a tail call of the original does not run the replacement.
  const original = make(replaced.procedureName, replaced.body)
  return {
    target: replaced as unknown as AnyProcedure,
    body: replace(original) as unknown as Body<unknown[], unknown>,
    original: replace.length > 0 ? (original as unknown as AnyProcedure) : undefined,
  }
}

/**
 * Replaces the effect of one step of `target` wherever it is called. The other steps stay. The step
 * keeps its name, its outcomes and, if it is a critical section, its lock. Several steps of one
 * procedure may be replaced. If another override replaces the procedure, the step is replaced in
 * that replacement, and in the original that it calls.
 *
 * @param target - the procedure
 * @param name - name of the step in the source of the procedure
 * @param replace - gets the original effect and the arguments of the call; returns the new effect
 * @throws SpecificationError `invalid-operation` if the procedure has no such step
 *
 * @example
 * ```ts
 * onStep(mmu_interval_read_retry, 'compare', () => () => 0)
 * ```
 */
export function onStep<A extends unknown[], R, T = unknown>(
  target: Body<A, R>,
  name: string,
  replace: (original: Run<T>, ...args: A) => Run<T>,
): StepOverride {
  const found = procedureOf(target, 'onStep') as unknown as AnyProcedure
  // Parsing every source takes long. Whether the quoted name is that of a step is checked when the
  // override is used.
  if (!mentions(found, name) && !hasStep(found.body as Body<unknown[], unknown>, name)) refuse(found, name)
  return { target: found, step: name, replace: replace as unknown as Replace }
}

function stepsOf(body: Body<unknown[], unknown>): ReadonlySet<string> {
  return stepsIn(Function.prototype.toString.call(textOf(body)))
}

/** True if the source of the procedure contains `name` in quotes. */
function mentions({ body }: Pick<AnyProcedure, 'body'>, name: string): boolean {
  const text = Function.prototype.toString.call(textOf(body as Body<unknown[], unknown>))
  return [`'${name}'`, `"${name}"`, `\`${name}\``].some((quoted) => text.includes(quoted))
}

function hasStep(body: Body<unknown[], unknown>, name: string): boolean {
  return stepsOf(body).has(name)
}

function refuse({ procedureName, body }: Pick<AnyProcedure, 'procedureName' | 'body'>, name: string): never {
  const names = [...stepsOf(body as Body<unknown[], unknown>)].map((known) => `'${known}'`)
  throw new SpecificationError(
    'invalid-operation',
    `onStep(${procedureName}, '${name}', …): the text of ${procedureName} has no step of that name, but ` +
      (names.length === 0 ? 'none at all' : names.join(', ')),
  )
}

/**
 * The body of each procedure that `overrides` change. The last of several replacements of one
 * procedure counts. Steps are replaced in that replacement, or in the original that it calls.
 */
export function bodiesOf(overrides: readonly Override[]): Map<AnyProcedure, Body<unknown[], unknown>> {
  const bodies = new Map<AnyProcedure, Body<unknown[], unknown>>()
  const originals = new Map<AnyProcedure, AnyProcedure | undefined>()
  const bodyOf = (of: AnyProcedure) => bodies.get(of) ?? (of.body as Body<unknown[], unknown>)
  for (const each of overrides) {
    const { target } = each
    if (each.step === undefined) {
      // The original so far: the body of the procedure, perhaps with replaced steps.
      const before = bodyOf(originals.get(target) ?? target)
      if (each.original !== undefined && textOf(before) === target.body) bodies.set(each.original, before)
      originals.set(target, each.original)
      bodies.set(target, each.body)
    } else {
      const original = originals.get(target) ?? target
      const at = [target, original].find((of) => hasStep(bodyOf(of), each.step))
      if (at === undefined) return refuse({ ...target, body: bodyOf(target) }, each.step)
      bodies.set(at, replacing(bodyOf(at), each))
    }
  }
  return bodies
}

/** A body with the effect of one step replaced. */
export interface ReplacedStep {
  readonly body: Body<unknown[], unknown>
  readonly step: string
  readonly replace: Replace
}

const replaced = new WeakMap<object, ReplacedStep>()

/** The parts of `body`, if one of its steps is replaced. */
export function replacedIn(body: Body<unknown[], unknown>): ReplacedStep | undefined {
  return replaced.get(body)
}

/** The body under `body`, before its steps were replaced. */
function textOf(body: Body<unknown[], unknown>): Body<unknown[], unknown> {
  let text = body
  for (let of = replaced.get(text); of !== undefined; of = replaced.get(text)) text = of.body
  return text
}

/** The step with another effect. A critical section keeps its lock. */
function withEffect(made: Step, replace: (original: Run) => Run): Step {
  const { section } = made
  if (section === undefined) return { ...made, run: replace(made.run) }
  const effect = replace(section.effect)
  return { ...made, run: section.around(effect), section: { ...section, effect } }
}

function replacing(
  body: Body<unknown[], unknown>,
  { step, replace }: StepOverride,
): Body<unknown[], unknown> {
  const text: Body<unknown[], unknown> = function* (...args) {
    const running = body(...args)
    let next = running.next()
    while (!next.done) {
      const { value: made } = next
      const replaces = made.kind === 'step' && made.name === step
      next = running.next(yield replaces ? withEffect(made, (original) => replace(original, ...args)) : made)
    }
    return next.value
  }
  replaced.set(text, { body, step, replace })
  return text
}

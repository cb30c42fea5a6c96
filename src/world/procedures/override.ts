/**
 * Overrides: other texts for procedures, or for single steps of them, by a defect, a release or a
 * user's driver. The original text has no `if` for any of them.
 *
 * @module
 */

import { SpecificationError } from '../errors.js'
import { stepsIn } from './declared-steps.js'
import { type AnyProcedure, type Body, make, procedureOf, type Run, type Step } from './procedure.js'

/** Another text for a procedure, made by {@link override}. */
export interface TextOverride {
  readonly target: AnyProcedure
  readonly step?: undefined
  readonly body: Body<unknown[], unknown>
  /** The procedure of the original text, if the new one calls it. */
  readonly original: AnyProcedure | undefined
}

/** Another effect for one step of a procedure, made by {@link onStep}. */
export interface StepOverride {
  readonly target: AnyProcedure
  /** Name of the step. */
  readonly step: string
  readonly replace: Replace
}

/** What replaces a step's effect, given the original and the arguments of the call. */
export type Replace = (original: Run, ...args: unknown[]) => Run

/** What is replaced in a scenario. */
export type Override = TextOverride | StepOverride

/**
 * Replaces the text of `target` wherever it is called.
 *
 * @param target - the procedure to replace
 * @param replace - gets the original, to be called with `yield*` in a frame of its own; returns the new text
 * @throws SpecificationError `invalid-operation` if it is no procedure, nor the text of one
 */
export function override<A extends unknown[], R>(
  target: Body<A, R>,
  replace: (original: Body<A, R>) => Body<A, R>,
): TextOverride {
  const replaced = procedureOf(target, 'override')
  // In a frame of its own, so that a tail call of the original does not take the new text with it.
  const original = make(replaced.procedureName, replaced.body)
  return {
    target: replaced as unknown as AnyProcedure,
    body: replace(original) as unknown as Body<unknown[], unknown>,
    original: replace.length > 0 ? (original as unknown as AnyProcedure) : undefined,
  }
}

/**
 * Replaces the effect of one step of `target`, wherever it is called. The rest of the text stays. The step keeps its name, its
 * choices and, if it is a critical section, its lock. Several steps of one procedure may be replaced. If another override
 * replaces the text, the step is looked for in that text, and then in the original that it calls.
 *
 * @param target - the procedure
 * @param name - of the step, as the text of the procedure has it
 * @param replace - gets the original effect, and the arguments of the call; returns the new effect
 * @throws SpecificationError `invalid-operation` if the text has no such step
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
  // Whether it is that of a step is seen when the override is used: reading every text takes long.
  if (!mentions(found, name) && !hasStep(found.body as Body<unknown[], unknown>, name)) refuse(found, name)
  return { target: found, step: name, replace: replace as unknown as Replace }
}

function stepsOf(body: Body<unknown[], unknown>): ReadonlySet<string> {
  return stepsIn(Function.prototype.toString.call(textOf(body)))
}

/** True if the text of the procedure has `name` in quotes. */
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
 * The text of each procedure that `overrides` change. Of two texts for one procedure the later counts; steps are replaced in
 * the text that counts, or in the original that it calls.
 */
export function bodiesOf(overrides: readonly Override[]): Map<AnyProcedure, Body<unknown[], unknown>> {
  const bodies = new Map<AnyProcedure, Body<unknown[], unknown>>()
  const originals = new Map<AnyProcedure, AnyProcedure | undefined>()
  const bodyOf = (of: AnyProcedure) => bodies.get(of) ?? (of.body as Body<unknown[], unknown>)
  for (const each of overrides) {
    const { target } = each
    if (each.step === undefined) {
      // What the original is so far: the text of the procedure, perhaps with steps replaced.
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

/** A text with the effect of one step replaced. */
export interface ReplacedStep {
  readonly body: Body<unknown[], unknown>
  readonly step: string
  readonly replace: Replace
}

const replaced = new WeakMap<object, ReplacedStep>()

/** What `body` is made of, if a step of it is replaced. */
export function replacedIn(body: Body<unknown[], unknown>): ReplacedStep | undefined {
  return replaced.get(body)
}

/** The text that `body` has, whatever steps of it are replaced. */
function textOf(body: Body<unknown[], unknown>): Body<unknown[], unknown> {
  let text = body
  for (let of = replaced.get(text); of !== undefined; of = replaced.get(text)) text = of.body
  return text
}

/** A step with another effect; a critical section keeps its lock. */
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

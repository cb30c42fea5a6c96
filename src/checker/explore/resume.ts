/**
 * Finds again where the threads of an exploration stand that another process has begun.
 *
 * @module
 */
import { SpecificationError } from '../../world/errors.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import type { Stepper } from './stepper.js'
import type { StateStore } from './store.js'
import type { TransitionSystem } from './system.js'

/** Steps of the stored states that are taken again, beside those that answered something new. */
const COMPARED = 1024

/** Numbers that are kept of a step that answered something new: from which state, whose, which outcome. */
export const LEARNED_WORDS = 3

/**
 * Takes the steps again that answered something new, in their order: each leads to the location that it led to then. Some other
 * steps are taken as well, to see that the text is the one that was explored.
 *
 * @param initial - the state that the model begins in now
 * @throws SpecificationError `checkpoint` if a step does not lead where it led
 */
export function retakeLearned(
  system: TransitionSystem,
  stepper: Stepper,
  store: StateStore,
  initial: Uint32Array,
  learned: Uint32Array,
): void {
  const { control, model } = system
  const from = new Uint32Array(system.words)
  const to = new Uint32Array(system.words)
  const into = new Uint32Array(system.words)
  const leads = (state: number, thread: number, choice: number): boolean => {
    store.load(state, from)
    const known = from.subarray(system.worldWords).every((location) => location < control.size)
    if (!known || thread >= model.threads.length || choice >= stepper.outcomes(from, thread)) return false
    try {
      return stepper.take(from, thread, choice, to) !== BLOCKED
    } catch (error) {
      throw new SpecificationError('checkpoint', `${OTHER}: a step threw that did not then`, { cause: error })
    }
  }
  const mustBe = (same: boolean, what: string) => {
    if (!same) throw new SpecificationError('checkpoint', `${OTHER}: ${what}`)
  }
  store.load(0, from)
  mustBe(isSame(from, initial), 'it begins in another state')
  for (let at = 0; at < learned.length; at += LEARNED_WORDS) {
    const seen = control.answersSeen
    const [state, thread, choice] = learned.subarray(at, at + LEARNED_WORDS)
    const does = leads(state, thread, choice)
    mustBe(does && control.answersSeen === seen + 1 && store.find(to) >= 0, 'a step answers something else')
  }
  const stride = Math.max(1, Math.floor(store.count / COMPARED))
  for (let state = stride; state < store.count; state += stride) {
    const { thread, choice } = store.moveTo(state)
    const does = leads(store.parent(state), thread, choice)
    store.load(state, into)
    mustBe(does && isSame(to, into), 'a step leads elsewhere')
  }
}

const OTHER = 'what was explored then is not what is checked now'

function isSame(a: Uint32Array, b: Uint32Array): boolean {
  return a.every((word, i) => word === b[i])
}

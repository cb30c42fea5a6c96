/**
 * Rebuilds the locations of threads when an exploration continues from a checkpoint.
 *
 * @module
 */
import { SpecificationError } from '../../world/errors.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import type { Stepper } from './stepper.js'
import type { StateStore } from './store.js'
import type { TransitionSystem } from './system.js'

/** The number of other steps that are retaken, to compare the text with the one that was explored. */
const COMPARED = 1024

/** Words of each entry of `learned`: the state, the thread, the outcome. */
export const LEARNED_WORDS = 3

/**
 * Retakes the steps that returned a new result, in their order, so that each location gets the number that it has in the stored
 * states. Some other steps are retaken to check that the text has not changed.
 *
 * @param initial - the initial state of the model
 * @param learned - the steps that returned a new result
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
      throw new SpecificationError('checkpoint', `${OTHER}: a step throws an error`, { cause: error })
    }
  }
  const mustBe = (same: boolean, what: string) => {
    if (!same) throw new SpecificationError('checkpoint', `${OTHER}: ${what}`)
  }
  store.load(0, from)
  mustBe(isSame(from, initial), 'the initial state differs')
  for (let at = 0; at < learned.length; at += LEARNED_WORDS) {
    const seen = control.answersSeen
    const [state, thread, choice] = learned.subarray(at, at + LEARNED_WORDS)
    const does = leads(state, thread, choice)
    mustBe(does && control.answersSeen === seen + 1 && store.find(to) >= 0, 'a step returns another result')
  }
  const stride = Math.max(1, Math.floor(store.count / COMPARED))
  for (let state = stride; state < store.count; state += stride) {
    const { thread, choice } = store.moveTo(state)
    const does = leads(store.parent(state), thread, choice)
    store.load(state, into)
    mustBe(does && isSame(to, into), 'a step leads to another state')
  }
}

const OTHER = 'the checkpoint is of another model'

function isSame(a: Uint32Array, b: Uint32Array): boolean {
  return a.every((word, i) => word === b[i])
}

/**
 * Mutants that survive and yet make no difference, each with the reason. One that is noticed, or whose graph is the same, or
 * that is no longer there is an error of this list.
 *
 * @module
 */

/** Reasons, by the identifier of the mutant. */
export const equivalents: Readonly<Record<string, string>> = {
  'kernel/mmu_notifier/index | invalidateRangeStart | delete | if (!hasNotifiers(mm)) return → nothing':
    'without watchers the call takes no step and answers 0: the look saves the call, as mm_has_notifiers does',
}

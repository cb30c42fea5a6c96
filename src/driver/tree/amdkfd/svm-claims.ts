/**
 * Claims of amdkfd about its ranges and its process.
 *
 * @module
 */
import { type Invariant, old, type StepClaim } from '../../../world/index.js'
import type { DriverClaims } from '../../driver.js'
import type { Svms } from './svm-range.js'

/** The claims, for one process. */
export function svmClaims(svms: Svms): DriverClaims {
  return { invariants: [rangesHavePages(svms)], stepClaims: [goneIsNotFound(svms)] }
}

/**
 * An allocated range has at least one page, and no two ranges share a page: a child has the pages
 * that its parent has lost.
 */
function rangesHavePages({ state: { pranges } }: Svms): Invariant {
  return {
    clause: 'own-objects',
    name: 'a range has pages of its own',
    judge() {
      let said: true | undefined
      for (const prange of pranges.allocated) {
        said = true
        const name = `prange[${pranges.objects.indexOf(prange)}]`
        if (prange.start > prange.last)
          return `${name} begins at page ${prange.start}, and ends at ${prange.last}`
        const other = pranges.allocated.find(
          (one) => one !== prange && one.start <= prange.last && prange.start <= one.last,
        )
        if (other !== undefined) return `${name} has pages of prange[${pranges.objects.indexOf(other)}]`
      }
      return said
    },
  }
}

/**
 * A process that was removed from the table is not found any more: its last reference may be gone.
 */
function goneIsNotFound({ state }: Svms): StepClaim {
  return {
    clause: 'own-objects',
    name: 'a process that is gone is not found',
    judge() {
      if (state.processRefs <= old(state).processRefs) return undefined
      return old(state).isGone ? 'a process is found, and is in kfd_processes_table no more' : true
    },
  }
}

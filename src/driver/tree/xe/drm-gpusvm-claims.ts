/**
 * What a driver on top of GPU SVM claims of what its device has.
 *
 * @module
 */
import { HMM_PFN_VALID, HMM_PFN_WRITE } from '../../../kernel/index.js'
import type { Invariant } from '../../../world/index.js'
import type { DriverClaims } from '../../driver.js'
import type { GpusvmMirror } from './drm-gpusvm.js'

/** The claims, for one mirror. */
export function gpusvmClaims(mirror: GpusvmMirror): DriverClaims {
  return { invariants: [boundPagesAreKept(mirror)] }
}

/** While the pages of a range may be bound, the device has no other than the range keeps, and no more rights to them. */
function boundPagesAreKept({ name, pageTable, state: { gpusvm } }: GpusvmMirror): Invariant {
  return {
    clause: 'C8',
    name: 'the device has the pages that its range keeps',
    judge() {
      let said: true | undefined
      for (const range of gpusvm.ranges.allocated) {
        if (!range.hasDmaMapping) continue
        for (let page = range.start; page < range.end; page++) {
          const { frame, write } = pageTable[page]
          if (frame === undefined) continue
          said = true
          const kept = range.pages[page - range.start]
          if (!(kept.flags & HMM_PFN_VALID) || kept.frame !== frame.pfn)
            return `${name} has frame ${frame.pfn} at page ${page}, and the range keeps another`
          if (write && !(kept.flags & HMM_PFN_WRITE))
            return `${name} may write to page ${page}, and the range keeps it read-only`
        }
      }
      return said
    },
  }
}
